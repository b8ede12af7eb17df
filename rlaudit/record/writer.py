"""The one place that writes a run's rows: into the database, else the spool, else memory.

Used by one thread at a time. A flush goes into the database in one transaction. If the file is
held by others for two seconds, it goes to the spool, and so do the flushes after it: of all that
spool, one process at a time tries the database again, and takes in what lies in the spool. If
neither can be written (a full disk), the rows stay in memory and every later flush tries again,
until they are too many.

The file may be deleted, replaced or cut between two flushes. So each flush compares it with what
the last one left there; see :mod:`rlaudit.record.place`.
"""

from __future__ import annotations

import contextlib
import json
from datetime import UTC
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import pyarrow as pa

from rlaudit.errors import DatabaseError, DatabaseLockedError, DatabaseWriteError, RunExistsError
from rlaudit.record.ledger import Ledger
from rlaudit.record.pending import Pending
from rlaudit.record.place import Left, Place, begin_again, find_gone, heartbeat, is_of_process
from rlaudit.record.segment import Progress, Resume, Segment, State
from rlaudit.store import Patience, batches, commits, fold, refuse_if_running, spool
from rlaudit.store.failures import error_of
from rlaudit.store.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from rlaudit.records import RunInfo

# Others who hold the file make a flush wait for this long. A start and an end wait for longer: the
# first must know whether the run's id is free, and after the second there may be no other.
_FLUSH_WAIT = 2.0
# A spool that others fill as well is taken in once in so many seconds, so that the log is free for
# readers most of the time.
_FOLD_SECONDS = 5.0
# So much of the spool is taken in at once: about a second's work, during which nobody can read.
_FOLD_BYTES = 16 * 2**20


class _Unsettled(NamedTuple):
    """A transaction whose commit failed, though it may have reached the disk.

    ``ledger`` and ``counts``, its rows by table, hold if it did; if not, ``place`` does.
    """

    heartbeat_at: datetime
    ledger: Ledger
    counts: Mapping[str, int]
    place: Place


