"""Tell whether a log has changed without opening it, which would make its writers wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rlaudit.store import spool
from rlaudit.store.files import Files

if TYPE_CHECKING:
    from pathlib import Path


class FileState(NamedTuple):
    """What the file system says of a log; two states are equal if nothing was written between.

    Attributes:
        file: number, size and time of change of the database file; None while there is none.
        wal: the same of its write-ahead log, which stands beside it while a writer is at work.
        spool: names of the flushes beside it.

    """

    file: tuple[int, int, int] | None
    wal: tuple[int, int, int] | None
    spool: tuple[str, ...]


def file_state(path: Path) -> FileState:
    """Return the state of the log at ``path``, whether there is one or not."""
    flushes = tuple(entry.name for entry in spool.list_entries(Files(), path))
    return FileState(_stat(path), _stat(path.with_name(f"{path.name}.wal")), flushes)


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
