"""Observations and frame stacks: what a transition shows is what was there, and is kept."""

from __future__ import annotations

import pytest
from checking import result_of
from stored_episodes import Played, near_miss, obs_hash, probe, said, store

TWO = [Played([1.0] * 6), Played([0.0, 1.0, 0.0, 1.0, 1.0, 0.0])]


def truncated(count, length=4, rewards=1.0):
    return [Played([rewards] * length, terminated=False, truncated=True) for _ in range(count)]


# --- observations ---


@pytest.mark.parametrize(
    ("where", "changes", "words"),
    [
        (
            (0, 1),
            {"next_obs_hash": obs_hash(0, 5)},
            (
                "transition 1 of run r1 shows as step 4 of episode 0 another observation than "
                "transition 4, which begins there, does: it is the observation of step "
                "5; 1 transitions disagree"
            ),
        ),
        ((0, 1), {"next_obs_hash": obs_hash(0, 3)}, "it is the observation of step 3"),
        (
            (0, 1),
            {"next_obs_hash": obs_hash(0, 1)},
            "it is the observation that the transition itself begins with",
        ),
        ((0, 1), {"next_obs_hash": 99}, "the episode has it at no other step"),
        (
            (1, 3),
            {"next_obs_hash": obs_hash(1, 5)},
            (
                "as step 6 of episode 1 another observation than transition 11, which ends there "
                "as well, does: it is the observation of step 5"
            ),
        ),
    ],
)
def test_a_state_with_two_observations_is_named(tiny_log, where, changes, words):
    store(tiny_log, TWO, changes={where: changes})
    assert words in said(tiny_log, "inconsistent_observations")


def test_an_episode_that_does_not_begin_at_its_reset_is_named(tiny_log):
    store(tiny_log, TWO, n_step=20, changes={(1, 0): {"obs_hash": obs_hash(0, 6)}})
    assert (
        "shows as step 0 of episode 1 another observation than the reset that began the episode "
        "does" in said(tiny_log, "inconsistent_observations")
    )


@pytest.mark.near_miss("inconsistent_observations")
def test_a_picture_that_stands_still_is_a_near_miss_of_two_observations(tiny_log):
    still = {(0, s): {"obs_hash": 7, "next_obs_hash": 7} for s in range(6)}
    store(tiny_log, [Played([0.0] * 6, changes={"first_obs_hash": 7})], changes=still)
    near_miss(tiny_log, "inconsistent_observations")


# --- resets ---


def bootstrapping_from_the_reset(episodes, wrong):
    """The changes that make the last windows of ``wrong`` episodes end at the next reset."""
    return {
        (e, step): {"next_obs_hash": obs_hash(e + 1, 0)}
        for e in range(wrong)
        for step in range(episodes[e].length)
        if step + 3 >= episodes[e].length
    }


def test_resets_in_place_of_last_observations_are_named(tiny_log):
    episodes = truncated(9)
    store(tiny_log, episodes, changes=bootstrapping_from_the_reset(episodes, 8))
    assert (
        "in run r1, 8 of 8 episodes that ended without termination bootstrap from the observation "
        "that the next episode begins with (episode 0 is the first), where chance explains 1"
        in said(tiny_log, "reset_observation_bootstrapped")
    )


@pytest.mark.parametrize(("wrong", "fails"), [(7, True), (6, False)])
def test_seven_matches_of_starts_that_never_repeat_are_the_fewest(tiny_log, wrong, fails):
    episodes = truncated(wrong + 1)
    store(tiny_log, episodes, changes=bootstrapping_from_the_reset(episodes, wrong))
    result = result_of(tiny_log, "reset_observation_bootstrapped")
    assert (result.status == "fail") is fails


@pytest.mark.near_miss("reset_observation_bootstrapped")
def test_games_that_all_begin_and_end_alike_are_a_near_miss_of_resets(tiny_log):
    """A maze whose walker stands at the one start when the limit strikes."""
    episodes = truncated(30)
    for played in episodes:
        played.changes["first_obs_hash"] = 7
    changes = {
        (e, step): {"next_obs_hash": 7} for e in range(30) for step in range(1, 4) if e % 2
    } | {(e, 0): {"obs_hash": 7} for e in range(30)}
    store(tiny_log, episodes, changes=changes)
    near_miss(tiny_log, "reset_observation_bootstrapped")


@pytest.mark.near_miss("reset_observation_bootstrapped", "reset_step_stored")
def test_a_terminated_step_followed_by_the_reset_is_a_near_miss(tiny_log):
    """Nothing is bootstrapped there, and some adapters have no other observation to show."""
    episodes = [Played([1.0] * 4) for _ in range(30)]
    store(tiny_log, episodes, changes=bootstrapping_from_the_reset(episodes, 29))
    near_miss(tiny_log, "reset_observation_bootstrapped")
    near_miss(tiny_log, "reset_step_stored")


def with_reset_steps(count, later=1.0):
    """Episodes that begin where the one before ended, with a step that resets and pays nothing."""
    episodes = [Played([0.0 if e else later, *[later] * 4]) for e in range(count)]
    changes = {}
    for e in range(1, count):
        episodes[e].changes["first_obs_hash"] = obs_hash(e - 1, 5)
        changes[e, 0] = {"obs_hash": obs_hash(e - 1, 5)}
    return episodes, changes


