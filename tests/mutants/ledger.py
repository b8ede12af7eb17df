"""Rows that the recorder loses or does not count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mutant import TINY, mutant

from rlaudit.record.writer import RunWriter
from rlaudit.store import batches

if TYPE_CHECKING:
    import pytest

SHORT = {"steps": 300}


@mutant(
    bug=0,
    seen_in="the ledger of the recorder",
    flagged_by="segment_contradicts_itself",
    diagnosis="was offered 0 rows of episodes, and wrote",
    settings=SHORT,
)
def ledger_forgets_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Episodes are written and not counted as offered."""
    add_pending = RunWriter._add_pending

    def add(self, table, parts):
        offered = self.ledger.offered["episodes"]
        add_pending(self, table, parts)
        self.ledger.offered["episodes"] = offered

    monkeypatch.setattr(RunWriter, "_add_pending", add)


@mutant(
    bug=0,
    seen_in="the ledger of the recorder",
    flagged_by="rows_missing",
    diagnosis="rows of updates for segment",
    may_fail=("batch_rows_unlike_size", "noise_draws_skipped"),
    settings=SHORT,
)
def recorder_loses_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last updates of every flush are counted and not written."""
    insert = batches.insert

    def insert_less(con, table, rows, ids=None):
        insert(con, table, rows.slice(0, rows.num_rows - 3) if "updates" in table else rows, ids)

    monkeypatch.setattr(batches, "insert", insert_less)


@mutant(
    bug=0,
    seen_in="a queue of bounded length between trainer and log",
    flagged_by="rows_dropped",
    diagnosis="rows of samples that process",
    settings=SHORT,
)
def full_queue_drops_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer takes 63 batches at a time, and drops and counts the samples beyond."""
    add_pending = RunWriter._add_pending

    def add(self, table, parts):
        for part in parts:
            taken = part.slice(0, 63 * TINY["batch_size"])
            add_pending(self, table, [taken])
            self.ledger.offered[table] += part.num_rows - taken.num_rows
            self.ledger.dropped[table] += part.num_rows - taken.num_rows

    monkeypatch.setattr(RunWriter, "_add_pending", add)
