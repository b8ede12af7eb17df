"""Checks of episodes, seeds and evaluations: hand-made logs that each must flag or pass."""

from __future__ import annotations

import json

import pytest
from checking import result_of


def said(result):
    assert result.status == "fail", (result.status, result.message)
    return result.diagnosis(result.examples[0])


def games(log, count, *, config=None, **columns):
    """Write ``count`` training episodes of 20 steps, one after the other, all different."""
    log.add_run("r1", config, source="rlaudit")
    numbers = list(range(count))
    base = {
        "run_id": "r1",
        "episode_id": numbers,
        "env_index": 0,
        "phase": "train",
        "start_step": [20 * n + 1 for n in numbers],
        "end_step": [20 * n + 20 for n in numbers],
        "length": 20,
        "seed": [1000 + n for n in numbers],
        "first_obs_hash": [2000 + n for n in numbers],
        "observation_hash": [3000 + n for n in numbers],
        "action_hash": [4000 + n for n in numbers],
        "return_raw": 1.0,
        "return_clipped": 1.0,
        "terminated": True,
        "truncated": False,
    }
    log.add("episodes", **(base | columns))


def vary(count, start, **at):
    """Return ``count`` numbers from ``start`` on, with those at given positions replaced."""
    values = list(range(start, start + count))
    for position, value in at.items():
        values[int(position[1:])] = value
    return values


NAMES = [
    "environments_share_seed",
    "episodes_out_of_order",
    "episodes_overlap",
    "evaluation_steps_stored",
    "identical_episodes",
    "impossible_episodes",
    "same_start_every_episode",
]


@pytest.mark.parametrize("name", NAMES)
def test_sound_episodes_pass(tiny_log, name):
    games(tiny_log, 40, config={"num_envs": 1})
    tiny_log.add("transitions", run_id="r1", episode_id=[0, 1], transition_id=[0, 20])
    assert result_of(tiny_log, name).status == "pass"


# --- identical_episodes ------------------------------------------------------------------------


def copies(count, **columns):
    """Return columns in which the last episode is the first one again, under another seed."""
    last = f"n{count - 1}"
    return {
        "first_obs_hash": vary(count, 2000, **{last: 2000}),
        "observation_hash": vary(count, 3000, **{last: 3000}),
        "action_hash": vary(count, 4000, **{last: 4000}),
    } | columns


def test_a_game_that_is_played_again_although_starts_are_many_is_found(tiny_log):
    games(tiny_log, 33, **copies(33))
    assert said(result_of(tiny_log, "identical_episodes")) == (
        "2 training episodes of run r1 (ids 0 to 32, 20 steps each) are the same game under 2 "
        "seeds: 32 different starts led to 32 different games, so the environment has many starts, "
        "and none is met twice by chance"
    )


@pytest.mark.near_miss("identical_episodes")
def test_near_miss_games_repeat_where_31_starts_are_all_there_are(tiny_log):
    games(tiny_log, 32, **copies(32))
    assert result_of(tiny_log, "identical_episodes").status == "pass"


@pytest.mark.near_miss("identical_episodes")
def test_near_miss_a_start_that_comes_again_leads_to_another_game(tiny_log):
    games(tiny_log, 60, **copies(60, action_hash=list(range(4000, 4060))))
    assert result_of(tiny_log, "identical_episodes").status == "pass"


@pytest.mark.near_miss("identical_episodes")
def test_near_miss_identical_games_of_a_game_whose_starts_come_again(tiny_log):
    # As in Atari: one start led to two games before, so the environment has few starts.
    hashes = copies(60)
    hashes["first_obs_hash"][5] = hashes["first_obs_hash"][6]
    games(tiny_log, 60, **hashes)
    assert result_of(tiny_log, "identical_episodes").status == "pass"


@pytest.mark.near_miss("identical_episodes")
def test_near_miss_two_games_with_the_same_opening(tiny_log):
    """Of 60 games, each with a start of its own, two begin alike and part at some later step."""
    starts = vary(60, 2000, n59=2000)
    games(tiny_log, 60, first_obs_hash=starts)
    assert result_of(tiny_log, "identical_episodes").status == "pass"


