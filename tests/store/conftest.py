from __future__ import annotations

import contextlib
import subprocess
import sys

import pytest

HOLD = """
import duckdb, sys
con = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def db(tmp_path):
    return tmp_path / "runs.duckdb"


@pytest.fixture
def held():
    """Return a context manager under which another process has a file open."""

    @contextlib.contextmanager
    def hold(path, how="write"):
        command = [sys.executable, "-c", HOLD, str(path), how]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with process:
            assert process.stdout.readline() == b"held\n"
            try:
                yield process
            finally:
                process.stdin.close()
                assert process.wait(20) == 0

    return hold
