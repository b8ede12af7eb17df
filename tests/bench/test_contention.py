"""The short form of contention.py: writers and readers of one log, and every row is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("contention.py")


def contend(*options):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *options], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_row_of_three_writers_is_stored_beside_two_readers():
    contend("--writers", "3", "--readers", "2", "--seconds", "3", "--flush-seconds", "0.1")


@pytest.mark.slow
def test_every_row_of_eight_writers_is_stored_beside_four_readers():
    contend()
