"""Whole audits: sources, selections, results beside problems, looks, limits, Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from math import pi
from pathlib import Path

import duckdb
import pytest
from own_checks import line_of, write_check

import rlaudit
from rlaudit.auditing import SourceReport, audit_log, run_checks, shared
from rlaudit.auditing.coverage import Floor, partly_judged, shortfalls
from rlaudit.auditing.looks import at_look
from rlaudit.auditing.shared import SharedTables
from rlaudit.errors import UsageError
from rlaudit.sqlfiles import load_checks
from rlaudit.store import open_for_writing


@pytest.fixture
def own(tmp_path):
    """Return a folder with one check of the user's own, which finds runs called bad."""
    write_check(tmp_path / "checks")
    return tmp_path / "checks"


@pytest.fixture
def log(tmp_path):
    """Return a function that writes a log with one run for each name."""

    def write(*names, file="runs.duckdb"):
        path = tmp_path / "logs" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        with open_for_writing(path) as con:
            for number, name in enumerate(names):
                con.execute(
                    "INSERT INTO raw.runs (run_id, name) VALUES (?, ?)", [f"{name}-{number}", name]
                )
        return path

    return write


def audit(source, own, **options):
    options.setdefault("select", ["bad_name"])
    return rlaudit.audit(source, checks_dirs=[own], **options)


def test_a_finding_says_what_is_wrong_and_where(log, own):
    report = audit(log("good", "bad", "bad"), own)
    first, second = report
    assert (first.run_id, first.rows) == ("bad-1", 1)
    assert first.diagnosis == "run bad-1 is called bad"
    assert first.examples == ({"run_id": "bad-1", "name": "bad"},)
    assert second.run_id == "bad-2"
    assert len(report) == 2
    assert not report.clean


def test_a_clean_log_is_clean(log, own):
    report = audit(log("good"), own)
    assert report.clean
    (result,) = report.sources[0].results
    assert (result.status, result.judged, result.rows) == ("pass", ("good-0",), 1)
    assert repr(report) == "<AuditReport: nothing found in 1 runs>"


def test_a_warning_is_a_finding_and_leaves_the_report_clean(log, tmp_path):
    write_check(tmp_path / "w", severity="warning")
    report = audit(log("bad"), tmp_path / "w")
    assert report.clean
    assert len(report.findings) == 1
    assert report.errors == ()


def test_our_checks_run_beside_the_users(log, own):
    report = audit(log("bad"), own, select=[])
    names = {result.check.name for result in report.sources[0].results}
    assert names == {"bad_name", *(check.name for check in load_checks())}


def test_examples_are_bounded_for_each_run_and_the_count_is_not(log, tmp_path):
    sql = "SELECT run_id, range AS n FROM runs, range(5)"
    write_check(tmp_path / "c", "many", sql, grain="run_id, n", diagnosis="{n} of {found}")
    path = log("a", "b")
    few = audit(path, tmp_path / "c", select=["many"], limit=2)
    assert [(f.run_id, f.rows, len(f.examples)) for f in few] == [("a-0", 5, 2), ("b-1", 5, 2)]
    assert few.findings[0].diagnosis == "0 of 5"
    (result,) = few.sources[0].results
    assert (result.wrong, result.found) == (10, {"a-0": 5, "b-1": 5})
    assert [result.diagnosis(example) for example in result.examples[:2]] == ["0 of 5", "1 of 5"]
    every = audit(path, tmp_path / "c", select=["many"], limit=0)
    assert [len(finding.examples) for finding in every] == [5, 5]


def test_the_report_is_data(log, own):
    (found,) = audit(log("bad"), own).to_dicts()
    assert found["check"] == "bad_name"
    assert found["severity"] == "error"
    assert found["why"] == "a bad name says little"
    assert found["examples"] == [{"run_id": "bad-0", "name": "bad"}]


def test_a_failed_assertion_shows_every_diagnosis_and_problem(log, own):
    write_check(own, "broken", "SELECT run_id, nosuch FROM runs")
    text = repr(audit(log("bad"), own, select=["bad_name", "broken"]))
    assert "<error bad_name: run bad-0 is called bad [1 row]>" in text
    assert "broken.sql:" in text


def test_a_report_is_neither_true_nor_false(log, own):
    with pytest.raises(TypeError, match=r"ask report\.clean"):
        bool(audit(log("good"), own))


