"""Progress of an experiment on stderr, and its results as a table."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from rlaudit.render.rows import write_rows
from rlaudit.render.training import SECONDS_BETWEEN_LINES, duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, TextIO

    from rlaudit.curves import FinalGroup, Interval
    from rlaudit.experiments.plan import Experiment, State
    from rlaudit.experiments.solving import Solved
    from rlaudit.render.rows import RowFormat

_VERDICTS = {
    "agrees": "as published",
    "higher": "more than published",
    "lower": "fewer than published",
    "unsolved": "most runs do not solve it",
}


@contextmanager
def experiment_display(
    console: Console | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[State], None]]:
    """Give a function that shows how far an experiment is: a bar on a terminal, else lines."""
    console = console or Console(stderr=True, highlight=False)
    began, before, next_line = clock(), math.nan, -math.inf

    def facts(state: State) -> str:
        nonlocal before
        before = state.share if math.isnan(before) else before
        here = state.share - before
        eta = duration((clock() - began) / here * (1 - state.share)) if here > 0 else "-:--"
        now = f"at step {', '.join(state.running)}" if state.running else "starting"
        return f"{state.done} of {state.planned} runs  ETA {eta}  {now}"

    if console.is_terminal and not console.is_dumb_terminal:
        with Live(console=console, auto_refresh=False, transient=True) as live:

            def draw(state: State) -> None:
                grid = Table.grid()
                grid.add_row(
                    ProgressBar(
                        total=state.planned, completed=state.share * state.planned, width=60
                    )
                )
                grid.add_row(Text(facts(state), no_wrap=True, overflow="ellipsis"))
                live.update(grid, refresh=True)

            yield draw
        return

    def write(state: State) -> None:
        nonlocal next_line
        if clock() >= next_line:
            next_line = clock() + SECONDS_BETWEEN_LINES
            console.print(Text(facts(state)), soft_wrap=True)

    yield write


def write_solved(
    stream: TextIO, experiment: Experiment, found: Sequence[Solved], fmt: RowFormat
) -> None:
    """Write how many episodes each variant took: rounded for people, exact for machines."""
    if fmt == "table":
        columns = ("variant", "published", "solved", "mean [95%]", "median", "all runs at least")
        rows: list[tuple[Any, ...]] = [
            (
                row.title,
                _number(row.published),
                f"{row.solved} of {row.runs}",
                _with_interval(row.mean, row.mean_interval),
                _number(row.median),
                _number(row.lower_bound),
            )
            for row in found
        ]
        stream.write(f"{experiment.title}\n({experiment.source})\n\n")
        write_rows(stream, columns, rows, fmt)
        stream.write("\n")
        stream.writelines(
            f"{row.title}: {_VERDICTS[row.verdict]}\n" for row in found if row.verdict
        )
        return
    exact = (
        *("variant", "published", "runs", "solved", "solved_share_low", "solved_share_high"),
        *("mean", "mean_low", "mean_high", "median", "lower_bound", "bound_low", "bound_high"),
        "verdict",
    )
    write_rows(
        stream,
        exact,
        [
            (
                *(row.title, row.published, row.runs, row.solved, *row.solved_share),
                *(row.mean, *(row.mean_interval or (None, None)), row.median),
                *(row.lower_bound, *(row.bound_interval or (None, None)), row.verdict),
            )
            for row in found
        ],
        fmt,
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _with_interval(value: float | None, interval: Interval | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" + (f" [{interval.low:.0f}, {interval.high:.0f}]" if interval else "")


def write_returns(
    stream: TextIO, experiment: Experiment, found: Sequence[FinalGroup], fmt: RowFormat
) -> None:
    """Write what each variant returned in the end: rounded for people, exact for machines."""
    if fmt == "table":
        stream.write(f"{experiment.title}\n({experiment.source})\n\n")
        rows: list[tuple[Any, ...]] = [
            (
                group.name,
                len(group.finals),
                max(final.step for final in group.finals),
                f"{group.centre:.2f}",
                f"[{group.interval.low:.2f}, {group.interval.high:.2f}]" if group.interval else "-",
            )
            for group in found
        ]
        write_rows(stream, ("variant", "seeds", "steps", "final return", "95%"), rows, fmt)
        return
    columns = ("variant", "runs", "steps", "final_return", "low", "high")
    write_rows(
        stream,
        columns,
        [
            (
                *(group.name, len(group.finals), max(final.step for final in group.finals)),
                *(group.centre, *(group.interval or (None, None))),
            )
            for group in found
        ],
        fmt,
    )
