"""``rlaudit watch`` on a real terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from terminal import ALTERNATE_SCREEN, CURSOR, DEADLINE, rlaudit
from watched_logs import add_run

from rlaudit.cli import dashboard, main
from rlaudit.render import extras

CRASH = """
import sys
from rlaudit.cli import main
from rlaudit.render.dashboard import panes
def broken(self):
    raise ZeroDivisionError("a bug")
panes.PlotPane.render = broken
sys.exit(main(["watch", sys.argv[1], "--no-audit"]))
"""

EARLY = """
import os, signal, sys
from rlaudit.cli import main
from rlaudit.render.dashboard.app import Dashboard
compose = Dashboard.compose
def interrupted(self):
    os.kill(os.getpid(), signal.SIGTERM)
    return compose(self)
Dashboard.compose = interrupted
sys.exit(main(["watch", sys.argv[1], "--no-audit"]))
"""


@pytest.fixture
def log(log_file):
    path, writing = log_file
    with writing() as rows:
        add_run(rows, "sarah", returns=[float(i) for i in range(20)], length=20, steps=400)
    return path


def ends(opened, code):
    """It has ended as it should, and the terminal is as it was."""
    assert opened.wait_for_end() == code
    assert opened.left_on() == set()
    assert opened.settings() == opened.settings_before
    assert b"Traceback" not in opened.written


def is_up(opened):
    """Whether the screen has been taken over, and keys are read one by one without an echo."""
    return {ALTERNATE_SCREEN, CURSOR} <= opened.left_on() and (
        opened.settings() != opened.settings_before
    )


@pytest.mark.parametrize(("keys", "code"), [(b"q", 0), (b"\x03", 130)], ids=["q", "ctrl-c"])
def test_a_key_ends_it_and_the_terminal_is_as_it_was(log, terminal, keys, code):
    opened = terminal(rlaudit("watch", log, "--no-audit"))
    opened.wait_for("400 of 400 steps (100%)")
    assert is_up(opened)
    opened.press(keys)
    ends(opened, code)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_and_the_terminal_is_as_it_was(log, terminal, number):
    opened = terminal(rlaudit("watch", log))
    opened.wait_for("400 of 400 steps (100%)")
    assert is_up(opened)
    os.kill(opened.process.pid, number)
    ends(opened, 130)


def test_a_signal_that_comes_before_the_screen_is_up_ends_it(log, terminal):
    ends(terminal([sys.executable, "-c", EARLY, str(log)]), 130)


def test_a_bug_ends_it_on_one_line_and_the_terminal_is_as_it_was(log, terminal):
    opened = terminal([sys.executable, "-c", CRASH, str(log)])
    ends(opened, 2)
    assert is_up_at_some_time(opened)
    assert b"error: internal error, ZeroDivisionError: a bug (a bug in rlaudit;" in opened.written


def is_up_at_some_time(opened):
    return b"\x1b[?1049h" in opened.written


def test_all_of_it_fits_on_80_by_24(log, terminal):
    opened = terminal(rlaudit("watch", log, "--every", "0.5"))
    opened.wait_for(lambda screen: "nothing found" in screen and "400 of 400" in screen)
    head, *_, foot = opened.lines
    assert head.startswith("runs.duckdb  1 run, 0 running  read ")
    assert "q quit" in foot
    assert "r look now" in foot
    table = opened.lines[2].split()
    assert table == ["sarah", "finished", "400", "20", "9.5", "none"]
    assert "return, mean of 2 episodes: 18.5" in opened.text
    assert "priorities: none were drawn yet" in opened.text


@pytest.mark.parametrize(("columns", "rows"), [(40, 12), (20, 5), (200, 60)])
def test_other_sizes_are_no_error(log, terminal, columns, rows):
    opened = terminal(rlaudit("watch", log, "--no-audit"), columns=columns, rows=rows)
    opened.wait_for("sarah")
    opened.press(b"q")
    ends(opened, 0)


def test_without_a_terminal_it_is_refused_in_one_line(log):
    found = subprocess.run(rlaudit("watch", log), capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert found.stdout == ""
    assert found.stderr.startswith("error: watch draws on a terminal, and this is none (")
    assert found.stderr.count("\n") == 1


def test_a_log_that_is_not_there_is_said_before_that_there_is_no_terminal(tmp_path):
    command = rlaudit("watch", tmp_path / "none.duckdb")
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr == f"error: {tmp_path / 'none.duckdb'} does not exist (check the path)\n"


def test_a_terminal_that_cannot_be_drawn_on_is_refused(log, terminal):
    opened = terminal(rlaudit("watch", log), columns=300, env={"TERM": "dumb"})
    ends(opened, 2)
    assert b"\x1b" not in opened.written
    assert "and TERM=dumb says that this one cannot be drawn on (rlaudit runs" in opened.text


def test_a_terminal_that_is_closed_ends_it(log, terminal):
    opened = terminal(rlaudit("watch", log))
    opened.wait_for("400 of 400 steps (100%)")
    opened.hang_up()
    assert opened.process.wait(DEADLINE) == 130


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["nowhere.duckdb"], "nowhere.duckdb does not exist"),
        (["{log}", "--run", "sara"], "no run has the id 'sara' (did you mean 'sarah'?)"),
        (["{log}", "--every", "0"], "'--every'"),
    ],
)
def test_what_cannot_be_watched_is_said_before_the_screen_opens(log, terminal, args, message):
    opened = terminal(rlaudit("watch", *(arg.format(log=log) for arg in args)), columns=300)
    ends(opened, 2)
    assert not is_up_at_some_time(opened)
    assert message in opened.text


def test_without_the_extra_the_command_says_which_one(monkeypatch, log, capsys):
    monkeypatch.setattr(dashboard, "_refuse_without_terminal", lambda: None)
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    assert main(["watch", str(log)]) == 2
    assert capsys.readouterr().err == (
        "error: rlaudit watch needs textual (pip install 'rlaudit[watch]')\n"
    )
