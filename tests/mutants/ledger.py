"""Rows that the recorder loses, does not count, or writes under an id that nothing has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mutant import TINY, mutant

from rlaudit.record.work import Work
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
    add_pending = Work.add

    def add(self, table, parts):
        offered = self.ledger.offered["episodes"]
        add_pending(self, table, parts)
        self.ledger.offered["episodes"] = offered

    monkeypatch.setattr(Work, "add", add)


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
    add_pending = Work.add

    def add(self, table, parts):
        for part in parts:
            taken = part.slice(0, 63 * TINY["batch_size"])
            add_pending(self, table, [taken])
            self.ledger.offered[table] += part.num_rows - taken.num_rows
            self.ledger.dropped[table] += part.num_rows - taken.num_rows

    monkeypatch.setattr(Work, "add", add)


@mutant(
    bug=0,
    seen_in="a key between tables that no database enforces",
    flagged_by="orphan_rows",
    diagnosis="rows of samples name the run CARTPOLE-V1",
    settings=SHORT,
)
def samples_under_another_spelling_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer of the samples spells the run id in capitals, so that no run has any."""
    insert = batches.insert

    def insert_in_capitals(con, table, rows, ids=None):
        if table == "raw.samples" and ids:
            ids = {**ids, "run_id": str(ids["run_id"]).upper()}
        insert(con, table, rows, ids)

    monkeypatch.setattr(batches, "insert", insert_in_capitals)


@mutant(
    bug=0,
    seen_in="a key between tables that no database enforces",
    flagged_by="orphan_rows",
    diagnosis="name the process -, which raw.segments does not have",
    may_fail=("rows_missing",),
    settings=SHORT,
)
def transitions_of_an_unknown_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Transitions are written before their process has an id."""
    insert = batches.insert

    def insert_early(con, table, rows, ids=None):
        if table == "raw.transitions" and ids:
            ids = {**ids, "segment_id": "-"}
        insert(con, table, rows, ids)

    monkeypatch.setattr(batches, "insert", insert_early)
