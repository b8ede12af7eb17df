"""A recorder whose file is held by others, or whose disk takes nothing."""

from __future__ import annotations

import contextlib
import threading
import time

import duckdb
import pytest
from steps import NEVER, counts, give

from rlaudit.errors import DatabaseWriteError
from rlaudit.record import Recorder, gathering
from rlaudit.record import recorder as recorder_module
from rlaudit.record import writer as writer_module
from rlaudit.records import RunInfo
from rlaudit.store import list_runs, open_for_reading, open_for_writing, spool
from rlaudit.store.files import Files
from rlaudit.store.machine import Machine

FILES = Files()

# --- a file that others hold ---------------------------------------------------------------------


def test_a_held_file_means_spooling_from_the_start_and_folding_in_later(db, run, rows, held, query):
    warnings = []
    with open_for_writing(db):
        pass
    with held(db) as holder:
        recorder = Recorder(db, run, wait=0, flush_seconds=NEVER, on_warning=warnings.append)
        give(recorder, rows, [1, 2])
        recorder.flush()
        give(recorder, rows, [3])
        recorder.flush()
        recorder.flush()
        assert recorder.spooled["samples"] == 12
        assert recorder.written["samples"] == 0
    assert len(warnings) == 1
    assert str(holder.pid) in warnings[0]
    with open_for_reading(db) as log:
        assert log.con.sql("SELECT count(*) FROM samples").fetchall()[0] == (12,)
        assert list_runs(log)[0].state == "running"
        (balance,) = log.con.sql(
            "SELECT rows_offered['samples'] = rows_spooled['samples'] FROM segments"
        ).fetchall()[0]
        assert balance
    give(recorder, rows, [4])
    ledger = recorder.close("finished")
    assert counts(query, db) == (4, 4, 16)
    assert ledger.written["samples"] == ledger.offered["samples"] == 16
    assert ledger.spooled["samples"] == 0
    assert query(db, "SELECT kind FROM raw.events") == [("spool",)]
    assert query(db, "SELECT rows_offered = rows_written, state, ordinal FROM raw.segments") == [
        (True, "finished", 0)
    ]
    assert not spool.spool_folder(db).exists()
    assert len(warnings) == 2


def test_a_run_that_ends_while_the_file_is_held_is_folded_in_by_the_next(
    db, run, rows, held, query
):
    with open_for_writing(db):
        pass
    with held(db), Recorder(db, run, wait=0, flush_seconds=NEVER) as recorder:
        give(recorder, rows, [1])
    with open_for_reading(db) as log:
        assert [summary.state for summary in list_runs(log)] == ["finished"]
    Recorder(db, run._replace(run_id="b")).close("finished")
    assert counts(query, db) == (1, 1, 4)
    assert query(
        db, "SELECT run_id, state, rows_written['samples'] FROM raw.segments ORDER BY 1"
    ) == [
        ("a", "finished", 4),
        ("b", "finished", 0),
    ]
    assert not spool.spool_folder(db).exists()


def test_a_run_id_that_was_taken_meanwhile_is_changed_and_told(db, run, rows, held, query):
    Recorder(db, run).close("finished")
    warnings = []
    with held(db):
        recorder = Recorder(db, run, wait=0, flush_seconds=NEVER, on_warning=warnings.append)
        give(recorder, rows, [1])
        recorder.flush()
    give(recorder, rows, [2])
    recorder.flush()
    assert recorder.run_id == "a-2"
    assert any("this run is a-2" in warning for warning in warnings)
    recorder.close("finished")
    assert query(db, "SELECT DISTINCT run_id FROM raw.samples") == [("a-2",)]
    assert query(db, "SELECT kind FROM raw.events ORDER BY 1") == [("run_renamed",), ("spool",)]
    assert query(
        db, "SELECT rows_offered = rows_written, rows_written['events'] FROM raw.segments "
        "WHERE run_id = 'a-2'"
    ) == [(True, 2)]  # fmt: skip


def test_one_heartbeat_at_most_lies_in_the_spool(db, run, rows, held):
    with open_for_writing(db):
        pass
    with held(db):
        recorder = Recorder(db, run, wait=0, flush_seconds=NEVER)
        give(recorder, rows, [1])
        for _ in range(4):
            recorder.flush()
        assert len(spool.list_entries(FILES, db)) == 3  # the start, the rows, the newest heartbeat
    recorder.close("finished")


def test_rows_of_a_spool_that_was_deleted_are_counted_as_dropped(db, run, rows, held, query):
    warnings = []
    with open_for_writing(db):
        pass
    with held(db):
        recorder = Recorder(db, run, wait=0, flush_seconds=NEVER, on_warning=warnings.append)
        recorder.flush()
        give(recorder, rows, [1])
        recorder.flush()
        spool.remove_entries(FILES, db, spool.list_entries(FILES, db)[-1:])
    with pytest.raises(DatabaseWriteError, match="6 rows are gone"):
        recorder.close("finished")
    ledger = recorder.ledger
    assert ledger.dropped["samples"] == 4
    assert ledger.offered == ledger.written + ledger.dropped
    assert any("6 rows are gone" in warning for warning in warnings)
    assert query(db, "SELECT state FROM raw.segments") == [("failed",)]


# --- a disk that takes nothing -------------------------------------------------------------------


@pytest.fixture
def disk(monkeypatch):
    """Return an event; while it is set, no database can be opened for writing."""
    full = threading.Event()

    def refuse(path, *, wait):
        if full.is_set():
            raise DatabaseWriteError(f"cannot write {path}: No space left on device")
        return open_for_writing(path, wait=wait)

    monkeypatch.setattr(writer_module, "Machine", lambda: Machine(open_log=refuse))
    return full


