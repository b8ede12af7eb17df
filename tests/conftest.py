from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys

import duckdb
import pytest

from rlaudit.sqlfiles import read_sql
from rlaudit.store import open_for_writing


class TinyLog:
    """A log of a few rows, written by hand."""

    def __init__(self, con):
        self.con = con

    def add(self, table, **columns):
        """Add rows to a raw table; a list gives one row an entry, anything else all rows."""
        lengths = {len(values) for values in columns.values() if isinstance(values, list)}
        count = lengths.pop() if lengths else 1
        assert not lengths, "lists of different lengths"
        full = [v if isinstance(v, list) else [v] * count for v in columns.values()]
        marks = ", ".join("?" * len(columns))
        self.con.executemany(
            f"INSERT INTO raw.{table} ({', '.join(columns)}) VALUES ({marks})",
            [list(row) for row in zip(*full, strict=True)],
        )

    def add_run(self, run_id="r1", config=None, **columns):
        settings = None if config is None else json.dumps(config)
        self.add("runs", run_id=run_id, config=settings, **columns)

    def add_batch(self, update_id, transitions, *, positions=None, **columns):
        """Add one update and its samples; by default each transition has probability 0.01."""
        base = {
            "run_id": columns.get("run_id", "r1"),
            "segment_id": columns.get("segment_id", "s1"),
        }
        size = columns.get("batch_size", len(transitions))
        self.add(
            "updates",
            **base,
            update_id=update_id,
            env_step=update_id,
            batch_size=size,
            buffer_size=columns.get("buffer_size", 100),
            priority_total=columns.get("priority_total", 100.0),
        )
        self.add(
            "samples",
            **base,
            update_id=update_id,
            batch_index=positions or list(range(len(transitions))),
            transition_id=transitions,
            priority=columns.get("priority", 1.0),
        )


@pytest.fixture
def tiny_log():
    """An empty log in memory, with the names under which a reader sees it."""
    with contextlib.closing(duckdb.connect()) as con:
        con.execute(read_sql("schema/raw.sql"))
        con.execute(read_sql("schema/views.sql"))
        yield TinyLog(con)


@pytest.fixture
def log_file(tmp_path):
    """A log in a file: the path and, as a context manager, a TinyLog that writes to it."""
    path = tmp_path / "runs.duckdb"

    @contextlib.contextmanager
    def writing():
        with open_for_writing(path) as con:
            yield TinyLog(con)

    return path, writing


_HOLD = """
import duckdb, sys
con = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def held():
    """A context manager under which another process, which it gives, has a file open."""

    @contextlib.contextmanager
    def hold(path, how="write"):
        command = [sys.executable, "-c", _HOLD, str(path), how]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"held\n"
            try:
                yield process
            finally:
                process.stdin.close()
                assert process.wait(20) == 0

    return hold


@pytest.fixture
def db(tmp_path):
    return tmp_path / "runs.duckdb"


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium that is installed on the machine."""
    playwright = pytest.importorskip("playwright.sync_api")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        reason = "no Chromium is installed: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    # Chromium's sandbox refuses to work for root, who builds in a container.
    unboxed = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=unboxed)
        yield browser
        browser.close()
