"""Conservation: every step of an episode is stored once, with its rewards and its end."""

from __future__ import annotations

import pytest
from checking import result_of
from stored_episodes import Played, near_miss, said, store

TWO = [Played([1.0, 0.0, 1.0, 1.0]), Played([0.0, 1.0, 0.0, 1.0, 1.0])]
LIMITED = Played([1.0] * 4, terminated=False, truncated=True)


# --- steps ---


def test_a_step_that_was_never_stored_is_named(tiny_log):
    store(tiny_log, TWO, drop=[(1, 1)])
    assert said(tiny_log, "missing_steps") == (
        "1 of the 5 steps of episode 1 of run r1 are not stored (step 1 is the first), and 1 "
        "episodes lack some"
    )


def test_an_episode_of_which_nothing_is_stored_is_named(tiny_log):
    store(tiny_log, TWO, drop=[(0, step) for step in range(4)])
    assert "4 of the 4 steps of episode 0" in said(tiny_log, "missing_steps")


@pytest.mark.near_miss("missing_steps")
def test_dropped_tail_windows_are_a_warning_of_their_own_and_a_near_miss_of_lost_steps(tiny_log):
    store(tiny_log, TWO, drop=[(0, 2), (0, 3), (1, 3), (1, 4)])
    near_miss(tiny_log, "missing_steps")
    assert said(tiny_log, "missing_tail_windows") == (
        "in run r1 the last steps of 2 of 2 finished episodes are not stored (the last 2 of "
        "episode 0): with n = 3, the windows that are open when an episode ends are dropped and "
        "not cut short"
    )


def test_more_than_the_open_windows_are_lost_steps(tiny_log):
    store(tiny_log, TWO, drop=[(1, 2), (1, 3), (1, 4)])
    assert "3 of the 5 steps of episode 1" in said(tiny_log, "missing_steps")
    near_miss(tiny_log, "missing_tail_windows")


def test_a_last_step_that_only_one_episode_lacks_is_a_lost_step(tiny_log):
    store(tiny_log, TWO, drop=[(1, 4)])
    assert "1 of the 5 steps of episode 1" in said(tiny_log, "missing_steps")
    near_miss(tiny_log, "missing_tail_windows")


@pytest.mark.near_miss("missing_steps", "missing_tail_windows", "unaccounted_agent_steps")
def test_an_open_episode_is_a_near_miss_of_lost_steps(tiny_log):
    store(tiny_log, [*TWO, Played([1.0] * 6, open=True)])
    for name in ("missing_steps", "missing_tail_windows", "unaccounted_agent_steps"):
        near_miss(tiny_log, name)


@pytest.mark.near_miss("missing_steps")
def test_an_episode_that_a_resume_cut_is_a_near_miss_of_lost_steps(tiny_log):
    """Its windows that were open at the checkpoint, after agent step 6, may be lost."""
    store(tiny_log, TWO, drop=[(1, 0), (1, 1)])
    assert result_of(tiny_log, "missing_steps").status == "fail"
    tiny_log.add(
        "segments", run_id="r1", segment_id="s2", ordinal=1, resumed_from="s1", resume_step=6
    )
    near_miss(tiny_log, "missing_steps")


@pytest.mark.near_miss("missing_steps", "missing_transition_ids")
def test_a_recorder_that_says_it_dropped_rows_is_a_near_miss_of_lost_steps(tiny_log):
    store(tiny_log, TWO, drop=[(1, 1)])
    tiny_log.con.execute("UPDATE raw.segments SET rows_dropped = MAP {'transitions': 1}")
    near_miss(tiny_log, "missing_steps")
    near_miss(tiny_log, "missing_transition_ids")


def test_a_step_after_the_end_is_named(tiny_log):
    long = Played([1.0] * 5, changes={"length": 4})
    store(tiny_log, [long], max_episode_steps=3)
    assert (
        "step 4 of episode 0 of run r1 is stored, and the episode had 4 steps, 0 to 3 (the limit "
        "is 3)" in said(tiny_log, "steps_beyond_episode")
    )


@pytest.mark.near_miss("steps_beyond_episode", "wrong_episode_length")
def test_the_last_step_of_an_episode_at_its_limit_is_a_near_miss(tiny_log):
    store(tiny_log, [LIMITED], max_episode_steps=4)
    near_miss(tiny_log, "steps_beyond_episode")
    near_miss(tiny_log, "wrong_episode_length")


@pytest.mark.parametrize(
    ("changes", "limit", "problem"),
    [
        ({"end_step": 5}, 0, "with 1 environments that is 5 steps each"),
        ({"length": 5}, 0, "with 1 environments that is 4 steps each"),
        ({}, 3, "the environment allows 3"),
    ],
)
def test_a_length_that_the_steps_contradict_is_named(tiny_log, changes, limit, problem):
    store(tiny_log, [Played([1.0] * 4, changes=changes)], max_episode_steps=limit)
    assert problem in said(tiny_log, "wrong_episode_length")


