"""The reading side: one log as a user and the checks see it, spool included."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from rlaudit.errors import DatabaseError, NotALogError, SchemaVersionError
from rlaudit.sqlfiles import quoted_name, read_sql
from rlaudit.store import commits, fold, schema, spool
from rlaudit.store.catalogue import tables_and_views
from rlaudit.store.connect import Patience, attach_for_reading, attached_file
from rlaudit.store.files import Files, real_path
from rlaudit.version import __version__

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from rlaudit.store.catalogue import Name


# Holds the rows of the spool in a reader's memory; named so that no user's schema is in its way.
_SPOOL = "rlaudit_spool"
# Schemas that are made in memory: the same in the file must not come before them.
_TAKEN = (_SPOOL, "shared")
# Of a longer spool the files are copied and read afterwards, at about 20 ms each.
_FEW_ENTRIES = 20


@dataclass(frozen=True, slots=True)
class Log:
    """An open log, or another DuckDB file that was opened the same way.

    Attributes:
        path: the file.
        con: an in-memory DuckDB. A log's tables are read through views of their own names: its
            raw tables in the schema ``raw`` and its views in ``main``, as this version of rlaudit
            defines them. What else the file holds is there under its schema and name if it was
            asked for.
        is_log: the file holds a log; otherwise it has only other tables.
        incomplete: what of the log is not shown, as a sentence; None if nothing is missing.
        spooled: the files of the spool beside it whose rows are shown, not being in it yet.
        file: what is read: ``path``, or the copy of a log that is being written.

    """

    path: Path
    con: DuckDBPyConnection
    is_log: bool
    incomplete: str | None
    spooled: tuple[Path, ...] = ()
    file: Path = Path()


@contextlib.contextmanager
def open_for_reading(
    path: str | Path,
    *,
    wait: float | Patience = 10.0,
    require_log: bool = True,
    others: bool = False,
    at_length: bool = False,
    memory_limit: str | None = None,
    threads: int | None = None,
    spooled: Sequence[Path] | None = None,
) -> Iterator[Log]:
    """Open the file at ``path`` for reading; writers wait, or spool, until it is closed again.

    A log that is being written is copied first if it is to be read ``at_length`` or has a long
    spool, and writers wait only until that is done.

    ``others`` shows what the file holds besides a log, for queries that a user wrote; see
    :func:`show_others`. ``spooled`` are the files of the spool to show, all if None: those that
    another reader shows, who still has the file open, so that both see the same rows.

    Raises what :func:`attach_for_reading` raises; :class:`NotALogError` if the file holds no log
    and ``require_log`` is set; :class:`SchemaVersionError` if the log is of another version.
    """
    path = Path(path).absolute()
    file, files = real_path(path), Files()
    waiting = spool.list_entries(files, file) if spooled is None and file.is_file() else []
    # No writer must wait for who reads many files, or puts their rows into its memory.
    at_length = at_length or len(waiting) > _FEW_ENTRIES
    ahead = {} if at_length else fold.read_ahead(files, waiting)
    opened = attach_for_reading(
        path,
        wait=wait,
        layout=schema.log_layout(),
        at_length=at_length,
        memory_limit=memory_limit,
        threads=threads,
    )
    with opened as con:
        version = _version(con, path)
        if version is None and require_log:
            raise NotALogError(
                f"{path} has no rlaudit tables",
                hint="check the path; rlaudit train --db FILE writes a log",
            )
        missing: str | None = None
        shown: tuple[Path, ...] = ()
        if version is not None:
            missing, shown = _show_log(con, path, spooled, ahead)
            con.execute(read_sql("schema/views.sql"))
        if others:
            show_others(con, frozenset() if version is None else schema.our_names())
        yield Log(path, con, version is not None, missing, shown, attached_file(con))


def show_others(con: DuckDBPyConnection, ours: Collection[Name]) -> None:
    """Let the names of what is not ``ours`` in the attached file lead there.

    Names are looked up in the file when they are asked for, behind those of the database in memory
    and of DuckDB: to define a view over each would bind all of them, which may fail or take for
    ever.
    """
    there = tables_and_views(con, "log")
    others = {owner for owner, name in there if (owner.lower(), name.lower()) not in ours}
    if shown := sorted(owner for owner in others if owner.lower() not in _TAKEN):
        own = sorted({"main", *(owner for owner, _ in ours)})
        path = [f"memory.{owner}" for owner in own] + ["system.main"]
        path += [f"log.{quoted_name(owner)}" for owner in shown]
        con.execute("SET search_path = ?", [",".join(path)])


def relations(log: Log) -> dict[tuple[str, str], str]:
    """Return what SQL calls each table and view of the file, by schema and name."""
    ours = schema.our_names() if log.is_log else frozenset()
    found = {name: ("memory", *name) for name in ours}
    for owner, name in tables_and_views(log.con, "log"):
        if (owner.lower(), name.lower()) not in ours:
            found[owner, name] = ("log", owner, name)
    return {name: ".".join(map(quoted_name, found[name])) for name in sorted(found)}


def _version(con: DuckDBPyConnection, path: Path) -> int | None:
    version = schema.version_of(con, path)
    if version is not None and version > schema.SCHEMA_VERSION:
        raise schema.newer_schema(path, version)
    if version is not None and version < schema.SCHEMA_VERSION:
        raise SchemaVersionError(
            f"{path} has log schema version {version}; rlaudit {__version__} reads version "
            f"{schema.SCHEMA_VERSION}",
            hint="recording into the file migrates it",
        )
    return version


def _show_log(
    con: DuckDBPyConnection,
    path: Path,
    spooled: Sequence[Path] | None,
    ahead: Mapping[Path, dict[str, pa.Table]],
) -> tuple[str | None, tuple[Path, ...]]:
    """Define ``raw`` over the file's tables and the rows of the spool.

    Return what is missing, and which files of the spool are shown.
    """
    file = attached_file(con)
    types = {table: _types(con, table) for table in schema.table_columns()}
    _refuse_gaps(types, path)
    rows = {table: _rows_of(table, types[table]) for table in types}
    con.execute("CREATE SCHEMA raw")
    for table, select in rows.items():
        con.execute(f"CREATE VIEW raw.{table} AS {select}")
    missing = commits.compare(con, Files(), file, named=path)
    shown: tuple[Path, ...] = ()
    entries = spool.list_entries(Files(), file) if spooled is None else spooled
    if entries:
        unread, shown = _add_spool(
            con, path, file, entries, rows, newer=spooled is None, ahead=ahead
        )
        missing += unread
    return "; ".join(missing) or None, shown


def _types(con: DuckDBPyConnection, table: str) -> Mapping[str, str]:
    """Return the type of each column of a table in the file; none if there is no such table."""
    try:
        found = con.table(f"log.raw.{table}")
    except duckdb.CatalogException:
        return {}
    return dict(zip(found.columns, map(str, found.dtypes), strict=True))


def _rows_of(table: str, types: Mapping[str, str]) -> str:
    """Return the SELECT of a table in the file, whose JSON is JSON whatever its type is there.

    A text that is no JSON becomes a JSON text: of one row that cannot be read the queries over all
    of them would fail.
    """
    mended = []
    for column, wanted in schema.table_columns()[table].items():
        if wanted == "JSON" != types[column]:
            as_text = types[column] == "VARCHAR"
            valid = f"WHEN json_valid({column}) THEN {column}::JSON " if as_text else ""
            cases = f"WHEN {column} IS NULL THEN NULL {valid}ELSE to_json({column})"
            mended.append(f"CASE {cases} END AS {column}")
    replaced = f" REPLACE ({', '.join(mended)})" if mended else ""
    return f"SELECT *{replaced} FROM log.raw.{table}"  # noqa: S608 - our schema's names


def _refuse_gaps(types: Mapping[str, Mapping[str, str]], path: Path) -> None:
    for table, columns in schema.table_columns().items():
        there = types[table]
        absent = [column for column in columns if column not in there]
        if absent:
            what = f"the column raw.{table}.{absent[0]}" if there else f"the table raw.{table}"
            raise DatabaseError(
                f"{path} lacks {what}, which every log of version {schema.SCHEMA_VERSION} has",
                hint="restore the file from a copy",
            )


def _add_spool(
    con: DuckDBPyConnection,
    path: Path,
    file: Path,
    entries: Sequence[Path],
    rows: Mapping[str, str],
    *,
    newer: bool,
    ahead: Mapping[Path, dict[str, pa.Table]],
) -> tuple[list[str], tuple[Path, ...]]:
    files = Files()
    con.execute(f"CREATE SCHEMA {_SPOOL}")
    for table, select in rows.items():
        con.execute(f"CREATE TABLE {_SPOOL}.{table} AS {select} LIMIT 0")
        # A segment's row in the spool is newer than the one in the file.
        older = f" ANTI JOIN {_SPOOL}.segments USING (segment_id)" if table == "segments" else ""
        con.execute(
            f"CREATE OR REPLACE VIEW raw.{table} AS {select}{older} "  # noqa: S608 - our schema's names
            f"UNION ALL BY NAME SELECT * FROM {_SPOOL}.{table}"
        )
    folded = fold.fold_in(con, files, entries, into=_SPOOL, ahead=ahead)
    if folded.vanished and newer:
        # Its writer replaced it by a newer one after the spool was listed.
        again = [entry for entry in spool.list_entries(files, file) if entry not in entries]
        others = fold.fold_in(con, files, again, into=_SPOOL)
        folded.unreadable |= others.unreadable
        folded.short |= others.short
        folded.done += others.done
    missing = [fold.describe_short(short, segment) for segment, short in folded.short.items()]
    if folded.unreadable:
        missing.append(
            f"{len(folded.unreadable)} of {len(entries)} flushes in {spool.spool_folder(path)} "
            f"cannot be read, so their rows are missing: {next(iter(folded.unreadable.values()))}"
        )
    return missing, tuple(folded.done)
