"""Logs that someone else made to have other files read, or to keep their reader busy."""

from __future__ import annotations

import contextlib

import duckdb

from rlaudit.store import open_for_writing

TABLES = (
    *("schema_version", "runs", "segments", "episodes", "transitions"),
    *("updates", "samples", "events", "spool_folded"),
)


def honest(path):
    """Make a log of two runs."""
    with open_for_writing(path) as con:
        con.execute("INSERT INTO raw.runs (run_id, name) VALUES ('r1', 'one'), ('r2', 'two')")
        con.execute(
            "INSERT INTO raw.segments (run_id, segment_id, ordinal, state) "
            "VALUES ('r1', 's1', 0, 'finished'), ('r2', 's2', 0, 'finished')"
        )
        con.execute(
            "INSERT INTO raw.episodes (run_id, segment_id, episode_id, phase, return_raw) "
            "SELECT 'r' || r, 's' || r, e, 'train', e FROM range(1, 3) t(r), range(12) t2(e)"
        )
    return path


@contextlib.contextmanager
def changing(path):
    """Open ``path`` as its maker does, who may do anything."""
    with contextlib.closing(duckdb.connect(str(path))) as con:
        yield con


def replace_by_view(con, table, select):
    """Put a view over ``select`` in the place of ``raw.table``, whose rows it can read."""
    con.execute(f"ALTER TABLE raw.{table} RENAME TO {table}_0")
    con.execute(f"CREATE VIEW raw.{table} AS {select}")


def leaking(table, canary):
    """Return a SELECT that gives the rows of ``raw.table_0`` with the canary's content in them."""
    text = f"(SELECT content FROM read_text('{canary}'))"
    column, value = {
        "schema_version": ("version", f"1 + 0 * length({text})"),
        "spool_folded": ("file", text),
        "updates": ("segment_id", text),
        "samples": ("segment_id", text),
        "transitions": ("segment_id", text),
        "events": ("detail", f"to_json({text})"),
    }.get(table, ("run_id", text))
    return f"SELECT * REPLACE ({value} AS {column}) FROM raw.{table}_0"
