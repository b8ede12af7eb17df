from __future__ import annotations

import numpy as np
import pytest

from rlaudit.config import EnvConfig
from rlaudit.envs import cartpole, make_envs, resolve_env


@pytest.fixture
def env():
    name = resolve_env("cartpole-per")
    made = make_envs(EnvConfig(env=name.name, **name.implied))
    made.reset(np.array([True]), [7])
    yield made
    made.close()


def test_a_short_episode_ends_with_minus_one(env):
    steps = [env.step(np.array([1]))]
    while not steps[-1].terminated[0]:
        steps.append(env.step(np.array([1])))
    assert [float(step.rewards[0]) for step in steps] == [0.0] * (len(steps) - 1) + [-1.0]


@pytest.mark.parametrize(("length", "reward"), [(195, -1.0), (196, 1.0), (200, 1.0)])
def test_the_reward_turns_at_196_steps(length, reward):
    made = cartpole.RewardAtEnd(_Endless(length))
    made.reset()
    rewards = [made.step(0)[1] for _ in range(length)]
    assert rewards == [0.0] * (length - 1) + [reward]


def test_the_step_limit_is_that_of_cartpole_v0():
    assert resolve_env("cartpole-per").implied == {"max_episode_steps": 200}


class _Endless(cartpole.gymnasium.Env):
    """Cut after ``length`` steps."""

    def __init__(self, length):
        self.left = length

    def reset(self, **_):
        return 0, {}

    def step(self, _):
        self.left -= 1
        return 0, 1.0, False, self.left == 0, {}