@pytest.mark.parametrize(
    ("length", "truncated", "status"),
    [
        pytest.param(200, True, "pass", marks=pytest.mark.near_miss("identical_episodes")),
        (201, True, "fail"),
        (200, False, "fail"),
    ],
)
def test_near_miss_games_cut_off_in_an_opening_that_heeds_no_action(
    tiny_log, length, truncated, status
):
    """Space Invaders shows the same frames at first, whatever is done."""
    ends = {"truncated": truncated, "terminated": not truncated}
    games(tiny_log, 12, first_obs_hash=7, observation_hash=8, length=length, **ends)
    assert result_of(tiny_log, "identical_episodes").status == status


@pytest.mark.near_miss("identical_episodes")
def test_near_miss_identical_evaluation_games(tiny_log):
    phase = ["train"] * 58 + ["eval"] * 2
    games(tiny_log, 60, **copies(60, phase=phase))
    assert result_of(tiny_log, "identical_episodes").status == "pass"


def test_observations_that_do_not_answer_to_the_actions_are_found(tiny_log):
    games(tiny_log, 12, first_obs_hash=7, observation_hash=8)
    assert "they took 12 different sequences of actions" in said(
        result_of(tiny_log, "identical_episodes")
    )


@pytest.mark.near_miss("identical_episodes")
@pytest.mark.parametrize(
    "change", [{"action_hash": 5}, {"observation_hash": [8] * 6 + list(range(7))}, {"length": 7}]
)
def test_near_miss_a_policy_that_repeats_itself_from_one_start(tiny_log, change):
    games(tiny_log, 13, **({"first_obs_hash": 7, "observation_hash": 8} | change))
    assert result_of(tiny_log, "identical_episodes").status == "pass"


# --- environments_share_seed -------------------------------------------------------------------


def test_environments_with_the_same_seeds_are_found(tiny_log):
    games(tiny_log, 4, env_index=[0, 1, 0, 1], seed=[5, 5, 6, 6])
    result = result_of(tiny_log, "environments_share_seed")
    assert said(result).startswith(
        "environments 0 and 1 of run r1 play the same games: 2 of 4 have the same seed, where "
        "chance gives 2.794e-09"
    )


@pytest.mark.near_miss("environments_share_seed")
def test_near_miss_one_seed_of_thousands_is_drawn_twice(tiny_log):
    # 2,000 episodes: 0.00093 pairs are expected, and one comes up in one of a thousand runs.
    tiny_log.con.execute(
        """
        INSERT INTO raw.episodes (run_id, phase, episode_id, env_index, seed)
        SELECT 'r1', 'train', range, range % 2, if(range = 7, 1000, 1000 + range) FROM range(2000)
        """
    )
    assert result_of(tiny_log, "environments_share_seed").status == "pass"


def paired(starts):
    """Return columns of two environments whose k-th episodes begin as ``starts`` says."""
    return {
        "env_index": [0, 1] * len(starts),
        "first_obs_hash": [start for pair in starts for start in pair],
        "seed": None,
    }


def test_environments_whose_games_begin_alike_are_found_without_seeds(tiny_log):
    games(tiny_log, 16, **paired([(n, n) for n in range(8)]))
    assert "8 of 8 have the same first observation, where chance gives 1" in said(
        result_of(tiny_log, "environments_share_seed")
    )


@pytest.mark.near_miss("environments_share_seed")
def test_near_miss_a_few_games_that_begin_alike_can_be_chance(tiny_log):
    games(tiny_log, 12, **paired([(n, n) for n in range(6)]))
    assert result_of(tiny_log, "environments_share_seed").status == "pass"


@pytest.mark.near_miss("environments_share_seed")
def test_near_miss_all_games_have_one_start(tiny_log):
    games(tiny_log, 40, **paired([(1, 1)] * 20))
    assert result_of(tiny_log, "environments_share_seed").status == "pass"


@pytest.mark.near_miss("environments_share_seed")
def test_near_miss_thirty_starts_come_in_another_order(tiny_log):
    games(tiny_log, 60, **paired([(n, (n * 7 + 3) % 30) for n in range(30)]))
    assert result_of(tiny_log, "environments_share_seed").status == "pass"


