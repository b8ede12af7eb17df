"""The exact interval of a share (Clopper and Pearson 1934)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def clopper_pearson(found: int, of: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of the probability behind ``found`` events in ``of`` trials.

    Its ends are the probabilities under which so many events or more, and so many or fewer, have
    a probability of half of what ``confidence`` leaves.
    """
    if not 0 <= found <= of or of < 1:
        raise ValueError(f"{found} of {of}")
    tail = (1 - confidence) / 2
    low = _root(lambda p: at_least(found, of, p) - tail) if found else 0.0
    high = _root(lambda p: tail - at_most(found, of, p)) if found < of else 1.0
    return low, high


def at_most(found: int, of: int, p: float) -> float:
    """Return the probability of ``found`` events or fewer in ``of`` trials."""
    return math.fsum(_probability(k, of, p) for k in range(found + 1))


def at_least(found: int, of: int, p: float) -> float:
    """Return the probability of ``found`` events or more in ``of`` trials."""
    return math.fsum(_probability(k, of, p) for k in range(found, of + 1))


def _probability(k: int, of: int, p: float) -> float:
    if p in (0.0, 1.0):
        return float(k == of * p)
    ways = math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1)
    return math.exp(ways + k * math.log(p) + (of - k) * math.log1p(-p))


def _root(rising: Callable[[float], float]) -> float:
    """Return where a function that rises over [0, 1] is zero, by bisection."""
    low, high = 0.0, 1.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        if rising(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2
