"""Every mutant is flagged by the check that is meant for it, and by no other than it declares."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from bugs import BUGS
from mutant_table import written_rows
from verdicts import CONTROL, FOLDER, load_mutants, problems_of, problems_of_control, run_mutant

from rlaudit.sqlfiles import load_checks

MUTANTS = load_mutants()


# The short form is one mutant of each kind of bug, the first of those that stand in the table.
FIRST_OF_EACH_KIND = {m.name for m in {m.bug: m for m in reversed(MUTANTS.values())}.values()}
PARAMETERS = [
    pytest.param(mutant, id=name, marks=[] if name in FIRST_OF_EACH_KIND else [pytest.mark.slow])
    for name, mutant in MUTANTS.items()
]


@pytest.fixture(scope="session")
def outcomes(request, tmp_path_factory):
    """Run the mutants whose tests were chosen, one on each core, from now on."""
    chosen = [
        item.callspec.params["mutant"].name
        for item in request.session.items
        if "outcomes" in item.fixturenames
    ]
    folder = tmp_path_factory.mktemp("mutants")
    workers = min(os.cpu_count() or 1, len(chosen))
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    yield {name: pool.submit(problems_of, name, folder) for name in chosen}
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("mutant", PARAMETERS)
def test_a_mutant_is_flagged_as_its_header_declares(mutant, outcomes):
    assert outcomes[mutant.name].result() == []


def test_the_run_without_a_bug_is_clean(tmp_path):
    verdict = run_mutant(CONTROL, tmp_path / "runs.duckdb")
    assert problems_of_control(verdict) == []
    assert not verdict.died


def test_every_check_and_every_known_bug_has_a_mutant():
    assert {mutant.flagged_by for mutant in MUTANTS.values()} == {c.name for c in load_checks()}
    assert {mutant.bug for mutant in MUTANTS.values()} == {0, *BUGS}


def test_headers_name_checks_that_exist():
    known = {check.name for check in load_checks()}
    for name, mutant in MUTANTS.items():
        assert {mutant.flagged_by, *mutant.may_fail} <= known, name
        assert mutant.diagnosis, name
        assert mutant.about, name


def test_no_check_is_a_consequence_of_what_it_brings_about():
    # A mutant's run shows it for the causes that hold under a condition.
    causes = {c.name: {x.check for x in c.after if not x.column} for c in load_checks()}
    wrong = {
        (name, cause)
        for name, mutant in MUTANTS.items()
        for cause in causes[mutant.flagged_by] & mutant.may_fail
    }
    assert wrong == set()


def test_the_readme_counts_mutants_bugs_and_checks():
    text = " ".join((FOLDER.parents[1] / "README.md").read_text(encoding="utf-8").split())
    assert f"puts {len(MUTANTS)} bugs into the code" in text
    assert f"all {len(BUGS)} kinds that we know reports of" in text
    assert f"for each of the {len(load_checks())} checks" in text


def test_the_table_names_every_mutant_and_its_check():
    assert written_rows() == {name: m.flagged_by for name, m in MUTANTS.items()}