# --- same_start_every_episode ------------------------------------------------------------------


def test_a_reset_with_one_seed_is_found(tiny_log):
    games(tiny_log, 5, seed=[9, 9, 9, 9, 9])
    assert said(result_of(tiny_log, "same_start_every_episode")) == (
        "environment 0 of run r1 began 4 of its 5 training episodes with the same seed as an "
        "earlier one; it is reset with one seed again and again"
    )


@pytest.mark.near_miss("same_start_every_episode")
def test_near_miss_a_line_that_is_logged_twice_is_no_second_episode(tiny_log):
    doubled = {"start_step": [1, 1, 21, 21], "end_step": [20, 20, 40, 40]}
    games(tiny_log, 4, seed=[7, 7, 8, 8], first_obs_hash=[5, 5, 6, 6], **doubled)
    assert result_of(tiny_log, "same_start_every_episode").status == "pass"


@pytest.mark.near_miss("same_start_every_episode")
def test_near_miss_a_fixed_start_under_different_seeds(tiny_log):
    games(tiny_log, 40, first_obs_hash=7)
    assert result_of(tiny_log, "same_start_every_episode").status == "pass"


@pytest.mark.near_miss("same_start_every_episode")
def test_near_miss_an_evaluation_that_uses_the_same_seeds_each_time(tiny_log):
    games(tiny_log, 6, seed=[1, 2, 1, 2, 3, 4], phase=["eval"] * 4 + ["train"] * 2)
    assert result_of(tiny_log, "same_start_every_episode").status == "pass"


@pytest.mark.parametrize(
    ("games_each", "status"),
    [(8, "fail"), pytest.param(6, "pass", marks=pytest.mark.near_miss("same_start_every_episode"))],
)
def test_near_miss_environments_that_each_have_one_start(tiny_log, games_each, status):
    # 2 n! n! / (2 n)! is 1.6e-4 for 8 episodes each and 2.2e-3 for 6; the threshold is 6.7e-4.
    games(tiny_log, 2 * games_each, **paired([(1, 2)] * games_each))
    result = result_of(tiny_log, "same_start_every_episode")
    assert result.status == status
    if status == "fail":
        assert "while the 2 environments have 2 starts, one each" in said(result)


# --- impossible_episodes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"phase": "warmup"}, "has the phase warmup"),
        ({"end_step": 0}, "ends before it begins"),
        ({"terminated": False}, "ended without being terminated or truncated"),
        ({"return_raw": float("nan")}, "has a return that is no number"),
        ({"lives_lost": -1}, "lost -1 lives"),
        ({"noise_draws": 21}, "acted 20 times under 21 noise draws"),
    ],
)
def test_an_episode_that_contradicts_itself_is_found(tiny_log, columns, problem):
    games(tiny_log, 1, **columns)
    assert said(result_of(tiny_log, "impossible_episodes")).endswith(problem)


@pytest.mark.near_miss("impossible_episodes")
@pytest.mark.parametrize(
    "columns",
    [
        {"terminated": True, "truncated": True},
        {"terminated": None, "truncated": None, "noise_draws": 0},
        {"phase": "eval", "start_step": 400, "end_step": 400},
        {"noise_draws": 20, "lives_lost": 0},
    ],
)
def test_near_miss_episodes_that_look_odd_and_are_legal(tiny_log, columns):
    games(tiny_log, 1, **columns)
    assert result_of(tiny_log, "impossible_episodes").status == "pass"


# --- episodes_overlap and episodes_out_of_order ------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "length", "cause"),
    [
        ([1, 1], [20, 20], [20, 20], "so one game is logged twice"),
        ([1, 5], [20, 5], [20, 30], "as an evaluation in the training log does"),
        ([1, 15], [20, 34], [20, 20], "two games share an environment index"),
    ],
)
def test_episodes_that_overlap_are_found(tiny_log, start, end, length, cause):
    games(tiny_log, 2, start_step=start, end_step=end, length=length)
    result = result_of(tiny_log, "episodes_overlap")
    assert cause in said(result)
    assert result.wrong == 1