@pytest.mark.near_miss("wrong_episode_length")
def test_episodes_of_parallel_environments_are_a_near_miss_of_a_wrong_length(tiny_log):
    store(tiny_log, [Played([1.0] * 4, env_index=2)], num_envs=4)
    near_miss(tiny_log, "wrong_episode_length")


# --- numbers ---


def test_a_gap_in_the_numbers_is_named(tiny_log):
    store(tiny_log, TWO)
    tiny_log.con.execute("DELETE FROM raw.transitions WHERE transition_id IN (3, 4, 6)")
    assert said(tiny_log, "missing_transition_ids") == (
        "run r1 numbers its transitions from 0 to 8 and 3 of them are not in the log (the first "
        "after 2, in segment s1)"
    )


@pytest.mark.near_miss("missing_transition_ids")
def test_numbers_from_1_and_repeated_ones_are_a_near_miss_of_a_gap(tiny_log):
    store(tiny_log, TWO)
    tiny_log.con.execute("UPDATE raw.transitions SET transition_id = transition_id + 1")
    near_miss(tiny_log, "missing_transition_ids")
    tiny_log.con.execute("INSERT INTO raw.transitions FROM raw.transitions WHERE transition_id = 4")
    near_miss(tiny_log, "missing_transition_ids")


def test_a_gap_beside_a_repeated_number_is_named(tiny_log):
    store(tiny_log, TWO)
    tiny_log.con.execute("UPDATE raw.transitions SET transition_id = 5 WHERE transition_id = 4")
    assert "1 of them are not in the log" in said(tiny_log, "missing_transition_ids")


@pytest.mark.parametrize(
    ("end_step", "problem"),
    [(11, "leaves 2 steps that belong to no episode"), (8, "leaves 1 steps that were not taken")],
)
def test_agent_steps_without_an_episode_are_named(tiny_log, end_step, problem):
    store(tiny_log, TWO, end_step=end_step)
    assert problem in said(tiny_log, "unaccounted_agent_steps")


@pytest.mark.near_miss("unaccounted_agent_steps")
def test_episodes_that_a_resumed_run_gave_up_are_a_near_miss_of_unaccounted_steps(tiny_log):
    store(tiny_log, TWO)
    resumed = {"ordinal": 1, "resumed_from": "s1", "resume_step": 9, "open_episode_steps": 0}
    tiny_log.add("segments", run_id="r1", segment_id="s2", start_step=9, end_step=12, **resumed)
    near_miss(tiny_log, "unaccounted_agent_steps")


# --- rewards ---


@pytest.mark.parametrize("kind", ["raw", "clipped"])
def test_a_return_that_is_not_the_sum_of_the_rewards_is_named(tiny_log, kind):
    store(tiny_log, [Played([1.0, 0.0, 1.0, 1.0], changes={f"return_{kind}": 4.0})])
    assert f"reports a {kind} return of 4, and its 4 stored rewards sum to 3" in said(
        tiny_log, "wrong_episode_return"
    )


@pytest.mark.near_miss("wrong_episode_return")
def test_returns_that_clipping_sets_apart_are_a_near_miss_of_a_wrong_return(tiny_log):
    store(tiny_log, [Played([7.0, -4.0, 0.25])])
    near_miss(tiny_log, "wrong_episode_return")


@pytest.mark.parametrize(("factor", "fails"), [(0.99, False), (1.01, True)])
def test_a_return_may_be_off_by_the_rounding_of_float32(tiny_log, factor, fails):
    off = factor * (3 + 2) * 2.0**-24 * 3
    store(tiny_log, [Played([1.0, -1.0, 1.0], changes={"return_raw": 1.0 + off})])
    assert (result_of(tiny_log, "wrong_episode_return").status == "fail") is fails


# --- ends ---


def test_windows_of_a_truncated_episode_that_terminate_are_named(tiny_log):
    changes = {(0, step): {"terminated": True} for step in range(1, 4)}
    store(tiny_log, [LIMITED], changes=changes)
    assert said(tiny_log, "truncation_as_termination") == (
        "transition 1 of run r1 is terminated at step 4 of episode 0, which a limit truncated "
        "there and which did not terminate; 3 windows of truncated episodes bootstrap nothing"
    )


@pytest.mark.near_miss("truncation_as_termination")
@pytest.mark.parametrize("both", [False, True])
def test_a_game_that_ends_in_its_last_step_is_a_near_miss_of_a_truncation(tiny_log, both):
    store(tiny_log, [Played([1.0] * 4, terminated=True, truncated=both)])
    near_miss(tiny_log, "truncation_as_termination")


