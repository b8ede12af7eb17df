"""The plots of the page: Vega-Lite's specifications, drawn as SVG by vl-convert.

They are drawn when the page is made, and not in the browser: Vega's own renderer is 0.9 MB of
script, and shows nothing where scripts are off. Colours are CSS variables of the page, so that one
picture serves light and dark; the marks of run number 3 have the class ``run_3_marks``, by which
the page hides them.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import vl_convert
from markupsafe import Markup

from rlaudit.render.plots import COLOURS, DASHES, FEW_POINTS, chart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rlaudit.curves import Curve, CurvePlot

    Row = Mapping[str, Any]
    Layer = dict[str, Any]

# Upper ends of the shares of a span's draws that one shade of the heat map stands for.
SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)

PALE = 0.25
"""Opacity of what stands behind a run's line or below its bars."""

_LONG_DECIMALS = re.compile(r"(\.\d\d)\d+")
_GEOMETRY = re.compile(r' (?:d|transform)="[^"]*"')
_WIDE, _NARROW = (860, 300), (300, 260)
_SMALL = (360, 190)
_MOST_POINTS = 250
# 1,500 as 1.5k, and 0.5 as it is and not as 500m.
_SHORT = "abs(datum.value) >= 1000 ? format(datum.value, '~s') : format(datum.value, '~g')"
_CONFIG = {
    "font": "system-ui, sans-serif",
    "background": None,
    "aria": False,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--ink)",
        "titleColor": "var(--ink)",
        "domainColor": "var(--faint)",
        "tickColor": "var(--faint)",
        "gridColor": "var(--grid)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    },
    "legend": {"labelColor": "var(--ink)", "labelFontSize": 12},
}


def colour(number: int) -> str:
    """Return the colour of run ``number`` of the page, as the page's CSS names it."""
    return f"var(--run-{number % len(COLOURS)})"


def dash(number: int) -> Sequence[int]:
    """Return how the line of run ``number`` is dashed: some colours look alike to some readers."""
    return DASHES[number % len(DASHES)]


def curves(shown: Mapping[int, Curve], y: str, *, narrow: bool = False) -> Markup:
    """Return the curve of each run by its number on the page, with ``y`` on the axis."""
    layers: list[Layer] = []
    axes = (_steps(), _linear("y", y))
    for number, curve in shown.items():
        points = [
            {"x": float(x), "y": finite(value)}
            for x, value in zip(_thinned(curve.x), _thinned(curve.y), strict=True)
        ]
        layers += _line(f"run_{number}", points, axes, colour(number), dash(number))
    return _svg(layers, _NARROW if narrow else _WIDE)


def groups(plot: CurvePlot, *, narrow: bool = False) -> Markup:
    """Return the curves of groups of seeds, with their intervals."""
    spec = chart(plot).to_dict()
    del spec["title"]
    for layer in spec["layer"]:
        layer["encoding"]["x"]["axis"] |= {"tickCount": 4}
    text = _draw(spec, _NARROW if narrow else _WIDE)
    for number, known in enumerate(COLOURS):
        text = text.replace(f'"{known}"', f'"{colour(number)}"')
    return Markup(text)  # noqa: S704 - Vega escapes its texts


def heat_map(cells: Sequence[Row]) -> Markup:
    """Return the rows of ``sql/reports/priority_heat_map.sql`` of one run as cells."""
    values = [
        {
            "x": cell["from_step"],
            # A little over its edges, which the next cell covers: no seams where cells are scaled.
            "x2": cell["to_step"] + 1 + 0.1 * (cell["to_step"] + 1 - cell["from_step"]),
            "y": cell["priority_from"],
            "y2": cell["priority_to"] * (cell["priority_to"] / cell["priority_from"]) ** 0.1,
            "share": cell["share_of_span"],
        }
        for cell in cells
        if cell["priority_from"] is not None
    ]
    steps = (min(cell["from_step"] for cell in cells), max(cell["to_step"] + 1 for cell in cells))
    top = max(cell["priority_to"] for cell in cells if cell["priority_to"] is not None)
    x = _steps()
    x["scale"] |= {"domain": steps}
    y = {
        "field": "y",
        "type": "quantitative",
        "title": "priority when drawn",
        "scale": {"type": "log", "nice": False, "domain": [min(v["y"] for v in values), top]},
        "axis": {"tickCount": 5, "grid": False, "format": "~g"},
    }
    shade = {
        "field": "share",
        "type": "quantitative",
        "legend": None,
        "scale": {
            "type": "threshold",
            "domain": list(SHARES),
            "range": [f"var(--heat-{i})" for i in range(len(SHARES) + 1)],
        },
    }
    encoding = {"x": x, "x2": {"field": "x2"}, "y": y, "y2": {"field": "y2"}, "fill": shade}
    mark = {"type": "rect", "clip": True}
    return _svg([{"data": {"values": values}, "mark": mark, "encoding": encoding}], _SMALL)


