"""A user's own SQL that DuckDB cannot interrupt, or that ends its process, in every command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import datetime

import psutil
import pytest

from rlaudit.cli import main
from rlaudit.store import spool

HEADER = "-- name: mine\n-- title: t\n-- reads: runs\n"
CHECK = "-- severity: error\n-- grain: run_id\n-- groups: runs\n-- diagnosis: {v}\n-- why: w\n"
LATE = "the query did not finish within 0.3 s (--timeout SECONDS allows more, --timeout 0 any)\n"
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows ends processes without signals")


@pytest.fixture
def log(log_file):
    path, writing = log_file
    with writing() as log:
        log.add_run("r1")
    return path


def commands(log, folder, sql):
    """Return each command that runs ``sql``, and the file in which it stands."""
    file = folder / "mine.sql"
    check, report = folder / "checks", folder / "reports"
    for place, header in ((check, HEADER + CHECK), (report, HEADER)):
        place.mkdir()
        (place / "mine.sql").write_text(f"{header}\n{sql}\n")
    file.write_text(sql)
    return {
        "sql": (["sql", log, "--file", file], file),
        "audit": (
            ["audit", log, "--checks", check, "--select", "mine", "--format", "json"],
            check / "mine.sql",
        ),
        "report": (
            ["report", "run", "mine", log, "--reports", report],
            report / "mine.sql",
        ),
        "lint": (["checks", "lint", check], check / "mine.sql"),
    }


@pytest.mark.parametrize("command", ["sql", "audit", "report", "lint"])
@pytest.mark.parametrize(
    "expression",
    [
        "length(repeat('x', 4_000_000_000))",
        "length(lpad('x', 2_000_000_000, 'y'))",
        "(SELECT sum(sqrt(range)) FROM range(1_000_000_000_000))",
        "(WITH RECURSIVE t AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM t) SELECT max(i) FROM t)",
    ],
)
def test_what_takes_too_long_is_ended_soon_and_told_on_one_line(
    capsys, log, tmp_path, command, expression
):
    sql = f"SELECT run_id, {expression} AS v FROM (VALUES ('r1')) AS t(run_id)"
    words, file = commands(log, tmp_path, sql)[command]
    began = time.monotonic()
    code = main([*map(str, words), "--timeout", "0.3"])
    took = time.monotonic() - began
    out, err = capsys.readouterr()
    place = "" if command == "sql" else f"{file}:1: "
    if command == "lint":
        assert (code, out, err) == (1, f"{place}{LATE}", "")
    else:
        named = f"{log}: " if command == "audit" else ""
        assert (code, err) == (2, f"error: {named}{place}{LATE}")
    assert took < 20  # the shortest of these takes DuckDB 20 s on a fast machine


@posix
@pytest.mark.parametrize("sql", ["CALL enable_logging(storage = 'file', storage_path = 'x')"])
def test_what_ends_its_process_is_told_on_one_line(capsys, log, sql):
    code = main(["sql", str(log), f"{sql}; SELECT 1"])
    assert code == 2
    assert capsys.readouterr().err == (
        "error: the query ended its process by signal 6, Aborted (DuckDB does not survive it)\n"
    )


def test_what_a_query_makes_duckdb_write_to_stdout_is_not_shown(capfd, log):
    sql = "CALL enable_logging(storage = 'stdout'); SELECT 1 AS v"
    assert main(["sql", str(log), sql, "--format", "csv"]) == 0
    assert capfd.readouterr().out == "v\r\n1\r\n"


def test_a_value_that_is_too_large_is_refused(capsys, log):
    code = main(
        ["sql", str(log), "SELECT repeat(repeat('x', 1000), 300_000) AS v", "--format", "csv"]
    )
    assert code == 2
    assert "error: a row or value of 286 MiB is too large" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["audit", "LOG"], "--checks"),
        (["baseline", "write", "LOG"], "--checks"),
        (["report", "html", "LOG"], "--checks"),
        (["serve", "LOG"], "--checks"),
        (["report", "run", "runs", "LOG"], "a report of your own"),
    ],
)
def test_a_time_limit_for_none_of_the_users_sql_is_refused(capsys, monkeypatch, log, words, option):
    monkeypatch.chdir(log.parent)
    words = [str(log) if word == "LOG" else word for word in words]
    assert main([*words, "--timeout", "5"]) == 2
    said = f"error: --timeout has no meaning without {option} (it is for queries of your own)\n"
    assert capsys.readouterr() == ("", said)


# A shell starts what runs in its background with Ctrl-C ignored.
PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from rlaudit.cli import main
sys.exit(main())
"""


def started(tmp_path, *words):
    """Start the program, in whose temporary folder nothing may be left."""
    (tmp_path / "tmp").mkdir(exist_ok=True)
    places = {"TMPDIR": str(tmp_path / "tmp"), "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, words)],
        env={**os.environ, **places},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@posix
@pytest.mark.parametrize("command", ["sql", "report"])
def test_ctrl_c_ends_a_query_at_once_and_leaves_nothing_behind(log, tmp_path, command):
    """In the middle of one call of a function, which begins when the spool has been read."""
    (spool.spool_folder(log) / spool.entry_name(datetime(2026, 1, 1), "aa", 0)).mkdir(parents=True)  # noqa: DTZ001 - the log's times have no zone
    sql = "SELECT run_id, length(repeat('x', 4_000_000_000 + length(run_id))) AS n FROM runs"
    words, _ = commands(log, tmp_path, sql)[command]
    with started(tmp_path, *words, "--timeout", "0") as process:
        assert process.stderr.readline().startswith(b"warning: incomplete: 1 of 1 flushes")
        (child,) = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, b"", b"")
    assert not child.is_running()
    assert list((tmp_path / "tmp").iterdir()) == []


@posix
def test_a_reader_that_leaves_ends_the_query(log, tmp_path):
    sql = "SELECT range FROM range(1_000_000_000_000)"
    words = ["sql", log, sql, "--limit", "0", "--format", "csv", "--timeout", "0"]
    with started(tmp_path, *words) as process:
        assert process.stdout.readline() == b"range\r\n"
        process.stdout.close()
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == b""
    assert list((tmp_path / "tmp").iterdir()) == []
