"""Build the tables that several checks need, each once an audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from rlaudit.auditing.failures import damage, file_error
from rlaudit.auditing.scripts import tables_needed
from rlaudit.errors import RlauditError
from rlaudit.sqlfiles import load_shared, verify_statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from duckdb import DuckDBPyConnection

    from rlaudit.sqlfiles import CheckFile, SharedFile


class SharedTables:
    """The tables of ``sql/shared`` in schema ``shared``, for one run or for all.

    A file that cannot be used fails the checks that need it, and no other.
    """

    def __init__(self, con: DuckDBPyConnection, run: str | None) -> None:
        self._con = con
        self._run = run
        self._files = load_shared()
        self._built: set[str] = set()
        self._failed: dict[str, RlauditError] = {}

    def build_for(self, check: CheckFile) -> None:
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

    def keep_for(self, checks: Iterable[CheckFile]) -> None:
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
        only = "" if self._run is None else "WHERE run_id = ?"
        try:
            self._con.execute(
                f'CREATE OR REPLACE TABLE shared."{file.name}" AS FROM current_shared {only}',
                [] if self._run is None else [self._run],
            )
        except duckdb.Error as error:
            raise damage(self._con, error) or file_error(file.path, error) from error
