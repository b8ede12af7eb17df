from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from rlaudit.audit import run_checks
from rlaudit.errors import SqlFileError, UsageError
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


def resumed(log):
    """Add a run that was killed and went on from a checkpoint at step 10, update 2."""
    log.add_run()
    log.add(
        "segments",
        run_id="r1",
        segment_id=["s1", "s2"],
        ordinal=[0, 1],
        resumed_from=[None, "s1"],
        resume_step=[None, 10],
        resume_episode_id=[None, 1],
        resume_transition_id=[None, 10],
        resume_update_id=[None, 2],
    )


# Keys ---------------------------------------------------------------------------------------


def test_a_clean_log_passes_and_says_how_much_was_judged(tiny_log):
    tiny_log.add_run("r1", STRATIFIED)
    tiny_log.add_batch(1, [1, 2, 3])
    tiny_log.add_batch(2, [4, 5, 6])
    found = results_of(tiny_log)
    assert found["duplicate_samples"].status == "pass"
    assert (found["duplicate_samples"].rows, found["duplicate_samples"].groups) == (6, 6)
    assert found["duplicate_update_ids"].groups == 2
    assert found["impossible_repeats_stratified"].groups == 2
    assert found["excess_repeats_stratified"].groups == 1
    assert not failing(tiny_log)


def test_a_second_row_for_a_run_id_is_found_and_multiplies_nothing(tiny_log):
    tiny_log.add_run("r1", STRATIFIED, host="a", pid=1, config_hash="x")
    tiny_log.add_run("r1", STRATIFIED, host="b", pid=1, config_hash="x")
    tiny_log.add_run("r2", STRATIFIED)
    tiny_log.add_batch(1, [1, 2, 3])
    assert failing(tiny_log) == {"duplicate_run_ids"}
    result = result_of(tiny_log, "duplicate_run_ids")
    assert (result.rows, result.groups, result.wrong) == (3, 2, 1)
    assert result.examples[0]["copies"] == 2
    assert result.diagnosis(result.examples[0]).startswith(
        "run id r1 stands in raw.runs 2 times (distinct processes: 2, distinct configs: 1)"
    )


def test_runs_of_one_name_are_no_duplicates(tiny_log):
    tiny_log.add_run("r1", name="breakout")
    tiny_log.add_run("r2", name="breakout")
    assert not failing(tiny_log)


def test_a_copied_episode_is_found(tiny_log):
    tiny_log.add_run()
    tiny_log.add("episodes", run_id="r1", segment_id="s1", episode_id=[1, 2, 2], end_step=[5, 9, 9])
    assert failing(tiny_log) == {"duplicate_episodes"}
    example = result_of(tiny_log, "duplicate_episodes").examples[0]
    assert (example["episode_id"], example["copies"], example["versions"]) == (2, 2, 1)


def test_equal_episode_ids_of_two_runs_and_missing_ids_are_no_duplicates(tiny_log):
    tiny_log.add("episodes", run_id=["r1", "r2", "r1", "r1"], episode_id=[1, 1, None, None])
    assert not failing(tiny_log)


def test_a_stored_step_under_two_transition_ids_is_found(tiny_log):
    tiny_log.add(
        "transitions",
        run_id="r1",
        segment_id="s1",
        transition_id=[1, 2, 3],
        env_index=0,
        episode_id=1,
        episode_step=[1, 2, 2],
    )
    assert failing(tiny_log) == {"duplicate_stored_steps"}
    example = result_of(tiny_log, "duplicate_stored_steps").examples[0]
    assert (example["episode_step"], example["copies"], example["transitions"]) == (2, 2, 2)


def test_a_step_of_two_environments_or_two_episodes_is_no_duplicate(tiny_log):
    tiny_log.add(
        "transitions",
        run_id="r1",
        transition_id=[1, 2, 3, 4],
        env_index=[0, 1, 0, None],
        episode_id=[1, 1, 2, 1],
        episode_step=1,
    )
    assert not failing(tiny_log)


def test_a_transition_id_with_two_steps_is_found(tiny_log):
    tiny_log.add(
        "transitions",
        run_id="r1",
        transition_id=[1, 2000, 2000],
        env_index=0,
        episode_id=1,
        episode_step=[1, 2, 3],
    )
    assert failing(tiny_log) == {"duplicate_transition_ids"}
    example = result_of(tiny_log, "duplicate_transition_ids").examples[0]
    assert (example["transition_id"], example["copies"], example["steps"]) == (2000, 2, 2)


def test_a_reused_slot_is_no_duplicate(tiny_log):
    tiny_log.add(
        "transitions",
        run_id="r1",
        transition_id=[1, 2],
        slot=7,
        generation=[0, 1],
        env_index=0,
        episode_id=1,
        episode_step=[1, 2],
    )
    assert not failing(tiny_log)


