"""Compare the final returns of two groups of runs, and say how much that rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rlaudit.curves.grouping import repeated_seeds
from rlaudit.curves.statistics import (
    RESAMPLES,
    bootstrap_interval,
    centre,
    difference_interval,
    probability_interval,
    probability_of_improvement,
)
from rlaudit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rlaudit.curves.model import Curve, Measure
    from rlaudit.curves.statistics import Interval, Statistic

# Below this, percentile intervals are clearly too narrow; see rlaudit.curves.statistics.
_FEW_SEEDS = 5
# Runs whose ends differ by more than this had unequal chances.
_UNEQUAL = 0.1


class FinalReturn(NamedTuple):
    """The last mean of one run: over ``episodes``, up to agent step ``step``."""

    run_id: str
    seed: int | None
    value: float
    episodes: int
    step: int


@dataclass(frozen=True, slots=True)
class FinalGroup:
    """One group: its runs, their mean or interquartile mean, and its interval if it has one."""

    name: str
    finals: tuple[FinalReturn, ...]
    centre: float
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """How much more ``b`` returns than ``a``, at the end of training.

    Attributes:
        measure: what the returns are.
        statistic: mean or interquartile mean over the runs.
        difference: that of ``b`` minus that of ``a``.
        interval: its 95% bootstrap interval; None if a group has one run.
        probability: that a run of ``b`` returns more than one of ``a``; a tie counts half.
        probability_interval: its 95% bootstrap interval; None as above.
        resamples: of the bootstrap.
        warnings: what a reader must know before believing it.
        notes: what was left out when the runs were read.

    """

    measure: Measure
    statistic: Statistic
    a: FinalGroup
    b: FinalGroup
    difference: float
    interval: Interval | None
    probability: float
    probability_interval: Interval | None
    resamples: int
    warnings: tuple[str, ...]
    notes: tuple[str, ...] = ()


def compare_groups(
    a: tuple[str, Sequence[Curve]],
    b: tuple[str, Sequence[Curve]],
    measure: Measure,
    *,
    statistic: Statistic = "mean",
    seed: int = 0,
) -> Comparison:
    """Compare two groups, each a name and the curves of its runs, by the last value of each curve.

    Raises:
        UsageError: for a group without runs, a run in both groups, and a last value that is no
            finite number.

    """
    for name, curves in (a, b):
        if not curves:
            raise UsageError(f"group {name} has no runs")
    shared = _runs(a[1]) & _runs(b[1])
    if shared:
        raise UsageError(
            f"run {min(shared)[1]} is in both groups", hint="name groups that exclude each other"
        )
    rng = np.random.default_rng(seed)
    first, second = (final_group(name, curves, statistic, rng) for name, curves in (a, b))
    x, y = (np.array([final.value for final in group.finals]) for group in (first, second))
    return Comparison(
        measure,
        statistic,
        first,
        second,
        second.centre - first.centre,
        difference_interval(x, y, statistic, rng),
        probability_of_improvement(x, y),
        probability_interval(x, y, rng),
        RESAMPLES,
        (
            *_environments([*a[1], *b[1]]),
            *_warnings(a, measure),
            *_warnings(b, measure),
            *_unequal(first, second),
        ),
    )


def _runs(curves: Sequence[Curve]) -> set[tuple[str, str]]:
    return {(curve.source, curve.run_id) for curve in curves}


def final_group(
    name: str, curves: Sequence[Curve], statistic: Statistic, rng: np.random.Generator
) -> FinalGroup:
    """Return the last values of a group's runs, their centre and its interval.

    Raises:
        UsageError: if a last value is no finite number.

    """
    finals = tuple(
        FinalReturn(c.run_id, c.seed, float(c.y[-1]), int(c.episodes[-1]), int(c.steps[-1]))
        for c in curves
    )
    for final in finals:
        if not np.isfinite(final.value):
            raise UsageError(
                f"the final return of run {final.run_id} is {final.value}",
                hint="look at it with rlaudit audit; --run chooses runs",
            )
    values = np.array([final.value for final in finals])
    interval = bootstrap_interval(values, statistic, rng)
    return FinalGroup(name, finals, float(centre(values, statistic)), interval)


def _warnings(group: tuple[str, Sequence[Curve]], measure: Measure) -> list[str]:
    name, curves = group
    found = []
    if len(curves) == 1:
        found.append(
            f"group {name} is one run, {curves[0].run_id}: the difference has no interval, since "
            "one seed does not show how much seeds differ"
        )
    elif len(curves) < _FEW_SEEDS:
        found.append(
            f"group {name} has {len(curves)} seeds: a bootstrap interval over so few is too narrow"
        )
    if len({curve.config_hash for curve in curves}) > 1:
        count = len({curve.config_hash for curve in curves})
        found.append(f"group {name} mixes runs of {count} different settings")
    found += repeated_seeds(name, curves)
    short = [c for c in curves if measure.phase == "train" and c.episodes[-1] < measure.window]
    found += [
        f"run {curve.run_id} of group {name} has {curve.episodes[-1]} episodes of {measure.window}"
        for curve in short
    ]
    return found


def _environments(curves: Sequence[Curve]) -> Iterator[str]:
    names = sorted({curve.env_id for curve in curves})
    if len(names) > 1:
        yield f"the runs are of different environments: {', '.join(names)}"


def _unequal(a: FinalGroup, b: FinalGroup) -> Iterator[str]:
    """Warn of runs that had more agent steps than others."""
    finals = [*a.finals, *b.finals]
    least = min(finals, key=lambda final: final.step)
    most = max(finals, key=lambda final: final.step)
    if least.step < (1 - _UNEQUAL) * most.step:
        yield (
            f"the runs end at different agent steps, from {least.step:,} ({least.run_id}) to "
            f"{most.step:,} ({most.run_id})"
        )