def test_rows_wait_in_memory_for_a_full_disk(db, run, rows, disk, query):
    warnings = []
    recorder = Recorder(db, run, flush_seconds=NEVER, on_warning=warnings.append)
    disk.set()
    for step in (1, 2):
        give(recorder, rows, [step])
        with pytest.raises(DatabaseWriteError, match="No space left"):
            recorder.flush()
        recorder.check()
    assert len(warnings) == 1
    assert counts(query, db) == (0, 0, 0)
    disk.clear()
    recorder.flush()
    assert counts(query, db) == (2, 2, 8)
    assert len(warnings) == 2
    assert recorder.close("finished").dropped.total() == 0


def test_too_many_rows_for_memory_end_the_recording_and_are_counted(db, run, rows, disk, query):
    recorder = Recorder(db, run, flush_seconds=NEVER, max_pending_bytes=2_000)
    give(recorder, rows, [1])
    recorder.flush()
    disk.set()
    give(recorder, rows, range(2, 40))
    with pytest.raises(DatabaseWriteError, match="complete only up to agent step 1 "):
        recorder.flush()
    with pytest.raises(DatabaseWriteError, match="No space left"):
        recorder.check()
    disk.clear()
    give(recorder, rows, [40])
    with pytest.raises(DatabaseWriteError, match="complete only up to agent step 1 "):
        recorder.close("failed")
    assert counts(query, db) == (1, 1, 4)
    ledger = recorder.ledger
    assert ledger.dropped["samples"] == 39 * 4
    assert ledger.offered == ledger.written + ledger.dropped
    assert query(db, "SELECT state, rows_dropped['samples'] FROM raw.segments") == [
        ("failed", 39 * 4)
    ]


def test_a_disk_that_is_full_at_the_end_is_told_and_does_not_hang(db, run, rows, disk):
    recorder = Recorder(db, run, flush_seconds=NEVER)
    disk.set()
    give(recorder, rows, [1])
    with pytest.raises(DatabaseWriteError, match=r"up to agent step 0 \(6 rows dropped\)"):
        recorder.close("finished")
    assert not recorder._thread.is_alive()
    assert recorder.ledger.dropped["samples"] == 4


def test_the_error_of_the_trainer_is_not_hidden_by_that_of_the_log(db, run, rows, disk):
    def train(recorder):
        disk.set()
        give(recorder, rows, [1])
        raise ZeroDivisionError

    warnings = []
    recorder = Recorder(db, run, flush_seconds=NEVER, on_warning=warnings.append)
    with pytest.raises(ZeroDivisionError), recorder:
        train(recorder)
    assert "complete only up to agent step 0" in warnings[-1]


@pytest.mark.parametrize("committed", [True, False])
def test_a_commit_that_failed_is_neither_repeated_nor_lost(db, rows, query, committed):
    """DuckDB may fail after the commit's record is on the disk, while it moves it on."""
    run = RunInfo("a", "name", "env", "{}")
    recorder = Recorder(db, run, flush_seconds=NEVER)
    failing = FailingCommit(committed)

    @contextlib.contextmanager
    def open_failing(path, *, wait):
        with open_for_writing(path, wait=wait) as con:
            yield failing.around(con)

    recorder._writer.work.machine = Machine(open_log=open_failing)
    give(recorder, rows, [1])
    with pytest.raises(DatabaseWriteError):
        recorder.flush()
    give(recorder, rows, [2])
    recorder.flush()
    recorder.close("finished")
    assert counts(query, db) == (2, 2, 8)
    assert recorder.ledger.written["samples"] == 8


class FailingCommit:
    """A connection whose first COMMIT raises, with or without having taken place."""

    def __init__(self, committed):
        self.committed = committed
        self.failed = False

    def around(self, con):
        self.con = con
        return self

    def __getattr__(self, name):
        return getattr(self.con, name)

    def execute(self, sql, *arguments):
        if sql == "COMMIT" and not self.failed:
            self.failed = True
            self.con.execute("COMMIT" if self.committed else "ROLLBACK")
            raise duckdb.IOException("IO Error: Could not write: disk full")
        return self.con.execute(sql, *arguments)


def test_the_trainer_never_waits_for_the_file(db, run, rows, held):
    """Rows go on while a flush waits for the lock."""
    with open_for_writing(db):
        pass
    with held(db):
        recorder = Recorder(db, run, wait=0, flush_seconds=NEVER)
        recorder._writer._wait = 2.0
        recorder._writer._spooling = False
        began = time.monotonic()
        recorder._send_cut()
        give(recorder, rows, range(1, 50))
        assert time.monotonic() - began < 1.0
        recorder._writer._wait = 0.0
    recorder.close("finished")
    assert recorder.ledger.written["samples"] == 196


def test_a_writer_that_hangs_is_told_to_the_trainer(db, run, rows, monkeypatch):
    hanging = threading.Event()
    deliver = writer_module.RunWriter.deliver

    def hang(*arguments):
        hanging.wait(20)
        deliver(*arguments)

    monkeypatch.setattr(writer_module.RunWriter, "deliver", hang)
    monkeypatch.setattr(recorder_module, "_MAX_WAITING_BYTES", 100)
    monkeypatch.setattr(gathering, "_EARLY_FLUSH_BYTES", 0)
    monkeypatch.setitem(gathering._CAPACITIES, "samples", 4)
    recorder = Recorder(db, run, flush_seconds=NEVER)
    give(recorder, rows, [1, 2, 3])
    with pytest.raises(DatabaseWriteError, match="writing hangs"):
        recorder.check()
    hanging.set()
    with pytest.raises(DatabaseWriteError, match="writing hangs"):
        recorder.close("failed")
