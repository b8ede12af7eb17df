"""The runner of checks: what applies, what is counted, what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from checking import CHECKS, INDEPENDENT, STRATIFIED, failing, result_of, results_of

from rlaudit.auditing import run_checks
from rlaudit.errors import UsageError


def test_an_empty_log_passes_nothing(tiny_log):
    found = results_of(tiny_log)
    assert {result.status for result in found.values()} == {"not_applicable"}
    assert found["duplicate_samples"].message == "raw.samples has no rows"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "config.sampling is not stated"),
        ({}, "config.sampling is not stated"),
        ({"sampling": "uniform"}, "config.sampling is uniform"),
    ],
)
def test_a_setting_that_is_missing_or_other_is_named(tiny_log, config, message):
    tiny_log.add_run("r1", config)
    tiny_log.add_batch(1, [1, 2])
    result = result_of(tiny_log, "impossible_repeats_stratified")
    assert (result.status, result.message) == ("not_applicable", message)


def test_a_column_without_values_is_named(tiny_log):
    tiny_log.add_run("r1", STRATIFIED)
    tiny_log.add_batch(1, [1, 2], priority=None)
    result = result_of(tiny_log, "impossible_repeats_stratified")
    assert (result.status, result.message) == ("not_applicable", "samples.priority has no values")


def test_a_boolean_setting_is_compared_as_json_writes_it(tiny_log):
    tiny_log.add_run("r1", {"replacement": True})
    tiny_log.add_batch(1, [1, 1])
    result = result_of(tiny_log, "repeats_without_replacement")
    assert (result.status, result.message) == ("not_applicable", "config.replacement is true")


def test_runs_that_a_check_cannot_judge_are_left_out_and_counted(tiny_log):
    for run, config in [("r1", STRATIFIED), ("r2", INDEPENDENT), ("r3", {})]:
        tiny_log.add_run(run, config)
        tiny_log.add_batch(1, [5, 6, 7, 5], run_id=run)
    result = result_of(tiny_log, "impossible_repeats_stratified")
    assert [example["run_id"] for example in result.examples] == ["r1"]
    assert result.groups == 1
    assert result.message.startswith("not applicable to 2 of 3 runs: config.sampling is ")


def test_one_run_can_be_chosen(tiny_log):
    for run in ("r1", "r2"):
        tiny_log.add_run(run, STRATIFIED)
        tiny_log.add_batch(1, [1, 2], run_id=run)
    tiny_log.add_batch(1, [1, 2], run_id="r2")
    assert failing(tiny_log, "r1") == set()
    assert failing(tiny_log, "r2") == {"duplicate_samples", "duplicate_update_ids"}
    assert results_of(tiny_log, "r1")["duplicate_samples"].rows == 2


def test_a_run_that_is_not_there_is_refused_with_the_nearest(tiny_log):
    tiny_log.add_run("breakout-1")
    with pytest.raises(UsageError, match="no run has the id 'breakout-2'") as caught:
        results_of(tiny_log, "breakout-2")
    assert caught.value.hint == "did you mean 'breakout-1'?"


def test_examples_are_bounded_and_the_count_is_not(tiny_log):
    tiny_log.add("episodes", run_id="r1", episode_id=[1, 1, 2, 2, 3, 3, 3])
    check = CHECKS["duplicate_episodes"]
    few = run_checks(tiny_log.con, [check], limit=2)[0]
    assert [example["episode_id"] for example in few.examples] == [1, 2]
    assert (few.wrong, few.groups) == (3, 3)
    assert len(run_checks(tiny_log.con, [check], limit=0)[0].examples) == 3


def edited(old, new, name="duplicate_run_ids"):
    check = CHECKS[name]
    assert old in check.sql
    return replace(check, sql=check.sql.replace(old, new))


def test_a_query_that_fails_is_an_error_and_the_others_go_on(tiny_log):
    tiny_log.add_run()
    broken = edited("HAVING count(*) > 1", "HAVING run_id::INTEGER > 1")
    first, second = run_checks(tiny_log.con, [broken, CHECKS["duplicate_run_ids"]])
    assert first.status == "error"
    assert "Could not convert string 'r1'" in first.message
    assert second.status == "pass"


def refused(log, check):
    """Return the problem of a check that breaks its format, after seeing that others go on."""
    first, second = run_checks(log.con, [check, CHECKS["duplicate_run_ids"]])
    assert (first.status, second.status) == ("error", "pass")
    assert first.message == str(first.problem)
    assert first.problem.check == check.name
    return first.problem


def test_a_diagnosis_without_its_column_is_refused(tiny_log):
    tiny_log.add_run()
    problem = refused(tiny_log, edited("AS processes", "AS process"))
    assert problem.path == CHECKS["duplicate_run_ids"].path
    assert problem.line == CHECKS["duplicate_run_ids"].diagnosis_line
    assert "'processes'" in problem.message
    assert problem.hint == "did you mean 'process'?"


def test_a_second_statement_is_refused(tiny_log):
    tiny_log.add_run()
    problem = refused(tiny_log, edited("HAVING count(*) > 1", "; DROP TABLE raw.runs"))
    assert "2 statements" in problem.message
    assert tiny_log.con.execute("SELECT count(*) FROM raw.runs").fetchone() == (1,)


def test_a_table_that_is_not_there_is_refused_with_the_nearest(tiny_log):
    tiny_log.add_run()
    problem = refused(tiny_log, replace(CHECKS["duplicate_run_ids"], reads=("raw.run",)))
    assert "reads raw.run," in problem.message
    assert problem.hint == "did you mean 'raw.runs'?"
