"""Check the checks: headers, statements, and whether the two say the same.

Each check is also run over a log without rows, so that a column that no log has is found before an
audit finds it. A check of tables that only some logs have cannot be judged this way.
"""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING, Any

import duckdb

from rlaudit.apart.child import Child
from rlaudit.apart.messages import Began, EndedError, SpoiltError
from rlaudit.auditing.failures import file_error, is_spoilt
from rlaudit.auditing.query import refuse_negative
from rlaudit.auditing.scripts import tables_needed
from rlaudit.errors import Problem, SqlFileError, did_you_mean
from rlaudit.sqlfiles import (
    load_shared,
    parameters_read,
    read_checks,
    read_sql,
    sql_root,
    statement_of,
    tables_named,
    verify_statement,
    without_comments,
)
from rlaudit.store import engine, memory_limit_of, shut_off

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from rlaudit.sqlfiles import CheckFile, SharedFile

# A log may lack them for a run without making the verdict on its other rows wrong.
_OPTIONAL = frozenset({"runs", "segments", "segment_cuts"})


def lint_checks(folder: Path, *, timeout: float = 60.0) -> list[Problem]:
    """Return everything that is wrong with the check files in ``folder`` and below.

    They are run in a child. One that takes more than ``timeout`` seconds (0: any number), too much
    memory, or its process with it, is a problem.
    """
    refuse_negative(timeout)
    checks, problems = read_checks(folder)
    known = {check.name: check for check in (*read_checks(sql_root() / "checks")[0], *checks)}
    found = list(problems)
    at = iter(checks)
    with Child(__name__) as child:
        for result in child.run_each(timeout, _lint, checks, known):
            if isinstance(result, EndedError):
                check = next(at)
                placed = SqlFileError(f"{check.path}:1: the query {result}", hint=result.hint)
                found.append(Problem.of(placed, check=check.name))
            elif not isinstance(result, Began):
                next(at)
                found += result
    return sorted(found, key=lambda problem: (str(problem.path), problem.line or 0))


def _lint(
    checks: Sequence[CheckFile], known: Mapping[str, CheckFile]
) -> Iterator[Began | list[Problem]]:
    """Give in a child what is wrong with each of ``checks``; ``known`` are all that there are."""
    shared = load_shared()
    with engine() as con:
        memory = memory_limit_of(con)
        # The SQL of a check may be someone else's, and it is run.
        shut_off(con)
        con.execute(read_sql("schema/raw.sql"))
        con.execute(read_sql("schema/views.sql"))
        _build(con, shared)
        for check in checks:
            yield Began(check.name, memory)
            errors = [
                *_statement_errors(check, con),
                *_header_errors(check, con, shared),
                *_cause_errors(check, known, con),
            ]
            spoilt = bool(errors) and is_spoilt(con)
            if spoilt and check is not checks[0]:
                raise SpoiltError("was spoilt by another one")
            yield [Problem.of(error, check=check.name) for error in errors]
            if spoilt:
                raise SpoiltError("spoils what comes after it")


def _build(con: DuckDBPyConnection, shared: Mapping[str, SharedFile]) -> None:
    con.execute("CREATE SCHEMA shared")
    for file in shared.values():
        if file.error is not None:
            raise file.error
        try:
            con.execute(f"CREATE TABLE shared.{file.name} AS {file.sql}")
        except duckdb.Error as error:
            raise file_error(file.path, error, binding=True) from error


def _statement_errors(check: CheckFile, con: DuckDBPyConnection) -> Iterator[SqlFileError]:
    """Give what is wrong with the SQL itself: its kind, names, columns, and rows of nothing."""
    try:
        verify_statement(check, con)
        try:
            columns = _columns(check, con)
            rows = con.execute("SELECT count(*) FROM current_check").fetchall()[0][0]
        except duckdb.Error as error:
            raise file_error(check.path, error, binding=True) from error
        check.check_columns(columns)
        if rows:
            yield SqlFileError(
                f"{check.path}:1: returns {rows} rows for a log that has none",
                hint="an aggregate without GROUP BY has a row even of nothing",
            )
    except SqlFileError as error:
        yield error


def _columns(check: CheckFile, con: DuckDBPyConnection) -> list[str]:
    """Make the check a view, its parameters bound, and return its columns."""
    for param in check.params:
        con.execute(f"SET VARIABLE {param.name} = CAST(? AS {param.type})", [param.default])
    con.execute(f"CREATE OR REPLACE TEMP VIEW current_check AS {check.sql}")
    return [row[0] for row in con.execute("DESCRIBE current_check").fetchall()]


