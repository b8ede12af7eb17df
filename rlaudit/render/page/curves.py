"""The part of the page that shows what runs and groups of seeds returned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rlaudit.render.page import charts
from rlaudit.render.page.replay import number_text
from rlaudit.render.page.tables import shown, spread, table
from rlaudit.render.plots import label, what_is_shown
from rlaudit.render.summary import count

if TYPE_CHECKING:
    from rlaudit.curves import Curve, CurvePlot
    from rlaudit.render.page.data import PageData

_POINTS_IN_TABLE = 12


def runs_view(data: PageData) -> dict[str, Any] | None:
    """Return what the page shows of the curves of single runs; None if there are none."""
    drawn = {i: data.curves[run] for i, run in enumerate(data.drawn) if run in data.curves}
    if not drawn:
        return None
    ends = "; ".join(_end(curve) for curve in drawn.values())
    rows = [
        (curve.run_id, int(x), float(y))
        for curve in drawn.values()
        for x, y in spread(list(zip(curve.x, curve.y, strict=True)), _POINTS_IN_TABLE)
    ]
    return {
        "caption": f"{data.measure[:1].upper()}{data.measure[1:]}, by run",
        "alt": f"Line chart of {count(len(drawn), 'run')}, {data.measure} by agent steps. {ends}.",
        "wide": charts.curves(drawn, data.measure),
        "narrow": charts.curves(drawn, data.measure, narrow=True),
        "table": table(
            ("run", "agent step", data.measure),
            rows,
            note=f"at most {_POINTS_IN_TABLE} points of each run",
        ),
        "gaps": [gap for curve in drawn.values() if (gap := _gap(curve))],
    }


def groups_view(plot: CurvePlot | None) -> dict[str, Any] | None:
    """Return what the page shows of groups of seeds; None if there are none."""
    if plot is None:
        return None
    ends = "; ".join(
        f"{shown(label(group))} ends at {number_text(group.centre[-1])}"
        f" (95% interval {number_text(group.low[-1])} to {number_text(group.high[-1])})"
        for group in plot.groups
    )
    rows = [
        (label(group), int(x), float(centre), charts.finite(low), charts.finite(high), int(runs))
        for group in plot.groups
        for x, centre, low, high, runs in spread(
            list(zip(group.x, group.centre, group.low, group.high, group.count, strict=True)),
            _POINTS_IN_TABLE,
        )
    ]
    return {
        "caption": f"Groups of runs that differ in nothing but the seed: {what_is_shown(plot)}",
        "alt": f"Line chart of {count(len(plot.groups), 'group')} of seeds by agent steps. {ends}.",
        "wide": charts.groups(plot),
        "narrow": charts.groups(plot, narrow=True),
        "table": table(
            ("group", "agent step", "mean", "95% from", "to", "seeds"),
            rows,
            note=f"at most {_POINTS_IN_TABLE} points of each group",
        ),
    }


def _gap(curve: Curve) -> str:
    """Say what of a curve is not drawn; "" if all of it is."""
    wrong = int(np.count_nonzero(~np.isfinite(curve.y)))
    if not wrong:
        return ""
    return (
        f"{wrong:,} of {count(len(curve.y), 'mean')} of run {shown(curve.run_id)} are no finite "
        "number, and nothing is drawn there"
    )


def _end(curve: Curve) -> str:
    return (
        f"{shown(curve.run_id)} ends at {number_text(float(curve.y[-1]))} "
        f"after {int(curve.x[-1]):,} steps"
    )
