"""What a writer has to store, and how far it is with it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rlaudit.errors import DatabaseWriteError
from rlaudit.record.ledger import Ledger
from rlaudit.record.pending import Pending
from rlaudit.store import batches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pyarrow as pa

    from rlaudit.record.place import Place
    from rlaudit.record.segment import Progress, State
    from rlaudit.store.machine import Machine


@dataclass(slots=True)
class Work:
    """One process's part of a run on its way into the log.

    Attributes:
        path: the log.
        run_id: what the run is called there.
        machine: what is asked of the machine.
        warn: called with a sentence for the user.
        place: the segment under which rows are stored.
        progress: how far the run is.
        complete: up to where all rows are stored.
        state: of the segment.
        ledger: rows by table, of the whole process.
        pending: rows that are not stored yet.
        failure: why rows had to be dropped, for good.
        loss: why rows are gone that were stored.
        run_stored: whether the run's own row is.

    """

    path: Path
    run_id: str
    machine: Machine
    warn: Callable[[str], None]
    place: Place
    progress: Progress
    complete: Progress
    state: State = "running"
    ledger: Ledger = field(default_factory=Ledger)
    pending: Pending = field(default_factory=Pending)
    failure: DatabaseWriteError | None = None
    loss: DatabaseWriteError | None = None
    run_stored: bool = False
    _warned: set[str] = field(default_factory=set)

    @property
    def segment_id(self) -> str:
        """The id of the segment under which rows are stored."""
        return self.place.segment.segment_id

    def add(self, table: str, parts: list[pa.Table]) -> None:
        """Take rows over."""
        self.ledger.offered[table] += self.pending.add(table, parts)

    def stored(self) -> None:
        """Note that all pending rows are stored."""
        self.pending.clear()
        self.run_stored = True
        if not self.failure:
            self.complete = self.progress

    def lose(self, sentence: str) -> None:
        """Note that stored rows are gone: the run goes on, and ends as failed."""
        self.warn_once(sentence)
        self.loss = self.loss or DatabaseWriteError(
            f"the log of run {self.run_id} lacks rows: {sentence}"
        )

    def warn_once(self, sentence: str) -> None:
        """Tell the user, unless that was told already."""
        if sentence not in self._warned:
            self._warned.add(sentence)
            self.warn(sentence)

    def event(self, kind: str, detail: Mapping[str, Any]) -> pa.Table:
        """Return the row of an event, but for the columns that name run and segment."""
        row = {
            "happened_at": self.machine.now(),
            "env_step": self.progress.env_step,
            "kind": kind,
            "detail": json.dumps(detail),
        }
        return batches.from_dicts("events", [row]).drop_columns(["run_id", "segment_id"])

    def segment_row(self, run_id: str, ledger: Ledger) -> dict[str, Any]:
        """Return the row of the segment, of a process whose rows are as ``ledger`` says."""
        state = "failed" if self.loss and self.state != "running" else self.state
        return self.place.segment.row(
            run_id, state, self.progress, ledger.less(self.place.base), self.machine.now()
        )
