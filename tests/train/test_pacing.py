from __future__ import annotations

from typing import NamedTuple

import pytest

from rlaudit.config import ScheduleConfig
from rlaudit.train.pacing import Pace


class Ended(NamedTuple):
    """What pacing reads of an episode."""

    start_step: int
    length: int


def pace_of(**settings):
    return Pace(ScheduleConfig(**{"learning_starts": 10, "steps": 1_000} | settings))


def play(pace, *lengths):
    step = 0
    for length in lengths:
        pace.begin(step)
        pace.finish([Ended(step + 1, length)])
        step += length
    return step


def test_a_random_warm_up_lasts_to_the_end_of_the_episode_in_which_learning_starts():
    pace = pace_of(random_warm_up=True, epsilon_greedy_schedule="per-episode")
    pace.begin(0)
    assert pace.epsilon(5) == 1.0
    pace.finish([Ended(1, 10)])
    # Ten steps are not more than learning_starts yet.
    pace.begin(10)
    assert pace.epsilon(15) == 1.0
    pace.finish([Ended(11, 6)])
    assert pace.counted == 0
    pace.begin(16)
    assert not pace.warming_up
    pace.finish([Ended(17, 4)])
    assert pace.counted == 1


def test_epsilon_by_episodes_is_that_of_the_article():
    pace = pace_of(epsilon_greedy_schedule="per-episode", epsilon_greedy_start=0.5)
    pace.begin(0)
    assert pace.epsilon(0) == pytest.approx(0.5 / 1.001)
    play(pace, 3, 3, 3)
    assert pace.epsilon(9) == pytest.approx(0.5 / 4.001)


def test_epsilon_by_steps_falls_once_learning_may_start():
    pace = pace_of(epsilon_greedy_start=1.0, epsilon_greedy_end=0.0, epsilon_greedy_steps=100)
    assert [pace.epsilon(step) for step in (0, 10, 60, 110, 500)] == [1.0, 1.0, 0.5, 0.0, 0.0]


def test_a_run_is_over_after_its_steps_or_its_episodes():
    pace = pace_of(episodes=2)
    assert not pace.is_over(999)
    assert pace.is_over(1_000)
    play(pace, 5, 5)
    assert pace.is_over(10)


def test_warm_up_episodes_do_not_end_a_run_and_stand_in_the_window_of_lengths():
    # The window starts with zeros: 99 episodes of 100 steps have a mean of 99, 100 of 100.
    pace = pace_of(random_warm_up=True, episodes=99, stop_at_mean_length=100, steps=100_000)
    step = play(pace, *[100] * 99)
    assert pace.counted == 98
    assert not pace.is_over(step)
    pace.begin(step)
    pace.finish([Ended(step + 1, 100)])
    assert pace.is_over(step + 100)


def test_only_the_last_hundred_lengths_count():
    pace = pace_of(stop_at_mean_length=50, steps=100_000)
    step = play(pace, *[1] * 100)
    assert not pace.is_over(step)
    play(pace, *[99] * 50)
    assert pace.is_over(step)


def test_pacing_goes_on_from_its_state():
    settings = {"random_warm_up": True, "stop_at_mean_length": 0.3, "episodes": 7}
    pace, other = pace_of(**settings), pace_of(**settings)
    play(pace, 10, 6, 4)
    other.load_state(pace.state())
    assert (other.counted, other.warming_up) == (1, False)
    for one in (pace, other):
        one.finish([Ended(21, 9)])
    assert pace.state() == other.state()
    assert not other.is_over(29)
    other.finish([Ended(30, 1)])
    assert other.is_over(30)
