"""Say how far each run of a log is, so that a later audit knows what is new."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rlaudit.auditing.results import RunSnapshot
from rlaudit.auditing.scope import is_of
from rlaudit.store import TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

# The table's own id, where it has one that rises as rows are written.
IDS = {
    "samples": "update_id",
    "updates": "update_id",
    "transitions": "transition_id",
    "episodes": "episode_id",
}
_STEPS = {
    "updates": "env_step",
    "transitions": "env_step",
    "episodes": "end_step",
    "segments": "end_step",
}


def snapshot_of(con: DuckDBPyConnection, runs: Sequence[str] = ()) -> tuple[RunSnapshot, ...]:
    """Return how far each run is, or only ``runs`` if some are given, by the tables in ``raw``."""
    rows: dict[str | None, dict[str, int]] = {}
    last: dict[str | None, dict[str, int]] = {}
    for table in TABLES:
        row_id, step = IDS.get(table, "NULL"), _STEPS.get(table, "NULL")
        found = con.execute(
            f"SELECT run_id, count(*), max({row_id}), max({step}) FROM raw.{table} "  # noqa: S608 - our schema's names
            f"WHERE {is_of(runs)} GROUP BY run_id",
            runs,
        ).fetchall()
        for run_id, count, greatest_id, greatest_step in found:
            rows.setdefault(run_id, {})[table] = count
            known = last.setdefault(run_id, {})
            for name, value in ((row_id, greatest_id), ("env_step", greatest_step)):
                if value is not None:
                    known[name] = max(int(value), known.get(name, 0))
    return tuple(
        RunSnapshot(
            run_id,
            rows[run_id],
            last[run_id].get("update_id"),
            last[run_id].get("transition_id"),
            last[run_id].get("episode_id"),
            last[run_id].get("env_step"),
        )
        for run_id in sorted(rows, key=str)
    )
