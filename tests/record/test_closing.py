"""A recorder that is closed, flushed or filled while something else goes on."""

from __future__ import annotations

import threading

import pytest
from steps import NEVER, counts, give

from rlaudit.errors import DatabaseWriteError, UsageError
from rlaudit.record import Recorder, gathering
from rlaudit.record import thread as thread_module
from rlaudit.record import writer as writer_module


def test_a_second_close_waits_for_the_first(db, run, rows, monkeypatch):
    deliver = writer_module.RunWriter.deliver
    entered = threading.Event()

    def watched(*arguments):
        entered.set()
        deliver(*arguments)

    monkeypatch.setattr(writer_module.RunWriter, "deliver", watched)
    recorder = Recorder(db, run, flush_seconds=NEVER)
    give(recorder, rows, [1])
    first = threading.Thread(target=recorder.close, args=["failed"])
    first.start()
    entered.wait()
    assert recorder.close("finished").written["samples"] == 4
    first.join()


def test_a_recorder_can_be_closed_on_another_thread_than_its_trainers(db, run, rows, query):
    recorder = Recorder(db, run, flush_seconds=NEVER)
    refused = []

    def train():
        try:
            for step in range(1, 10**9):
                give(recorder, rows, [step])
        except UsageError as error:
            refused.append(str(error))

    trainer = threading.Thread(target=train)
    trainer.start()
    while recorder.rows_logged < 100:
        pass
    ledger = recorder.close("finished")
    trainer.join()
    assert refused == ["the recorder is closed"]
    assert recorder.ledger == ledger
    assert ledger.offered == ledger.written
    assert counts(query, db)[2] == ledger.offered["samples"]


def test_no_cut_follows_the_last_so_that_a_flush_cannot_wait_for_it(db, run, monkeypatch):
    recorder = Recorder(db, run, flush_seconds=NEVER)
    monkeypatch.setattr(recorder, "check", lambda: recorder.close("finished"))
    with pytest.raises(UsageError, match="closed"):
        recorder.flush()


@pytest.mark.parametrize("nth", range(1, 5))
def test_ctrl_c_while_rows_are_handed_on_loses_and_repeats_none(db, run, rows, nth, monkeypatch):
    """The flush makes three new columns; pressed in the fourth call, it is just not needed."""
    recorder = Recorder(db, run, flush_seconds=NEVER)
    give(recorder, rows, [1, 2])
    made = []

    def pressed(*arguments):
        made.append(arguments)
        if len(made) == nth:
            raise KeyboardInterrupt
        return columns(*arguments)

    columns = gathering.Columns
    monkeypatch.setattr(gathering, "Columns", pressed)
    try:
        recorder.flush()
    except KeyboardInterrupt:
        assert nth <= 3
    else:
        assert nth > 3
    monkeypatch.undo()
    give(recorder, rows, [3])
    assert recorder.close("finished").written["samples"] == 12
    assert recorder.ledger.written == recorder.ledger.offered


def test_ctrl_c_while_a_column_is_put_aside_loses_and_repeats_no_row(db, run, rows, monkeypatch):
    monkeypatch.setitem(gathering._CAPACITIES, "samples", 8)
    recorder = Recorder(db, run, flush_seconds=NEVER)
    give(recorder, rows, [1, 2])
    columns = gathering.Columns

    def pressed(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(gathering, "Columns", pressed)
    with pytest.raises(KeyboardInterrupt):
        give(recorder, rows, [3])
    monkeypatch.setattr(gathering, "Columns", columns)
    recorder.extend(rows(3)[2])
    assert recorder.close("interrupted").written["samples"] == 12


def test_a_thread_that_hangs_at_the_end_is_told_after_a_while(db, run, rows, monkeypatch):
    monkeypatch.setattr(thread_module, "_GRACE_SECONDS", 0.05)
    hanging = threading.Event()
    deliver = writer_module.RunWriter.deliver

    def hang(*arguments):
        hanging.wait(20)
        deliver(*arguments)

    monkeypatch.setattr(writer_module.RunWriter, "deliver", hang)
    recorder = Recorder(db, run, flush_seconds=NEVER, wait=0)
    give(recorder, rows, [1])
    with pytest.raises(DatabaseWriteError, match="writing hangs"):
        recorder.close("finished")
    hanging.set()
    recorder._thread.ended.wait()


@pytest.mark.parametrize("name", ["flush_seconds", "wait"])
@pytest.mark.parametrize("seconds", [-1.0, float("nan")])
def test_a_time_that_is_none_is_refused_at_the_start(db, run, name, seconds):
    with pytest.raises(UsageError, match=f"{name} is {seconds}"):
        Recorder(db, run, **{name: seconds})
    assert not db.exists()


def test_times_may_be_endless(db, run, rows, query):
    with Recorder(db, run, flush_seconds=float("inf"), wait=float("inf")) as recorder:
        give(recorder, rows, [1])
        recorder.flush()
    assert counts(query, db) == (1, 1, 4)
