"""Rows of a query in one of five formats.

``json`` is an array of objects, ``jsonl`` one object a line; both have one key a column. ``csv``
has a head line, commas and CRLF (RFC 4180). ``markdown`` is a table in GitHub's form. These four
are written while the rows come in; ``table`` is for people. The first two are exact. In ``csv`` a
text that a spreadsheet would run has an apostrophe before it, and in ``markdown`` a text that would
be markup has escapes; see :mod:`rlaudit.render.harmless`.
"""

from __future__ import annotations

import contextlib
import csv
from functools import partial
from typing import TYPE_CHECKING, Literal

from rlaudit.render.harmless import csv_cell, markdown
from rlaudit.render.terminal import console_for, print_rows
from rlaudit.render.values import as_text, human, json_text
from rlaudit.store import unique_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, TextIO

RowFormat = Literal["table", "json", "jsonl", "csv", "markdown"]


def write_rows(
    stream: TextIO, columns: Sequence[str], rows: Iterable[Sequence[Any]], fmt: RowFormat
) -> None:
    """Write ``rows`` to ``stream`` in the format ``fmt``."""
    match fmt:
        case "table":
            print_rows(console_for(stream), columns, list(rows))
        case "json":
            _write_json(stream, columns, rows)
        case "jsonl":
            names = unique_names(columns)
            stream.writelines(json_text(dict(zip(names, row, strict=True))) + "\n" for row in rows)
        case "csv":
            write_csv(stream, columns, rows)
        case "markdown":
            _write_markdown(stream, columns, rows)


def write_csv(stream: TextIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write ``rows`` as CSV under a head line; NULL is an empty cell."""
    writer = csv.writer(stream)
    text = partial(csv_cell, on_terminal=stream.isatty())
    writer.writerow(map(text, columns))
    # Numbers, times and the JSON of nested values do nothing.
    writer.writerows(
        [text(value) if isinstance(value, str) else as_text(value) for value in row] for row in rows
    )


def as_parquet(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Return ``rows`` as a Parquet file; a column of values of several types is one of text."""
    import pyarrow as pa  # noqa: PLC0415 - slow to import, and one format needs it
    import pyarrow.parquet as pq  # noqa: PLC0415

    cells = list(zip(*rows, strict=True)) or [()] * len(columns)
    arrays = [_arrow_column(column) for column in cells]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(arrays, names=unique_names(columns)), sink)
    return bytes(sink.getvalue())


def _arrow_column(cells: Sequence[Any]) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - as above

    types = {type(cell) for cell in cells if cell is not None}
    if len(types) <= 1:
        # What Arrow cannot hold: integers of more than 64 bits, nested values of several types.
        with contextlib.suppress(pa.ArrowException, OverflowError):
            return pa.array(cells)
    texts = [None if cell is None else as_text(cell) for cell in cells]
    return pa.array(
        [text and text.encode(errors="backslashreplace") for text in texts], pa.string()
    )


def _write_json(stream: TextIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    names = unique_names(columns)
    between = "[\n"
    for row in rows:
        stream.write(f"{between}  {json_text(dict(zip(names, row, strict=True)))}")
        between = ",\n"
    stream.write("[]\n" if between == "[\n" else "\n]\n")


def _write_markdown(stream: TextIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    stream.write(f"| {' | '.join(map(_markdown_cell, columns))} |\n")
    stream.write(f"|{' --- |' * len(columns)}\n")
    stream.writelines(f"| {' | '.join(map(_markdown_cell, row))} |\n" for row in rows)


def _markdown_cell(value: object) -> str:
    if value is None:
        return human(value)
    text = as_text(value)
    return text if isinstance(value, int | float) else markdown(text)
