"""Rows in memory: columns that fill, and cuts that take what is in them."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from rlaudit.errors import UsageError, did_you_mean
from rlaudit.record.columns import Columns, check_columns, column_names
from rlaudit.record.ledger import ROW_TABLES
from rlaudit.record.rows import TABLE_OF, now_us, stamped
from rlaudit.record.segment import Progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    import pyarrow as pa

    from rlaudit.record.rows import Row
    from rlaudit.record.segment import State
    from rlaudit.records import SampleRows

_CAPACITIES = {
    "episodes": 256,
    "transitions": 16_384,
    "updates": 8_192,
    "samples": 65_536,
    "events": 64,
}
# Rows in memory that bring the next flush forward.
_EARLY_FLUSH_BYTES = 32 * 2**20
# One step in this many is timed, for the estimate of the recorder's share of the trainer's thread.
# A prime, so that the steps that are timed fall on every phase of the trainer's update period.
TIMED_STEPS = 61


@dataclass(slots=True)
class Cut:
    """All rows up to one point of the run, on their way to the thread that writes them."""

    columns: list[Columns]
    progress: Progress
    state: State
    nbytes: int
    done: threading.Event = field(default_factory=threading.Event)

    def tables(self) -> dict[str, list[pa.Table]]:
        """Return the rows by table."""
        tables: dict[str, list[pa.Table]] = {}
        for columns in self.columns:
            tables.setdefault(columns.table, []).append(columns.to_arrow())
        return tables


class _NotHere:
    """Takes the place of a lock in a forked child: whoever would take it is refused."""

    def __init__(self, refusal: UsageError) -> None:
        self._refusal = refusal

    def __enter__(self) -> NoReturn:
        raise self._refusal.with_traceback(None)

    def __exit__(self, *_error: object) -> None:
        """Is never reached."""


class Gathering:
    """Takes rows and hands them on as cuts; a recorder is one with a thread that writes them."""

    def __init__(self, start_step: int) -> None:
        self._lock: AbstractContextManager[object] = threading.Lock()
        self._columns = {table: Columns(table, _CAPACITIES[table]) for table in ROW_TABLES}
        self._full: list[Columns] = []
        self._taken: dict[str, int] = dict.fromkeys(ROW_TABLES, 0)
        self._progress = Progress(start_step)
        self._cuts: queue.SimpleQueue[Cut] = queue.SimpleQueue()
        self._cut_wanted = False
        self._cut_state: State = "running"
        self._sent_bytes = 0
        self._steps = 0
        self._timing = False
        self._timed_ns = 0
        self._closed = False
        self._ends_by_signal = False

    # --- handing rows over -------------------------------------------------------------------

    def append(self, row: Row) -> None:
        """Record one row; None in it is NULL.

        Raises :class:`TypeError` or :class:`ValueError` for a value that its column cannot hold.
        """
        began = time.perf_counter_ns() if self._timing else 0
        table = TABLE_OF.get(type(row))
        values: Sequence[Any] = row
        if table is None or table == "episodes":
            table, values = stamped(row)
        with self._lock:
            columns = self._columns[table]
            if columns.count == columns.capacity:
                columns = self._next_columns(table)
            columns.append(values)
        if began:
            self._timed_ns += time.perf_counter_ns() - began

    def extend(self, rows: SampleRows) -> None:
        """Record the samples of one update: ``len(rows.batch_index)`` rows."""
        began = time.perf_counter_ns() if self._timing else 0
        count = len(rows.batch_index)
        with self._lock:
            columns = self._columns["samples"]
            if columns.capacity - columns.count < count:
                columns = self._next_columns("samples", count)
            columns.extend(count, rows)
        if began:
            self._timed_ns += time.perf_counter_ns() - began

    def extend_columns(self, table: str, count: int, columns: Mapping[str, Any]) -> None:
        """Record ``count`` rows of ``table`` at once, given by columns.

        Each is an array of shape (count,), a scalar, or None for NULL; a masked array is NULL
        where it is masked. A column that is absent is NULL, except that episodes and events get
        the present time. Arrays are copied. An integer column takes integers of any width and
        sign by their bits.

        Raises :class:`UsageError` for a table, name, length or type that does not fit.
        """
        if table not in ROW_TABLES:
            raise UsageError(f"no table {table!r}", hint=did_you_mean(table, ROW_TABLES))
        given = dict(columns)
        stamp = {"episodes": "ended_at", "events": "happened_at"}.get(table)
        if stamp:
            given.setdefault(stamp, now_us())
        try:
            checked = check_columns(table, count, given)
        except ValueError as error:
            raise UsageError(str(error)) from error
        with self._lock:
            room = self._columns[table]
            if room.room < count:
                room = self._next_columns(table, count)
            room.extend(count, [checked.get(name) for name in column_names(table)])

    def progress(self, env_step: int, open_episodes: int, open_episode_steps: int) -> None:
        """Say that all rows up to ``env_step`` are handed over, and what is under way.

        Args:
            env_step: agent steps of the run so far, over all environments.
            open_episodes: train episodes that have begun and not ended.
            open_episode_steps: agent steps in them so far.

        """
        self._progress = Progress(env_step, open_episodes, open_episode_steps)
        self._steps += 1
        self._timing = self._steps % TIMED_STEPS == 0
        if self._cut_wanted:
            self._send_cut(self._cut_state)

    # --- handing them on ---------------------------------------------------------------------

    # --- between the threads -----------------------------------------------------------------

    def _offered(self) -> dict[str, int]:
        offered = {table: n + self._columns[table].count for table, n in self._taken.items()}
        for columns in self._full:
            offered[columns.table] += columns.count
        return offered

    def _next_columns(self, table: str, count: int = 0) -> Columns:
        """Put full columns aside and return empty ones with room for ``count`` rows."""
        if self._closed:
            self._refuse_closed()
        fresh = Columns(table, max(_CAPACITIES[table], count))
        full = [*self._full, self._columns[table]]
        # Ctrl-C can come with any call, and here is none: else rows could be lost, or come twice.
        self._full, self._columns[table] = full, fresh
        if sum(columns.nbytes for columns in full) > _EARLY_FLUSH_BYTES:
            self._cut_wanted = True
        return fresh

    def _want_cut(self) -> None:
        self._cut_wanted = True

    def _send_cut(self, state: State = "running") -> Cut | None:
        """Hand all rows so far to the thread; return None if it has got the last ones already."""
        with self._lock:
            if self._closed:
                return None
            columns = [*self._full, *(c for c in self._columns.values() if c.count)]
            cut = Cut(columns, self._progress, state, sum(c.nbytes for c in columns))
            taken = dict(self._taken)
            for part in columns:
                taken[part.table] += part.count
            closed = state != "running"
            # Without room the next row asks for more, and is refused then.
            room = {
                table: present
                if not (closed or present.count)
                else Columns(table, 0 if closed else _CAPACITIES[table])
                for table, present in self._columns.items()
            }
            sent_bytes = self._sent_bytes + cut.nbytes
            # As above: no call comes before the last of these.
            self._full, self._columns, self._taken = [], room, taken
            self._cut_wanted, self._closed, self._sent_bytes = False, closed, sent_bytes
            self._cuts.put(cut)
        return cut

    def _refuse_closed(self) -> NoReturn:
        while self._ends_by_signal:  # it comes in a moment; an error would be one more end
            threading.Event().wait()
        raise UsageError("the recorder is closed")

    def _drop(self, refusal: UsageError) -> None:
        """Forget the rows, and raise ``refusal`` at every use from now on."""
        self._lock = _NotHere(refusal)
        self._cut_wanted = True  # so that progress() comes to the lock, too
        self._full = []
        self._columns = {table: Columns(table, 0) for table in ROW_TABLES}
