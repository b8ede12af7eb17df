"""Values as people read them, and as programs do.

For people figures are rounded, and text is what :func:`~rlaudit.render.harmless.printable` makes
of it. For programs nothing is lost: floats have all their digits, and what JSON has no form for
becomes text: NaN and the infinities "NaN", "Infinity" and "-Infinity", times ISO 8601 (UTC, as
the log's are), bytes hexadecimal.
"""

from __future__ import annotations

import json
import math
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rlaudit.render.harmless import json_source, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

JsonValue = str | int | float | bool | None | list[Any] | dict[str, Any]


def human(value: object) -> str:
    """Return ``value`` for a person: floats to six digits, times to the second."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) < 1e15 or not math.isfinite(value) else f"{value:.3e}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    text = value if isinstance(value, str) else as_text(value)
    return printable(text)


def machine(value: object) -> JsonValue:
    """Return ``value`` as something that JSON can hold without loss."""
    if isinstance(value, dict):
        return {str(key): machine(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [machine(item) for item in value]
    return _scalar(value)


def as_text(value: object) -> str:
    """Return ``value`` as text: NULL is empty, nested values are JSON."""
    found = machine(value)
    if found is None:
        return ""
    return found if isinstance(found, str) else json_source(json.dumps(found, ensure_ascii=False))


def json_text(value: Mapping[str, Any], *, indent: int | None = None) -> str:
    """Return ``value`` as JSON text in UTF-8 characters; what is not seen in them is escaped."""
    return json_source(
        json.dumps(machine(dict(value)), ensure_ascii=False, allow_nan=False, indent=indent)
    )


def _scalar(value: object) -> str | float | bool | None:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _not_finite(value)
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, date | time):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _decimal(value: Decimal) -> int | float | str:
    """Return a sum of integers as an integer, a fraction as a float if that is exact."""
    if not value.is_finite():
        return str(value)
    if value == value.to_integral_value():
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else str(value)
