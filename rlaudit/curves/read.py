"""Read curves out of logs. The queries thin them to what a plot can show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import numpy as np

from rlaudit.auditing.scope import refuse_unknown
from rlaudit.auditing.settings import settings_of
from rlaudit.auditing.sourcing import find_sources
from rlaudit.curves.model import Curve, Measure
from rlaudit.errors import NotALogError, QueryError, UsageError
from rlaudit.sqlfiles import read_sql
from rlaudit.store import first_line, open_for_reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from rlaudit.auditing.sourcing import Source
    from rlaudit.curves.model import Axis, Phase, Wish

WINDOW = 100
# Where no run has a hundred episodes: the widest of these that leaves a curve five points.
_SMALLER_WINDOWS = (50, 20, 10, 5, 2, 1)
_FEWEST_POINTS = 5

# More than the 200 points of a plot, since points of different runs need not coincide.
_MOST_POINTS = 500

_X: Mapping[Axis, str] = {"episodes": "done", "steps": "env_step", "hours": "hours"}


class _Run(NamedTuple):
    """One run of one log, as ``sql/reports/run_settings.sql`` describes it."""

    source: Source
    row: dict[str, Any]

    @property
    def run_id(self) -> str:
        return str(self.row["run_id"])

    def has(self, wish: Wish, phase: Phase) -> int:
        """Return the number of its episodes of ``phase``."""
        lives = wish.lives and phase == "train"
        return int(self.row["train_lives" if lives else f"{phase}_episodes"])


def read_curves(
    sources: str | Path | Iterable[str | Path], wish: Wish, *, wait: float = 10.0
) -> tuple[list[Curve], Measure, list[str]]:
    """Return the curves of the runs in ``sources``, what their values are, and notes for people.

    Args:
        sources: log files, or folders with logs in them and below.
        wish: what is wanted of them.
        wait: seconds to wait for a log that another process writes.

    Raises:
        UsageError: if nothing is there that ``wish`` asks for: no run, a run id that no log has,
            no episodes of the phase, no times.
        DatabaseError: for a log that cannot be read; in a folder, files of other kinds are left
            out.

    """
    _refuse_contradictions(wish)
    notes: list[str] = []
    found = _sources(sources, notes, wait)
    everything = [run for source in found for run in _runs(source, notes, wait)]
    runs = _chosen(everything, wish.runs)
    phase = wish.phase or _phase_of(runs, wish)
    if phase == "eval" and (unused := _of_training_only(wish)):
        notes.append(f"{unused} not used: the values are evaluations (--phase train)")
    _say_which_lack(runs, wish, phase, notes)
    runs = [run for run in runs if run.has(wish, phase)]
    if not runs:
        raise UsageError(
            f"no run has a finished {_episode(wish, phase)}",
            hint="rlaudit train --eval-every STEPS evaluates" if phase == "eval" else "",
        )
    window = _window(runs, wish, notes) if phase == "train" else 1
    read = {
        source.path: _points(source, wish, phase, window, wait)
        for source in dict.fromkeys(run.source for run in runs)
    }
    curves = []
    for run in runs:
        points = read[run.source.path].get(run.run_id, [])
        if problem := _problem(run, points, wish, phase, window):
            notes.append(f"{run.run_id} was left out: {problem}")
        else:
            curves.append(_curve(run, points, wish.by))
    if not curves:
        raise UsageError("nothing can be drawn: " + _why_nothing(runs, wish, window, notes))
    measure = Measure(phase, window, wish.lives and phase == "train", wish.clipped)
    return curves, measure, notes


def _refuse_contradictions(wish: Wish) -> None:
    if wish.window is not None and wish.window < 1:
        raise UsageError(f"no mean is over {wish.window} episodes", hint="--window 1 or more")
    if wish.by == "episodes" and wish.phase == "eval":
        raise UsageError(
            "evaluations are not counted in training episodes", hint="--by steps or --by hours"
        )


def _of_training_only(wish: Wish) -> str:
    """Say what of ``wish`` has no meaning for evaluations; "" if all has."""
    stated = [
        *(["--window"] if wish.window is not None else []),
        *(["--lives"] if wish.lives else []),
    ]
    return f"{' and '.join(stated)} {'were' if len(stated) > 1 else 'was'}" if stated else ""


def _sources(
    given: str | Path | Iterable[str | Path], notes: list[str], wait: float
) -> list[Source]:
    found = find_sources(given, wait=wait)
    if found.empty:
        problem = found.empty[0].problems[0]
        raise UsageError(problem.message, hint=problem.hint)
    notes += found.notes
    return found.logs


def _runs(source: Source, notes: list[str], wait: float) -> list[_Run]:
    try:
        with open_for_reading(source.path, wait=wait) as log:
            if log.incomplete:
                notes.append(f"{source.name} is incomplete: {log.incomplete}")
            rows = _rows(log.con, "reports/run_settings.sql", source)
    except NotALogError:
        if source.named:
            raise
        notes.append(f"{source.name} is no rlaudit log and was left out")
        return []
    counted = source.runs
    return [_Run(source, row) for row in rows if counted is None or row["run_id"] in counted]


def _rows(con: DuckDBPyConnection, file: str, source: Source) -> list[dict[str, Any]]:
    try:
        relation = con.sql(read_sql(file))
        return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
    except duckdb.Error as error:
        raise QueryError(f"cannot read {source.name}: {first_line(error)}") from error


def _chosen(runs: Sequence[_Run], wanted: Sequence[str]) -> list[_Run]:
    known = {run.run_id for run in runs}
    if not known:
        raise UsageError("the logs have no runs", hint="rlaudit runs FILE lists those of a log")
    refuse_unknown(wanted, known)
    return [run for run in runs if not wanted or run.run_id in wanted]


def _phase_of(runs: Sequence[_Run], wish: Wish) -> Phase:
    evaluated = all(run.has(wish, "eval") for run in runs)
    return "eval" if wish.by != "episodes" and evaluated else "train"


def _episode(wish: Wish, phase: Phase) -> str:
    if phase == "eval":
        return "evaluation episode"
    return "life in training" if wish.lives else "training episode"


def _say_which_lack(runs: Sequence[_Run], wish: Wish, phase: Phase, notes: list[str]) -> None:
    lacking = [run.run_id for run in runs if not run.has(wish, phase)]
    if lacking:
        shown = ", ".join(lacking[:3]) + (", ..." if len(lacking) > 3 else "")
        notes.append(
            f"{len(lacking)} of {len(runs)} runs have no finished {_episode(wish, phase)} and were "
            f"left out: {shown}"
        )


def window_for(episodes: int) -> int:
    """Return over how many episodes to take means where the longest run has ``episodes``."""
    if episodes >= WINDOW:
        return WINDOW
    fitting = (window for window in _SMALLER_WINDOWS if episodes // window >= _FEWEST_POINTS)
    return next(fitting, 1)


def _window(runs: Sequence[_Run], wish: Wish, notes: list[str]) -> int:
    if wish.window is not None:
        return wish.window
    longest = max(run.has(wish, "train") for run in runs)
    window = window_for(longest)
    if window == WINDOW:
        return window
    notes.append(
        f"no run has {WINDOW} {'lives' if wish.lives else 'episodes'} yet, the longest has "
        f"{longest}: each mean is over {window} (--window)"
    )
    return window


def _points(
    source: Source, wish: Wish, phase: Phase, window: int, wait: float
) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of ``sql/reports/return_curves.sql`` by run."""
    parameters = {
        "phase": phase,
        "last_episodes": window,
        "block": window if wish.by == "episodes" else 1,
        "lives": wish.lives,
        "clipped": wish.clipped,
        "most_points": _MOST_POINTS,
    }
    found: dict[str, list[dict[str, Any]]] = {}
    with open_for_reading(source.path, wait=wait, at_length=True) as log:
        for name, value in parameters.items():
            log.con.execute(f"SET VARIABLE {name} = ?", [value])
        for row in _rows(log.con, "reports/return_curves.sql", source):
            found.setdefault(row["run_id"], []).append(row)
    return found


