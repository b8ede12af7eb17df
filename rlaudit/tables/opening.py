"""One table to query, whatever it was made from."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from rlaudit.errors import DatabaseError, QueryError, UsageError, did_you_mean
from rlaudit.sqlfiles import quoted_name
from rlaudit.store import engine, first_line, open_for_reading, relations, shut_off
from rlaudit.tables.csv_table import load_csv
from rlaudit.tables.data_files import find_files
from rlaudit.tables.exact_text import KINDS, define_macros, is_of, key_of
from rlaudit.tables.json_table import load_json
from rlaudit.tables.names import positions_of
from rlaudit.tables.parquet_table import (
    PARQUET_READER,
    parquet_columns,
    parquet_names,
    parquet_parameter,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from rlaudit.store import Log
    from rlaudit.tables.data_files import DataFile, Format
    from rlaudit.tables.exact_text import Kind

# A kind that these rows contradict need not be looked for in all of them.
_SAMPLE = 10_000
# What the strings, the numbers and the rest of a JSON file may be.
_JSON_KINDS: dict[str, tuple[Kind, ...]] = {
    "string": ("time", "clock"),
    "number": ("integer", "number"),
    "boolean": ("boolean",),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One of the columns that were asked for.

    Attributes:
        name: as the user gave it.
        cell: SQL for its values, NULL where there is none.
        key: SQL for what is equal where two values are one, over the columns of the table.
        shown: an aggregate in SQL that gives one of the values as it stands in the table.
        order: SQL to sort by, with ``{0}`` where the key is.
        convert: makes a value for Python of what ``shown`` gives.

    """

    name: str
    cell: str
    key: str
    shown: str
    order: tuple[str, ...] = ("{0}",)
    convert: Callable[[Any], Any] = lambda value: value


