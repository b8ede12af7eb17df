"""Signals that end a process in which a recorder is open."""

from __future__ import annotations

import os
import signal

import pytest
from trainers import outcome, start

from rlaudit.store import list_runs, open_for_reading

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows sends no signals to processes")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_brings_what_is_there_into_the_log(db, number):
    script = """
        recorder = run(flush_seconds=3600)
        give(recorder, range(1, 11))
        say("ready")
        idle()
    """
    with start(script, db, "ended") as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        process.wait(60)
        assert process.stderr.read() == ""
    assert process.returncode == -number
    assert outcome(db) == {"ended": ("interrupted", 10, 320)}


def test_recorders_in_full_swing_end_after_a_whole_step_each(db):
    script = """
        from itertools import count
        one = run(flush_seconds=3600)
        two = Recorder(path, RunInfo("two", "two", "env", "{}"), flush_seconds=3600)
        for step in count(1):
            give(one, [step])
            give(two, [step])
            if step == 100:
                say("ready")
    """
    with start(script, db, "one") as process:
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        process.wait(60)
        assert process.stderr.read() == ""
    assert process.returncode == -signal.SIGTERM
    found = outcome(db)
    assert list(found) == ["one", "two"]
    for state, steps, samples in found.values():
        assert state == "interrupted"
        assert samples == 32 * steps >= 3200


def test_a_signal_may_come_while_the_trainer_is_in_the_recorder(db):
    script = """
        recorder = run(flush_seconds=3600)
        give(recorder, range(1, 11))
        with recorder._lock:
            signal.raise_signal(signal.SIGTERM)
            say("went on")
        idle()
    """
    with start(script, db, "ended") as process:
        process.wait(60)
        assert process.stdout.read() == "went on\n"
    assert process.returncode == -signal.SIGTERM
    assert outcome(db) == {"ended": ("interrupted", 10, 320)}


def test_the_trainer_gets_no_error_in_its_last_moment(db):
    """Rows after the last cut wait for the end, and so do a flush and the end of the program."""
    script = """
        import threading
        from rlaudit.record import writer

        deliver = writer.RunWriter.deliver
        caught = threading.Event()

        def last(self, tables, progress, state):
            for use in (lambda: give(recorder, [11]), recorder.flush):
                threading.Thread(target=use, daemon=True).start()
            caught.set()
            deliver(self, tables, progress, state)

        recorder = run(flush_seconds=3600)
        give(recorder, range(1, 11))
        writer.RunWriter.deliver = last
        signal.raise_signal(signal.SIGTERM)
        recorder.progress(10, 0, 0)
        caught.wait()
        recorder.close("finished")
    """
    process = start(script, db, "ended")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (-signal.SIGTERM, "", "")
    assert outcome(db) == {"ended": ("interrupted", 10, 320)}


def test_a_locked_file_does_not_delay_the_end(db, held):
    script = """
        recorder = run(flush_seconds=3600, wait=3600)
        give(recorder, range(1, 11))
        say("ready")
        idle()
    """
    with start(script, db, "ended") as process:
        assert process.stdout.readline() == "ready\n"
        with held(db):
            process.terminate()
            process.wait(60)
    assert process.returncode == -signal.SIGTERM
    assert db.with_name(f"{db.name}.spool").exists()
    with open_for_reading(db) as log:
        assert log.con.sql("SELECT count(*) FROM samples").fetchall() == [(320,)]
        assert list_runs(log)[0].state == "interrupted"


def test_a_second_signal_acts_at_once(db):
    script = """
        import threading
        from rlaudit.record import writer

        def hang(*arguments):
            say("hangs")
            threading.Event().wait()

        recorder = run(flush_seconds=3600)
        writer.RunWriter.deliver = hang
        say("ready")
        idle()
    """
    with start(script, db, "ended") as process:
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.stdout.readline() == "hangs\n"
        process.terminate()
        process.wait(30)
    assert process.returncode == -signal.SIGTERM


def test_the_first_process_of_a_container_ends_too(db):
    """The kernel spares it a signal with the default action; here raising one does nothing."""
    script = """
        recorder = run(flush_seconds=3600)
        give(recorder, range(1, 11))
        signal.raise_signal = lambda number: None
        os.kill(os.getpid(), signal.SIGTERM)
        idle()
    """
    process = start(script, db, "first")
    process.wait(60)
    process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    assert outcome(db) == {"first": ("interrupted", 10, 320)}


def test_handlers_of_the_trainer_stay_and_ours_goes(db):
    script = """
        import threading

        def handlers():
            return [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]

        def its_own(number, frame):
            say("caught")

        default = [signal.SIG_DFL] * 2
        with run():
            say(signal.SIG_DFL in handlers())
        say(handlers() == default)

        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, its_own)  # before
        with Recorder(path, RunInfo("b", "b", "env", "{}")) as recorder:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGHUP)
            recorder.flush()
        say(handlers() == [its_own, signal.SIG_IGN])

        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        with Recorder(path, RunInfo("c", "c", "env", "{}")) as recorder:
            signal.signal(signal.SIGTERM, its_own)  # after
            os.kill(os.getpid(), signal.SIGTERM)
        say(handlers() == [its_own, signal.SIG_DFL])

        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        def elsewhere():
            with Recorder(path, RunInfo("d", "d", "env", "{}")):
                say(handlers() == default)
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()

        # One that was put back after the close, as stop_on_signal does.
        recorder = Recorder(path, RunInfo("e", "e", "env", "{}"))
        ours = signal.signal(signal.SIGTERM, its_own)
        recorder.close("finished")
        signal.signal(signal.SIGTERM, ours)
        say("last")
        os.kill(os.getpid(), signal.SIGTERM)
        say("never")
    """
    process = start(script, db, "a")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (-signal.SIGTERM, "")
    assert out.split() == ["False", "True", "caught", "True", "caught", "True", "True", "last"]
    assert {state for state, *_ in outcome(db).values()} == {"finished"}


def test_a_signal_is_told_what_the_log_lacks(db):
    script = """
        from rlaudit.errors import DatabaseWriteError
        from rlaudit.record import to_database

        def refuse(*arguments, **options):
            raise DatabaseWriteError("no space left", hint="make room")

        recorder = run(flush_seconds=3600)
        give(recorder, range(1, 11))
        to_database.DatabaseWriter.write = refuse
        os.kill(os.getpid(), signal.SIGTERM)
        idle()
    """
    with start(script, db, "full") as process:
        process.wait(60)
        *_, last = process.stderr.read().splitlines()
    assert last == (
        "rlaudit: warning: the log of run full is complete only up to agent step 0 "
        "(330 rows dropped): no space left (make room)"
    )
    assert process.returncode == -signal.SIGTERM
