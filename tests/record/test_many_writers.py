"""Writers that share a log with others: who tries the file, and when."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest
from steps import NEVER, counts, give

from rlaudit.record import Recorder
from rlaudit.records import RunInfo
from rlaudit.store import open_for_writing, spool
from rlaudit.store.commits import commits_file
from rlaudit.store.files import Files

FILES = Files()


class Counting:
    """Count how often the log is opened for writing."""

    def __init__(self, recorder):
        machine = recorder._writer.work.machine
        self.open_log = machine.open_log
        self.opened = 0
        recorder._writer.work.machine = dataclasses.replace(machine, open_log=self)

    def __call__(self, path, *, wait):
        self.opened += 1
        return self.open_log(path, wait=wait)


@pytest.fixture
def two(db, run, rows, held):
    """Return two recorders that both spool, as the file was held when they began."""
    with open_for_writing(db):
        pass
    with held(db):
        both = [
            Recorder(db, run._replace(run_id=name), wait=0, flush_seconds=NEVER) for name in "ab"
        ]
        for recorder in both:
            give(recorder, rows, [1])
            recorder.flush()
    yield both
    for recorder in both:
        recorder.close("finished")


def let_it_be(recorder, seconds):
    """Let it be so many seconds after the last commit for ``recorder``."""
    work = recorder._writer.work
    then = commits_file(work.path).stat().st_mtime + seconds
    now = dt.datetime.fromtimestamp(then, dt.UTC).replace(tzinfo=None)
    work.machine = dataclasses.replace(work.machine, now=lambda: now)


def test_one_takes_in_what_all_have_spooled(db, two, query):
    first, second = two
    first.flush()
    assert counts(query, db) == (2, 2, 8)
    assert spool.list_entries(FILES, db) == []
    second.flush()
    assert second.spooled.get("samples", 0) == 0
    assert second.written["samples"] == 4


def test_a_spool_that_others_fill_is_taken_in_once_in_a_while(db, two, rows, query):
    first, second = two
    first.flush()
    give(second, rows, [2])
    second.flush()  # alone: there is nothing in the spool
    give(first, rows, [2])
    tries = Counting(first)
    put_into_spool(second, rows, 3)
    let_it_be(first, seconds=4)
    first.flush()
    assert (tries.opened, first.spooled["samples"]) == (0, 4)
    let_it_be(first, seconds=6)
    first.flush()
    assert tries.opened == 1
    assert counts(query, db)[2] == 4 * 5


def put_into_spool(recorder, rows, step):
    give(recorder, rows, [step])
    recorder._writer._spooling = True
    with spool.folding(FILES, recorder._writer.path):  # someone else takes it in
        recorder.flush()


def test_who_cannot_take_the_spool_in_spools(db, two, rows):
    first, second = two
    tries = Counting(second)
    with spool.folding(FILES, db):
        give(second, rows, [2])
        second.flush()
    assert tries.opened == 0
    assert second.spooled["samples"] == 8
    first.flush()
    assert not spool.spool_folder(db).exists()


def test_a_large_spool_is_taken_in_by_portions(db, two, monkeypatch, query):
    monkeypatch.setattr("rlaudit.record.to_database._FOLD_BYTES", 1)
    first, _ = two
    tries = Counting(first)
    entries = len(spool.list_entries(FILES, db))
    first.flush()
    assert tries.opened == entries
    assert counts(query, db) == (2, 2, 8)


def test_a_trainer_that_is_alone_goes_back_to_the_file(db, run, rows, held, query):
    with open_for_writing(db):
        pass
    with held(db):
        recorder = Recorder(db, run, wait=0, flush_seconds=NEVER)
        give(recorder, rows, [1])
        recorder.flush()
    tries = Counting(recorder)
    for step in (2, 3):
        give(recorder, rows, [step])
        recorder.flush()
    assert tries.opened == 2
    assert counts(query, db) == (3, 3, 12)
    recorder.close("finished")


@pytest.mark.usefixtures("two")
def test_a_run_that_begins_meanwhile_takes_in_what_others_have_spooled(db, query):
    Recorder(db, RunInfo("c", "name", "env", "{}")).close("finished")
    assert query(db, "SELECT run_id FROM raw.runs ORDER BY 1") == [("a",), ("b",), ("c",)]
