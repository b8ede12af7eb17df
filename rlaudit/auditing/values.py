"""Turn what a user gives for the parameters of a report or a query into values that are bound."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NoReturn

from rlaudit.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rlaudit.sqlfiles import Param, ParamValue, ReportFile

_MEANT = {
    "BIGINT": "a whole number",
    "DOUBLE": "a number",
    "VARCHAR": "text",
    "BOOLEAN": "true or false",
}
_BOOLEANS = {"true": True, "false": False}
_WHOLE = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_QUOTED = re.compile(r"'(.*)'", re.DOTALL)


def pairs(texts: Iterable[str]) -> dict[str, str]:
    """Return ``name=value`` texts as a mapping.

    Raises :class:`UsageError` for a text without a name or without ``=``, and for a name that
    comes twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier():
            raise UsageError(f"{text!r} sets no parameter", hint="write NAME=VALUE")
        if name in found:
            raise UsageError(f"the parameter {name!r} is given twice", hint="keep one of the two")
        found[name] = value
    return found


def bind(report: ReportFile, given: Mapping[str, object]) -> dict[str, ParamValue]:
    """Return the value of each parameter of ``report``: the one in ``given``, or its default.

    Raises :class:`UsageError` for a parameter that is not known, not given, not of its type, or
    outside its bounds.
    """
    known = {param.name: param for param in report.params}
    for name in given:
        if name not in known:
            hint = did_you_mean(name, known) if known else "it has none"
            raise UsageError(f"report {report.name} has no parameter {name!r}", hint=hint)
    missing = [param for param in report.params if param.required and param.name not in given]
    if missing:
        raise UsageError(
            f"report {report.name} needs the parameter {missing[0].name!r}",
            hint=f"--param {missing[0].name}=..., {_MEANT[missing[0].type]}",
        )
    return {
        name: _typed(param, given[name]) if name in given else param.default
        for name, param in known.items()
    }


def guess(text: str) -> ParamValue:
    """Return ``text`` as a number or a boolean if it is one, and else, or within '', as text."""
    if quoted := _QUOTED.fullmatch(text):
        return quoted[1].replace("''", "'")
    if _WHOLE.fullmatch(text):
        found = _whole(text)
        return found if found is not None and -(2**127) <= found < 2**128 else _too_large(text)
    if _NUMBER.fullmatch(text):
        number = _float(text)
        return number if number is not None else _too_large(text)
    return _BOOLEANS.get(text.lower(), text)


def _too_large(text: str) -> NoReturn:
    shown = text if len(text) <= 50 else f"{text[:40]}... with {len(text):,} characters"
    raise UsageError(f"{shown} is too large for a number", hint="within '' it is text")


def _typed(param: Param, value: object) -> ParamValue:
    """Return ``value`` as one of the type of ``param``; text is read as that type."""
    found = _as_type(param.type, value)
    if found is None and (value is not None or param.default is not None or param.required):
        raise UsageError(
            f"parameter {param.name} is {value!r}, which is not {_MEANT[param.type]}",
            hint=f"{param.name} is {param.type}",
        )
    if not param.allows(found):
        raise UsageError(
            f"parameter {param.name} is {found}, but must be {param.bounds}",
            hint="" if param.required else f"without it, it is {param.default}",
        )
    return found


def _as_type(kind: str, value: object) -> ParamValue:
    if kind == "VARCHAR":
        return value if isinstance(value, str) else None
    if kind == "BOOLEAN":
        return value if isinstance(value, bool) else _BOOLEANS.get(str(value).lower())
    if isinstance(value, bool):
        return None
    if kind == "BIGINT":
        whole = value if isinstance(value, int) else None
        if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
            whole = _whole(value)
        return whole if whole is not None and -(2**63) <= whole < 2**63 else None
    if isinstance(value, int) or (isinstance(value, str) and _NUMBER.fullmatch(value.strip())):
        return _float(value)
    return value if isinstance(value, float) else None


def _whole(text: str) -> int | None:
    """Return ``text`` as an integer; None if it has more digits than Python reads."""
    try:
        return int(text)
    except ValueError:
        return None


def _float(number: str | int) -> float | None:
    """Return ``number``, which is finite, as a float; None if it is too large for one."""
    try:
        found = float(number)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None
