"""Plots made by hand."""

from __future__ import annotations

import numpy as np

from rlaudit.curves import CurvePlot, GroupCurve, Measure


def group(name, y, *, x=None, low=None, high=None, runs=5, count=None):
    y = np.asarray(y, dtype=np.float64)
    nothing = np.full(len(y), np.nan)
    return GroupCurve(
        name,
        runs,
        100.0 * np.arange(1, len(y) + 1) if x is None else np.asarray(x, dtype=np.float64),
        y,
        nothing if low is None else np.asarray(low, dtype=np.float64),
        nothing if high is None else np.asarray(high, dtype=np.float64),
        np.full(len(y), runs) if count is None else np.asarray(count),
    )


def plot(*groups, **options):
    stated = {"by": "episodes", "measure": Measure(), "statistic": "mean", **options}
    return CurvePlot(groups=groups, **stated)


TWO = plot(
    group("base", [1, 2, 3], low=[0, 1, 2], high=[2, 3, 4]),
    group("one run", [3, 2, 1], runs=1),
)