def test_rows_that_name_no_run_are_judged_and_told_apart(log, own):
    path = log("bad")
    with open_for_writing(path) as con:
        con.execute("INSERT INTO raw.runs (run_id, name) VALUES (NULL, 'bad')")
    found = {finding.run_id: finding.diagnosis for finding in audit(path, own)}
    assert found == {"bad-0": "run bad-0 is called bad", None: "run unknown is called bad"}


# Sources


def test_a_folder_is_searched_for_logs_and_other_files_are_noted(log, own, tmp_path):
    log("bad", file="one.duckdb")
    log("bad", file="below/two.duckdb")
    with duckdb.connect(tmp_path / "logs" / "other.duckdb") as con:
        con.execute("CREATE TABLE t AS SELECT 1")
    (tmp_path / "logs" / "text.duckdb").write_text("no database at all")
    (tmp_path / "logs" / "empty.duckdb").touch()
    report = audit(tmp_path / "logs", own)
    assert [Path(source.source).name for source in report.sources] == [
        "two.duckdb",
        "one.duckdb",
    ]
    assert report.problems == ()
    *others, same_id = report.notes
    assert "taken for different runs" in same_id
    assert {Path(note.split(" is no ")[0]).name for note in others} == {
        "other.duckdb",
        "text.duckdb",
        "empty.duckdb",
    }


def test_a_file_is_audited_once_however_often_it_is_named(log, own):
    path = log("bad")
    assert len(audit([path, path, path.parent], own).sources) == 1


def test_a_folder_without_logs_is_a_problem_and_the_others_are_audited(log, own, tmp_path):
    path = log("bad")
    (tmp_path / "none").mkdir()
    report = audit([tmp_path / "none", path], own)
    (problem,) = report.problems
    assert "has no .duckdb file in it or below" in problem.message
    assert len(report.findings) == 1


def test_nothing_named_is_refused(own):
    with pytest.raises(UsageError, match="no log is named"):
        audit([], own)


def test_a_run_must_be_in_one_of_the_logs(log, own):
    first, second = log("bad", file="1.duckdb"), log("bad", "bad", file="2.duckdb")
    report = audit([first, second], own, run="bad-1")
    assert [finding.run_id for finding in report] == ["bad-1"]
    assert len(report.sources) == 1
    left_out, taken_for_two = report.notes
    assert left_out == f"{first} was left out: it has none of the runs asked for"
    assert "do not say when they began" in taken_for_two
    with pytest.raises(UsageError, match="no run has the id 'bad-7'"):
        audit([first, second], own, run="bad-7")


def test_several_runs_are_judged_and_no_others(log, own):
    path = log("bad", "bad", "good", "bad")
    (source,) = audit(path, own, run=["good-2", "bad-0"]).sources
    (result,) = source.results
    assert (result.judged, result.rows) == (("bad-0", "good-2"), 2)
    assert [finding.run_id for finding in source.findings] == ["bad-0"]
    with pytest.raises(UsageError, match="no run has the id 'bad-7'"):
        audit(path, own, run=["bad-0", "bad-7"])


def test_shared_tables_hold_the_chosen_runs_only(tiny_log):
    for run in ("r1", "r2", "r3"):
        tiny_log.add_run(run, {"sampling": "stratified"})
        tiny_log.add_batch(1, [8, 9], run_id=run)
    tables = SharedTables(tiny_log.con, ("r1", "r3"))
    tables.build_for(next(check for check in load_checks() if check.name == "duplicate_samples"))
    runs = tiny_log.con.execute("SELECT run_id FROM shared.batch_shapes ORDER BY ALL").fetchall()
    assert runs == [("r1",), ("r3",)]


def test_progress_counts_over_all_logs(log, own):
    first, second = log("good", file="1.duckdb"), log("good", file="2.duckdb")
    seen = []
    audit([first, second], own, on_progress=lambda *step: seen.append(step))
    assert seen == [
        (0, 2, "bad_name", str(first)),
        (1, 2, "", str(first)),
        (1, 2, "bad_name", str(second)),
        (2, 2, "", str(second)),
    ]


def test_a_log_while_its_run_is_under_way_can_be_audited(log, own):
    path = log("good")
    with open_for_writing(path) as con:
        con.execute(
            "INSERT INTO raw.segments (run_id, segment_id, ordinal, state) "
            "VALUES ('good-0', 's', 0, 'running')"
        )
    report = audit(path, own, select=[])
    assert report.findings == ()
    assert report.clean


