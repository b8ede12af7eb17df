"""Columns of CSV files as the texts that stand in them.

Types are not sniffed: a guess from the first rows can be wrong, and one from all rows costs more
than reading them. What is wanted are a few columns, as they are written.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from rlaudit.errors import DatabaseError
from rlaudit.store import first_line
from rlaudit.tables.names import find_column, no_column, positions_of, refuse_twice

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from duckdb import DuckDBPyConnection

    from rlaudit.tables.data_files import DataFile

_DELIMITERS = (",", ";", "\t", "|")
_NAMED_BY_NUMBER = re.compile(r"column(\d+)")
# A cell of a CSV file may be a whole document; Python's own limit is 128 KiB.
_LONGEST_CELL = 1 << 30
# A row must fit into a block; the second is for rows that do not fit into the first.
_BLOCKS = (1 << 24, 1 << 30)


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a file is to be read: ``wanted`` are positions, ``lines`` how many the header takes."""

    delimiter: str
    width: int
    lines: int
    wanted: tuple[int, ...]


def load_csv(con: DuckDBPyConnection, files: Sequence[DataFile], names: Sequence[str]) -> str:
    """Load the columns ``names`` of ``files`` into a table, as texts c0, c1, ..., and name it.

    A header is taken for one if it has the names; ``column0``, ``column1`` and so on are the
    columns of a file without one. The delimiter is the one under which that holds. An empty cell is
    NULL. A blank line is no row, and every other line must have as many values as the first.

    Raises :class:`UsageError` for a name that a file does not have, or has twice, and
    :class:`DatabaseError` for a file that is no CSV, with the line.
    """
    columns = ", ".join(f"c{i} VARCHAR" for i in range(len(names)))
    con.execute(f"CREATE TEMP TABLE csv_rows({columns})")
    for file in files:
        layout = _layout(file, names)
        if layout is not None:
            _load(con, file, layout)
    return "csv_rows"


def _layout(file: DataFile, names: Sequence[str]) -> _Layout | None:
    """Return how to read ``file``; None if it has no rows."""
    delimiters = ("\t",) if file.format == "tsv" else _DELIMITERS
    headers = {delimiter: _first_row(file, delimiter) for delimiter in delimiters}
    # Of two that cut the first line into equally many, the comma comes first.
    widest = max(headers, key=lambda delimiter: len(headers[delimiter].cells))
    if not headers[widest].cells:
        raise DatabaseError(f"{file.name} is empty", hint="it has not even a line of names")
    fits = [d for d in delimiters if all(find_column(headers[d].cells, n) for n in names)]
    if fits:
        delimiter = max(fits, key=lambda d: len(headers[d].cells))
        header = headers[delimiter]
        wanted = positions_of(file.name, header.cells, names)
        if header.only:
            return None
        return _Layout(delimiter, len(header.cells), header.last_line, tuple(wanted))
    cells = headers[widest].cells
    numbers = [int(found[1]) for found in map(_NAMED_BY_NUMBER.fullmatch, names) if found]
    if len(numbers) < len(names):
        missing = [name for name in names if not find_column(cells, name)]
    else:
        missing = [name for name, n in zip(names, numbers, strict=True) if n >= len(cells)]
    if missing:
        hint = f"without a header its columns are column0 to column{len(cells) - 1}"
        raise no_column(file.name, missing[0], cells, hint=hint)
    refuse_twice(numbers, names)
    return _Layout(widest, len(cells), 0, tuple(numbers))


@dataclass(frozen=True, slots=True)
class _FirstRow:
    """The first row of a file, the line on which it ends, and whether no other follows."""

    cells: list[str]
    last_line: int
    only: bool


def _first_row(file: DataFile, delimiter: str) -> _FirstRow:
    with contextlib.closing(_rows(file, delimiter, strict=False)) as rows:
        first = next(rows, None)
        if first is None:
            return _FirstRow([], 0, only=True)
        return _FirstRow(first.cells, first.last_line, only=next(rows, None) is None)


