"""Priorities and importance-sampling weights as pure functions (Schaul et al. 2016)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def importance_weights(
    priorities: ArrayLike, total: float, size: int, beta: float
) -> NDArray[np.float32]:
    """Return (N p)^-beta, not yet divided by any maximum (Schaul et al. 2016, section 3.4).

    Args:
        priorities: shape (k,), the leaves that were drawn; above zero, as drawn leaves are.
        total: sum of all leaves; a probability is p = priority / total.
        size: N, the number of transitions that could be drawn; the capacity while the ring fills
            is a departure that some trainers make, and division by the batch's largest hides it.
        beta: exponent in [0, 1].

    Returns:
        Shape (k,), float32, computed in float64.
    """
    probabilities = np.asarray(priorities, np.float64) / total
    weights: NDArray[np.float64] = (size * probabilities) ** -beta
    return weights.astype(np.float32)


def beta_at(done: int, start: float, length: int, *, annealing: bool) -> float:
    """Return the exponent of the weights after ``done`` agent steps or episodes.

    Linear from ``start`` to 1 over ``length`` of them, and 1 from then on; ``start`` throughout if
    ``annealing`` is off. Schaul et al. 2016, section 3.4, annealed to the end of training.
    """
    if not annealing:
        return start
    return start + (1.0 - start) * min(1.0, done / length)


def priority_from_error(td_error: ArrayLike, epsilon: float, alpha: float) -> NDArray[np.float32]:
    """Return (abs(td_error) + epsilon)^alpha (Schaul et al. 2016, eq. 1 and section 3.3).

    Shape (k,) in and out; computed in float64 and rounded to the float32 that a tree holds.
    """
    errors = np.abs(np.asarray(td_error, np.float64))
    priorities: NDArray[np.float64] = (errors + epsilon) ** alpha
    return priorities.astype(np.float32)
