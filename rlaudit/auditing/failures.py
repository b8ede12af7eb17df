"""Turn what DuckDB says of a check's SQL into an error with file and line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rlaudit.errors import SqlFileError

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)
_OFFERS = ("Did you mean", "Candidate bindings")


def file_error(path: Path, error: duckdb.Error, *, binding: bool = False) -> SqlFileError:
    """Return ``error`` as one of the file ``path``.

    ``binding`` says that the file's text was the last statement's, beginning on its first line,
    so that the line that DuckDB names is the file's. While rows are read there is no line.
    """
    text = str(error).strip()
    lines = [line.strip() for line in text.splitlines()]
    found = _LINE.search(text) if binding else None
    offers = [line for line in lines[1:] if line.startswith(_OFFERS)]
    return SqlFileError(
        f"{path}:{found[1] if found else 1}: {lines[0]}", hint=offers[0] if offers else ""
    )


def first_line(error: Exception) -> str:
    """Return the first line of DuckDB's message, which says what is wrong."""
    return str(error).strip().splitlines()[0]