@pytest.mark.near_miss("episodes_overlap")
@pytest.mark.parametrize("columns", [{"env_index": [0, 1]}, {"phase": ["train", "eval"]}])
def test_near_miss_games_of_two_environments_or_of_an_evaluation_overlap(tiny_log, columns):
    games(tiny_log, 2, start_step=[1, 2], end_step=[20, 21], **columns)
    assert result_of(tiny_log, "episodes_overlap").status == "pass"


def test_episode_ids_against_the_order_of_steps_are_found(tiny_log):
    games(tiny_log, 3, start_step=[1, 41, 21], end_step=[20, 60, 40])
    assert said(result_of(tiny_log, "episodes_out_of_order")).startswith(
        "training episode 2 of run r1 began at agent step 21, before episode 1 of a lower id"
    )


@pytest.mark.near_miss("episodes_out_of_order")
def test_near_miss_a_later_episode_ends_first(tiny_log):
    games(tiny_log, 2, env_index=[0, 1], start_step=[1, 2], end_step=[100, 20])
    assert result_of(tiny_log, "episodes_out_of_order").status == "pass"


# --- evaluations -------------------------------------------------------------------------------


def evaluation(log, **detail):
    figures = {
        "first_episode_id": 2,
        "episodes": 2,
        "updates_before": 10,
        "updates_after": 10,
        "transitions_before": 30,
        "transitions_after": 30,
    }
    log.add(
        "events", run_id="r1", kind="evaluation", env_step=40, detail=json.dumps(figures | detail)
    )


def test_evaluation_games_in_the_training_log_are_found(tiny_log):
    games(tiny_log, 5, phase=["train", "train", "eval", "train", "train"])
    evaluation(tiny_log)
    result = result_of(tiny_log, "evaluation_logged_as_training")
    assert said(result).startswith(
        "episode 3 of run r1 (return 1) was played in the evaluation at agent step 40, and is "
        "logged as phase train; 1 evaluation episodes"
    )


@pytest.mark.near_miss("evaluation_logged_as_training")
def test_near_miss_training_games_around_an_evaluation(tiny_log):
    games(tiny_log, 5, phase=["train", "train", "eval", "eval", "train"])
    evaluation(tiny_log)
    assert result_of(tiny_log, "evaluation_logged_as_training").status == "pass"


def test_updates_and_transitions_of_an_evaluation_are_found(tiny_log):
    tiny_log.add_run()
    evaluation(tiny_log, updates_after=14, transitions_after=31)
    assert said(result_of(tiny_log, "learning_during_evaluation")) == (
        "the evaluation of run r1 at agent step 40 did 4 updates and stored 1 transitions, where "
        "it should do neither (1 evaluations did)"
    )


@pytest.mark.near_miss("learning_during_evaluation")
def test_near_miss_an_evaluation_after_many_updates_or_without_counts(tiny_log):
    tiny_log.add_run()
    evaluation(tiny_log)
    tiny_log.add("events", run_id="r1", kind="evaluation", env_step=50, detail="{}")
    assert result_of(tiny_log, "learning_during_evaluation").status == "pass"


def test_stored_steps_of_an_evaluation_are_found(tiny_log):
    games(tiny_log, 2, phase=["train", "eval"])
    tiny_log.add(
        "transitions", run_id="r1", episode_id=[0, 1, 1], transition_id=[0, 20, 21], env_index=0
    )
    assert said(result_of(tiny_log, "evaluation_steps_stored")).startswith(
        "2 transitions of evaluation episode 1 of run r1 are in the replay, the first as "
        "transition 20"
    )


@pytest.mark.near_miss("evaluation_steps_stored")
def test_near_miss_a_trainer_that_numbers_evaluation_episodes_apart(tiny_log):
    games(tiny_log, 2, episode_id=0, phase=["train", "eval"])
    tiny_log.add("transitions", run_id="r1", episode_id=[0, 5], transition_id=[0, 1])
    assert result_of(tiny_log, "evaluation_steps_stored").status == "pass"
