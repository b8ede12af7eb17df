"""Read the settings that runs state, and say what in them cannot be understood.

Where a key stands twice its first value counts, as it does for the checks' own SQL.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rlaudit.config import load_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one run.

    Attributes:
        settings: by name; none where the log states no JSON object.
        problem: why there are none, as a sentence; "" if there are.
        repeated: settings that stand there several times, with all their values.

    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    repeated: Mapping[str, list[Any]] = field(default_factory=dict)


class _Object(dict[str, Any]):
    """A JSON object, with the values of the keys that it has several times."""

    repeated: Mapping[str, list[Any]]


def config_of(text: str | None) -> Config:
    """Return what ``text``, the config of a run, states."""
    if text is None:
        return Config(problem="the config is NULL, so no setting is known")
    try:
        value = load_json(text, _object)
    except ValueError as error:
        return Config(problem=f"the config {error}, so no setting is known")
    if isinstance(value, _Object):
        empty = "" if value else "the config is empty, so no setting is known"
        return Config(value, empty, value.repeated)
    what = "null" if value is None else _KINDS.get(type(value), "a number")
    return Config(problem=f"the config is {what} and not a JSON object, so no setting is known")


_KINDS = {list: "a list", str: "a text", bool: "true or false"}


def settings_of(text: str | None) -> dict[str, Any]:
    """Return the settings that ``text`` states; none where it is no JSON object."""
    return dict(config_of(text).settings)


def read_configs(con: DuckDBPyConnection) -> dict[str | None, Config]:
    """Return what each run of the log states; of a run id that stands there twice, the first."""
    query = """
        SELECT run_id, first(config::VARCHAR ORDER BY started_at NULLS LAST)
        FROM raw.runs
        GROUP BY run_id
        ORDER BY run_id
    """
    return {run: config_of(text) for run, text in con.execute(query).fetchall()}


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    values: dict[str, list[Any]] = {}
    for key, value in pairs:
        values.setdefault(key, []).append(value)
    found = _Object((key, given[0]) for key, given in values.items())
    found.repeated = {key: given for key, given in values.items() if len(given) > 1}
    return found
