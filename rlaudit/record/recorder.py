"""What a trainer talks to: rows go into columns here, and one thread writes them."""

from __future__ import annotations

import atexit
import queue
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from rlaudit.errors import DatabaseWriteError, RlauditError, UsageError, did_you_mean
from rlaudit.record.columns import Columns, check_columns, column_names
from rlaudit.record.ledger import ROW_TABLES, Ledger
from rlaudit.record.rows import TABLE_OF, now_us, refuse_bad_json, stamped
from rlaudit.record.segment import Progress, Resume, State
from rlaudit.record.writer import RunWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    import pyarrow as pa

    from rlaudit.record.rows import Row
    from rlaudit.records import RunInfo, SampleRows

_CAPACITIES = {
    "episodes": 256,
    "transitions": 16_384,
    "updates": 8_192,
    "samples": 65_536,
    "events": 64,
}
# Rows in memory that bring the next flush forward, and those that are kept for a disk that takes
# nothing.
_EARLY_FLUSH_BYTES = 32 * 2**20
_MAX_PENDING_BYTES = 256 * 2**20
# Rows that have not even reached the writer by then show that it hangs.
_MAX_WAITING_BYTES = 512 * 2**20
# One step in this many is timed, for the estimate of the recorder's share of the trainer's thread.
# A prime, so that the steps that are timed fall on every phase of the trainer's update period.
_TIMED_STEPS = 61
# How much longer than its wait for the lock the thread may take to end before close() gives up.
_JOIN_GRACE_SECONDS = 60.0


@dataclass(slots=True)
class _Cut:
    """All rows up to one point of the run, on their way to the thread that writes them."""

    columns: list[Columns]
    progress: Progress
    state: State = "running"
    done: threading.Event = field(default_factory=threading.Event)

    def tables(self) -> dict[str, list[pa.Table]]:
        tables: dict[str, list[pa.Table]] = {}
        for columns in self.columns:
            tables.setdefault(columns.table, []).append(columns.to_arrow())
        return tables


