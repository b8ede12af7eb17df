"""CartPole with a reward at the end only, as y-kamiya's article on prioritized replay set it up."""

from __future__ import annotations

from typing import Any, SupportsFloat

import gymnasium
from gymnasium.utils import RecordConstructorArgs

ENV_ID = "rlaudit/CartPole-v0"
STEP_LIMIT = 200
LONG_EPISODE = 196


class RewardAtEnd(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Reward 0 in a step, and at the end +1 for an episode of 196 steps or more, -1 for another.

    An end by the step limit counts as well, so the wrapper goes around the limit.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        super().__init__(env)
        self._length = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        self._length = 0
        return super().reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Take one step."""
        observation, _, terminated, truncated, info = super().step(action)
        self._length += 1
        reward = 0.0
        if terminated or truncated:
            reward = 1.0 if self._length >= LONG_EPISODE else -1.0
        return observation, reward, terminated, truncated, info


def register() -> None:
    """Make the environment known to Gymnasium, once."""
    if ENV_ID not in gymnasium.registry:
        gymnasium.register(
            ENV_ID,
            entry_point="gymnasium.envs.classic_control.cartpole:CartPoleEnv",
            max_episode_steps=STEP_LIMIT,
            additional_wrappers=(RewardAtEnd.wrapper_spec(),),
        )
