"""Processes that are forked from one that has a recorder."""

from __future__ import annotations

import copy
import os
import pickle

import pytest
from trainers import finish, outcome, start

from rlaudit.errors import UsageError
from rlaudit.record import Recorder

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")


@forks
def test_a_forked_child_cannot_use_the_recorder_and_leaves_at_once(db):
    script = """
        from rlaudit.errors import UsageError

        recorder = run(flush_seconds=3600)
        give(recorder, range(1, 11))
        row, samples = UpdateRow(1, 1, 1, 1, 1, 1, 1.0), SampleRows(1, INDEX, INDEX)
        uses = {
            "append": lambda: recorder.append(row),
            "extend": lambda: recorder.extend(samples),
            "extend_columns": lambda: recorder.extend_columns("events", 1, {"env_step": 1}),
            "progress": lambda: recorder.progress(1, 0, 0),
            "flush": recorder.flush,
            "check": recorder.check,
            "close": lambda: recorder.close("finished"),
            "exit": lambda: recorder.__exit__(None, None, None),
            "ledger": lambda: recorder.ledger,
        }

        def refused(name):
            try:
                uses[name]()
            except UsageError as error:
                assert f"belongs to process {owner}, " in str(error), error
                return True

        owner = os.getpid()
        with recorder:
            for generation in ("child", "grandchild"):
                pid = os.fork()
                if pid:
                    break
                say([generation, [name for name in uses if not refused(name)]])
                say(recorder.run_id + " " + str(recorder.rows_logged))
                say(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
            if os.getpid() != owner:
                if generation == "grandchild" and pid:
                    os.waitpid(pid, 0)
                sys.exit(5)
            say(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            give(recorder, range(11, 21))
        say(recorder.ledger.written["samples"])
    """
    told = ["forked 0", "True"]
    assert finish(start(script, db, "forked")).splitlines() == [
        "['child', []]", *told, "['grandchild', []]", *told, "5", "640",
    ]  # fmt: skip
    assert outcome(db) == {"forked": ("finished", 20, 640)}


@forks
def test_a_child_may_have_a_recorder_of_its_own_also_if_its_parent_was_writing(db):
    script = """
        import threading
        from rlaudit.record import writer

        deliver = writer.RunWriter.deliver
        entered, forking, done = threading.Event(), threading.Event(), []

        def slow(self, tables, progress, state):
            entered.set()
            forking.wait()
            deliver(self, tables, progress, state)
            done.append(os.getpid())

        recorder = run(flush_seconds=3600)
        os.register_at_fork(before=forking.set)  # called before the recorder's
        give(recorder, range(1, 11))
        writer.RunWriter.deliver = slow
        recorder._send_cut()
        entered.wait()
        pid = os.fork()
        if pid == 0:
            say(done == [os.getppid()])
            with Recorder(path, RunInfo("child", "child", "env", "{}")) as own:
                give(own, range(1, 6))
            os.kill(os.getppid(), 0)
            sys.exit(0)
        say(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        recorder.close("finished")
    """
    assert finish(start(script, db, "parent")) == "True\n0\n"
    assert outcome(db) == {"parent": ("finished", 10, 320), "child": ("finished", 5, 160)}


@forks
def test_a_child_that_used_threads_and_duckdb_ends_as_any_process_does(db):
    """DuckDB once opened, its own connection had a thread that a child waited for or died of."""
    script = """
        recorder = run(flush_seconds=3600)
        give(recorder, range(1, 11))
        recorder.flush()
        codes = []
        for number in range(3):
            pid = os.fork()
            if pid == 0:
                with Recorder(path, RunInfo(f"child {number}", "", "", "{}")) as own:
                    give(own, range(1, 6))
                sys.exit(0)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        recorder.close("finished")
        say(codes)
    """
    assert finish(start(script, db, "parent")) == "[0, 0, 0]\n"


@forks
def test_a_fork_does_not_stop_the_writing_of_its_parent(db):
    script = """
        recorder = run(flush_seconds=3600)
        for step in range(1, 11):
            give(recorder, [step])
            if os.fork() == 0:
                os._exit(0)
            os.wait()
            recorder.flush()
        say(recorder.ledger.written["samples"])
        recorder.close("finished")
    """
    assert finish(start(script, db, "parent")) == "320\n"


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_recorder_stays_in_its_process(db, run, duplicate):
    with (
        Recorder(db, run) as recorder,
        pytest.raises(UsageError, match="create one in each process"),
    ):
        duplicate(recorder)
