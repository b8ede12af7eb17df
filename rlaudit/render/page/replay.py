"""The part of the page that shows what one run's replay drew: four plots, and their numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from rlaudit.render.page import charts
from rlaudit.render.page.tables import Table, of_rows, spread
from rlaudit.render.summary import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from rlaudit.render.page.data import Replay

    Row = Mapping[str, Any]

_SPANS_IN_TABLE = 12


class Plot(NamedTuple):
    """A plot with its heading; without ``svg`` the caption says why there is none."""

    heading: str
    caption: str
    alt: str = ""
    svg: Markup | None = None


def plots(replay: Replay, number: int) -> list[Plot]:
    """Return the plots of run ``number`` of the page."""
    return [
        _heat_map(replay.heat_map),
        _histogram(replay.histogram, number),
        _ages(replay.spans, number),
        _weights(replay.spans, number),
    ]


def tables(replay: Replay) -> list[Table]:
    """Return the numbers behind the plots."""
    found = []
    if replay.spans:
        spans = spread(replay.spans, _SPANS_IN_TABLE)
        all_of_them = len(spans) == len(replay.spans)
        note = "" if all_of_them else f"showing {len(spans)} of {len(replay.spans)} spans of steps"
        heads = {
            "from_step": "from step",
            "to_step": "to step",
            "draws": "draws",
            **{
                f"{what}_p{q}": f"{what}, {text}"
                for what in ("priority", "age", "weight")
                for q, text in (("05", "5%"), ("50", "median"), ("95", "95%"))
            },
            "beta": "beta",
        }
        found.append(of_rows(spans, heads, note=note, heading="Draws over time"))
    if replay.histogram:
        heads = {
            "replays_from": "replayed from",
            "replays_to": "to times",
            "overwritten": "overwritten",
            "transitions": "transitions",
            "draws": "draws",
        }
        found.append(of_rows(replay.histogram, heads, heading="Times replayed"))
    return found


def number_text(value: float | None) -> str:
    """Return a number in a sentence: 1,500 or 0.0375."""
    if value is None or not math.isfinite(value):
        return "no number"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _heat_map(cells: Sequence[Row]) -> Plot:
    heading = "Priorities of the draws"
    usable = [cell for cell in cells if cell["priority_from"] is not None]
    if not usable:
        return Plot(heading, "The log has no finite priorities of draws above 0.")
    without = sum(cell["draws"] for cell in cells if cell["priority_from"] is None)
    draws = sum(cell["draws"] for cell in cells)
    low = number_text(min(cell["priority_from"] for cell in usable))
    high = number_text(max(cell["priority_to"] for cell in usable))
    first, last = min(c["from_step"] for c in usable), max(c["to_step"] for c in usable)
    densest = max(usable, key=lambda cell: cell["share_of_span"])
    alt = (
        f"Heat map of the priorities of {count(draws, 'draw')} from step {first:,} to {last:,}: "
        f"they lie between {low} and {high}. The densest cell has {densest['share_of_span']:.0%} "
        f"of its span's draws, at priorities from {number_text(densest['priority_from'])} to "
        f"{number_text(densest['priority_to'])} about step {densest['from_step']:,}."
    )
    caption = "Each column is a span of steps. A cell that stands out more holds more of its draws."
    if without:
        caption += f" {count(without, 'draw')} had no finite priority above 0."
    return Plot(heading, caption, alt, charts.heat_map(cells))


def _histogram(bars: Sequence[Row], number: int) -> Plot:
    heading = "How often transitions were replayed"
    if not bars:
        return Plot(heading, "The log has no updates with the transitions that they could draw.")
    stored = sum(bar["transitions"] for bar in bars)
    never = sum(bar["transitions"] for bar in bars if bar["replays_to"] == 0)
    draws = sum(bar["draws"] for bar in bars)
    gone = sum(bar["transitions"] for bar in bars if bar["overwritten"])
    last = max(bar["replays_from"] for bar in bars)
    most = max(bar["replays_to"] for bar in bars)
    alt = (
        f"Bar chart of how often {count(stored, 'stored transition')} were replayed: "
        f"{number_text(draws / stored)} times on average, {most:,} at most."
    )
    caption = f"{number_text(draws / stored)} times on average, {never / stored:.1%} never."
    if last < most:
        caption += f" The last bar holds {last:,} to {most:,} times."
    if gone:
        caption += f" Pale below: {gone:,} that are overwritten."
    return Plot(heading, caption, alt, charts.histogram(bars, number))


def _ages(spans: Sequence[Row], number: int) -> Plot:
    heading = "Ages of the draws"
    known = [span for span in spans if span["age_p50"] is not None]
    if not known:
        return Plot(heading, "The log does not say how old draws were.")
    alt = f"Line chart of the ages of draws by agent steps: {_course(known, 'age')}."
    caption = (
        "Line: median; band: 5% to 95%. Dotted: half the buffer's size, the median of draws "
        "that favour nothing."
    )
    return Plot(heading, caption, alt, charts.ages(known, number))


def _weights(spans: Sequence[Row], number: int) -> Plot:
    heading = "Importance weights and beta"
    known = [span for span in spans if span["weight_p50"] is not None]
    if not known:
        return Plot(heading, "The log has no finite weights of draws.")
    alt = f"Line chart of importance weights by agent steps: {_course(known, 'weight')}"
    betas = [span["beta"] for span in known if span["beta"] is not None]
    if betas:
        alt += f"; beta goes from {number_text(betas[0])} to {number_text(betas[-1])}"
    caption = "Line: median; band: 5% to 95%." + (" Dashed: beta." if betas else "")
    return Plot(heading, caption, f"{alt}.", charts.weights(known, number))


def _course(spans: Sequence[Row], what: str) -> str:
    first, last = spans[0], spans[-1]
    return (
        f"the median goes from {number_text(first[f'{what}_p50'])} at step {first['from_step']:,} "
        f"to {number_text(last[f'{what}_p50'])} at step {last['to_step']:,}, where 90% lie between "
        f"{number_text(last[f'{what}_p05'])} and {number_text(last[f'{what}_p95'])}"
    )