# Selections


@pytest.mark.parametrize(
    ("select", "ignore", "expected"),
    [
        (["duplicate_*"], ["*_ids"], {"episodes", "samples", "stored_steps"}),
        (["duplicates"], ["excess*", "impossible*", "repeats*", "*ids"],
         {"episodes", "samples", "stored_steps"}),
        (["duplicate_episodes,duplicate_samples"], [], {"episodes", "samples"}),
    ],
)  # fmt: skip
def test_checks_are_chosen_by_name_family_and_pattern(log, select, ignore, expected):
    report = rlaudit.audit(log("good"), select=select, ignore=[*ignore, "duplicate_run_ids"])
    names = {result.check.name for result in report.sources[0].results}
    assert names == {f"duplicate_{name}" for name in expected}


@pytest.mark.parametrize("option", ["select", "ignore"])
def test_an_entry_that_matches_nothing_is_refused_with_the_nearest(log, own, option):
    with pytest.raises(UsageError, match="no check or family is called 'bad_nam'") as caught:
        audit(log("good"), own, **{"select": [], option: ["bad_nam"]})
    assert caught.value.hint == "did you mean 'bad_name'?"


def test_a_selection_that_leaves_nothing_is_refused(log, own):
    with pytest.raises(UsageError, match="no check is selected"):
        audit(log("good"), own, ignore=["bad_name"])


# Looks and limits


def test_alpha_shrinks_with_each_look_and_nothing_else_does():
    (check,) = [c for c in load_checks() if c.name == "excess_repeats_stratified"]
    other = replace(check, params=(replace(check.params[0], name="tolerance"),))
    assert at_look([check], None) == (check,)
    looks = [at_look([check], look)[0].params[0].default for look in range(1, 2_000)]
    assert looks[0] == pytest.approx(6.7e-4 * 6 / pi**2, rel=1e-12)
    assert 0.999 * 6.7e-4 < sum(looks) < 6.7e-4
    third, same = at_look([check, other], 3)
    assert third.params[0].default == pytest.approx(6.7e-4 * 6 / (9 * pi**2), rel=1e-12)
    assert same == other
    with pytest.raises(UsageError, match="look is 0"):
        at_look([check], 0)


def test_the_look_reaches_the_sql(log, tmp_path):
    sql = "SELECT run_id, getvariable('alpha') AS a FROM runs"
    write_check(tmp_path / "c", "chance", sql, params="alpha DOUBLE = 0.5", diagnosis="{a}")
    (found,) = audit(log("x"), tmp_path / "c", select=["chance"], look=2)
    assert found.examples[0]["a"] == pytest.approx(0.5 * 6 / (4 * pi**2), rel=1e-12)
    assert "0.0759908" in found.query


def test_a_check_that_needs_more_memory_than_there_is_is_an_error_and_the_others_go_on(log, own):
    sql = "SELECT run_id, len(list(range)) AS n FROM runs, range(20_000_000) GROUP BY run_id"
    path = write_check(own, "greedy", sql, diagnosis="{n}")
    report = audit(log("bad"), own, select=["bad_name", "greedy"], memory_limit="64MB", threads=1)
    (problem,) = report.problems
    assert (problem.check, problem.path) == ("greedy", path)
    assert "Out of Memory" in problem.message
    assert [finding.check.name for finding in report] == ["bad_name"]


def test_a_result_larger_than_the_memory_is_spilled(log, own):
    sql = "SELECT run_id, range AS n FROM runs, range(4_000_000) ORDER BY hash(range)"
    write_check(own, "large", sql, grain="run_id, n", diagnosis="{n}")
    report = audit(log("bad"), own, select=["large"], memory_limit="64MB", threads=1, limit=1)
    assert report.problems == ()
    assert report.findings[0].rows == 4_000_000


def test_a_memory_limit_that_makes_no_sense_is_refused(log, own):
    with pytest.raises(UsageError, match="memory_limit cannot be 'much'"):
        audit(log("bad"), own, memory_limit="much")


