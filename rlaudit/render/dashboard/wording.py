"""What the dashboard says of a run, as text for narrow places."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from rlaudit.curves import position_text
from rlaudit.render.harmless import printable
from rlaudit.render.training import duration
from rlaudit.render.values import human

if TYPE_CHECKING:
    from rlaudit.live import Detail, Watched
    from rlaudit.store import RunSummary


def shortened(text: str, width: int) -> str:
    """Return ``text`` in ``width`` columns; ids often differ at their ends, so the middle goes."""
    text = printable(text)
    if cell_len(text) <= width:
        return text
    head = set_cell_size(text, (width - 1) // 2)
    tail = set_cell_size(text[::-1], width - 1 - cell_len(head))[::-1]
    return f"{head}…{tail}"


def shortened_end(text: str, width: int) -> str:
    """Return ``text`` in ``width`` columns, without its end if need be."""
    return text if len(text) <= width else f"{text[: max(0, width - 1)]}…"


def speed(watched: Watched, run: RunSummary) -> str:
    """Return the agent steps per second of a run, if it is running and two signs of life are."""
    per_second = watched.speeds.of(run.run_id)
    if per_second is None:
        return ""
    return f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.1f}"


def found(watched: Watched, run: RunSummary) -> str:
    """Return how many findings a run has; nothing while it has none and was not audited yet."""
    number = len(watched.findings(run.run_id))
    return f"{number}" if number else "none" if watched.was_audited(run.run_id) else ""


def headline(watched: Watched, run: RunSummary, detail: Detail | None) -> str:
    """Say on one line how far a run is."""
    parts = [f"{run.steps:,} steps"]
    planned = detail.planned_steps if detail else None
    if planned is not None:
        parts[0] = f"{run.steps:,} of {planned:,} steps ({run.steps / planned:.0%})"
    per_second = watched.speeds.of(run.run_id)
    if per_second is not None:
        parts.append(f"{speed(watched, run)} steps/s")
        if planned is not None and per_second > 0:
            parts.append(f"{duration(max(0, planned - run.steps) / per_second)} left")
    elif run.state == "dead":
        parts.append("dead: it has given no sign of life for a minute")
    else:
        parts.append(run.state)
    return "  ".join(parts)


def curve_title(detail: Detail) -> str:
    """Return what the learning curve shows, and its newest value."""
    if not detail.curve:
        return "return: no episode has ended yet"
    values = [value for _, value in detail.curve]
    lost = sum(not math.isfinite(value) for value in values)
    # Of 80 columns a title has 39, and what is wrong must not be what is cut off.
    many = f"mean of {detail.window}" if lost else f"mean of {detail.window} episodes"
    gaps = f", {lost} not finite" if lost else ""
    each = many if detail.window > 1 else "each episode"
    return f"return, {each}: {_figure(values[-1])}{gaps}"


def priorities_title(detail: Detail) -> str:
    """Return the newest quantiles of the priorities."""
    if not detail.priorities:
        return "priorities: none were drawn yet"
    newest = detail.priorities[-1]
    lost = sum(point.not_finite for point in detail.priorities)
    if newest.p50 is None:
        return f"priorities: {'none is finite' if lost else 'the log has none'}"
    quantiles = " ".join(_figure(value) for value in (newest.p10, newest.p50, newest.p90))
    which = f"priority, {lost} not finite" if lost else "priority 10 50 90%"
    return f"{which}: {quantiles}"


def _figure(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return human(value)
    return position_text(float(f"{value:.3g}")) if abs(value) < 1000 else f"{value:,.0f}"