class RunWriter:
    """Writes one process's part of a run; see the module.

    ``machine`` is what it asks of the machine: time, files, and the connection to the log.
    """

    def __init__(
        self,
        path: Path,
        run: RunInfo,
        *,
        progress: Progress,
        resume: Resume | None,
        wait: float,
        max_pending_bytes: int,
        warn: Callable[[str], None],
        machine: Machine | None = None,
    ) -> None:
        self.path = path
        self.run_id = run.run_id
        self.ledger = Ledger()
        self.problem: DatabaseError | None = None
        self.failure: DatabaseWriteError | None = None
        self._machine = machine or Machine()
        self._place = Place(Segment(run, progress.env_step, self._machine.now(), resume))
        self._progress = progress
        self._complete = progress
        self._wait = wait
        self._max_pending_bytes = max_pending_bytes
        self._warn = warn
        self._warned: set[str] = set()
        self._state: State = "running"
        self._run_stored = False
        self._spooling = False
        self._spool_told = False
        self._pending = Pending()
        self._last_heartbeat_entry: Path | None = None
        self._unsettled: _Unsettled | None = None
        # Why rows are gone that were stored already.
        self._loss: DatabaseWriteError | None = None

    @property
    def segment_id(self) -> str:
        """The id of this process's part of the run; another one once rows of it are gone."""
        return self._place.segment.segment_id

    @property
    def complete_to(self) -> int:
        """The agent step up to which all rows are stored."""
        return self._complete.env_step

    @property
    def pending_rows(self) -> int:
        """Rows that are neither written, spooled nor dropped."""
        return self._pending.rows

    def start(self) -> None:
        """Store the run and its segment.

        Raises :class:`RunExistsError` if the run id is in the log already, :class:`UsageError` if
        the run is to be resumed and another process works on it, and what
        :func:`open_for_writing` raises, except that a held file means spooling.
        """
        spool.sweep(self._machine, self.path)
        try:
            self._to_database(self._wait)
        except _UnusableError as error:
            raise error.error from error
        except DatabaseLockedError as error:
            self._to_spool(str(error))
            if self.problem:
                raise self.problem from error

    def deliver(
        self, tables: Mapping[str, list[pa.Table]], progress: Progress, state: State
    ) -> None:
        """Write ``tables`` and all that could not be written before, and the segment's row.

        Never raises for what the database or the disk refuses: ``problem`` holds it until a
        later flush succeeds, ``failure`` for good once rows had to be dropped, and at the end if
        rows are gone that were stored.
        """
        for table, parts in tables.items():
            self._add(table, parts)
        self._progress = progress
        self._state = state
        if self.failure:
            self._drop_pending()
        if state != "running":
            self._store(self._wait)
            self.failure = self.failure or self._loss
        elif self._spooling:
            with spool.folding(self._machine.files, self.path) as alone:
                if alone and self._is_fold_due():
                    self._store(min(self._wait, _FLUSH_WAIT))
                else:
                    self._to_spool(f"other processes write to {self.path}")
        else:
            self._store(min(self._wait, _FLUSH_WAIT))

    def give_up(self) -> None:
        """Drop what is pending; called when there will be no later flush."""
        if self.problem and (self.pending_rows or not self.failure):
            self._fail(self.problem)

    def _store(self, wait: float) -> None:
        """Bring what is pending to where it can be brought."""
        try:
            still_there = self._to_database(wait)
            if not still_there and self._state != "running":
                # There is no later flush that would find what is gone.
                self._to_database(wait)
        except DatabaseLockedError as error:
            self._to_spool(str(error))
        except _UnusableError as error:
            if self._state != "running":
                self._lose(f"{error}, and what was written to it is gone")
            self._to_spool(str(error))
        except DatabaseError as error:
            self._keep(error)

    # --- into the database -------------------------------------------------------------------

    def _to_database(self, wait: float) -> bool:
        """Take the spool in, write what is pending, and say whether the file is still there then.

        The spool is taken in by portions, between which others may have the file.
        """
        files = self._machine.files
        entries = spool.list_entries(files, self.path)
        *before, last = spool.portions(files, entries, _FOLD_BYTES)
        for portion in before:
            with self._opened(wait) as con:
                con.execute("BEGIN")
                folded = fold.fold_in(con, files, portion)
                con.execute("COMMIT")
                self._note_commit(con, folded)
            self._clear_away(folded)
        with self._opened(wait) as con:
            identity = files.identity(self.path)
            folded = self._write(con, last)
        self._clear_away(folded)
        return files.identity(self.path) == identity

    @contextlib.contextmanager
    def _opened(self, wait: float) -> Iterator[DuckDBPyConnection]:
        patience = Patience(wait, self._machine.sleep, self._machine.clock)
        with contextlib.ExitStack() as stack:
            try:
                con = stack.enter_context(self._machine.open_log(self.path, wait=patience))
            except (DatabaseLockedError, DatabaseWriteError):
                raise
            except DatabaseError as error:
                raise _UnusableError(error) from error
            yield con

    def _write(self, con: DuckDBPyConnection, entries: list[Path]) -> fold.Folded:
        self._say_what_is_gone(con)
        before = self._place
        con.execute("BEGIN")
        try:
            folded = fold.fold_in(con, self._machine.files, entries)
            self._settle(con)
            before = self._place
            ledger = self.ledger.copy()
            self._count_folded(con, ledger)
            gone = self._go_on_if_gone(con, ledger)
            run_id = self._store_run(con, self._find_run_id(con, ledger))
            if gone is not None:
                self._insert_loss(con, run_id, gone, ledger)
            counts = dict(self._pending.counts)
            ledger.written.update(counts)
            ids = {"run_id": run_id, "segment_id": self.segment_id}
            for table, rows in self._pending.tables():
                batches.insert(con, f"raw.{table}", rows, ids)
            row = self._segment_row(run_id, ledger)
            fold.write_segment(con, row)
        except BaseException:
            self._place = before
            raise
        try:
            con.execute("COMMIT")
        except duckdb.Error:
            self._unsettled = _Unsettled(row["heartbeat_at"], ledger, counts, before)
            raise
        self.ledger = ledger
        self._place.left = Left(commits.log_id(con), row["heartbeat_at"])
        self._place.last_ids |= self._pending.last_ids()
        self._note_commit(con, folded)
        others = {spool.segment_of(entry) for entry in folded.done} - {self.segment_id}
        self._written(run_id, others_spool=bool(others))
        return folded

    def _note_commit(self, con: DuckDBPyConnection, folded: fold.Folded) -> None:
        """Say beside the log what is in it."""
        segments = {spool.segment_of(entry) for entry in folded.done} | {self.segment_id}
        ids = {self.segment_id: self._place.last_ids}
        try:
            commits.note_commit(self._machine.files, self.path, con, segments, ids)
        except OSError as error:
            file = commits.commits_file(self.path)
            self._warn_once(f"{file} cannot be written: {error.strerror or error}")

    def _clear_away(self, folded: fold.Folded) -> None:
        # Only after the commit: had the process been killed before, the files would be needed.
        spool.remove_entries(self._machine.files, self.path, folded.done + folded.known)
        for reason in folded.unreadable.values():
            self._warn_once(f"{reason}; its rows are not in the log, and it is left there")
        for segment_id, short in folded.short.items():
            if segment_id != self.segment_id:  # which counts its own as dropped
                self._warn_once(f"{self.path}: {fold.describe_short(short, segment_id)}")

    def _written(self, run_id: str, *, others_spool: bool) -> None:
        if run_id != self.run_id:
            self._warn(
                f"the run id {self.run_id} was taken while {self.path} was locked or gone; "
                f"this run is {run_id}"
            )
            self.run_id = run_id
        self._run_stored = True
        self._place.entries.clear()
        self._last_heartbeat_entry = None
        self._delivered()
        # Where others spool as well, all of them do: one at a time takes in what is there.
        self._spooling = others_spool
        if self._spool_told and not others_spool:
            self._spool_told = False
            self._warn(f"{self.path} is free again; the spooled rows are in it")
            spool.sweep(self._machine, self.path)

    def _settle(self, con: DuckDBPyConnection) -> None:
        """Find out whether a transaction whose commit failed took place after all."""
        if self._unsettled is None:
            return
        heartbeat_at, ledger, counts, place = self._unsettled
        if heartbeat(con, self._place.segment) == heartbeat_at:
            since = self.ledger.offered - ledger.offered
            self.ledger = ledger
            self.ledger.offered.update(since)
            self._pending.drop_first(counts)
            self._run_stored = True
            self._place.left = Left(commits.log_id(con), heartbeat_at)
            self._place.entries.clear()
        else:
            self._place = place
        self._unsettled = None

    def _find_run_id(self, con: DuckDBPyConnection, ledger: Ledger) -> str:
        """Return what the run is called in the file.

        While its first rows were in the spool, its id may have been taken; whoever folded them in
        then chose another.
        """
        resume = self._place.segment.resume
        resumed_from = resume.segment_id if resume else None
        known = fold.resolve_run_id(con, self.run_id, self.segment_id, resumed_from)
        if known is None:
            return self.run_id
        if known != self.run_id and not resume:
            fold.add_rename_to_ledger(ledger.offered, ledger.written)
        return known

    def _store_run(self, con: DuckDBPyConnection, run_id: str) -> str:
        """Insert the run's row unless it is there, and return its id.

        Finds the segment's ordinal as well.
        """
        segment = self._place.segment
        there = con.execute(
            "SELECT ordinal FROM raw.segments WHERE segment_id = ?", [segment.segment_id]
        ).fetchall()
        if there:
            segment.ordinal = int(there[0][0])
            return run_id
        exists = fold.run_exists(con, run_id)
        if exists and self._place.earlier:
            if not is_of_process(con, self._place, run_id):
                run_id, exists = fold.free_run_id(con, run_id), False
        elif exists and not segment.resume:
            raise RunExistsError(
                f"{self.path} has a run {run_id!r} already", hint="choose another run id"
            )
        elif exists:
            # Looked at where no one else can write: of two processes that resume the run at once,
            # the second finds the first.
            refuse_if_running(con, run_id)
        segment.ordinal = fold.next_ordinal(con, run_id)
        if not exists:
            batches.insert(con, "raw.runs", self._place.first.run_rows(run_id))
        return run_id

    def _count_folded(self, con: DuckDBPyConnection, ledger: Ledger) -> None:
        """Move this segment's spooled rows to where they are by now."""
        if not self._place.entries:
            return
        names = fold.folded_names(con)
        lost = 0
        for name, counts in self._place.entries.items():
            (ledger.written if name in names else ledger.dropped).update(counts)
            ledger.spooled.subtract(counts)
            lost += 0 if name in names else sum(counts.values())
        if lost:
            self._lose(f"{lost:,} rows are gone: they were in a spool of {self.path} that is not")

    # --- a file that is not as it was left ---------------------------------------------------

    def _go_on_if_gone(self, con: DuckDBPyConnection, ledger: Ledger) -> dict[str, int] | None:
        """Begin a new segment if rows are gone that were stored, and return those by table."""
        gone = find_gone(con, self._place, ledger.written)
        if gone is None:
            return None
        count = sum(gone.values())
        self._lose(
            f"{self.path} is no longer the file that was written: it was deleted, replaced or cut; "
            f"{count:,} rows up to agent step {self.complete_to} are gone, and the run goes on in "
            "what is there now"
        )
        ledger.written.subtract(gone)
        ledger.dropped.update(gone)
        stored = ledger.less(self._place.base)
        stored.offered.subtract(self._pending.counts)
        now = self._machine.now()
        ended = self._place.segment.row(self.run_id, "failed", self._complete, stored, now)
        self._place = begin_again(con, self._place, ended, now)
        return gone

    def _insert_loss(
        self, con: DuckDBPyConnection, run_id: str, gone: Mapping[str, int], ledger: Ledger
    ) -> None:
        """Add the event that tells which rows are gone."""
        event = self._event("rows_lost", {"path": str(self.path), "rows": gone})
        ids = {"run_id": run_id, "segment_id": self.segment_id}
        batches.insert(con, "raw.events", event, ids)
        for part in (ledger.offered, ledger.written):
            part["events"] += 1

    def _lose(self, sentence: str) -> None:
        """Note that stored rows are gone: the run goes on, and ends as failed."""
        self._warn_once(sentence)
        self._loss = self._loss or DatabaseWriteError(
            f"the log of run {self.run_id} lacks rows: {sentence}"
        )

    def _say_what_is_gone(self, con: DuckDBPyConnection) -> None:
        """Warn of what others committed to the log and is not there."""
        own = {segment.segment_id for segment in (*self._place.earlier, self._place.segment)}
        for sentence in commits.compare(con, self._machine.files, self.path, leaving_out=own):
            self._warn_once(sentence)

    # --- into the spool ----------------------------------------------------------------------

    def _is_fold_due(self) -> bool:
        """Say whether no one else spools, or readers have had their turn since the last fold-in."""
        files = self._machine.files
        entries = spool.list_entries(files, self.path)
        if all(spool.segment_of(entry) == self.segment_id for entry in entries):
            return True
        changed = files.changed_at(commits.commits_file(self.path))
        now = self._machine.now().replace(tzinfo=UTC).timestamp()
        return changed is None or not 0 <= now - changed < _FOLD_SECONDS

    def _to_spool(self, reason: str) -> None:
        """Write what is pending to the spool; ``reason`` says why."""
        self._spooling = True
        if self._unsettled:
            # Its rows may be in the file already; only the file can tell.
            self._keep(DatabaseLockedError(reason))
            return
        if not self._spool_told:
            self._add("events", [self._event("spool", {"reason": reason})])
        place = self._place
        counts = dict(self._pending.counts)
        ledger = self.ledger.copy()
        ledger.spooled.update(counts)
        ids = {"run_id": self.run_id, "segment_id": self.segment_id}
        tables = {table: _with_constants(rows, ids) for table, rows in self._pending.tables()}
        starts_run = not self._run_stored and place.segment.resume is None
        if starts_run:
            tables["runs"] = place.segment.run_rows(self.run_id)
        tables["segments"] = batches.from_dicts(
            "segments", [self._segment_row(self.run_id, ledger)]
        )
        name = spool.entry_name(place.segment.started_at, self.segment_id, place.flushes)
        try:
            entry = spool.write_entry(self._machine.files, self.path, name, tables)
        except OSError as error:
            self._keep(_database_error(self.path, error))
            return
        self.ledger = ledger
        place.entries[name] = counts
        place.flushes += 1
        self._run_stored = True
        if not self._spool_told:
            self._spool_told = True
            folder = spool.spool_folder(self.path).name
            self._warn(f"{reason}; rows go to {folder} and are added later")
        self._delivered()
        only_heartbeat = not any(counts.values()) and not starts_run
        self._replace_heartbeat(entry if only_heartbeat else None)

    def _replace_heartbeat(self, entry: Path | None) -> None:
        """Keep one file at most that holds nothing but the segment's row: ``entry``, if any."""
        if self._last_heartbeat_entry:
            spool.remove_entries(self._machine.files, self.path, [self._last_heartbeat_entry])
        self._last_heartbeat_entry = entry

    # --- in memory ---------------------------------------------------------------------------

    def _keep(self, error: DatabaseError) -> None:
        """Keep the rows for the next flush, or drop them if they have become too many."""
        if self.problem is None and not self.failure:
            self._warn(f"{error}; the log's rows are kept in memory for now")
        self.problem = error
        if self._pending.nbytes > self._max_pending_bytes:
            self._fail(error)

    def _fail(self, error: DatabaseError) -> None:
        dropped = self.pending_rows
        self._drop_pending()
        if self.failure is None:
            self.failure = DatabaseWriteError(
                f"the log of run {self.run_id} is complete only up to agent step "
                f"{self.complete_to} ({dropped} rows dropped): {error}",
                hint=error.hint,
            )

    def _drop_pending(self) -> None:
        self.ledger.dropped.update(self._pending.counts)
        self._pending.clear()

    def _add(self, table: str, parts: list[pa.Table]) -> None:
        self.ledger.offered[table] += self._pending.add(table, parts)

    def _event(self, kind: str, detail: Mapping[str, Any]) -> pa.Table:
        row = {
            "happened_at": self._machine.now(),
            "env_step": self._progress.env_step,
            "kind": kind,
            "detail": json.dumps(detail),
        }
        return batches.from_dicts("events", [row]).drop_columns(["run_id", "segment_id"])

    def _delivered(self) -> None:
        self._pending.clear()
        if not self.failure:
            self._complete = self._progress
        if self.problem:
            self.problem = None
            self._warn(f"{self.path} can be written again")

    def _segment_row(self, run_id: str, ledger: Ledger) -> dict[str, Any]:
        state = "failed" if self._loss and self._state != "running" else self._state
        return self._place.segment.row(
            run_id, state, self._progress, ledger.less(self._place.base), self._machine.now()
        )

    def _warn_once(self, sentence: str) -> None:
        if sentence not in self._warned:
            self._warned.add(sentence)
            self._warn(sentence)


class _UnusableError(DatabaseError):
    """What stands in the place of the log cannot be opened as one; ``error`` says why."""

    def __init__(self, error: DatabaseError) -> None:
        super().__init__(str(error), hint=error.hint)
        self.error = error


def _with_constants(rows: pa.Table, constants: Mapping[str, str]) -> pa.Table:
    for name, value in constants.items():
        rows = rows.append_column(name, pa.repeat(pa.scalar(value), rows.num_rows))
    return rows


def _database_error(path: Path, error: OSError) -> DatabaseError:
    translated = error_of(spool.spool_folder(path), error, writing=True)
    assert isinstance(translated, DatabaseError)  # noqa: S101 - so are all from the system
    return translated
