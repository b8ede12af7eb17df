"""The recorder among real processes: several at once, killed ones, and a disk that is full."""

from __future__ import annotations

import os
import signal

import pytest
from trainers import finish, start

from rlaudit.errors import DatabaseLockedError
from rlaudit.record import Recorder
from rlaudit.store import list_runs, open_for_reading, open_for_writing, spool
from rlaudit.store.files import Files


def tell(processes, word):
    for process in processes:
        process.stdin.write(f"{word}\n")
        process.stdin.flush()


def test_two_writers_and_a_reader_share_one_file(db):
    script = """
        with run(flush_seconds=0.02, on_warning=quiet) as recorder:
            while word := sys.stdin.readline().strip():
                block = int(word)
                give(recorder, range(block * 50 + 1, block * 50 + 51))
                recorder.flush()
                say("flushed")
        say(recorder.ledger.written["samples"])
    """
    writers = [start(script, db, name) for name in ("one", "two")]
    seen = 0
    for block in range(5):
        tell(writers, block)
        if block:  # both write while this reads
            with open_for_reading(db) as log:
                updates, split = log.con.sql(
                    "SELECT count(*), count(*) FILTER (n <> 32) FROM "
                    "(SELECT count(*) AS n FROM samples GROUP BY run_id, update_id)"
                ).fetchall()[0]
            assert split == 0
            assert seen <= updates >= 2 * block * 50
            seen = updates
        assert [writer.stdout.readline() for writer in writers] == ["flushed\n"] * 2
    assert [finish(writer) for writer in writers] == ["8000\n", "8000\n"]
    with open_for_reading(db) as log:
        counts = log.con.sql(
            "SELECT run_id, count(*), count(DISTINCT (update_id, batch_index)) FROM samples "
            "GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        assert counts == [("one", 8000, 8000), ("two", 8000, 8000)]
        assert [summary.state for summary in list_runs(log)] == ["finished"] * 2
    assert not spool.spool_folder(db).exists()


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_a_killed_writer_loses_at_most_what_was_not_flushed(db):
    script = """
        recorder = run(flush_seconds=3600)
        give(recorder, range(1, 101))
        recorder.flush()
        give(recorder, range(101, 150))
        say("ready")
        sys.stdin.read()
    """
    with start(script, db, "killed") as process:
        assert process.stdout.readline() == "ready\n"
        with open_for_reading(db) as log:
            assert list_runs(log)[0].state == "running"
        process.kill()
        process.wait(20)
    with open_for_reading(db) as log:
        assert log.con.sql("SELECT count(*) FROM samples").fetchall()[0] == (3200,)
        (summary,) = list_runs(log)
        assert (summary.state, summary.steps) == ("dead", 100)
        ledger = log.con.sql("SELECT rows_offered = rows_written FROM segments").fetchall()[0]
        assert ledger == (True,)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
@pytest.mark.parametrize("moment", ["before COMMIT", "after COMMIT"])
def test_a_kill_in_the_middle_of_a_flush_leaves_whole_steps(db, moment):
    script = f"""
        import contextlib, dataclasses
        recorder = run(flush_seconds=3600)
        give(recorder, range(1, 11))
        recorder.flush()
        give(recorder, range(11, 21))

        class Killing:
            def __init__(self, con):
                self.con = con
            def __getattr__(self, name):
                return getattr(self.con, name)
            def execute(self, sql, *arguments):
                kill = sql == "COMMIT"
                if kill and "{moment}" == "before COMMIT":
                    os.kill(os.getpid(), signal.SIGKILL)
                self.con.execute(sql, *arguments)
                if kill:
                    os.kill(os.getpid(), signal.SIGKILL)
                return self.con

        machine = recorder._writer.work.machine

        @contextlib.contextmanager
        def killing(path, *, wait):
            with machine.open_log(path, wait=wait) as con:
                yield Killing(con)

        recorder._writer.work.machine = dataclasses.replace(machine, open_log=killing)
        recorder.flush()
    """
    with start(script, db, "killed") as process:
        process.wait(30)
    assert process.returncode == -signal.SIGKILL
    updates = 10 if moment == "before COMMIT" else 20
    with open_for_reading(db) as log:
        assert log.con.sql("SELECT count(*) FROM updates").fetchall()[0] == (updates,)
        assert log.con.sql("SELECT count(*) FROM samples").fetchall()[0] == (32 * updates,)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_spooled_rows_are_folded_in_once_even_if_the_file_outlives_it(db, held, run):
    with open_for_writing(db):
        pass
    spooling = """
        recorder = run(flush_seconds=3600, wait=0)
        give(recorder, range(1, 11))
        recorder.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    with held(db), start(spooling, db, "spooled") as process:
        process.wait(30)
    assert process.returncode == -signal.SIGKILL
    with open_for_reading(db) as log:
        (summary,) = list_runs(log)
        assert (summary.run_id, summary.state, summary.steps) == ("spooled", "dead", 10)
    # The next writer is killed after its commit and before it deletes what it folded in.
    killed = """
        from rlaudit.store import spool
        spool.remove_entries = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        run()
    """
    with start(killed, db, "killed") as process:
        process.wait(30)
    assert process.returncode == -signal.SIGKILL
    assert len(spool.list_entries(Files(), db)) == 2
    Recorder(db, run).close("finished")
    assert spool.list_entries(Files(), db) == []
    with open_for_reading(db) as log:
        assert log.con.sql("SELECT run_id, count(*) FROM samples GROUP BY 1").fetchall() == [
            ("spooled", 320)
        ]
        states = [(summary.run_id, summary.state) for summary in list_runs(log)]
        assert states == [("spooled", "dead"), ("killed", "dead"), ("a", "finished")]
        ledger = "SELECT rows_written['samples'], rows_spooled['samples'] FROM segments "
        assert log.con.sql(ledger + "WHERE run_id = 'spooled'").fetchall() == [(320, 0)]


@pytest.mark.skipif(os.name != "posix", reason="file size limits are POSIX's")
def test_a_full_disk_ends_the_recording_and_leaves_the_log_readable(db):
    script = """
        import resource
        from rlaudit.errors import DatabaseWriteError
        warnings = []
        recorder = run(flush_seconds=3600, on_warning=warnings.append, max_pending_bytes=400_000)
        give(recorder, range(1, 101))
        recorder.flush()
        size = os.path.getsize(path)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        rng = np.random.default_rng(0)
        step = 100
        try:
            while True:
                for _ in range(100):
                    step += 1
                    recorder.append(UpdateRow(step, step, step, step, 100, 32, 0.5))
                    recorder.extend(SampleRows(
                        step, INDEX, rng.integers(0, 10**6, 32), weight=rng.random(32, "f4")))
                    recorder.progress(step, 0, 0)
                try:
                    recorder.flush()
                except DatabaseWriteError:
                    pass
                recorder.check()
        except DatabaseWriteError as error:
            failure = error
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        try:
            recorder.close("failed")
        except DatabaseWriteError:
            pass
        say(len(warnings))
        say(recorder.ledger.offered == recorder.ledger.written + recorder.ledger.dropped)
        say(recorder._writer.complete_to)
        say(str(failure))
    """
    warnings, balanced, complete_to, failure = finish(start(script, db, "full")).splitlines()
    assert int(warnings) >= 1
    assert balanced == "True"
    assert f"complete only up to agent step {complete_to} " in failure
    with open_for_reading(db) as log:
        steps, last, samples = log.con.sql(
            "SELECT count(*), max(env_step), (SELECT count(*) FROM samples) FROM updates"
        ).fetchall()[0]
        assert steps == last == int(complete_to) >= 100
        assert samples == 32 * steps
        assert list_runs(log)[0].state == "failed"


def test_a_disk_that_is_full_for_a_while_costs_no_row(db):
    if os.name != "posix":
        pytest.skip("file size limits are POSIX's")
    script = """
        import resource
        from rlaudit.errors import DatabaseWriteError
        recorder = run(flush_seconds=3600, on_warning=quiet)
        give(recorder, range(1, 11))
        recorder.flush()
        limit = os.path.getsize(path)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        rng = np.random.default_rng(0)
        refused = 0
        for step in range(11, 2011):
            recorder.append(UpdateRow(step, step, step, step, 100, 32, 0.5))
            recorder.extend(SampleRows(step, INDEX, rng.integers(0, 10**6, 32)))
            recorder.progress(step, 0, 0)
            if step % 500 == 0:
                try:
                    recorder.flush()
                except DatabaseWriteError:
                    refused += 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        recorder.close("finished")
        say(refused > 0)
        say(recorder.ledger.dropped.total())
    """
    assert finish(start(script, db, "full")) == "True\n0\n"
    with open_for_reading(db) as log:
        assert log.con.sql(
            "SELECT count(*), count(DISTINCT update_id), (SELECT count(*) FROM samples) "
            "FROM updates"
        ).fetchall()[0] == (2010, 2010, 2010 * 32)


def test_many_processes_that_create_one_log_at_once_all_get_in(db):
    script = """
        sys.stdin.readline()
        with run(on_warning=quiet) as recorder:
            give(recorder, range(1, 3))
    """
    processes = [start(script, db, name) for name in "abcd"]
    tell(processes, "go")
    for process in processes:
        finish(process)
    with open_for_reading(db) as log:
        assert sorted(summary.run_id for summary in list_runs(log)) == list("abcd")
        assert log.con.sql("SELECT count(*) FROM samples").fetchall()[0] == (4 * 64,)
    assert {path.name for path in db.parent.iterdir()} == {db.name, f"{db.name}.commits"}


def test_a_reader_that_waits_too_briefly_is_told_who_writes(db, held):
    with open_for_writing(db):
        pass
    with held(db) as holder:
        told = pytest.raises(DatabaseLockedError, match=f"process {holder.pid} ")
        with told, open_for_reading(db, wait=0.01):
            pass
