"""Progress and summary of a training run, on stderr."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from rlaudit.render.harmless import printable, shell_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from rlaudit.train.progress import Progress, Summary

# Lines without a terminal go to files that people read later: one every so often is enough.
SECONDS_BETWEEN_LINES = 10.0


class TrainingDisplay(Protocol):
    """Shows progress until it is left."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop, and leave the terminal as it was."""

    def show(self, progress: Progress) -> None:
        """Show the newest state."""

    def note(self, message: str) -> None:
        """Show a line that stays."""


def training_display(console: Console | None = None) -> TrainingDisplay:
    """Return a live display on a terminal and plain lines elsewhere."""
    console = console or Console(stderr=True, highlight=False)
    live = console.is_terminal and not console.is_dumb_terminal
    return _LiveDisplay(console) if live else _LineDisplay(console)


class _LiveDisplay:
    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, progress: Progress) -> None:
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_row(
            ProgressBar(total=progress.steps, completed=progress.env_step, width=34),
            Text(f"{progress.env_step:,}/{progress.steps:,} steps"),
            Text(f"ETA {_eta(progress)}"),
        )
        facts = Text(_facts(progress), style="dim", no_wrap=True, overflow="ellipsis")
        both = Table.grid()
        both.add_row(grid)
        both.add_row(facts)
        self._live.update(both, refresh=True)

    def note(self, message: str) -> None:
        self._live.console.print(Text(printable(message)))


class _LineDisplay:
    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._next_line = -math.inf

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, progress: Progress) -> None:
        if self._clock() < self._next_line:
            return
        self._next_line = self._clock() + SECONDS_BETWEEN_LINES
        self.note(
            f"step {progress.env_step:,}/{progress.steps:,}  ETA {_eta(progress)}  "
            f"{_facts(progress)}"
        )

    def note(self, message: str) -> None:
        self._console.print(Text(printable(message)), soft_wrap=True)


def _facts(progress: Progress) -> str:
    parts = [f"{progress.steps_per_second:,.0f} steps/s"]
    if not math.isnan(progress.mean_return):
        parts.append(f"return {progress.mean_return:.2f}")
    parts.append(f"episodes {progress.episodes:,}")
    if not math.isnan(progress.loss):
        parts.append(f"loss {progress.loss:.4g}")
    parts.append(f"rows {progress.rows_logged:,}")
    return "  ".join(parts)


def _eta(progress: Progress) -> str:
    if progress.steps_per_second <= 0:
        return "-:--"
    return duration((progress.steps - progress.env_step) / progress.steps_per_second)


def duration(seconds: float) -> str:
    """Return ``seconds`` as h:mm:ss, or m:ss below an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def summary_lines(summary: Summary, db: str | None) -> list[str]:
    """Return the lines that end a run; ``db`` is None where nothing was logged."""
    final = summary.final
    what = {"finished": "finished", "interrupted": "was interrupted", "failed": "failed"}
    lines = [
        f"run {summary.run_id} {what[summary.state]} after {final.env_step:,} steps",
        (
            f"{final.episodes:,} episodes, {final.updates:,} updates, "
            f"{duration(final.elapsed_seconds)}"
        ),
    ]
    if not math.isnan(final.mean_return):
        lines.append(
            f"last {min(final.episodes, 100)} episodes: mean return {final.mean_return:.2f}, "
            f"mean length {summary.mean_length:.1f} steps"
        )
    if db is not None:
        lines += _log_lines(summary, db)
    return lines


def _log_lines(summary: Summary, db: str) -> list[str]:
    share = summary.recorder_cpu_seconds / max(summary.process_cpu_seconds, 1e-9)
    lines = [
        (
            f"log: {sum(summary.rows_written.values()):,} rows in {db}, "
            f"{summary.recorder_cpu_seconds:.1f} of {summary.process_cpu_seconds:.1f} CPU seconds "
            f"({share:.1%})"
        )
    ]
    if spooled := sum(summary.rows_spooled.values()):
        lines.append(
            f"{spooled:,} rows are in {db}.spool, because another process kept {db} open; "
            "the next run that writes to it takes them in"
        )
    if dropped := sum(summary.rows_dropped.values()):
        lines.append(f"{dropped:,} rows could not be written and are lost")
    return [*lines, f"next: rlaudit audit {shell_path(db)}"]
