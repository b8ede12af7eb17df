from __future__ import annotations

import contextlib

import pytest
from terminal import Terminal


@pytest.fixture
def terminal():
    """Terminals that are closed at the end, whatever happened in them."""
    with contextlib.ExitStack() as stack:

        def open_terminal(command, **options):
            opened = Terminal(command, **options)
            stack.callback(opened.close)
            return opened

        yield open_terminal
