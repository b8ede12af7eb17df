from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from rlaudit.config import EnvConfig
from rlaudit.envs import episode_seed, make_envs, resolve_env
from rlaudit.errors import EnvironmentSetupError


def all_of(env):
    return np.ones(env.num_envs, dtype=bool)


@pytest.mark.parametrize(
    ("name", "expected", "atari", "implied"),
    [
        ("breakout", "breakout", True, {}),
        ("ms_pacman", "ms_pacman", True, {}),
        ("ALE/Breakout-v5", "breakout", True, {"sticky_actions": 0.25}),
        ("BreakoutNoFrameskip-v4", "breakout", True, {"sticky_actions": 0.0}),
        ("cartpole", "CartPole-v1", False, {"max_episode_steps": 500}),
        ("CartPole-v0", "CartPole-v0", False, {"max_episode_steps": 200}),
        ("FrozenLake-v1", "FrozenLake-v1", False, {"max_episode_steps": 100}),
        ("Blackjack-v1", "Blackjack-v1", False, {}),
    ],
)
def test_a_name_resolves_to_what_is_trained_on(name, expected, atari, implied):
    assert resolve_env(name) == (expected, atari, implied)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("breakot", "'breakout'"), ("cartpol", "'cartpole'"), ("CartPole-v9", "'CartPole-v1'")],
)
def test_an_unknown_name_gets_the_nearest(name, hint):
    with pytest.raises(EnvironmentSetupError, match="unknown environment") as caught:
        resolve_env(name)
    assert hint in caught.value.hint


def test_a_random_frame_skip_is_refused():
    with pytest.raises(EnvironmentSetupError, match="random number of frames") as caught:
        resolve_env("Breakout-v4")
    assert "'breakout'" in caught.value.hint


def test_continuous_actions_are_refused():
    with pytest.raises(EnvironmentSetupError, match="discrete actions"):
        make_envs(EnvConfig(env="Pendulum-v1"))


def test_a_discrete_observation_becomes_one_hot():
    env = make_envs(EnvConfig(env="FrozenLake-v1"))
    observations, lives = env.reset(all_of(env), [3])
    assert env.observation_shape == (16,)
    assert observations.tolist() == [[1.0] + [0.0] * 15]
    assert lives is None
    env.close()


def test_actions_are_numbered_from_zero_whatever_the_space_starts_at():
    class Shifted(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(-1, 1, (1,))
        action_space = gymnasium.spaces.Discrete(2, start=5)

        def reset(self, *, seed=None, options=None):  # noqa: ARG002 - Gymnasium's signature
            super().reset(seed=seed)
            return np.zeros(1, np.float32), {}

        def step(self, action):
            return np.zeros(1, np.float32), float(action), False, False, {}

    gymnasium.register("Shifted-v0", Shifted)
    env = make_envs(EnvConfig(env="Shifted-v0"))
    env.reset(all_of(env), [0])
    assert env.step(np.array([1])).rewards.tolist() == [6.0]
    del gymnasium.registry["Shifted-v0"]


@pytest.mark.parametrize("name", ["breakout", "CartPole-v1"])
def test_a_masked_reset_starts_one_environment_and_leaves_the_others(name):
    env = make_envs(EnvConfig(env=name, num_envs=3))
    first, _ = env.reset(all_of(env), [11, 12, 13])
    first = first.copy()
    before = env.step(np.zeros(3, dtype=np.int64)).observations.copy()
    after, _ = env.reset(np.array([False, True, False]), [12])
    assert np.array_equal(after[0], before[0])
    assert np.array_equal(after[1], first[1])
    assert np.array_equal(after[2], before[2])
    env.close()


@pytest.mark.parametrize("name", ["breakout", "CartPole-v1"])
def test_every_step_after_an_end_is_a_real_one(name):
    """With autoreset one step per episode would ignore its action; here none does."""
    env = make_envs(EnvConfig(env=name, noop_max=0))
    rng = np.random.default_rng(0)
    observation, _ = env.reset(all_of(env), [1])
    games = 0
    while games < 2:
        step = env.step(rng.integers(0, env.num_actions, 1))
        if step.terminated[0] or step.truncated[0]:
            games += 1
            observation, _ = env.reset(all_of(env), [1])
            start = observation.copy()
            moved = env.step(np.array([env.num_actions - 1])).observations
            assert not np.array_equal(moved, start)
    env.close()


@pytest.mark.parametrize(("name", "action"), [("breakout", 0), ("MountainCar-v0", 1)])
@pytest.mark.parametrize("limit", [60, 0])
def test_the_longest_episode_is_the_one_that_the_settings_name(name, action, limit):
    env = make_envs(EnvConfig(env=name, max_episode_steps=limit))
    env.reset(all_of(env), [1])
    ends = []
    for step in range(1, 301):
        taken = env.step(np.array([action]))
        assert not taken.terminated[0]
        if taken.truncated[0]:
            ends.append(step)
            break
    assert ends == [limit] * bool(limit)
    env.close()


def test_a_lost_life_does_not_end_the_game():
    env = make_envs(EnvConfig(env="breakout"))
    rng = np.random.default_rng(0)
    _, lives = env.reset(all_of(env), [1])
    seen = [int(lives[0])]
    while True:
        step = env.step(rng.integers(0, 4, 1))
        if step.lives[0] != seen[-1]:
            seen.append(int(step.lives[0]))
        if step.terminated[0]:
            break
    assert seen == [5, 4, 3, 2, 1, 0]
    env.close()


def test_episode_seeds_do_not_repeat_across_runs_environments_or_episodes():
    seeds = {
        episode_seed(run, phase, env, episode)
        for run in range(5)
        for phase in ("train", "eval")
        for env in range(4)
        for episode in range(25)
    }
    assert len(seeds) == 5 * 2 * 4 * 25
    assert all(0 <= seed < 2**31 for seed in seeds)
