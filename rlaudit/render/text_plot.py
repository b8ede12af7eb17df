"""Learning curves as text: a plot of 80 columns by plotille, and a table under it.

Each group has a character of its own, since colours may be off; the first is drawn in dots where
the output can hold them. Intervals stand in the table, at each group's end.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.text import Text

from rlaudit.curves import position_text
from rlaudit.render.extras import require
from rlaudit.render.plots import FEW_POINTS, label, what_is_shown, x_title, y_title
from rlaudit.render.terminal import console_for, plain_table, print_line
from rlaudit.render.values import human

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

    from rich.console import Console

    from rlaudit.curves import CurvePlot, GroupCurve

# With plotille's 13 columns for the axis, and its marks every 10, this fits into 80.
_COLUMNS, _ROWS = 60, 15
_COLUMNS_PER_MARK, _ROWS_PER_MARK = 10, 3
_MARKERS = "xo+*#@%&="
_AXIS = 13
# A character holds 2 by 4 dots. What stands at the very end of an axis would be beyond the last.
_LAST_X, _LAST_Y = 1 - 1 / (2 * _COLUMNS), 1 - 1 / (4 * _ROWS)
_DOTS = "⠤"
_POINT = "•"
_BLANK = "\u2800"
# Names of the terminal's own colours, so that its theme sees to the contrast.
_COLOURS = ("blue", "yellow", "magenta", "cyan", "green", "red")
_NICE = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_NICEST = (1.0, 2.0, 2.5, 5.0, 10.0)


def write_text_plot(stream: TextIO, plot: CurvePlot) -> None:
    """Write ``plot`` to ``stream``.

    Raises :class:`MissingExtraError` without the extra ``plot``.
    """
    require("plotille", doing="a plot in the terminal")
    console = console_for(stream)
    if plot.title:
        print_line(console, plot.title, "bold")
    print_line(console, y_title(plot), "bold")
    print_line(console, what_is_shown(plot))
    if plot.caption:
        print_line(console, plot.caption)
    dots = _holds_dots(stream)
    markers = _markers(plot, dots=dots)
    for line in _canvas(plot, markers, dots=dots):
        console.print(Text.from_ansi(line), soft_wrap=True)
    print_line(console)
    _write_legend(console, plot, markers)


def _markers(plot: CurvePlot, *, dots: bool) -> list[str]:
    """Return the character that each group is drawn with; "" for plotille's dots alone."""
    if not dots:
        return [_MARKERS[i % len(_MARKERS)] for i in range(len(plot.groups))]
    # The few points of a short curve would not be seen in its line.
    first = _POINT if len(plot.groups[0].x) < FEW_POINTS else ""
    return [first, *(_MARKERS[i % len(_MARKERS)] for i in range(len(plot.groups) - 1))]


def _holds_dots(stream: TextIO) -> bool:
    try:
        (_DOTS + _POINT).encode(stream.encoding or "utf-8")
    except (UnicodeError, LookupError):
        return False
    return True


def _canvas(plot: CurvePlot, markers: Sequence[str], *, dots: bool) -> Iterator[str]:
    """Give the lines of the plot, without those that hold nothing."""
    import plotille  # noqa: PLC0415 - an extra

    figure: Any = plotille.Figure()
    figure.width, figure.height = _COLUMNS, _ROWS
    figure.origin = False
    figure.y_label = "return"
    drawn = [value for group in plot.groups for value in group.centre if math.isfinite(value)]
    span = min(drawn, default=0.0), max(drawn, default=1.0)
    low, up = axis_marks(*span, _ROWS // _ROWS_PER_MARK)
    right = max(float(group.x[-1]) for group in plot.groups)
    _, along = axis_marks(0.0, right, _COLUMNS // _COLUMNS_PER_MARK, _NICEST)
    height, width = up * _ROWS / _ROWS_PER_MARK, along * _COLUMNS / _COLUMNS_PER_MARK
    figure.set_y_limits(low, low + height)
    figure.set_x_limits(0.0, width)
    figure.y_ticks_fkt = lambda value, _: _mark(value - low, up) and human(_clean(value))
    figure.x_ticks_fkt = lambda value, _: _short(_clean(value))
    for number, (group, marker) in enumerate(zip(plot.groups, markers, strict=True)):
        for x, y in _pieces(group):
            figure.plot(
                [min(value, _LAST_X * width) for value in x],
                [min(value, low + _LAST_Y * height) for value in y],
                lc=_COLOURS[number % len(_COLOURS)],
                marker=marker or None,
                # The lines between are drawn in dots.
                interp="linear" if dots else None,
            )
    *lines, axis, marks = figure.show().splitlines()
    yield from (line.replace(_BLANK, " ").rstrip() for line in lines)
    yield axis.partition("->")[0]
    yield marks.rstrip()
    yield x_title(plot).rjust(_AXIS + _COLUMNS)


def _pieces(group: GroupCurve) -> Iterator[tuple[list[float], list[float]]]:
    """Give the parts of a curve between its gaps."""
    x: list[float] = []
    y: list[float] = []
    for at, value in zip(group.x, group.centre, strict=True):
        if math.isfinite(value):
            x.append(float(at))
            y.append(float(value))
        elif x:
            yield x, y
            x, y = [], []
    if x:
        yield x, y


def axis_marks(
    low: float, high: float, intervals: int, round_numbers: Sequence[float] = _NICE
) -> tuple[float, float]:
    """Return the first mark of an axis and the distance between marks, both round numbers."""
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        # A half alone would be lost in the rounding of a large value.
        half = max(0.5, 1e-6 * abs(low))
        low, high = low - half, low + half
    least = (high - low) / intervals
    power = 10.0 ** math.floor(math.log10(least))
    for scale in (power, 10 * power):
        for step in (number * scale for number in round_numbers):
            first = math.floor(low / step) * step
            if first + intervals * step >= high:
                return first, step
    raise AssertionError(low, high)


def _mark(distance: float, step: float) -> str:
    """Return a text if a row is at a mark, and none if it is between two."""
    return "at" if abs(distance / step - round(distance / step)) < 1e-6 else ""


def _short(x: float) -> str:
    """Return a position in the nine columns between two marks."""
    return f"{x / 1e6:g}M" if x >= 1e6 else position_text(x)


def _clean(value: float) -> float:
    """Take the error of adding up steps out of the value of a mark."""
    return float(f"{value:.10g}") + 0.0


def _write_legend(console: Console, plot: CurvePlot, markers: Sequence[str]) -> None:
    table = plain_table()
    table.add_column("")
    table.add_column("group", overflow="fold")
    for name in (f"last {_unit(plot)}", "iqm" if plot.statistic == "iqm" else "mean"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("95% interval", justify="right", no_wrap=True)
    for number, (group, marker) in enumerate(zip(plot.groups, markers, strict=True)):
        table.add_row(
            Text(marker or _DOTS * 2, style=_COLOURS[number % len(_COLOURS)]),
            Text(label(group)),
            position_text(float(group.x[-1])),
            human(float(f"{group.centre[-1]:.4g}")),
            interval_text(group.low[-1], group.high[-1]),
        )
    console.print(table)


def interval_text(low: float, high: float) -> str:
    """Return an interval for people; ``none`` for one that is not there."""
    if not math.isfinite(low):
        return "none"
    return f"{human(float(f'{low:.4g}'))} to {human(float(f'{high:.4g}'))}"


def _unit(plot: CurvePlot) -> str:
    if plot.by == "episodes":
        return "life" if plot.measure.lives else "episode"
    return {"steps": "step", "hours": "hour"}[plot.by]
