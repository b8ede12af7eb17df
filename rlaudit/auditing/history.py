"""Append results of audits to a DuckDB file, so that one can see when a check began to fail.

``sql/schema/audit.sql`` describes its tables. Passes and checks that do not apply are recorded as
well, and how far each run was: from that a later audit knows which rows it has not read yet, and
how often the log was looked at while it grew.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import duckdb

from rlaudit.auditing.results import RunSnapshot
from rlaudit.auditing.scripts import tables_needed
from rlaudit.errors import NotALogError, SchemaVersionError
from rlaudit.sqlfiles import load_shared, read_sql
from rlaudit.store import Layout, attach_for_reading, batches, open_for_writing, show_others
from rlaudit.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from rlaudit.auditing.results import AuditReport, CheckResult
    from rlaudit.sqlfiles import CheckFile, SharedFile

HISTORY_VERSION = 1

_IDS = ("last_update_id", "last_transition_id", "last_episode_id", "last_env_step")
_WORDS = ("audit_id", "check_name", "family", "run_id", "fingerprint", "severity", "status")


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier audit said of one run by one check, and how far the run was then."""

    wrong_rows: int
    diagnosis: str
    snapshot: RunSnapshot


@dataclass(frozen=True, slots=True)
class History:
    """What earlier audits recorded of one log.

    Attributes:
        verdicts: the last one of each check and run, by check and run.
        snapshots: how far the runs were, each state of a run once.

    """

    verdicts: Mapping[str, Mapping[str | None, Earlier]]
    snapshots: Sequence[RunSnapshot] = ()

    def look(self, now: Iterable[RunSnapshot]) -> int:
        """Return which look at the log this is, from 1, if its runs are as ``now`` says.

        A state of a run counts once, however often it was audited: what does not grow is judged
        alike each time. The run that was seen in the most states counts for the whole log.
        """
        runs = {run.run_id: run for run in now}
        others = Counter(s.run_id for s in self.snapshots if s != runs.get(s.run_id))
        return 1 + max((others[run_id] for run_id in runs), default=0)


def record_audit(report: AuditReport, path: str | Path, *, wait: float = 10.0) -> list[str]:
    """Append the results of ``report`` and return the id of the audit of each source.

    Raises:
        DatabaseError: if ``path`` is no such file, is locked past ``wait`` seconds, or cannot be
            written.

    """
    ids = [uuid4().hex for _ in report.sources]
    shared = load_shared()
    with open_for_writing(path, wait=wait, layout=_LAYOUT) as con:
        con.execute("BEGIN")
        for audit_id, source in zip(ids, report.sources, strict=True):
            con.execute(
                "INSERT INTO audits VALUES (?, now() AT TIME ZONE 'UTC', ?, ?, ?, ?, ?)",
                [
                    audit_id,
                    str(source.path.resolve()),
                    __version__,
                    source.look,
                    source.incomplete,
                    [str(problem) for problem in source.problems],
                ],
            )
            runs = [_run_row(audit_id, run) for run in source.snapshot]
            rows = (_verdict_rows(audit_id, result, shared) for result in source.results)
            verdicts = [row for some in rows for row in some]
            _insert(con, runs, verdicts)
        con.execute("COMMIT")
    return ids


def _insert(
    con: DuckDBPyConnection, runs: list[dict[str, Any]], verdicts: list[dict[str, Any]]
) -> None:
    """Append the rows of one log: by Arrow, as row by row a thousand runs would take seconds."""
    import pyarrow as pa  # noqa: PLC0415 - only an audit that is recorded needs it

    text, number = pa.string(), pa.int64()
    counts = {"audit_id": text, "run_id": text, "table_rows": pa.map_(text, number)}
    words = dict.fromkeys((*_WORDS, "diagnosis", "message"), text)
    for table, rows, columns in (
        ("audited_runs", runs, {**counts, **dict.fromkeys(_IDS, number)}),
        ("verdicts", verdicts, {**words, "wrong_rows": number}),
    ):
        batches.insert(con, table, pa.Table.from_pylist(rows, schema=pa.schema(columns)))


def read_history(
    path: str | Path, source: Path, checks: Iterable[CheckFile], *, wait: float = 10.0
) -> History:
    """Return what ``path`` holds of the log ``source``: nothing if it does not exist yet.

    Only verdicts by the same text of one of ``checks`` count, over a log of which nothing was
    missing.

    Raises :class:`DatabaseError` if ``path`` cannot be read.
    """
    path = Path(path)
    if not path.exists() or path.stat().st_size == 0:
        return History({})
    with open_history(path, wait=wait) as con:
        rows = con.execute(_LAST_VERDICTS, [str(source.resolve())]).fetchall()
        states = con.execute(_SNAPSHOTS, [str(source.resolve())]).fetchall()
    shared = load_shared()
    wanted = {(check.name, fingerprint(check, shared)) for check in checks}
    found: dict[str, dict[str | None, Earlier]] = {}
    for name, print_, wrong_rows, diagnosis, *snapshot in rows:
        if (name, print_) in wanted:
            run = RunSnapshot(*snapshot)
            found.setdefault(name, {})[run.run_id] = Earlier(wrong_rows, diagnosis or "", run)
    return History(found, [RunSnapshot(*state) for state in states])


