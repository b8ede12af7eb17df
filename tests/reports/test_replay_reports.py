"""Reports on what was replayed, against figures worked out by hand; see small_replay.py."""

from __future__ import annotations

import math

import pytest
from small_replay import KEYS, answer, fill, note


@pytest.fixture
def log(tiny_log):
    fill(tiny_log)
    return tiny_log


def test_never_replayed(log):
    columns = (
        "from_transition",
        "mean_replays",
        "overwritten",
        "never_replayed",
        "share",
        "waiting",
    )
    assert answer(log, "never_replayed", *columns) == [
        (0, 1.0, 1, 0, 0.0, 0),
        (1, 2.0, 1, 0, 0.0, 0),
        (2, 0.0, 0, 0, None, 1),
        (3, 0.0, 0, 0, None, 1),
        (4, 2.0, 0, 0, None, 0),
        (5, 1.0, 0, 0, None, 0),
    ]


def test_never_replayed_where_one_was_lost_to_learning(log):
    log.con.execute("DELETE FROM raw.samples WHERE transition_id = 0")
    assert answer(log, "never_replayed", "never_replayed", "share")[:2] == [(1, 1.0), (0, 0.0)]


def test_never_replayed_of_a_trainer_that_logs_no_updates(tiny_log):
    """What is overwritten cannot be known, and a step that is logged twice is one transition."""
    tiny_log.add("transitions", run_id="r1", transition_id=[0, 0, 1])
    columns = (
        "from_transition",
        "mean_replays",
        "overwritten",
        "never_replayed",
        "share",
        "waiting",
    )
    assert answer(tiny_log, "never_replayed", *columns) == [
        (0, 0.0, None, None, None, None),
        (1, 0.0, None, None, None, None),
    ]


def test_sample_ages(log):
    log.add("samples", **KEYS, update_id=2, batch_index=2, transition_id=99, priority=math.nan)
    columns = ("tenth", "draws", "share", "mean_age", "mean_priority", "mean_weight")
    assert answer(log, "sample_ages", *columns) == [
        (1, 2, round(2 / 7, 6), 0.0, 1.0, 1.0),
        (3, 1, round(1 / 7, 6), 1.0, 0.5, 1.0),
        (6, 1, round(1 / 7, 6), 2.0, 1.0, 0.5),
        (8, 2, round(2 / 7, 6), 3.0, 1.5, 0.525),
        (None, 1, round(1 / 7, 6), -94.0, None, None),
    ]


def test_replay_inequality(log):
    """Two transitions with 1 and 2 replays; four with 0, 0, 1 and 2."""
    assert answer(log, "replay_inequality") == [
        ("r1", "overwritten", 2, 3, 1.5, 2, round(1 / 6, 6), round(0.04 / 3, 6), round(0.4 / 3, 6)),
        ("r1", "in the buffer", 4, 3, 0.75, 2, round(7 / 12, 6), round(0.08 / 3, 6),
         round(0.8 / 3, 6)),
    ]  # fmt: skip


def test_replay_inequality_of_equal_replays(tiny_log):
    tiny_log.add("transitions", run_id="r1", transition_id=list(range(10)))
    tiny_log.add("samples", run_id="r1", transition_id=list(range(10)))
    ((share, top, gini),) = answer(tiny_log, "replay_inequality", "top_1", "top_10", "gini")
    assert (share, top, gini) == (0.01, 0.1, 0.0)


def test_most_replayed(log):
    columns = ("transition_id", "replays", "updates_between", "last_error", "episode_id",
               "reward_sum", "terminated", "length", "return_raw")  # fmt: skip
    assert answer(log, "most_replayed", *columns, top=3) == [
        (1, 2, 1, 1.0, 0, 5.0, True, 2, 5.0),
        (4, 2, 1, 1.0, 1, 0.0, False, 4, 0.0),
        (0, 1, 0, 0.25, 0, 0.0, False, 2, 5.0),
    ]
    assert len(answer(log, "most_replayed")) == 4


def test_most_replayed_without_transitions_and_episodes(tiny_log):
    tiny_log.add("samples", run_id="r1", update_id=[1, 2], transition_id=7, td_error=math.nan)
    assert answer(tiny_log, "most_replayed", "transition_id", "replays", "episode_id") == [
        (7, 2, None)
    ]


