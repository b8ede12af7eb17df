"""One look at a log: all its runs, and one of them closely. The file is open for a moment."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from rlaudit.auditing.reporting import find_report, reporting
from rlaudit.auditing.settings import settings_of
from rlaudit.curves import window_for
from rlaudit.store import list_runs, open_for_reading

if TYPE_CHECKING:
    from pathlib import Path

    from rlaudit.auditing.reporting import Reporter
    from rlaudit.sqlfiles import ReportFile
    from rlaudit.store import Patience, RunSummary

_REPORTS = ("run_settings", "return_curves", "priority_course")
# Twice as many as a character cell of a wide terminal's plot has dots side by side.
_MOST_POINTS = 400


@dataclass(frozen=True, slots=True)
class PriorityPoint:
    """Quantiles of the finite priorities that some updates up to ``env_step`` drew.

    None stands for no finite priority. ``not_finite`` counts the others.
    """

    env_step: int
    not_finite: int
    p10: float | None
    p50: float | None
    p90: float | None
    greatest: float | None


@dataclass(frozen=True, slots=True)
class Detail:
    """One run, closely.

    Attributes:
        run_id: the run.
        planned_steps: agent steps that it is to do; None where its settings do not say.
        window: training episodes that each value of the curve is the mean of, fewer at its start.
        curve: agent step and mean raw return; the latter may be NaN or infinite.
        priorities: in the order of the steps.

    """

    run_id: str
    planned_steps: int | None
    window: int
    curve: tuple[tuple[int, float], ...]
    priorities: tuple[PriorityPoint, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """What a log looked like.

    Attributes:
        taken_at: when it was read, UTC without a zone.
        runs: all runs, oldest first.
        detail: the run that was asked for; None if there is no such run, or none was asked for.
        incomplete: what of the log is not shown; None if nothing is missing.
        spooled: some rows stand in the spool beside the file.
        seconds_open: for how long the file was open, so that nothing could write to it.

    """

    taken_at: datetime
    runs: tuple[RunSummary, ...]
    detail: Detail | None
    incomplete: str | None
    spooled: bool
    seconds_open: float


def take_look(path: Path, run_id: str | None, *, wait: float | Patience) -> Look:
    """Read the log at ``path``: all runs, and closely the one with the id ``run_id``.

    Raises what :func:`rlaudit.store.open_for_reading` raises.
    """
    _reports()  # parsed before the file is opened
    with open_for_reading(path, wait=wait) as log:
        began = time.monotonic()
        runs = tuple(list_runs(log))
        detail = None
        if run_id in {run.run_id for run in runs}:
            with reporting(log.con, _reports(), runs=[run_id]) as reporter:
                detail = _detail(reporter, run_id)
        incomplete, spooled = log.incomplete, bool(log.spooled)
    now = datetime.now(UTC).replace(tzinfo=None)
    return Look(now, runs, detail, incomplete, spooled, time.monotonic() - began)


@cache
def _reports() -> tuple[ReportFile, ...]:
    return tuple(find_report(name) for name in _REPORTS)


def _detail(reporter: Reporter, run_id: str) -> Detail:
    run = reporter.frame("run_settings").row(0, named=True)
    window = window_for(run["train_episodes"])
    curve = reporter.frame("return_curves", last_episodes=window, block=1, most_points=_MOST_POINTS)
    points = curve.select("env_step", "mean_return").drop_nulls().rows()
    priorities = reporter.frame("priority_course").select(
        "env_step", "not_finite", "priority_p10", "priority_p50", "priority_p90", "priority_max"
    )
    return Detail(
        run_id,
        _planned_steps(run["config"]),
        window,
        tuple(points),
        tuple(PriorityPoint(*row) for row in priorities.rows()),
    )


def _planned_steps(config: str | None) -> int | None:
    steps = settings_of(config).get("steps")
    return steps if isinstance(steps, int) and steps > 0 else None