_AUDIT = """
import rlaudit, signal, sys

# A shell starts what runs in its background with Ctrl-C ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

def show(done, total, check, source):
    print(check, flush=True)

rlaudit.audit(sys.argv[1], checks_dirs=[sys.argv[2]], select=["slow"], on_progress=show)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_ends_an_audit_in_the_middle_of_a_query(log, own):
    sql = "SELECT run_id, sum(sqrt(range)) AS s FROM runs, range(1_000_000_000_000) GROUP BY run_id"
    write_check(own, "slow", sql, diagnosis="{run_id}")
    command = [sys.executable, "-c", _AUDIT, str(log("good")), str(own)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "slow\n"
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert errors.strip().splitlines()[-1] == "KeyboardInterrupt"


@pytest.mark.parametrize("rows", [3, 7, 100])
def test_a_table_that_is_built_in_slices_has_every_batch(tiny_log, monkeypatch, rows):
    """Of 21 rows; an id may be missing, or negative where the log is broken."""
    monkeypatch.setattr(shared, "_ROWS_A_SLICE", rows)
    tiny_log.add_run("r1", {"sampling": "stratified"})
    for update in (-3, 1, 2, 3, 4, 5, None):
        tiny_log.add_batch(update, [8, 9, 8])
    tables = SharedTables(tiny_log.con, ())
    tables.build_for(next(check for check in load_checks() if check.name == "duplicate_samples"))
    query = "SELECT update_id, positions, transitions FROM shared.batch_shapes ORDER BY ALL"
    batches = tiny_log.con.execute(query).fetchall()
    assert batches == [(update, 3, 2) for update in (-3, 1, 2, 3, 4, 5, None)]


def test_one_log_can_be_audited_by_chosen_checks(log):
    checks = [check for check in load_checks() if check.name == "duplicate_run_ids"]
    source = audit_log(log("a"), checks)
    assert [result.status for result in source.results] == ["pass"]


def test_the_line_of_an_error_is_that_of_the_file(log, own):
    path = write_check(own, "broken", "SELECT\n    run_id,\n    nosuch\nFROM runs")
    (problem,) = audit(log("bad"), own, select=["broken"]).problems
    assert (problem.path, problem.line) == (path, line_of(path, "nosuch"))


def test_each_run_must_be_in_one_of_the_logs_and_is_judged_where_it_is(log, own, tmp_path):
    first, second = log("bad", file="1.duckdb"), log("good", "bad", file="2.duckdb")
    report = audit([first, second], own, run=["bad-1", "bad-0", "bad-1"])
    assert [source.chosen for source in report.sources] == [("bad-0",), ("bad-1",)]
    assert [finding.run_id for finding in report] == ["bad-0", "bad-1"]
    with pytest.raises(UsageError, match="no run has the id 'bad-7' or 'x'") as error:
        audit([first, second], own, run=["bad-1", "bad-7", "bad-0", "x"])
    assert "'bad-7': did you mean 'bad-1'?" in error.value.hint
    with pytest.raises(UsageError, match="a list without an id"):
        audit([first, second], own, run=[])
    # It may be in the log that cannot be read: that is said, beside what the other holds.
    report = audit([first, tmp_path / "gone.duckdb"], own, run=["bad-0", "bad-7"])
    assert [finding.run_id for finding in report] == ["bad-0"]
    assert [str(problem) for problem in report.problems] == [
        f"{tmp_path / 'gone.duckdb'} does not exist",
        "no run has the id 'bad-7' in the logs that could be read",
    ]


def test_a_required_check_that_judged_some_runs_only_is_said(tiny_log, tmp_path):
    tiny_log.add_run("a", {"sampling": "stratified", "replacement": True})
    tiny_log.add_run("b", {"sampling": "uniform", "replacement": True})
    for run in ("a", "b"):
        tiny_log.add_batch(1, [8, 9], run_id=run)
    results = run_checks(tiny_log.con, load_checks())
    source = SourceReport("x", tmp_path, tuple(results))
    floor = Floor(("impossible_repeats_stratified", "duplicate_samples"), 2)
    assert shortfalls([source], floor) == ()
    (sentence,) = partly_judged([source], floor)
    assert sentence.startswith("required and judged in 1 of 2 runs only: impossible_repeats_")
    assert sentence.endswith("(config.sampling is uniform)")
    (problem,) = shortfalls([source], Floor(("noise_in_evaluation",)))
    assert "1 of 1 required check judged no run: " in str(problem)