def test_an_update_id_of_two_processes_is_found(tiny_log):
    tiny_log.add("updates", run_id="r1", segment_id=["s1", "s2", "s2"], update_id=[5, 5, 6])
    assert failing(tiny_log) == {"duplicate_update_ids"}
    example = result_of(tiny_log, "duplicate_update_ids").examples[0]
    assert (example["update_id"], example["copies"], example["segments"]) == (5, 2, 2)


@pytest.mark.parametrize("config", [STRATIFIED, INDEPENDENT, UNIFORM, {"replacement": False}])
def test_a_copied_sample_is_found_by_the_samples_check_alone(tiny_log, config):
    tiny_log.add_run("r1", config)
    tiny_log.add_batch(1, [1, 2, 3, 3], positions=[0, 1, 2, 2], batch_size=3)
    assert failing(tiny_log) == {"duplicate_samples"}
    result = result_of(tiny_log, "duplicate_samples")
    assert (result.rows, result.groups, result.wrong) == (4, 3, 1)
    example = result.examples[0]
    assert (example["batch_index"], example["copies"], example["transitions"]) == (2, 2, 1)


def test_a_position_of_two_updates_is_no_duplicate(tiny_log):
    tiny_log.add_batch(1, [1, 2])
    tiny_log.add_batch(2, [1, 2])
    assert "duplicate_samples" not in failing(tiny_log)


# Resumed runs -------------------------------------------------------------------------------


def test_what_a_resume_did_again_is_no_duplicate(tiny_log):
    resumed(tiny_log)
    for segment in ("s1", "s2"):
        first = 1 if segment == "s1" else 3
        for update in range(first, 5):
            tiny_log.add_batch(update, [1, 2], segment_id=segment)
        tiny_log.add(
            "episodes", run_id="r1", segment_id=segment, episode_id=2, end_step=15, env_index=0
        )
        tiny_log.add(
            "transitions",
            run_id="r1",
            segment_id=segment,
            transition_id=[11, 12],
            env_index=0,
            episode_id=2,
            episode_step=[1, 2],
        )
    assert not failing(tiny_log)


def test_a_second_resume_from_the_same_checkpoint_is_no_duplicate(tiny_log):
    resumed(tiny_log)
    tiny_log.add(
        "segments",
        run_id="r1",
        segment_id="s3",
        ordinal=2,
        resumed_from="s1",
        resume_step=10,
        resume_transition_id=10,
        resume_update_id=2,
    )
    for segment in ("s1", "s2", "s3"):
        tiny_log.add_batch(3, [1, 2], segment_id=segment)
    assert not failing(tiny_log)


def test_a_duplicate_among_obsolete_rows_is_found(tiny_log):
    resumed(tiny_log)
    tiny_log.add("updates", run_id="r1", segment_id=["s1", "s1", "s2"], update_id=3)
    result = result_of(tiny_log, "duplicate_update_ids")
    assert result.wrong == 1
    assert (result.examples[0]["copies"], result.examples[0]["obsolete_in"]) == (2, "s1")


def test_a_resume_that_logs_a_live_update_again_is_found(tiny_log):
    resumed(tiny_log)
    tiny_log.add("updates", run_id="r1", segment_id=["s1", "s2"], update_id=2)
    result = result_of(tiny_log, "duplicate_update_ids")
    assert result.wrong == 1
    assert (result.examples[0]["copies"], result.examples[0]["obsolete_in"]) == (2, None)


def test_two_processes_under_one_run_id_are_found(tiny_log):
    tiny_log.add_run()
    tiny_log.add_batch(1, [1, 2], segment_id="s1")
    tiny_log.add_batch(1, [7, 8], segment_id="s2")
    assert failing(tiny_log) == {"duplicate_update_ids", "duplicate_samples"}


# Repeats within a batch ---------------------------------------------------------------------


def far_apart(log, config, **columns):
    log.add_run("r1", config)
    log.add_batch(1, [5, *range(10, 18), 5], **columns)


def test_a_transition_in_two_far_apart_strata_is_named(tiny_log):
    far_apart(tiny_log, STRATIFIED)
    assert failing(tiny_log) == {"impossible_repeats_stratified"}
    result = result_of(tiny_log, "impossible_repeats_stratified")
    example = result.examples[0]
    assert (example["transition_id"], example["draws"]) == (5, 2)
    assert (example["first_position"], example["last_position"]) == (0, 9)
    assert (example["needed"], example["expected_draws"]) == (8, pytest.approx(0.1))
    assert "takes more than 8 strata of priority mass, and it has 0.1" in result.diagnosis(example)


