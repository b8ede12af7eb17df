"""Ids and keys that stand in a log twice, and what a resume may do again."""

from __future__ import annotations

import pytest
from checking import INDEPENDENT, STRATIFIED, UNIFORM, failing, result_of, results_of


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


@pytest.mark.near_miss("duplicate_run_ids")
def test_near_miss_runs_of_one_name_are_no_duplicates(tiny_log):
    tiny_log.add_run("r1", name="breakout")
    tiny_log.add_run("r2", name="breakout")
    assert not failing(tiny_log)


def test_a_copied_episode_is_found(tiny_log):
    tiny_log.add_run()
    tiny_log.add("episodes", run_id="r1", segment_id="s1", episode_id=[1, 2, 2], end_step=[5, 9, 9])
    assert failing(tiny_log) == {"duplicate_episodes"}
    example = result_of(tiny_log, "duplicate_episodes").examples[0]
    assert (example["episode_id"], example["copies"], example["versions"]) == (2, 2, 1)


@pytest.mark.near_miss("duplicate_episodes")
def test_near_miss_equal_episode_ids_of_two_runs_and_missing_ids_are_no_duplicates(tiny_log):
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


@pytest.mark.near_miss("duplicate_stored_steps")
def test_near_miss_a_step_of_two_environments_or_two_episodes_is_no_duplicate(tiny_log):
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


@pytest.mark.near_miss("duplicate_transition_ids")
def test_near_miss_a_reused_slot_is_no_duplicate(tiny_log):
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


@pytest.mark.near_miss("duplicate_samples")
def test_near_miss_a_position_of_two_updates_is_no_duplicate(tiny_log):
    tiny_log.add_batch(1, [1, 2])
    tiny_log.add_batch(2, [1, 2])
    assert "duplicate_samples" not in failing(tiny_log)


DONE_AGAIN = (
    "duplicate_episodes",
    "duplicate_samples",
    "duplicate_stored_steps",
    "duplicate_transition_ids",
    "duplicate_update_ids",
)


@pytest.mark.near_miss(*DONE_AGAIN)
def test_near_miss_what_a_resume_did_again_is_no_duplicate(tiny_log):
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


@pytest.mark.near_miss("duplicate_samples", "duplicate_update_ids")
def test_near_miss_a_second_resume_from_the_same_checkpoint_is_no_duplicate(tiny_log):
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
