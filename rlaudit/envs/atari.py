"""Atari through ALE's own vector environment: preprocessing and emulation run in C++.

Frames are 84 x 84 grey, the maximum over the last two emulator frames, ``frame_skip`` frames for
each step, up to ``noop_max`` no-ops at a start and FIRE pressed where the game needs it (Mnih et
al. 2015, methods). Rewards come unclipped. Lives are reported and never end an episode here: the
learner may treat a lost life as an end, while the game goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ale_py import Action
from ale_py.vector_env import AtariVectorEnv

from rlaudit.envs.base import EnvStep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rlaudit.config import EnvConfig

FRAME_SHAPE = (84, 84)
# What stands for no limit: to ALE, 0 frames are over after the first step.
_NO_LIMIT = np.iinfo(np.int32).max


def make_emulators(
    config: EnvConfig, shape: tuple[int, int], *, grayscale: bool = True
) -> AtariVectorEnv:
    """Make the emulators; what they are asked to show changes nothing of the games."""
    return AtariVectorEnv(
        config.env,
        config.num_envs,
        stack_num=1,
        img_height=shape[0],
        img_width=shape[1],
        grayscale=grayscale,
        frameskip=config.frame_skip,
        repeat_action_probability=config.sticky_actions,
        noop_max=config.noop_max,
        # ALE counts frame_skip frames for each step and none for the no-ops at the start.
        max_num_frames_per_episode=config.max_episode_steps * config.frame_skip or _NO_LIMIT,
        reward_clipping=False,
    )


class AtariEnvs:
    """ALE games as a :class:`~rlaudit.envs.base.VectorEnvironment`."""

    observation_shape: tuple[int, ...] = FRAME_SHAPE
    is_image = True

    def __init__(self, config: EnvConfig) -> None:
        self.num_envs = config.num_envs
        # One frame at a time: stacks are built by the loop and rebuilt by the replay, the same way.
        self._env = make_emulators(config, FRAME_SHAPE)
        actions = list(self._env.ale.get_action_set())
        self.num_actions = len(actions)
        self.fire_action = actions.index(Action.FIRE) if Action.FIRE in actions else None

    def reset(
        self, mask: NDArray[np.bool_], seeds: Sequence[int]
    ) -> tuple[NDArray[np.generic], NDArray[np.int64] | None]:
        """Begin new games; the reset that ALE would do in the next step does not happen then."""
        options = None if mask.all() else {"reset_mask": mask}
        frames, info = self._env.reset(seed=np.asarray(seeds, dtype=np.int64), options=options)
        return frames[:, 0], info["lives"].astype(np.int64)

    def step(self, actions: NDArray[np.int64]) -> EnvStep:
        """Take one step in every game."""
        frames, rewards, terminated, truncated, info = self._env.step(actions)
        return EnvStep(
            frames[:, 0],
            rewards.astype(np.float64),
            terminated,
            truncated,
            info["lives"].astype(np.int64),
        )

    def close(self) -> None:
        """Free the emulators."""
        self._env.close()
