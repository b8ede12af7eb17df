"""Write a flush to the spool, while others hold the file."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import pyarrow as pa

from rlaudit.store import batches, commits, spool

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rlaudit.record.work import Work

# A spool that others fill as well is taken in once in so many seconds, so that the log is free for
# readers most of the time.
_FOLD_SECONDS = 5.0


class SpoolWriter:
    """Brings the pending rows of ``work`` into the spool, a file a flush."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._is_told = False
        self._last_heartbeat: Path | None = None

    def write(self, reason: str) -> None:
        """Write what is pending; ``reason`` says why it does not go into the file.

        Raises :class:`OSError` if that cannot be; the rows are still pending then.
        """
        work = self._work
        if not self._is_told:
            work.add("events", [work.event("spool", {"reason": reason})])
        place = work.place
        counts = dict(work.pending.counts)
        ledger = work.ledger.copy()
        ledger.spooled.update(counts)
        ids = {"run_id": work.run_id, "segment_id": work.segment_id}
        tables = {table: _with_constants(rows, ids) for table, rows in work.pending.tables()}
        # Until the file has it: the flush that began the run may never be read.
        if place.left is None and place.segment.resume is None and not place.earlier:
            tables["runs"] = place.segment.run_rows(work.run_id)
        row = work.segment_row(work.run_id, ledger)
        tables["segments"] = batches.from_dicts("segments", [row])
        name = spool.entry_name(place.segment.started_at, work.segment_id, place.flushes)
        entry = spool.write_entry(work.machine.files, work.path, name, tables)
        work.ledger = ledger
        place.entries[name] = counts
        place.flushes += 1
        work.stored()
        if not self._is_told:
            self._is_told = True
            folder = spool.spool_folder(work.path).name
            work.warn(f"{reason}; rows go to {folder} and are added later")
        only_heartbeat = not any(counts.values()) and place.flushes > 1
        self._replace_heartbeat(entry if only_heartbeat else None)

    def taken_in(self, *, others_spool: bool) -> None:
        """Note that the rows of the spool are in the file, and tell that it is free again."""
        self._last_heartbeat = None
        if self._is_told and not others_spool:
            self._is_told = False
            self._work.warn(f"{self._work.path} is free again; the spooled rows are in it")
            spool.sweep(self._work.machine, self._work.path)

    def is_due(self) -> bool:
        """Say whether no one else spools, or readers have had their turn since the last fold-in."""
        work, files = self._work, self._work.machine.files
        entries = spool.list_entries(files, work.path)
        if all(spool.segment_of(entry) == work.segment_id for entry in entries):
            return True
        changed = files.changed_at(commits.commits_file(work.path))
        now = work.machine.now().replace(tzinfo=UTC).timestamp()
        return changed is None or not 0 <= now - changed < _FOLD_SECONDS

    def _replace_heartbeat(self, entry: Path | None) -> None:
        """Keep one file at most that holds nothing but the segment's row: ``entry``, if any."""
        if self._last_heartbeat:
            spool.remove_entries(self._work.machine.files, self._work.path, [self._last_heartbeat])
        self._last_heartbeat = entry


def _with_constants(rows: pa.Table, constants: Mapping[str, str]) -> pa.Table:
    for name, value in constants.items():
        rows = rows.append_column(name, pa.repeat(pa.scalar(value), rows.num_rows))
    return rows