def _problem(
    run: _Run, points: Sequence[Mapping[str, Any]], wish: Wish, phase: Phase, window: int
) -> str:
    """Say why no curve can be drawn through ``points``; nothing if one can."""
    count = run.has(wish, phase)
    if not points:
        if wish.by == "episodes" and count < window:
            return f"it has {count} of the {window} {_episode(wish, phase)}s of one mean (--window)"
        return f"its {_episode(wish, phase)}s have no {'clipped ' * wish.clipped}return"
    if any(point[_X[wish.by]] is None for point in points):
        return f"its episodes have no {'times' if wish.by == 'hours' else 'steps'}"
    return ""


def _why_nothing(runs: Sequence[_Run], wish: Wish, window: int, notes: Sequence[str]) -> str:
    longest = max(run.has(wish, "train") for run in runs)
    if wish.by == "episodes" and longest < window:
        return (
            f"no run has {window} {_episode(wish, 'train')}s, the longest has {longest} (--window)"
        )
    return notes[-1]


def _curve(run: _Run, points: Sequence[Mapping[str, Any]], by: Axis) -> Curve:
    row = run.row
    return Curve(
        run.run_id,
        np.array([point[_X[by]] for point in points], dtype=np.float64),
        np.array([point["mean_return"] for point in points], dtype=np.float64),
        np.array([point["episodes"] for point in points], dtype=np.int64),
        np.array([point["env_step"] or 0 for point in points], dtype=np.int64),
        source=run.source.name,
        name=row["name"] or "",
        env_id=row["env_id"] or "",
        seed=row["seed"],
        config_hash=row["config_hash"],
        config=settings_of(row["config"]),
    )
