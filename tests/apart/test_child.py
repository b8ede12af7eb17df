"""A process that does jobs of ours: its results, its errors, and every way in which it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import jobs
import psutil
import pytest

from rlaudit.apart.child import Child
from rlaudit.apart.messages import Began, EndedError
from rlaudit.errors import QueryError

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows ends processes without signals")


@pytest.fixture
def child():
    with Child("jobs") as child:
        yield child


def pid_of(child):
    *_, pid = child.run(0, jobs.numbers, 0)
    return pid


def test_results_come_in_their_order_and_one_process_does_several_jobs(child):
    *found, pid = child.run(0, jobs.numbers, 3)
    assert found == [0, 1, 2]
    assert pid != os.getpid()
    assert pid_of(child) == pid


def test_an_error_of_a_job_is_raised_whole_and_the_next_job_is_done(child):
    pid = pid_of(child)
    results = child.run(0, jobs.fails)
    assert next(results) == 1
    with pytest.raises(QueryError, match="refused") as caught:
        next(results)
    assert (caught.value.hint, caught.value.__notes__) == ("ask for less", ["LINE 1: ..."])
    assert "in fails" in str(caught.value.__cause__)
    assert pid_of(child) == pid


def test_an_error_that_cannot_be_handed_over_is_told_by_its_text(child):
    with pytest.raises(RuntimeError, match="Odd: one"):
        list(child.run(0, jobs.fails_oddly))


@pytest.mark.parametrize(
    ("timeout", "job", "message", "hint"),
    [
        (0.2, jobs.for_ever, "did not finish within 0.2 s", "--timeout SECONDS allows more"),
        (0, jobs.grows, "needs more than the 1 MiB of memory that it may take", "fewer rows"),
        (0, jobs.no_memory, "needs more memory than there is", ""),
        (0, jobs.exits, "ended its process with exit code 3", "the last line"),
        pytest.param(
            0, jobs.aborted, "ended its process by signal 6, Aborted", "DuckDB", marks=posix
        ),
    ],
)
def test_a_job_that_is_ended_says_why_and_the_next_one_is_done(child, timeout, job, message, hint):
    results = child.run(timeout, job)
    assert isinstance(next(results), Began)
    with pytest.raises(EndedError) as caught:
        next(results)
    assert str(caught.value) == message
    assert caught.value.hint.startswith(hint) or hint in caught.value.hint
    assert list(child.run(timeout, jobs.numbers, 2))[:2] == [0, 1]


def test_a_process_that_is_ended_leaves_nothing_behind(child):
    results = child.run(0, jobs.said_then_for_ever)
    pid, folder = next(results)
    assert (Path(folder) / "spilled").exists()
    results.close()
    assert not psutil.pid_exists(pid)
    assert not Path(folder).exists()
    assert pid_of(child) != pid


def test_what_others_write_to_stdout_is_no_result(child):
    assert list(child.run(0, jobs.forges)) == ["true"]


def test_no_module_of_the_working_folder_is_imported(tmp_path, monkeypatch):
    (tmp_path / "pickle.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    with Child("jobs") as child:
        assert next(child.run(0, jobs.numbers, 1)) == 0


def test_a_result_that_is_too_large_is_refused_and_may_be_replaced(child):
    with pytest.raises(QueryError, match="a row or value of 257 MiB is too large: at most 256 MiB"):
        list(child.run(0, jobs.too_large))
    said, then = child.run(0, jobs.something_smaller)
    assert said.startswith("a row or value of 257 MiB")
    assert then == "the next"


@posix
def test_each_item_has_a_result_or_an_error_whatever_ends_the_process(child):
    names = ["a", "aborted", "b", "slow", "c", "spoils", "d", "aborted"]
    found = [
        str(step) for step in child.run_each(0.5, jobs.each, names) if not isinstance(step, Began)
    ]
    aborted = "ended its process by signal 6, Aborted"
    late = "did not finish within 0.5 s"
    assert found == [
        "a done", aborted, "b done", late, "c done", "spoils done", "d done", aborted,
    ]  # fmt: skip


@posix
def test_a_process_that_ends_before_the_first_item_is_an_error(child):
    with pytest.raises(EndedError, match="signal 6"):
        list(child.run_each(0, jobs.never_begins, ["a"]))


_PARENT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
import jobs
from rlaudit.apart.child import Child
with Child("jobs") as child:
    results = child.run(0, jobs.said_then_for_ever)
    print(*next(results), flush=True)
    next(results)
"""


@posix
@pytest.mark.parametrize("ends", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_child_ends_with_its_parent_and_leaves_nothing_behind(ends, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as parent:
        pid, folder = parent.stdout.readline().split()
        child = psutil.Process(int(pid))
        parent.send_signal(ends)
        _, errors = parent.communicate(timeout=60)
    child.wait(timeout=60)
    assert not Path(folder).exists()
    assert errors.strip().splitlines()[-1:] == ["KeyboardInterrupt"] * (ends == signal.SIGINT)
