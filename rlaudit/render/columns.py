"""Columns of a table for people: figures rounded, and aligned at their decimal points."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.cells import cell_len

from rlaudit.render.harmless import printable
from rlaudit.render.values import human

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

# Below it a figure would be mostly zeros, above it digits that say nothing.
_SMALLEST, _LARGEST = 1e-4, 1e15
# Numbers that name something are no quantities: they get no commas.
_NAMES = ("_id", "slot", "seed", "pid", "ordinal")


def is_number(value: object) -> bool:
    """Say whether ``value`` is an integer or a float, and no boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def cells_of(
    name: str, values: Sequence[Any], *, digits: int = 6, commas: bool = False
) -> list[str]:
    """Return the texts of a column; those of figures are of one width, decimal point over point.

    Floats have ``digits`` significant digits, but no digit before the point is lost. ``commas``
    divides the digits before it in threes, except in columns whose ``name`` says that they
    identify something.
    """
    commas = commas and not name.endswith(_NAMES)
    texts = [_figure(v, digits, commas) if is_number(v) else human(v) for v in values]
    if not any(is_number(value) for value in values):
        return texts
    fractions = [len(text) - _point(text) for text in texts]
    longest = max(fractions)
    padded = [
        text + " " * (longest - fraction) * (is_number(value) and "e" not in text)
        for text, fraction, value in zip(texts, fractions, values, strict=True)
    ]
    width = max(map(cell_len, padded))
    return [" " * (width - cell_len(text)) + text for text in padded]


def heading_of(name: str, width: int) -> list[str]:
    """Return the lines of a column's name, broken after underscores to fit ``width`` if it can."""
    lines: list[str] = []
    for piece in printable(name).replace("_", "_\n").split("\n"):
        if lines and cell_len(lines[-1]) + cell_len(piece) <= width:
            lines[-1] += piece
        else:
            lines.append(piece)
    return lines


def _point(text: str) -> int:
    """Return where the fraction of a figure begins: at its point, or at its end."""
    return text.find(".") if "." in text and "e" not in text else len(text)


def _figure(value: float, digits: int, commas: bool) -> str:
    if isinstance(value, int):
        return f"{value:,}" if commas else str(value)
    size = abs(value)
    if size == 0 or not math.isfinite(size):
        return human(value)
    if not _SMALLEST <= size < _LARGEST:
        return f"{value:.{digits}g}"
    decimals = max(0, digits - 1 - math.floor(math.log10(size)))
    text = f"{value:,.{decimals}f}" if commas else f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
