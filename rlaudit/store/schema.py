"""Create the log's tables, check their version, and migrate an older file.

``sql/schema/raw.sql`` is the one description of the tables; what Python needs to know about them
is asked of DuckDB.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from rlaudit.errors import DatabaseError, SchemaVersionError
from rlaudit.sqlfiles import read_sql
from rlaudit.store.catalogue import refuse_shadows, tables_and_views
from rlaudit.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from rlaudit.store.catalogue import Name

SCHEMA_VERSION = 1

# Step n moves a file from version n to n + 1: a file in sql/ for each. There is none yet.
MIGRATIONS: Mapping[int, str] = {}

# In the order in which they are written.
TABLES = ("runs", "segments", "episodes", "transitions", "updates", "samples", "events")


@dataclass(frozen=True, slots=True)
class Layout:
    """A kind of file.

    Attributes:
        script: the SQL file that makes its tables.
        version_table: the one that only such a file has.
        create: fills a new one, which is the default database.
        ensure: looks at an existing one, attached as ``log``, and migrates or refuses it.

    """

    script: str
    version_table: Name
    create: Callable[[DuckDBPyConnection], None]
    ensure: Callable[[DuckDBPyConnection, Path], None]

    @property
    def tables(self) -> frozenset[Name]:
        """The tables that it consists of."""
        return _tables_of(self.script)


def log_layout() -> Layout:
    """Return the kind of file that a log is."""
    return Layout("schema/raw.sql", ("raw", "schema_version"), create, ensure)


@functools.cache
def _tables_of(script: str) -> frozenset[Name]:
    with duckdb.connect() as con:
        con.execute(read_sql(script))
        rows = con.sql("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
    return frozenset(rows)


@functools.cache
def table_columns() -> Mapping[str, Mapping[str, str]]:
    """Return the DuckDB type of every column of every table in ``raw``, in their order."""
    with duckdb.connect() as con:
        con.execute(read_sql("schema/raw.sql"))
        rows = con.sql(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() "
            "WHERE schema_name = 'raw' AND NOT internal ORDER BY table_oid, column_index"
        ).fetchall()
    columns: dict[str, dict[str, str]] = {}
    for table, column, data_type in rows:
        columns.setdefault(table, {})[column] = data_type
    return columns


@functools.cache
def our_names() -> frozenset[tuple[str, str]]:
    """Return (schema, name) of every table and view that a log consists of."""
    with duckdb.connect() as con:
        con.execute(read_sql("schema/raw.sql"))
        con.execute(read_sql("schema/views.sql"))
        return frozenset(tables_and_views(con, "memory"))


def create(con: DuckDBPyConnection) -> None:
    """Create all tables and views in the database of ``con``, in one transaction."""
    con.execute("BEGIN")
    con.execute(read_sql("schema/raw.sql"))
    con.execute(read_sql("schema/views.sql"))
    con.execute(
        "INSERT INTO raw.schema_version VALUES (?, ?, now() AT TIME ZONE 'UTC')",
        [SCHEMA_VERSION, __version__],
    )
    con.execute("COMMIT")


def version_of(con: DuckDBPyConnection, path: Path) -> int | None:
    """Return the schema version of the attached file; None if it is no log of ours.

    Raises :class:`DatabaseError` if the table that should state it is empty.
    """
    try:
        rows = con.sql("SELECT max(version) FROM log.raw.schema_version").fetchall()
    except (duckdb.CatalogException, duckdb.BinderException):
        return None
    if rows[0][0] is None:
        raise DatabaseError(
            f"{path}: raw.schema_version is empty, so the log's version is unknown",
            hint="restore the file from a copy",
        )
    return int(rows[0][0])


def ensure(con: DuckDBPyConnection, path: Path) -> None:
    """Make the attached file a log of this version: create, migrate, or refuse by name."""
    version = version_of(con, path)
    if version == SCHEMA_VERSION:
        return
    if version is not None and version > SCHEMA_VERSION:
        raise newer_schema(path, version)
    refuse_shadows(con, path)
    if version is None:
        _refuse_clashes(con, path)
    con.execute("USE log")
    if version is None:
        create(con)
    else:
        _migrate(con, version)


def current_name(con: DuckDBPyConnection) -> str:
    """Return the name of the default database of ``con``."""
    return str(con.sql("SELECT current_database()").fetchall()[0][0])


def newer_schema(path: Path, version: int) -> SchemaVersionError:
    """Return the error for a log that a newer rlaudit wrote."""
    return SchemaVersionError(
        f"{path} has log schema version {version}; rlaudit {__version__} knows up to "
        f"version {SCHEMA_VERSION}",
        hint="upgrade rlaudit",
    )


def _migrate(con: DuckDBPyConnection, version: int) -> None:
    con.execute("BEGIN")
    for step in range(version, SCHEMA_VERSION):
        con.execute(read_sql(MIGRATIONS[step]))
    con.execute(read_sql("schema/views.sql"))
    con.execute(
        "INSERT INTO raw.schema_version VALUES (?, ?, now() AT TIME ZONE 'UTC')",
        [SCHEMA_VERSION, __version__],
    )
    con.execute("COMMIT")


def _refuse_clashes(con: DuckDBPyConnection, path: Path) -> None:
    """Refuse to add a log to a database of other tables that use one of its names."""
    there = {(s.lower(), name.lower()) for s, name in tables_and_views(con, "log")}
    clash = sorted(our_names() & there)
    if clash:
        schema, name = clash[0]
        raise DatabaseError(
            f"{path} has a table or view {schema}.{name} that is not rlaudit's, so no log can be "
            f"added to it",
            hint="record into another file, or rename that table",
        )
