"""Where the settings of runs depart from the papers on purpose: said once, and no finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rlaudit.auditing.results import Departure
from rlaudit.sqlfiles import read_sql

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def departures_of(con: DuckDBPyConnection, run: str | None = None) -> tuple[Departure, ...]:
    """Return the departures that the runs of a log declare, or only ``run`` if one is given."""
    rows = con.execute(
        "SELECT setting, departure, count(*) FROM "  # noqa: S608 - a file of ours
        f"({read_sql('reports/declared_departures.sql')}) "
        "WHERE $run IS NULL OR run_id = $run GROUP BY ALL ORDER BY ALL",
        {"run": run},
    ).fetchall()
    return tuple(Departure(*row) for row in rows)
