"""Fill a check's sentence with the figures of a row."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from rlaudit.sqlfiles import FOUND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rlaudit.sqlfiles import CheckFile

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def fill(check: CheckFile, row: Mapping[str, Any], found: int) -> str:
    """Return the diagnosis of ``check`` for one ``row`` of a run with ``found`` wrong rows."""
    values = {**row, FOUND: found}
    return _PLACEHOLDER.sub(lambda name: figure(values[name[1]]), check.diagnosis)


def figure(value: object) -> str:
    """Return ``value`` as a person writes it in a sentence."""
    if value is None:
        return "unknown"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 or not math.isfinite(value) else f"{value:,.0f}"
    return str(value)
