"""What the tests of checks share."""

from __future__ import annotations

from rlaudit.audit import run_checks
from rlaudit.sqlfiles import load_checks

CHECKS = {check.name: check for check in load_checks()}
STRATIFIED = {"sampling": "stratified", "replacement": True}
INDEPENDENT = {"sampling": "independent", "replacement": True}
UNIFORM = {"sampling": "uniform", "replacement": True}


def results_of(log, run=None):
    results = run_checks(log.con, list(CHECKS.values()), run=run)
    return {result.check.name: result for result in results}


def failing(log, run=None):
    return {name for name, result in results_of(log, run).items() if result.status == "fail"}


def result_of(log, name):
    return run_checks(log.con, [CHECKS[name]])[0]
