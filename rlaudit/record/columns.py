"""Rows of one table as they arrive: one preallocated column for each of the table's.

The types come from ``sql/schema/raw.sql`` by way of DuckDB. A NULL is kept in a mask beside its
column, so that a NaN stays a NaN; a mask is allocated when the first NULL arrives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.ma import MaskedArray

from rlaudit.record.texts import as_text, text_column
from rlaudit.store import table_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

# The recorder adds these two when it writes.
_ADDED = ("run_id", "segment_id")

_TEXT = ("VARCHAR", "JSON")
_DTYPES: Mapping[str, np.dtype[Any]] = {
    "BIGINT": np.dtype(np.int64),
    "INTEGER": np.dtype(np.int32),
    "UBIGINT": np.dtype(np.uint64),
    "DOUBLE": np.dtype(np.float64),
    "FLOAT": np.dtype(np.float32),
    "BOOLEAN": np.dtype(np.bool_),
    "TIMESTAMP": np.dtype(np.int64),  # microseconds since 1970, UTC
}


def column_names(table: str) -> tuple[str, ...]:
    """Return the columns of ``raw.<table>`` that a row brings along."""
    return tuple(name for name in table_columns()[table] if name not in _ADDED)


class Columns:
    """Room for ``capacity`` rows of one table.

    Timestamps are integers here: microseconds since 1970, UTC.
    """

    __slots__ = ("_arrays", "_kinds", "_masks", "_slots", "capacity", "count", "names", "table")

    def __init__(self, table: str, capacity: int) -> None:
        self.table = table
        self.capacity = capacity
        self.count = 0
        self.names = column_names(table)
        self._kinds = [table_columns()[table][name] for name in self.names]
        self._arrays: list[Any] = [
            [None] * capacity if kind in _TEXT else np.empty(capacity, _DTYPES[kind])
            for kind in self._kinds
        ]
        # Setting one item through a memoryview takes two thirds of the time that numpy takes,
        # and refuses a float for an integer column.
        self._slots: list[Any] = [
            _TextSlots(array) if isinstance(array, list) else array.data for array in self._arrays
        ]
        self._masks: dict[int, NDArray[np.bool_]] = {}

    @property
    def room(self) -> int:
        """Rows that still fit."""
        return self.capacity - self.count

    @property
    def nbytes(self) -> int:
        """Bytes that the rows take, texts estimated."""
        sizes = (64 if isinstance(a, list) else a.itemsize for a in self._arrays)
        return self.count * (sum(sizes) + len(self._masks))

    def append(self, row: Sequence[Any]) -> None:
        """Add one row, a value for each of ``names``; None is NULL. There must be room for it.

        Raises :class:`TypeError` or :class:`ValueError` for a value that its column cannot hold;
        nothing is added then.
        """
        count = self.count
        try:
            for position, (slot, value) in enumerate(zip(self._slots, row, strict=True)):
                if value is None:
                    self._set_null(position, count, count + 1)
                else:
                    slot[count] = value
        except BaseException:  # Ctrl-C as well: half a row must leave no NULL behind
            self._forget_nulls()
            raise
        self.count = count + 1

    def extend(self, count: int, values: Iterable[Any]) -> None:
        """Add ``count`` rows: for each of ``names`` an array of shape (count,), a scalar or None.

        None is NULL in all rows; a masked array is NULL where it is masked. There must be room.
        Raises :class:`ValueError` for an array of another shape; nothing is added then.
        """
        start, stop = self.count, self.count + count
        where = slice(start, stop)
        position = -1
        try:
            for array, value in zip(self._arrays, values, strict=True):
                position += 1
                if value is None:
                    self._set_null(position, start, stop)
                elif array.__class__ is list:
                    array[where] = [value] * count if isinstance(value, str) else list(value)
                else:
                    array[where] = value
                    if value.__class__ is MaskedArray:
                        self._mask(position)[where] = np.ma.getmaskarray(value)
        except BaseException:  # Ctrl-C as well: half a row must leave no NULL behind
            self._forget_nulls()
            raise
        self.count = stop

    def to_arrow(self) -> pa.Table:
        """Return the rows so far; numeric columns without NULL are not copied."""
        count = self.count
        arrays = []
        for position, (kind, array) in enumerate(zip(self._kinds, self._arrays, strict=True)):
            mask = self._masks.get(position)
            if isinstance(array, list):
                arrays.append(pa.array(array[:count], type=pa.string()))
                continue
            values = array[:count]
            if kind == "TIMESTAMP":
                values = values.view("datetime64[us]")
            arrays.append(pa.array(values, mask=None if mask is None else mask[:count]))
        return pa.Table.from_arrays(arrays, names=list(self.names))

    def _set_null(self, position: int, start: int, stop: int) -> None:
        array = self._arrays[position]
        if isinstance(array, list):
            array[start:stop] = [None] * (stop - start)
        else:
            self._mask(position)[start:stop] = True

    def _mask(self, position: int) -> NDArray[np.bool_]:
        mask = self._masks.get(position)
        if mask is None:
            mask = self._masks[position] = np.zeros(self.capacity, np.bool_)
        return mask

    def _forget_nulls(self) -> None:
        """Undo what a row that could not be added left in the masks."""
        for mask in self._masks.values():
            mask[self.count :] = False


class _TextSlots:
    """A column of texts, into which nothing else can be set."""

    __slots__ = ("_texts",)

    def __init__(self, texts: list[str | None]) -> None:
        self._texts = texts

    def __setitem__(self, position: int, text: object) -> None:
        self._texts[position] = as_text(text)


def check_columns(table: str, count: int, columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``columns`` as arrays and scalars that :meth:`Columns.extend` takes.

    Integers of any width and sign may go into any integer column (a hash may come as int64).
    Raises :class:`ValueError` for a name that the table lacks, another length than ``count``, a
    ``count`` that is none, or a type that the column cannot hold.
    """
    if not isinstance(count, int | np.integer) or count < 0:
        raise ValueError(f"{count!r} is no number of rows")
    kinds = {name: table_columns()[table][name] for name in column_names(table)}
    checked: dict[str, Any] = {}
    for name, value in columns.items():
        if name not in kinds:
            raise ValueError(f"raw.{table} has no column {name!r}; it has {', '.join(kinds)}")
        if value is None:
            checked[name] = None
            continue
        if kinds[name] in _TEXT:
            try:
                checked[name] = text_column(value, count, json_wanted=kinds[name] == "JSON")
            except ValueError as error:
                raise ValueError(f"{table}.{name} {error}") from None
            continue
        array = value if isinstance(value, np.ndarray) else np.asarray(value)
        if array.shape not in {(), (count,)}:
            raise ValueError(f"{table}.{name} has shape {array.shape}, not ({count},)")
        dtype = _DTYPES[kinds[name]]
        if array.dtype.kind == "M" and kinds[name] == "TIMESTAMP":
            array = array.astype("datetime64[us]").view(np.int64)
        both_integers = array.dtype.kind in "iu" and dtype.kind in "iu"
        if not both_integers and not np.can_cast(array.dtype, dtype, "same_kind"):
            raise ValueError(f"{table}.{name} is {array.dtype}, which {dtype} cannot hold")
        checked[name] = array
    return checked
