"""Bring the runs of each group to common points, and summarise them there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from rlaudit.curves.grouping import repeated_seeds
from rlaudit.curves.statistics import bootstrap_interval, centre
from rlaudit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from rlaudit.curves.model import Axis, Curve, Measure
    from rlaudit.curves.statistics import Statistic

Ended = Literal["cut", "hold", "leave"]

_MOST_POINTS = 200
_RESAMPLES = 2_000
# A group whose shortest run is shorter than its longest by less than this is as good as whole.
_SHORTER = 0.05


@dataclass(frozen=True, slots=True)
class GroupCurve:
    """One group at the points ``x``; all arrays are (points,).

    ``low`` and ``high`` are the ends of the 95% interval, NaN where fewer than two runs count;
    ``count`` is the number of runs that count at each point. ``centre`` is NaN where a run of the
    group has a mean that is no finite number. ``runs`` are all of its runs.
    """

    name: str
    runs: int
    x: NDArray[np.float64]
    centre: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    count: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CurvePlot:
    """What a plot of learning curves shows."""

    by: Axis
    measure: Measure
    statistic: Statistic
    groups: tuple[GroupCurve, ...]
    notes: tuple[str, ...] = ()
    title: str = ""
    caption: str = ""


def summarise(
    groups: Mapping[str, Sequence[Curve]],
    *,
    by: Axis,
    measure: Measure,
    statistic: Statistic = "mean",
    ended: Ended = "cut",
    seed: int = 0,
    title: str = "",
    caption: str = "",
) -> CurvePlot:
    """Return the plot of ``groups``, each of the curves of its seeds.

    At a point, a run has the value of its newest point at or before it. A group begins where all of
    its runs have one.

    Args:
        groups: the curves of each group by the group's name.
        by: what the curves run over.
        measure: what their values are.
        statistic: mean or interquartile mean over the runs.
        ended: what becomes of a group when one of its runs has ended while others go on: ``cut``
            ends it there, ``hold`` keeps the ended run's last value, ``leave`` goes on with those
            that remain.
        seed: of the bootstrap.
        title: above the plot.
        caption: below the plot, such as the source of a figure.

    Raises:
        UsageError: if no group has anything to show.

    """
    notes: list[str] = []
    environments = sorted({curve.env_id for curves in groups.values() for curve in curves})
    if len(environments) > 1 and not measure.normalised:
        notes.append(f"returns of different environments share one axis: {', '.join(environments)}")
    rng = np.random.default_rng(seed)
    drawn = []
    for name, curves in groups.items():
        notes += [*repeated_seeds(name, curves), *_not_finite(name, curves)]
        points = _points(name, curves, ended, notes)
        group = _summary(name, curves, points, statistic, ended=ended, rng=rng)
        if np.isfinite(group.centre).any():
            drawn.append(group)
    if not drawn:
        raise UsageError("nothing can be drawn: " + "; ".join(notes or ["there are no runs"]))
    return CurvePlot(by, measure, statistic, tuple(drawn), tuple(notes), title, caption)


def position_text(x: float) -> str:
    """Return a place on the axis of a plot for people: 1,500,000 steps, 0.0375 hours."""
    return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.4g}"


def _points(
    name: str, curves: Sequence[Curve], ended: Ended, notes: list[str]
) -> NDArray[np.float64]:
    """Return where the group is shown: points of its runs, 200 at most."""
    start = max(curve.x[0] for curve in curves)
    shortest = min(curves, key=lambda curve: float(curve.x[-1]))
    longest = max(float(curve.x[-1]) for curve in curves)
    end = float(shortest.x[-1]) if ended == "cut" else longest
    if start > end:
        notes.append(
            f"{name}: run {shortest.run_id} ends at {position_text(end)}, before others begin, so "
            "that its runs have no common range (--ended leave, or choose runs with --run)"
        )
    elif end < (1 - _SHORTER) * longest:
        notes.append(
            f"{name} is drawn to {position_text(end)}, where its run {shortest.run_id} ends; the "
            f"longest ends at {position_text(longest)} (--ended hold or leave goes on)"
        )
    union = np.unique(np.concatenate([curve.x for curve in curves]))
    union = union[(union >= start) & (union <= end)]
    apart = -(-len(union) // _MOST_POINTS)
    # From the end, so that the last point is kept.
    return np.asarray(union[::-1][:: max(1, apart)][::-1])


def _not_finite(name: str, curves: Sequence[Curve]) -> Iterator[str]:
    for curve in curves:
        if wrong := int(np.count_nonzero(~np.isfinite(curve.y))):
            yield (
                f"{name}: {wrong} of {len(curve.y)} means of run {curve.run_id} are no finite "
                "number, and nothing is drawn there"
            )


def _values(curve: Curve, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the run's value at each of ``points``: its newest, also after its end."""
    return np.asarray(curve.y[np.searchsorted(curve.x, points, side="right") - 1])


def _summary(
    name: str,
    curves: Sequence[Curve],
    points: NDArray[np.float64],
    statistic: Statistic,
    *,
    ended: Ended,
    rng: np.random.Generator,
) -> GroupCurve:
    """Summarise the runs of a group at each of ``points``."""
    values = np.stack([_values(curve, points) for curve in curves])
    ends = np.array([curve.x[-1] for curve in curves])
    middle, low, high = (np.full(len(points), np.nan) for _ in range(3))
    count = np.zeros(len(points), dtype=np.int64)
    for i, point in enumerate(points):
        there = values[ends >= point, i] if ended == "leave" else values[:, i]
        count[i] = len(there)
        if not np.isfinite(there).all():
            continue
        middle[i] = centre(there, statistic)
        interval = bootstrap_interval(there, statistic, rng, resamples=_RESAMPLES)
        if interval is not None:
            low[i], high[i] = interval
    return GroupCurve(name, len(curves), points, middle, low, high, count)
