"""Build the tables that several checks or reports need, each once."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import duckdb

from rlaudit.auditing.failures import damage, file_error
from rlaudit.auditing.scope import is_of
from rlaudit.auditing.scripts import tables_needed
from rlaudit.errors import RlauditError
from rlaudit.sqlfiles import load_shared, verify_statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from duckdb import DuckDBPyConnection

    from rlaudit.sqlfiles import QueryFile, SharedFile


# Rows of the log for each part of a table that is built in slices.
_ROWS_A_SLICE = 20_000_000


class SharedTables:
    """The tables of ``sql/shared`` in schema ``shared``, for some runs or, if empty, for all.

    A file that cannot be used fails what needs it, and nothing else.
    """

    def __init__(self, con: DuckDBPyConnection, runs: Sequence[str]) -> None:
        self._con = con
        self._runs = runs
        self._files = load_shared()
        self._built: set[str] = set()
        self._failed: dict[str, RlauditError] = {}

    def build_for(self, check: QueryFile) -> None:
        """Build what ``check`` needs; :class:`RlauditError` if a shared file fails."""
        for file in tables_needed(check, self._files):
            if file.name in self._built:
                continue
            if file.name not in self._failed:
                try:
                    self._create(file)
                except RlauditError as error:
                    # Not tried again for the next check: it may have taken all the memory.
                    self._failed[file.name] = error
                    raise
                self._built.add(file.name)
            else:
                raise self._failed[file.name]

    def keep_for(self, checks: Iterable[QueryFile]) -> None:
        """Drop the tables that none of ``checks`` needs, to have their memory back."""
        needed = {file.name for check in checks for file in tables_needed(check, self._files)}
        for name in self._built - needed:
            self._con.execute(f'DROP {self._files[name].kind} shared."{name}"')
        self._built &= needed

    def _create(self, file: SharedFile) -> None:
        if file.error is not None:
            raise file.error
        verify_statement(file, self._con)
        view = f'VIEW shared."{file.name}"' if file.is_view else "TEMP VIEW current_shared"
        try:
            self._con.execute("CREATE SCHEMA IF NOT EXISTS shared")
            self._con.execute(f"CREATE OR REPLACE {view} AS {file.sql}")
        except duckdb.Error as error:
            raise file_error(file.path, error, binding=True) from error
        if file.is_view:
            return
        into = f'CREATE OR REPLACE TABLE shared."{file.name}" AS'
        try:
            for part in self._parts(file):
                self._con.execute(
                    f"{into} FROM current_shared WHERE {part} AND {is_of(self._runs)}", self._runs
                )
                into = f'INSERT INTO shared."{file.name}"'
        except duckdb.Error as error:
            raise damage(self._con, error) or file_error(file.path, error) from error

    def _parts(self, file: SharedFile) -> list[str]:
        """Return conditions that divide the rows of ``file`` between them."""
        if file.slices is None:
            return ["true"]
        count = self._con.execute(f"SELECT count(*) FROM {file.reads[0]}").fetchall()[0][0]  # noqa: S608 - a table of ours
        number = max(1, math.ceil(count / _ROWS_A_SLICE))
        # DuckDB narrows the scan by a comparison, and by % only what was aggregated before.
        ends = [2**64 * part // number for part in range(number + 1)]
        return [f"hash({file.slices}) BETWEEN {a} AND {b - 1}" for a, b in pairwise(ends)]
