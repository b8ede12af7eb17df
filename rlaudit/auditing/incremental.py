"""Let a check read only the rows that an earlier audit has not seen, without changing its SQL.

For each kind of id there is a database in memory that looks like the log and has only the rows
with greater ids. It is put in the log's place while the check runs. A run of which earlier rows
were added, removed or made obsolete since then is read whole.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from rlaudit.auditing.results import Finding
from rlaudit.auditing.shared import SharedTables
from rlaudit.auditing.snapshot import IDS
from rlaudit.sqlfiles import read_sql
from rlaudit.store import current_name, table_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from rlaudit.auditing.history import Earlier
    from rlaudit.auditing.results import RunSnapshot
    from rlaudit.sqlfiles import CheckFile

    EarlierVerdicts = Mapping[str, Mapping[str | None, Earlier]]
    """By check and run."""

# A new process under a run, or a second run of its id, changes what older rows mean.
_WHOLE = ("runs", "segments")


class NewRows:
    """The rows of a log that earlier audits have not read."""

    def __init__(
        self, con: DuckDBPyConnection, earlier: EarlierVerdicts, runs: Sequence[str] = ()
    ) -> None:
        self._con = con
        self._earlier = earlier
        self._runs = runs
        self._made: dict[tuple[object, ...], tuple[str, SharedTables]] = {}
        self._unchanged: dict[tuple[object, ...], bool] = {}

    def known(self, check: CheckFile, runs: Iterable[str | None]) -> dict[str | None, Earlier]:
        """Return the earlier verdicts that stand, of those ``runs`` of which only new rows count.

        There are none for a check that has to see all rows, which each one does that draws on
        chance.
        """
        key = check.incremental
        if key is None or any(param.name == "alpha" for param in check.params):
            return {}
        earlier = self._earlier.get(check.name, {})
        return {
            run: earlier[run]
            for run in runs
            if run in earlier
            and _last(earlier[run].snapshot, key) is not None
            and self._is_unchanged(key, earlier[run].snapshot)
        }

    @contextlib.contextmanager
    def shown(
        self, check: CheckFile, known: Mapping[str | None, Earlier]
    ) -> Iterator[SharedTables]:
        """Put the new rows in the log's place, and give the shared tables over them."""
        home = current_name(self._con)
        key = str(check.incremental)
        limits = tuple((run, _last(verdict.snapshot, key)) for run, verdict in known.items())
        index = (key, *limits)
        if index not in self._made:
            name = f"rlaudit_new_{len(self._made)}"
            self._make(name, home, key, limits)
            self._made[index] = (name, SharedTables(self._con, self._runs))
        name, shared = self._made[index]
        with self._in_place(name):
            yield shared

    def _make(
        self, name: str, home: str, key: str, limits: Iterable[tuple[str | None, int | None]]
    ) -> None:
        self._con.execute(f"ATTACH ':memory:' AS {name}")
        self._con.execute(f"CREATE SCHEMA {name}.raw")
        self._con.execute(f"CREATE TABLE {name}.raw.rlaudit_read (run_id VARCHAR, last BIGINT)")
        self._con.executemany(
            f"INSERT INTO {name}.raw.rlaudit_read VALUES (?, ?)",  # noqa: S608 - a name we gave
            [list(limit) for limit in limits],
        )
        for table in table_columns():
            source = f'"{home}".raw.{table}'
            if IDS.get(table) == key:
                source = (
                    f"(SELECT rows.* FROM {source} AS rows "  # noqa: S608 - our schema's names
                    f"LEFT JOIN {name}.raw.rlaudit_read AS read USING (run_id) "
                    f"WHERE read.run_id IS NULL OR rows.{key} > read.last)"
                )
            self._con.execute(f"CREATE VIEW {name}.raw.{table} AS FROM {source}")
        with self._in_place(name):
            self._con.execute(read_sql("schema/views.sql"))

    @contextlib.contextmanager
    def _in_place(self, name: str) -> Iterator[None]:
        """Let names mean what is in the database ``name`` before what they meant."""
        path = self._con.execute("SELECT current_setting('search_path')").fetchall()[0][0]
        before = [path] if path else []
        self._con.execute(
            "SET search_path = ?", [",".join([f"{name}.main", f"{name}.raw", *before])]
        )
        try:
            yield
        finally:
            self._con.execute("SET search_path = ?", [path])

    def _is_unchanged(self, key: str, snapshot: RunSnapshot) -> bool:
        index = (key, snapshot.run_id, _last(snapshot, key), *sorted(snapshot.rows.items()))
        if index not in self._unchanged:
            self._unchanged[index] = all(
                self._count(table, key, snapshot) == snapshot.rows.get(table, 0)
                for table in (*_WHOLE, *(table for table in IDS if IDS[table] == key))
            )
        return self._unchanged[index]

    def _count(self, table: str, key: str, snapshot: RunSnapshot) -> int:
        """Return how many rows there are now of those that the earlier audit read."""
        query = f"SELECT count(*) FROM raw.{table} WHERE run_id = ?"  # noqa: S608 - our schema's names
        values: list[object] = [snapshot.run_id]
        if table not in _WHOLE:
            query += f" AND ({key} > ?) IS NOT TRUE"
            values.append(_last(snapshot, key))
        return int(self._con.execute(query, values).fetchall()[0][0])


def merged(
    check: CheckFile,
    source: str,
    known: Mapping[str | None, Earlier],
    findings: Iterable[Finding],
) -> tuple[Finding, ...]:
    """Return what is wrong in all rows: in those that were read before, and in the new ones."""
    result = {
        run: Finding(check, source, run, verdict.wrong_rows, verdict.diagnosis)
        for run, verdict in known.items()
        if verdict.wrong_rows
    }
    for finding in findings:
        before = result.get(finding.run_id)
        rows = finding.rows + (before.rows if before else 0)
        result[finding.run_id] = replace(finding, rows=rows)
    return tuple(result[run] for run in sorted(result, key=str))


def _last(snapshot: RunSnapshot, key: str) -> int | None:
    return {
        "update_id": snapshot.last_update_id,
        "transition_id": snapshot.last_transition_id,
        "episode_id": snapshot.last_episode_id,
    }[key]
