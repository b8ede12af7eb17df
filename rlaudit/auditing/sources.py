"""Open anyone's table for reading: a DuckDB file, Parquet, CSV or JSON lines."""

from __future__ import annotations

import contextlib
import glob
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from rlaudit.auditing.failures import first_line
from rlaudit.errors import DatabaseError, QueryError, UsageError, did_you_mean
from rlaudit.store import open_for_reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

# CSV types are found from the whole file: from a sample, a late text in a column of numbers
# would end the query.
_READERS = {
    ".parquet": "read_parquet(?, union_by_name = true)",
    ".pq": "read_parquet(?, union_by_name = true)",
    ".csv": "read_csv(?, union_by_name = true, sample_size = -1)",
    ".tsv": "read_csv(?, union_by_name = true, sample_size = -1)",
    ".jsonl": "read_json(?, union_by_name = true, sample_size = -1)",
    ".ndjson": "read_json(?, union_by_name = true, sample_size = -1)",
    ".json": "read_json(?, union_by_name = true, sample_size = -1)",
}
_COMPRESSED = (".gz", ".zst")


@dataclass(frozen=True, slots=True)
class Table:
    """One table that can be queried: ``FROM {sql}`` with ``parameters`` bound."""

    con: DuckDBPyConnection
    name: str
    sql: str
    parameters: tuple[object, ...]
    columns: tuple[str, ...]

    def column(self, name: str) -> str:
        """Return ``name`` quoted for SQL; :class:`UsageError` if there is no such column."""
        # DuckDB's names are equal up to case.
        if name.lower() not in {column.lower() for column in self.columns}:
            raise UsageError(
                f"{self.name} has no column {name!r}", hint=did_you_mean(name, self.columns)
            )
        return quote(name)


@contextlib.contextmanager
def open_table(source: str, table: str | None = None, *, wait: float = 10.0) -> Iterator[Table]:
    """Open ``table`` of the DuckDB file ``source``, or the rows of the data files it names.

    Data files are told by their suffix, and ``source`` may be a glob over them. A DuckDB file
    that has one table needs no ``table``.

    Raises :class:`UsageError` for a table that is not there or is not named where there are
    several, and :class:`DatabaseError` for a file that is missing or unreadable.
    """
    reader = _READERS.get(_suffix(source))
    if reader is None:
        with open_for_reading(source, wait=wait, require_log=False) as log:
            schema, name = _choose(log.con, source, table)
            yield _described(log.con, name, f"{quote(schema)}.{quote(name)}", ())
        return
    if table is not None:
        raise UsageError(
            f"{source} is one table, so --table {table} has no meaning", hint="leave --table out"
        )
    with contextlib.closing(duckdb.connect()) as con:
        yield _described(con, source, reader, (_files(source),))


def quote(name: str) -> str:
    """Return ``name`` as an SQL identifier, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'


def _suffix(source: str) -> str:
    path = Path(source.lower())
    return Path(path.stem).suffix if path.suffix in _COMPRESSED else path.suffix


def _files(source: str) -> list[str]:
    if Path(source).is_dir():
        raise DatabaseError(f"{source} is a folder", hint=f"name its files: '{source}/*.parquet'")
    found = [source] if Path(source).is_file() else sorted(glob.glob(source, recursive=True))  # noqa: PTH207 - a pattern may be absolute
    if not found:
        raise DatabaseError(f"no file matches {source}", hint="check the path")
    return found


def _described(
    con: DuckDBPyConnection, name: str, sql: str, parameters: tuple[object, ...]
) -> Table:
    try:
        rows = con.execute(f"DESCRIBE FROM {sql}", parameters).fetchall()
    except duckdb.Error as error:
        raise DatabaseError(f"cannot read {name}: {first_line(error)}") from error
    return Table(con, name, sql, parameters, tuple(row[0] for row in rows))


def _choose(con: DuckDBPyConnection, source: str, table: str | None) -> tuple[str, str]:
    known: list[tuple[str, str]] = con.execute(
        "SELECT schema_name, view_name FROM duckdb_views() "
        "WHERE NOT internal AND database_name = current_database() ORDER BY ALL"
    ).fetchall()
    names = [name if schema == "main" else f"{schema}.{name}" for schema, name in known]
    if table is None:
        if len(known) == 1:
            return known[0]
        if not known:
            raise DatabaseError(f"{source} has no tables", hint="check the path")
        raise UsageError(
            f"{source} has {len(known)} tables: {', '.join(names)}", hint="choose one with --table"
        )
    for (schema, name), full in zip(known, names, strict=True):
        if table.lower() in (full.lower(), f"{schema}.{name}".lower()):
            return schema, name
    raise UsageError(f"{source} has no table {table!r}", hint=did_you_mean(table, names))


def query_failed(what: str, error: duckdb.Error) -> QueryError:
    """Return the error for a query over ``what`` that DuckDB could not finish."""
    return QueryError(f"cannot query {what}: {first_line(error)}")
