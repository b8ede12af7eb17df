from __future__ import annotations

import pytest
from streams import Terminal


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of 80 columns and no colours."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    return Terminal()
