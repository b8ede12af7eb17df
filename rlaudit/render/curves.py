"""A plot of learning curves in each format; see :func:`write_plot`.

The rows of the machine formats are the points that are drawn: ``group``, ``x`` (in the unit that
``by`` names: episodes, or lives; steps; hours), ``by``, ``centre`` (the statistic over runs),
``low`` and ``high`` (its 95% interval, NULL where fewer than two runs count), ``runs`` (that count
at this point), ``statistic`` (mean, iqm), and ``measure``, in words. ``centre`` is NULL where a run
has no finite value.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from rlaudit.render.plots import picture
from rlaudit.render.rows import write_rows
from rlaudit.render.text_plot import write_text_plot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from rlaudit.curves import CurvePlot

PlotFormat = Literal["table", "json", "jsonl", "csv", "markdown", "svg", "png"]

_COLUMNS = ("group", "by", "x", "centre", "low", "high", "runs", "statistic", "measure")


def write_plot(stream: TextIO, plot: CurvePlot, fmt: PlotFormat) -> None:
    """Write ``plot`` to ``stream``; ``table`` is a plot in text. PNG is :func:`picture`'s business.

    Raises :class:`MissingExtraError` for a picture or a text plot without the extra ``plot``.
    """
    if fmt == "table":
        write_text_plot(stream, plot)
    elif fmt == "svg":
        stream.write(picture(plot, "svg").decode())
    elif fmt != "png":
        write_rows(stream, _COLUMNS, _rows(plot), fmt)


def _rows(plot: CurvePlot) -> Iterator[tuple[object, ...]]:
    for group in plot.groups:
        for x, centre, low, high, runs in zip(
            group.x, group.centre, group.low, group.high, group.count, strict=True
        ):
            values = (_number(value) for value in (centre, low, high))
            yield (
                group.name,
                plot.by,
                float(x),
                *values,
                int(runs),
                plot.statistic,
                str(plot.measure),
            )


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