class Recorder:
    """Records one process's part of a run into the log at ``path``, without making it wait.

    ``append``, ``extend`` and ``progress`` only fill memory. A background thread writes what has
    gathered every ``flush_seconds``, and holds the file only while it does. As a rule a flush
    ends at a call of ``progress``, so a trainer that calls it after each step, when all rows of
    the step have been handed over, never leaves a part of a step in the log, even if killed.

    As a context manager it closes itself: as ``finished``, as ``interrupted`` by Ctrl-C, or as
    ``failed`` by any other exception. One thread at a time may hand rows over.

    Args:
        path: the log; created if it is absent.
        run: what the run is.
        flush_seconds: pause between two flushes. Each costs 50 to 110 ms of CPU, nearly the same
            for 16,000 rows as for 100,000, and what a kill loses is what came since the last.
        wait: seconds to wait for others who hold the file before rows go to the spool.
        on_warning: called, mostly from the background thread, with a sentence when something
            needs a user's notice but no action of the trainer.
        start_step: agent steps of the run that were done before this process.
        resume: the checkpoint from which this process goes on; ``run.run_id`` then exists.
        max_pending_bytes: rows to keep in memory while neither file nor spool can be written.

    Raises:
        RunExistsError: the run id is in the log and ``resume`` is not given.
        DatabaseError: the file is no log of this version, or cannot be written. A file that
            others hold past ``wait`` is no error: the run begins in the spool.
        UsageError: ``run`` holds something else than JSON where the log has JSON, or another
            process works on the run that is to be resumed.

    """

    def __init__(
        self,
        path: str | Path,
        run: RunInfo,
        *,
        flush_seconds: float = 10.0,
        wait: float = 10.0,
        on_warning: Callable[[str], None] | None = None,
        start_step: int = 0,
        resume: Resume | None = None,
        max_pending_bytes: int = _MAX_PENDING_BYTES,
    ) -> None:
        refuse_bad_json(run)
        self._progress = Progress(start_step)
        self._wait = wait
        self._flush_seconds = flush_seconds
        self._warn = on_warning or (lambda _message: None)
        self._writer = RunWriter(
            Path(path).absolute(),
            run,
            progress=self._progress,
            resume=resume,
            wait=wait,
            max_pending_bytes=max_pending_bytes,
            warn=self._warn,
        )
        self._lock = threading.Lock()
        self._columns = {table: Columns(table, _CAPACITIES[table]) for table in ROW_TABLES}
        self._full: list[Columns] = []
        self._cut_wanted = False
        self._queue: queue.SimpleQueue[_Cut] = queue.SimpleQueue()
        self._waiting_bytes = 0
        self._taken: dict[str, int] = dict.fromkeys(ROW_TABLES, 0)
        self._steps = 0
        self._timing = False
        self._timed_ns = 0
        self._thread_seconds = 0.0
        self._failure: RlauditError | None = None
        self._closed = False
        began = time.thread_time()
        self._writer.start()
        self._start_seconds = time.thread_time() - began
        self._thread = threading.Thread(target=self._work, name="rlaudit-recorder", daemon=True)
        self._thread.start()
        atexit.register(self._at_exit)

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
        self._timing = self._steps % _TIMED_STEPS == 0
        if self._cut_wanted:
            self._send_cut()

    # --- control -----------------------------------------------------------------------------

    def check(self) -> None:
        """Raise the error that ended the recording, if there is one; cheap enough for each step."""
        if self._failure:
            raise self._failure

    def flush(self) -> None:
        """Return when all rows so far are in the database or in its spool.

        Raises :class:`DatabaseWriteError` if neither can be written; the rows are kept for now.
        """
        self.check()
        self._refuse_closed()
        cut = self._send_cut()
        self._await(cut)
        self.check()
        if self._writer.problem:
            raise self._writer.problem

    def close(self, state: Literal["finished", "interrupted", "failed"]) -> Ledger:
        """Write what is left, mark the segment with ``state`` and end the thread.

        Tries the database for the recorder's wait, then the spool. A second call does nothing.
        Raises :class:`DatabaseWriteError` if rows had to be dropped, or the state could not be
        written; the thread has ended then, too.
        """
        if self._closed:
            return self.ledger
        self._closed = True
        atexit.unregister(self._at_exit)
        cut = self._send_cut(state)
        self._await(cut)
        self._thread.join(_JOIN_GRACE_SECONDS)
        self.check()
        return self.ledger

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc is None:
            self.close("finished")
            return
        # What ended the run is the error to see, not what it did to the log.
        try:
            self.close("interrupted" if isinstance(exc, KeyboardInterrupt) else "failed")
        except RlauditError as error:
            self._warn(str(error))

    # --- figures -----------------------------------------------------------------------------

    @property
    def run_id(self) -> str:
        """The run's id; another than was asked for if that was taken while the log was locked."""
        return self._writer.run_id

    @property
    def segment_id(self) -> str:
        """The id of this process's part of the run."""
        return self._writer.segment_id

    @property
    def ledger(self) -> Ledger:
        """A snapshot of the rows by table: offered so far, written, spooled and dropped."""
        ledger = self._writer.ledger.copy()
        with self._lock:
            for table, count in self._offered().items():
                ledger.offered[table] = max(count, ledger.offered[table])
        return ledger

    @property
    def rows_logged(self) -> int:
        """Rows of all tables that were offered so far."""
        return sum(self._offered().values())

    @property
    def written(self) -> dict[str, int]:
        """Rows in the database, by table."""
        return dict(self._writer.ledger.written)

    @property
    def spooled(self) -> dict[str, int]:
        """Rows in the spool, by table."""
        return dict(self._writer.ledger.spooled)

    @property
    def dropped(self) -> dict[str, int]:
        """Rows lost, by table."""
        return dict(self._writer.ledger.dropped)

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds of the recorder so far, on both threads.

        The background thread's are measured. The trainer's are estimated from one step in 61,
        by the wall clock.
        """
        handing_over = self._timed_ns * _TIMED_STEPS / 1e9
        return self._start_seconds + self._thread_seconds + handing_over

    # --- between the threads -----------------------------------------------------------------

    def _offered(self) -> dict[str, int]:
        offered = {table: n + self._columns[table].count for table, n in self._taken.items()}
        for columns in self._full:
            offered[columns.table] += columns.count
        return offered

    def _next_columns(self, table: str, count: int = 0) -> Columns:
        """Put full columns aside and return empty ones with room for ``count`` rows."""
        self._refuse_closed()
        self._full.append(self._columns[table])
        columns = self._columns[table] = Columns(table, max(_CAPACITIES[table], count))
        if sum(full.nbytes for full in self._full) > _EARLY_FLUSH_BYTES:
            self._cut_wanted = True
        return columns

    def _send_cut(self, state: State = "running") -> _Cut:
        """Hand all rows so far to the thread."""
        with self._lock:
            self._cut_wanted = False
            columns = [*self._full, *(c for c in self._columns.values() if c.count)]
            cut = _Cut(columns, self._progress, state)
            self._full = []
            for taken in columns:
                self._taken[taken.table] += taken.count
                if self._columns[taken.table] is taken:
                    self._columns[taken.table] = Columns(taken.table, _CAPACITIES[taken.table])
            if state != "running":
                # Without room the next row asks for more, and is refused then.
                self._columns = {table: Columns(table, 0) for table in ROW_TABLES}
            self._waiting_bytes += sum(taken.nbytes for taken in columns)
            if self._waiting_bytes > _MAX_WAITING_BYTES and not self._failure:
                self._failure = self._hang()
            self._queue.put(cut)
        return cut

    def _await(self, cut: _Cut) -> None:
        """Wait until the thread is done with ``cut``, but not for a thread that hangs."""
        # An earlier flush may be waiting for the lock already, then comes this one.
        if not cut.done.wait(2 * self._wait + _JOIN_GRACE_SECONDS):
            self._failure = self._hang()

    def _hang(self) -> DatabaseWriteError:
        return DatabaseWriteError(
            f"{self._writer.path}: writing hangs; the log of run {self.run_id} is complete only "
            f"up to agent step {self._writer.complete_to}",
            hint="look at the disk or network that the file is on",
        )

    def _work(self) -> None:
        """Write until closed; the body of the background thread."""
        state: State = "running"
        due = time.monotonic() + self._flush_seconds
        while state == "running":
            cut = self._next_cut(due)
            try:
                self._deliver(cut)
            except Exception as error:  # noqa: BLE001 - the trainer's thread must get to know
                self._fail(error)
            state = cut.state
            self._thread_seconds = time.thread_time()
            cut.done.set()
            due = time.monotonic() + self._flush_seconds

    def _next_cut(self, due: float) -> _Cut:
        """Wait for the next rows: offered early, or asked for when they are due.

        A trainer that is between two calls of ``progress`` for a whole pause (an evaluation, a
        blocked environment) has its rows taken where they are, so that the heartbeat goes on.
        """
        with suppress(queue.Empty):
            return self._queue.get(timeout=max(0.0, due - time.monotonic()))
        self._cut_wanted = True
        with suppress(queue.Empty):
            return self._queue.get(timeout=self._flush_seconds)
        self._send_cut()
        return self._queue.get()

    def _deliver(self, cut: _Cut) -> None:
        tables = cut.tables()
        with self._lock:
            self._waiting_bytes -= sum(columns.nbytes for columns in cut.columns)
        self._writer.deliver(tables, cut.progress, cut.state)
        if cut.state != "running":
            self._writer.give_up()
        self._failure = self._failure or self._writer.failure

    def _fail(self, error: Exception) -> None:
        if isinstance(error, RlauditError):
            self._failure = error
            return
        self._failure = DatabaseWriteError(
            f"the log of run {self.run_id} is complete only up to agent step "
            f"{self._writer.complete_to}: {type(error).__name__}: {error}"
        )
        self._failure.__cause__ = error

    def _refuse_closed(self) -> None:
        if self._closed:
            raise UsageError("the recorder is closed")

    def _at_exit(self) -> None:
        """Keep the rows of a program that ends without closing its recorder."""
        ended_by = getattr(sys, "last_value", None)
        failed = ended_by is not None and not isinstance(ended_by, KeyboardInterrupt)
        with suppress(RlauditError):
            self.close("failed" if failed else "interrupted")
