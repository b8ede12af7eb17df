from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from rlaudit.live import Look, Part, RunFinding, Speeds, Watched, file_state, is_cheap, rest
from rlaudit.sqlfiles import read_checks
from rlaudit.store import RunSummary, open_for_writing

NOON = datetime(2026, 11, 1, 12)  # noqa: DTZ001 - UTC without a zone, as in the log


def run(run_id="a", *, state="running", steps=0, rows=1, started=0, heard=0):
    return RunSummary(
        run_id=run_id,
        name="",
        env_id="",
        state=state,
        steps=steps,
        episodes=0,
        mean_return=None,
        rows=rows,
        started_at=NOON + timedelta(seconds=started),
        heartbeat_at=NOON + timedelta(seconds=heard),
    )


def look(*runs):
    return Look(NOON, runs, None, None, spooled=False, seconds_open=0.1)


def finding(check, severity="error"):
    return RunFinding(check, severity, 1, "wrong")


def test_a_speed_is_that_of_the_last_minute():
    speeds = Speeds()
    for second, steps in ((0, 0), (30, 30), (60, 90), (90, 690)):
        speeds.add([run(steps=steps, heard=second)])
    # From second 30 to 90: 660 steps in 60 seconds.
    assert speeds.of("a") == pytest.approx(11.0)


def test_a_speed_needs_two_signs_of_life_and_a_run_that_goes_on():
    speeds = Speeds()
    speeds.add([run(steps=10)])
    assert speeds.of("a") is None
    speeds.add([run(steps=10)])
    assert speeds.of("a") is None
    speeds.add([run(steps=30, heard=10)])
    assert speeds.of("a") == 2.0
    speeds.add([run(steps=30, heard=10, state="finished")])
    assert speeds.of("a") is None
    assert speeds.of("b") is None


def test_a_run_that_goes_back_to_a_checkpoint_has_no_negative_speed():
    speeds = Speeds()
    speeds.add([run(steps=100)])
    speeds.add([run(steps=50, heard=10)])
    assert speeds.of("a") is None
    speeds.add([run(steps=60, heard=20)])
    assert speeds.of("a") == 1.0


def test_the_rest_keeps_to_its_share():
    # Open for 2 of 20 seconds is a tenth.
    assert rest(2.0, share=0.1, least=1.0) == pytest.approx(18.0)
    assert rest(0.01, share=0.1, least=1.0) == 1.0


def test_running_runs_come_first_then_the_newest():
    watched = Watched()
    watched.take(
        look(
            run("old", started=0),
            run("done", state="finished", started=1),
            run("last", state="finished", started=3),
            run("new", started=2),
        )
    )
    assert [each.run_id for each in watched.runs] == ["new", "old", "last", "done"]


def test_the_chosen_run_is_audited_first_and_each_only_when_it_has_grown():
    watched = Watched()
    watched.take(look(run("a"), run("b", state="finished"), run("c", state="finished")))
    order = []
    while (due := watched.next_to_audit("b")) is not None:
        watched.begin_audit(due)
        order.append(due.run_id)
    assert order == ["b", "a"]
    watched.take(look(run("a", rows=2), run("b", state="finished"), run("c", state="finished")))
    assert watched.next_to_audit("b").run_id == "a"


def test_of_runs_that_grow_the_one_with_the_oldest_audit_is_next():
    watched = Watched()
    watched.take(look(run("a", started=0), run("b", started=1)))
    order = []
    for rows in range(2, 6):
        due = watched.next_to_audit(None)
        watched.begin_audit(due)
        order.append(due.run_id)
        watched.take(look(run("a", rows=rows), run("b", rows=rows, started=1)))
    assert order == ["b", "a", "b", "a"]


def test_a_part_replaces_what_its_own_checks_said_before():
    watched = Watched()
    first = watched.take_part("a", Part(("x", "y"), (finding("x"), finding("y", "warning")), ()))
    assert [each.check for each in first] == ["x", "y"]
    watched.take_part("a", Part(("z",), (finding("z"),), ("z is broken",)))
    assert watched.take_part("a", Part(("x", "y"), (finding("y", "warning"),), ())) == []
    assert [each.check for each in watched.findings("a")] == ["z", "y"]
    assert watched.problems("a") == ("z is broken",)
    assert watched.findings("b") == []


def test_what_was_known_of_another_log_is_forgotten():
    watched = Watched()
    assert not watched.take(look(run("a")))
    watched.take_part("a", Part(("x",), (finding("x"),), ()))
    watched.end_audit("a")
    assert not watched.take(look(run("a"), run("b")))
    assert watched.was_audited("a")
    assert watched.take(look(run("b")))
    assert (watched.findings("a"), watched.was_audited("a")) == ([], False)


def test_a_run_that_is_begun_anew_under_an_id_is_another():
    watched = Watched()
    watched.take(look(run("a", started=0), run("b", started=0)))
    watched.take_part("b", Part(("x",), (finding("x"),), ()))
    assert watched.take(look(run("a", started=5), run("b", started=0)))
    assert watched.findings("b") == []


def test_a_part_survives_the_pipe():
    part = Part(("x", "y"), (finding("x"),), ("why",))
    assert Part.from_dict(part.to_dict()) == part


def test_the_state_of_a_file_changes_when_it_is_written_and_only_then(db):
    absent = file_state(db)
    with open_for_writing(db) as con:
        con.execute("INSERT INTO raw.runs (run_id) VALUES ('a')")
    written = file_state(db)
    assert absent != written == file_state(db)
    (db.with_name(f"{db.name}.spool") / "20261101T120000000000-abc-000000").mkdir(parents=True)
    assert file_state(db) != written


def test_a_cheap_check_judges_new_rows_alone_or_reads_no_large_table():
    checks, _ = read_checks()
    cheap = {check.name for check in checks if is_cheap(check)}
    assert {"wrong_raw_weight", "duplicate_run_ids", "window_across_episodes"} <= cheap
    # Each of these has to see all rows: it draws on chance, or needs what was stored before.
    assert not {"draws_unlike_priorities", "duplicate_samples", "transitions_out_of_order"} & cheap
