from __future__ import annotations

import re

import numpy as np
import pytest

from rlaudit.errors import ReplayError
from rlaudit.replay.frames import NO_FRAME, FrameStore, Span, VectorStore, ring_size


def frame(value):
    return np.full((2, 3), value, np.uint8)


def small(capacity=10, **kwargs):
    return FrameStore(capacity, n_step=1, num_envs=1, stack=3, shape=(2, 3), **kwargs)


def play(store, values, *, env=0, episode=0):
    """Add one episode's frames and return their ids."""
    ids, previous = [], NO_FRAME
    for at, value in enumerate(values):
        previous = store.add(frame(value), previous, env, episode, at)
        ids.append(previous)
    return ids


def values(stacks):
    """One number a frame; the frames are constant."""
    assert (stacks == stacks[..., :1, :1]).all()
    return stacks[..., 0, 0].tolist()


def test_a_stack_by_hand():
    store = small()
    ids = play(store, [11, 12, 13, 14])
    stacks = store.stacks(np.array(ids))
    assert stacks.shape == (4, 3, 2, 3)
    assert stacks.dtype == np.uint8
    assert values(stacks) == [[0, 0, 11], [0, 11, 12], [11, 12, 13], [12, 13, 14]]
    assert store.problems() == []


def test_stacks_do_not_reach_into_another_episode_or_environment():
    store = small()
    a = store.add(frame(1), NO_FRAME, 0, 0, 0)
    b = store.add(frame(2), NO_FRAME, 1, 1, 0)
    a = store.add(frame(3), a, 0, 0, 1)
    b = store.add(frame(4), b, 1, 1, 1)
    c = store.add(frame(5), NO_FRAME, 0, 2, 0)
    assert values(store.stacks(np.array([a, b, c]))) == [[0, 1, 3], [0, 2, 4], [0, 0, 5]]


def test_the_state_that_is_not_stored_is_all_zeros():
    store = small()
    (frame_id,) = play(store, [9])
    assert values(store.stacks(np.array([NO_FRAME, frame_id]))) == [[0, 0, 0], [0, 0, 9]]


def test_a_span_reads_the_tags_of_the_frames_in_the_stack():
    store = small()
    play(store, [1, 2], episode=6)
    ids = play(store, [3, 4, 5, 6], episode=7)
    assert store.span(ids[0]) == Span(1, 7, 0, 7, 0)
    assert store.span(ids[1]) == Span(2, 7, 0, 7, 1)
    assert store.span(ids[3]) == Span(3, 7, 1, 7, 3)
    # Were a stack to join two episodes, its span would say so.
    store._previous[ids[0]] = ids[0] - 1
    assert store.span(ids[1]) == Span(3, 6, 1, 7, 1)
    assert store.problems() == [
        f"frame {ids[0]} does not continue its episode",
        f"frame {ids[0]} does not continue its step",
        f"frame {ids[0]} begins inside an episode",
    ]


def test_the_ring_wraps():
    store = small()
    size = store.ring_size
    ids = play(store, [i % 251 for i in range(3 * size + 1)])
    assert ids == list(range(3 * size + 1))
    stored = ids[-size:]
    # The two oldest frames are stored, but the stacks they end are not whole any more.
    assert values(store.stacks(np.array(stored[2:]))) == [
        [(i - 2) % 251, (i - 1) % 251, i % 251] for i in stored[2:]
    ]
    for overwritten in (stored[0], stored[1], stored[0] - 1, 0):
        with pytest.raises(ReplayError, match=r"frame \d+ is not stored"):
            store.stacks(np.array([stored[-1], overwritten]))
        with pytest.raises(ReplayError, match=r"frame \d+ is not stored"):
            store.span(overwritten)
    assert store.problems() == []


