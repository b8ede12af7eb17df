"""What a recorder tells a user, and what it makes of an on_warning that fails."""

from __future__ import annotations

import sys

import pytest
from steps import NEVER, counts, give

from rlaudit.errors import DatabaseWriteError
from rlaudit.record import Recorder, to_database
from rlaudit.store import open_for_writing


def test_by_default_warnings_are_lines_on_stderr(db, run, rows, held, capsys):
    with open_for_writing(db):
        pass
    with held(db):
        recorder = Recorder(db, run, wait=0, flush_seconds=NEVER)
        give(recorder, rows, [1])
        recorder.flush()
    recorder.close("finished")
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert all(line.startswith("rlaudit: warning: ") for line in told)


def test_a_program_may_have_no_stderr(db, run, held, monkeypatch, capsys):
    with open_for_writing(db):
        pass
    monkeypatch.setattr(sys, "stderr", None)
    with held(db):
        Recorder(db, run, wait=0, flush_seconds=NEVER).close("finished")
    assert capsys.readouterr().out == ""


def test_a_trainer_that_never_checks_is_told_at_once_and_once(db, run, rows, monkeypatch, capsys):
    def refuse(*_arguments):
        raise DatabaseWriteError("No space left\non device", hint="make room")

    recorder = Recorder(db, run, flush_seconds=NEVER, max_pending_bytes=0)
    monkeypatch.setattr(to_database.DatabaseWriter, "write", refuse)
    for step in range(1, 5):
        give(recorder, rows, [step])
        recorder._send_cut().done.wait()
    kept, failed = capsys.readouterr().err.splitlines()
    assert "kept in memory" in kept
    assert failed == (
        "rlaudit: warning: the log of run a is complete only up to agent step 0 (6 rows dropped): "
        "No space left on device (make room)"
    )
    with pytest.raises(DatabaseWriteError, match="complete only up to"):
        recorder.close("finished")
    assert capsys.readouterr().err == ""


@pytest.fixture
def spooling(db, run, rows, held):
    """A function that lets a recorder warn twice, as its file is held for a while."""

    def record(on_warning):
        recorder = Recorder(db, run, wait=0, flush_seconds=NEVER, on_warning=on_warning)
        with held(db):
            give(recorder, rows, [1])
            recorder.flush()
        give(recorder, rows, [2])
        ledger = recorder.close("finished")
        assert ledger.offered == ledger.written

    return record


@pytest.mark.parametrize("error", [ValueError("full"), SystemExit(1), KeyboardInterrupt()])
def test_a_callback_that_raises_is_told_and_costs_no_row(db, spooling, capsys, query, error):
    def tell(_message):
        raise error

    spooling(tell)
    assert counts(query, db) == (2, 2, 8)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert all(f"(on_warning raised {type(error).__name__}: " in line for line in told)
    assert "rows go to" in told[0]


def test_a_callback_cannot_wait_for_itself(db, run, held, capsys):
    def tell(_message):
        recorder.flush()

    recorder = Recorder(db, run, wait=0, flush_seconds=NEVER, on_warning=tell)
    with held(db):
        recorder.flush()
    recorder.close("finished")
    assert "on_warning must not flush or close" in capsys.readouterr().err


def test_a_function_silences_them(spooling, capsys):
    spooling(lambda _message: None)
    assert capsys.readouterr().err == ""
