"""n-step windows: their ends, lengths, discounts, rewards and sums."""

from __future__ import annotations

import numpy as np
import pytest
from checking import failing, result_of
from stored_episodes import Played, near_miss, said, store

TWO = [Played([1.0, 0.0, 1.0, 1.0]), Played([0.0, 1.0, 0.0, 1.0, 1.0])]


@pytest.mark.parametrize("n_step", [1, 3, 20])
@pytest.mark.parametrize("num_envs", [1, 4])
@pytest.mark.parametrize("lives", [False, True])
def test_whole_episodes_raise_nothing(tiny_log, n_step, num_envs, lives):
    episodes = [
        Played([1.0, 0.0, 3.0, -2.0, 0.5], lost_lives=(2, 5)),
        Played([0.0] * 7, terminated=False, truncated=True, env_index=num_envs - 1),
        Played([1.0, 1.0], open=True),
    ]
    store(tiny_log, episodes, n_step=n_step, num_envs=num_envs, terminal_on_life_loss=lives)
    assert failing(tiny_log, family="windows") <= {"unaccounted_agent_steps"}


@pytest.mark.near_miss("wrong_window_length", "missing_tail_windows", "wrong_reward_sum")
def test_single_steps_are_stored_where_windows_are_formed_when_sampled(tiny_log):
    store(tiny_log, TWO, n_step=1)
    tiny_log.con.execute(
        """UPDATE raw.runs SET config = json_merge_patch(
            config, '{"n_step": 3, "n_step_at": "sample"}'
        )"""
    )
    assert failing(tiny_log, family="windows") <= {"unaccounted_agent_steps"}


def test_a_longer_window_is_wrong_where_windows_are_formed_when_sampled(tiny_log):
    store(tiny_log, TWO, n_step=3, n_step_at="sample")
    text = said(tiny_log, "wrong_window_length")
    assert "sums 3 rewards where the config says that windows are formed when they are" in text


# --- ends ---


def test_a_window_that_joins_two_episodes_names_the_truncation(tiny_log):
    episodes = [Played([1.0] * 4, terminated=False, truncated=True), Played([1.0] * 5)]
    joined = {"end_episode_id": 1, "end_episode_step": 1, "truncated": False, "n_rewards": 3}
    store(tiny_log, episodes, changes={(0, 2): joined})
    assert said(tiny_log, "window_across_episodes") == (
        "the window of transition 2 of run r1 begins at step 2 of episode 0 and ends at step 1 of "
        "episode 1: the first ended by truncation after 4 steps and its windows were not cut "
        "there; 1 windows do so"
    )


def test_a_step_that_resets_is_named_where_it_joins_two_episodes(tiny_log):
    joined = {"end_episode_id": 1, "end_episode_step": 0, "n_rewards": 1}
    store(tiny_log, TWO, n_step=1, changes={(0, 3): joined})
    assert "the step that resets the environment is stored" in said(
        tiny_log, "window_across_episodes"
    )


@pytest.mark.near_miss("window_across_episodes", "wrong_window_length")
def test_a_window_that_ends_at_the_last_state_of_its_episode_is_a_near_miss(tiny_log):
    store(tiny_log, TWO)
    near_miss(tiny_log, "window_across_episodes")
    near_miss(tiny_log, "wrong_window_length")


def test_a_window_that_joins_two_environments_is_named_and_no_episode_is_blamed(tiny_log):
    episodes = [Played([1.0] * 4), Played([1.0] * 4, env_index=1)]
    joined = {"end_env_index": 1, "end_episode_id": 1, "end_episode_step": 1}
    store(tiny_log, episodes, num_envs=2, changes={(0, 0): joined})
    assert "begins in environment 0 (episode 0, step 0) and ends in environment 1" in said(
        tiny_log, "window_across_environments"
    )
    near_miss(tiny_log, "window_across_episodes")


@pytest.mark.near_miss("window_across_environments")
def test_environments_that_take_turns_are_a_near_miss_of_mixing(tiny_log):
    store(tiny_log, [Played([1.0] * 4), Played([1.0] * 4, env_index=1)], num_envs=2)
    near_miss(tiny_log, "window_across_environments")