@dataclass(frozen=True, slots=True)
class Table:
    """A table that can be queried: ``FROM {sql}`` with ``parameters`` bound.

    ``notes`` are sentences on what of it was left out.
    """

    con: DuckDBPyConnection
    name: str
    sql: str
    parameters: tuple[object, ...]
    columns: tuple[Column, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of some files with columns c0, c1, ...; for each its type, or its kinds if it is text.

    A type is DuckDB's; a text that states none may be of one of the kinds.
    """

    sql: str
    parameters: tuple[object, ...]
    types: tuple[str | tuple[Kind, ...], ...]


@contextlib.contextmanager
def open_table(
    source: str,
    columns: Sequence[str],
    *,
    table: str | None = None,
    input_format: Format | None = None,
    wait: float = 10.0,
) -> Iterator[Table]:
    """Open the ``columns`` of the table that ``source`` names.

    ``source`` is a file, a pattern over files, or ``-`` for standard input; see
    :func:`rlaudit.tables.data_files.find_files`. A DuckDB file that has one table needs no
    ``table``. Values are equal as their types say; where files state no types, or different ones,
    :mod:`rlaudit.tables.exact_text` says which texts are one value.

    Raises :class:`UsageError` for a table or a column that is not there, or not the only one that
    is meant, and :class:`DatabaseError` for a file that is missing or cannot be read whole.
    """
    with find_files(source, input_format) as (files, notes):
        databases = [file for file in files if file.format == "duckdb"]
        if not databases:
            if table is not None:
                raise UsageError(
                    f"{source} is one table, so --table {table} has no meaning",
                    hint="leave --table out",
                )
            with _engine(files) as con:
                parts = _parts(con, files, columns)
                name = files[0].name if len(files) == 1 else source
                yield _joined(con, name, columns, parts, notes)
            return
        if len(files) > 1:
            raise UsageError(
                f"{source} names {len(files)} files, and {databases[0].name} is a DuckDB file",
                hint="name one DuckDB file, or several files of other formats",
            )
        opened = open_for_reading(databases[0].path, wait=wait, require_log=False, at_length=True)
        with opened as log:
            if log.incomplete:
                notes.append(f"incomplete: {log.incomplete}")
            define_macros(log.con)
            name, part = _table_of(log, databases[0].name, table, columns)
            yield _joined(log.con, name, columns, [part], notes)


@contextlib.contextmanager
def _engine(files: Sequence[DataFile]) -> Iterator[DuckDBPyConnection]:
    """Give a DuckDB in memory that can read no files but those of ``files`` that are Parquet."""
    with engine() as con:
        shut_off(con, [name for file in files for name in parquet_names(file)])
        define_macros(con)
        yield con


def _parts(con: DuckDBPyConnection, files: Sequence[DataFile], names: Sequence[str]) -> list[_Part]:
    """Return the rows of ``files``, those of one kind of file and of the same types together."""
    parts = []
    if csv := [file for file in files if file.format in ("csv", "tsv")]:
        parts.append(_Part(load_csv(con, csv, names), (), (KINDS,) * len(names)))
    if json := [file for file in files if file.format in ("json", "jsonl")]:
        parts.append(_json_part(con, load_json(con, json, names), len(names)))
    alike: dict[tuple[tuple[str, str], ...], list[DataFile]] = {}
    for file in files:
        if file.format == "parquet":
            alike.setdefault(tuple(parquet_columns(con, file, names)), []).append(file)
    for found, group in alike.items():
        columns = ", ".join(f"{quoted_name(name)} AS c{i}" for i, (name, _) in enumerate(found))
        sql = f"(SELECT {columns} FROM {PARQUET_READER})"  # noqa: S608 - quoted names
        types = tuple(type_ for _, type_ in found)
        parts.append(_Part(sql, (parquet_parameter(group),), types))
    return parts


def _json_part(con: DuckDBPyConnection, table: str, width: int) -> _Part:
    """Return the columns of a JSON table; one that has values of several kinds has JSON in it."""
    columns: list[str] = []
    types: list[tuple[Kind, ...]] = []
    for i in range(width):
        query = f"SELECT DISTINCT kind{i} FROM {table} WHERE kind{i} IS NOT NULL"  # noqa: S608 - constants
        kinds = [row[0] for row in con.execute(query).fetchall()]
        if len(kinds) > 1:
            quoted = f"CAST(to_json(c{i}) AS VARCHAR)"
            columns.append(f"if(kind{i} = 'string', {quoted}, c{i}) AS c{i}")
            types.append(("json",))
        else:
            columns.append(f"c{i}")
            types.append(_JSON_KINDS.get(kinds[0], ("json",)) if kinds else KINDS)
    return _Part(f"(SELECT {', '.join(columns)} FROM {table})", (), tuple(types))  # noqa: S608 - constants


def _table_of(log: Log, source: str, table: str | None, names: Sequence[str]) -> tuple[str, _Part]:
    known = relations(log)
    schema, name = _choose(list(known), source, table)
    sql = known[schema, name]
    try:
        described = log.con.execute(f"DESCRIBE FROM {sql}").fetchall()
    except duckdb.Error as error:
        raise DatabaseError(f"cannot read {name}: {first_line(error)}") from error
    columns = [row[0] for row in described]
    positions = positions_of(name, columns, names)
    selected = ", ".join(f"{quoted_name(columns[p])} AS c{i}" for i, p in enumerate(positions))
    types = tuple(described[position][1] for position in positions)
    return name, _Part(f"(SELECT {selected} FROM {sql})", (), types)  # noqa: S608 - quoted names


def _joined(
    con: DuckDBPyConnection,
    name: str,
    names: Sequence[str],
    parts: Sequence[_Part],
    notes: Sequence[str],
) -> Table:
    """Return ``parts`` as one table, with what makes values of each column equal."""
    for name_, found in zip(names, zip(*(part.types for part in parts), strict=True), strict=True):
        _refuse_no_common_text(name_, found)
    # Of each column the one type that all parts state, or the kinds that its texts may be of:
    # where the types differ, the values meet as texts of any kind.
    types = [{part.types[i] for part in parts} for i in range(len(names))]
    type_of = [found.pop() if len(found) == 1 else KINDS for found in map(set, types)]
    selects = []
    for part in parts:
        cells = [
            f"c{i}" if len(types[i]) == 1 else f"{_as_text(part.types[i], f'c{i}')} AS c{i}"
            for i in range(len(names))
        ]
        selects.append(f"SELECT {', '.join(cells)} FROM {part.sql}")  # noqa: S608 - quoted names
    sql = f"({' UNION ALL '.join(selects)})"
    parameters = tuple(value for part in parts for value in part.parameters)
    possible = {i: found for i, found in enumerate(type_of) if isinstance(found, tuple)}
    kind_of = _kinds(con, name, sql, parameters, possible)
    columns = [
        _typed_column(wanted, i, found)
        if isinstance(found, str)
        else _text_column(wanted, i, kind_of[i])
        for i, (wanted, found) in enumerate(zip(names, type_of, strict=True))
    ]
    return Table(con, name, sql, parameters, tuple(columns), tuple(notes))


def _refuse_no_common_text(name: str, types: Sequence[str | tuple[Kind, ...]]) -> None:
    """Raise :class:`UsageError` if values of ``types`` have no texts that could be compared."""
    if len(set(types)) > 1 and ("BLOB" in types or ("json",) in types):
        what = "bytes" if "BLOB" in types else "JSON of several kinds"
        raise UsageError(
            f"column {name!r} holds {what} in one file and something else in another",
            hint="look into the files one by one",
        )


def _as_text(type_: str | tuple[Kind, ...], column: str) -> str:
    """Return the text of a value whose column has another type in another file."""
    if not isinstance(type_, str):
        return column
    # As text 0.1 in 32 bits would be 0.1 in 64, which is another number.
    value = f"CAST({column} AS DOUBLE)" if type_ == "FLOAT" else column
    return f"CAST({value} AS VARCHAR)"


def _kinds(
    con: DuckDBPyConnection,
    name: str,
    sql: str,
    parameters: Sequence[object],
    possible: Mapping[int, Sequence[Kind]],
) -> dict[int, Kind | None]:
    """Return of which kind all texts of each column are, the first in ``possible`` that holds."""
    left = {i: list(kinds) for i, kinds in possible.items()}
    for rows in (f"(FROM {sql} LIMIT {_SAMPLE})", sql):
        wanted = [(i, kind) for i, kinds in left.items() for kind in kinds]
        if not wanted:
            break
        conditions = ", ".join(f"bool_and({is_of(kind, f'c{i}')})" for i, kind in wanted)
        with query_errors(name):
            held = con.execute(f"SELECT {conditions} FROM {rows} AS t", parameters).fetchall()[0]  # noqa: S608 - constants
        for (i, kind), holds in zip(wanted, held, strict=True):
            if holds is False:  # it is None where there is no row
                left[i].remove(kind)
    return {i: next(iter(kinds), None) for i, kinds in left.items()}


def _text_column(name: str, i: int, kind: Kind | None) -> Column:
    order = ("TRY_CAST({0} AS DOUBLE)", "{0}") if kind == "number" else ("{0}",)
    convert = _number if kind in ("integer", "number") else _boolean if kind == "boolean" else _same
    return Column(name, f"c{i}", key_of(kind, f"c{i}"), f"min(c{i})", order, convert)


def _typed_column(name: str, i: int, type_: str) -> Column:
    # To DuckDB a month is 30 days, and a day 24 hours.
    key = f"CAST(c{i} AS VARCHAR)" if "INTERVAL" in type_ else f"c{i}"
    # As a float of Python 0.1 in 32 bits is 0.10000000149011612.
    narrow = type_ == "FLOAT"
    shown = f"any_value(CAST(c{i} AS VARCHAR))" if narrow else f"any_value(c{i})"
    return Column(name, f"c{i}", key, shown, convert=_number if narrow else _same)


def _number(text: str | None) -> int | float | str | None:
    """Return the number that Python writes like ``text``; else the text."""
    if text is None:
        return None
    for type_ in (int, float):
        # Python refuses to read an integer of more than 4,300 digits.
        with contextlib.suppress(ValueError):
            if str(number := type_(text)) == text:
                return number
    return text


def _boolean(text: str | None) -> bool | None:
    return None if text is None else text.lower() == "true"


def _same(value: object) -> object:
    return value


def _choose(known: Sequence[tuple[str, str]], source: str, table: str | None) -> tuple[str, str]:
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


@contextlib.contextmanager
def query_errors(name: str) -> Iterator[None]:
    """Raise :class:`QueryError` for what DuckDB cannot do with the table ``name``."""
    try:
        yield
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        raise QueryError(
            f"cannot query {name}: {first_line(error)}", hint="check the file"
        ) from error
