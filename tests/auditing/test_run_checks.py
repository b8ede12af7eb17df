"""Checks of runs, their processes and their settings: hand-made logs."""

from __future__ import annotations

import datetime as dt

import pytest
from checking import result_of

NOON = dt.datetime(2026, 1, 1, 12)  # noqa: DTZ001 - the times of a log have no zone
TABLES = ("episodes", "transitions", "updates", "samples", "events")


def said(result):
    assert result.status == "fail", (result.status, result.message)
    return result.diagnosis(result.examples[0])


def at(minutes):
    return NOON + dt.timedelta(minutes=minutes)


def segment(log, segment_id="s1", **columns):
    """Write the segment of a process that began at noon, worked for ten minutes and finished."""
    base = {
        "run_id": "r1",
        "segment_id": segment_id,
        "ordinal": 0,
        "start_step": 0,
        "end_step": 100,
        "state": "finished",
        "host": "a",
        "pid": 1,
        "started_at": at(0),
        "heartbeat_at": at(10),
        "ended_at": at(10),
    }
    log.add("segments", **(base | columns))


def resumed(log, **columns):
    """Write a run whose second process goes on from step 40, update 9 and transition 37."""
    log.add_run()
    segment(log, state="running", ended_at=None)
    points = {
        "resumed_from": "s1",
        "resume_step": 40,
        "resume_episode_id": 1,
        "resume_transition_id": 37,
        "resume_update_id": 9,
        "start_step": 40,
    }
    later = {"ordinal": 1, "pid": 2, "started_at": at(20), "heartbeat_at": at(30)}
    segment(log, "s2", **(later | points | {"ended_at": at(30)} | columns))


# --- run_id_shared -----------------------------------------------------------------------------


def test_two_processes_that_both_begin_a_run_are_found(tiny_log):
    tiny_log.add_run()
    segment(tiny_log)
    segment(tiny_log, "s2", ordinal=1, pid=2, started_at=at(0))
    assert said(result_of(tiny_log, "run_id_shared")).startswith(
        "2 processes began a run under the id r1 (hosts a, pids "
    )


@pytest.mark.near_miss("run_id_shared")
def test_near_miss_two_runs_begin_in_one_second_and_one_run_is_resumed(tiny_log):
    resumed(tiny_log)
    tiny_log.add_run("r2")
    segment(tiny_log, "s3", run_id="r2")
    assert result_of(tiny_log, "run_id_shared").status == "pass"


@pytest.mark.near_miss("run_id_shared")
def test_near_miss_a_process_whose_log_was_put_back_goes_on_as_a_new_segment(tiny_log):
    tiny_log.add_run()
    segment(tiny_log)
    segment(tiny_log, "s2", ordinal=1, pid=2, started_at=at(20), start_step=40)
    tiny_log.add("events", run_id="r1", segment_id="s2", env_step=40, kind="rows_lost")
    assert result_of(tiny_log, "run_id_shared").status == "pass"


# --- segments_overlap --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "minute", "status"),
    [
        pytest.param("a", 10, "pass", marks=pytest.mark.near_miss("segments_overlap")),
        ("a", 9.99, "fail"),
        pytest.param("b", 9, "pass", marks=pytest.mark.near_miss("segments_overlap")),
        ("b", 8.9, "fail"),
    ],
)
def test_near_miss_a_process_takes_over_as_the_other_ends(tiny_log, host, minute, status):
    resumed(tiny_log, host=host, started_at=at(minute))
    result = result_of(tiny_log, "segments_overlap")
    assert result.status == status
    if status == "fail":
        assert said(result).startswith(f"process 2 on {host} took up run r1 at 2026-01-01 12:0")


# --- resume_does_not_continue ------------------------------------------------------------------


def history(log, first_update=10, first_transition=38, first_step=41, **last):
    """Write rows up to the kill and after the resume; ``last`` is what the log has before it."""
    log.add(
        "updates",
        run_id="r1",
        segment_id=["s1", "s1", "s2", "s2"],
        update_id=[0, last.get("last_update", 12), first_update, first_update + 1],
        env_step=[10, 45, first_step, first_step + 1],
    )
    log.add(
        "transitions",
        run_id="r1",
        segment_id=["s1", "s1", "s2"],
        transition_id=[0, last.get("last_transition", 43), first_transition],
    )
    log.add(
        "episodes",
        run_id="r1",
        segment_id=["s1", "s2", "s2"],
        phase=["train", "train", "eval"],
        end_step=[30, last.get("ended", 44), 40],
    )


