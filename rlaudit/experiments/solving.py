"""How many episodes the variants of an experiment took to solve it, beside what was published."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from rlaudit.curves import Interval, bootstrap_interval
from rlaudit.errors import UsageError
from rlaudit.sqlfiles import read_sql
from rlaudit.store import open_for_reading

if TYPE_CHECKING:
    from collections.abc import Sequence
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


class Outcome(NamedTuple):
    """One run: the episodes that count, and how many of them it took; None if it was not solved."""

    run_id: str
    seed: int
    episodes: int
    solved_after: int | None


def outcomes(experiment: Experiment, log: Path) -> dict[str, list[Outcome]]:
    """Return the runs of each variant of which ``log`` has any, by the variant's title.

    Raises:
        UsageError: the log has none.
        DatabaseError: it cannot be read.
    """
    with open_for_reading(log) as opened:
        rows = opened.con.execute(
            "SELECT name, run_id, seed, episodes, episodes_to_solve FROM "  # noqa: S608 - a file of ours
            f"({read_sql('reports/episodes_to_solve.sql')})"
        ).fetchall()
    found = {
        variant.title: [Outcome(*row[1:]) for row in rows if row[0] == experiment.run_name(variant)]
        for variant in experiment.variants
    }
    if not any(found.values()):
        raise UsageError(f"{log} has no finished run of {experiment.name}")
    return {title: runs for title, runs in found.items() if runs}


def episodes_to_solve(experiment: Experiment, log: Path, *, seed: int = 0) -> list[Solved]:
    """Return a row for each variant of ``experiment`` of which ``log`` has runs.

    Raises:
        UsageError: the log has none.
        DatabaseError: it cannot be read.
    """
    rng = np.random.default_rng(seed)
    published = {variant.title: variant.published for variant in experiment.variants}
    return [
        _solved(title, published[title], runs, rng)
        for title, runs in outcomes(experiment, log).items()
    ]


def _solved(
    title: str,
    published: float | None,
    runs: Sequence[Outcome],
    rng: np.random.Generator,
) -> Solved:
    solved = np.array([run.solved_after for run in runs if run.solved_after is not None], float)
    bounds = np.array([run.solved_after or run.episodes for run in runs], float)
    median = float(np.median([run.solved_after or np.inf for run in runs]))
    return Solved(
        title=title,
        published=published,
        runs=len(runs),
        solved=len(solved),
        solved_share=wilson_interval(len(solved), len(runs)),
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
