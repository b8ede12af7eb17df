"""A pipe, device, socket or endless file where a command expects a file is refused at once."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from no_files import NO_FILES
from no_hang import at_most

from rlaudit.cli import main

pytestmark = pytest.mark.skipif(os.name != "posix", reason="what is tested are POSIX's files")

COMMANDS = {
    "query": ["sql", "runs.duckdb", "-f", "it.sql"],
    "settings": ["train", "cartpole", "--show-config", "--config", "it.sql"],
    "baseline": ["audit", "runs.duckdb", "--baseline", "it.sql"],
    "checks": ["checks", "list", "--checks", "."],
    "check": ["checks", "show", "it", "--checks", "."],
    "reports": ["report", "list", "--reports", "."],
}


@pytest.fixture
def folder(log_file, tmp_path, monkeypatch):
    """The working folder, with a log in it."""
    _, writing = log_file
    with writing() as rows:
        rows.add_run("r")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("make", "message"), NO_FILES.items(), ids=[f.__name__ for f in NO_FILES])
@pytest.mark.parametrize("args", COMMANDS.values(), ids=COMMANDS)
def test_a_command_refuses_what_is_no_file(folder, args, make, message, capsys):
    make(folder / "it.sql")
    with at_most(20):
        assert main(args) == 2
    err = capsys.readouterr().err
    assert message in err
    assert "it.sql" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(("make", "message"), NO_FILES.items(), ids=[f.__name__ for f in NO_FILES])
def test_options_of_a_project_are_not_waited_for(folder, make, message, capsys):
    make(folder / "pyproject.toml")
    with at_most(20):
        assert main(["checks", "list"]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: cannot read {folder / 'pyproject.toml'}: ")
    assert message in err
    assert err.endswith("(it may have options for rlaudit)\n")


def test_a_folder_of_that_name_has_no_options(folder):
    (folder / "pyproject.toml").mkdir()
    assert main(["sql", "runs.duckdb", "SELECT 1"]) == 0


@pytest.mark.usefixtures("folder")
def test_the_output_of_a_command_is_taken_for_a_file(capsys):
    """As a shell's ``<(command)`` hands it over."""
    reading, writing = os.pipe()
    os.write(writing, b"SELECT 'by a pipe'")
    os.close(writing)
    assert main(["sql", "runs.duckdb", "-f", f"/dev/fd/{reading}"]) == 0
    os.close(reading)
    assert "by a pipe" in capsys.readouterr().out


def test_a_named_pipe_that_someone_writes_is_waited_for(folder):
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "rlaudit", "train", "cartpole", "--show-config"]
    both = os.open(pipe, os.O_RDWR)
    with subprocess.Popen([*command, "--config", str(pipe)], stdout=subprocess.PIPE) as process:
        with at_most(30):
            # More than a pipe holds: the command reads by the time that it is written.
            os.write(both, b"#" * 200_000 + b"\nseed = 31415\n")
        os.close(both)
        shown = process.stdout.read().decode()
    assert process.returncode == 0
    assert "seed = 31415\n" in shown


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("stdin", "message"),
    [
        (None, "cannot read standard input: it is closed"),
        (io.TextIOWrapper(io.BytesIO(b"\xff"), encoding="utf-8"), "it is no text"),
    ],
    ids=["closed", "no text"],
)
def test_a_query_from_no_standard_input_is_refused(monkeypatch, capsys, stdin, message):
    monkeypatch.setattr(sys, "stdin", stdin)
    assert main(["sql", "runs.duckdb", "-"]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_a_query_that_does_not_end_is_refused(monkeypatch, capsys):
    with Path("/dev/zero").open(encoding="utf-8") as endless, at_most(30):
        monkeypatch.setattr(sys, "stdin", endless)
        assert main(["sql", "runs.duckdb", "-"]) == 2
    assert "standard input: it is longer than 67,108,864 bytes" in capsys.readouterr().err
