"""The part of the page that shows in which settings runs differ, and what they share."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

from rlaudit.render.page.tables import shown, table
from rlaudit.render.summary import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Row = Mapping[str, Any]

_MOST_SETTINGS = 60
_MOST_VALUES = 8
_MOST_NAMED = 4


def settings_view(
    settings: Mapping[str, Mapping[str, Any]], differing: Sequence[Row]
) -> dict[str, Any]:
    """Return the settings that differ, rows of ``sql/reports/config_differences.sql``, and others.

    ``settings`` are those of each run by its id.
    """
    names = dict.fromkeys(name for stated in settings.values() for name in stated)
    shared = []
    for name in names:
        first, *others = (_text(stated.get(name)) for stated in settings.values())
        if all(text == first for text in others):
            shared.append((name, first))
    whose = "of the run" if len(settings) == 1 else f"that all {len(settings):,} runs share"
    return {
        "differing": differing and _differing(differing),
        "shared": shared and table(("setting", "value"), shared),
        "shared_heading": f"{count(len(shared), 'setting')} {whose}",
    }


def _differing(found: Sequence[Row]) -> Any:
    several = len({row["env_id"] for row in found}) > 1
    heads = ["setting", "value", "runs", "mean return", "which"]
    rows: list[list[object]] = []
    settings = [list(of) for _, of in itertools.groupby(found, key=lambda row: row["setting"])]
    for of in settings[:_MOST_SETTINGS]:
        most = sorted(of, key=lambda row: -row["runs"])[:_MOST_VALUES]
        for row in sorted(most, key=of.index):
            value = "not stated" if row["value"] is None else row["value"]
            cells = [row["setting"], value, row["runs"], row["mean_return"], _named(row["run_ids"])]
            rows.append([row["env_id"], *cells] if several else cells)
        if len(most) < len(of):
            text = f"showing {len(most)} of {len(of):,} values"
            rest = [of[0]["setting"], text, *([None] * 3)]
            rows.append([None, *rest] if several else rest)
    note = f"showing {_MOST_SETTINGS} of {len(settings):,} settings"
    return table(
        ["environment", *heads] if several else heads,
        rows,
        note=note if len(settings) > _MOST_SETTINGS else "",
    )


def _named(runs: Sequence[str]) -> str:
    names = ", ".join(shown(run) for run in runs[:_MOST_NAMED])
    rest = len(runs) - _MOST_NAMED
    return f"{names} and {rest:,} more" if rest > 0 else names


def _text(value: object) -> str:
    return shown(value if isinstance(value, str) else json.dumps(value))