@pytest.mark.near_miss("truncation_as_termination")
def test_a_life_lost_in_the_truncated_step_is_a_near_miss_of_a_truncation(tiny_log):
    changes = {(0, step): {"terminated": True} for step in range(1, 4)}
    episode = Played([1.0] * 4, terminated=False, truncated=True, lost_lives=(4,))
    store(tiny_log, [episode], changes=changes, terminal_on_life_loss=True)
    near_miss(tiny_log, "truncation_as_termination")


def at_limit(count, before=0, **kind):
    return [Played([1.0] * 20, **kind)] * count + [Played([1.0] * 15)] * before


@pytest.mark.parametrize(
    ("count", "before", "fails"), [(4, 0, True), (3, 0, False), (6, 3, True), (4, 4, False)]
)
def test_terminations_that_pile_up_at_the_limit_are_named(tiny_log, count, before, fails):
    store(tiny_log, at_limit(count, before), max_episode_steps=20)
    assert (result_of(tiny_log, "termination_at_step_limit").status == "fail") is fails
    if fails:
        assert (
            f"{count} episodes of run r1 terminate exactly at the limit of 20 steps (episode 0 is "
            f"the first), {before} in the nine steps before it"
            in said(tiny_log, "termination_at_step_limit")
        )


@pytest.mark.near_miss("termination_at_step_limit")
def test_episodes_truncated_at_the_limit_are_a_near_miss_of_terminations_there(tiny_log):
    episodes = [*at_limit(5), *at_limit(1, terminated=False, truncated=True)]
    store(tiny_log, episodes, max_episode_steps=20)
    near_miss(tiny_log, "termination_at_step_limit")


def test_a_window_that_bootstraps_past_a_termination_is_named(tiny_log):
    store(tiny_log, TWO, changes={(0, 2): {"terminated": False}})
    assert "transition 2 of run r1 ends at step 4 of episode 0, where the game terminated" in said(
        tiny_log, "terminal_not_stored"
    )


@pytest.mark.near_miss("terminal_not_stored")
def test_a_truncated_episode_is_a_near_miss_of_a_lost_termination(tiny_log):
    store(tiny_log, [LIMITED])
    near_miss(tiny_log, "terminal_not_stored")


def test_a_termination_inside_an_episode_is_named(tiny_log):
    store(tiny_log, TWO, changes={(1, 0): {"terminated": True}})
    assert said(tiny_log, "terminal_inside_episode") == (
        "1 of the 5 stored steps of episode 1 of run r1 are stored as terminations (step 3 is the "
        "first, 1 windows end there or at the others) and the episode goes on: nothing ended there"
    )


@pytest.mark.parametrize(
    ("flag", "terminals", "problem"),
    [
        (False, (2, 4), "each lost life is learned from as an end, and the config says otherwise"),
        (True, (1, 2, 3, 4), "it lost 3 lives"),
    ],
)
def test_terminations_are_compared_with_lost_lives(tiny_log, flag, terminals, problem):
    episode = Played([1.0] * 6, lost_lives=(2, 4, 6))
    changes = {(0, s - 1): {"terminated": True, "end_episode_step": s} for s in terminals}
    store(tiny_log, [episode], changes=changes, terminal_on_life_loss=flag, n_step=1)
    assert problem in said(tiny_log, "terminal_inside_episode")


@pytest.mark.near_miss("lost_life_not_terminal", "terminal_inside_episode")
def test_lost_lives_as_ends_are_a_near_miss_of_a_termination_inside(tiny_log):
    episodes = [Played([1.0] * 6, lost_lives=(2, 4, 6)), Played([1.0] * 5, open=True)]
    store(tiny_log, episodes, terminal_on_life_loss=True)
    near_miss(tiny_log, "terminal_inside_episode")
    near_miss(tiny_log, "lost_life_not_terminal")


def test_lost_lives_that_are_no_ends_against_the_config_are_named(tiny_log):
    episode = Played([1.0] * 6, lost_lives=(2, 4, 6))
    changes = {(0, step): {"terminated": False} for step in range(4)}
    store(tiny_log, [episode], changes=changes, terminal_on_life_loss=True)
    assert (
        "episode 0 of run r1 lost 3 lives and has 1 terminations, where terminal_on_life_loss "
        "makes each lost life one" in said(tiny_log, "lost_life_not_terminal")
    )


@pytest.mark.near_miss("lost_life_not_terminal")
def test_a_last_life_that_ends_with_a_limit_is_a_near_miss_of_a_lost_end(tiny_log):
    episode = Played([1.0] * 6, lost_lives=(2, 6), terminated=False, truncated=True)
    store(tiny_log, [episode], terminal_on_life_loss=True)
    near_miss(tiny_log, "lost_life_not_terminal")


def test_a_limit_that_the_settings_take_for_an_end_is_not_named(tiny_log):
    store(tiny_log, at_limit(5), max_episode_steps=20, time_limit_is_terminal=True)
    assert result_of(tiny_log, "termination_at_step_limit").status == "pass"