@contextlib.contextmanager
def open_history(path: str | Path, *, wait: float = 10.0) -> Iterator[DuckDBPyConnection]:
    """Open the file at ``path`` for reading: its tables, and the view of them, as they are here.

    Raises :class:`NotALogError` if it is a database of another kind, and what
    :func:`rlaudit.store.attach_for_reading` raises.
    """
    path = Path(path).absolute()
    with attach_for_reading(path, wait=wait, layout=_LAYOUT) as con:
        _ensure(con, path)
        for _, table in _LAYOUT.tables:
            con.execute(f"CREATE VIEW {table} AS FROM log.main.{table}")
        for statement in con.extract_statements(read_sql(_LAYOUT.script)):
            if "CREATE VIEW" in statement.query:
                con.execute(statement)
        show_others(con, {*_LAYOUT.tables, ("main", "history")})
        yield con


def fingerprint(check: CheckFile, shared: Mapping[str, SharedFile]) -> str:
    """Return 16 hex digits that change with the text of the check or of what it needs.

    The text states the parameters as well. What a later look makes of ``alpha`` does not count.
    """
    texts = [check.sql, *(file.sql for file in tables_needed(check, shared))]
    return hashlib.blake2b("\0".join(texts).encode(), digest_size=8).hexdigest()


_STATE = (
    "r.run_id, r.table_rows, r.last_update_id, r.last_transition_id, r.last_episode_id, "
    "r.last_env_step"
)
_SNAPSHOTS = f"""
    SELECT DISTINCT {_STATE}
    FROM audited_runs AS r
    JOIN audits AS a USING (audit_id)
    WHERE a.source = ?
"""  # noqa: S608 - constants
_LAST_VERDICTS = f"""
    WITH last AS (
        SELECT
            v.check_name, v.fingerprint, v.run_id,
            arg_max(v.audit_id, a.audited_at) AS audit_id
        FROM verdicts AS v
        JOIN audits AS a USING (audit_id)
        WHERE a.source = ? AND a.incomplete IS NULL AND v.status IN ('pass', 'fail')
            AND v.run_id IS NOT NULL
        GROUP BY ALL
    )
    SELECT v.check_name, v.fingerprint, v.wrong_rows, v.diagnosis, {_STATE}
    FROM last
    JOIN verdicts AS v USING (check_name, fingerprint, run_id, audit_id)
    JOIN audited_runs AS r USING (audit_id, run_id)
"""  # noqa: S608 - constants


def _run_row(audit_id: str, run: RunSnapshot) -> dict[str, Any]:
    return {
        "audit_id": audit_id,
        "run_id": run.run_id,
        "table_rows": list(run.rows.items()),
        "last_update_id": run.last_update_id,
        "last_transition_id": run.last_transition_id,
        "last_episode_id": run.last_episode_id,
        "last_env_step": run.last_env_step,
    }


def _verdict_rows(
    audit_id: str, result: CheckResult, shared: Mapping[str, SharedFile]
) -> Iterator[dict[str, Any]]:
    """Give the rows of one check: one for each run, or one of no run if none was looked at."""
    check = result.check
    about = {
        "audit_id": audit_id,
        "check_name": check.name,
        "family": check.family,
        "fingerprint": fingerprint(check, shared),
        "severity": check.severity,
    }
    findings = {finding.run_id: finding for finding in result.findings}
    for run_id in result.judged:
        finding = findings.get(run_id)
        yield {
            **about,
            "run_id": run_id,
            "status": "pass" if finding is None else "fail",
            "wrong_rows": 0 if finding is None else finding.rows,
            "diagnosis": None if finding is None else finding.diagnosis,
        }
    for run_id, reason in result.skipped.items():
        yield {**about, "run_id": run_id, "status": "not_applicable", "message": reason}
    if not result.judged and not result.skipped:
        yield {**about, "status": result.status, "message": result.message}


def _create(con: DuckDBPyConnection) -> None:
    con.execute("BEGIN")
    con.execute(read_sql("schema/audit.sql"))
    con.execute(
        "INSERT INTO audit_schema_version VALUES (?, ?, now() AT TIME ZONE 'UTC')",
        [HISTORY_VERSION, __version__],
    )
    con.execute("COMMIT")


def _ensure(con: DuckDBPyConnection, path: Path) -> None:
    """Refuse the file that is attached as ``log`` if it is no history of this version."""
    try:
        rows = con.execute("SELECT max(version) FROM log.main.audit_schema_version").fetchall()
        version = rows[0][0]
    except duckdb.CatalogException:
        version = None
    if version is None:
        raise NotALogError(
            f"{path} is a database, but no history of audits", hint="record into another file"
        )
    if version != HISTORY_VERSION:
        raise SchemaVersionError(
            f"{path} has history schema version {version}; rlaudit {__version__} knows version "
            f"{HISTORY_VERSION}",
            hint="upgrade rlaudit, or record into another file",
        )


_LAYOUT = Layout("schema/audit.sql", ("main", "audit_schema_version"), _create, _ensure)
