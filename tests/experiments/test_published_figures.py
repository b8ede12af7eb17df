"""That the figures of experiments in the README are made from the logs that are kept of them."""

from __future__ import annotations

import re

import pytest
from readme_tables import README, ROOT

from rlaudit.cli import main

TEXT = README.read_text(encoding="utf-8")


def shown_below(command):
    """Return what the README shows below a command, up to the next one."""
    after = TEXT.split(f"\n$ {command}\n", 1)[1]
    return re.split(r"^(?:\$ |```)", after, maxsplit=1, flags=re.MULTILINE)[0]


@pytest.mark.parametrize(
    "command",
    [
        "rlaudit reproduce cartpole-per --from fixtures/cartpole-per.duckdb",
        "rlaudit report run evaluations fixtures/breakout.duckdb",
    ],
)
def test_a_kept_log_gives_what_the_readme_shows(command, monkeypatch, capsys):
    """Lines are wrapped in the README as on a terminal of 80 columns."""
    monkeypatch.chdir(ROOT)
    assert main(command.split()[1:]) == 0
    assert capsys.readouterr().out.split() == shown_below(command).split()
