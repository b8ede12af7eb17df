"""Rows as a trainer offers them, made ready for the columns of their table."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from rlaudit.errors import UsageError
from rlaudit.records import EpisodeRow, EventRow, TransitionRow, UpdateRow
from rlaudit.stated_config import load_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rlaudit.records import RunInfo

Row = EpisodeRow | TransitionRow | UpdateRow | EventRow

TABLE_OF: Mapping[type, str] = {
    EpisodeRow: "episodes",
    TransitionRow: "transitions",
    UpdateRow: "updates",
}


def stamped(row: Row) -> tuple[str, Sequence[Any]]:
    """Return the table and the values of a row that the recorder adds the time to.

    Raises :class:`UsageError` for an object that is no row.
    """
    if isinstance(row, EpisodeRow):
        return "episodes", (*row, now_us())
    if isinstance(row, EventRow):
        return "events", (now_us(), row.env_step, row.kind, _as_json(row.detail))
    raise UsageError(f"{type(row).__name__} is no row of a log")


def _as_json(detail: str | None) -> str | None:
    """Return ``detail``, which is JSON by its contract; a text that is not becomes a JSON string.

    One malformed value would keep DuckDB from storing all rows of its flush.
    """
    if detail is None:
        return None
    try:
        load_json(detail)
    except ValueError:
        return json.dumps(detail)
    return detail


def refuse_bad_json(run: RunInfo) -> None:
    """Raise :class:`UsageError` if a field that the log holds as JSON is something else."""
    for name in ("config", "versions"):
        try:
            load_json(getattr(run, name))
        except ValueError as error:
            raise UsageError(f"RunInfo.{name} {error}") from error


def now_us() -> int:
    """Return the time as a timestamp column has it: microseconds since 1970, UTC."""
    return time.time_ns() // 1000
