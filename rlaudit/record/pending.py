"""Rows that a writer has taken over and not stored yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from rlaudit.record.ledger import ROW_TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# The tables with an id of their own, which rises as rows are written.
_IDS = {"transitions": "transition_id", "updates": "update_id", "episodes": "episode_id"}


class Pending:
    """Rows by table, without the columns that name the run and the segment."""

    def __init__(self) -> None:
        self._parts: dict[str, list[pa.Table]] = {}
        self.counts = dict.fromkeys(ROW_TABLES, 0)

    def add(self, table: str, parts: list[pa.Table]) -> int:
        """Take ``parts`` over and return how many rows they have."""
        rows: int = sum(part.num_rows for part in parts)
        self._parts.setdefault(table, []).extend(parts)
        self.counts[table] += rows
        return rows

    def tables(self) -> Iterator[tuple[str, pa.Table]]:
        """Give the rows of each table that has any."""
        for table, parts in self._parts.items():
            yield table, pa.concat_tables(parts)

    def drop_first(self, counts: Mapping[str, int]) -> None:
        """Forget the oldest rows of each table, which are stored after all."""
        for table, rows in list(self.tables()):
            self._parts[table] = [rows.slice(counts[table])]
            self.counts[table] -= counts[table]

    def clear(self) -> None:
        """Forget all rows."""
        self._parts.clear()
        self.counts = dict.fromkeys(ROW_TABLES, 0)

    def last_ids(self) -> dict[str, int]:
        """Return the greatest id of each table that has one."""
        greatest = {
            _IDS[table]: pc.max(rows[_IDS[table]]).as_py()
            for table, rows in self.tables()
            if table in _IDS and _IDS[table] in rows.column_names
        }
        return {name: value for name, value in greatest.items() if value is not None}

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(self.counts.values())

    @property
    def nbytes(self) -> int:
        """How much memory they take."""
        return sum(part.nbytes for parts in self._parts.values() for part in parts)
