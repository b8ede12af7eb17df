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

from typing import TYPE_CHECKING

from rlaudit.errors import DatabaseError, DatabaseLockedError, DatabaseWriteError
from rlaudit.record.place import Place
from rlaudit.record.segment import Segment
from rlaudit.record.to_database import DatabaseWriter, UnusableError
from rlaudit.record.to_spool import SpoolWriter
from rlaudit.record.work import Work
from rlaudit.store import spool
from rlaudit.store.failures import error_of
from rlaudit.store.files import real_path
from rlaudit.store.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pyarrow as pa

    from rlaudit.record.ledger import Ledger
    from rlaudit.record.segment import Progress, Resume, State
    from rlaudit.records import RunInfo

# Others who hold the file make a flush wait for this long. A start and an end wait for longer: the
# first must know whether the run's id is free, and after the second there may be no other.
_FLUSH_WAIT = 2.0


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
        machine = machine or Machine()
        place = Place(Segment(run, progress.env_step, machine.now(), resume))
        self.work = Work(real_path(path), run.run_id, machine, warn, place, progress, progress)
        self.problem: DatabaseError | None = None
        self._database = DatabaseWriter(self.work)
        self._spool = SpoolWriter(self.work)
        self._wait = wait
        self._max_pending_bytes = max_pending_bytes
        self._spooling = False

    @property
    def path(self) -> Path:
        """The log."""
        return self.work.path

    @property
    def run_id(self) -> str:
        """The run's id in the log."""
        return self.work.run_id

    @property
    def segment_id(self) -> str:
        """The id of this process's part of the run; another one once rows of it are gone."""
        return self.work.segment_id

    @property
    def ledger(self) -> Ledger:
        """Rows by table, and what became of them."""
        return self.work.ledger

    @property
    def failure(self) -> DatabaseWriteError | None:
        """Why rows had to be dropped or, at the end, why rows are gone that were stored."""
        return self.work.failure

    @property
    def complete_to(self) -> int:
        """The agent step up to which all rows are stored."""
        return self.work.complete.env_step

    @property
    def pending_rows(self) -> int:
        """Rows that are neither written, spooled nor dropped."""
        return self.work.pending.rows

    def start(self) -> None:
        """Store the run and its segment.

        Raises :class:`RunExistsError` if the run id is in the log already, :class:`UsageError` if
        the run is to be resumed and another process works on it, and what
        :func:`open_for_writing` raises, except that a held file means spooling.
        """
        spool.sweep(self.work.machine, self.path)
        try:
            self._database.write(self._wait)
        except UnusableError as error:
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
        work = self.work
        for table, parts in tables.items():
            work.add(table, parts)
        work.progress = progress
        work.state = state
        if work.failure:
            self._drop_pending()
        if state != "running":
            self._to_file(self._wait)
            work.failure = work.failure or work.loss
        elif self._spooling:
            with spool.folding(work.machine.files, self.path) as alone:
                if alone and self._spool.is_due():
                    self._to_file(min(self._wait, _FLUSH_WAIT))
                else:
                    self._to_spool(f"other processes write to {self.path}")
        else:
            self._to_file(min(self._wait, _FLUSH_WAIT))

    def give_up(self) -> None:
        """Drop what is pending; called when there will be no later flush."""
        if self.problem and (self.pending_rows or not self.failure):
            self._fail(self.problem)

    def _to_file(self, wait: float) -> None:
        """Write what is pending into the file or, if that cannot be, to where it can be brought."""
        try:
            written = self._database.write(wait)
            if not written.still_there and self.work.state != "running":
                # There is no later flush that would find what is gone.
                written = self._database.write(wait)
        except DatabaseLockedError as error:
            self._to_spool(str(error))
        except UnusableError as error:
            if self.work.state != "running":
                self.work.lose(f"{error}, and what was written to it is gone")
            self._to_spool(str(error))
        except DatabaseError as error:
            self._keep(error)
        else:
            # Where others spool as well, all of them do: one at a time takes in what is there.
            self._spooling = written.others_spool
            self._settled()
            self._spool.taken_in(others_spool=written.others_spool)

    def _to_spool(self, reason: str) -> None:
        self._spooling = True
        if self._database.is_unsettled:
            self._keep(DatabaseLockedError(reason))
            return
        try:
            self._spool.write(reason)
        except OSError as error:
            self._keep(_database_error(self.path, error))
        else:
            self._settled()

    def _settled(self) -> None:
        if self.problem:
            self.problem = None
            self.work.warn(f"{self.path} can be written again")

    def _keep(self, error: DatabaseError) -> None:
        """Keep the rows in memory for the next flush, or drop them if they have become too many."""
        if self.problem is None and not self.failure:
            self.work.warn(f"{error}; the log's rows are kept in memory for now")
        self.problem = error
        if self.work.pending.nbytes > self._max_pending_bytes:
            self._fail(error)

    def _fail(self, error: DatabaseError) -> None:
        dropped = self.pending_rows
        self._drop_pending()
        if self.failure is None:
            self.work.failure = DatabaseWriteError(
                f"the log of run {self.run_id} is complete only up to agent step "
                f"{self.complete_to} ({dropped} rows dropped): {error}",
                hint=error.hint,
            )

    def _drop_pending(self) -> None:
        self.work.ledger.dropped.update(self.work.pending.counts)
        self.work.pending.clear()


def _database_error(path: Path, error: OSError) -> DatabaseError:
    translated = error_of(spool.spool_folder(path), error, writing=True)
    assert isinstance(translated, DatabaseError)  # noqa: S101 - so are all from the system
    return translated
