from __future__ import annotations

import numpy as np
import pytest

from rlaudit.config import EnvConfig
from rlaudit.envs import make_envs, repeat_episodes

ENVIRONMENTS = {
    "cartpole": EnvConfig(env="CartPole-v1", num_envs=3),
    "breakout, sticky": EnvConfig(env="breakout", num_envs=3, sticky_actions=0.25),
}


@pytest.mark.parametrize("lengths", [(0, 0, 0), (5, 0, 11), (70, 3, 40), (0, 9, 8)])
@pytest.mark.parametrize("config", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_episodes_of_any_lengths_are_played_again_and_end_together(config, lengths):
    seeds = [11, 12, 13]
    rng = np.random.default_rng(0)
    actions = [rng.integers(2, size=n).tolist() for n in lengths]
    if config.env == "CartPole-v1":
        # Left, right, left keeps the pole up for some 20 steps; who has more would have ended.
        actions = [([0, 1] * n)[: min(n, 16)] for n in lengths]
    # Each alone, in the first of the environments: what is to come out.
    expected = []
    for seed, taken in zip(seeds, actions, strict=True):
        env = make_envs(config)
        seen = [env.reset(np.ones(3, dtype=bool), [seed] * 3)[0][0].copy()]
        seen += [env.step(np.full(3, action)).observations[0].copy() for action in taken]
        following = env.step(np.full(3, 1)).observations[0].copy()
        env.close()
        expected.append((seen, following))
    env = make_envs(config)
    seen = [[], [], []]
    again = [[], [], []]
    for repeated in repeat_episodes(env, seeds, actions):
        seen[repeated.env_index].append(repeated.observation.copy())
        again[repeated.env_index].append(repeated.action)
        assert not repeated.ended
    following = env.step(np.ones(3, np.int64)).observations
    env.close()
    assert again == [[None, *taken] for taken in actions]
    for i, (wanted, wanted_next) in enumerate(expected):
        assert np.array_equal(seen[i], wanted)
        assert np.array_equal(following[i], wanted_next)


def test_an_environment_that_ends_while_it_waits_is_reset_and_not_told_of():
    env = make_envs(EnvConfig(env="CartPole-v1", num_envs=2))
    # 0 is done while the second one waits, and eleven steps to the left end an episode.
    long = [0, 1] * 8
    repeated = list(repeat_episodes(env, [1, 2], [long, [1]]))
    env.close()
    assert [r.action for r in repeated if r.env_index == 1] == [None, 1]
    assert [r.action for r in repeated if r.env_index == 0] == [None, *long]
    assert not any(r.ended for r in repeated)


def test_an_episode_that_ends_when_played_again_says_so():
    env = make_envs(EnvConfig(env="CartPole-v1", num_envs=1))
    ended = next(r for r in repeat_episodes(env, [1], [[0] * 20]) if r.ended)
    env.close()
    assert abs(ended.observation[2]) > 0.2  # radians: the pole has fallen
