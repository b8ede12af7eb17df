"""The interface that the training loop sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


class EnvStep(NamedTuple):
    """What one step of E environments gave; arrays have shape (E,) but for the observations."""

    observations: NDArray[np.generic]  # (E, *observation_shape); an ended episode's last state
    rewards: NDArray[np.float64]  # as the environment gives them, not clipped
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    lives: NDArray[np.int64] | None  # lives left, where the game has lives


class VectorEnvironment(Protocol):
    """E environments stepped side by side, without autoreset.

    Both Gymnasium's and ALE's vector environments reset by themselves in the step after an end,
    which gives a step that is no transition. Here :meth:`step` is always E real steps, and the
    caller resets the ended ones with :meth:`reset` before the next step, each with its own seed.
    """

    num_envs: int
    num_actions: int
    observation_shape: tuple[int, ...]
    """Shape of one observation; for images one frame (height, width), without a stack."""
    fire_action: int | None
    """The action FIRE of an Atari game that has it."""
    is_image: bool

    def reset(
        self, mask: NDArray[np.bool_], seeds: Sequence[int]
    ) -> tuple[NDArray[np.generic], NDArray[np.int64] | None]:
        """Begin new episodes where ``mask`` (E,) is true, one seed for each of them in order.

        Returns:
            Observations (E, *observation_shape) and lives (E,) or None; the rows outside the mask
            are the running episodes' current ones.
        """

    def step(self, actions: NDArray[np.int64]) -> EnvStep:
        """Take ``actions`` (E,), numbered from 0."""

    def close(self) -> None:
        """Free what the environments hold."""
