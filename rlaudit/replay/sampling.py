"""Draws of one batch, by mass (prioritized) or by slot (uniform), as pure functions.

A mass is a point in [0, total), total being the sum of all priorities; ``SumTree.find`` turns it
into a slot. Prioritized draws are with replacement, as in Schaul et al. 2016: a transition may
fill several positions of one batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rlaudit.errors import ReplayError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def stratified_masses(rng: np.random.Generator, total: float, k: int) -> NDArray[np.float64]:
    """Draw one mass from each of k equal parts of [0, total), in order; shape (k,).

    Schaul et al. 2016, appendix B.2.1.
    """
    return _below(total, (np.arange(k) + rng.random(k)) * (total / k))


def independent_masses(rng: np.random.Generator, total: float, k: int) -> NDArray[np.float64]:
    """Draw k masses from [0, total), each without regard to the others; shape (k,)."""
    return _below(total, rng.random(k) * total)


def uniform_slots(
    rng: np.random.Generator, size: int, k: int, *, replacement: bool
) -> NDArray[np.int64]:
    """Draw k of the slots 0 to size - 1, each as likely as any other; shape (k,).

    Raises:
        ReplayError: k distinct slots are asked for and there are fewer.
    """
    if replacement:
        return rng.integers(size, size=k)
    if k > size:
        raise ReplayError(
            f"a batch of {k} without replacement from {size} transitions",
            hint="start learning later, or lower batch_size",
        )
    return rng.choice(size, size=k, replace=False)


def _below(total: float, masses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keep rounding from carrying a mass up to ``total`` itself."""
    return np.minimum(masses, np.nextafter(total, 0.0))
