"""Duplicates within groups of any table.

The JSON object has these keys, and later versions only add to them: ``source`` (the file or
glob), ``table``, ``group_by`` and ``value`` (arrays of column names), ``nulls`` (the policy),
``clean``, ``rows`` (scanned), ``rows_skipped`` (not compared because of a NULL), ``null_groups``
(rows with a NULL in a group column), ``null_values`` (further rows with one in a value column),
``bad_groups``, ``duplicated_values``, ``extra_rows`` (rows beyond the first of each value),
``shown`` and ``examples``, an array of ``{"group": {column: value}, "value": {column: value},
"count": n}``. CSV has one line a duplicated value: the group's columns, the value's, the count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rlaudit.render.rows import write_csv
from rlaudit.render.terminal import console_for, print_line, print_rows
from rlaudit.render.values import json_text

if TYPE_CHECKING:
    from typing import TextIO

    from rlaudit.auditing import DuplicatedValue, GroupDuplicates
    from rlaudit.render.checks import CheckFormat


def write_groups(stream: TextIO, found: GroupDuplicates, fmt: CheckFormat) -> None:
    """Write ``found`` to ``stream`` in the format ``fmt``."""
    if fmt == "json":
        stream.write(json_text(_as_object(found), indent=2) + "\n")
    elif fmt == "csv":
        write_csv(stream, *_as_rows(found))
    else:
        _write_table(stream, found)


def _as_object(found: GroupDuplicates) -> dict[str, Any]:
    return {
        "source": found.source,
        "table": found.table,
        "group_by": found.group_by,
        "value": found.value,
        "nulls": found.nulls,
        "clean": found.clean,
        "rows": found.rows,
        "rows_skipped": found.rows_skipped,
        "null_groups": found.null_groups,
        "null_values": found.null_values,
        "bad_groups": found.bad_groups,
        "duplicated_values": found.duplicated_values,
        "extra_rows": found.extra_rows,
        "shown": len(found.examples),
        "examples": [_example(found, example) for example in found.examples],
    }


def _example(found: GroupDuplicates, example: DuplicatedValue) -> dict[str, Any]:
    return {
        "group": dict(zip(found.group_by, example.group, strict=True)),
        "value": dict(zip(found.value, example.value, strict=True)),
        "count": example.count,
    }


def _as_rows(found: GroupDuplicates) -> tuple[list[str], list[list[Any]]]:
    columns = [*found.group_by, *found.value, "count"]
    return columns, [[*e.group, *e.value, e.count] for e in found.examples]


def _write_table(stream: TextIO, found: GroupDuplicates) -> None:
    console = console_for(stream)
    value, group = ", ".join(found.value), ", ".join(found.group_by)
    print_line(console, f"{found.table}: {value} within {group}", "bold")
    figures = [
        ("rows scanned", found.rows),
        ("rows skipped for a NULL", found.rows_skipped),
        ("groups with duplicates", found.bad_groups),
        ("duplicated values", found.duplicated_values),
        ("extra rows", found.extra_rows),
    ]
    for name, figure in figures:
        print_line(console, f"{name:<24}{figure:>14,}")
    if found.nulls == "report" and found.rows_skipped:
        print_line(
            console,
            f"NULL in {group}: {found.null_groups:,} rows; "
            f"NULL in {value} only: {found.null_values:,} rows",
            "bold red",
        )
    if found.examples:
        print_line(console)
        print_rows(console, *_as_rows(found))
        print_line(console, f"showing {len(found.examples):,} of {found.duplicated_values:,}")
