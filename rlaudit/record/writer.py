"""The one place that writes a run's rows: into the database, else the spool, else memory.

Used by one thread at a time. A flush goes into the database in one transaction. If the file is
held by others past the wait, it goes to the spool. If neither can be written (a full disk), the
rows stay in memory and every later flush tries again, until they are too many.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from uuid import uuid4

import duckdb
import pyarrow as pa

from rlaudit.config import config_hash
from rlaudit.errors import DatabaseError, DatabaseLockedError, DatabaseWriteError, RunExistsError
from rlaudit.record.ledger import ROW_TABLES, Ledger
from rlaudit.store import batches, open_for_writing, refuse_if_running, spool
from rlaudit.store.failures import error_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from rlaudit.records import RunInfo

State = Literal["running", "finished", "interrupted", "failed"]

# Once rows go to the spool, a flush tries the database just this long before it spools again.
_SPOOLING_WAIT = 0.5


class Progress(NamedTuple):
    """How far a run is; steps are agent steps over all environments."""

    env_step: int
    open_episodes: int = 0
    open_episode_steps: int = 0


@dataclass(frozen=True, slots=True)
class Resume:
    """The checkpoint that a new segment of a run goes on from; see ``raw.segments``."""

    segment_id: str
    step: int
    episode_id: int
    transition_id: int
    update_id: int


def utc_now() -> datetime:
    """Return the time as the log has it: UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


