"""Tables of the page: cells as text, bounded in number and in length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from rlaudit.render.values import human

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_LONGEST = 300


class Cell(NamedTuple):
    """A cell; numbers stand to the right."""

    text: str
    number: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table; ``note`` says what is left out of it."""

    columns: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    heading: str = ""


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    note: str = "",
    heading: str = "",
) -> Table:
    """Return ``rows`` as a table; a column of which every value is a number is one of numbers."""
    cells = [[cell(value) for value in row] for row in rows]
    numbers = [
        bool(cells) and all(row[i].number or row[i].text == "" for row in cells)
        for i in range(len(columns))
    ]
    heads = [Cell(shown(name), number) for name, number in zip(columns, numbers, strict=True)]
    return Table(heads, cells, note, heading)


def of_rows(
    rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, note: str = "", heading: str
) -> Table:
    """Return the ``columns`` of ``rows``, a key with its head, as a table."""
    found = ([row[key] for key in columns] for row in rows)
    return table(list(columns.values()), found, note=note, heading=heading)


def cell(value: object) -> Cell:
    """Return ``value`` for a person; what is absent is empty."""
    if value is None:
        return Cell("")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Cell(shown(value))
    text = f"{value:,}" if isinstance(value, int) else human(float(f"{value:.5g}"))
    return Cell(text, number=True)


def shown(value: object, longest: int = _LONGEST) -> str:
    """Return ``value`` as text without control characters, cut where it is longer than that."""
    text = human(value)
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text):,} characters)"


def spread(rows: Sequence[Any], most: int) -> Sequence[Any]:
    """Return at most ``most`` of ``rows``, evenly apart, the first and the last included."""
    if len(rows) <= most:
        return rows
    return [rows[round(i * (len(rows) - 1) / (most - 1))] for i in range(most)]
