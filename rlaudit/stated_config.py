"""Read the config that a run states in its log, whatever text it is."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class StatedConfig:
    """What the config of a run states.

    Attributes:
        settings: by name; none where the log states no JSON object. Where a key stands twice its
            first value counts, as it does for the checks' own SQL.
        problem: why there are none, as a sentence; "" if there are.
        repeated: settings that stand there several times, with all their values.

    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    repeated: Mapping[str, list[Any]] = field(default_factory=dict)


class _Object(dict[str, Any]):
    """A JSON object, with the values of the keys that it has several times."""

    repeated: Mapping[str, list[Any]]


def read_config(text: str | None) -> StatedConfig:
    """Return what ``text``, the config of a run, states, whatever text it is."""
    if text is None:
        return StatedConfig(problem="the config is NULL, so no setting is known")
    try:
        value = load_json(text, _object)
    except ValueError as error:
        return StatedConfig(problem=f"the config {error}, so no setting is known")
    if isinstance(value, _Object):
        empty = "" if value else "the config is empty, so no setting is known"
        return StatedConfig(value, empty, value.repeated)
    what = "null" if value is None else _KINDS.get(type(value), "a number")
    return StatedConfig(
        problem=f"the config is {what} and not a JSON object, so no setting is known"
    )


_KINDS = {list: "a list", str: "a text", bool: "true or false"}


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    values: dict[str, list[Any]] = {}
    for key, value in pairs:
        values.setdefault(key, []).append(value)
    found = _Object((key, given[0]) for key, given in values.items())
    found.repeated = {key: given for key, given in values.items() if len(given) > 1}
    return found


def load_json(
    text: str | bytes, of_pairs: Callable[[list[tuple[str, Any]]], dict[str, Any]] = dict
) -> Any:
    """Return the value of a JSON text; :class:`ValueError` for any text that Python cannot read.

    The error ends the sentence "it ...". An integer of so many digits that Python does not read
    it stays text, and costs nothing else in the JSON.
    """
    try:
        return json.loads(text, parse_int=_integer, object_pairs_hook=of_pairs)
    except RecursionError:
        raise ValueError("is nested too deeply to be read") from None
    except ValueError as error:
        raise ValueError(f"is not JSON: {error}") from error


def _integer(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return digits