@pytest.mark.parametrize("frame_id", [-2, 5, 10**9])
def test_frames_that_never_were_are_refused(frame_id):
    store = small()
    play(store, [1, 2, 3, 4, 5])
    with pytest.raises(ReplayError, match=f"frame {frame_id} is not stored; the ring holds 0 to 4"):
        store.stacks(np.array([0, frame_id]))
    with pytest.raises(ReplayError, match=f"frame {frame_id} is not stored"):
        store.hold(0, frame_id, 0, 0)
    with pytest.raises(ReplayError, match="frame -1 is not stored"):
        store.span(NO_FRAME)


@pytest.mark.parametrize(
    ("previous", "env", "episode", "at", "message"),
    [
        (1, 1, 0, 2, "step 2 of episode 0 in environment 1 cannot follow step 1 of episode 0"),
        (1, 0, 1, 2, "step 2 of episode 1 in environment 0 cannot follow step 1 of episode 0"),
        (0, 0, 0, 2, "cannot follow step 0"),
        (1, 0, 0, 0, "cannot follow step 1"),
        (NO_FRAME, 0, 0, 3, "step 3 of episode 0 has no previous frame"),
        (7, 0, 0, 2, "frame 7 is not stored"),
    ],
)
def test_a_frame_must_continue_its_episode(previous, env, episode, at, message):
    store = small()
    play(store, [1, 2])
    with pytest.raises(ReplayError, match=re.escape(message)):
        store.add(frame(3), previous, env, episode, at)
    assert store.next_id == 2


@pytest.mark.parametrize(
    "observation",
    [np.zeros((3, 2), np.uint8), np.zeros(3, np.uint8), np.zeros((2, 3)), np.zeros((2, 3), int)],
)
def test_an_observation_that_does_not_fit_is_refused(observation):
    store = small()
    with pytest.raises(ReplayError, match="an observation of shape"):
        store.add(observation, NO_FRAME, 0, 0, 0)
    assert store.next_id == 0


def test_a_frame_that_a_live_transition_needs_is_not_overwritten():
    store = small()
    size = store.ring_size
    ids = play(store, range(size))
    # Transition 0 sees frames 2, 3 and 4, and bootstraps from 5.
    store.hold(ids[4], ids[5], transition_id=0, oldest_live=0)
    last = store.add(frame(0), ids[-1], 0, 0, size)
    last = store.add(frame(0), last, 0, 0, size + 1)
    with pytest.raises(ReplayError, match=r"frame 2 is still needed by transition 0"):
        store.add(frame(0), last, 0, 0, size + 2)
    assert store.next_id == size + 2
    # Once the transition is gone, so is the need.
    store.hold(ids[10], ids[11], transition_id=1, oldest_live=1)
    for at in range(size + 2, size + 8):
        last = store.add(frame(0), last, 0, 0, at)
    with pytest.raises(ReplayError, match=r"frame 8 is still needed by transition 1"):
        store.add(frame(0), last, 0, 0, size + 8)


def test_vectors_are_stored_whole():
    store = VectorStore(4, n_step=1, num_envs=1, shape=(3,))
    first = store.add(np.array([1.0, 2.0, 3.0]), NO_FRAME, 0, 0, 0)
    second = store.add(np.array([4, 5, 6]), first, 0, 0, 1)
    vectors = store.stacks(np.array([second, NO_FRAME, first]))
    assert vectors.dtype == np.float32
    assert vectors.tolist() == [[4, 5, 6], [0, 0, 0], [1, 2, 3]]
    assert store.span(second) == Span(1, 0, 1, 0, 1)


def test_the_ring_by_hand():
    # 100 transitions, two environments: (4 + 2 * 3 + 1) * 2 = 22 states besides. 122 states can
    # hold two whole games of 50 steps and a part of a third, so three more, and one for each
    # environment's current game.
    assert ring_size(100, stack=4, n_step=3, num_envs=2, shortest_truncated=50) == 100 + 22 + 3 + 2
    # With one-step episodes every state may bring a last state along.
    assert ring_size(100, stack=1, n_step=1, num_envs=1, shortest_truncated=1) == 2 * 104 + 1
