"""Rows of a run or of a process that the log does not have: hand-made logs."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from checking import CHECKS, result_of

import rlaudit
from rlaudit.auditing import run_checks
from rlaudit.store import batches, open_for_writing, spool
from rlaudit.store.files import Files

TABLES = ("episodes", "transitions", "updates", "samples", "events")


@pytest.fixture
def log(tiny_log):
    """A log of the runs r1 and r2, each of one process and with two rows in every table."""
    for run, process in (("r1", "s1"), ("r2", "s2")):
        tiny_log.add_run(run)
        tiny_log.add("segments", run_id=run, segment_id=process)
        for table in TABLES:
            tiny_log.add(table, run_id=[run, run], segment_id=process)
    return tiny_log


def found(log, *runs):
    (result,) = run_checks(log.con, [CHECKS["orphan_rows"]], runs=runs)
    assert result.status in ("pass", "fail"), result.message
    rows = [row for finding in result.findings for row in finding.examples]
    return {(row["run_id"], row["table_name"], row["problem"]): row["rows"] for row in rows}


def test_each_table_is_looked_at(log):
    for table in ("segments", *TABLES):
        log.con.execute(f"UPDATE raw.{table} SET run_id = 'orphan' WHERE run_id = 'r2'")
    rows = found(log)
    assert {(run, table): n for (run, table, _), n in rows.items()} == {
        ("orphan", "segments"): 1,
        **{("orphan", table): 2 for table in TABLES},
    }
    assert {problem for _, _, problem in rows} == {
        "name the run orphan, which raw.runs does not have"
    }


UNKNOWN = "name the run {}, which raw.runs does not have; "
OF_R1 = "their process is one of run r1"
LIKE_R1 = "it has 'r1', which differs in case or white space"


@pytest.mark.parametrize(
    ("run", "problem"),
    [
        ("orphan", UNKNOWN + OF_R1),
        (None, "name no run; " + OF_R1),
        ("", UNKNOWN + OF_R1),
        ("R1", UNKNOWN + LIKE_R1),
        (" r1\t", UNKNOWN + LIKE_R1),
    ],
)
def test_a_run_that_is_not_there_is_said_with_the_one_that_is_meant(log, run, problem):
    log.con.execute("UPDATE raw.samples SET run_id = ? WHERE run_id = 'r1'", [run])
    assert found(log) == {(run, "samples", problem.format(run)): 2}


@pytest.mark.parametrize(
    ("process", "problem"),
    [
        ("NULL", "of run r1 name no process"),
        ("'x'", "of run r1 name the process x, which raw.segments does not have"),
    ],
)
def test_a_process_that_is_not_there_is_said(log, process, problem):
    log.con.execute(f"UPDATE raw.updates SET segment_id = {process} WHERE run_id = 'r1'")
    assert found(log) == {("r1", "updates", problem): 2}


def test_a_process_of_another_run_is_said_of_both(log):
    log.con.execute("UPDATE raw.transitions SET segment_id = 's2' WHERE run_id = 'r1'")
    of_r1 = {("r1", "transitions", "of run r1 name the process s2, which is one of run r2"): 2}
    of_r2 = {("r2", "transitions", "name the process s2 of run r2, and the run r1"): 2}
    assert found(log) == of_r1 | of_r2
    assert found(log, "r1") == of_r1
    assert found(log, "r2") == of_r2


@pytest.mark.parametrize("runs", [("r1",), ("r2",), ("r1", "r2")])
def test_rows_of_no_known_run_may_be_of_the_one_that_is_asked_for(log, runs):
    log.con.execute("UPDATE raw.samples SET run_id = 'orphan' WHERE run_id = 'r2'")
    log.con.execute("UPDATE raw.events SET run_id = NULL WHERE run_id = 'r2'")
    assert {(run, table) for run, table, _ in found(log, *runs)} == {
        ("orphan", "samples"),
        (None, "events"),
    }


def test_a_log_without_any_run_is_made_of_orphans(log):
    log.con.execute("DELETE FROM raw.runs")
    assert {table for _, table, _ in found(log)} == {"segments", *TABLES}
    log.add("runs", name="of no id")
    assert (None, "runs", "name no run") in found(log)


@pytest.mark.near_miss("orphan_rows")
def test_near_miss_a_trainer_that_names_no_process_and_an_evaluation_that_is_added(log):
    log.add_run("r3")
    for table in TABLES:
        log.add(table, run_id="r3")
    log.add("episodes", run_id="r1", segment_id="e", episode_id=[-1, -2], phase="eval")
    detail = json.dumps({"first_episode_id": -2})
    log.add("events", run_id="r1", segment_id="e", kind="evaluation", detail=detail)
    assert result_of(log, "orphan_rows").status == "pass"


@pytest.mark.parametrize("detail", [None, "[]", "{}", '{"first_episode_id": 4}'])
def test_only_an_added_evaluation_has_a_process_of_its_own(log, detail):
    log.add("episodes", run_id="r1", segment_id="e", episode_id=[0, 1], phase="eval")
    log.add("events", run_id="r1", segment_id="e", kind="evaluation", detail=detail)
    problem = "of run r1 name the process e, which raw.segments does not have"
    assert found(log) == {("r1", "episodes", problem): 2, ("r1", "events", problem): 1}


def test_an_evaluation_of_an_unknown_run_is_an_orphan(log):
    log.add("episodes", run_id="r9", segment_id="e", episode_id=-1, phase="eval")
    assert {(run, table) for run, table, _ in found(log)} == {("r9", "episodes")}


def test_rows_whose_run_and_process_are_in_the_spool_are_no_orphans(db):
    with open_for_writing(db):
        pass
    ids = {"run_id": "r1", "segment_id": "aa"}
    tables = {
        "runs": [{"run_id": "r1"}],
        "segments": [ids | {"resumed_from": None, "rows_offered": {}, "rows_written": {}}
                     | {"rows_spooled": {}, "rows_dropped": {}}],
        "updates": [ids | {"update_id": 1}],
    }  # fmt: skip
    name = spool.entry_name(dt.datetime(2026, 1, 1), "aa", 0)  # noqa: DTZ001 - as the log's times
    arrow = {table: batches.from_dicts(table, rows) for table, rows in tables.items()}
    spool.write_entry(Files(), db, name, arrow)
    report = rlaudit.audit(db, select=["orphan_rows"])
    assert report.clean
    assert report.sources[0].results[0].judged == ("r1",)


def test_an_audit_whose_other_checks_no_longer_apply_is_not_clean(log_file):
    path, writing = log_file
    with writing() as tiny:
        tiny.add_run("r1", {"sampling": "stratified"})
        tiny.add("segments", run_id="r1", segment_id="s1")
        tiny.add_batch(1, [1, 2, 3])
        tiny.con.execute("UPDATE raw.samples SET run_id = 'orphan'")
    for run in (None, "r1"):
        report = rlaudit.audit(path, run=run, select=["orphan_rows", "duplicate_samples"])
        assert not report.clean
        assert [(f.check.name, f.run_id) for f in report] == [("orphan_rows", "orphan")]
