"""Run checks over a log and return what they find.

The SQL of a check stands alone. What is added here: its parameters are bound, the shared tables
that it needs are built once for all checks, it is restricted to the runs that it can judge, and
its result is counted and cut to a few examples for each run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from rlaudit.auditing.consequences import with_causes
from rlaudit.auditing.diagnosis import fill
from rlaudit.auditing.failures import damage, file_error, interruptible
from rlaudit.auditing.incremental import NewRows, merged
from rlaudit.auditing.results import CheckResult, Finding
from rlaudit.auditing.scope import Scope
from rlaudit.auditing.shared import SharedTables
from rlaudit.errors import Problem, RlauditError
from rlaudit.sqlfiles import quoted_name, verify_statement
from rlaudit.store import fetch_exact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from duckdb import DuckDBPyConnection

    from rlaudit.auditing.incremental import EarlierVerdicts
    from rlaudit.sqlfiles import CheckFile

    Progress = Callable[[int, int, str, str], object]
    """Called with checks done, checks in all, the check about to run ("" at the end), the source"""


def run_checks(
    con: DuckDBPyConnection,
    checks: Sequence[CheckFile],
    *,
    runs: Sequence[str] = (),
    limit: int = 10,
    source: str = "",
    earlier: EarlierVerdicts | None = None,
    on_progress: Progress | None = None,
) -> list[CheckResult]:
    """Run ``checks`` over the log behind ``con`` and return one result each, in their order.

    ``con`` is an in-memory connection to which the log is attached, as
    :func:`rlaudit.store.open_for_reading` gives it; temporary tables and a schema ``shared`` are
    made in it. ``runs`` restricts all checks to these runs (all if empty), ``limit`` bounds the
    examples of each run (0: all of them), ``source`` is how findings name the log, and ``earlier``
    are verdicts that need not be repeated over rows that have been read.

    A check does not apply where one of its tables has no rows for a run, or where something that
    it requires is not stated. ``groups`` is counted without a second pass over the log: the rows
    of the first table less the further copies that were found, if the check returns ``copies``;
    else the rows of the table that its header counts; else, for a check whose grain is the run,
    the judged runs.

    A check that breaks its format, or whose query fails, is a result with status ``error``.
    Raises :class:`UsageError` for a run that the log does not have.
    """
    steps = each_result(con, checks, runs=runs, limit=limit, source=source, earlier=earlier)
    return with_causes(gathered(steps, len(checks), source, on_progress))


def gathered(
    steps: Iterable[CheckFile | CheckResult], number: int, source: str, on_progress: Progress | None
) -> list[CheckResult]:
    """Return the results in ``steps``, those of :func:`each_result` for ``number`` checks."""
    results: list[CheckResult] = []
    for step in steps:
        if isinstance(step, CheckResult):
            results.append(step)
        elif on_progress is not None:
            on_progress(len(results), number, step.name, source)
    if on_progress is not None:
        on_progress(number, number, "", source)
    return results


def each_result(
    con: DuckDBPyConnection,
    checks: Sequence[CheckFile],
    *,
    runs: Sequence[str] = (),
    limit: int = 10,
    source: str = "",
    earlier: EarlierVerdicts | None = None,
) -> Iterator[CheckFile | CheckResult]:
    """Give each of ``checks`` before it is run, and then its result.

    Arguments and errors are those of :func:`run_checks`. Causes are not named yet.
    """
    work = _Work(
        con,
        Scope(con, checks, runs),
        SharedTables(con, runs),
        NewRows(con, earlier or {}, runs),
        limit,
        source,
    )
    with interruptible(con):
        for done, check in enumerate(checks):
            yield check
            work.shared.keep_for(checks[done:])
            yield _run(work, check)


@dataclass(frozen=True, slots=True)
class _Work:
    """What all checks over one log share."""

    con: DuckDBPyConnection
    scope: Scope
    shared: SharedTables
    new_rows: NewRows
    limit: int
    source: str


@dataclass(frozen=True, slots=True)
class _Found:
    """What the query of a check returned: findings by run, and copies beyond the first of each."""

    findings: tuple[Finding, ...]
    copies: int | None


def _run(work: _Work, check: CheckFile) -> CheckResult:
    try:
        verify_statement(check, work.con)
        judged = work.scope.judged(check)
        if not judged.runs:
            return CheckResult(
                check, "not_applicable", skipped=judged.skipped, message=judged.message
            )
        found = _judge(work, check, judged.runs)
        rows = work.scope.rows(check, check.reads[0], judged.runs)
        groups = _groups(check, work.scope, judged.runs, found.copies)
    except duckdb.InterruptException:
        raise  # Ctrl-C: nothing else interrupts an audit
    except (duckdb.Error, RlauditError) as error:
        problem = _problem(work, check, error)
        return CheckResult(check, "error", message=str(problem), problem=problem)
    return CheckResult(
        check,
        "fail" if found.findings else "pass",
        rows=rows,
        groups=groups,
        judged=tuple(judged.runs),
        skipped=judged.skipped,
        findings=found.findings,
        message=judged.message,
    )


def _problem(work: _Work, check: CheckFile, error: duckdb.Error | RlauditError) -> Problem:
    if isinstance(error, duckdb.Error) and (damaged := damage(work.con, error)):
        return Problem.of(damaged, source=work.source)
    own = file_error(check.path, error) if isinstance(error, duckdb.Error) else error
    return Problem.of(own, check=check.name, source=work.source)


def _judge(work: _Work, check: CheckFile, runs: list[str | None]) -> _Found:
    """Return what is wrong in ``runs``; only their new rows are read where that is enough."""
    known = work.new_rows.known(check, runs)
    if not known:
        return _query(work, check, work.shared, runs)
    with work.new_rows.shown(check, known) as shared:
        new = _query(work, check, shared, runs)
    return _Found(merged(check, work.source, known, new.findings), new.copies)


def _query(work: _Work, check: CheckFile, shared: SharedTables, runs: list[str | None]) -> _Found:
    con = work.con
    shared.build_for(check)
    columns = _define(con, check)
    check.check_columns(columns)
    _find(con, None if work.scope.covers_all(check, runs) else runs)
    findings = _findings(con, check, columns, work.limit, work.source)
    return _Found(findings, _further_copies(con) if "copies" in columns else None)


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
        "CREATE OR REPLACE TEMP TABLE findings_of_check AS "  # noqa: S608 - only places for ids
        "FROM (SELECT * REPLACE (CAST(run_id AS VARCHAR) AS run_id) FROM current_check) "
        f"{only}{unnamed}",
        named,
    )


def _findings(
    con: DuckDBPyConnection, check: CheckFile, columns: list[str], limit: int, source: str
) -> tuple[Finding, ...]:
    counted = fetch_exact(
        con, "SELECT run_id, count(*) FROM findings_of_check GROUP BY run_id ORDER BY run_id"
    )
    if not counted:
        return ()
    order = ", ".join(map(quoted_name, check.grain))
    bound = f"QUALIFY row_number() OVER (PARTITION BY run_id ORDER BY {order}) <= ?"
    rows = fetch_exact(
        con,
        f"FROM findings_of_check {bound if limit else ''} ORDER BY {order}",
        [limit] if limit else [],
    )
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