@pytest.mark.near_miss("resume_does_not_continue")
def test_near_miss_a_resume_does_again_what_came_after_its_checkpoint(tiny_log):
    resumed(tiny_log)
    history(tiny_log)
    assert result_of(tiny_log, "resume_does_not_continue").status == "pass"


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ({"first_update": 8}, "logs update 8 again, where the checkpoint has all up to 9"),
        ({"first_update": 12}, "goes on with update 12, where the checkpoint ends at 9"),
        ({"first_transition": 0}, "stores transition 0 again, where the checkpoint has all up to"),
        ({"first_transition": 40}, "goes on with transition 40, where the checkpoint ends at 37"),
        ({"first_step": 2}, "logs an update at step 2 again"),
        ({"ended": 40}, "logs an episode again that ended at step 40"),
        ({"last_update": 7}, "goes on from update 9, and the log has none after 7"),
        ({"last_transition": 30}, "goes on from transition 37, and the log has none after 30"),
    ],
)
def test_a_resume_that_does_not_continue_is_found(tiny_log, rows, problem):
    resumed(tiny_log)
    history(tiny_log, **rows)
    result = result_of(tiny_log, "resume_does_not_continue")
    assert said(result).startswith(
        f"run r1 was resumed at agent step 40 by process 2, which {problem}"
    )
    assert result.wrong == 1


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"start_step": 0}, "counts on from step 0 instead"),
        ({"resume_step": None}, "does not say at which step it goes on"),
    ],
)
def test_a_resume_without_its_point_is_found(tiny_log, columns, problem):
    resumed(tiny_log, **columns)
    assert said(result_of(tiny_log, "resume_does_not_continue")).endswith(problem)


# --- the ledger --------------------------------------------------------------------------------


def ledger(log, offered=4, written=4, spooled=0, dropped=0, **columns):
    log.add_run()
    named = {"offered": offered, "written": written, "spooled": spooled, "dropped": dropped}
    maps = {f"rows_{name}": dict.fromkeys(TABLES, 0) for name in named}
    for name, count in named.items():
        maps[f"rows_{name}"]["updates"] = count
    segment(log, **(maps | columns))
    log.add("updates", run_id="r1", segment_id="s1", update_id=[0, 1, 2, 3])


LEDGER_MISS = pytest.mark.near_miss("segment_contradicts_itself")


@pytest.mark.parametrize(
    ("figures", "status"),
    [
        ({}, "pass"),
        pytest.param(
            {"offered": 9, "written": 4, "spooled": 3, "dropped": 2}, "pass", marks=LEDGER_MISS
        ),
        ({"offered": 9}, "fail"),
        ({"offered": 3}, "fail"),
        pytest.param(
            {"offered": 9, "state": "running", "ended_at": None}, "pass", marks=LEDGER_MISS
        ),
        ({"offered": 3, "state": "running", "ended_at": None}, "fail"),
    ],
)
def test_near_miss_rows_in_memory_while_a_process_runs(tiny_log, figures, status):
    ledger(tiny_log, **figures)
    result = result_of(tiny_log, "segment_contradicts_itself")
    assert result.status == status
    if figures == {"offered": 9}:
        assert said(result) == (
            "process 1 of run r1 (segment s1, finished) was offered 9 rows of updates, and wrote "
            "4, spooled 0 and dropped 0"
        )


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"state": "asleep"}, "has an unknown state"),
        ({"end_step": -1}, "ends at step -1 and began at step 0"),
        ({"heartbeat_at": at(-1)}, "gave its last sign before it started"),
        ({"ended_at": at(-1)}, "ended before it started"),
        ({"state": "running"}, "has an end, and runs"),
        ({"ended_at": None}, "is over, and has no time of its end"),
    ],
)
def test_a_segment_that_contradicts_itself_is_found(tiny_log, columns, problem):
    ledger(tiny_log, **columns)
    result = result_of(tiny_log, "segment_contradicts_itself")
    assert said(result).endswith(problem)
    assert result.wrong == 1


@pytest.mark.parametrize(
    ("written", "spooled", "status"),
    [
        (4, 0, "pass"),
        (5, 0, "fail"),
        (3, 0, "fail"),
        pytest.param(3, 1, "pass", marks=pytest.mark.near_miss("rows_missing")),
        (2, 1, "fail"),
    ],
)
def test_near_miss_spooled_rows_that_were_folded_in(tiny_log, written, spooled, status):
    ledger(tiny_log, written=written, spooled=spooled)
    result = result_of(tiny_log, "rows_missing")
    assert result.status == status
    if (written, spooled) == (5, 0):
        assert said(result) == (
            "the log has 4 rows of updates for segment s1 of run r1, and its ledger says that 5 "
            "were written"
        )


def test_dropped_rows_are_found(tiny_log):
    ledger(tiny_log, offered=6, dropped=2)
    result = result_of(tiny_log, "rows_dropped")
    assert said(result).startswith("2 of the 6 rows of updates that process 1 of run r1 was")
    assert result.wrong == 1


@pytest.mark.near_miss("rows_dropped")
def test_near_miss_spooled_rows_are_not_dropped(tiny_log):
    ledger(tiny_log, offered=6, spooled=2)
    assert result_of(tiny_log, "rows_dropped").status == "pass"


# --- run_failed --------------------------------------------------------------------------------


