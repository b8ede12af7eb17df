"""Checks of beta and of weights that are 1: each flags a wrong log, and passes one that is not."""

from __future__ import annotations

import numpy as np
import pytest
from checking import result_of
from prioritized_run import PrioritizedRun, passes, said

U = 2.0**-24


# Weights of 1


def test_weights_that_are_all_one_are_named(tiny_log):
    run = PrioritizedRun()
    for row in run.samples:
        row["weight"] = 1.0
    run.write(tiny_log)
    text = said(tiny_log, "weights_all_one")
    assert "and the config turns importance sampling on (beta is logged as up to 0.8" in text


def test_weights_that_are_all_one_are_named_without_beta(tiny_log):
    run = PrioritizedRun()
    for row in run.samples:
        row["weight"] = 1.0
    for row in run.updates:
        row["beta"] = None
    run.write(tiny_log)
    assert "(no beta is logged)" in said(tiny_log, "weights_all_one")


@pytest.mark.near_miss("weights_all_one")
def test_near_miss_of_weights_of_one_equal_priorities(tiny_log):
    run = PrioritizedRun()
    for row in run.samples:
        row.update(weight=1.0, priority=0.5)
    run.write(tiny_log)
    assert passes(tiny_log, "weights_all_one")


def test_weights_that_the_config_turns_off_are_named(tiny_log):
    run = PrioritizedRun()
    run.config["importance_sampling"] = False
    run.write(tiny_log)
    text = said(tiny_log, "weights_against_config")
    assert "of 30 updates have weights other than 1, from update 1 on" in text


@pytest.mark.near_miss("weights_against_config")
def test_near_miss_of_weights_turned_off_they_are_one(tiny_log):
    PrioritizedRun(importance_sampling=False).write(tiny_log)
    assert passes(tiny_log, "weights_against_config")


# Beta


def betas(run, beta_of):
    for update in run.updates:
        update["beta"] = beta_of(update)


@pytest.mark.parametrize(
    ("beta_of", "cause"),
    [
        (lambda _: 0.4, "it is the same in all updates, and the config anneals it to 1"),
        (lambda u: 0.4 + 0.6 * u["env_step"] / 50, "the schedule goes on beyond 1"),
        (
            lambda u: 0.4 + 0.6 * min(1, u["update_id"] / 50),
            "it is annealed by updates and not by agent steps",
        ),
        (
            lambda u: 0.4 + 0.6 * min(1, u["env_step"] * 4 / 50),
            "it is annealed by frames and not by agent steps",
        ),
        (lambda u: 0.123 + u["update_id"] / 1000, "none of the known mistakes"),
    ],
)
def test_the_mistake_in_beta_is_named(tiny_log, beta_of, cause):
    run = PrioritizedRun(beta_anneal_steps=50, frame_skip=4)
    betas(run, beta_of)
    run.write(tiny_log)
    assert cause in said(tiny_log, "wrong_beta")


def test_a_beta_that_is_never_annealed_is_said_with_its_figures(tiny_log):
    run = PrioritizedRun(beta_anneal_steps=50)
    betas(run, lambda _: 0.4)
    run.write(tiny_log)
    text = said(tiny_log, "wrong_beta")
    assert text.startswith("beta is 0.4 at update 29 (agent step 68), where the config gives 1: ")
    assert text.endswith("(30 of 30 updates)")


