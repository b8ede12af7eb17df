"""Duplicates within groups of any table.

The JSON object has these keys, and later versions only add to them: ``source`` (the file or
pattern), ``table``, ``group_by`` and ``value`` (arrays of column names), ``nulls`` and ``all_null``
(the policies), ``notes`` (what was not read, sentences), ``clean``, ``rows`` (scanned),
``rows_skipped`` (not compared because of a NULL), ``null_groups`` (rows with a NULL in a group
column), ``null_values`` (further rows with one in a value column), ``null_rows`` (those of both
with nothing but NULLs), ``bad_groups``, ``duplicated_values``, ``extra_rows`` (rows beyond the
first of each value), ``shown`` and ``examples``, an array of ``{"group": {column: value}, "value":
{column: value}, "count": n}``. CSV, JSON lines and Parquet have a row for each duplicated value:
the group's columns, the value's, the count.

A value is shown as it stands in the table, with all its digits. It is a number in JSON where a
number is written like that, else the text.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rlaudit.render.rows import as_parquet, write_rows
from rlaudit.render.terminal import console_for, print_line, print_rows
from rlaudit.render.values import as_text, json_text
from rlaudit.store import unique_names

if TYPE_CHECKING:
    from typing import TextIO

    from rlaudit.auditing import DuplicatedValue, GroupDuplicates
    from rlaudit.render.checks import CheckFormat


def write_groups(stream: TextIO, found: GroupDuplicates, fmt: CheckFormat) -> None:
    """Write ``found`` to ``stream`` in the format ``fmt``."""
    if fmt == "json":
        stream.write(json_text(_as_object(found), indent=2) + "\n")
    elif fmt == "table":
        _write_table(stream, found)
    else:
        write_rows(stream, *_as_rows(found), fmt)


def groups_as_parquet(found: GroupDuplicates) -> bytes:
    """Return the duplicated values of ``found`` as a Parquet file."""
    return as_parquet(*_as_rows(found))


def _as_object(found: GroupDuplicates) -> dict[str, Any]:
    return {
        "source": found.source,
        "table": found.table,
        "group_by": found.group_by,
        "value": found.value,
        "nulls": found.nulls,
        "all_null": found.all_null,
        "notes": found.notes,
        "clean": found.clean,
        "rows": found.rows,
        "rows_skipped": found.rows_skipped,
        "null_groups": found.null_groups,
        "null_values": found.null_values,
        "null_rows": found.null_rows,
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
    columns = unique_names([*found.group_by, *found.value, "count"])
    return columns, [[*e.group, *e.value, e.count] for e in found.examples]


def _write_table(stream: TextIO, found: GroupDuplicates) -> None:
    console = console_for(stream)
    value, group = ", ".join(found.value), ", ".join(found.group_by)
    print_line(console, f"{found.table}: {value} within {group or 'the table'}", "bold")
    figures = [
        ("rows scanned", found.rows),
        ("rows skipped for a NULL", found.rows_skipped),
        *([("groups with duplicates", found.bad_groups)] if found.group_by else []),
        ("duplicated values", found.duplicated_values),
        ("extra rows", found.extra_rows),
    ]
    for name, figure in figures:
        print_line(console, f"{name:<24}{figure:>14,}")
    if found.rows_reported:
        print_line(console, _nulls(found, group, value), "bold red")
    if found.examples:
        print_line(console)
        columns, rows = _as_rows(found)
        print_rows(console, columns, [[_exact(cell) for cell in row] for row in rows])
        print_line(console, f"showing {len(found.examples):,} of {found.duplicated_values:,}")


def _nulls(found: GroupDuplicates, group: str, value: str) -> str:
    parts = []
    if found.nulls == "report":
        if group:
            parts.append(f"NULL in {group}: {found.null_groups:,} rows")
        parts.append(f"NULL in {value}{' only' if group else ''}: {found.null_values:,} rows")
    if found.null_rows:
        parts.append(f"NULL in all of them: {found.null_rows:,} rows")
    return "; ".join(parts)


def _exact(cell: Any) -> Any:
    """Return a value whose digits a table does not round."""
    return as_text(cell) if isinstance(cell, float | Decimal) else cell