def test_a_run_that_failed_is_found_with_its_reason(tiny_log):
    tiny_log.add_run("r1", {"steps": 500})
    segment(tiny_log, state="failed")
    tiny_log.add(
        "events",
        run_id="r1",
        segment_id="s1",
        kind="nan",
        env_step=100,
        detail='{"message": "the loss of update 7 is not a finite number"}',
    )
    assert said(result_of(tiny_log, "run_failed")) == (
        "run r1 ended in an error at agent step 100 of 500: the loss of update 7 is not a finite "
        "number"
    )


@pytest.mark.near_miss("run_failed")
@pytest.mark.parametrize("state", ["interrupted", "running", "finished"])
def test_near_miss_a_run_that_was_stopped_has_not_failed(tiny_log, state):
    tiny_log.add_run()
    segment(tiny_log, state=state)
    assert result_of(tiny_log, "run_failed").status == "pass"


@pytest.mark.near_miss("run_failed")
def test_near_miss_a_failed_process_whose_run_was_resumed(tiny_log):
    resumed(tiny_log)
    tiny_log.con.execute("UPDATE raw.segments SET state = 'failed' WHERE segment_id = 's1'")
    assert result_of(tiny_log, "run_failed").status == "pass"


# --- setting_ignored and identical_runs --------------------------------------------------------

SETTINGS = {"n_step": 3, "noisy": "off", "noisy_sigma": 0.5, "double": True, "steps": 100}


def run(log, run_id, losses, *, seed=1, config=SETTINGS, state="finished", config_hash="c"):
    log.add_run(run_id, config, seed=seed, env_id="CartPole-v1", config_hash=config_hash)
    segment(log, f"s-{run_id}", run_id=run_id, state=state)
    log.add("updates", run_id=run_id, update_id=list(range(len(losses))), loss=losses)


LOSSES = [1 / (n + 3) for n in range(24)]


def test_a_setting_that_changes_nothing_is_found(tiny_log):
    run(tiny_log, "r1", LOSSES)
    run(tiny_log, "r2", LOSSES, config=SETTINGS | {"n_step": 1}, config_hash="d")
    result = result_of(tiny_log, "setting_ignored")
    assert said(result) == (
        "runs r2 and r1 have n_step = 1 and 3, and the losses of their first 20 updates agree to "
        "the last digit (0.3333 to 0.04545), so n_step is ignored: every target is made of it"
    )
    assert result.wrong == 1
    assert result_of(tiny_log, "identical_runs").status == "pass"


def test_a_seed_that_changes_nothing_is_found(tiny_log):
    run(tiny_log, "r1", LOSSES)
    run(tiny_log, "r2", LOSSES, seed=2)
    assert "have seed = 2 and 1" in said(result_of(tiny_log, "setting_ignored"))


@pytest.mark.near_miss("identical_runs", "setting_ignored")
@pytest.mark.parametrize(
    ("changed", "losses"),
    [
        ({"steps": 200}, LOSSES),
        ({"noisy_sigma": 0.1}, LOSSES),
        ({"double": False}, LOSSES),
        ({"n_step": 1}, [*LOSSES[:19], 0.5, *LOSSES[20:]]),
        ({"n_step": 1}, LOSSES[:19]),
    ],
)
def test_near_miss_runs_that_differ_in_what_need_not_show(tiny_log, changed, losses):
    """More steps, the size of a noise that is off, double nets that agree, one other loss, ..."""
    run(tiny_log, "r1", LOSSES if len(losses) > 19 else losses)
    run(tiny_log, "r2", losses, config=SETTINGS | changed, config_hash="d")
    assert result_of(tiny_log, "setting_ignored").status == "pass"
    assert result_of(tiny_log, "identical_runs").status == "pass"


@pytest.mark.near_miss("setting_ignored")
def test_near_miss_losses_that_never_vary_show_nothing(tiny_log):
    run(tiny_log, "r1", [0.5] * 24)
    run(tiny_log, "r2", [0.5] * 24, seed=2)
    assert result_of(tiny_log, "setting_ignored").status == "pass"


def test_a_run_that_stands_in_the_log_twice_is_a_warning(tiny_log):
    run(tiny_log, "r1", LOSSES)
    run(tiny_log, "r2", LOSSES)
    result = result_of(tiny_log, "identical_runs")
    assert said(result).startswith(
        "runs r2 and r1 have the same settings, the same seed (1) and the same losses in all 24 "
        "updates"
    )
    assert result.check.severity == "warning"
    assert result_of(tiny_log, "setting_ignored").status == "pass"


@pytest.mark.near_miss("identical_runs")
@pytest.mark.parametrize(("losses", "state"), [(LOSSES[:22], "finished"), (LOSSES, "interrupted")])
def test_near_miss_a_run_that_was_stopped_and_begun_anew(tiny_log, losses, state):
    run(tiny_log, "r1", LOSSES)
    run(tiny_log, "r2", losses, state=state)
    assert result_of(tiny_log, "identical_runs").status == "pass"