def _load(con: DuckDBPyConnection, file: DataFile, layout: _Layout) -> None:
    """Append the rows of ``file`` to the table ``csv_rows``."""
    # Arrow does not mind a quote that is never closed, and reads all rows behind it as one value.
    if _has_quotes(file):
        _refuse_malformed(file, layout)
    for block in _BLOCKS:
        try:
            _insert(con, file, layout, block)
        except (ValueError, duckdb.Error) as error:  # Arrow's errors are ValueErrors
            if "straddling object" in str(error) and block != _BLOCKS[-1]:
                continue
            _refuse_malformed(file, layout)
            raise DatabaseError(
                f"cannot read {file.name}: {first_line(error)}", hint="check the file"
            ) from error
        return


def _insert(con: DuckDBPyConnection, file: DataFile, layout: _Layout, block: int) -> None:
    import pyarrow as pa  # noqa: PLC0415 - slow to import, and no other command needs it
    from pyarrow import csv as arrow  # noqa: PLC0415

    names = [f"f{i}" for i in range(layout.width)]
    wanted = [names[position] for position in layout.wanted]
    with file.open() as stream, _in_one_piece(con):
        reader = arrow.open_csv(
            stream,
            # Threads would only get in the way of those of DuckDB.
            arrow.ReadOptions(
                column_names=names, skip_rows=layout.lines, block_size=block, use_threads=False
            ),
            arrow.ParseOptions(delimiter=layout.delimiter, newlines_in_values=True),
            arrow.ConvertOptions(
                include_columns=wanted,
                column_types=dict.fromkeys(wanted, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
        con.register("csv_file", reader)
        try:
            con.execute("INSERT INTO csv_rows FROM csv_file")
        finally:
            con.unregister("csv_file")


@contextlib.contextmanager
def _in_one_piece(con: DuckDBPyConnection) -> Iterator[None]:
    con.begin()
    with contextlib.ExitStack() as undone:
        undone.callback(con.rollback)
        yield
        undone.pop_all()
    con.commit()


def _has_quotes(file: DataFile) -> bool:
    with file.open() as stream:
        return any(b'"' in block for block in iter(lambda: stream.read(1 << 20), b""))


def _refuse_malformed(file: DataFile, layout: _Layout) -> None:
    """Raise :class:`DatabaseError` for the first row that is not as wide as the first, if any."""
    for row in _rows(file, layout.delimiter, strict=True):
        if len(row.cells) != layout.width:
            count = f"{len(row.cells)} value{'' if len(row.cells) == 1 else 's'}"
            raise DatabaseError(
                f"{file.name}, line {row.first_line}: {count} where the first line has "
                f"{layout.width}",
                hint="mend the line, or put a value that has a delimiter in it in double quotes",
            )


@dataclass(frozen=True, slots=True)
class _Row:
    cells: list[str]
    first_line: int
    last_line: int


def _rows(file: DataFile, delimiter: str, *, strict: bool) -> Generator[_Row]:
    """Give the rows of ``file``, blank lines left out, with the lines on which they stand.

    Raises :class:`DatabaseError` for text that is not UTF-8, and with ``strict`` for quotes that
    are not closed or closed within a value.
    """
    csv.field_size_limit(_LONGEST_CELL)
    with file.open() as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        reader = csv.reader(text, delimiter=delimiter, strict=strict)
        last = 0
        try:
            for cells in reader:
                if cells:
                    yield _Row(cells, last + 1, reader.line_num)
                last = reader.line_num
        except csv.Error as error:
            raise DatabaseError(
                f"{file.name}, line {last + 1}: {_meaning(error)}", hint="mend the line"
            ) from error
        except UnicodeDecodeError as error:
            raise DatabaseError(
                f"{file.name}, line {_first_not_utf8(file)}: the text is not UTF-8",
                hint="save the file as UTF-8",
            ) from error
        finally:
            text.detach()


def _meaning(error: csv.Error) -> str:
    if "unexpected end of data" in str(error):
        return "a double quote is opened here and never closed"
    if "expected after" in str(error):
        return "a double quote is closed within a value"
    return str(error)


def _first_not_utf8(file: DataFile) -> int:
    with file.open() as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1
