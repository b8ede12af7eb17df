"""Read the settings that the runs of a log state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rlaudit.stated_config import read_config

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from rlaudit.stated_config import StatedConfig


def settings_of(text: str | None) -> dict[str, Any]:
    """Return the settings that ``text`` states; none where it is no JSON object."""
    return dict(read_config(text).settings)


def read_configs(con: DuckDBPyConnection) -> dict[str | None, StatedConfig]:
    """Return what each run of the log states; of a run id that stands there twice, the first."""
    query = """
        SELECT run_id, first(config::VARCHAR ORDER BY started_at NULLS LAST)
        FROM raw.runs
        GROUP BY run_id
        ORDER BY run_id
    """
    return {run: read_config(text) for run, text in con.execute(query).fetchall()}
