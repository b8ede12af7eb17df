"""Curves in a small part of the screen, drawn in dots: two columns and four rows a character."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

from rich.text import Text

from rlaudit.curves import position_text
from rlaudit.render.text_plot import axis_marks
from rlaudit.render.values import human

if TYPE_CHECKING:
    from collections.abc import Sequence

    Point = tuple[float, float | None]

_BLANK = "\u2800"
# Between the labels of an axis; a plot of fewer rows has labels at its ends only.
_ROWS_PER_MARK = 3
_LEAST_COLUMNS, _LEAST_ROWS = 8, 2


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: points in the order of x, with gaps where y is None, NaN or beyond 1e300."""

    points: Sequence[Point]
    colour: str


def draw(lines: Sequence[Line], columns: int, rows: int, x_title: str) -> Text:
    """Return a plot of exactly ``rows`` rows; the last one is the axis of x, which begins at 0.

    Without a finite point, or without room, it is empty.
    """
    import plotille  # noqa: PLC0415 - an extra

    finite = [(x, y) for line in lines for x, y in line.points if _can_be_drawn(y)]
    rows -= 1
    if not finite or rows < _LEAST_ROWS:
        return Text()
    intervals = max(1, (rows - 1) // _ROWS_PER_MARK)
    low, step = axis_marks(min(y for _, y in finite), max(y for _, y in finite), intervals)
    high = low + intervals * step
    labels = {
        round((rows - 1) * (1 - mark / intervals)): human(float(f"{low + mark * step:.6g}") + 0.0)
        for mark in range(intervals + 1)
    }
    margin = max(map(len, labels.values()))
    width = columns - margin - 1
    if width < _LEAST_COLUMNS:
        return Text()
    right = max(1.0, *(x for x, _ in finite))
    canvas: Any = plotille.Canvas(width, rows, xmin=0.0, xmax=right, ymin=low, ymax=high)
    # What stands at the very end of an axis would be beyond the last dot.
    last = right * (1 - 1 / (2 * width)), high - (high - low) / (4 * rows)
    for line in lines:
        _trace(canvas, line, last)
    result = Text(no_wrap=True, overflow="crop")
    for number, drawn in enumerate(canvas.plot(linesep="\n").split("\n")):
        result.append(f"{labels.get(number, ''):>{margin}} ", style="dim")
        result.append_text(Text.from_ansi(drawn.replace(_BLANK, " ")))
        result.append("\n")
    result.append(_axis(margin, width, right, x_title), style="dim")
    return result


def _can_be_drawn(y: float | None) -> TypeGuard[float]:
    # The distance of two greater ones can be beyond the range of a float.
    return y is not None and abs(y) < 1e300


def _trace(canvas: Any, line: Line, last: tuple[float, float]) -> None:
    before: tuple[float, float] | None = None
    for x, y in line.points:
        if not _can_be_drawn(y):
            before = None
            continue
        here = min(x, last[0]), min(y, last[1])
        canvas.line(*(before or here), *here, color=line.colour)
        before = here


def _axis(margin: int, width: int, right: float, title: str) -> str:
    """Return the row under the plot: 0, the title if there is room for it, and the last step."""
    end = position_text(right)
    between = width - 1 - len(end)
    middle = title.center(between) if len(title) + 2 <= between else " " * between
    return f"{'':>{margin}} 0{middle}{end}"
