"""Run checks over a log and return what they find.

The SQL of a check stands alone. What is added here: its parameters are bound, the shared tables
that it needs are built once for all checks, it is restricted to the runs that it can judge, and
its result is counted and cut to a few examples.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import duckdb

from rlaudit.auditing.scope import Scope
from rlaudit.errors import SqlFileError
from rlaudit.sqlfiles import FOUND, load_shared, verify_statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from rlaudit.sqlfiles import CheckFile, SharedFile

Status = Literal["pass", "fail", "not_applicable", "error"]

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found.

    ``rows`` are the rows of its first table in the runs that it judged, ``groups`` how many
    things were judged (see :func:`run_checks`), ``wrong`` how many of them are wrong, and
    ``examples`` the first of those, each a mapping from column to value. ``found`` counts the wrong
    rows by run. ``message`` says why a check does not apply, to which runs it does not, or how it
    failed.
    """

    check: CheckFile
    status: Status
    rows: int = 0
    groups: int = 0
    wrong: int = 0
    examples: tuple[Mapping[str, Any], ...] = field(default=())
    found: Mapping[str | None, int] = field(default_factory=dict)
    message: str = ""

    def diagnosis(self, example: Mapping[str, Any]) -> str:
        """Return the check's sentence with the figures of ``example``."""
        values = {**example, FOUND: self.found.get(example["run_id"])}
        return _PLACEHOLDER.sub(lambda found: _figure(values[found[1]]), self.check.diagnosis)


def run_checks(
    con: DuckDBPyConnection,
    checks: Sequence[CheckFile],
    *,
    run: str | None = None,
    limit: int = 10,
) -> list[CheckResult]:
    """Run ``checks`` over the log behind ``con`` and return one result each, in their order.

    ``con`` is an in-memory connection to which the log is attached, as
    :func:`rlaudit.store.open_for_reading` gives it; temporary tables and a schema ``shared`` are
    made in it. ``run`` restricts all checks to one run, ``limit`` bounds the examples of
    each (0: all of them).

    A check does not apply where one of its tables has no rows for a run, or where something that
    it requires is not stated. ``groups`` is counted without a second pass over the log: the rows
    of the first table less the further copies that were found, if the check returns ``copies``;
    else the rows of the table that its header counts; else, for a check whose grain is the run,
    the judged runs.

    Raises :class:`SqlFileError` for a check that breaks its format, and :class:`UsageError` for a
    run that the log does not have. A check whose query fails is a result with status ``error``.
    """
    scope = Scope(con, checks, run)
    shared = _SharedTables(con, run)
    return [_run(con, check, scope, shared, limit) for check in checks]


def _run(
    con: DuckDBPyConnection, check: CheckFile, scope: Scope, shared: _SharedTables, limit: int
) -> CheckResult:
    verify_statement(check, con)
    runs, message = scope.judged(check)
    if not runs:
        return CheckResult(check, "not_applicable", message=message)
    try:
        for name in check.needs:
            shared.build(name)
        _find(con, check, None if scope.covers_all(check, runs) else runs)
        columns = [row[0] for row in con.execute("DESCRIBE findings_of_check").fetchall()]
        check.check_columns(columns)
        extra = "sum(copies - 1)" if "copies" in columns else "NULL"
        counted = con.execute(
            f"SELECT run_id, count(*), {extra} FROM findings_of_check GROUP BY run_id"  # noqa: S608 - one of two constants
        ).fetchall()
        examples = _examples(con, check, columns, limit)
    except duckdb.Error as error:
        return CheckResult(check, "error", message=str(error).splitlines()[0])
    return CheckResult(
        check,
        "fail" if counted else "pass",
        rows=scope.rows(check.reads[0], runs),
        groups=_groups(check, scope, runs, columns, sum(int(row[2] or 0) for row in counted)),
        wrong=sum(row[1] for row in counted),
        examples=examples,
        found={row[0]: row[1] for row in counted},
        message=message,
    )


def _find(con: DuckDBPyConnection, check: CheckFile, runs: list[str | None] | None) -> None:
    """Put the rows that ``check`` returns for ``runs`` (None: all) into a temporary table."""
    for param in check.params:
        con.execute(f"SET VARIABLE {param.name} = CAST(? AS {param.type})", [param.default])
    con.execute(f"CREATE OR REPLACE TEMP VIEW current_check AS {check.sql}")
    only = "" if runs is None else f"WHERE run_id IN ({', '.join('?' * len(runs))})"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE findings_of_check AS FROM current_check {only}", runs or []
    )


def _examples(
    con: DuckDBPyConnection, check: CheckFile, columns: list[str], limit: int
) -> tuple[Mapping[str, Any], ...]:
    order = ", ".join(f'"{column}"' for column in check.grain)
    rows = con.execute(
        f"FROM findings_of_check ORDER BY {order} LIMIT ?",
        [limit or None],
    ).fetchall()
    return tuple(dict(zip(columns, row, strict=True)) for row in rows)


def _groups(
    check: CheckFile,
    scope: Scope,
    runs: list[str | None],
    columns: list[str],
    extra_copies: int,
) -> int:
    if check.counted:
        return scope.rows(check.counted, runs)
    if "copies" in columns:
        return scope.rows(check.reads[0], runs) - extra_copies
    return len(runs) if check.grain == ("run_id",) else scope.rows(check.reads[0], runs)


class _SharedTables:
    """Builds each shared table once, in schema ``shared``, for one run or for all."""

    def __init__(self, con: DuckDBPyConnection, run: str | None) -> None:
        self._con = con
        self._run = run
        self._files = load_shared()
        self._built: set[str] = set()

    def build(self, name: str) -> None:
        if name in self._built:
            return
        file = self._files[name]
        for needed in file.needs:
            self.build(needed)
        self._create(file)
        self._built.add(name)

    def _create(self, file: SharedFile) -> None:
        verify_statement(file, self._con)
        only = "" if self._run is None else "WHERE run_id = ?"
        try:
            self._con.execute("CREATE SCHEMA IF NOT EXISTS shared")
            self._con.execute(f"CREATE OR REPLACE TEMP VIEW current_shared AS {file.sql}")
            self._con.execute(
                f'CREATE OR REPLACE TABLE shared."{file.name}" AS FROM current_shared {only}',
                [] if self._run is None else [self._run],
            )
        except duckdb.Error as error:
            raise SqlFileError(f"{file.path}:1: {str(error).splitlines()[0]}") from error


def _figure(value: object) -> str:
    """Return ``value`` as a person writes it in a sentence."""
    if value is None:
        return "unknown"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 or not math.isfinite(value) else f"{value:,.0f}"
    return str(value)
