"""The history of audits, and reading only what is new since the last one."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pytest
from own_checks import write_check

import rlaudit
from rlaudit.auditing import record_audit
from rlaudit.auditing.history import fingerprint
from rlaudit.errors import DatabaseError, DatabaseLockedError, SchemaVersionError, UsageError
from rlaudit.sqlfiles import load_checks, load_shared
from rlaudit.store import open_for_writing

# Losses above 1 are wrong. It counts the rows that it is given, so that one sees what it read.
SQL = "SELECT run_id, update_id, loss, count(*) OVER () AS seen FROM updates QUALIFY loss > 1"
KEYS = {
    "reads": "updates",
    "grain": "run_id, update_id",
    "groups": "updates = updates",
    "diagnosis": "update {update_id} has loss {loss}, one of {found}; {seen} rows were read",
    "incremental": "update_id",
}


@pytest.fixture
def own(tmp_path):
    write_check(tmp_path / "checks", "high_loss", SQL, **KEYS)
    return tmp_path / "checks"


@pytest.fixture
def history(tmp_path):
    return tmp_path / "audit.duckdb"


@pytest.fixture
def audit(db, own, history):
    """Return a function that audits the log ``db`` and records it."""

    def run(**options):
        options.setdefault("select", ["high_loss"])
        return rlaudit.audit(db, checks_dirs=[own], record=history, **options)

    return run


def updates(db, run_id, losses, *, first=1, segment="s1"):
    """Append updates with these losses, their ids in order."""
    with open_for_writing(db) as con:
        if not con.execute("FROM raw.runs WHERE run_id = ?", [run_id]).fetchall():
            con.execute("INSERT INTO raw.runs (run_id) VALUES (?)", [run_id])
            con.execute(
                "INSERT INTO raw.segments (run_id, segment_id, ordinal) VALUES (?, ?, 0)",
                [run_id, segment],
            )
        con.executemany(
            "INSERT INTO raw.updates (run_id, segment_id, update_id, env_step, loss) "
            "VALUES (?, ?, ?, ?, ?)",
            [[run_id, segment, first + i, 10 * (first + i), x] for i, x in enumerate(losses)],
        )


def rows(history, query):
    with duckdb.connect(history, read_only=True) as con:
        return con.execute(query).fetchall()


def test_every_verdict_is_recorded_passes_and_inapplicable_ones_included(db, audit, history):
    updates(db, "r1", [0, 5, 0])
    updates(db, "r2", [0, 0])
    audit(select=["high_loss", "duplicate_update_ids", "duplicate_samples"])
    assert rows(
        history,
        "SELECT check_name, run_id, status, wrong_rows FROM history ORDER BY ALL NULLS LAST",
    ) == [
        ("duplicate_samples", None, "not_applicable", None),
        ("duplicate_update_ids", "r1", "pass", 0),
        ("duplicate_update_ids", "r2", "pass", 0),
        ("high_loss", "r1", "fail", 1),
        ("high_loss", "r2", "pass", 0),
    ]
    ((diagnosis, severity, source, version),) = rows(
        history,
        "SELECT diagnosis, severity, source, rlaudit_version "
        "FROM history JOIN audits USING (audit_id, source) WHERE status = 'fail'",
    )
    assert diagnosis == "update 2 has loss 5, one of 1; 5 rows were read"
    assert (severity, source, version) == ("error", str(db.resolve()), rlaudit.__version__)


def test_a_check_that_fails_is_recorded_with_its_error(db, audit, history, own):
    updates(db, "r1", [0])
    write_check(own, "broken", "SELECT run_id, nosuch AS name FROM updates", reads="updates")
    audit(select=["broken"])
    ((status, message),) = rows(history, "SELECT status, message FROM history")
    assert status == "error"
    assert "nosuch" in message
    assert "nosuch" in rows(history, "SELECT problems[1] FROM audits")[0][0]


def test_what_was_read_is_recorded_for_each_run(db, audit, history):
    updates(db, "r1", [0, 0, 0])
    with open_for_writing(db) as con:
        con.execute(
            "INSERT INTO raw.transitions (run_id, transition_id, env_step) VALUES ('r1', 9, 77)"
        )
        con.execute("INSERT INTO raw.episodes (run_id, episode_id, end_step) VALUES ('r1', 4, 5)")
    audit(look=3)
    found = rows(
        history,
        "SELECT run_id, table_rows['updates'], table_rows['transitions'], last_update_id, "
        "last_transition_id, last_episode_id, last_env_step FROM audited_runs",
    )
    assert found == [("r1", 3, 1, 3, 9, 4, 77)]
    assert rows(history, "SELECT look, incomplete FROM audits") == [(3, None)]


def test_audits_are_appended_and_one_sees_when_a_check_began_to_fail(db, audit, history):
    updates(db, "r1", [0])
    audit()
    updates(db, "r1", [9], first=2)
    audit()
    assert rows(history, "SELECT status FROM history ORDER BY audited_at") == [("pass",), ("fail",)]


def test_the_history_has_what_a_baseline_hides(db, audit, history, tmp_path):
    updates(db, "r1", [9])
    rlaudit.auditing.write_baseline(audit(), tmp_path / "b.json")
    assert audit(baseline=tmp_path / "b.json").findings == ()
    assert rows(history, "SELECT status FROM history") == [("fail",), ("fail",)]


def test_a_fingerprint_changes_with_the_check_and_with_what_it_needs():
    shared = load_shared()
    (check,) = [c for c in load_checks() if c.name == "excess_repeats_stratified"]
    same = fingerprint(check, shared)
    assert len(same) == 16
    assert fingerprint(replace(check, sql=check.sql + " "), shared) != same
    other = replace(shared["batch_repeats"], sql="SELECT 1")
    assert fingerprint(check, {**shared, "batch_repeats": other}) != same
    assert fingerprint(check, {**shared, "clock": other}) == same


def test_another_database_is_refused_as_history(db, audit, history):
    updates(db, "r1", [0])
    with duckdb.connect(history) as con:
        con.execute("CREATE TABLE t (x INTEGER)")
    with pytest.raises(DatabaseError, match="is a database, but no history of audits"):
        audit()


def test_a_log_is_refused_as_history(db, audit, history):
    updates(db, "r1", [0])
    updates(history, "r1", [0])
    with pytest.raises(DatabaseError, match="is a database, but no history of audits"):
        audit()


def test_a_history_of_another_version_is_refused(db, audit, history):
    updates(db, "r1", [0])
    audit()
    with duckdb.connect(history) as con:
        con.execute("UPDATE audit_schema_version SET version = 99")
    for options in ({}, {"since_last": True}):
        with pytest.raises(SchemaVersionError, match="history schema version 99"):
            audit(**options)


def test_a_history_that_another_process_holds_is_waited_for(db, audit, history, held):
    updates(db, "r1", [0])
    report = audit()
    with held(history), pytest.raises(DatabaseLockedError):
        record_audit(report, history, wait=0)
    assert len(record_audit(report, history)) == 1


# Looks at a growing log

# It says with which alpha it judges, of 0.001 in all.
CHANCE = {
    "reads": "updates",
    "grain": "run_id",
    "groups": "runs",
    "params": "alpha DOUBLE = 0.001",
    "diagnosis": "alpha is {alpha}",
    "threshold": "none",
    "false_alarms": "all",
}


@pytest.fixture
def alphas(own, audit):
    """Return a function that audits ``db`` and gives 0.001 / alpha for each run, and the look."""
    sql = "SELECT run_id, getvariable('alpha') AS alpha FROM updates GROUP BY run_id"
    write_check(own, "by_chance", sql, **CHANCE)

    def of_next_audit(**options):
        report = audit(select=["by_chance"], **options)
        found = {f.run_id: 0.001 / f.examples[0]["alpha"] for f in report}
        return found, report.sources[0].look

    return of_next_audit


# The sum of 1 / look^2 over all looks, pi^2 / 6 = 1.644934.
ALL_LOOKS = 1.644934


@pytest.mark.parametrize("since_last", [False, True])
def test_recorded_audits_of_a_growing_log_share_alpha_among_their_looks(db, alphas, since_last):
    for look in (1, 2, 3):
        updates(db, "r1", [0], first=look)
        found, counted = alphas(since_last=since_last)
        assert found == {"r1": pytest.approx(ALL_LOOKS * look**2, rel=1e-6)}
        assert counted == look


@pytest.mark.usefixtures("alphas")
def test_an_audit_that_is_not_recorded_has_alpha_whole(db, own):
    updates(db, "r1", [0])
    (finding,) = rlaudit.audit(db, checks_dirs=[own], select=["by_chance"])
    assert finding.examples[0]["alpha"] == 0.001


def test_a_log_that_has_not_grown_is_judged_as_before(db, alphas):
    updates(db, "r1", [0])
    assert alphas() == alphas()
    updates(db, "r1", [0], first=2)
    assert [alphas()[1], alphas()[1]] == [2, 2]


def test_runs_that_follow_each_other_in_one_log_are_each_looked_at_once(db, alphas):
    for run in ("r1", "r2", "r3"):
        updates(db, run, [0])
        assert alphas()[1] == 1


def test_the_run_that_was_looked_at_most_counts_for_all(db, alphas):
    updates(db, "r1", [0])
    alphas()
    updates(db, "r1", [0], first=2)
    updates(db, "r2", [0])
    found, look = alphas()
    assert look == 2
    assert found["r1"] == found["r2"] == pytest.approx(ALL_LOOKS * 4, rel=1e-6)
    assert alphas(run="r2")[1] == 1


def test_looks_at_another_log_do_not_count(db, alphas, own, history, tmp_path):
    updates(db, "r1", [0])
    alphas()
    other = tmp_path / "other.duckdb"
    updates(other, "r1", [0, 0])
    report = rlaudit.audit(other, checks_dirs=[own], select=["by_chance"], record=history)
    assert report.sources[0].look == 1


def test_a_caller_may_count_its_looks_itself(db, alphas):
    updates(db, "r1", [0])
    assert alphas(look=5)[1] == 5


# Since the last audit


def test_since_last_needs_a_history(db):
    with pytest.raises(UsageError, match="since_last is set and record is not"):
        rlaudit.audit(db, since_last=True)


def test_the_first_time_everything_is_read(db, audit):
    updates(db, "r1", [0, 0, 5])
    (finding,) = audit(since_last=True)
    assert finding.diagnosis == "update 3 has loss 5, one of 1; 3 rows were read"


def test_later_only_new_rows_are_read_and_old_findings_stay(db, audit, history):
    updates(db, "r1", [0, 5, 0])
    audit()
    updates(db, "r1", [0, 0], first=4)
    (finding,) = audit(since_last=True)
    assert (finding.rows, finding.examples) == (1, ())
    assert finding.diagnosis == "update 2 has loss 5, one of 1; 3 rows were read"
    updates(db, "r1", [0, 7], first=6)
    (finding,) = audit(since_last=True)
    assert finding.rows == 2
    # The sentence is that of the new row, of which two were read.
    assert finding.diagnosis == "update 7 has loss 7, one of 1; 2 rows were read"
    assert [example["update_id"] for example in finding.examples] == [7]
    assert rows(history, "SELECT wrong_rows FROM history ORDER BY audited_at") == [
        (1,),
        (1,),
        (2,),
    ]
    (result,) = audit(since_last=True).sources[0].results
    assert (result.rows, result.groups, result.wrong) == (7, 7, 2)


def test_the_query_of_an_old_finding_shows_its_rows(db, audit):
    updates(db, "r1", [0, 5])
    audit()
    updates(db, "r1", [0], first=3)
    (finding,) = audit(since_last=True)
    with duckdb.connect(db, read_only=True) as con:
        assert [row[1] for row in con.execute(finding.query).fetchall()] == [2]


def test_runs_that_are_new_are_read_whole(db, audit):
    updates(db, "r1", [0] * 5)
    audit()
    updates(db, "r2", [9, 0, 0])
    updates(db, "r1", [0], first=6)
    (finding,) = audit(since_last=True)
    assert (finding.run_id, finding.examples[0]["seen"]) == ("r2", 4)


def test_raw_tables_are_narrowed_as_well(db, audit, own):
    raw = SQL.replace("FROM updates", "FROM raw.updates")
    write_check(own, "high_loss", raw, **{**KEYS, "reads": "raw.updates", "groups": "updates"})
    updates(db, "r1", [0, 5, 0])
    audit()
    updates(db, "r1", [6], first=4)
    (finding,) = audit(since_last=True)
    assert (finding.rows, finding.examples[0]["seen"]) == (2, 1)


def test_shared_tables_are_there_for_the_new_rows_too(db, audit, own):
    sql = SQL.replace("FROM updates", "FROM updates JOIN shared.run_settings USING (run_id)")
    write_check(own, "high_loss", sql, **KEYS, needs="run_settings")
    updates(db, "r1", [5])
    audit()
    updates(db, "r1", [5], first=2)
    (finding,) = audit(since_last=True)
    assert finding.rows == 2


@pytest.mark.parametrize(
    ("keys", "params"),
    [({"incremental": None}, None), ({"incremental": None}, "alpha DOUBLE = 0.5")],
)
def test_a_check_that_must_see_all_rows_sees_them(db, audit, own, keys, params):
    sql = SQL if params is None else SQL + " AND getvariable('alpha') < 1"
    write_check(own, "high_loss", sql, **{**KEYS, **keys}, params=params)
    updates(db, "r1", [0, 5])
    audit()
    updates(db, "r1", [0], first=3)
    (finding,) = audit(since_last=True)
    assert finding.examples[0]["seen"] == 3


def changed_check(_db, own):
    write_check(own, "high_loss", SQL.replace("loss > 1", "loss > 1.5"), **KEYS)


def late_row(db, _own):
    updates(db, "r1", [0], first=2)


def lost_row(db, _own):
    with open_for_writing(db) as con:
        con.execute("DELETE FROM raw.updates WHERE update_id = 1")


def resumed(db, _own):
    with open_for_writing(db) as con:
        con.execute(
            "INSERT INTO raw.segments (run_id, segment_id, ordinal, resumed_from, "
            "resume_update_id) VALUES ('r1', 's2', 1, 's1', 1)"
        )


@pytest.mark.parametrize(
    ("change", "seen"), [(changed_check, 3), (late_row, 4), (lost_row, 2), (resumed, 1)]
)
def test_everything_is_read_again_when_older_rows_may_mean_something_else(
    db, audit, own, change, seen
):
    updates(db, "r1", [9, 0, 0])
    audit()
    change(db, own)
    report = audit(since_last=True)
    wanted = 0 if change is lost_row else 1
    assert len(report) == wanted
    for finding in report:
        assert finding.examples[0]["seen"] == seen


def test_a_verdict_over_an_incomplete_log_is_no_ground(db, audit, history):
    updates(db, "r1", [9, 0])
    audit()
    with duckdb.connect(history) as con:
        con.execute("UPDATE audits SET incomplete = 'one flush cannot be read'")
    (finding,) = audit(since_last=True)
    assert finding.examples[0]["seen"] == 2


def test_another_log_has_a_history_of_its_own(db, audit, own, history, tmp_path):
    updates(db, "r1", [0, 0])
    audit()
    other = tmp_path / "other.duckdb"
    updates(other, "r1", [9, 0])
    (finding,) = rlaudit.audit(
        other, checks_dirs=[own], select=["high_loss"], record=history, since_last=True
    )
    assert finding.examples[0]["seen"] == 2


def test_our_own_checks_say_the_same_of_a_growing_log_either_way(db, audit):
    updates(db, "r1", [0.5, 0.25, 0.125])
    audit(select=[])
    updates(db, "r1", [float("nan"), 0.5], first=4)
    part, whole = audit(select=[], since_last=True), audit(select=[])
    assert {(f.check.name, f.run_id, f.rows) for f in part} == {
        (f.check.name, f.run_id, f.rows) for f in whole
    }
    assert [r.status for r in part.sources[0].results] == [
        r.status for r in whole.sources[0].results
    ]
