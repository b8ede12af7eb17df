"""Where the settings of runs depart from the papers on purpose: said once, and no finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rlaudit.auditing.results import Departure
from rlaudit.auditing.scope import is_of
from rlaudit.sqlfiles import read_sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection


def departures_of(con: DuckDBPyConnection, runs: Sequence[str] = ()) -> tuple[Departure, ...]:
    """Return the departures that the runs of a log declare, or only ``runs`` if some are given."""
    rows = con.execute(
        "SELECT setting, departure, count(*) FROM "  # noqa: S608 - a file of ours
        f"({read_sql('reports/declared_departures.sql')}) "
        f"WHERE {is_of(runs)} GROUP BY ALL ORDER BY ALL",
        runs,
    ).fetchall()
    return tuple(Departure(*row) for row in rows)
