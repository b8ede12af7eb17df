"""What an attached file holds, by its catalogue alone: no row is read, and no view is bound.

To bind a view is to look at the files that it reads, and it takes for ever if the view was made to
take for ever. The file is attached as ``log`` and is not the default database, so that neither a
function nor a view of its own takes the place of those that are asked here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import duckdb

from rlaudit.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from duckdb import DuckDBPyConnection

Name = tuple[str, str]
"""Schema and name of a table or view, in lower case."""

_QUOTED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*\"""")
# How DuckDB writes, behind a column, what it evaluates when a row is read, and when one is written.
_COMPUTED = "GENERATED ALWAYS AS"
_DEFAULT = "DEFAULT("


class Relation(NamedTuple):
    """A table or view of the file; ``definition`` is SQL without what stands in quotes."""

    is_view: bool
    definition: str = ""
    indexes: int = 0
    checks: int = 0


def tables_and_views(con: DuckDBPyConnection, database: str) -> list[tuple[str, str]]:
    """Return (schema, name) of all tables and views of one attached database."""
    return con.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() "
        "WHERE NOT internal AND database_name = $database UNION ALL "
        "SELECT schema_name, view_name FROM duckdb_views() "
        "WHERE NOT internal AND database_name = $database ORDER BY ALL",
        {"database": database},
    ).fetchall()


def refuse_forged(
    con: DuckDBPyConnection,
    path: Path,
    ours: Collection[Name],
    marker: Name,
    *,
    writing: bool = False,
) -> None:
    """Refuse the file if something else stands under the name of one of ``ours``, its tables.

    A file without the table ``marker`` is of another kind, and anything may be in it.

    A view can show what it likes in place of rows, and compute for ever; so can a computed column.
    Who writes also evaluates defaults and conditions, keeps indexes, and sets off triggers.

    Raises :class:`DatabaseError`.
    """
    there = _relations(con)
    if marker not in there:
        return
    triggered = _triggered(con) if writing else frozenset()
    for name in sorted(ours):
        found = there.get(name)
        what = ""
        if found is None:
            continue
        if found.is_view:
            what = "is a view, where a log has a table"
        elif _COMPUTED in found.definition:
            what = "has a column that is computed when it is read"
        elif writing and name in triggered:
            what = "has a trigger"
        elif writing and (found.indexes or found.checks):
            what = "has an index or a constraint, so rows could be refused"
        elif writing and _DEFAULT in found.definition:
            what = "has a column with a default, so rows could be forged"
        if what:
            raise DatabaseError(
                f"{path} is not as rlaudit writes it: {'.'.join(name)} {what}",
                hint="record into another file" if writing else "get the log from its trainer",
            )


def refuse_shadows(con: DuckDBPyConnection, path: Path) -> None:
    """Refuse a file that has functions or types of its own under the names of DuckDB's.

    They would take the place of those that our own tables and views mean.

    Raises :class:`DatabaseError`.
    """
    for what, query in (
        ("function", "SELECT DISTINCT lower(function_name), database_name FROM duckdb_functions()"),
        ("type", "SELECT DISTINCT lower(type_name), database_name FROM duckdb_types()"),
    ):
        rows = con.execute(query).fetchall()
        # Every database has some that come with DuckDB.
        own = {name for name, database in rows if database == "log"} - {
            name for name, database in rows if database == "memory"
        }
        taken = sorted(own & {name for name, database in rows if database == "system"})
        if taken:
            raise DatabaseError(
                f"{path} has a {what} {taken[0]!r} of its own, which hides DuckDB's, so no log "
                "can be added to it",
                hint="record into another file",
            )


def _relations(con: DuckDBPyConnection) -> Mapping[Name, Relation]:
    # What the file itself calls internal counts as well.
    rows = con.sql(
        "SELECT lower(schema_name), lower(table_name), false, sql, index_count, "
        "check_constraint_count FROM duckdb_tables() WHERE database_name = 'log' UNION ALL "
        "SELECT lower(schema_name), lower(view_name), true, '', 0, 0 FROM duckdb_views() "
        "WHERE database_name = 'log'"
    ).fetchall()
    return {
        (schema, name): Relation(is_view, _QUOTED.sub("", sql or ""), indexes, checks)
        for schema, name, is_view, sql, indexes, checks in rows
    }


def _triggered(con: DuckDBPyConnection) -> frozenset[Name]:
    """Return the tables that have triggers, of which DuckDB 1 knows none."""
    if duckdb.__version__.startswith("1."):
        return frozenset()
    query = "SELECT lower(schema_name), lower(table_name) FROM duckdb_triggers() "
    return frozenset(con.sql(f"{query} WHERE database_name = 'log'").fetchall())
