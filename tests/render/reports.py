"""A report in which everything occurs, made by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rlaudit.auditing import Accepted, AuditReport, CheckResult, Finding, SourceReport
from rlaudit.errors import Problem
from rlaudit.sqlfiles import load_checks

CHECKS = {check.name: check for check in load_checks()}
WRONG_CHECK = CHECKS["duplicate_samples"]
NASTY = "r|2,<b>`x`</b>: 100%\n\x1b[31m"


def example(position, copies=2):
    return {
        "run_id": "r1",
        "update_id": 7,
        "batch_index": position,
        "obsolete_in": None,
        "copies": copies,
        "transitions": 1,
    }


def finding(run_id="r1", rows=2, check="duplicate_samples", source="a.duckdb", **more):
    return Finding(
        CHECKS[check],
        source,
        run_id,
        rows,
        f"batch position 3 of update 7 of run {run_id} is logged 2 times",
        examples=(example(3), example(4)),
        **more,
    )


def as_warning(check):
    return replace(check, severity="warning")


FAILED = Problem(
    "no such function: typo",
    hint="",
    path=Path("mine.sql"),
    line=12,
    check="mine",
    source="a.duckdb",
)
UNREADABLE = Problem("b.duckdb is not a DuckDB database", hint="check the path", source="b.duckdb")
BROKEN = Problem("missing 'why'", hint="add it", path=Path("checks/x.sql"), line=3, check="x")


def clean_report(name="a.duckdb", runs=("r1",)):
    results = (
        CheckResult(CHECKS["duplicate_run_ids"], "pass", rows=1, groups=1, judged=runs),
        CheckResult(
            CHECKS["excess_repeats_uniform"],
            "not_applicable",
            skipped=dict.fromkeys(runs, "config.sampling is stratified"),
            message="config.sampling is stratified",
        ),
    )
    return AuditReport((SourceReport(name, Path(name).absolute(), results),))


def full_report():
    """Two logs: one with findings, an accepted one, and a check that failed; one unreadable."""
    results = (
        CheckResult(
            CHECKS["duplicate_episodes"],
            "pass",
            rows=10,
            groups=10,
            judged=("r1", NASTY),
            accepted=(finding(rows=1, check="duplicate_episodes"),),
        ),
        CheckResult(CHECKS["duplicate_run_ids"], "pass", rows=2, groups=2, judged=("r1", NASTY)),
        CheckResult(
            CHECKS["duplicate_samples"],
            "fail",
            rows=100,
            groups=97,
            judged=("r1", NASTY, "r3"),
            findings=(finding(), finding(NASTY, rows=120, accepted=3)),
        ),
        CheckResult(
            CHECKS["excess_repeats_uniform"],
            "not_applicable",
            skipped=dict.fromkeys(("r1", NASTY), "config.sampling is stratified"),
            message="config.sampling is stratified",
        ),
        CheckResult(
            CHECKS["duplicate_update_ids"],
            "error",
            message="no such function: typo",
            problem=FAILED,
        ),
    )
    first = SourceReport(
        "a.duckdb",
        Path("a.duckdb").absolute(),
        results,
        (FAILED,),
        incomplete="2 files are spooled",
    )
    second = SourceReport("b.duckdb", Path("b.duckdb").absolute(), problems=(UNREADABLE,))
    return AuditReport(
        (first, second),
        check_problems=(BROKEN,),
        notes=("logs/readme.duckdb is no rlaudit log",),
        gone=(Accepted("duplicate_run_ids", "r9", 4),),
    )
