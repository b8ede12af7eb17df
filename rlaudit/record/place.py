"""Where a process's rows go, and whether they are still there.

The log may be deleted, replaced by another one, cut, or put back from an older copy while it is
written to. Each flush leaves there its segment's heartbeat, and the next one looks for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from rlaudit.record.ledger import ROW_TABLES, Ledger
from rlaudit.record.segment import Segment
from rlaudit.store import commits, fold

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from duckdb import DuckDBPyConnection


class Left(NamedTuple):
    """What the last flush left in the log: which one it is, and the segment's heartbeat."""

    log: str
    heartbeat_at: datetime


@dataclass(slots=True)
class Place:
    """The segment under which this process's rows are stored.

    Attributes:
        segment: the segment.
        earlier: segments of this process that ended because rows of them were gone.
        base: what the rows of those that are in the log say of rows: the ledger of ``segment`` is
            that of the process less this.
        left: what the last flush left in the log; None before the first one.
        last_ids: the greatest ids of ``segment`` in the log, for those who look for them.
        entries: rows by table of each of its flushes that is in the spool, as far as is known.
        flushes: how many flushes it has spooled.

    """

    segment: Segment
    earlier: tuple[Segment, ...] = ()
    base: Ledger = field(default_factory=Ledger)
    left: Left | None = None
    last_ids: dict[str, int] = field(default_factory=dict)
    entries: dict[str, dict[str, int]] = field(default_factory=dict)
    flushes: int = 0

    @property
    def first(self) -> Segment:
        """The segment under which this process began."""
        return self.earlier[0] if self.earlier else self.segment


def heartbeat(con: DuckDBPyConnection, segment: Segment) -> datetime | None:
    """Return the heartbeat of ``segment`` in the log; None if it is not there."""
    rows = con.execute(
        "SELECT heartbeat_at FROM raw.segments WHERE segment_id = ?", [segment.segment_id]
    ).fetchall()
    return rows[0][0] if rows else None


def find_gone(
    con: DuckDBPyConnection, place: Place, written: Mapping[str, int]
) -> dict[str, int] | None:
    """Return by table which of the rows ``written`` are not in the log; None if it is whole.

    It is as it was left if it is the same log and has the heartbeat of the last flush. Otherwise
    it may be a copy of it, or others may have folded in what was spooled: the rows are counted.
    """
    if place.left is None:
        return None
    beat = heartbeat(con, place.segment)
    if (commits.log_id(con), beat) == place.left:
        return None
    segments = [segment.segment_id for segment in (*place.earlier, place.segment)]
    gone = {}
    for table in ROW_TABLES:
        there = con.execute(
            f"SELECT count(*) FROM raw.{table} "  # noqa: S608 - our schema's names
            "WHERE segment_id IN (SELECT unnest(?::VARCHAR[]))",
            [segments],
        ).fetchall()[0][0]
        if written[table] > there:
            gone[table] = written[table] - there
    return gone if gone or beat is None else None


def begin_again(
    con: DuckDBPyConnection, place: Place, ended: Mapping[str, Any], now: datetime
) -> Place:
    """Return the place of a new segment, which goes on in the log that is there now.

    ``ended`` is the row of the segment before as it ended. Where the log has no row of it, the new
    segment's ledger tells of its rows as well.
    """
    if heartbeat(con, place.segment) is not None:
        fold.write_segment(con, ended)
    earlier = (*place.earlier, place.segment)
    con.execute(
        "UPDATE raw.segments SET state = 'failed', ended_at = ? "
        "WHERE state = 'running' AND list_contains(?, segment_id)",
        [now, [each.segment_id for each in earlier]],
    )
    segment = Segment(place.segment.run, ended["end_step"], now)
    return Place(segment, earlier, _told_of(con, earlier))


def is_of_process(con: DuckDBPyConnection, place: Place, run_id: str) -> bool:
    """Say whether the run ``run_id`` of the log is the one that this process works on."""
    known = [segment.segment_id for segment in place.earlier]
    if place.first.resume:
        known.append(place.first.resume.segment_id)
    began = place.first.began()
    return bool(
        con.execute(
            "SELECT 1 FROM raw.segments "
            "WHERE run_id = $run_id AND list_contains($known, segment_id) "
            "UNION ALL SELECT 1 FROM raw.runs WHERE run_id = $run_id "
            "AND (host, pid, started_at) = ($host, $pid, $started_at) LIMIT 1",
            {"run_id": run_id, "known": known, **began},
        ).fetchall()
    )


def _told_of(con: DuckDBPyConnection, segments: tuple[Segment, ...]) -> Ledger:
    """Return the sum of what the log's rows of ``segments`` say of rows."""
    rows = con.execute(
        "SELECT rows_offered, rows_written, rows_spooled, rows_dropped FROM raw.segments "
        "WHERE list_contains(?, segment_id)",
        [[segment.segment_id for segment in segments]],
    ).fetchall()
    told = Ledger()
    for offered, written, spooled, dropped in rows:
        told.offered.update(offered)
        told.written.update(written)
        told.spooled.update(spooled)
        told.dropped.update(dropped)
    return told