class RunWriter:
    """Writes one segment of a run; see the module."""

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
    ) -> None:
        self.path = path
        self.run_id = run.run_id
        self.segment_id = uuid4().hex
        self.ledger = Ledger()
        self.complete_to = progress.env_step
        self.problem: DatabaseError | None = None
        self.failure: DatabaseWriteError | None = None
        self._run = run
        self._resume = resume
        self._progress = progress
        self._start_step = progress.env_step
        self._wait = wait
        self._max_pending_bytes = max_pending_bytes
        self._warn = warn
        self._state: State = "running"
        self._started_at = utc_now()
        self._ordinal: int | None = None
        self._run_stored = False
        self._spooling = False
        self._pending: dict[str, list[pa.Table]] = {}
        self._pending_counts = dict.fromkeys(ROW_TABLES, 0)
        self._spool_entries: dict[str, dict[str, int]] = {}
        self._spool_ordinal = 0
        self._last_heartbeat_entry: Path | None = None
        # The heartbeat of a transaction whose commit failed: it may have reached the disk.
        self._unsettled: datetime | None = None
        self._settling_counts: dict[str, int] = {}
        self._unreadable: set[Path] = set()

    def start(self) -> None:
        """Store the run and its segment.

        Raises :class:`RunExistsError` if the run id is in the log already, :class:`UsageError` if
        the run is to be resumed and another process works on it, and what
        :func:`open_for_writing` raises, except that a held file means spooling.
        """
        try:
            with open_for_writing(self.path, wait=self._wait) as con:
                self._write(con)
        except DatabaseLockedError as error:
            self._spool(error)
            if self.problem:
                raise self.problem from error

    def deliver(
        self, tables: Mapping[str, list[pa.Table]], progress: Progress, state: State
    ) -> None:
        """Write ``tables`` and all that could not be written before, and the segment's row.

        Never raises for what the database or the disk refuses: ``problem`` holds it until a
        later flush succeeds, ``failure`` for good once rows had to be dropped.
        """
        for table, parts in tables.items():
            self._add_pending(table, parts)
        self._progress = progress
        self._state = state
        if self.failure:
            self._drop_pending()
        brief = self._spooling and state == "running"
        try:
            wait = min(self._wait, _SPOOLING_WAIT) if brief else self._wait
            with open_for_writing(self.path, wait=wait) as con:
                self._write(con)
        except DatabaseLockedError as error:
            self._spool(error)
        except DatabaseError as error:
            self._keep(error)

    @property
    def pending_rows(self) -> int:
        """Rows that are neither written, spooled nor dropped."""
        return sum(self._pending_counts.values())

    def give_up(self) -> None:
        """Drop what is pending; called when there will be no later flush."""
        if self.problem and (self.pending_rows or not self.failure):
            self._fail(self.problem)

    # --- into the database -------------------------------------------------------------------

    def _write(self, con: DuckDBPyConnection) -> None:
        con.execute("BEGIN")
        folded = spool.fold_in(con, spool.list_entries(self.path))
        self._settle(con)
        ledger = self.ledger.copy()
        run_id = self._find_run_id(con, ledger)
        self._store_run(con, run_id)
        self._count_folded(con, ledger)
        ledger.written.update(self._pending_counts)
        ids = {"run_id": run_id, "segment_id": self.segment_id}
        for table, parts in self._pending.items():
            batches.insert(con, f"raw.{table}", pa.concat_tables(parts), ids)
        row = self._segment_row(run_id, ledger)
        spool.write_segment(con, row)
        try:
            con.execute("COMMIT")
        except duckdb.Error:
            self._unsettled = row["heartbeat_at"]
            self._settling_counts = dict(self._pending_counts)
            raise
        self.ledger = ledger
        self._written(run_id)
        # Only now: had the process been killed before, the folders would still be needed.
        spool.remove_entries(folded.done + folded.known)
        for entry in folded.unreadable:
            if entry not in self._unreadable:
                self._unreadable.add(entry)
                self._warn(f"{entry} cannot be read; its rows are left there")

    def _written(self, run_id: str) -> None:
        if run_id != self.run_id:
            self._warn(
                f"the run id {self.run_id} was taken while {self.path} was locked; "
                f"this run is {run_id}"
            )
            self.run_id = run_id
        self._run_stored = True
        self._spool_entries.clear()
        self._last_heartbeat_entry = None
        self._delivered()
        if self._spooling:
            self._spooling = False
            self._warn(f"{self.path} is free again; the spooled rows are in it")

    def _settle(self, con: DuckDBPyConnection) -> None:
        """Find out whether a transaction whose commit failed took place after all."""
        if self._unsettled is None:
            return
        rows = con.execute(
            "SELECT heartbeat_at FROM raw.segments WHERE segment_id = ?", [self.segment_id]
        ).fetchall()
        if rows == [(self._unsettled,)]:
            self.ledger.written.update(self._settling_counts)
            for table, parts in list(self._pending.items()):
                count = self._settling_counts[table]
                self._pending[table] = [pa.concat_tables(parts).slice(count)]
                self._pending_counts[table] -= count
            self._run_stored = True
        self._unsettled = None

    def _find_run_id(self, con: DuckDBPyConnection, ledger: Ledger) -> str:
        """Return what the run is called in the file.

        While its first rows were in the spool, its id may have been taken; whoever folded them in
        then chose another.
        """
        resumed_from = self._resume.segment_id if self._resume else None
        known = spool.resolve_run_id(con, self.run_id, self.segment_id, resumed_from)
        if known is None:
            return self.run_id
        if known != self.run_id and not self._resume:
            spool.add_rename_to_ledger(ledger.offered, ledger.written)
        return known

    def _store_run(self, con: DuckDBPyConnection, run_id: str) -> None:
        """Insert the run's row unless it is there, and find the segment's ordinal."""
        there = con.execute(
            "SELECT ordinal FROM raw.segments WHERE segment_id = ?", [self.segment_id]
        ).fetchall()
        if there:
            self._ordinal = int(there[0][0])
            return
        exists = spool.run_exists(con, run_id)
        if exists and not self._resume:
            raise RunExistsError(
                f"{self.path} has a run {run_id!r} already", hint="choose another run id"
            )
        if exists:
            # Looked at where no one else can write: of two processes that resume the run at once,
            # the second finds the first.
            refuse_if_running(con, run_id)
        self._ordinal = spool.next_ordinal(con, run_id)
        if not exists:
            batches.insert(con, "raw.runs", self._run_rows())

    def _count_folded(self, con: DuckDBPyConnection, ledger: Ledger) -> None:
        """Move this segment's spooled rows to where they are by now."""
        if not self._spool_entries:
            return
        names = {str(row[0]) for row in con.sql("SELECT file FROM raw.spool_folded").fetchall()}
        lost = 0
        for name, counts in self._spool_entries.items():
            (ledger.written if name in names else ledger.dropped).update(counts)
            ledger.spooled.subtract(counts)
            lost += 0 if name in names else sum(counts.values())
        if lost:
            self._warn(f"{lost} rows are gone: they were in a spool of {self.path} that is not")

    # --- into the spool ----------------------------------------------------------------------

    def _spool(self, locked: DatabaseLockedError) -> None:
        if self._unsettled:
            self._keep(locked)  # its rows may be in the file already; only the file can tell
            return
        if not self._spooling:
            self._add_event("spool", {"reason": str(locked)})
        counts = dict(self._pending_counts)
        ledger = self.ledger.copy()
        ledger.spooled.update(counts)
        ids = {"run_id": self.run_id, "segment_id": self.segment_id}
        tables = {
            table: _with_constants(pa.concat_tables(parts), ids)
            for table, parts in self._pending.items()
        }
        starts_run = not self._run_stored and self._resume is None
        if starts_run:
            tables["runs"] = self._run_rows()
        tables["segments"] = batches.from_dicts(
            "segments", [self._segment_row(self.run_id, ledger)]
        )
        name = spool.entry_name(self._started_at, self.segment_id, self._spool_ordinal)
        try:
            spool.write_entry(self.path, name, tables)
        except OSError as error:
            self._keep(_database_error(self.path, error))
            return
        self.ledger = ledger
        self._spool_entries[name] = counts
        self._spool_ordinal += 1
        self._run_stored = True
        if not self._spooling:
            self._spooling = True
            self._warn(
                f"{locked}; rows go to {spool.spool_folder(self.path).name} and are added later"
            )
        self._delivered()
        self._replace_heartbeat(name, only_heartbeat=not any(counts.values()) and not starts_run)

    def _replace_heartbeat(self, name: str, *, only_heartbeat: bool) -> None:
        """Keep one folder at most that holds nothing but the segment's row."""
        if self._last_heartbeat_entry:
            spool.remove_entries([self._last_heartbeat_entry])
        entry = spool.spool_folder(self.path) / name
        self._last_heartbeat_entry = entry if only_heartbeat else None

    # --- in memory ---------------------------------------------------------------------------

    def _keep(self, error: DatabaseError) -> None:
        """Keep the rows for the next flush, or drop them if they have become too many."""
        if self.problem is None and not self.failure:
            self._warn(f"{error}; the log's rows are kept in memory for now")
        self.problem = error
        size = sum(part.nbytes for parts in self._pending.values() for part in parts)
        if size > self._max_pending_bytes:
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
        self.ledger.dropped.update(self._pending_counts)
        self._clear_pending()

    def _add_pending(self, table: str, parts: list[pa.Table]) -> None:
        rows = sum(part.num_rows for part in parts)
        self._pending.setdefault(table, []).extend(parts)
        self._pending_counts[table] += rows
        self.ledger.offered[table] += rows

    def _add_event(self, kind: str, detail: Mapping[str, Any]) -> None:
        row = {
            "happened_at": utc_now(),
            "env_step": self._progress.env_step,
            "kind": kind,
            "detail": json.dumps(detail),
        }
        rows = batches.from_dicts("events", [row]).drop_columns(["run_id", "segment_id"])
        self._add_pending("events", [rows])

    def _delivered(self) -> None:
        self._clear_pending()
        if not self.failure:
            self.complete_to = self._progress.env_step
        if self.problem:
            self.problem = None
            self._warn(f"{self.path} can be written again")

    def _clear_pending(self) -> None:
        self._pending.clear()
        self._pending_counts = dict.fromkeys(ROW_TABLES, 0)

    # --- rows --------------------------------------------------------------------------------

    def _run_rows(self) -> pa.Table:
        run = self._run._asdict() | {"run_id": self.run_id}
        run["config_hash"] = config_hash(self._run.config)
        run |= {"host": socket.gethostname(), "pid": os.getpid(), "started_at": self._started_at}
        return batches.from_dicts("runs", [run])

    def _segment_row(self, run_id: str, ledger: Ledger) -> dict[str, Any]:
        now = utc_now()
        resume = self._resume
        return {
            "run_id": run_id,
            "segment_id": self.segment_id,
            "ordinal": self._ordinal,
            "resumed_from": resume.segment_id if resume else None,
            "resume_step": resume.step if resume else None,
            "resume_episode_id": resume.episode_id if resume else None,
            "resume_transition_id": resume.transition_id if resume else None,
            "resume_update_id": resume.update_id if resume else None,
            "start_step": self._start_step,
            "end_step": self._progress.env_step,
            "open_episodes": self._progress.open_episodes,
            "open_episode_steps": self._progress.open_episode_steps,
            "state": self._state,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "versions": self._run.versions,
            "started_at": self._started_at,
            "heartbeat_at": now,
            "ended_at": None if self._state == "running" else now,
            **ledger.columns(),
        }


def _with_constants(rows: pa.Table, constants: Mapping[str, str]) -> pa.Table:
    for name, value in constants.items():
        rows = rows.append_column(name, pa.repeat(pa.scalar(value), rows.num_rows))
    return rows


def _database_error(path: Path, error: OSError) -> DatabaseError:
    translated = error_of(spool.spool_folder(path), error, writing=True)
    assert isinstance(translated, DatabaseError)  # noqa: S101 - so are all from the system
    return translated
