"""A log in Python: queries in, Polars frames out."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from rlaudit.auditing.query import query
from rlaudit.store import open_for_reading

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import polars as pl

    from rlaudit.store import Log


class OpenLog:
    """A log that is open for reading; ``incomplete`` says what it does not show, or is None."""

    def __init__(self, log: Log) -> None:
        self._log = log

    @property
    def incomplete(self) -> str | None:
        """What of the log cannot be read, as a sentence; None if nothing is missing."""
        return self._log.incomplete

    def sql(self, text: str, *, timeout: float = 0.0) -> pl.DataFrame:
        """Return the rows of ``text``, whose tables are the log's views and ``raw``.

        Args:
            text: one statement, or several of which the last one's rows are returned.
            timeout: seconds after which the query is stopped; 0 for none.

        Raises:
            QueryError: if DuckDB refuses the query, or it takes longer than ``timeout``.
        """
        with query(self._log.con, text, timeout=timeout, limit=0) as rows:
            return rows.frame()


@contextlib.contextmanager
def open_log(path: str | Path, *, wait: float = 10.0) -> Iterator[OpenLog]:
    """Open the log at ``path`` read-only; trainers that want to write wait until it is closed.

    Raises:
        DatabaseLockedError: if a writer holds the file for longer than ``wait`` seconds.
        DatabaseError: if it is no log that this version reads.
    """
    with open_for_reading(path, wait=wait) as log:
        yield OpenLog(log)
