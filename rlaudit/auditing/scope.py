"""Decide to which runs of a log a check or a report applies, and say why not to the others."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import duckdb

from rlaudit.auditing.settings import read_configs
from rlaudit.errors import UsageError, did_you_mean
from rlaudit.sqlfiles import quoted_name
from rlaudit.stated_config import StatedConfig
from rlaudit.store import TABLES, current_name, tables_and_views

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from rlaudit.sqlfiles import QueryFile, Requirement

_RUN_TABLES = ("raw.runs", "raw.segments", "raw.episodes", "raw.updates")


@dataclass(frozen=True, slots=True)
class Judged:
    """The runs that a check can judge, and the others, each with the reason.

    ``message`` says the latter in a sentence, or why no run can be judged; "" if all can.
    """

    runs: list[str | None]
    skipped: Mapping[str | None, str] = field(default_factory=dict)
    message: str = ""


class Scope:
    """The runs of a log, and for each what its rows and its settings state.

    Each table is scanned once, however many checks ask about it. ``runs`` restricts everything to
    these, if there are any; :class:`UsageError` if the log lacks one of them.
    """

    def __init__(
        self, con: DuckDBPyConnection, checks: Iterable[QueryFile], runs: Sequence[str] = ()
    ) -> None:
        self._con = con
        self._runs = runs
        self._values: dict[str, dict[str, dict[str | None, int]]] = {}
        self._wanted = _columns_wanted(checks)
        self._configs: dict[str | None, StatedConfig] | None = None
        refuse_unknown_runs(con, runs)

    def rows(self, check: QueryFile, table: str, runs: Collection[str | None]) -> int:
        """Return how many rows of ``table``, which ``check`` counts, belong to ``runs``."""
        counts = self._counts(check, table, key="groups")[""]
        return sum(counts.get(run, 0) for run in runs)

    def judged(self, check: QueryFile) -> Judged:
        """Return which runs ``check`` can judge.

        Raises :class:`SqlFileError` if it reads or requires what the log does not have at all.
        """
        present = [self._counts(check, table)[""] for table in check.reads]
        if check.whole_log:
            found = set[str | None]().union(*present, self._strays(check))
            message = "" if found else f"{check.reads[0]} has no rows"
            return Judged(sorted(found, key=str), message=message)
        runs = (
            sorted(set(self._runs))
            if self._runs
            else sorted(set[str | None]().union(*present), key=str)
        )
        if not any(present):
            return Judged([], message=f"{check.reads[0]} has no rows")
        reasons = {run: self._missing(check, run) for run in runs}
        judged = [run for run in runs if not reasons[run]]
        skipped = {run: reason for run, reason in reasons.items() if reason}
        if not skipped:
            return Judged(judged)
        reason = Counter(skipped.values()).most_common(1)[0][0]
        if judged:
            reason = f"not applicable to {len(skipped)} of {len(runs)} runs: {reason}"
        return Judged(judged, skipped, reason)

    def covers_all(self, check: QueryFile, runs: Collection[str | None]) -> bool:
        """Say whether ``runs`` are all the runs that stand in the tables of ``check``."""
        return not self._runs and all(
            self._counts(check, table)[""].keys() <= set(runs) for table in check.reads
        )

    def _strays(self, check: QueryFile) -> set[str | None]:
        """Return the runs that ``raw.runs`` lacks: what they have may be of the runs chosen."""
        if not self._runs:
            return set()
        union = " UNION ".join(f"SELECT run_id FROM {_quoted(table)}" for table in check.reads)  # noqa: S608 - names were found in the catalogue
        rows = self._con.execute(f"({union}) EXCEPT SELECT run_id FROM raw.runs").fetchall()  # noqa: S608 - as above
        return {row[0] for row in rows}

    def _missing(self, check: QueryFile, run: str | None) -> str:
        for table in check.reads:
            if not self._counts(check, table)[""].get(run):
                return f"{table} has no rows"
        for requirement in check.requires:
            if requirement.is_setting:
                if reason := self._setting_missing(requirement, run):
                    return reason
            elif not self._column_values(check, requirement).get(run):
                return f"{requirement} has no values"
        return ""

    def _setting_missing(self, requirement: Requirement, run: str | None) -> str:
        if self._configs is None:
            self._configs = read_configs(self._con)
        value = self._configs.get(run, StatedConfig()).settings.get(requirement.term)
        if value is None:
            return f"config.{requirement.term} is not stated"
        text = value if isinstance(value, str) else json.dumps(value)
        if requirement.allowed and text not in requirement.allowed:
            return f"config.{requirement.term} is {text}"
        return ""

    def _column_values(self, check: QueryFile, requirement: Requirement) -> dict[str | None, int]:
        table = _table_of(requirement, check)
        counts = self._counts(check, table, key="requires")
        if requirement.term not in counts:
            raise check.fail(
                "requires",
                f"requires {requirement}, and {table} has no such column",
                hint=did_you_mean(requirement.term, self._columns(table)),
            )
        return counts[requirement.term]

    def _counts(
        self, check: QueryFile, table: str, *, key: str = "reads"
    ) -> dict[str, dict[str | None, int]]:
        """Return rows by run under the column "", and non-NULL values by run for each column.

        ``key`` is where ``check`` names the table, for the error if there is none.
        """
        if table not in self._values:
            columns = self._columns(table)
            if not columns:
                raise check.fail(
                    key,
                    f"{key} {table}, which this log does not have",
                    hint=did_you_mean(table, self._tables()),
                )
            if "run_id" not in columns:
                raise check.fail(key, f"{key} {table}, which has no column run_id")
            self._values[table] = self._count(table, columns)
        return self._values[table]

    def _count(self, table: str, columns: list[str]) -> dict[str, dict[str | None, int]]:
        wanted = sorted(self._wanted.get(table, set()) & set(columns))
        counts = "".join(f', count("{column}")' for column in wanted)
        rows = self._con.execute(
            f"SELECT run_id, count(*){counts} FROM {_quoted(table)} WHERE {is_of(self._runs)} "  # noqa: S608 - names were found in the catalogue
            "GROUP BY run_id",
            self._runs,
        ).fetchall()
        return {
            column: {row[0]: row[position] for row in rows}
            for position, column in enumerate(["", *wanted], start=1)
        }

    def _columns(self, table: str) -> list[str]:
        """Return the columns of ``table``; none if there is no such table."""
        try:
            return self._con.sql(f"FROM {_quoted(table)}").columns
        except duckdb.CatalogException:
            return []

    def _tables(self) -> list[str]:
        known = {
            name
            for database in (current_name(self._con), "log")
            for name in tables_and_views(self._con, database)
        }
        return [name if owner == "main" else f"{owner}.{name}" for owner, name in known]


def is_of(runs: Sequence[str]) -> str:
    """Return the condition, with a place for each id, that a row is of ``runs``: all, if empty."""
    return f"run_id IN ({', '.join('?' * len(runs))})" if runs else "true"


def known_runs(con: DuckDBPyConnection) -> set[str]:
    """Return the ids of the runs that any table of the log names."""
    union = " UNION ".join(f"SELECT run_id FROM {table}" for table in _RUN_TABLES)  # noqa: S608 - constants
    return {row[0] for row in con.execute(union).fetchall() if row[0] is not None}


def refuse_unknown_runs(con: DuckDBPyConnection, runs: Sequence[str]) -> None:
    """Raise :class:`UsageError` that names those of ``runs`` which no table of the log names."""
    if runs:
        refuse_unknown(runs, known_runs(con))


def refuse_unknown(runs: Iterable[str], known: Collection[str]) -> None:
    """Raise :class:`UsageError` that names all of ``runs`` which are not ``known``."""
    unknown = [run for run in dict.fromkeys(runs) if run not in known]
    if not unknown:
        return
    if not known:
        hint = "the log has no runs"
    elif len(unknown) == 1:
        hint = did_you_mean(unknown[0], known)
    else:
        hint = "; ".join(f"{run!r}: {did_you_mean(run, known)}" for run in unknown)
    raise UsageError(f"no run has the id {' or '.join(map(repr, unknown))}", hint=hint)


def _quoted(table: str) -> str:
    return ".".join(map(quoted_name, table.split(".")))


def _columns_wanted(checks: Iterable[QueryFile]) -> dict[str, set[str]]:
    wanted: dict[str, set[str]] = {}
    for check in checks:
        for requirement in check.requires:
            if not requirement.is_setting:
                wanted.setdefault(_table_of(requirement, check), set()).add(requirement.term)
    return wanted


def _table_of(requirement: Requirement, check: QueryFile) -> str:
    """Return the table that a requirement means: the view only where the check reads the view."""
    owner = requirement.owner
    return f"raw.{owner}" if owner in TABLES and owner not in check.reads else owner
