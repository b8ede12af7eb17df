"""Rows as Arrow tables, which is how they reach DuckDB and the spool.

Arrow keeps NULL and NaN apart and hands numpy's columns over without a copy.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from rlaudit.store.schema import table_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from duckdb import DuckDBPyConnection


LEDGER = ("rows_offered", "rows_written", "rows_spooled", "rows_dropped")
"""The columns of a segment that say what became of its rows."""


@functools.cache
def arrow_schema(table: str) -> pa.Schema:
    """Return the Arrow types of all columns of ``raw.<table>``."""
    import pyarrow as pa  # noqa: PLC0415 - whoever only reads a log starts without it

    types = {
        "BIGINT": pa.int64(),
        "INTEGER": pa.int32(),
        "UBIGINT": pa.uint64(),
        "DOUBLE": pa.float64(),
        "FLOAT": pa.float32(),
        "BOOLEAN": pa.bool_(),
        "VARCHAR": pa.string(),
        "JSON": pa.string(),
        "TIMESTAMP": pa.timestamp("us"),
        "MAP(VARCHAR, BIGINT)": pa.map_(pa.string(), pa.int64()),
    }
    return pa.schema((name, types[kind]) for name, kind in table_columns()[table].items())


def from_dicts(table: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return ``rows`` as a table; a key that is absent is NULL."""
    import pyarrow as pa  # noqa: PLC0415 - see arrow_schema

    return pa.Table.from_pylist(
        [
            # Arrow takes a map as pairs.
            {key: list(v.items()) if isinstance(v, dict) else v for key, v in row.items()}
            for row in rows
        ],
        schema=arrow_schema(table),
    )


def to_dicts(table: pa.Table) -> list[dict[str, Any]]:
    """Return the rows of ``table``, maps as dictionaries; the inverse of :func:`from_dicts`."""
    import pyarrow as pa  # noqa: PLC0415 - see arrow_schema

    maps = [field.name for field in table.schema if pa.types.is_map(field.type)]
    rows: list[dict[str, Any]] = table.to_pylist()
    for row in rows:
        row.update({name: dict(row[name]) for name in maps if row[name] is not None})
    return rows


def refuse_no_json(con: DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Raise :class:`ValueError` if a text that ``raw.<table>`` has as JSON is none."""
    kinds = table_columns()[table]
    texts = [name for name in rows.column_names if kinds[name] == "JSON"]
    if not texts:
        return
    wrong = " OR ".join(f'NOT json_valid("{name}")' for name in texts)
    con.register("arriving_rows", rows)
    try:
        found = con.sql(f"SELECT 1 FROM arriving_rows WHERE {wrong} LIMIT 1").fetchall()  # noqa: S608 - column names of our schema
    finally:
        con.unregister("arriving_rows")
    if found:
        raise ValueError(f"a text in {table} is no JSON")


def concat(parts: Sequence[pa.Table]) -> pa.Table:
    """Return the rows of ``parts``, whose columns may differ; what one lacks is NULL there."""
    import pyarrow as pa  # noqa: PLC0415 - see arrow_schema

    return pa.concat_tables(parts, promote_options="default")


def insert(
    con: DuckDBPyConnection, target: str, rows: pa.Table, constants: Mapping[str, str] | None = None
) -> None:
    """Append ``rows`` to ``target`` by column name, with ``constants`` as further columns."""
    constants = constants or {}
    kept = [f'"{name}"' for name in rows.column_names if name not in constants]
    given = [f'${name} AS "{name}"' for name in constants]
    con.register("arriving_rows", rows)
    try:
        con.execute(
            f"INSERT INTO {target} BY NAME SELECT {', '.join(given + kept)} FROM arriving_rows",  # noqa: S608 - column names of our schema
            dict(constants),
        )
    finally:
        con.unregister("arriving_rows")
