"""Text for people, on a terminal or in a file.

On a terminal a table that is too wide is shown row by row, one column a line. Anywhere else
nothing is wrapped or cut, whatever the width. Colours follow NO_COLOR, FORCE_COLOR and TERM.

Names are made printable before they are laid out. No line that comes of it, whatever was broken
where, commands a CI runner: :func:`console_for` sees to that.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, cast

from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rlaudit.render.columns import cells_of, is_number
from rlaudit.render.harmless import printable, without_commands
from rlaudit.render.values import human

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Literal, TextIO

# Between two columns of a table.
_GAP = 2
# A value in a sample: run ids and hashes are recognised by their beginning.
_LONGEST_VALUE = 24

# Wider than any line: Rich wraps at its console's width and knows no "never".
_UNBOUNDED = 1_000_000


class _Guarded:
    """A stream for whole lines that command no CI runner."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        return self._stream.write(without_commands(text))


def console_for(stream: TextIO) -> Console:
    """Return a console that writes to ``stream`` and takes no text for markup."""
    width = None if stream.isatty() else _UNBOUNDED
    guarded = cast("TextIO", _Guarded(stream))
    return Console(file=guarded, width=width, highlight=False, markup=False, emoji=False)


def print_line(console: Console, text: str = "", style: str = "") -> None:
    """Write one line; a terminal wraps it at words, everything else gets it whole."""
    console.print(Text(printable(text), style=style), soft_wrap=not console.file.isatty())


def print_indented(
    console: Console,
    text: str,
    style: str = "",
    *,
    indent: int = 2,
    hang: int = 0,
    wrap: bool = True,
) -> None:
    """Write a line moved to the right, and on a terminal the lines that it wraps into as well.

    Those go ``hang`` further to the right than the first.
    """
    lines = [" " * indent + printable(text)]
    if wrap and console.file.isatty():
        lines = textwrap.wrap(
            lines[0],
            width=console.width,
            subsequent_indent=" " * (indent + hang),
            break_on_hyphens=False,
        )
    for line in lines:
        console.print(Text(line, style=style), soft_wrap=True)


def print_sample(
    console: Console, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], *, indent: int = 2
) -> list[str]:
    """Write a table of ``rows`` and return the columns that a narrow terminal has no room for.

    On a terminal long values are cut; the first column is always there.
    """
    bounded = console.file.isatty()
    cells = {name: [_cut(human(row[name]), bounded) for row in rows] for name in columns}
    room = console.width - indent
    shown: list[str] = []
    for name in columns:
        room -= max(len(printable(name)), *map(len, cells[name])) + _GAP
        # The gap behind the last column may stand beyond the edge.
        if shown and bounded and room + _GAP < 0:
            break
        shown.append(name)
    table = plain_table()
    for name in shown:
        numeric = any(is_number(row[name]) for row in rows)
        justify: Literal["left", "right"] = "right" if numeric else "left"
        table.add_column(Text(printable(name)), justify=justify, no_wrap=True)
    for position in range(len(rows)):
        table.add_row(*(Text(cells[name][position]) for name in shown))
    console.print(Padding(table, (0, 0, 0, indent), expand=False))
    return [name for name in columns if name not in shown]


def print_rows(console: Console, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a table with numbers to the right, or row by row if the terminal is too narrow."""
    table = plain_table()
    cells = []
    for position, name in enumerate(columns):
        values = [row[position] for row in rows]
        texts, head = cells_of(name, values), printable(name)
        if any(map(is_number, values)):
            # Not by Rich's own justification, which takes the blanks behind a figure away.
            width = max(map(cell_len, (head, *texts)))
            texts, head = [text.rjust(width) for text in texts], head.rjust(width)
        cells.append(texts)
        table.add_column(Text(head), no_wrap=True)
    for line in zip(*cells, strict=True):
        table.add_row(*map(Text, line))
    natural = Measurement.get(console, console.options.update(max_width=_UNBOUNDED), table)
    if console.file.isatty() and natural.maximum > console.width:
        _print_records(console, columns, rows)
    else:
        console.print(table)


def plain_table() -> Table:
    """Return a table with a line under its head and no other lines."""
    return Table(box=None, header_style="bold", pad_edge=False, padding=(0, _GAP, 0, 0))


def _print_records(console: Console, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    width = max(len(name) for name in columns)
    for number, row in enumerate(rows, start=1):
        print_line(console, f"row {number}", "bold")
        for name, value in zip(columns, row, strict=True):
            print_line(console, f"  {name:<{width}}  {human(value)}")


def _cut(text: str, bounded: bool) -> str:
    return f"{text[: _LONGEST_VALUE - 1]}…" if bounded and len(text) > _LONGEST_VALUE else text
