"""Files that are read by name: only files, pipes where they are meant, and nothing without end."""

from __future__ import annotations

import io
import os
import sys
import threading
import tracemalloc
from pathlib import Path

import pytest
from no_files import NO_FILES
from no_hang import at_most

from rlaudit import files
from rlaudit.files import open_file, read_bytes, read_stdin, read_text

HANDLES = Path("/dev/fd")
"""Where a shell's ``<(command)`` is."""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="what is tested are POSIX's files")


@pytest.mark.parametrize(("make", "message"), NO_FILES.items(), ids=[f.__name__ for f in NO_FILES])
def test_what_is_no_file_is_refused_at_once_and_without_memory(tmp_path, make, message):
    make(tmp_path / "it")
    tracemalloc.start()
    with at_most(10), pytest.raises(OSError, match=message):
        read_text(tmp_path / "it")
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_a_folder_is_named_and_a_file_that_is_not_there_as_by_the_system(tmp_path):
    with pytest.raises(OSError, match="it is a folder, not a file"):
        read_bytes(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "none")


def test_another_file_in_its_place_between_the_two_looks_is_refused(tmp_path, monkeypatch):
    path, opened = tmp_path / "it", files._open_at_once
    path.write_text("sound")

    def meanwhile(name, flags):
        path.unlink()
        os.mkfifo(path)
        return opened(name, flags)

    monkeypatch.setattr(files, "_open_at_once", meanwhile)
    with at_most(10), pytest.raises(OSError, match="it is a named pipe"):
        open_file(path)


def test_line_ends_and_text_are_read_as_python_reads_them(tmp_path):
    path = tmp_path / "it"
    path.write_bytes("ä\r\nb\rc\n".encode())
    assert read_text(path) == path.read_text(encoding="utf-8") == "ä\nb\nc\n"
    path.write_bytes(b"\xff")
    with pytest.raises(UnicodeDecodeError):
        read_text(path)


@pytest.mark.parametrize(("size", "long"), [(0, False), (99, False), (100, False), (101, True)])
def test_a_file_may_be_as_long_as_the_bound(tmp_path, size, long):
    path = tmp_path / "it"
    path.write_bytes(b"x" * size)
    if long:
        with pytest.raises(OSError, match="it is longer than 100 bytes"):
            read_bytes(path, most=100)
    else:
        assert read_bytes(path, most=100) == b"x" * size


@pytest.fixture
def written(tmp_path):
    """A named pipe, and a thread that writes ``parts`` to it."""
    threads = []

    def write(parts):
        path = tmp_path / "pipe"
        os.mkfifo(path)
        # Both ends, so that the pipe is open for writing before it is read.
        both = os.open(path, os.O_RDWR)

        def work():
            with os.fdopen(both, "wb", buffering=0) as file:
                file.writelines(parts)

        threads.append(threading.Thread(target=work))
        threads[-1].start()
        return path

    yield write
    for thread in threads:
        thread.join(10)


def test_a_pipe_is_read_to_its_end(written):
    parts = [b"SELECT ", b"", b"1" * 200_000, b"\n"]
    with at_most(20):
        assert read_text(written(parts), pipes=True) == "SELECT " + "1" * 200_000 + "\n"


def test_a_pipe_without_end_is_left():
    """As of ``yes``, whose writes fail once nobody reads."""
    reading, writing = os.pipe()
    os.write(writing, b"x" * 300)
    with at_most(20), pytest.raises(OSError, match="it is longer than 100 bytes"):
        read_bytes(HANDLES / str(reading), most=100, pipes=True)
    os.close(writing)
    os.close(reading)


def test_what_a_shell_gives_for_a_command_is_read_when_the_command_is_over():
    reading, writing = os.pipe()
    os.write(writing, b"seed = 3\n")
    os.close(writing)
    assert read_text(HANDLES / str(reading), pipes=True) == "seed = 3\n"
    os.close(reading)


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with at_most(10), pytest.raises(OSError, match="it is a named pipe that nobody writes to"):
        read_text(tmp_path / "pipe", pipes=True)


def test_a_device_is_no_pipe():
    with at_most(10), pytest.raises(OSError, match="it is a device"):
        read_text(Path("/dev/zero"), pipes=True)


def test_standard_input_that_is_closed_or_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(files, "MOST_TEXT", 100)
    monkeypatch.setattr(sys, "stdin", io.StringIO("x" * 101))
    with pytest.raises(OSError, match="it is longer than 100 bytes"):
        read_stdin()
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(OSError, match="it is closed"):
        read_stdin()
