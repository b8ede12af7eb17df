"""What became of every row that was offered to a recorder."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# The tables whose rows a trainer offers.
ROW_TABLES = ("episodes", "transitions", "updates", "samples", "events")


def _zeros() -> Counter[str]:
    return Counter(dict.fromkeys(ROW_TABLES, 0))


@dataclass(slots=True)
class Ledger:
    """Rows by table: offered = written + spooled + dropped + those still in memory.

    Attributes:
        offered: handed to the recorder.
        written: in the database.
        spooled: in the spool beside it, to be folded in.
        dropped: lost, because neither could be written for too long.

    """

    offered: Counter[str] = field(default_factory=_zeros)
    written: Counter[str] = field(default_factory=_zeros)
    spooled: Counter[str] = field(default_factory=_zeros)
    dropped: Counter[str] = field(default_factory=_zeros)

    def copy(self) -> Ledger:
        """Return a snapshot."""
        return Ledger(*(Counter(part) for part in self._parts()))

    def less(self, other: Ledger) -> Ledger:
        """Return the rows that ``other`` does not count."""
        result = self.copy()
        result.offered.subtract(other.offered)
        result.written.subtract(other.written)
        result.spooled.subtract(other.spooled)
        result.dropped.subtract(other.dropped)
        return result

    def columns(self) -> dict[str, Mapping[str, int]]:
        """Return the ledger columns of the segment's row."""
        names = ("rows_offered", "rows_written", "rows_spooled", "rows_dropped")
        return {name: dict(part) for name, part in zip(names, self._parts(), strict=True)}

    def _parts(self) -> tuple[Counter[str], ...]:
        return self.offered, self.written, self.spooled, self.dropped