def test_the_step_that_resets_is_named(tiny_log):
    episodes, changes = with_reset_steps(4)
    store(tiny_log, episodes, changes=changes)
    assert (
        "3 episodes begin at the observation that the one before them ended with (episode 1 is the "
        "first) and all their first rewards are 0, where 1 of the next three steps' rewards are "
        "not" in said(tiny_log, "reset_step_stored")
    )


@pytest.mark.near_miss("reset_step_stored")
def test_a_game_without_early_rewards_is_a_near_miss_of_a_reset_step(tiny_log):
    episodes, changes = with_reset_steps(40, later=0.0)
    store(tiny_log, episodes, changes=changes)
    near_miss(tiny_log, "reset_step_stored")


@pytest.mark.near_miss("reset_step_stored")
def test_one_episode_that_begins_where_another_ended_is_a_near_miss_of_a_reset_step(tiny_log):
    """Where states are few it happens by chance, and its first step may pay nothing."""
    episodes, changes = with_reset_steps(2)
    episodes += [Played([1.0] * 5) for _ in range(3)]
    store(tiny_log, episodes, changes=changes)
    near_miss(tiny_log, "reset_step_stored")


# --- frame stacks ---


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        (
            {"probe_first_episode_id": 1, "probe_first_step": 9},
            "the oldest frames are of a newer episode, so the stack straddles the write head",
        ),
        (
            {"probe_first_step": 30},
            "the oldest frames come later, so the stack straddles the write head",
        ),
        ({"probe_first_step": 0}, "6 steps lie between its ends"),
        (
            {"probe_first_step": 3, "probe_frames": 3},
            "4 frames of that episode were there",
        ),
        ({"probe_first_step": 1, "probe_frames": 5}, "a stack has 4 frames"),
    ],
)
def test_a_broken_stack_is_named(tiny_log, columns, problem):
    rows = store(tiny_log, TWO)
    probe(tiny_log, 1, rows[5], **columns)
    assert problem in said(tiny_log, "wrong_frame_stack")


@pytest.mark.parametrize(
    ("first", "problem"),
    [
        (
            Played([1.0] * 6, terminated=False, truncated=True),
            (
                "was rebuilt from 4 frames, step 4 of episode 0 to step 1 of episode 1: it "
                "straddles the truncation between the two, where no boundary was stored; 1 of the "
                "states"
            ),
        ),
        (Played([1.0] * 6), "it straddles the end of the first episode"),
        (
            Played([1.0] * 6, env_index=1),
            "they are of environments 1 and 0, whose frames lie side by side",
        ),
    ],
)
def test_a_stack_of_two_episodes_is_named_by_what_lies_between(tiny_log, first, problem):
    rows = store(tiny_log, [first, Played([1.0] * 6)], num_envs=2)
    older = {"probe_first_episode_id": 0, "probe_first_step": 4, "probe_frames": 4}
    probe(tiny_log, 1, rows[7], **older)
    assert problem in said(tiny_log, "wrong_frame_stack")


@pytest.mark.near_miss("stored_state_changed", "wrong_frame_stack", "wrong_sampled_state")
def test_a_padded_stack_at_an_episode_start_is_a_near_miss(tiny_log):
    for update, row in enumerate(store(tiny_log, TWO)):
        probe(tiny_log, update, row)
    near_miss(tiny_log, "wrong_frame_stack")
    near_miss(tiny_log, "wrong_sampled_state")
    near_miss(tiny_log, "stored_state_changed")


@pytest.mark.near_miss("wrong_frame_stack")
def test_a_state_that_is_not_made_of_frames_is_a_near_miss_of_a_short_stack(tiny_log):
    for update, row in enumerate(store(tiny_log, TWO, network="mlp")):
        probe(tiny_log, update, row, probe_frames=1, probe_first_step=row["episode_step"])
    near_miss(tiny_log, "wrong_frame_stack")


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        (
            {"probe_last_step": 4, "probe_first_step": 1},
            (
                "update 1 of run r1 drew transition 5 at position 0, which begins at step 5 of "
                "episode 0, and the state that was rebuilt for it is step 4 of episode 0"
            ),
        ),
        ({"probe_last_episode_id": 1}, "is step 5 of episode 1"),
        ({"probe_obs_hash": 3}, "another observation than was stored at that step"),
    ],
)
def test_another_state_than_the_drawn_one_is_named(tiny_log, columns, problem):
    rows = store(tiny_log, TWO)
    probe(tiny_log, 1, rows[5], **columns)
    assert problem in said(tiny_log, "wrong_sampled_state")


def test_a_state_that_changes_between_two_draws_is_named(tiny_log):
    rows = store(tiny_log, TWO)
    probe(tiny_log, 1, rows[5])
    probe(tiny_log, 2, rows[4])
    probe(tiny_log, 3, rows[5], probe_stack_hash=1)
    assert said(tiny_log, "stored_state_changed") == (
        "the state of transition 5 of run r1 was looked at in 2 updates and had 2 different "
        "contents (in updates 3 and 1, for example); frames of it were overwritten while it could "
        "be drawn, and 1 transitions changed"
    )


@pytest.mark.near_miss("stored_state_changed")
def test_two_transitions_with_the_same_picture_are_a_near_miss_of_a_changed_state(tiny_log):
    rows = store(tiny_log, TWO)
    for update, row in enumerate([rows[5], rows[4], rows[5]]):
        probe(tiny_log, update, row, probe_stack_hash=7)
    near_miss(tiny_log, "stored_state_changed")