def histogram(bars: Sequence[Row], number: int) -> Markup:
    """Return the rows of ``sql/reports/replay_histogram.sql`` of one run as stacked bars."""
    # The last bar, which holds what is left, is as wide as the others behind that of 0.
    width = min(
        (b["replays_to"] - b["replays_from"] + 1 for b in bars if b["replays_to"]), default=1
    )
    heights: dict[int, int] = {}
    values = []
    # Those that are overwritten stand below.
    for bar in sorted(bars, key=lambda bar: not bar["overwritten"]):
        start = bar["replays_from"]
        below = heights.get(start, 0)
        heights[start] = below + bar["transitions"]
        values.append(
            {
                "x": start - 0.5,
                "x2": start + (width if start else 1) - 0.5,
                "y": below,
                "y2": heights[start],
                "overwritten": bar["overwritten"] is True,
            }
        )
    # Paler and not of another colour, which might look like this one to some readers.
    shade = {"condition": {"test": "datum.overwritten", "value": PALE}, "value": 1}
    times = _linear("x", "times replayed", nice=False)
    times["axis"] |= {"grid": False}
    encoding = {
        "x": times,
        "x2": {"field": "x2"},
        "y": _linear("y", "transitions", zero=True),
        "y2": {"field": "y2"},
        "fillOpacity": shade,
    }
    mark = {"type": "rect", "fill": colour(number), "stroke": colour(number), "strokeWidth": 1}
    return _svg([{"data": {"values": values}, "mark": mark, "encoding": encoding}], _SMALL)


def ages(spans: Sequence[Row], number: int) -> Markup:
    """Return the ages of the draws of one run, with half the buffer's size for comparison."""
    layers = _band(spans, "age", "age in transitions", number)
    half = [
        {"x": _middle(span), "y": span["buffer_size"] / 2}
        for span in spans
        if span["buffer_size"] is not None
    ]
    axes = (_steps(), _linear("y", "age in transitions", zero=True))
    return _svg([*layers, *_line("half", half, axes, "var(--faint)", (2, 2))], _SMALL)


def weights(spans: Sequence[Row], number: int) -> Markup:
    """Return the weights of the draws of one run, and beta."""
    layers = _band(spans, "weight", "weight, beta", number)
    beta = [{"x": _middle(span), "y": finite(span["beta"])} for span in spans]
    axes = (_steps(), _linear("y", "weight, beta", zero=True))
    return _svg([*layers, *_line("beta", beta, axes, "var(--ink)", (6, 3))], _SMALL)


def finite(value: float | None) -> float | None:
    """Return ``value``, or None, at which a line is broken, if it is no finite number."""
    return float(value) if value is not None and math.isfinite(value) else None


def _band(spans: Sequence[Row], what: str, y: str, number: int) -> list[Layer]:
    """Return layers with the 5th to 95th percentile of ``what`` as a band, the median as a line."""
    axes = (_steps(), _linear("y", y, zero=True))
    values = [
        {
            "x": _middle(span),
            "y": finite(span[f"{what}_p50"]),
            "low": finite(span[f"{what}_p05"]),
            "high": finite(span[f"{what}_p95"]),
        }
        for span in spans
    ]
    between = {
        "x": _steps(),
        "y": _linear("low", y, zero=True),
        "y2": {"field": "high"},
    }
    # An area has no width at a single point.
    mark: Layer = (
        {"type": "area", "fill": colour(number), "fillOpacity": PALE}
        if len(values) > 1
        else {"type": "rule", "stroke": colour(number), "strokeWidth": 2}
    )
    band = {"data": {"values": values}, "mark": mark, "encoding": between}
    return [band, *_line("median", values, axes, colour(number), DASHES[0])]


def _line(
    name: str, values: list[Layer], axes: tuple[Layer, Layer], stroke: str, dashes: Sequence[int]
) -> list[Layer]:
    """Return a line through ``values``, and points on it where there are few."""
    encoding = dict(zip("xy", axes, strict=True))
    data = {"values": values}
    mark: Layer = {"type": "line", "stroke": stroke, "strokeWidth": 2, "strokeDash": list(dashes)}
    layers: list[Layer] = [{"name": name, "data": data, "mark": mark, "encoding": encoding}]
    if len(values) < FEW_POINTS:
        mark = {"type": "circle", "fill": stroke, "size": 30, "opacity": 1}
        layers.append({"name": f"{name}_points", "data": data, "mark": mark, "encoding": encoding})
    return layers


def _steps() -> Layer:
    return {
        "field": "x",
        "type": "quantitative",
        "title": "agent steps",
        "scale": {"nice": False, "zero": False},
        "axis": {"tickCount": 4, "grid": False, "labelExpr": _SHORT},
    }


def _linear(field: str, title: str, *, zero: bool = False, nice: bool = True) -> Layer:
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "scale": {"zero": zero, "nice": nice},
        "axis": {"tickCount": 5, "labelExpr": _SHORT},
    }


def _middle(span: Row) -> float:
    return float(span["from_step"] + span["to_step"]) / 2


def _thinned(values: Any) -> Any:
    """Return at most ``_MOST_POINTS`` of ``values``, the last one included."""
    return values[::-1][:: -(-len(values) // _MOST_POINTS) or 1][::-1]


def _svg(layers: Sequence[Layer], size: tuple[int, int]) -> Markup:
    return Markup(_draw({"layer": list(layers)}, size))  # noqa: S704 - Vega escapes its texts


def _draw(spec: Layer, size: tuple[int, int]) -> str:
    width, height = size
    whole = {**spec, "width": width, "height": height, "config": _CONFIG}
    text = vl_convert.vegalite_to_svg(whole)
    # Two decimals are a hundredth of a pixel; text is left alone.
    return _GEOMETRY.sub(lambda found: _LONG_DECIMALS.sub(r"\1", found[0]), text)
