"""A whole stream of episodes through store, windows and replay, next to a plain model of it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaudit.config import ReplayConfig
from rlaudit.errors import ReplayError
from rlaudit.replay.frames import NO_FRAME, FrameStore, VectorStore
from rlaudit.replay.nstep import NStepWindows, StateTags, Step
from rlaudit.replay.replay import Replay


class Game:
    """One environment's current episode: all its frames, in a list."""

    def __init__(self, env, episode):
        self.env, self.episode, self.frames, self.ids, self.steps = env, episode, [], [], []

    def tags(self):
        return StateTags(self.env, self.episode, len(self.frames) - 1)


class Stream:
    """A trainer without a learner, and the plain model: every stack that a transition must show."""

    def __init__(self, store, encode, config, num_envs, *, stack, truncate_after, seed):
        self.store, self.encode, self.stack, self.config = store, encode, stack, config
        self.rng = np.random.default_rng(seed)
        self.truncate_after = truncate_after
        self.windows = NStepWindows(config.n_step, config.gamma, num_envs)
        self.replay = Replay(config, store, self.rng)
        self.serial = itertools.count(1)
        self.episodes = itertools.count()
        self.expected = []
        self.spans = []
        self.games = [self.reset(env) for env in range(num_envs)]

    def reset(self, env):
        game = Game(env, next(self.episodes))
        self.see(game)
        return game

    def see(self, game, *, stored=True):
        game.frames.append(self.encode(next(self.serial)))
        if stored:
            previous = game.ids[-1] if game.ids else NO_FRAME
            tags = game.tags()
            game.ids.append(self.store.add(game.frames[-1], previous, *tags))

    def rounds(self, number):
        for _ in range(number):
            self.round()

    def round(self):
        """Step every environment once."""
        for env, game in enumerate(self.games):
            kind = self.rng.choice(
                ["on", "life", "terminated", "truncated"], p=[0.8, 0.1, 0.05, 0.05]
            )
            if kind == "truncated" and len(game.frames) < self.truncate_after:
                kind = "on"
            state = game.tags()
            self.see(game, stored=kind != "terminated")
            step = Step(
                state=state,
                next_state=game.tags(),
                frame_id=game.ids[state.episode_step],
                next_frame_id=NO_FRAME if kind == "terminated" else game.ids[-1],
                action=int(self.rng.integers(4)),
                reward_raw=0.0,
                reward_clipped=float(self.rng.integers(-1, 2)),
                terminated=kind in {"life", "terminated"},
                truncated=kind == "truncated",
                env_step=0,
            )
            for window in self.windows.push(env, step):
                self.expect(game, window)
                self.replay.add(window)
            if kind in {"terminated", "truncated"}:
                self.games[env] = self.reset(env)

    def expect(self, game, window):
        """Note what the model says of a new transition, from the episode's own list of frames."""
        at, end = window.state.episode_step, window.next_state.episode_step
        bootstraps = not (window.terminated and window.next_frame_id == NO_FRAME)
        self.expected.append(
            (self.stack_at(game, at), self.stack_at(game, end if bootstraps else -1), window)
        )
        self.spans.append((min(at + 1, self.stack), game.episode, max(0, at + 1 - self.stack), at))

    def stack_at(self, game, at):
        padding = [np.zeros_like(game.frames[0])] * self.stack
        return np.stack((padding + game.frames[: at + 1])[-self.stack :])

    def check_all_live(self):
        """Draw everything that is alive and compare it with the model."""
        replay = self.replay
        if replay.size < replay.capacity:
            return
        batch = replay.sample(0)
        assert sorted(batch.transition_ids.tolist()) == list(
            range(len(self.expected) - replay.capacity, len(self.expected))
        )
        for position, transition_id in enumerate(batch.transition_ids.tolist()):
            state, next_state, window = self.expected[transition_id]
            shape = batch.observations[position].shape
            assert np.array_equal(batch.observations[position], state.reshape(shape))
            assert np.array_equal(batch.next_observations[position], next_state.reshape(shape))
            assert batch.actions[position] == window.action
            assert batch.reward_sums[position] == np.float32(window.reward_sum)
            assert batch.discounts[position] == np.float32(window.discount)
            assert batch.terminated[position] == window.terminated
            frames, episode, first, last = self.spans[transition_id]
            assert replay.probe(batch, position)[2:] == (frames, episode, first, episode, last)
        assert replay.problems() == []


def whole_buffer(capacity, n_step):
    return ReplayConfig(
        capacity=capacity,
        batch_size=capacity,
        n_step=n_step,
        gamma=0.9,
        prioritized=False,
        sampling="uniform",
        replacement=False,
    )


def encode_frame(serial):
    return np.array([serial], "<u4").view(np.uint8).reshape(2, 2)


def encode_vector(serial):
    return np.array([serial], np.float32)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    capacity=st.integers(1, 40),
    n_step=st.integers(1, 5),
    num_envs=st.integers(1, 4),
    stack=st.integers(1, 5),
    truncate_after=st.integers(1, 12),
)
def test_stacks_never_cross_an_episode_an_environment_or_the_write_head(
    *, seed, capacity, n_step, num_envs, stack, truncate_after
):
    store = FrameStore(
        capacity,
        n_step=n_step,
        num_envs=num_envs,
        stack=stack,
        shape=(2, 2),
        shortest_truncated=truncate_after,
    )
    stream = Stream(
        store,
        encode_frame,
        whole_buffer(capacity, n_step),
        num_envs,
        stack=stack,
        truncate_after=truncate_after,
        seed=seed,
    )
    # The ring of frames wraps at least three times.
    while store.next_id < 4 * store.ring_size:
        stream.rounds(7)
        stream.check_all_live()


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    capacity=st.integers(1, 40),
    n_step=st.integers(1, 5),
    num_envs=st.integers(1, 4),
)
def test_vectors_keep_both_ends_of_every_transition(seed, capacity, n_step, num_envs):
    store = VectorStore(capacity, n_step=n_step, num_envs=num_envs, shape=(1,))
    stream = Stream(
        store,
        encode_vector,
        whole_buffer(capacity, n_step),
        num_envs,
        stack=1,
        truncate_after=1,
        seed=seed,
    )
    while store.next_id < 4 * store.ring_size:
        stream.rounds(7)
        stream.check_all_live()


class AllTruncated:
    """Chooses a truncation at every step."""

    def choice(self, *_args, **_kwargs):
        return "truncated"

    def integers(self, *_args):
        return 1


@pytest.mark.parametrize("n_step", [1, 3])
def test_a_ring_for_one_step_episodes_holds_them(n_step):
    store = VectorStore(20, n_step=n_step, num_envs=3, shape=(1,))
    config = whole_buffer(20, n_step)
    stream = Stream(store, encode_vector, config, 3, stack=1, truncate_after=1, seed=0)
    stream.rng = AllTruncated()
    stream.rounds(60)
    stream.check_all_live()


def test_a_ring_for_longer_episodes_says_that_it_is_too_small():
    store = FrameStore(100, n_step=1, num_envs=1, stack=4, shape=(2, 2), shortest_truncated=50)
    config = whole_buffer(100, 1)
    stream = Stream(store, encode_frame, config, 1, stack=4, truncate_after=1, seed=0)
    stream.rng = AllTruncated()
    with pytest.raises(ReplayError, match=r"frame \d+ is still needed by transition \d+"):
        stream.rounds(200)
