"""The reading side: one log as a user and the checks see it, spool included."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from rlaudit.errors import DatabaseError, NotALogError, SchemaVersionError
from rlaudit.sqlfiles import quoted_name, read_sql
from rlaudit.store import fold, schema, spool
from rlaudit.store.connect import Patience, attach_for_reading
from rlaudit.store.files import Files
from rlaudit.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection


# Holds the rows of the spool in a reader's memory; named so that no user's schema is in its way.
_SPOOL = "rlaudit_spool"


@dataclass(frozen=True, slots=True)
class Log:
    """An open log, or another DuckDB file that was opened the same way.

    Attributes:
        path: the file.
        con: an in-memory DuckDB. Tables of the file are read through views of their own names:
            a log's raw tables in the schema ``raw`` and its views in ``main``, as this version
            of rlaudit defines them; any other table under its schema and name.
        is_log: the file holds a log; otherwise it has only other tables.
        incomplete: what of the log is not shown, as a sentence; None if nothing is missing.
        spooled: some of the rows are not in the file yet, but in the spool beside it.

    """

    path: Path
    con: DuckDBPyConnection
    is_log: bool
    incomplete: str | None
    spooled: bool = False


@contextlib.contextmanager
def open_for_reading(
    path: str | Path, *, wait: float | Patience = 10.0, require_log: bool = True
) -> Iterator[Log]:
    """Open the file at ``path`` for reading; writers wait, or spool, until it is closed again.

    Raises what :func:`attach_for_reading` raises; :class:`NotALogError` if the file holds no log
    and ``require_log`` is set; :class:`SchemaVersionError` if the log is of another version.
    """
    path = Path(path).absolute()
    with attach_for_reading(path, wait=wait) as con:
        version = _version(con, path)
        if version is None:
            if require_log:
                raise NotALogError(
                    f"{path} has no rlaudit tables",
                    hint="check the path; rlaudit train --db FILE writes a log",
                )
            _pass_through(con, frozenset())
            yield Log(path, con, is_log=False, incomplete=None)
            return
        _pass_through(con, schema.our_names())
        missing, spooled = _show_log(con, path)
        con.execute(read_sql("schema/views.sql"))
        yield Log(path, con, is_log=True, incomplete=missing, spooled=spooled)


def _version(con: DuckDBPyConnection, path: Path) -> int | None:
    version = schema.version_of(con, "log")
    if version is not None and version > schema.SCHEMA_VERSION:
        raise schema.newer_schema(path, version)
    if version is not None and version < schema.SCHEMA_VERSION:
        raise SchemaVersionError(
            f"{path} has log schema version {version}; rlaudit {__version__} reads version "
            f"{schema.SCHEMA_VERSION}",
            hint="recording into the file migrates it",
        )
    return version


def _show_log(con: DuckDBPyConnection, path: Path) -> tuple[str | None, bool]:
    """Define ``raw`` over the file's tables and the rows of the spool.

    Return what is missing, and whether there are rows of the spool.
    """
    _refuse_gaps(con, path)
    con.execute("CREATE SCHEMA IF NOT EXISTS raw")
    for table in schema.table_columns():
        con.execute(f"CREATE VIEW raw.{table} AS {_rows_of(con, table)}")
    entries = spool.list_entries(Files(), path)
    return _add_spool(con, path, entries) if entries else (None, False)


def _rows_of(con: DuckDBPyConnection, table: str) -> str:
    """Return the SELECT of a table in the file, whose JSON is JSON whatever its type is there.

    A text that is no JSON becomes a JSON text: of one row that cannot be read the queries over all
    of them would fail.
    """
    types = dict(
        con.execute(
            "SELECT column_name, data_type FROM duckdb_columns() "
            "WHERE database_name = 'log' AND schema_name = 'raw' AND table_name = ?",
            [table],
        ).fetchall()
    )
    mended = []
    for column, wanted in schema.table_columns()[table].items():
        if wanted == "JSON" != types[column]:
            as_text = types[column] == "VARCHAR"
            valid = f"WHEN json_valid({column}) THEN {column}::JSON " if as_text else ""
            cases = f"WHEN {column} IS NULL THEN NULL {valid}ELSE to_json({column})"
            mended.append(f"CASE {cases} END AS {column}")
    replaced = f" REPLACE ({', '.join(mended)})" if mended else ""
    return f"SELECT *{replaced} FROM log.raw.{table}"  # noqa: S608 - our schema's names


def _refuse_gaps(con: DuckDBPyConnection, path: Path) -> None:
    rows = con.sql(
        "SELECT table_name, column_name FROM duckdb_columns() "
        "WHERE database_name = 'log' AND schema_name = 'raw'"
    ).fetchall()
    for table, columns in schema.table_columns().items():
        there = {column for owner, column in rows if owner == table}
        absent = [column for column in columns if column not in there]
        if absent:
            what = f"the column raw.{table}.{absent[0]}" if there else f"the table raw.{table}"
            raise DatabaseError(
                f"{path} lacks {what}, which every log of version {schema.SCHEMA_VERSION} has",
                hint="restore the file from a copy",
            )


def _add_spool(con: DuckDBPyConnection, path: Path, entries: list[Path]) -> tuple[str | None, bool]:
    con.execute(f"CREATE SCHEMA {_SPOOL}")
    for table in schema.table_columns():
        con.execute(f"CREATE TABLE {_SPOOL}.{table} AS {_rows_of(con, table)} LIMIT 0")
        # A segment's row in the spool is newer than the one in the file.
        older = f" ANTI JOIN {_SPOOL}.segments USING (segment_id)" if table == "segments" else ""
        con.execute(
            f"CREATE OR REPLACE VIEW raw.{table} AS {_rows_of(con, table)}{older} "  # noqa: S608 - our schema's names
            f"UNION ALL BY NAME SELECT * FROM {_SPOOL}.{table}"
        )
    files = Files()
    folded = fold.fold_in(con, files, entries, into=_SPOOL)
    if folded.vanished:
        # Its writer replaced it by a newer one after the spool was listed.
        again = [entry for entry in spool.list_entries(files, path) if entry not in entries]
        newer = fold.fold_in(con, files, again, into=_SPOOL)
        folded.unreadable |= newer.unreadable
        folded.done += newer.done
    if not folded.unreadable:
        return None, bool(folded.done)
    missing = (
        f"{len(folded.unreadable)} of {len(entries)} flushes in {spool.spool_folder(path)} "
        f"cannot be read, so their rows are missing: {next(iter(folded.unreadable.values()))}"
    )
    return missing, bool(folded.done)


def _pass_through(con: DuckDBPyConnection, ours: frozenset[tuple[str, str]]) -> None:
    """Give the file's other tables and views their own names in the in-memory database."""
    for owner, name in schema.tables_and_views(con, "log"):
        if (owner.lower(), name.lower()) in ours:
            continue
        quoted = f"{quoted_name(owner)}.{quoted_name(name)}"
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted_name(owner)}")
        # A view that no longer binds in its own file cannot be read there either.
        with contextlib.suppress(duckdb.Error):
            con.execute(f"CREATE VIEW {quoted} AS FROM log.{quoted}")
