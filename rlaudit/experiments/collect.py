"""Bring the episodes of many logs into one small log, which figures are made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rlaudit.experiments.conduct import is_finished
from rlaudit.store import batches, open_for_reading, open_for_writing, table_columns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from rlaudit.experiments.plan import Planned

_TABLES = ("runs", "segments", "episodes")
# What no figure needs: what tells of the machine, a hash of each episode, and the ledger of rows.
_LEFT_OUT = (
    *("host", "pid", "observation_hash"),
    *("rows_offered", "rows_written", "rows_spooled", "rows_dropped"),
)
# What says which games of an evaluation were the same; of training episodes half of the bytes.
_OF_EVALUATIONS = ("first_obs_hash", "action_hash")


def collect(runs: Sequence[Planned], into: Path) -> int:
    """Add the runs, segments and episodes of the finished ``runs`` to the log ``into``.

    Those that it has already are not read again. Returns how many of ``runs`` it holds now.

    Raises:
        DatabaseError: a log cannot be read or written.
        UsageError: a log is of a run with other settings.
    """
    with open_for_writing(into) as target:
        known = {run_id for (run_id,) in target.execute("SELECT run_id FROM raw.runs").fetchall()}
        for planned in runs:
            if planned.run_id in known or not is_finished(planned):
                continue
            add_episodes(planned.log, target)
            known.add(planned.run_id)
        return sum(planned.run_id in known for planned in runs)


def add_episodes(log: Path, target: DuckDBPyConnection) -> None:
    """Add the runs, segments and episodes of ``log``, as its views show them, to ``target``.

    What tells of the machine, the hashes of training episodes and the ledger of rows are left out.

    Raises DatabaseError if ``log`` cannot be read.
    """
    with open_for_reading(log) as opened:
        rows = {table: opened.con.sql(_select(table)).to_arrow_table() for table in _TABLES}
    target.execute("BEGIN")
    for table, found in rows.items():
        batches.insert(target, f"raw.{table}", found)
    target.execute("COMMIT")


def _select(table: str) -> str:
    columns = []
    for column, kind in table_columns()[table].items():
        if column in _LEFT_OUT:
            columns.append(f"NULL::{kind} AS {column}")
        elif column in _OF_EVALUATIONS:
            columns.append(f"CASE WHEN phase = 'eval' THEN {column} END AS {column}")
        else:
            columns.append(column)
    return f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608 - names of ours