@pytest.mark.parametrize("config", [INDEPENDENT, UNIFORM])
def test_a_transition_far_apart_is_possible_in_other_schemes(tiny_log, config):
    far_apart(tiny_log, config)
    assert not failing(tiny_log)


def test_neighbouring_strata_may_share_any_transition(tiny_log):
    tiny_log.add_run("r1", STRATIFIED)
    tiny_log.add_batch(1, [1, 2, 2, 3], priority=0.001)
    assert "impossible_repeats_stratified" not in failing(tiny_log)


def test_a_transition_with_probability_0_3_may_be_drawn_nine_times(tiny_log):
    tiny_log.add_run("r1", STRATIFIED)
    tiny_log.add_batch(
        1,
        [*range(100, 111), *[7] * 9, *range(200, 212)],
        priority=[*[1.0] * 11, *[30.0] * 9, *[1.0] * 12],
    )
    assert not failing(tiny_log)


@pytest.mark.parametrize(("priority", "fails"), [(24.9, True), (25.001, False), (24.97, False)])
def test_the_bound_is_the_width_that_strata_need(tiny_log, priority, fails):
    """Positions 0 and 2 of four need more than one stratum: probability above 1/4, less 0.2%."""
    tiny_log.add_run("r1", STRATIFIED)
    tiny_log.add_batch(1, [7, 8, 7, 9], priority=[priority, 1.0, priority, 1.0])
    assert ("impossible_repeats_stratified" in failing(tiny_log)) is fails


def test_any_repeat_without_replacement_is_named(tiny_log):
    tiny_log.add_run("r1", {"sampling": "uniform", "replacement": False})
    tiny_log.add_batch(1, [5, 6, 5])
    assert failing(tiny_log) == {"repeats_without_replacement"}
    example = result_of(tiny_log, "repeats_without_replacement").examples[0]
    assert (example["update_id"], example["transition_id"], example["draws"]) == (1, 5, 2)


def test_a_repeat_in_two_batches_is_none_in_a_batch(tiny_log):
    tiny_log.add_run("r1", {"sampling": "uniform", "replacement": False})
    tiny_log.add_batch(1, [5, 6])
    tiny_log.add_batch(2, [5, 6])
    tiny_log.add_batch(2, [5, 6], segment_id="s2")
    assert "repeats_without_replacement" not in failing(tiny_log)


def drawn(log, config, draw, updates=200, **columns):
    """Add ``updates`` batches; ``draw`` returns the transitions and priorities of one."""
    log.add_run("r1", config)
    base = {"run_id": "r1", "segment_id": "s1"}
    batches = [draw() for _ in range(updates)]
    k = len(batches[0][0])
    log.add("updates", **base, update_id=list(range(updates)), batch_size=k, **columns)
    items = np.concatenate([items for items, _ in batches]).astype(np.int64)
    priorities = np.concatenate([p for _, p in batches]).astype(np.float32)
    rows = pa.table({"i": np.arange(len(items)), "item": items, "p": priorities})
    log.con.register("rows_drawn", rows)
    log.con.execute(
        f"""
        INSERT INTO raw.samples
            (run_id, segment_id, update_id, batch_index, transition_id, priority)
        SELECT 'r1', 's1', i // {k}, i % {k}, item, p FROM rows_drawn
        """
    )


def stratified_draws(priorities, k, rng):
    edges = np.cumsum(priorities)

    def draw():
        mass = (np.arange(k) + rng.random(k)) / k * edges[-1]
        items = np.searchsorted(edges, mass, side="right")
        return items, priorities[items]

    return draw


def independent_draws(priorities, k, rng):
    probabilities = priorities / priorities.sum()

    def draw():
        items = rng.choice(len(priorities), k, p=probabilities)
        return items, priorities[items]

    return draw


def with_copies(draw, share, rng):
    """Overwrite a draw of some batches by its neighbour's."""

    def copied():
        items, priorities = draw()
        if rng.random() < share:
            items, priorities = items.copy(), priorities.copy()
            items[1], priorities[1] = items[0], priorities[0]
        return items, priorities

    return copied


SCHEMES = [
    (STRATIFIED, stratified_draws, "excess_repeats_stratified"),
    (INDEPENDENT, independent_draws, "excess_repeats_independent"),
    (UNIFORM, independent_draws, "excess_repeats_uniform"),
]


def priorities_for(config, rng):
    return np.ones(3000) if config is UNIFORM else rng.exponential(size=3000)


