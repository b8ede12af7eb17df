"""Answer the questions of ``sql/reports``, and those of a user's own folder, over one log.

A report's parameters are bound, the shared tables that it needs are built once for all reports of
one :class:`Reporter`, and runs that it does not apply to are left out and named.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from rlaudit.auditing.failures import damage, file_error, interruptible
from rlaudit.auditing.query import Rows
from rlaudit.auditing.scope import Scope, refuse_unknown_runs
from rlaudit.auditing.scripts import literal
from rlaudit.auditing.shared import SharedTables
from rlaudit.auditing.values import bind
from rlaudit.errors import UsageError, did_you_mean
from rlaudit.sqlfiles import read_reports, sql_root, verify_statement
from rlaudit.store import TABLES, Exact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import polars as pl
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

    from rlaudit.errors import Problem
    from rlaudit.sqlfiles import ParamValue, ReportFile


@dataclass(frozen=True, slots=True)
class Answer:
    """What a report says of a log.

    Attributes:
        report: the report that was run.
        rows: its rows; ``rows.frame()`` gives them as a Polars frame.
        applies: whether there is a run that it applies to.
        note: to which runs it does not apply, and why; "" if it applies to all.
        given: the parameters that were given, as text.
        values: the value of each parameter of the report, given or not.

    """

    report: ReportFile
    rows: Rows
    applies: bool
    note: str
    given: str
    values: Mapping[str, ParamValue]

    @property
    def why_empty(self) -> str:
        """Why there are no rows, as far as that is known."""
        if not self.applies:
            return self.note
        reason = self.report.empty or "nothing in the log matches"
        return f"{reason} (with {self.given})" if self.given else reason


class Reporter:
    """Runs reports over one log; :func:`reporting` makes one."""

    def __init__(
        self, con: DuckDBPyConnection, reports: Iterable[ReportFile], runs: Sequence[str]
    ) -> None:
        self._con = con
        self._reports = {report.name: report for report in reports}
        self._scope = Scope(con, self._reports.values(), runs)
        self._shared = SharedTables(con, runs)

    @contextlib.contextmanager
    def answer(
        self, name: str, given: Mapping[str, object] | None = None, *, limit: int = 0
    ) -> Iterator[Answer]:
        """Run the report ``name`` and give its rows, at most ``limit`` of them (0: all).

        ``given`` are parameters; text is read as the parameter's type. The rows are read while
        the context lasts.

        Raises :class:`UsageError` for a report or a parameter that is not there, a parameter that
        is missing, of another type or out of bounds, and :class:`SqlFileError` for a file that
        fails.
        """
        report = named(name, self._reports)
        values = bind(report, given or {})
        with interruptible(self._con):
            try:
                judged = self._scope.judged(report)
                for param in report.params:
                    self._con.execute(
                        f"SET VARIABLE {param.name} = CAST(? AS {param.type})", [values[param.name]]
                    )
                self._shared.build_for(report)
                rows = Rows(Exact(self._relation(report, judged.runs)), limit)
                texts = ", ".join(f"{key} = {values[key]}" for key in given or {})
                yield Answer(report, rows, bool(judged.runs), judged.message, texts, values)
            except duckdb.InterruptException:
                raise  # Ctrl-C
            except duckdb.Error as error:
                raise damage(self._con, error) or file_error(report.path, error) from error

    def frame(self, name: str, **given: object) -> pl.DataFrame:
        """Return the rows of the report ``name`` with the parameters ``given``.

        Raises what :meth:`answer` raises.
        """
        with self.answer(name, given) as found:
            return found.rows.frame()

    def _relation(self, report: ReportFile, runs: Sequence[str | None]) -> DuckDBPyRelation:
        """Return the rows of ``report`` for ``runs``."""
        verify_statement(report, self._con)
        try:
            # Only to bind it: of a view DuckDB names the line of a mistake, of a relation not.
            self._con.execute(f"CREATE OR REPLACE TEMP VIEW current_report AS {report.sql}")
        except duckdb.Error as error:
            raise file_error(report.path, error, binding=True) from error
        relation = self._con.sql(report.sql)
        if not runs:
            return relation.limit(0)
        if "run_id" not in relation.columns:
            return relation
        if self._scope.covers_all(report, runs):
            return relation
        texts = [literal(run) for run in runs if run is not None]
        unnamed = "run_id IS NULL" if None in runs else "false"
        return relation.filter(f"run_id IN ({', '.join(texts) or 'NULL'}) OR {unnamed}")


@contextlib.contextmanager
def reporting(
    con: DuckDBPyConnection,
    reports: Sequence[ReportFile] | None = None,
    *,
    runs: Sequence[str] = (),
) -> Iterator[Reporter]:
    """Give a :class:`Reporter` over the log behind ``con``, which shows it only ``runs`` (all).

    ``con`` is a connection as :func:`rlaudit.store.open_for_reading` gives it; ``reports`` are
    ours if none are given.

    Raises :class:`UsageError` for a run that the log does not have.
    """
    refuse_unknown_runs(con, runs)
    known = all_reports()[0] if reports is None else reports
    with _only(con, runs):
        yield Reporter(con, known, runs)


def all_reports(
    folders: Sequence[Path] | None = None,
) -> tuple[tuple[ReportFile, ...], tuple[Problem, ...]]:
    """Return the reports that come with rlaudit and those in ``folders``, and unusable files."""
    return read_reports(sql_root() / "reports", *(folders or ()))


def find_report(name: str, folders: Sequence[Path] | None = None) -> ReportFile:
    """Return the report called ``name``; :class:`UsageError` if there is none."""
    found, problems = all_reports(folders)
    for problem in problems:
        if problem.path is not None and problem.path.stem == name:
            raise UsageError(str(problem), hint=problem.hint)
    known = {report.name: report for report in found}
    if name not in known and problems:
        raise UsageError(f"no report is called {name!r}", hint=str(problems[0]))
    return named(name, known)


def named(name: str, reports: Mapping[str, ReportFile]) -> ReportFile:
    """Return the one of ``reports`` called ``name``; :class:`UsageError` if there is none."""
    if name not in reports:
        raise UsageError(f"no report is called {name!r}", hint=did_you_mean(name, reports))
    return reports[name]


@contextlib.contextmanager
def _only(con: DuckDBPyConnection, runs: Sequence[str]) -> Iterator[None]:
    """Hide all runs but ``runs`` from whoever reads the log's views; nothing if there are none."""
    if not runs:
        yield
        return
    database = con.execute("SELECT current_database()").fetchall()[0][0]
    wanted = ", ".join(literal(run) for run in runs)
    for table in TABLES:
        # A temporary view comes before the log's own of the same name.
        con.execute(
            f'CREATE TEMP VIEW "{table}" AS FROM "{database}".main."{table}" '
            f"WHERE run_id IN ({wanted})"
        )
    try:
        yield
    finally:
        for table in TABLES:
            con.execute(f'DROP VIEW temp."{table}"')
