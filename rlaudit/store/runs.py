"""The runs of a log, and whether each is still alive."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, cast

from rlaudit.errors import UsageError
from rlaudit.sqlfiles import read_sql
from rlaudit.store.exact import Exact, fetch_exact
from rlaudit.store.processes import pid_alive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from duckdb import DuckDBPyConnection

    from rlaudit.store.log import Log

RunState = Literal["running", "finished", "interrupted", "failed", "dead"]

# A living recorder gives a sign every ten seconds or so, in the file or in the spool.
DEAD_AFTER = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run as ``rlaudit runs`` lists it; steps are agent steps over all environments.

    ``episodes`` counts finished training episodes, ``mean_return`` is the mean raw return of the
    last 100 of them (None before the first), and ``rows`` counts the rows of all tables that its
    recorder stored. ``heartbeat_at`` is the last sign of life, at which ``steps`` were done;
    another's trainer may give neither time.
    """

    run_id: str
    name: str
    env_id: str
    state: RunState
    steps: int
    episodes: int
    mean_return: float | None
    rows: int
    started_at: datetime | None
    heartbeat_at: datetime | None


def list_runs(log: Log) -> list[RunSummary]:
    """Return every run of ``log``, oldest first."""
    result = log.con.sql(read_sql("reports/runs.sql"))
    now = datetime.now(UTC).replace(tzinfo=None)
    summaries = []
    for values in Exact(result).rows():
        row = dict(zip(result.columns, values, strict=True))
        state = run_state(row, now, socket.gethostname(), pid_alive)
        # A time that Python has not, as one that is infinite, is none.
        row |= {key: _time(row[key]) for key in ("started_at", "heartbeat_at")}
        shown = {key: row[key] for key in RunSummary.__slots__ if key != "state"}
        summaries.append(RunSummary(state=state, **shown))
    return summaries


def run_state(
    segment_row: Mapping[str, Any],
    now: datetime,
    this_host: str,
    pid_alive: Callable[[int], bool | None],
) -> RunState:
    """Return the state of a segment: what it wrote last, or ``dead`` if that cannot be true.

    Reads ``state``, ``heartbeat_at``, ``host`` and ``pid`` of the row. ``now`` is UTC without a
    zone, as the log's times are. ``pid_alive`` returns None where it cannot know.
    """
    state = segment_row["state"]
    if state is None:
        return "dead"  # a run without a segment: nothing can be said to work on it
    if state != "running":
        return cast("RunState", state)
    heartbeat = _time(segment_row["heartbeat_at"])
    if heartbeat is None or now - heartbeat > DEAD_AFTER:
        return "dead"
    pid = segment_row["pid"]
    if pid is not None and segment_row["host"] == this_host and pid_alive(pid) is False:
        return "dead"
    return "running"


def _time(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None


def refuse_if_running(con: DuckDBPyConnection, run_id: str) -> None:
    """Raise :class:`UsageError` if a process is at work on a run, as far as the log can tell."""
    columns = ("state", "heartbeat_at", "host", "pid")
    rows = fetch_exact(
        con,
        f"SELECT {', '.join(columns)} FROM raw.segments WHERE run_id = ?",  # noqa: S608 - columns named above
        [run_id],
    )
    now, host = datetime.now(UTC).replace(tzinfo=None), socket.gethostname()
    for row in rows:
        segment = dict(zip(columns, row, strict=True))
        if run_state(segment, now, host, pid_alive) == "running":
            raise UsageError(
                f"run {run_id!r} is still running in process {segment['pid']} on {segment['host']}",
                hint="wait until it ends; a process that was killed counts as gone after a minute",
            )
