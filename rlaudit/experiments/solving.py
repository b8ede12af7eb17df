"""How many episodes the variants of an experiment took to solve it, beside what was published."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Literal

import numpy as np

from rlaudit.curves import Interval, bootstrap_interval
from rlaudit.errors import UsageError
from rlaudit.sqlfiles import read_sql
from rlaudit.store import open_for_reading

if TYPE_CHECKING:
    from pathlib import Path

    from rlaudit.experiments.plan import Experiment

Verdict = Literal["agrees", "higher", "lower", "unsolved"]
"""What was measured here, against what was published; unsolved: most runs are not solved."""

_MOST = 0.5
_NORMAL_975 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Solved:
    """One variant.

    Attributes:
        title: of the variant.
        published: mean that the source reports; None if it reports none.
        runs: seeds that ended.
        solved: those of them that were solved.
        solved_share: 95% interval of the share that is (Wilson 1927).
        mean: mean number of episodes of the solved runs; None if there is none.
        mean_interval: its 95% bootstrap interval over the seeds; None for fewer than two.
        median: median over all runs, an unsolved one last; None where that is an unsolved one.
        lower_bound: mean over all runs with an unsolved one at the number it stopped at, which
            is a lower bound.
        bound_interval: its 95% bootstrap interval.
    """

    title: str
    published: float | None
    runs: int
    solved: int
    solved_share: Interval
    mean: float | None
    mean_interval: Interval | None
    median: float | None
    lower_bound: float
    bound_interval: Interval | None

    @property
    def verdict(self) -> Verdict | None:
        """How the published mean stands to the runs here; None without one, or without enough.

        Sources that do not say what became of unsolved runs are compared with the solved ones.
        """
        if self.published is None:
            return None
        if self.solved_share.high < _MOST:
            return "unsolved"
        if self.mean_interval is None:
            return None
        low, high = self.mean_interval
        return "higher" if self.published < low else "lower" if self.published > high else "agrees"


def episodes_to_solve(experiment: Experiment, log: Path, *, seed: int = 0) -> list[Solved]:
    """Return a row for each variant of ``experiment`` of which ``log`` has runs.

    Raises:
        UsageError: the log has none.
        DatabaseError: it cannot be read.
    """
    with open_for_reading(log) as opened:
        rows = opened.con.execute(
            "SELECT name, episodes, episodes_to_solve FROM "  # noqa: S608 - a file of ours
            f"({read_sql('reports/episodes_to_solve.sql')})"
        ).fetchall()
    rng = np.random.default_rng(seed)
    found = []
    for variant in experiment.variants:
        name = f"{experiment.name} {variant.name}"
        outcomes = [(episodes, solved) for of, episodes, solved in rows if of == name]
        if outcomes:
            found.append(_solved(variant.title, variant.published, outcomes, rng))
    if not found:
        raise UsageError(f"{log} has no finished run of {experiment.name}")
    return found


def _solved(
    title: str,
    published: float | None,
    outcomes: list[tuple[int, int | None]],
    rng: np.random.Generator,
) -> Solved:
    solved = np.array([took for _, took in outcomes if took is not None], dtype=np.float64)
    bounds = np.array([took or episodes for episodes, took in outcomes], dtype=np.float64)
    ranked = np.sort([np.inf if took is None else float(took) for _, took in outcomes])
    median = float(np.median(ranked))
    return Solved(
        title=title,
        published=published,
        runs=len(outcomes),
        solved=len(solved),
        solved_share=wilson_interval(len(solved), len(outcomes)),
        mean=float(solved.mean()) if len(solved) else None,
        mean_interval=bootstrap_interval(solved, "mean", rng),
        median=median if np.isfinite(median) else None,
        lower_bound=float(bounds.mean()),
        bound_interval=bootstrap_interval(bounds, "mean", rng),
    )


def wilson_interval(hits: int, trials: int) -> Interval:
    """Return the 95% score interval of a share (Wilson 1927), for ``trials`` above 0."""
    share, z2 = hits / trials, _NORMAL_975**2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = sqrt(share * (1 - share) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    return Interval(max(0.0, middle - _NORMAL_975 * half), min(1.0, middle + _NORMAL_975 * half))
