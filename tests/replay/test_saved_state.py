"""What the replay's parts go on from: a part that is restored is the saved one, bit for bit."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaudit.errors import CheckpointError
from rlaudit.replay.frames import FrameStore, VectorStore
from rlaudit.replay.nstep import NStepWindows, StateTags, Step
from rlaudit.replay.saved import fill
from rlaudit.replay.sumtree import SumTree


def restored(part, new):
    new.load_state(copy.deepcopy(part.state()))
    return new


@given(
    capacity=st.sampled_from([1, 33, 1_500, 40_000]),
    seed=st.integers(0, 2**32 - 1),
    writes=st.integers(0, 30),
)
def test_a_restored_tree_draws_and_sums_as_the_saved_one(capacity, seed, writes):
    rng = np.random.default_rng(seed)
    tree = SumTree(capacity)
    for _ in range(writes):
        tree.set(rng.integers(capacity, size=8), rng.random(8, np.float32) ** 3)
        tree.set_one(int(rng.integers(capacity)), float(np.float32(rng.random())))
    again = restored(tree, SumTree(capacity))
    assert again.problems() == []
    assert (again.total, again.max_leaf()) == (tree.total, tree.max_leaf())
    for one in (tree, again):
        one.set_one(0, 0.25)
    assert (again.total, again.max_leaf()) == (tree.total, tree.max_leaf())
    masses = rng.random(16) * tree.total
    assert again.find(masses).tolist() == tree.find(masses).tolist()


@pytest.mark.parametrize("frames", [0, 3, 150])
def test_a_restored_store_rebuilds_the_same_stacks_and_takes_the_next_frame(frames):
    def store():
        return FrameStore(20, n_step=2, num_envs=1, stack=3, shape=(4, 5))

    one = store()
    for i in range(frames):
        step = i % 7
        frame = np.full((4, 5), i % 256, np.uint8)
        one.add(frame, i - 1 if step else -1, 0, i // 7, step)
        if step:
            one.hold(i - 1, i, i, max(0, i - 19))
    again = restored(one, store())
    assert again.problems() == []
    assert again.next_id == frames
    ids = np.arange(max(0, frames - 12), frames)
    assert np.array_equal(again.stacks(ids), one.stacks(ids))
    assert again.add(np.zeros((4, 5), np.uint8), -1, 0, 99, 0) == frames


def test_a_state_of_another_size_is_refused():
    wide = VectorStore(9, n_step=1, num_envs=1, shape=(3,))
    wide.add(np.zeros(3, np.float32), -1, 0, 0, 0)
    with pytest.raises(CheckpointError, match=r"shape \(1, 3\) .* run has shape \(1, 2\)"):
        restored(wide, VectorStore(9, n_step=1, num_envs=1, shape=(2,)))
    with pytest.raises(CheckpointError, match="type float64 where"):
        fill(np.zeros(3, np.float32), np.zeros(3), 3)
    with pytest.raises(CheckpointError, match="shape"):
        restored(SumTree(64), SumTree(96))


def test_open_windows_go_on_as_if_nothing_had_been():
    def step(i):
        return Step(
            state=StateTags(0, 4, i),
            next_state=StateTags(0, 4, i + 1),
            frame_id=i,
            next_frame_id=i + 1,
            action=1,
            reward_raw=0.1 + i,
            reward_clipped=0.1,
            terminated=False,
            truncated=False,
            env_step=50 + i,
            noise_draw=None if i % 2 else 7,
            obs_hash=2**64 - 1 - i,
        )

    windows = NStepWindows(3, 0.99, 2)
    for i in range(2):
        assert windows.push(0, step(i)) == []
    again = restored(windows, NStepWindows(3, 0.99, 2))
    assert again.pending(0) == 2
    assert again.push(0, step(2)) == windows.push(0, step(2))
    with pytest.raises(CheckpointError, match="2 environments, the run has 1"):
        restored(windows, NStepWindows(3, 0.99, 1))
