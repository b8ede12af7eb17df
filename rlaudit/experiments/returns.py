"""What the variants of an experiment returned: their curves, and where those end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rlaudit.curves import Curve, Measure, final_group, read_curves, summarise
from rlaudit.errors import UsageError
from rlaudit.experiments.solving import outcomes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rlaudit.curves import CurvePlot, FinalGroup, Wish
    from rlaudit.experiments.plan import Experiment
    from rlaudit.experiments.solving import Outcome

# Between two points of the share of runs that are solved.
_EPISODES_APART = 5


def curve_plot(experiment: Experiment, log: Path) -> CurvePlot:
    """Return the plot of an experiment from the log of its episodes.

    Returns by variant, or where ``experiment.curves`` is None the share of runs that are solved,
    with a 95% bootstrap interval over the seeds.

    Raises:
        UsageError: the log has no run of the experiment.
        DatabaseError: it cannot be read.
    """
    if experiment.curves is None:
        # A run that stopped unsolved stays so, and a solved one stays solved.
        return summarise(
            _solved_curves(experiment, log),
            by="episodes",
            measure=Measure(label="share of runs that are solved"),
            ended="hold",
            title=experiment.title,
        )
    groups, measure = _return_curves(experiment, log, experiment.curves)
    return summarise(groups, by=experiment.curves.by, measure=measure, title=experiment.title)


def final_returns(experiment: Experiment, log: Path, *, seed: int = 0) -> list[FinalGroup]:
    """Return what the curves of each variant end with, for an experiment that plots returns.

    Raises:
        UsageError: the log has no run of the experiment, or a last value is no finite number.
        DatabaseError: it cannot be read.
    """
    assert experiment.curves is not None  # noqa: S101 - the caller asked for returns
    groups, _ = _return_curves(experiment, log, experiment.curves)
    rng = np.random.default_rng(seed)
    return [final_group(title, curves, "mean", rng) for title, curves in groups.items()]


def _return_curves(
    experiment: Experiment, log: Path, wish: Wish
) -> tuple[Mapping[str, Sequence[Curve]], Measure]:
    curves, measure, _ = read_curves(log, wish)
    groups = {
        variant.title: [c for c in curves if c.name == experiment.run_name(variant)]
        for variant in experiment.variants
    }
    found = {title: of for title, of in groups.items() if of}
    if not found:
        raise UsageError(f"{log} has no finished run of {experiment.name}")
    return found, measure


def _solved_curves(experiment: Experiment, log: Path) -> dict[str, list[Curve]]:
    found = outcomes(experiment, log)
    longest = max(o.episodes for runs in found.values() for o in runs)
    x = np.arange(0.0, longest + _EPISODES_APART, _EPISODES_APART)
    none = np.zeros(len(x), np.int64)

    def curve(run: Outcome) -> Curve:
        is_solved = np.asarray(x >= (run.solved_after or np.inf), np.float64)
        return Curve(run.run_id, x, is_solved, none, none, seed=run.seed)

    return {title: [curve(run) for run in runs] for title, runs in found.items()}