# --- lengths ---


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"n_rewards": 0}, "sums 0 rewards and a window has at least one"),
        ({"n_rewards": 4, "end_episode_step": 4}, "sums 4 rewards where the config says n = 3"),
        ({"end_episode_step": 2}, "sums 3 rewards over ends that are 2 steps apart"),
        (
            {"n_rewards": 2, "end_episode_step": 2},
            "sums 2 rewards of n = 3 though it reaches no end of the episode",
        ),
    ],
)
def test_a_window_of_the_wrong_length_is_named(tiny_log, change, problem):
    store(tiny_log, TWO, changes={(0, 0): change})
    assert problem in said(tiny_log, "wrong_window_length")


@pytest.mark.near_miss("wrong_window_length")
@pytest.mark.parametrize(
    "episode",
    [
        Played([1.0] * 5, lost_lives=(2, 5)),
        Played([1.0] * 5, terminated=False, truncated=True),
        Played([1.0] * 2),
    ],
)
def test_a_window_cut_short_at_an_end_is_a_near_miss_of_a_wrong_length(tiny_log, episode):
    store(tiny_log, [episode], terminal_on_life_loss=True)
    near_miss(tiny_log, "wrong_window_length")


@pytest.mark.near_miss("wrong_window_length")
def test_a_truncation_that_a_trainer_does_not_mark_is_a_near_miss_of_a_wrong_length(tiny_log):
    episode = Played([1.0] * 5, terminated=False, truncated=True)
    store(tiny_log, [episode], changes={(0, step): {"truncated": None} for step in range(5)})
    near_miss(tiny_log, "wrong_window_length")


# --- discounts ---


@pytest.mark.parametrize(
    ("step", "discount", "problem"),
    [
        (3, 0.9**3, "has the discount 0.729, where gamma^1 is 0.9 with gamma = 0.9: it is gamma^3"),
        (0, 1.0, "it does not discount at all"),
        (0, 0.9, "it is gamma, as for one step"),
        (0, 0.9**2, "its power of gamma is one too low"),
        (0, 0.9**4, "its power of gamma is one too high"),
        (0, 0.123, "it is no such power"),
        (0, float("nan"), "it is not a number"),
    ],
)
def test_a_wrong_discount_is_named(tiny_log, step, discount, problem):
    store(tiny_log, TWO, changes={(0, step): {"discount": discount}})
    assert problem in said(tiny_log, "wrong_window_discount")


@pytest.mark.near_miss("wrong_window_discount")
def test_the_discount_0_of_a_terminated_window_is_a_near_miss(tiny_log):
    store(tiny_log, TWO, changes={(0, 3): {"discount": 0.0}})
    near_miss(tiny_log, "wrong_window_discount")


@pytest.mark.parametrize(("factor", "fails"), [(0.99, False), (1.01, True)])
def test_the_discount_may_be_off_by_the_rounding_of_float32(tiny_log, factor, fails):
    off = 1 + factor * (2 * 3 + 4) * 2.0**-24
    store(tiny_log, TWO, changes={(0, 0): {"discount": 0.9**3 * off}})
    assert (result_of(tiny_log, "wrong_window_discount").status == "fail") is fails


def test_powers_in_float32_are_within_the_tolerance():
    for gamma in (0.9, 0.99, 0.997):
        for n in (1, 3, 20, 100):
            product = np.float32(1)
            for _ in range(n):
                product *= np.float32(gamma)
            assert abs(float(product) / gamma**n - 1) <= (2 * n + 4) * 2.0**-24


# --- rewards ---


@pytest.mark.parametrize(
    ("raw", "learned", "clip", "problem"),
    [
        (-1.0, 255.0, 0.0, "that is what an unsigned byte makes of it"),
        (-1.0, 255.0, 1.0, "reward_clip 1 makes it -1; that is what an unsigned byte makes of it"),
        (4.0, 4.0, 1.0, "it is not clipped"),
        (-3.0, 1.0, 1.0, "its sign is lost"),
        (0.5, 1.0, 1.0, "that is its sign alone"),
        (0.5, 0.0, 1.0, "it was cut to a whole number"),
        (7.0, 0.0, 5.0, "it is lost"),
        (7.0, 6.0, 5.0, "that is another figure"),
        (1.0, float("nan"), 1.0, "it is not a number"),
    ],
)
def test_a_wrong_reward_is_named(tiny_log, raw, learned, clip, problem):
    changes = {(0, 0): {"reward_raw": raw, "reward_clipped": learned}}
    store(tiny_log, TWO, changes=changes, reward_clip=clip)
    assert problem in said(tiny_log, "wrong_clipped_reward")


