"""That the figures of experiments in the README are made from the logs that are kept of them."""

from __future__ import annotations

import re
import shlex

import pytest
from readme_tables import README, ROOT

from rlaudit.cli import main

TEXT = README.read_text(encoding="utf-8")


def shown_below(command):
    """Return what the README shows below a command, up to the next one."""
    after = TEXT.split(f"\n$ {command}\n", 1)[1]
    return re.split(r"^(?:\$ |```)", after, maxsplit=1, flags=re.MULTILINE)[0]


COMMANDS = re.findall(
    r"^\$ (rlaudit (?:reproduce|report|sql)[^$]*? fixtures/"
    r"(?:breakout|cartpole-ablation|cartpole-per|cartpole-v1)\.duckdb(?: \"[^\"]*\")?)$",
    TEXT,
    flags=re.MULTILINE,
)


def test_every_log_that_is_kept_of_an_experiment_is_shown():
    assert len(COMMANDS) == 4


@pytest.mark.parametrize("command", COMMANDS)
def test_a_kept_log_gives_what_the_readme_shows(command, monkeypatch, capsys):
    """Lines are wrapped in the README as on a terminal of 80 columns."""
    monkeypatch.chdir(ROOT)
    assert main(shlex.split(command)[1:]) == 0
    assert capsys.readouterr().out.split() == shown_below(command).split()
