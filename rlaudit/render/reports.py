"""Reports: the list of them, and the answer of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rlaudit.render.rows import write_rows
from rlaudit.render.summary import count
from rlaudit.render.terminal import console_for, print_indented, print_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from rlaudit.auditing import Answer
    from rlaudit.render.rows import RowFormat
    from rlaudit.sqlfiles import ReportFile


def write_report_list(stream: TextIO, reports: Sequence[ReportFile]) -> None:
    """Write name and title of each report."""
    console = console_for(stream)
    width = max((len(report.name) for report in reports), default=0)
    for report in reports:
        before = f"{report.name:<{width}}  "
        print_indented(console, f"{before}{report.title}", indent=0, hang=len(before))
    print_line(console)
    print_line(
        console,
        f"{count(len(reports), 'report')}; rlaudit report run NAME SOURCE answers one, "
        "rlaudit report show NAME prints its SQL",
    )


def write_answer(stream: TextIO, answer: Answer, fmt: RowFormat) -> None:
    """Write the rows of a report in the format ``fmt``.

    As a table they stand between the report's title and what to make of them.
    """
    report, rows = answer.report, answer.rows
    if fmt != "table":
        write_rows(stream, rows.columns, rows, fmt)
        return
    console = console_for(stream)
    found = list(rows)
    print_line(console, f"{report.name}: {report.title}", "bold")
    if found:
        print_line(console)
        write_rows(stream, rows.columns, found, fmt)
        if report.reading:
            print_line(console)
            print_line(console, report.reading, "dim")
