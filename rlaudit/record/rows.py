"""Rows as a trainer offers them, made ready for the columns of their table."""

from __future__ import annotations

import operator
import time
from typing import TYPE_CHECKING, Any

from rlaudit.errors import UsageError
from rlaudit.record.texts import as_json, as_text, check_json
from rlaudit.records import EpisodeRow, EventRow, TransitionRow, UpdateRow

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
        return "events", (now_us(), row.env_step, row.kind, as_json(row.detail))
    raise UsageError(f"{type(row).__name__} is no row of a log")


def refuse_bad_run(run: RunInfo) -> None:
    """Raise :class:`UsageError` if a field is something else than the log has in its place."""
    for name, value in run._asdict().items():
        try:
            if name == "seed":
                _refuse_no_integer(value)
                continue
            text = as_text(value)
            if name in {"config", "versions"}:
                check_json(text)
        except (TypeError, UnicodeEncodeError) as error:
            raise UsageError(f"RunInfo.{name} cannot be stored: {error}") from error
        except ValueError as error:
            raise UsageError(f"RunInfo.{name} {error}") from error


def _refuse_no_integer(seed: object) -> None:
    if seed is None:
        return
    try:
        fits = -(2**63) <= operator.index(seed) < 2**63  # type: ignore[arg-type]  # as it may not
    except TypeError:
        fits = False
    if not fits:
        raise ValueError(f"is {seed!r}, which is no integer of 64 bits")


def now_us() -> int:
    """Return the time as a timestamp column has it: microseconds since 1970, UTC."""
    return time.time_ns() // 1000
