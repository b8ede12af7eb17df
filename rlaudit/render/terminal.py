"""Text for people, on a terminal or in a file.

On a terminal a table that is too wide is shown row by row, one column a line. Anywhere else
nothing is wrapped or cut, whatever the width. Colours follow NO_COLOR, FORCE_COLOR and TERM.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from rlaudit.render.values import human, printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TextIO

# Wider than any line: Rich wraps at its console's width and knows no "never".
_UNBOUNDED = 1_000_000


def console_for(stream: TextIO) -> Console:
    """Return a console that writes to ``stream`` and takes no text for markup."""
    width = None if stream.isatty() else _UNBOUNDED
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def print_line(console: Console, text: str = "", style: str = "") -> None:
    """Write one line; a terminal wraps it at words, everything else gets it whole."""
    console.print(Text(printable(text), style=style), soft_wrap=not console.file.isatty())


def print_rows(console: Console, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a table with numbers to the right, or row by row if the terminal is too narrow."""
    table = plain_table()
    for position, name in enumerate(columns):
        numeric = any(_is_number(row[position]) for row in rows)
        table.add_column(
            Text(printable(name)), justify="right" if numeric else "left", no_wrap=True
        )
    for row in rows:
        table.add_row(*(Text(human(value)) for value in row))
    natural = Measurement.get(console, console.options.update(max_width=_UNBOUNDED), table)
    if console.file.isatty() and natural.maximum > console.width:
        _print_records(console, columns, rows)
    else:
        console.print(table)


def plain_table() -> Table:
    """Return a table with a line under its head and no other lines."""
    return Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))


def _print_records(console: Console, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    width = max(len(name) for name in columns)
    for number, row in enumerate(rows, start=1):
        print_line(console, f"row {number}", "bold")
        for name, value in zip(columns, row, strict=True):
            print_line(console, f"  {name:<{width}}  {human(value)}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
