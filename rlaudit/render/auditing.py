"""Progress of an audit, on stderr and only on a terminal: an audit takes seconds."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from rlaudit.render.harmless import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BAR = 20


@contextlib.contextmanager
def audit_display(
    console: Console | None = None,
) -> Iterator[Callable[[int, int, str, str], None]]:
    """Give a function to be called with checks done, all checks, the next one, and the log."""
    console = console or Console(stderr=True, highlight=False)
    if not console.is_terminal or console.is_dumb_terminal:
        yield lambda *_: None
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def show(done: int, total: int, check: str, source: str) -> None:
            live.update(_line(done, total, check, source), refresh=True)

        yield show


def _line(done: int, total: int, check: str, source: str) -> Table:
    counted = f"check {min(done + 1, total)} of {total}"
    grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
    grid.add_column(width=_BAR)
    grid.add_column(width=len(counted))
    # Names give way to the figures where a line is too short for both.
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    grid.add_row(
        ProgressBar(total=total, completed=done, width=_BAR),
        Text(counted),
        Text(printable(f"{check}  {source}".strip()), style="dim"),
    )
    return grid
