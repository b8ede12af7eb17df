"""Columns of Parquet files under the types that the files state."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import duckdb

from rlaudit.errors import DatabaseError
from rlaudit.store import first_line
from rlaudit.tables.names import positions_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

    from rlaudit.tables.data_files import DataFile

PARQUET_READER = "read_parquet(?, hive_partitioning = false)"
"""Reads the files that :func:`parquet_parameter` gives; no value comes from a folder's name."""


def parquet_columns(
    con: DuckDBPyConnection, file: DataFile, names: Sequence[str]
) -> list[tuple[str, str]]:
    """Return how DuckDB calls each column ``names`` of ``file``, and its type.

    DuckDB renames one of two columns whose names differ in case only, and takes one for the other.

    Raises :class:`UsageError` for a name that is not there, or that may mean two columns, and
    :class:`DatabaseError` for a file that is no Parquet.
    """
    path = parquet_parameter([file])
    try:
        nodes = con.execute(
            "SELECT name, coalesce(num_children, 0) FROM parquet_schema(?)", path
        ).fetchall()
        described = con.execute(f"DESCRIBE FROM {PARQUET_READER}", path).fetchall()
    except duckdb.Error as error:
        raise DatabaseError(
            f"cannot read {file.name}: {first_line(error)}", hint="check the file"
        ) from error
    columns = _top_level(nodes)
    found = [described[position] for position in positions_of(file.name, columns, names)]
    return [(row[0], row[1]) for row in found]


def parquet_parameter(files: Sequence[DataFile]) -> list[str]:
    """Return the value to bind for ``files``."""
    return [_literal(file) for file in files]


def parquet_names(file: DataFile) -> list[str]:
    """Return the names under which DuckDB opens ``file``; none if it does not read it itself."""
    return [str(file.path.absolute()), _literal(file)] if file.format == "parquet" else []


def _literal(file: DataFile) -> str:
    """Return a pattern that matches the name of ``file`` and no other: DuckDB takes it for one."""
    return re.sub(r"([*?\[])", r"[\1]", str(file.path.absolute()))


def _top_level(nodes: Sequence[tuple[str, int]]) -> list[str]:
    """Return the names of the columns among the ``nodes`` of a schema, listed parents first."""
    names = []
    position = 1  # behind the root
    for _ in range(nodes[0][1]):
        names.append(nodes[position][0])
        open_nodes = 1
        while open_nodes:
            open_nodes += nodes[position][1] - 1
            position += 1
    return names