@pytest.mark.near_miss("wrong_clipped_reward")
@pytest.mark.parametrize(("clip", "raw"), [(0.0, 255.0), (1.0, -4.0), (0.3, 0.7), (0.0, 0.1)])
def test_rewards_at_the_bound_and_large_ones_are_a_near_miss(tiny_log, clip, raw):
    store(tiny_log, [Played([raw, 0.0, -raw])], reward_clip=clip)
    near_miss(tiny_log, "wrong_clipped_reward")


# --- sums ---

FIVE = [Played([1.0, 0.5, 0.25, 1.0, -1.0]), Played([1.0, 0.5, 0.0, 0.0])]


@pytest.mark.parametrize(
    ("step", "total", "problem"),
    [
        (0, 1.75, "it is their undiscounted sum"),
        (0, 1 + 0.45, "the last reward is missing"),
        (0, 0.45 + 0.2025, "the first reward is missing"),
        (0, 0.5 + 0.225, "the first reward is missing and the others are discounted once too"),
        (0, 1 + 0.45 + 0.2025 + 0.729, "the reward of the step after the window as well"),
        (0, 0.9 * (1 + 0.45 + 0.2025), "each reward is discounted once too often"),
        (0, 1.0, "it is the first reward alone"),
        (0, 0.0, "it is no such sum"),
        (0, float("nan"), "it is not a number"),
        (3, 1 - 0.9 + 0.81, "it goes on with the rewards of the next episode"),
        (4, -1 + 0.9 + 0.405, "it goes on with the rewards of the next episode"),
    ],
)
def test_a_wrong_sum_is_compared_with_known_mistakes(tiny_log, step, total, problem):
    store(tiny_log, FIVE, changes={(0, step): {"reward_sum": total}})
    result = result_of(tiny_log, "wrong_reward_sum")
    assert [example["transition_id"] for example in result.examples] == [step]
    assert problem in said(tiny_log, "wrong_reward_sum")


def test_a_sum_where_no_reward_was_given_is_wrong(tiny_log):
    store(tiny_log, [Played([0.0] * 6)], changes={(0, 2): {"reward_sum": 1e-9}})
    assert "whose discounted sum is 0" in said(tiny_log, "wrong_reward_sum")


@pytest.mark.near_miss("wrong_reward_sum")
def test_rewards_after_a_lost_life_are_a_near_miss_of_a_sum_cut_short(tiny_log):
    """The window ends with the life, and the game pays again in the very next step."""
    episode = Played([0.0, 1.0, 1.0, 1.0, 1.0], lost_lives=(2,))
    store(tiny_log, [episode], terminal_on_life_loss=True)
    near_miss(tiny_log, "wrong_reward_sum")


@pytest.mark.near_miss("wrong_reward_sum")
def test_windows_whose_last_steps_are_not_stored_yet_are_a_near_miss(tiny_log):
    """A run that was stopped: the rewards of the last windows are in no transition."""
    store(tiny_log, [Played([1.0] * 6, open=True)])
    near_miss(tiny_log, "wrong_reward_sum")


def test_a_gap_in_an_episode_leaves_its_sums_unjudged(tiny_log):
    store(tiny_log, [Played([1.0] * 6)], drop=[(0, 2)])
    near_miss(tiny_log, "wrong_reward_sum")


@pytest.mark.parametrize(("factor", "fails"), [(0.99, False), (1.01, True)])
def test_the_sum_may_be_off_by_the_rounding_of_float32(tiny_log, factor, fails):
    right = 1 + 0.9 * 0.5 + 0.81 * 0.25
    off = factor * (2 * 3 + 4) * 2.0**-24 * right
    store(tiny_log, FIVE, changes={(0, 0): {"reward_sum": right + off}})
    assert (result_of(tiny_log, "wrong_reward_sum").status == "fail") is fails


@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.99, 1.0])
def test_sums_are_right_for_every_gamma(tiny_log, gamma):
    rng = np.random.default_rng(0)
    episodes = [Played([float(r) for r in rng.normal(size=30)]) for _ in range(3)]
    store(tiny_log, episodes, gamma=gamma, n_step=7, reward_clip=0.0)
    near_miss(tiny_log, "wrong_reward_sum")
    near_miss(tiny_log, "wrong_window_discount")


def test_each_run_is_judged_by_its_own_settings(tiny_log):
    store(tiny_log, TWO, run_id="a", n_step=1, gamma=0.5)
    store(tiny_log, TWO, run_id="b", n_step=5, gamma=0.99)
    assert not failing(tiny_log, family="windows")
