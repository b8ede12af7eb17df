from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaudit.errors import ReplayError
from rlaudit.replay.nstep import NStepWindows, StateTags, Step, n_step_return


def step(env, episode, at, *, reward=1.0, terminated=False, truncated=False):
    """A step whose ids and hashes name the state that they belong to."""
    name = 10_000 * env + 100 * episode + at
    return Step(
        state=StateTags(env, episode, at),
        next_state=StateTags(env, episode, at + 1),
        frame_id=name,
        next_frame_id=-1 if terminated else name + 1,
        action=at % 3,
        reward_raw=reward * 7,
        reward_clipped=reward,
        terminated=terminated,
        truncated=truncated,
        env_step=name,
        noise_draw=name + 5,
        obs_hash=name + 50_000,
        next_obs_hash=name + 50_001,
    )


def test_returns_by_hand():
    assert n_step_return([1.0, 2.0, 4.0], 0.5) == (1.0 + 1.0 + 1.0, 0.125)
    assert n_step_return([3.0], 0.9) == (3.0, 0.9)
    assert n_step_return([1.0, 1.0], 0.0) == (1.0, 0.0)
    assert n_step_return([1.0, -1.0, 1.0], 1.0) == (1.0, 1.0)


def test_three_steps_then_a_termination_by_hand():
    windows = NStepWindows(3, 0.5, 1)
    assert windows.push(0, step(0, 0, 0, reward=1.0)) == []
    assert windows.push(0, step(0, 0, 1, reward=2.0)) == []
    assert windows.pending(0) == 2
    (first,) = windows.push(0, step(0, 0, 2, reward=4.0))
    assert (first.n_rewards, first.reward_sum, first.discount) == (3, 3.0, 0.125)
    assert (first.state, first.next_state) == (StateTags(0, 0, 0), StateTags(0, 0, 3))
    assert (first.frame_id, first.next_frame_id) == (0, 3)
    assert (first.obs_hash, first.next_obs_hash) == (50_000, 50_003)
    assert (first.action, first.reward_raw, first.reward_clipped) == (0, 7.0, 1.0)
    assert (first.env_step, first.noise_draw) == (0, 5)
    assert not first.terminated
    assert not first.truncated

    tails = windows.push(0, step(0, 0, 3, reward=8.0, terminated=True))
    assert [w.state.episode_step for w in tails] == [1, 2, 3]
    assert [w.n_rewards for w in tails] == [3, 2, 1]
    assert [w.reward_sum for w in tails] == [2 + 2 + 2, 4 + 4, 8]
    assert [w.discount for w in tails] == [0.125, 0.25, 0.5]
    assert all(w.terminated and not w.truncated for w in tails)
    assert all(w.next_state == StateTags(0, 0, 4) and w.next_frame_id == -1 for w in tails)
    assert windows.pending(0) == 0


def test_a_truncation_keeps_its_last_state():
    windows = NStepWindows(5, 0.9, 1)
    windows.push(0, step(0, 0, 0))
    tails = windows.push(0, step(0, 0, 1, truncated=True))
    assert [(w.n_rewards, w.next_frame_id) for w in tails] == [(2, 2), (1, 2)]
    assert all(w.truncated and not w.terminated for w in tails)


def test_a_lost_life_ends_windows_and_the_game_goes_on():
    windows = NStepWindows(3, 0.9, 1)
    windows.push(0, step(0, 0, 0))
    lost = windows.push(0, step(0, 0, 1, terminated=True))
    assert [w.n_rewards for w in lost] == [2, 1]
    assert windows.push(0, step(0, 0, 2)) == []
    assert windows.push(0, step(0, 0, 3)) == []
    (window,) = windows.push(0, step(0, 0, 4))
    assert (window.state.episode_step, window.next_state.episode_step) == (2, 5)


def test_environments_do_not_mix():
    windows = NStepWindows(2, 1.0, 2)
    windows.push(0, step(0, 0, 0, reward=1.0))
    windows.push(1, step(1, 1, 0, reward=10.0))
    (zero,) = windows.push(0, step(0, 0, 1, reward=2.0))
    (one,) = windows.push(1, step(1, 1, 1, reward=20.0))
    assert (zero.reward_sum, one.reward_sum) == (3.0, 30.0)


def test_a_window_refuses_to_join_what_does_not_belong_together():
    windows = NStepWindows(3, 0.9, 2)
    with pytest.raises(ReplayError, match="environment 1 was given to the windows of env"):
        windows.push(0, step(1, 0, 0))
    windows.push(0, step(0, 0, 0))
    for stranger in (step(0, 0, 2), step(0, 1, 0)):
        with pytest.raises(ReplayError, match="cannot join"):
            windows.push(0, stranger)
    assert windows.pending(0) == 1
    windows.push(0, step(0, 0, 1))


def test_a_window_has_a_reward():
    with pytest.raises(ReplayError, match="windows of 0 rewards"):
        NStepWindows(0, 0.9, 1)


@st.composite
def histories(draw):
    """Interleaved steps of 1 to 4 environments, with ends of every kind."""
    num_envs = draw(st.integers(1, 4))
    at, episode, steps = [0] * num_envs, list(range(num_envs)), []
    kinds = st.sampled_from(["on"] * 6 + ["life", "terminated", "truncated", "both"])
    for env, kind, reward in draw(
        st.lists(
            st.tuples(st.integers(0, num_envs - 1), kinds, st.integers(-1, 1)),
            max_size=80,
        )
    ):
        steps.append(
            step(
                env,
                episode[env],
                at[env],
                reward=float(reward),
                terminated=kind in {"life", "terminated", "both"},
                truncated=kind in {"truncated", "both"},
            )
        )
        at[env] += 1
        if kind not in {"on", "life"}:
            at[env], episode[env] = 0, max(episode) + 1
    return num_envs, steps


@settings(max_examples=200)
@given(history=histories(), n_step=st.integers(1, 6))
def test_windows_agree_with_a_plain_recomputation(history, n_step):
    num_envs, steps = history
    gamma = 0.875
    windows = NStepWindows(n_step, gamma, num_envs)
    got = [window for s in steps for window in windows.push(s.state.env_index, s)]

    # Per environment, each stretch up to an end on its own, once it is all known.
    expected = {}
    for env in range(num_envs):
        stretch = []
        own = [s for s in steps if s.state.env_index == env]
        for s in own:
            stretch.append(s)
            if s.terminated or s.truncated or s is own[-1]:
                closed = s.terminated or s.truncated
                for first in range(len(stretch)):
                    used = stretch[first : first + n_step]
                    if len(used) == n_step or closed:
                        expected[used[0].state] = used
                stretch = []

    assert len(got) == len(expected)
    for window in got:
        used = expected[window.state]
        end = used[-1]
        assert window.n_rewards == len(used)
        assert window.reward_sum == sum(gamma**i * s.reward_clipped for i, s in enumerate(used))
        assert window.discount == gamma ** len(used)
        assert window.next_state == end.next_state
        assert window.next_state[:2] == window.state[:2]
        assert window.next_state.episode_step == window.state.episode_step + len(used)
        assert (window.terminated, window.truncated) == (end.terminated, end.truncated)
        assert (window.frame_id, window.next_frame_id) == (used[0].frame_id, end.next_frame_id)
        assert window.next_obs_hash == end.next_obs_hash
    pending = sum(windows.pending(env) for env in range(num_envs))
    assert len(got) + pending == len(steps)
