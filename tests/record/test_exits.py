"""Programs that end without closing their recorder."""

from __future__ import annotations

import os
import signal

import pytest
from trainers import finish, outcome, start

# How a program ends that Ctrl-C ended.
CTRL_C = -signal.SIGINT if os.name == "posix" else 0xC000013A
TEN_STEPS = "recorder = run(flush_seconds=3600)\ngive(recorder, range(1, 11))\n"


@pytest.mark.parametrize(
    ("ending", "state", "code"),
    [
        ("pass", "finished", 0),
        ("1 / 0", "failed", 1),
        ("raise KeyboardInterrupt", "interrupted", CTRL_C),
        # No exit handler gets to know the code; inside a with it is known.
        ("sys.exit(3)", "finished", 3),
        ("with recorder: sys.exit(3)", "failed", 3),
        # What does not end the program does not end the run.
        ("import threading; threading.Thread(target=lambda: 1 / 0).start()", "finished", 0),
        ("import code; code.InteractiveInterpreter().runcode('1 / 0')", "finished", 0),
        # Nobody but its thread holds it.
        ("import gc; del recorder; gc.collect()", "finished", 0),
    ],
)
def test_a_program_that_forgets_to_close_loses_nothing(db, ending, state, code):
    process = start(TEN_STEPS + ending, db, "forgotten")
    process.communicate(timeout=60)
    assert process.returncode == code
    assert outcome(db) == {"forgotten": (state, 10, 320)}


def test_an_error_that_an_interactive_session_survived_does_not_fail_the_run(db):
    with start("recorder = run(flush_seconds=3600)", db, "session", options=["-i"]) as process:
        process.communicate("give(recorder, [1])\n1 / 0\ngive(recorder, [2])\n", timeout=60)
    assert process.returncode == 0
    assert outcome(db) == {"session": ("finished", 2, 64)}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_children_of_multiprocessing_run_no_exit_handlers_and_lose_nothing(db):
    script = """
        import multiprocessing

        def train(name, ending):
            recorder = Recorder(path, RunInfo(name, name, "env", "{}"), flush_seconds=3600)
            give(recorder, range(1, 11))
            exec(ending)

        endings = {"a": "pass", "b": "1 / 0", "c": "sys.exit()", "d": "sys.exit(3)"}
        context = multiprocessing.get_context("fork")
        children = [context.Process(target=train, args=each) for each in endings.items()]
        for child in children:
            child.start()
        for child in children:
            child.join()
        say([child.exitcode for child in children])
    """
    process = start(script, db, "unused")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "[0, 1, 0, 3]\n")
    assert err.count("Traceback") == 1
    states = {"a": "finished", "b": "failed", "c": "finished", "d": "failed"}
    assert outcome(db) == {name: (state, 10, 320) for name, state in states.items()}


def test_a_program_that_ends_is_told_what_its_log_lacks(db):
    script = """
        from rlaudit.errors import DatabaseWriteError
        from rlaudit.record import to_database

        def refuse(*arguments, **options):
            raise DatabaseWriteError("no space left", hint="make room")

        recorder = run(flush_seconds=3600, on_warning=say)
        give(recorder, range(1, 11))
        to_database.DatabaseWriter.write = refuse
    """
    *_, last = finish(start(script, db, "full")).splitlines()
    assert last == (
        "the log of run full is complete only up to agent step 0 (330 rows dropped): "
        "no space left (make room)"
    )


def test_ctrl_c_while_a_recorder_closes_costs_no_row(db):
    script = """
        import atexit, threading
        from rlaudit.record import thread, writer

        deliver, await_end = writer.RunWriter.deliver, thread.WritingThread.await_end
        leaving = threading.Event()

        def deliver_late(*arguments):
            leaving.wait()
            deliver(*arguments)

        def press(self):
            thread.WritingThread.await_end = await_end
            signal.raise_signal(signal.SIGINT)

        writer.RunWriter.deliver = deliver_late
        thread.WritingThread.await_end = press
        recorder = run(flush_seconds=3600)
        atexit.register(leaving.set)  # called before what the recorder registered
        give(recorder, range(1, 11))
        recorder.close("finished")
    """
    process = start(script, db, "pressed")
    process.communicate(timeout=60)
    assert process.returncode == CTRL_C
    assert outcome(db) == {"pressed": ("finished", 10, 320)}


def test_ctrl_c_at_the_very_end_costs_no_row_and_a_second_one_ends_at_once(db):
    """The program cannot end before the thread: DuckDB aborts a process that does."""
    script = """
        from rlaudit.record import thread
        await_end = thread.WritingThread.await_end

        def press(self):
            if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
                await_end(self)
                say("the next would have ended it")
            else:
                signal.raise_signal(signal.SIGINT)

        recorder = run(flush_seconds=3600)
        give(recorder, range(1, 11))
        thread.WritingThread.await_end = press
    """
    assert finish(start(script, db, "pressed")) == "the next would have ended it\n"
    assert outcome(db) == {"pressed": ("finished", 10, 320)}
