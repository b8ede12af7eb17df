"""What was committed to a log and is not there: a write-ahead log that is cut, an older copy."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap

import pytest

from rlaudit.record import Recorder
from rlaudit.records import RunInfo, UpdateRow
from rlaudit.store import commits, open_for_writing
from rlaudit.store.files import Files

FILES = Files()

# Two flushes; the second one is killed after its commit and before the file is closed.
KILLED = """
    import contextlib, dataclasses, os, signal, sys
    from rlaudit.record import Recorder
    from rlaudit.records import RunInfo, UpdateRow

    recorder = Recorder(sys.argv[1], RunInfo("a", "name", "env", "{}"), flush_seconds=3600)
    machine = recorder._writer.work.machine

    @contextlib.contextmanager
    def killed(path, *, wait):
        with machine.open_log(path, wait=wait) as con:
            yield con
            os.kill(os.getpid(), signal.SIGKILL)

    for step in range(1, 11):
        recorder.append(UpdateRow(step, step, step, step, 100, 32, 0.5))
    recorder.progress(10, 0, 0)
    recorder.flush()
    recorder._writer.work.machine = dataclasses.replace(machine, open_log=killed)
    for step in range(11, 31):
        recorder.append(UpdateRow(step, step, step, step, 100, 32, 0.5))
    recorder.progress(30, 0, 0)
    recorder.flush()
"""


@pytest.fixture
def killed(db):
    """Return a log whose last 20 updates are in its write-ahead log only."""
    code = textwrap.dedent(KILLED)
    done = subprocess.run([sys.executable, "-c", code, str(db)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    return db


def wal_of(db):
    return db.with_name(db.name + ".wal")


def gone(db):
    with open_for_writing(db) as con:
        return commits.find_gone(con, commits.read_commits(FILES, db, commits.log_id(con)).segments)


pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")


def test_a_kill_before_the_file_is_closed_loses_nothing(killed):
    assert wal_of(killed).exists()
    assert gone(killed) == []


def test_what_a_cut_write_ahead_log_lost_is_named(killed):
    content = wal_of(killed).read_bytes()
    wal_of(killed).write_bytes(content[: len(content) // 2])
    (lost,) = gone(killed)
    assert lost.rows == {"updates": 20}
    assert str(lost) == "of run a 20 updates (it had reached update_id 30)"


def test_the_next_writer_tells_of_it_and_later_ones_still_do(killed):
    wal_of(killed).unlink()
    for number in range(2):
        warnings = []
        run = RunInfo(f"b{number}", "name", "env", "{}")
        with Recorder(killed, run, flush_seconds=3600, on_warning=warnings.append) as recorder:
            recorder.append(UpdateRow(1, 1, 1, 1, 100, 32, 0.5))
            recorder.flush()
        (warning,) = warnings
        assert "of run a 20 updates" in warning
        assert "runs.duckdb.commits" in warning
    assert [lost.commit.run_id for lost in gone(killed)] == ["a"]


def test_an_older_copy_in_the_place_of_a_log_is_noticed(db, tmp_path):
    copy = tmp_path / "copy"
    for run_id in "ab":
        if run_id == "b":
            shutil.copyfile(db, copy)
        Recorder(db, RunInfo(run_id, "name", "env", "{}")).close("finished")
    shutil.copyfile(copy, db)
    (lost,) = gone(db)
    assert str(lost) == "of run b that it is finished"


def test_another_log_has_nothing_to_answer_for(db, tmp_path):
    Recorder(db, RunInfo("a", "name", "env", "{}")).close("finished")
    other = tmp_path / "other.duckdb"
    Recorder(other, RunInfo("b", "name", "env", "{}")).close("finished")
    other.replace(db)
    assert gone(db) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[" * 100_000,
        b'{"digest": "0", "content": {"log": "", "segments": {}}}',
        b'{"digest": 0, "content": []}',
        b"\xff\xfe",
    ],
)
def test_a_file_that_is_not_what_was_written_is_said_and_replaced(db, content):
    Recorder(db, RunInfo("a", "name", "env", "{}")).close("finished")
    commits.commits_file(db).write_bytes(content)
    with pytest.raises(commits.DamagedCommitsError, match=r"runs\.duckdb\.commits"):
        gone(db)
    warnings = []
    run = RunInfo("b", "name", "env", "{}")
    Recorder(db, run, on_warning=warnings.append).close("finished")
    assert len(warnings) == 1
    assert gone(db) == []


def test_no_bit_of_it_can_change_unseen(db):
    Recorder(db, RunInfo("a", "name", "env", "{}")).close("finished")
    file = commits.commits_file(db)
    content = bytearray(file.read_bytes())
    with open_for_writing(db) as con:
        log = commits.log_id(con)
        whole = commits.read_commits(FILES, db, log)
        for position in range(0, 8 * len(content), 7):
            content[position // 8] ^= 1 << position % 8
            file.write_bytes(content)
            with contextlib.suppress(commits.DamagedCommitsError):
                assert commits.read_commits(FILES, db, log) == whole  # a blank, say
            content[position // 8] ^= 1 << position % 8


def test_old_segments_that_are_whole_are_forgotten(db, monkeypatch):
    monkeypatch.setattr(commits, "_MOST_SEGMENTS", 2)
    for run_id in "abcd":
        Recorder(db, RunInfo(run_id, "name", "env", "{}")).close("finished")
    stated = json.loads(commits.commits_file(db).read_text())["content"]["segments"]
    assert [commit["run_id"] for commit in stated.values()] == ["c", "d"]
