"""What the tests of checks share."""

from __future__ import annotations

from rlaudit.auditing import run_checks
from rlaudit.sqlfiles import load_checks

CHECKS = {check.name: check for check in load_checks()}
STRATIFIED = {"sampling": "stratified", "replacement": True}
INDEPENDENT = {"sampling": "independent", "replacement": True}
UNIFORM = {"sampling": "uniform", "replacement": True}


def results_of(log, run=None, family="duplicates"):
    """Run one family of checks, or all of them if it is None."""
    checks = [check for check in CHECKS.values() if family in (None, check.family)]
    runs = () if run is None else (run,)
    return {result.check.name: result for result in run_checks(log.con, checks, runs=runs)}


def failing(log, run=None, family="duplicates"):
    results = results_of(log, run, family)
    return {name for name, result in results.items() if result.status == "fail"}


def result_of(log, name):
    return run_checks(log.con, [CHECKS[name]])[0]
