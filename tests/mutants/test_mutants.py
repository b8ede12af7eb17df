"""Every mutant is flagged by the check that is meant for it, and by no other than it declares."""

from __future__ import annotations

import pytest
from mutant_table import TABLE, written_rows
from verdicts import CONTROL, load_mutants, problems_of_control, run_mutant

from rlaudit.sqlfiles import load_checks

MUTANTS = load_mutants()


PARAMETERS = [
    pytest.param(mutant, id=name, marks=[pytest.mark.slow] if mutant.slow else [])
    for name, mutant in MUTANTS.items()
]


@pytest.mark.parametrize("mutant", PARAMETERS)
def test_a_mutant_is_flagged_as_its_header_declares(mutant, tmp_path):
    verdict = run_mutant(mutant, tmp_path / "runs.duckdb")
    assert verdict.problems == []


def test_the_run_without_a_bug_is_clean(tmp_path):
    verdict = run_mutant(CONTROL, tmp_path / "runs.duckdb")
    assert problems_of_control(verdict) == []
    assert not verdict.died


@pytest.mark.parametrize("mutant", PARAMETERS)
def test_a_header_names_checks_that_exist(mutant):
    assert {mutant.flagged_by, *mutant.may_fail} <= {check.name for check in load_checks()}
    assert mutant.diagnosis
    assert mutant.about


@pytest.mark.skipif(not TABLE.exists(), reason="no table has been written")
def test_the_table_names_every_mutant_and_its_check():
    assert written_rows() == {name: m.flagged_by for name, m in MUTANTS.items()}
