"""Gymnasium environments with a discrete action space, through Gymnasium's vector API."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import FlattenObservation

from rlaudit.envs import cartpole
from rlaudit.envs.base import EnvStep
from rlaudit.errors import EnvironmentSetupError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rlaudit.config import EnvConfig


class GymnasiumEnvs:
    """Any Gymnasium environment as a :class:`~rlaudit.envs.base.VectorEnvironment`.

    Observations are flattened to float32 vectors; a Discrete one becomes one-hot.

    Raises:
        EnvironmentSetupError: if the environment cannot be made, its actions are not discrete, or
            its observations have no fixed size.
    """

    is_image = False
    fire_action: int | None = None

    def __init__(self, config: EnvConfig) -> None:
        self.num_envs = config.num_envs
        first = make_one(config)
        actions = first.action_space
        if not isinstance(actions, gymnasium.spaces.Discrete):
            first.close()
            raise EnvironmentSetupError(
                f"{config.env} has the action space {actions}, and rlaudit trains agents that "
                "choose among discrete actions",
                hint="pick an environment whose action space is Discrete",
            )
        if not first.observation_space.is_np_flattenable:
            first.close()
            raise EnvironmentSetupError(
                f"{config.env} has observations of no fixed size: {first.observation_space}"
            )
        self.num_actions = int(actions.n)
        self._first_action = int(actions.start)
        shape = gymnasium.spaces.utils.flatten_space(first.observation_space).shape
        self.observation_shape: tuple[int, ...] = tuple(shape or ())
        first.close()
        # Autoreset is off: the loop resets ended episodes itself, with a seed for each.
        self._env = gymnasium.vector.SyncVectorEnv(
            [lambda: FlattenObservation(make_one(config))] * config.num_envs,
            autoreset_mode=AutoresetMode.DISABLED,
        )

    def reset(
        self, mask: NDArray[np.bool_], seeds: Sequence[int]
    ) -> tuple[NDArray[np.generic], NDArray[np.int64] | None]:
        """Begin new episodes where ``mask`` is true."""
        own_seeds = np.full(self.num_envs, -1, dtype=np.int64)
        own_seeds[mask] = seeds
        observations, _ = self._env.reset(
            seed=[int(s) if s >= 0 else None for s in own_seeds], options={"reset_mask": mask}
        )
        return observations.astype(np.float32), None

    def step(self, actions: NDArray[np.int64]) -> EnvStep:
        """Take one step in every environment."""
        observations, rewards, terminated, truncated, _ = self._env.step(
            actions + self._first_action
        )
        return EnvStep(observations.astype(np.float32), rewards, terminated, truncated, None)

    def close(self) -> None:
        """Close every environment."""
        self._env.close()


def make_one(config: EnvConfig, **options: Any) -> gymnasium.Env[Any, Any]:
    """Make one environment, with ``options`` for ``gymnasium.make``.

    Raises:
        EnvironmentSetupError: it cannot be made.
    """
    cartpole.register()
    env_id = config.env
    try:
        with warnings.catch_warnings():
            # "out of date": the user asked for this version, to repeat an older experiment.
            warnings.filterwarnings("ignore", message=".*is out of date.*")
            # To Gymnasium, -1 is no limit and None is that of the id.
            limit = config.max_episode_steps or -1
            return gymnasium.make(env_id, max_episode_steps=limit, **options)
    except (gymnasium.error.Error, ImportError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise EnvironmentSetupError(f"cannot make {env_id}: {reason}") from error
