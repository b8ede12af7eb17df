"""Write a flush into the database, in one transaction, with what lies in its spool."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import duckdb

from rlaudit.errors import DatabaseError, DatabaseLockedError, DatabaseWriteError, RunExistsError
from rlaudit.record.place import Left, begin_again, find_gone, heartbeat, is_of_process
from rlaudit.store import Patience, batches, commits, fold, refuse_if_running, spool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from rlaudit.record.ledger import Ledger
    from rlaudit.record.place import Place
    from rlaudit.record.work import Work

# So much of the spool is taken in at once: about a second's work, during which nobody can read.
_FOLD_BYTES = 16 * 2**20


class Written(NamedTuple):
    """What was found besides: is the file still there, and have others spooled as well."""

    still_there: bool
    others_spool: bool


class UnusableError(DatabaseError):
    """What stands in the place of the log cannot be opened as one; ``error`` says why."""

    def __init__(self, error: DatabaseError) -> None:
        super().__init__(str(error), hint=error.hint)
        self.error = error


class _Unsettled(NamedTuple):
    """A transaction whose commit failed, though it may have reached the disk.

    ``ledger`` and ``counts``, its rows by table, hold if it did; if not, ``place`` does.
    """

    heartbeat_at: datetime
    ledger: Ledger
    counts: Mapping[str, int]
    place: Place


class DatabaseWriter:
    """Brings the pending rows of ``work`` into the database."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._unsettled: _Unsettled | None = None

    @property
    def is_unsettled(self) -> bool:
        """Whether the pending rows may be in the file already, as only the file can tell."""
        return self._unsettled is not None

    def write(self, wait: float) -> Written:
        """Take the spool in and write what is pending; wait so many seconds for the file.

        The spool is taken in by portions, between which others may have the file.

        Raises :class:`DatabaseLockedError` if others hold it, :class:`UnusableError` if it is no
        log, :class:`RunExistsError` and :class:`UsageError` for a run that cannot begin or go on,
        and :class:`DatabaseError` for whatever else the database refuses.
        """
        work, files = self._work, self._work.machine.files
        entries = spool.list_entries(files, work.path)
        *before, last = spool.portions(files, entries, _FOLD_BYTES)
        taken_in: list[Path] = []
        for portion in before:
            with self._opened(wait) as con:
                self._say_what_is_gone(con)
                con.execute("BEGIN")
                folded = fold.fold_in(con, files, portion)
                con.execute("COMMIT")
                self._note_commit(con, folded)
            self._clear_away(folded)
            taken_in += folded.done
        with self._opened(wait) as con:
            identity = files.identity(work.path)
            folded = self._write(con, last)
        self._clear_away(folded)
        others = {spool.segment_of(entry) for entry in taken_in + folded.done} - {work.segment_id}
        return Written(files.identity(work.path) == identity, bool(others))

    @contextlib.contextmanager
    def _opened(self, wait: float) -> Iterator[DuckDBPyConnection]:
        machine = self._work.machine
        patience = Patience(wait, machine.sleep, machine.clock)
        with contextlib.ExitStack() as stack:
            try:
                con = stack.enter_context(machine.open_log(self._work.path, wait=patience))
            except (DatabaseLockedError, DatabaseWriteError):
                raise
            except DatabaseError as error:
                raise UnusableError(error) from error
            yield con

    def _write(self, con: DuckDBPyConnection, entries: list[Path]) -> fold.Folded:
        work = self._work
        self._say_what_is_gone(con)
        before = work.place
        con.execute("BEGIN")
        try:
            folded = fold.fold_in(con, work.machine.files, entries)
            self._settle(con)
            before = work.place
            ledger = work.ledger.copy()
            gone = self._count_folded(con, ledger)
            gone += self._go_on_if_gone(con, ledger)
            run_id = self._store_run(con, self._find_run_id(con, ledger))
            if gone or work.place is not before:
                self._insert_loss(con, run_id, gone, ledger)
            counts = dict(work.pending.counts)
            ledger.written.update(counts)
            ids = {"run_id": run_id, "segment_id": work.segment_id}
            for table, rows in work.pending.tables():
                batches.insert(con, f"raw.{table}", rows, ids)
            row = work.segment_row(run_id, ledger)
            fold.write_segment(con, row)
        except BaseException:
            work.place = before
            raise
        try:
            con.execute("COMMIT")
        except duckdb.Error:
            self._unsettled = _Unsettled(row["heartbeat_at"], ledger, counts, before)
            raise
        self._committed(con, run_id, ledger, row["heartbeat_at"])
        self._note_commit(con, folded)
        return folded

    def _committed(
        self, con: DuckDBPyConnection, run_id: str, ledger: Ledger, heartbeat_at: datetime
    ) -> None:
        work = self._work
        work.ledger = ledger
        work.place.left = Left(commits.log_id(con), heartbeat_at)
        work.place.last_ids |= work.pending.last_ids()
        work.place.entries.clear()
        work.stored()
        if run_id != work.run_id:
            work.warn(
                f"the run id {work.run_id} was taken while {work.path} was locked or gone; "
                f"this run is {run_id}"
            )
            work.run_id = run_id

    def _note_commit(self, con: DuckDBPyConnection, folded: fold.Folded) -> None:
        """Say beside the log what is in it."""
        work = self._work
        segments = {spool.segment_of(entry) for entry in folded.done} | {work.segment_id}
        ids = {work.segment_id: work.place.last_ids}
        try:
            commits.note_commit(work.machine.files, work.path, con, segments, ids)
        except OSError as error:
            file = commits.commits_file(work.path)
            work.warn_once(f"{file} cannot be written: {error.strerror or error}")

    def _clear_away(self, folded: fold.Folded) -> None:
        # Only after the commit: had the process been killed before, the files would be needed.
        work = self._work
        spool.remove_entries(work.machine.files, work.path, folded.done + folded.known)
        for reason in folded.unreadable.values():
            work.warn_once(f"{reason}; its rows are not in the log, and it is left there")
        for segment_id, short in folded.short.items():
            if segment_id != work.segment_id:  # whose own rows count as dropped
                work.warn_once(f"{work.path}: {fold.describe_short(short, segment_id)}")

    def _settle(self, con: DuckDBPyConnection) -> None:
        """Find out whether a transaction whose commit failed took place after all."""
        if self._unsettled is None:
            return
        work = self._work
        heartbeat_at, ledger, counts, place = self._unsettled
        if heartbeat(con, work.place.segment) == heartbeat_at:
            since = work.ledger.offered - ledger.offered
            work.ledger = ledger
            work.ledger.offered.update(since)
            work.pending.drop_first(counts)
            work.run_stored = True
            work.place.left = Left(commits.log_id(con), heartbeat_at)
            work.place.entries.clear()
        else:
            work.place = place
        self._unsettled = None

    def _find_run_id(self, con: DuckDBPyConnection, ledger: Ledger) -> str:
        """Return what the run is called in the file.

        While its first rows were in the spool, its id may have been taken; whoever folded them in
        then chose another.
        """
        work = self._work
        resume = work.place.segment.resume
        resumed_from = resume.segment_id if resume else None
        known = fold.resolve_run_id(con, work.run_id, work.segment_id, resumed_from)
        if known is None:
            return work.run_id
        if known != work.run_id and not resume:
            fold.add_rename_to_ledger(ledger.offered, ledger.written)
        return known

    def _store_run(self, con: DuckDBPyConnection, run_id: str) -> str:
        """Insert the run's row unless it is there, and return its id.

        Finds the segment's ordinal as well.
        """
        place = self._work.place
        there = con.execute(
            "SELECT ordinal FROM raw.segments WHERE segment_id = ?", [place.segment.segment_id]
        ).fetchall()
        if there:
            place.segment.ordinal = int(there[0][0])
            if not fold.run_has_row(con, run_id):  # it was in a flush that cannot be read
                batches.insert(con, "raw.runs", place.first.run_rows(run_id))
            return run_id
        exists = fold.run_exists(con, run_id)
        if exists and self._work.run_stored:
            # It began long ago: what was stored of it is gone, and another may have its id.
            if not is_of_process(con, place, run_id):
                run_id, exists = fold.free_run_id(con, run_id), False
        elif exists and not place.segment.resume:
            raise RunExistsError(
                f"{self._work.path} has a run {run_id!r} already", hint="choose another run id"
            )
        elif exists:
            # Looked at where no one else can write: of two processes that resume the run at once,
            # the second finds the first.
            refuse_if_running(con, run_id)
        place.segment.ordinal = fold.next_ordinal(con, run_id)
        if not exists:
            batches.insert(con, "raw.runs", place.first.run_rows(run_id))
        return run_id

    def _count_folded(self, con: DuckDBPyConnection, ledger: Ledger) -> Counter[str]:
        """Move this segment's spooled rows to where they are by now, and return what is gone."""
        entries, path = self._work.place.entries, self._work.path
        gone: Counter[str] = Counter()
        names = fold.folded_names(con) if entries else set()
        for name, counts in entries.items():
            (ledger.written if name in names else gone).update(counts)
            ledger.spooled.subtract(counts)
        if count := gone.total():
            ledger.dropped.update(gone)
            self._work.lose(
                f"{count:,} {'row is' if count == 1 else 'rows are'} gone: spooled beside {path}, "
                "and no longer there nor in the file"
            )
        return +gone

    # --- a file that is not as it was left -------------------------------------------------------

    def _go_on_if_gone(self, con: DuckDBPyConnection, ledger: Ledger) -> Counter[str]:
        """Begin a new segment if rows are gone that were stored, and return those by table."""
        work = self._work
        gone = find_gone(con, work.place, ledger.written)
        if gone is None:
            return Counter()
        work.lose(
            f"{work.path} is no longer the file that was written: it was deleted, replaced or cut; "
            f"{sum(gone.values()):,} rows up to agent step {work.complete.env_step} are gone, and "
            "the run goes on in what is there now"
        )
        ledger.written.subtract(gone)
        ledger.dropped.update(gone)
        stored = ledger.less(work.place.base)
        stored.offered.subtract(work.pending.counts)
        now = work.machine.now()
        ended = work.place.segment.row(work.run_id, "failed", work.complete, stored, now)
        work.place = begin_again(con, work.place, ended, now)
        return Counter(gone)

    def _insert_loss(
        self, con: DuckDBPyConnection, run_id: str, gone: Mapping[str, int], ledger: Ledger
    ) -> None:
        """Add the event that tells which rows are gone."""
        event = self._work.event("rows_lost", {"path": str(self._work.path), "rows": gone})
        ids = {"run_id": run_id, "segment_id": self._work.segment_id}
        batches.insert(con, "raw.events", event, ids)
        for part in (ledger.offered, ledger.written):
            part["events"] += 1

    def _say_what_is_gone(self, con: DuckDBPyConnection) -> None:
        """Warn of what others committed to the log and is not there."""
        work = self._work
        own = {segment.segment_id for segment in (*work.place.earlier, work.place.segment)}
        for sentence in commits.compare(con, work.machine.files, work.path, leaving_out=own):
            work.warn_once(sentence)
