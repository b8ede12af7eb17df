from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from rlaudit.config import EnvConfig
from rlaudit.envs import film, make_envs, pictures_per_second
from rlaudit.errors import EnvironmentSetupError

BREAKOUT = EnvConfig(env="breakout", num_envs=3, sticky_actions=0.25, frame_skip=3)


def test_atari_is_filmed_in_colour_as_it_was_played():
    rng = np.random.default_rng(1)
    actions = rng.integers(4, size=120).tolist()
    env = make_envs(replace(BREAKOUT, num_envs=1))
    env.reset(np.ones(1, dtype=bool), [11])
    rewards = [float(env.step(np.array([action])).rewards[0]) for action in actions]
    env.close()
    pictures = list(film(BREAKOUT, 11, actions))
    assert [picture.reward for picture in pictures] == [0.0, *rewards]
    assert sum(rewards) > 0
    start = pictures[0].pixels
    assert (start.shape, start.dtype) == ((210, 160, 3), np.uint8)
    # The top row of bricks is red.
    red, green, blue = start[60, 80].astype(int)
    assert red > 150
    assert max(green, blue) < 100
    # 60 emulator frames a second, of which a step takes 3.
    assert pictures_per_second(BREAKOUT) == 20


def test_cartpole_is_filmed_as_gymnasium_draws_it():
    pytest.importorskip("pygame")
    config = EnvConfig(env="CartPole-v1")
    pictures = list(film(config, 4, [0, 1, 0]))
    assert [picture.reward for picture in pictures] == [0.0, 1.0, 1.0, 1.0]
    assert pictures[0].pixels.shape == (400, 600, 3)
    assert not np.array_equal(pictures[0].pixels, pictures[3].pixels)
    assert pictures_per_second(config) == 50


def test_an_environment_that_draws_nothing_is_refused_by_name(monkeypatch):
    blind = SimpleNamespace(metadata={}, close=lambda: None)
    monkeypatch.setattr("rlaudit.envs.pictures.make_one", lambda _: blind)
    with pytest.raises(EnvironmentSetupError, match="CartPole-v1 draws no pictures"):
        pictures_per_second(EnvConfig(env="CartPole-v1"))
