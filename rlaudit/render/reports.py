"""Reports: the list of them, and the answer of one.

An answer as a table stands under the report's title, run by run where runs have several rows. On a
terminal the columns that it has no room for stand in further tables below, each with the first
column again; those that are too wide even so are left out and named. A single row is shown as one
column a line.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from rich.text import Text

from rlaudit.render.columns import cells_of, heading_of, is_number
from rlaudit.render.harmless import shell_word
from rlaudit.render.rows import write_rows
from rlaudit.render.summary import count
from rlaudit.render.terminal import console_for, print_indented, print_line
from rlaudit.render.values import human

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TextIO

    from rich.console import Console

    from rlaudit.auditing import Answer
    from rlaudit.render.rows import RowFormat
    from rlaudit.sqlfiles import ParamValue, ReportFile

_GAP = 2
_DIGITS = 4
# A name of so few characters is not broken.
_SHORT = 8


def write_report_list(stream: TextIO, reports: Sequence[ReportFile]) -> None:
    """Write name and title of each report, and the parameters that it has."""
    console = console_for(stream)
    width = max((len(report.name) for report in reports), default=0)
    for report in reports:
        before = f"{report.name:<{width}}  "
        params = ", ".join(param.name for param in report.params)
        title = f"{report.title}; -p {params}" if params else report.title
        print_indented(console, f"{before}{title}", indent=0, hang=len(before))
    print_line(console)
    print_line(
        console,
        f"{count(len(reports), 'report')}; rlaudit report run NAME LOG answers one, with "
        "-p NAME=VALUE for a parameter; rlaudit report show NAME prints its SQL, where the "
        "parameters have their defaults and bounds",
    )


def write_answer(stream: TextIO, answer: Answer, fmt: RowFormat) -> None:
    """Write the rows of a report in the format ``fmt``."""
    report, rows = answer.report, answer.rows
    if fmt != "table":
        write_rows(stream, rows.columns, rows, fmt)
        return
    console = console_for(stream)
    print_line(console, report.title, "bold")
    if set_by := [_option(name, value) for name, value in answer.values.items()]:
        print_line(console, f"with {' '.join(set_by)}", "dim")
    found = list(rows)
    hidden: list[str] = []
    for run, columns, part in _parts(rows.columns, found):
        print_line(console)
        if run is not None:
            print_line(console, f"run {run}", "bold")
        hidden = _write_table(console, columns, part) or hidden
    if hidden:
        print_line(console)
        print_line(console, f"no room for {', '.join(hidden)}; --format csv has all columns")
    if found and report.reading:
        print_line(console)
        print_line(console, f"how to read it: {report.reading}", "dim")


def _option(name: str, value: ParamValue) -> str:
    """Return the option that sets a parameter to ``value``."""
    text = str(value).lower() if isinstance(value, bool) or value is None else str(value)
    return f"-p {name}={shell_word(text)}"


def _parts(
    columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> list[tuple[str | None, Sequence[str], list[Sequence[Any]]]]:
    """Return run, columns and rows of each table: one a run, or one in all if a run is a row."""
    if not rows:
        return []
    if columns[0] != "run_id" or len({row[0] for row in rows}) == len(rows) > 1:
        return [(None, columns, list(rows))]
    return [
        (human(run), columns[1:], [row[1:] for row in part])
        for run, part in itertools.groupby(rows, key=lambda row: row[0])
    ]


def _write_table(
    console: Console, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> list[str]:
    """Write one table; return the columns that a terminal has no room for."""
    blocks = [
        _block(name, [row[position] for row in rows]) for position, name in enumerate(columns)
    ]
    if len(rows) == 1:
        width = max(map(cell_len, columns))
        for name, block in zip(columns, blocks, strict=True):
            print_line(console, f"{name:<{width}}{' ' * _GAP}{block.cells[0].strip()}")
        return []
    room = console.width if console.file.isatty() else None
    tables, hidden = _fitted([block.width for block in blocks], room)
    for number, positions in enumerate(tables):
        if number > 0:
            print_line(console)
        shown = [blocks[position] for position in positions]
        for line in _lines([block.head for block in shown], shown):
            console.print(Text(line, style="bold"), soft_wrap=True)
        for line in _lines([block.cells for block in shown], shown):
            console.print(Text(line), soft_wrap=True)
    return [columns[position] for position in hidden]


def _fitted(widths: Sequence[int], room: int | None) -> tuple[list[list[int]], list[int]]:
    """Return the positions of the columns of each table, and of those that fit into none.

    A table of ``room`` columns of characters (None: any number) begins with the first of them.
    """
    tables, hidden = [[0]], []
    for position in range(1, len(widths)):
        if room is not None and widths[0] + _GAP + widths[position] > room:
            hidden.append(position)
            continue
        used = sum(widths[other] + _GAP for other in tables[-1])
        if room is not None and used + widths[position] > room:
            tables.append([0])
        tables[-1].append(position)
    return tables, hidden


class _Block(NamedTuple):
    """One column: the lines of its head and of its cells, none wider than ``width``."""

    head: list[str]
    cells: list[str]
    width: int
    numeric: bool

    def padded(self, text: str) -> str:
        blanks = " " * (self.width - cell_len(text))
        return blanks + text if self.numeric else text + blanks


def _block(name: str, values: Sequence[Any]) -> _Block:
    cells = cells_of(name, values, digits=_DIGITS, commas=True)
    head = heading_of(name, max(_SHORT, *map(cell_len, cells)))
    width = max(map(cell_len, (*head, *cells)))
    return _Block(head, cells, width, any(map(is_number, values)))


def _lines(columns: Sequence[list[str]], blocks: Sequence[_Block]) -> list[str]:
    """Return the lines of ``columns`` side by side; the shorter of them end on the last line."""
    height = max(map(len, columns))
    filled = [[""] * (height - len(texts)) + texts for texts in columns]
    return [
        (" " * _GAP)
        .join(block.padded(text) for block, text in zip(blocks, line, strict=False))
        .rstrip()
        for line in zip(*filled, strict=True)
    ]
