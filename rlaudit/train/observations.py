"""What the agent is shown: stacks of an environment's last frames, or its flat observation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rlaudit.envs import VectorEnvironment


def no_observations(
    env: VectorEnvironment, frame_stack: int
) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Return room for what is shown of each environment, all zeros.

    Shape (environments, frame_stack, height, width) uint8 for images, (environments, size) float32
    otherwise.
    """
    if env.is_image:
        return np.zeros((env.num_envs, frame_stack, *env.observation_shape), np.uint8)
    return np.zeros((env.num_envs, *env.observation_shape), np.float32)


def show(shown: NDArray[np.generic], observation: NDArray[np.generic], *, stacked: bool) -> None:
    """Put an environment's newest observation into ``shown``; of a stack the oldest frame leaves.

    At an episode's start the caller empties ``shown`` first.
    """
    if stacked:
        shown[:-1] = shown[1:]
        shown[-1] = observation
    else:
        shown[:] = observation
