"""Groups of runs: seeds of one configuration, or whatever a user distinguishes them by."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rlaudit.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rlaudit.curves.model import Curve

SELECTORS: Mapping[str, Callable[[Curve], object]] = {
    "name": lambda curve: curve.name,
    "run": lambda curve: curve.run_id,
    "seed": lambda curve: curve.seed,
    "env": lambda curve: curve.env_id,
    "source": lambda curve: curve.source,
}
"""What runs can be told apart by besides their settings."""

_MOST_KEYS = 3


def group_curves(curves: Sequence[Curve], by: Sequence[str] = ()) -> dict[str, list[Curve]]:
    """Return ``curves`` in groups, in the order in which the groups occur.

    Without ``by`` the runs whose settings agree in all but the seed are a group, named by what
    distinguishes it from the others: the runs' name if that does, else the settings. With ``by``,
    the runs that agree in those keys: settings, or :data:`SELECTORS`.

    Raises:
        UsageError: for a key that no run has.

    """
    if by:
        _refuse_unknown(curves, by)
        groups: dict[str, list[Curve]] = {}
        for curve in curves:
            label = ", ".join(_stated(key, value_of(curve, key), len(by)) for key in by)
            groups.setdefault(label, []).append(curve)
        return groups
    alike: dict[object, list[Curve]] = {}
    for curve in curves:
        alike.setdefault(curve.config_hash or (curve.env_id, curve.name), []).append(curve)
    return dict(zip(_labels(list(alike.values())), alike.values(), strict=True))


def select_curves(curves: Sequence[Curve], conditions: str) -> list[Curve]:
    """Return the curves of the runs for which all of ``conditions`` hold: ``KEY=VALUE,...``.

    Raises:
        UsageError: for conditions of another form, a key that no run has, and if none is left.

    """
    chosen = list(curves)
    for condition in conditions.split(","):
        key, equals, value = (part.strip() for part in condition.partition("="))
        if not (key and equals):
            raise UsageError(
                f"{condition!r} selects no runs", hint="write KEY=VALUE, such as noisy=off"
            )
        _refuse_unknown(curves, [key])
        values = {value_of(curve, key) for curve in chosen}
        chosen = [curve for curve in chosen if value_of(curve, key) == value]
        if not chosen:
            raise UsageError(f"no run has {key}={value}", hint=did_you_mean(value, values))
    return chosen


def repeated_seeds(name: str, curves: Sequence[Curve]) -> Iterator[str]:
    """Give a sentence for each run of a group that repeats settings and seed of another."""
    seen: dict[tuple[str, int], Curve] = {}
    for curve in curves:
        if curve.config_hash is None or curve.seed is None:
            continue
        other = seen.setdefault((curve.config_hash, curve.seed), curve)
        if other is not curve:
            yield (
                f"runs {other.run_id} and {curve.run_id} of group {name} have the same settings "
                f"and the same seed, {curve.seed}: they are no two samples"
            )


def value_of(curve: Curve, key: str) -> str:
    """Return what a run has under ``key`` as text, as it would stand on a command line."""
    if key in SELECTORS:
        return _text(SELECTORS[key](curve))
    return _text(curve.config[key]) if key in curve.config else "not stated"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _stated(key: str, value: str, keys: int) -> str:
    # A name or an id says what it is; "false" does not.
    return value if keys == 1 and key in SELECTORS and key != "seed" else f"{key}={value}"


def _refuse_unknown(curves: Sequence[Curve], keys: Sequence[str]) -> None:
    known = {*SELECTORS, *(key for curve in curves for key in curve.config)}
    for key in keys:
        if key not in known:
            raise UsageError(f"no run has the setting {key!r}", hint=did_you_mean(key, known))


def _labels(groups: Sequence[Sequence[Curve]]) -> list[str]:
    """Name each group by its runs' name if that distinguishes it, else by settings that do."""
    names = [sorted({curve.name or curve.env_id for curve in group}) for group in groups]
    alone = [each[0] for each in names if len(each) == 1]
    if len(set(alone)) == len(groups):
        return alone
    keys = [key for key in _keys(groups) if len({value_of(g[0], key) for g in groups}) > 1]
    labels = [
        ", ".join(_stated(key, value_of(group[0], key), 2) for key in keys[:_MOST_KEYS])
        or group[0].env_id
        for group in groups
    ]
    if len(set(labels)) == len(labels):
        return labels
    return [f"{label} ({number})" for number, label in enumerate(labels, start=1)]


def _keys(groups: Sequence[Sequence[Curve]]) -> list[str]:
    """Return the settings that may distinguish groups; how long a run was is the last that does."""
    keys = dict.fromkeys(key for group in groups for key in group[0].config if key != "seed")
    last = ("steps", "episodes", "device")
    return sorted(keys, key=lambda key: (key in last, key != "env"))
