"""Statistics over the seeds of a group, as Agarwal et al. 2021 recommend them for few seeds.

Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice", NeurIPS
2021 (arXiv 2108.13264). Intervals are percentile bootstraps over the seeds. Their coverage falls
short of what they promise where seeds are few: of normal scores, a 95% interval of the mean
covered the true one in 75% of 20,000 simulated groups of 3 seeds, 84% of 5 and 90% of 10.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Statistic = Literal["mean", "iqm"]

RESAMPLES = 10_000
LEVEL = 0.95
_HELD_AT_ONCE = 2_000_000


class Interval(NamedTuple):
    """Both ends of a confidence interval."""

    low: float
    high: float


def interquartile_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of the middle half of ``values`` (..., n) along the last axis: (...).

    A quarter of n, rounded down, is left out at either end: nothing of up to 3 values.
    """
    cut = values.shape[-1] // 4
    middle = np.sort(values, axis=-1)[..., cut : values.shape[-1] - cut]
    return np.asarray(middle.mean(axis=-1))


def centre(values: NDArray[np.float64], statistic: Statistic) -> NDArray[np.float64]:
    """Return the mean or the interquartile mean of ``values`` (..., n): (...)."""
    return interquartile_mean(values) if statistic == "iqm" else np.asarray(values.mean(axis=-1))


def bootstrap_interval(
    values: NDArray[np.float64],
    statistic: Statistic,
    rng: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Interval | None:
    """Return the percentile bootstrap interval of the centre of ``values`` (n,), one a seed.

    None for fewer than two values: one seed says nothing about the spread of seeds.
    """
    if len(values) < 2:
        return None
    return _percentiles(_centres(values, statistic, rng, resamples), level)


def difference_interval(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    statistic: Statistic,
    rng: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Interval | None:
    """Return the interval of the centre of ``b`` (m,) minus that of ``a`` (n,).

    The seeds of each group are resampled by themselves. None if a group has fewer than two.
    """
    if min(len(a), len(b)) < 2:
        return None
    drawn = _centres(b, statistic, rng, resamples) - _centres(a, statistic, rng, resamples)
    return _percentiles(drawn, level)


def probability_of_improvement(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return how often a run of ``b`` (m,) is above one of ``a`` (n,); a tie counts half.

    Agarwal et al. 2021: the Mann-Whitney U statistic over the n m pairs.
    """
    wins = (b[:, None] > a[None, :]) + 0.5 * (b[:, None] == a[None, :])
    return float(wins.mean())


def probability_interval(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    rng: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Interval | None:
    """Return the bootstrap interval of :func:`probability_of_improvement`; None as above."""
    if min(len(a), len(b)) < 2:
        return None
    wins = (b[:, None] > a[None, :]) + 0.5 * (b[:, None] == a[None, :])
    # How often each seed is drawn; a resampled probability is the mean of wins by these weights.
    rows = rng.multinomial(len(b), np.full(len(b), 1 / len(b)), size=resamples) / len(b)
    columns = rng.multinomial(len(a), np.full(len(a), 1 / len(a)), size=resamples) / len(a)
    return _percentiles(np.sum((rows @ wins) * columns, axis=1), level)


def _centres(
    values: NDArray[np.float64], statistic: Statistic, rng: np.random.Generator, resamples: int
) -> NDArray[np.float64]:
    """Return the centres of ``resamples`` draws with replacement: (resamples,)."""
    n = len(values)
    at_once = max(1, _HELD_AT_ONCE // n)
    parts = [
        centre(values[rng.integers(n, size=(min(at_once, resamples - done), n))], statistic)
        for done in range(0, resamples, at_once)
    ]
    return np.concatenate(parts)


def _percentiles(drawn: NDArray[np.float64], level: float) -> Interval:
    tail = 50 * (1 - level)
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return Interval(float(low), float(high))
