"""Check the checks: headers, statements, and what they say of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rlaudit.errors import Problem


def lint_checks(folder: Path) -> list[Problem]:
    """Return everything that is wrong with the check files in ``folder`` and below."""
    raise NotImplementedError
