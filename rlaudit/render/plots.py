"""Learning curves as pictures: PNG and SVG by Altair.

Groups differ in colour and in dashes, so that they can be told apart without colour. The colours
are those of Okabe and Ito, which people with any of the usual kinds of colour blindness can tell
apart.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from rlaudit.render.extras import require
from rlaudit.render.harmless import printable
from rlaudit.render.summary import count
from rlaudit.store import unique_names

if TYPE_CHECKING:
    from altair import LayerChart

    from rlaudit.curves import Axis, CurvePlot, GroupCurve

PictureFormat = Literal["png", "svg"]

AXES: dict[Axis, str] = {
    "episodes": "training episodes",
    "steps": "agent steps",
    "hours": "hours of training",
}

# Without Okabe and Ito's yellow, which is too light for a line on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 1], [1, 4])
_WIDTH, _HEIGHT = 640, 360
_PIXELS_PER_UNIT = 2
# With fewer points than this each is marked: what lies between is a line and no measurement.
FEW_POINTS = 25
_LONGEST_TEXT = 200
_LONGEST_LABEL_PIXELS = 560
_LIGHT = {
    "background": "white",
    "axis": {"labelFontSize": 12, "titleFontSize": 13, "gridColor": "#e5e5e5"},
    "legend": {"labelFontSize": 13},
    "title": {"subtitleFontSize": 12, "subtitleColor": "#444444", "offset": 12},
}


def picture(plot: CurvePlot, fmt: PictureFormat) -> bytes:
    """Return ``plot`` as a PNG of 2 pixels a unit, or as SVG in UTF-8.

    Raises :class:`MissingExtraError` without the extra ``plot``.
    """
    require("vl_convert", doing="a picture")
    import vl_convert  # noqa: PLC0415 - an extra

    spec = {**chart(plot).to_dict(), "config": _LIGHT}
    if fmt == "svg":
        return vl_convert.vegalite_to_svg(spec).encode()
    return vl_convert.vegalite_to_png(spec, scale=_PIXELS_PER_UNIT)


def chart(plot: CurvePlot) -> LayerChart:
    """Return ``plot`` as a chart, a line and an interval band for each group; it has no theme.

    Raises :class:`MissingExtraError` without the extra ``plot``.
    """
    require("altair", doing="a plot")
    import altair as alt  # noqa: PLC0415 - an extra

    labels = unique_names(_cut(label(group)) for group in plot.groups)
    x = alt.X(
        "x:Q",
        title=x_title(plot),
        scale=alt.Scale(nice=False, domainMin=0),
        axis=alt.Axis(tickCount=8),
    )
    legend = alt.Legend(
        orient="bottom",
        columns=1,
        labelLimit=_LONGEST_LABEL_PIXELS,
        symbolType="stroke",
        symbolSize=700,
        symbolStrokeWidth=3,
        symbolOpacity=1,
    )
    y_scale = alt.Scale(zero=False, nice=True)
    base = alt.Chart({"values": _rows(plot, labels)})
    colours = [COLOURS[i % len(COLOURS)] for i in range(len(labels))]
    colour = alt.Color(
        "group:N", title=None, scale=alt.Scale(domain=labels, range=colours), legend=legend
    )
    dashes = [DASHES[i % len(DASHES)] for i in range(len(labels))]
    dash = alt.StrokeDash(
        "group:N", title=None, scale=alt.Scale(domain=labels, range=dashes), legend=legend
    )
    band = base.mark_area(opacity=0.2).encode(
        x, alt.Y("low:Q", title=y_title(plot), scale=y_scale), alt.Y2("high:Q"), colour
    )
    line = base.mark_line(strokeWidth=2).encode(
        x, alt.Y("centre:Q", title=y_title(plot), scale=y_scale), colour, dash
    )
    marked = base.transform_filter("datum.marked")
    points = marked.mark_circle(size=30, opacity=1).encode(x, alt.Y("centre:Q"), colour)
    # A band has no width at a single point.
    bars = (
        base.transform_filter("datum.single")
        .mark_rule(strokeWidth=2)
        .encode(x, alt.Y("low:Q"), alt.Y2("high:Q"), colour)
    )
    title = alt.TitleParams(
        _cut(printable(plot.title)) or y_title(plot),
        subtitle=_subtitle(plot),
        anchor="start",
        fontSize=15,
    )
    return alt.LayerChart(
        layer=[band, bars, line, points], width=_WIDTH, height=_HEIGHT, title=title
    )


def x_title(plot: CurvePlot) -> str:
    """Say what the curves run over."""
    return (
        "lives played in training"
        if plot.measure.lives and plot.by == "episodes"
        else AXES[plot.by]
    )


def y_title(plot: CurvePlot) -> str:
    """Say what the values are."""
    return str(plot.measure)


def label(group: GroupCurve) -> str:
    """Return the name of a group with its number of seeds.

    Control characters, which end the program in vl-convert, are escapes.
    """
    name = printable(group.name)
    least, most = int(group.count.min()), int(group.count.max())
    if least < most:
        return f"{name} ({most} to {least} seeds)"
    return f"{name} ({count(most, 'seed')})"


def what_is_shown(plot: CurvePlot) -> str:
    """Say how the runs of a group are summarised."""
    if all(group.runs == 1 for group in plot.groups):
        return "one run each, so no interval" if len(plot.groups) > 1 else "one run, so no interval"
    middle = "interquartile mean" if plot.statistic == "iqm" else "mean"
    return f"{middle} over seeds, with 95% bootstrap intervals over seeds"


def _cut(text: str) -> str:
    """Return ``text``, or the start of one that no chart has room for: it would take minutes."""
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


def _subtitle(plot: CurvePlot) -> list[str]:
    return [what_is_shown(plot), *([printable(plot.caption)] if plot.caption else [])]


def _rows(plot: CurvePlot, labels: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "group": name,
            "x": float(x),
            "centre": _number(centre),
            "low": _number(low),
            "high": _number(high),
            "marked": len(group.x) < FEW_POINTS and math.isfinite(centre),
            "single": len(group.x) == 1 and math.isfinite(low),
        }
        for name, group in zip(labels, plot.groups, strict=True)
        for x, centre, low, high in zip(group.x, group.centre, group.low, group.high, strict=True)
    ]


def _number(value: float) -> float | None:
    # A gap: Vega-Lite breaks the line there.
    return float(value) if math.isfinite(value) else None