def test_beta_that_is_annealed_by_steps_of_one_environment_is_named(tiny_log):
    run = PrioritizedRun(num_envs=4)
    betas(run, lambda u: 0.4 + 0.6 * min(1, (u["env_step"] // 4) / 100))
    run.write(tiny_log)
    assert "it is annealed by steps of one environment" in said(tiny_log, "wrong_beta")


def test_a_schedule_that_starts_again_on_resume_is_named(tiny_log):
    run = PrioritizedRun(beta_anneal_steps=50)
    run.resume_at(12)
    begun = run.segments[1]["resume_step"]
    for update in run.updates[12:]:
        update["beta"] = 0.4 + 0.6 * (update["env_step"] - begun) / 50
    run.write(tiny_log)
    assert "the schedule started again on resume" in said(tiny_log, "wrong_beta")
    text = said(tiny_log, "beta_out_of_range")
    assert "beta falls at update 12" in text


def test_a_beta_that_the_config_does_not_anneal_is_named(tiny_log):
    run = PrioritizedRun()
    run.config["beta_annealing"] = False
    run.write(tiny_log)
    assert "the config does not anneal it" in said(tiny_log, "wrong_beta")


@pytest.mark.near_miss("beta_out_of_range", "wrong_beta")
def test_near_miss_of_a_constant_beta_annealing_is_off(tiny_log):
    PrioritizedRun(beta_annealing=False, beta_start=1.0).write(tiny_log)
    assert passes(tiny_log, "wrong_beta")
    assert passes(tiny_log, "beta_out_of_range")


@pytest.mark.parametrize(("steps", "fails"), [(4, False), (5, True)])
def test_a_schedule_may_be_off_by_one_step_of_all_environments(tiny_log, steps, fails):
    run = PrioritizedRun(num_envs=4)
    betas(run, lambda u: 0.4 + 0.6 * min(1, (u["env_step"] - steps) / 100))
    run.write(tiny_log)
    assert (result_of(tiny_log, "wrong_beta").status == "fail") is fails


@pytest.mark.parametrize(
    ("beta", "what"),
    [(1.001, "goes beyond 1"), (-0.1, "is below 0"), (float("nan"), "is not a number")],
)
def test_a_beta_out_of_range_is_named_without_a_schedule(tiny_log, beta, what):
    run = PrioritizedRun()
    for name in ("beta_start", "beta_annealing", "beta_anneal_steps"):
        del run.config[name]
    run.updates[25]["beta"] = beta
    run.write(tiny_log)
    assert result_of(tiny_log, "wrong_beta").status == "not_applicable"
    text = said(tiny_log, "beta_out_of_range")
    assert f"beta {what} at update 25" in text
    assert "and in 1 of 30 updates" in text


@pytest.mark.near_miss("beta_out_of_range", "wrong_beta")
def test_near_miss_of_a_beta_beyond_one_its_rounding_to_float32(tiny_log):
    run = PrioritizedRun(beta_annealing=False, beta_start=1.0)
    run.updates[25]["beta"] = 1 + 2 * U
    run.write(tiny_log)
    assert passes(tiny_log, "beta_out_of_range")
    assert passes(tiny_log, "wrong_beta")


# First draws


def first_draws(run, weight, priority=1e6):
    seen = set()
    for row in run.samples:
        is_first = row["transition_id"] not in seen
        row["weight"] = weight if is_first else 0.5
        row["priority"] = priority if is_first else row["priority"]
        seen.add(row["transition_id"])
    assert len(seen) >= 100


@pytest.mark.parametrize(("weight", "fails"), [(2e-8, True), (9e-5, True), (2e-4, False)])
def test_first_weights_that_vanish_are_named(tiny_log, weight, fails):
    run = PrioritizedRun(updates=100)
    first_draws(run, weight)
    run.write(tiny_log)
    result = result_of(tiny_log, "first_weights_vanish")
    assert (result.status == "fail") is fails
    if fails:
        text = result.diagnosis(result.examples[0])
        assert f"have a median weight of {np.float32(weight):.4g} at their first draw" in text
        assert "and a mean weight of 0.5 after it: their insert priority is 1,000,000 on" in text


@pytest.mark.near_miss("first_weights_vanish")
def test_near_miss_of_vanishing_first_weights_a_few_are_tiny(tiny_log):
    run = PrioritizedRun(updates=100)
    first_draws(run, 0.05)
    for row in run.samples[:40]:
        row["weight"] = 1e-8
    run.write(tiny_log)
    assert passes(tiny_log, "first_weights_vanish")


@pytest.mark.near_miss("first_weights_vanish")
def test_near_miss_of_vanishing_first_weights_errors_are_as_large_as_the_insert_priority(tiny_log):
    """Weights are small because priorities differ, and new transitions enter at a real error."""
    run = PrioritizedRun(updates=100)
    first_draws(run, 2e-8, priority=3.0)
    run.write(tiny_log)
    assert passes(tiny_log, "first_weights_vanish")


def by_episodes(*, warm_up=0):
    """A run whose episodes end every ten steps, and whose beta moves with each of them."""
    run = PrioritizedRun(
        beta_anneal_episodes=5, random_warm_up=warm_up > 0, learning_starts=warm_up
    )
    counted = [end for end in range(10, 101, 10) if end - 10 > warm_up or not warm_up]
    betas(run, lambda u: 0.4 + 0.6 * min(1, sum(end < u["env_step"] for end in counted) / 5))
    return run


def write_with_episodes(run, log):
    run.write(log)
    for end in range(10, 101, 10):
        log.add(
            "episodes",
            run_id="r1",
            episode_id=end // 10,
            phase="train",
            start_step=end - 9,
            end_step=end,
            length=10,
        )


@pytest.mark.parametrize("warm_up", [0, 25])
def test_a_beta_that_moves_with_the_episodes_is_right_where_the_config_says_so(tiny_log, warm_up):
    write_with_episodes(by_episodes(warm_up=warm_up), tiny_log)
    assert passes(tiny_log, "wrong_beta")


def test_a_beta_by_steps_is_wrong_where_the_config_moves_it_with_the_episodes(tiny_log):
    run = by_episodes()
    betas(run, lambda u: 0.4 + 0.6 * min(1, u["env_step"] / 100))
    write_with_episodes(run, tiny_log)
    assert "beta is 0.7" in said(tiny_log, "wrong_beta")


def test_a_beta_by_episodes_may_count_the_episode_under_way(tiny_log):
    run = by_episodes()
    ends = range(10, 101, 10)
    betas(run, lambda u: 0.4 + 0.6 * min(1, sum(end <= u["env_step"] for end in ends) / 5))
    write_with_episodes(run, tiny_log)
    assert passes(tiny_log, "wrong_beta")