@pytest.mark.parametrize(("config", "draws", "name"), SCHEMES)
@pytest.mark.parametrize("seed", range(3))
def test_sound_draws_are_clean(tiny_log, config, draws, name, seed):
    rng = np.random.default_rng(seed)
    priorities = priorities_for(config, rng)
    total = float(priorities.sum())
    drawn(tiny_log, config, draws(priorities, 32, rng), priority_total=total, buffer_size=3000)
    assert not failing(tiny_log)
    assert results_of(tiny_log)[name].status == "pass"


@pytest.mark.parametrize(("config", "draws", "name"), SCHEMES)
def test_copies_in_three_of_ten_batches_are_found(tiny_log, config, draws, name):
    rng = np.random.default_rng(1)
    priorities = priorities_for(config, rng)
    draw = with_copies(draws(priorities, 32, rng), 0.3, rng)
    total = float(priorities.sum())
    drawn(tiny_log, config, draw, priority_total=total, buffer_size=3000)
    assert failing(tiny_log) == {name}
    result = result_of(tiny_log, name)
    example = result.examples[0]
    assert example["draws"] == 6400
    assert example["observed"] > 40
    assert example["expected"] < example["observed"] / 1.5
    assert example["chance"] < 6.7e-4
    assert f"{example['observed']} times" in result.diagnosis(example)


def test_the_expectation_for_independent_draws_by_hand(tiny_log):
    """Two batches of three of probability 0.01 each: 2 * 3 * (3 - 1) / 2 * 0.01 = 0.06."""
    tiny_log.add_run("r1", INDEPENDENT)
    tiny_log.add_batch(1, [1, 1, 1])
    tiny_log.add_batch(2, [2, 2, 2])
    example = result_of(tiny_log, "excess_repeats_independent").examples[0]
    assert (example["observed"], example["expected"]) == (6, pytest.approx(0.06))


def test_the_expectation_for_stratified_draws_by_hand(tiny_log):
    """k p = 0.04 four times: 4 * 0.04^2 / 6; and 1.2 four times: 4 * (0.2 / 2 + 1 / 7.2)."""
    tiny_log.add_run("r1", STRATIFIED)
    tiny_log.add_batch(1, [1, 1, 2, 2])
    tiny_log.add_batch(2, [3, 3, 4, 4], priority=30.0)
    expected = 4 * 0.04**2 / 6 + 4 * (0.1 + 1 / 7.2)
    check = CHECKS["excess_repeats_stratified"]
    always = replace(check, params=(replace(check.params[0], default=1.0),))
    example = run_checks(tiny_log.con, [always])[0].examples[0]
    assert (example["observed"], example["expected"]) == (4, pytest.approx(expected, rel=1e-6))
    assert example["bound"] == pytest.approx(1.5 * expected, rel=1e-6)


def test_the_expectation_for_uniform_draws_by_hand(tiny_log):
    """Two batches of four from 100: 2 * 6 / 100."""
    tiny_log.add_run("r1", UNIFORM)
    tiny_log.add_batch(1, [1, 1, 1, 1])
    tiny_log.add_batch(2, [2, 3, 4, 5])
    example = result_of(tiny_log, "excess_repeats_uniform").examples[0]
    assert (example["observed"], example["expected"]) == (6, pytest.approx(0.12))


def test_nan_and_zero_priorities_raise_no_alarm_and_hide_none(tiny_log):
    tiny_log.add_run("r1", INDEPENDENT)
    tiny_log.add_batch(1, [9, 9, 8], priority=[float("nan"), float("nan"), 0.0])
    assert not failing(tiny_log)
    tiny_log.add_batch(2, [1, 1, 1])
    tiny_log.add_batch(3, [2, 2, 2])
    assert failing(tiny_log) == {"excess_repeats_independent"}


# What a log must state ----------------------------------------------------------------------


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


# Runner -------------------------------------------------------------------------------------


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


def test_a_diagnosis_without_its_column_is_refused(tiny_log):
    tiny_log.add_run()
    with pytest.raises(SqlFileError, match=r"duplicate_run_ids\.sql:\d+: .*'processes'"):
        run_checks(tiny_log.con, [edited("AS processes", "AS process")])


def test_a_second_statement_is_refused(tiny_log):
    tiny_log.add_run()
    with pytest.raises(SqlFileError, match="2 statements"):
        run_checks(tiny_log.con, [edited("HAVING count(*) > 1", "; DROP TABLE raw.runs")])
    assert tiny_log.con.execute("SELECT count(*) FROM raw.runs").fetchone() == (1,)


def test_a_table_that_is_not_there_is_refused_with_the_nearest(tiny_log):
    check = replace(CHECKS["duplicate_run_ids"], reads=("raw.run",))
    with pytest.raises(SqlFileError, match=r"reads raw\.run,") as caught:
        run_checks(tiny_log.con, [check])
    assert caught.value.hint == "did you mean 'raw.runs'?"
