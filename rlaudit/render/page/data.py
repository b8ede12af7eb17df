"""What the page shows of a log, read and summed up by SQL to what a plot can show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rlaudit.auditing import audit as audit_logs
from rlaudit.auditing import reporting, settings_of
from rlaudit.curves import Measure, Wish, group_curves, read_curves, summarise
from rlaudit.errors import UsageError
from rlaudit.store import list_runs, open_for_reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from rlaudit.auditing import AuditReport, Reporter
    from rlaudit.curves import Curve, CurvePlot
    from rlaudit.store import RunSummary

    Row = Mapping[str, Any]

MOST_DRAWN = 12
"""Runs that are drawn, the newest of those that are shown; a page of 5 MB has room for no more."""
_MOST_GROUPS = 12
_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Replay:
    """What one run's replay did: the rows of three reports; empty where the log has no ground."""

    heat_map: Sequence[Row] = ()
    histogram: Sequence[Row] = ()
    spans: Sequence[Row] = ()


@dataclass(frozen=True, slots=True)
class PageData:
    """Everything that the page says.

    Attributes:
        source: the log, as it was named.
        made_at: when it was read, in UTC.
        incomplete: what of the log could not be read; None if nothing.
        runs: those that are shown, oldest first.
        drawn: the ids of those that are drawn, oldest first; their places are their numbers.
        settings: the settings of each run by its id, as the log states them.
        differing: the rows of ``sql/reports/config_differences.sql``.
        curves: the learning curve of each drawn run that has one, by run id.
        groups: groups of seeds; None where no group has two.
        measure: what the values of the curves are.
        notes: what is missing from the curves, and why.
        replay: of each drawn run, by run id.
        audit: what the audit says; None if there was none.

    """

    source: str
    made_at: datetime
    incomplete: str | None
    runs: tuple[RunSummary, ...]
    drawn: tuple[str, ...]
    settings: Mapping[str, Mapping[str, Any]]
    differing: Sequence[Row]
    curves: Mapping[str, Curve]
    groups: CurvePlot | None
    measure: str
    notes: tuple[str, ...]
    replay: Mapping[str, Replay]
    audit: AuditReport | None


def read_page(
    source: str | Path,
    *,
    runs: Sequence[str] = (),
    audit: bool | AuditReport = True,
    judging: Mapping[str, Any] | None = None,
    wait: float = 10.0,
    on_progress: Callable[[int, int, str, str], object] | None = None,
    record: Path | None = None,
) -> PageData:
    """Read what the page shows of the log ``source``.

    Args:
        source: a log file.
        runs: ids of the runs to show; all if empty.
        audit: whether to run the checks as well, or what they found in the log as it is.
        judging: options of :func:`rlaudit.audit` on what is judged: ignore, require,
            min_judged, checks_dirs, baseline, timeout.
        wait: seconds to wait for a log that another process writes.
        on_progress: called as :func:`rlaudit.audit` does.
        record: history of the audits of a log that is shown again and again while it grows.

    Raises:
        UsageError: for a run that the log does not have, and as rlaudit.audit does.
        DatabaseError: for a log that cannot be read.

    """
    made_at = datetime.now(UTC)
    with open_for_reading(source, wait=wait, at_length=True) as log:
        incomplete = log.incomplete
        with reporting(log.con, runs=runs) as reporter:
            shown = tuple(run for run in list_runs(log) if not runs or run.run_id in runs)
            settings = _settings(reporter)
            differing = _rows(reporter, "config_differences")
        # A run id that two runs share is drawn once.
        drawn = tuple(dict.fromkeys(run.run_id for run in shown))[-MOST_DRAWN:]
        replay = {}
        if drawn:
            with reporting(log.con, runs=drawn) as reporter:
                replay = _replay(reporter, drawn)
    curves, measure, notes = _curves(source, runs, wait)
    found = None if isinstance(audit, bool) else audit
    if audit is True:
        found = audit_logs(
            source,
            run=runs or None,
            limit=_EXAMPLES,
            wait=wait,
            on_progress=on_progress,
            record=record,
            **(judging or {}),
        )
    return PageData(
        source=str(source),
        made_at=made_at,
        incomplete=incomplete,
        runs=shown,
        drawn=drawn,
        settings=settings,
        differing=differing,
        curves={curve.run_id: curve for curve in curves if curve.run_id in drawn},
        groups=_groups(curves, measure, notes),
        measure=str(measure),
        notes=tuple(notes),
        replay=replay,
        audit=found,
    )


def _settings(reporter: Reporter) -> dict[str, dict[str, Any]]:
    return {row["run_id"]: settings_of(row["config"]) for row in _rows(reporter, "run_settings")}


def _replay(reporter: Reporter, drawn: Sequence[str]) -> dict[str, Replay]:
    heat_map, histogram, spans = (
        _by_run(_rows(reporter, name, **params))
        for name, params in (
            ("priority_heat_map", {}),
            ("replay_histogram", {"bars": 40}),
            ("draws_over_time", {}),
        )
    )
    return {
        run: Replay(heat_map.get(run, ()), histogram.get(run, ()), spans.get(run, ()))
        for run in drawn
    }


def _rows(reporter: Reporter, name: str, **params: int) -> list[Row]:
    with reporter.answer(name, params) as answer:
        return [dict(zip(answer.rows.columns, row, strict=True)) for row in answer.rows]


def _by_run(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["run_id"], []).append(row)
    return found


def _curves(
    source: str | Path, runs: Sequence[str], wait: float
) -> tuple[list[Curve], Measure, list[str]]:
    """Return the learning curves by agent steps; none, with the reason, if there are none."""
    try:
        return read_curves(source, Wish(by="steps", runs=tuple(runs)), wait=wait)
    except UsageError as error:
        return [], Measure(), [str(error)]


def _groups(curves: Sequence[Curve], measure: Measure, notes: list[str]) -> CurvePlot | None:
    """Summarise the groups of runs that differ in nothing but the seed; None if none has two."""
    found = group_curves(curves)
    if all(len(group) < 2 for group in found.values()):
        return None
    shown = dict(list(found.items())[:_MOST_GROUPS])
    if len(shown) < len(found):
        notes.append(f"showing {len(shown)} of {len(found):,} groups")
    try:
        plot = summarise(shown, by="steps", measure=measure)
    except UsageError as error:
        notes.append(str(error))
        return None
    notes.extend(plot.notes)
    return plot
