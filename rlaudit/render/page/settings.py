"""The part of the page that shows in which settings runs differ."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rlaudit.render.page.tables import shown, table
from rlaudit.render.summary import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MOST_VALUES = 8
_MOST_NAMED = 4
_NOT_STATED = "not stated"


def settings_view(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the settings in which the runs of ``settings`` differ, and those they share."""
    names = dict.fromkeys(name for stated in settings.values() for name in stated)
    shared: list[Sequence[str]] = []
    differing: list[tuple[object, ...]] = []
    for name in names:
        runs: dict[str, list[str]] = {}
        for run, stated in settings.items():
            runs.setdefault(_text(stated, name), []).append(run)
        if len(runs) == 1:
            shared.append((name, *runs))
        else:
            differing += _values(name, runs)
    whose = "of the run" if len(settings) == 1 else f"that all {len(settings):,} runs share"
    return {
        "differing": differing and table(("setting", "value", "runs", "which"), differing),
        "shared": shared and table(("setting", "value"), shared),
        "shared_heading": f"{count(len(shared), 'setting')} {whose}",
    }


def _values(name: str, runs: Mapping[str, Sequence[str]]) -> list[tuple[object, ...]]:
    """Return a row for each of the values that are most frequent, and one for the others."""
    found = sorted(runs.items(), key=lambda item: (-len(item[1]), item[0]))
    rows: list[tuple[object, ...]] = [
        (name, value, len(which), _named(which)) for value, which in found[:_MOST_VALUES]
    ]
    rest = found[_MOST_VALUES:]
    if rest:
        which = [run for _, runs in rest for run in runs]
        rows.append((name, f"showing {_MOST_VALUES} of {len(found):,} values", len(which), ""))
    return rows


def _named(runs: Sequence[str]) -> str:
    names = ", ".join(shown(run) for run in runs[:_MOST_NAMED])
    rest = len(runs) - _MOST_NAMED
    return f"{names} and {rest:,} more" if rest > 0 else names


def _text(stated: Mapping[str, Any], name: str) -> str:
    if name not in stated or stated[name] is None:
        return _NOT_STATED
    value = stated[name]
    return shown(value if isinstance(value, str) else json.dumps(value))
