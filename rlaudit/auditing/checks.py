"""Run checks over a log and return what they find.

The SQL of a check stands alone. What is added here: its parameters are bound, the shared tables
that it needs are built once for all checks, it is restricted to the runs that it can judge, and
its result is counted and cut to a few examples for each run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

from rlaudit.auditing.diagnosis import fill
from rlaudit.auditing.failures import file_error
from rlaudit.auditing.results import CheckResult, Finding
from rlaudit.auditing.scope import Scope
from rlaudit.auditing.shared import SharedTables
from rlaudit.errors import Problem, RlauditError
from rlaudit.sqlfiles import verify_statement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from duckdb import DuckDBPyConnection

    from rlaudit.sqlfiles import CheckFile

    Progress = Callable[[int, int, str, str], object]
    """Called with checks done, checks in all, the check about to run ("" at the end), the source"""


def run_checks(
    con: DuckDBPyConnection,
    checks: Sequence[CheckFile],
    *,
    run: str | None = None,
    limit: int = 10,
    source: str = "",
    on_progress: Progress | None = None,
) -> list[CheckResult]:
    """Run ``checks`` over the log behind ``con`` and return one result each, in their order.

    ``con`` is an in-memory connection to which the log is attached, as
    :func:`rlaudit.store.open_for_reading` gives it; temporary tables and a schema ``shared`` are
    made in it. ``run`` restricts all checks to one run, ``limit`` bounds the examples of each run
    (0: all of them), and ``source`` is how findings name the log.

    A check does not apply where one of its tables has no rows for a run, or where something that
    it requires is not stated. ``groups`` is counted without a second pass over the log: the rows
    of the first table less the further copies that were found, if the check returns ``copies``;
    else the rows of the table that its header counts; else, for a check whose grain is the run,
    the judged runs.

    A check that breaks its format, or whose query fails, is a result with status ``error``.
    Raises :class:`UsageError` for a run that the log does not have.
    """
    scope = Scope(con, checks, run)
    shared = SharedTables(con, run)
    results = []
    for done, check in enumerate(checks):
        if on_progress is not None:
            on_progress(done, len(checks), check.name, source)
        shared.keep_for(checks[done:])
        results.append(_run(con, check, scope, shared, limit=limit, source=source))
    if on_progress is not None:
        on_progress(len(checks), len(checks), "", source)
    return results


def _run(
    con: DuckDBPyConnection,
    check: CheckFile,
    scope: Scope,
    shared: SharedTables,
    *,
    limit: int,
    source: str,
) -> CheckResult:
    try:
        verify_statement(check, con)
        judged = scope.judged(check)
        runs = judged.runs
        if not runs:
            return CheckResult(
                check, "not_applicable", skipped=judged.skipped, message=judged.message
            )
        shared.build_for(check)
        columns = _define(con, check)
        check.check_columns(columns)
        _find(con, None if scope.covers_all(check, runs) else runs)
        findings = _findings(con, check, columns, limit, source)
        copies = _further_copies(con) if "copies" in columns else None
        rows, groups = scope.rows(check, check.reads[0], runs), _groups(check, scope, runs, copies)
    except (duckdb.Error, RlauditError) as error:
        found = file_error(check.path, error) if isinstance(error, duckdb.Error) else error
        problem = Problem.of(found, check=check.name, source=source)
        return CheckResult(check, "error", message=str(problem), problem=problem)
    return CheckResult(
        check,
        "fail" if findings else "pass",
        rows=rows,
        groups=groups,
        judged=tuple(runs),
        skipped=judged.skipped,
        findings=findings,
        message=judged.message,
    )


def _define(con: DuckDBPyConnection, check: CheckFile) -> list[str]:
    """Make ``check`` a view, its parameters bound, and return its columns."""
    for param in check.params:
        con.execute(f"SET VARIABLE {param.name} = CAST(? AS {param.type})", [param.default])
    try:
        con.execute(f"CREATE OR REPLACE TEMP VIEW current_check AS {check.sql}")
    except duckdb.Error as error:
        raise file_error(check.path, error, binding=True) from error
    return [row[0] for row in con.execute("DESCRIBE current_check").fetchall()]


def _find(con: DuckDBPyConnection, runs: list[str | None] | None) -> None:
    """Put the rows that the check returns for ``runs`` (None: all) into a temporary table."""
    named = [] if runs is None else [run for run in runs if run is not None]
    only = "" if runs is None else f"WHERE run_id IN ({', '.join('?' * len(named)) or 'NULL'})"
    unnamed = " OR run_id IS NULL" if runs is not None and None in runs else ""
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE findings_of_check AS FROM current_check {only}{unnamed}",
        named,
    )


def _findings(
    con: DuckDBPyConnection, check: CheckFile, columns: list[str], limit: int, source: str
) -> tuple[Finding, ...]:
    counted = con.execute(
        "SELECT run_id, count(*) FROM findings_of_check GROUP BY run_id ORDER BY run_id"
    ).fetchall()
    if not counted:
        return ()
    order = ", ".join(f'"{column}"' for column in check.grain)
    bound = f"QUALIFY row_number() OVER (PARTITION BY run_id ORDER BY {order}) <= ?"
    rows = con.execute(
        f"FROM findings_of_check {bound if limit else ''} ORDER BY {order}",
        [limit] if limit else [],
    ).fetchall()
    examples: dict[str | None, list[dict[str, Any]]] = {run: [] for run, _ in counted}
    for row in rows:
        example = dict(zip(columns, row, strict=True))
        examples[example["run_id"]].append(example)
    return tuple(
        Finding(
            check, source, run, count, fill(check, examples[run][0], count), tuple(examples[run])
        )
        for run, count in counted
    )


def _further_copies(con: DuckDBPyConnection) -> int:
    found = con.execute("SELECT sum(copies - 1) FROM findings_of_check").fetchall()
    return int(found[0][0] or 0)


def _groups(check: CheckFile, scope: Scope, runs: list[str | None], copies: int | None) -> int:
    if check.counted:
        return scope.rows(check, check.counted, runs)
    if copies is not None:
        return scope.rows(check, check.reads[0], runs) - copies
    return len(runs) if check.grain == ("run_id",) else scope.rows(check, check.reads[0], runs)