def test_most_replayed_episodes(log):
    columns = ("episode_id", "end_step", "transitions", "replays", "share", "a_transition", "mean")
    assert answer(log, "most_replayed_episodes", *columns) == [
        (0, 2, 2, 3, 0.5, 1.5, 1.0),
        (1, 6, 4, 3, 0.5, 0.75, 1.0),
    ]
    assert len(answer(log, "most_replayed_episodes", top=1)) == 1


def test_batch_against_buffer(log):
    assert answer(log, "batch_against_buffer") == [
        ("r1", 4, 0.25, 0.5, round(1 / 3, 6), 0.25, 0.5, round(1 / 3, 6)),
        ("r1", 5, 0.25, 0.5, round(0.05 / 1.05, 6), 0.25, 0.5, round(0.05 / 1.05, 6)),
        ("r1", 6, 0.0, 0.0, 0.0, 0.25, 0.5, 0.5),
    ]


def test_batch_repeats(tiny_log):
    """Each transition has probability 0.01; three copies of one are three pairs."""
    tiny_log.add_batch(1, [5, 6, 7, 5])
    tiny_log.add_batch(2, [1, 2, 3, 4])
    tiny_log.add_batch(3, [8, 8, 8, 9])
    columns = ("to_step", "updates", "with_repeats", "pairs", "by_independent", "by_uniform",
               "most_copies")  # fmt: skip
    assert answer(tiny_log, "batch_repeats", *columns) == [
        (1, 1, 1, 1, 0.06, 0.06, 2),
        (2, 1, 0, 0, 0.06, 0.06, 1),
        (3, 1, 1, 3, 0.06, 0.06, 3),
    ]


def test_batch_repeats_of_uniform_replay(tiny_log):
    tiny_log.add_batch(1, [5, 5], priority=None, priority_total=None, buffer_size=10)
    columns = ("pairs", "by_independent", "by_uniform")
    assert answer(tiny_log, "batch_repeats", *columns) == [(1, None, 0.1)]


def test_replay_ratio(log):
    assert answer(log, "replay_ratio") == [
        ("r1", 4, 1, 1, None, 2, 1.0, 1.0, None),
        ("r1", 5, 1, 1, 1, 2, 1.0, 1.0, 2.0),
        ("r1", 6, 1, 1, 1, 2, 1.0, 1.0, 2.0),
    ]


def test_replay_ratio_of_a_trainer_that_states_nothing(tiny_log):
    """Without agent steps the updates are the steps, and no setting says what was meant."""
    tiny_log.add("updates", run_id="r1", update_id=[10, 11])
    columns = ("to_step", "updates", "stored", "draws", "updates_a_step", "asked_for")
    assert answer(tiny_log, "replay_ratio", *columns) == [
        (10, 1, None, 0, 1.0, None),
        (11, 1, None, 0, 1.0, None),
    ]


def test_transition_history(log):
    assert answer(log, "transition_history", transition_id=1) == [
        ("r1", "stored", None, 2, 1, None, None, None, 1.0),
        ("r1", "drawn", 0, 4, 1, 1.0, 0.5, -4.0, 2.0),
        ("r1", "drawn", 1, 5, 1, 2.0, 0.05, 1.0, 1.0),
        ("r1", "overwritten", 2, 6, None, None, None, None, None),
    ]
    assert [row[1] for row in answer(log, "transition_history", transition_id=5)] == [
        "stored", "drawn",
    ]  # fmt: skip
    said = note(log, "transition_history", transition_id=77)
    assert said == "the log has no transition of that id (with transition_id = 77)"


def test_actions_taken(log):
    """Ten transitions a tenth would be: with six, each is one. Over all, five 0 and one 1."""
    assert answer(log, "actions_taken")[1] == ("r1", 1, 1, 1, 1, 1.0, 0.0)
    log.con.execute("DELETE FROM raw.transitions")
    log.add("transitions", run_id="r1", transition_id=list(range(40)), action=[0, 1, 1, 2] * 10)
    columns = ("to_transition", "transitions", "actions", "most_taken", "its_share", "entropy")
    assert answer(log, "actions_taken", *columns)[0] == (3, 4, 3, 1, 0.5, 1.5)