def _cause_errors(
    check: CheckFile, known: Mapping[str, CheckFile], con: DuckDBPyConnection
) -> Iterator[SqlFileError]:
    """Give what ``after`` names and is not there, and the way on which it leads back."""
    for cause in check.after:
        if cause.check not in known:
            yield check.fail(
                "after",
                f"after names {cause.check!r}, which is no check",
                hint=did_you_mean(cause.check, known),
            )
        elif cause.column:
            # A check whose SQL fails is a problem of its own.
            with contextlib.suppress(duckdb.Error):
                columns = _columns(known[cause.check], con)
                if cause.column not in columns:
                    yield check.fail(
                        "after",
                        f"after names {cause}, and {cause.check} has no such column",
                        hint=did_you_mean(cause.column, columns),
                    )
    if way := _way_back(check.name, check.name, known, set()):
        yield check.fail("after", f"is a consequence of itself: {' after '.join(way)}")


def _way_back(
    start: str, name: str, known: Mapping[str, CheckFile], seen: set[str]
) -> tuple[str, ...]:
    """Return the names from ``name`` to ``start`` along ``after``; none if no way leads there."""
    seen.add(name)
    for cause in known[name].after if name in known else ():
        if cause.check == start:
            return (name, start)
        if cause.check not in seen and (way := _way_back(start, cause.check, known, seen)):
            return (name, *way)
    return ()


def _header_errors(
    check: CheckFile, con: DuckDBPyConnection, shared: Mapping[str, SharedFile]
) -> Iterator[SqlFileError]:
    """Give what the header states and the SQL does not do, or the other way round."""
    read = parameters_read(check.sql)
    for param in check.params:
        if param.name not in read:
            yield check.fail("params", f"params has {param.name!r}, which the SQL does not read")
    named = {*tables_named(check.sql, "shared")}
    named |= {other for name in named & {*check.needs} for other in shared[name].needs}
    for name in check.needs:
        if name not in named:
            yield check.fail("needs", f"needs {name!r}, which the SQL does not read")
    yield from _chance_errors(check)
    tables = _tables_in(check, con)
    if tables is not None:
        yield from _table_errors(check, tables, shared)


def _table_errors(
    check: CheckFile, tables: set[str], shared: Mapping[str, SharedFile]
) -> Iterator[SqlFileError]:
    stated = {_plain(table) for table in (*check.reads, *check.also_reads)}
    for table in sorted(tables):
        if _plain(table) not in stated | _OPTIONAL:
            yield SqlFileError(
                f"{check.path}:{_line_of(check, table)}: reads {table}, which reads does not state",
                hint="state it in reads, or in also_reads if a run without rows in it is judged",
            )
    read = {_plain(t) for file in tables_needed(check, shared) for t in file.reads}
    read |= {_plain(table) for table in tables}
    read |= {"runs" if r.is_setting else _plain(r.owner) for r in check.requires}
    for key in ("reads", "also_reads"):
        for table in getattr(check, key):
            if _plain(table) not in read:
                yield check.fail(key, f"{key} states {table}, which the SQL does not read")


def _chance_errors(check: CheckFile) -> Iterator[SqlFileError]:
    if not any(param.name == "alpha" for param in check.params):
        return
    for key in ("threshold", "false_alarms"):
        if not getattr(check, key):
            yield check.fail(
                "params", f"has a parameter alpha and no {key}", hint=f"add '-- {key}: ...'"
            )
    if check.incremental:
        yield check.fail(
            "incremental",
            "has a parameter alpha and is incremental",
            hint="a statistic needs all rows: leave incremental out",
        )


def _tables_in(check: CheckFile, con: DuckDBPyConnection) -> set[str] | None:
    """Return the tables that the SQL names, those of schema ``shared`` left out; None if unknown.

    DuckDB's own parser says so. Its get_table_names does not: it fails on JOIN ... USING.
    """
    try:
        text = con.execute("SELECT json_serialize_sql(?)", [statement_of(check.sql)]).fetchall()
    except duckdb.Error:
        return None
    tree = json.loads(text[0][0])
    if tree.get("error") or len(tree["statements"]) != 1:
        return None
    nodes = list(_nodes(tree))
    ctes = {entry["key"] for node in nodes for entry in node.get("cte_map", {}).get("map", ())}
    named = {
        (node.get("schema_name") or "", node["table_name"])
        for node in nodes
        if node.get("type") == "BASE_TABLE"
    }
    return {
        f"{schema}.{name}" if schema else name
        for schema, name in named
        if schema != "shared" and (schema or name not in ctes)
    }


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    for part in tree.values() if isinstance(tree, dict) else tree:
        if isinstance(part, (dict, list)):
            yield from _nodes(part)


def _plain(table: str) -> str:
    return table.removeprefix("raw.").removeprefix("main.")


def _line_of(check: CheckFile, table: str) -> int:
    code = without_comments(check.sql)
    found = re.search(rf"\b{re.escape(_plain(table))}\b", code)
    return code.count("\n", 0, found.start()) + 1 if found else 1
