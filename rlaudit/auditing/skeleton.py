"""Write the beginning of a new check."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def new_check(name: str, folder: Path) -> Path:
    """Write a check ``name`` that works and finds nothing, and return its path.

    Raises:
        UsageError: if the name is no name for a check, or the file is there already.

    """
    raise NotImplementedError
