"""A DuckDB of our own, bounded, and shut off from all files but those that a command was given.

A file may be someone else's, and what stands in it is input: a view of it could read any file of
the machine, a macro of it could take the place of a function, and a query over it could take all
memory. So whoever opens a file makes an engine here, attaches the file, looks at its catalogue
(:mod:`rlaudit.store.catalogue`), shuts the engine off, and reads the first row only then. Nothing
opens it again.
"""

from __future__ import annotations

import contextlib
import stat
import tempfile
from typing import TYPE_CHECKING, Any

import duckdb
import psutil

from rlaudit.errors import DatabaseError, UsageError
from rlaudit.store.failures import first_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

# No extension is loaded or fetched because a file names it, and no password of the user is read.
_CONFIG = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_persistent_secrets": "false",
}
# Of the free memory: the rest is for Python, Arrow, and whoever else works on the machine.
_SHARE = 0.7
# With less than this DuckDB cannot even begin.
_LEAST_MEMORY = 1 << 28
# What DuckDB reads and writes beside a database.
_BESIDE = (".wal", ".wal.checkpoint", ".wal.recovery")


@contextlib.contextmanager
def engine(
    *,
    memory_limit: str | None = None,
    threads: int | None = None,
    spill: Path | None = None,
    config: Mapping[str, str] | None = None,
) -> Iterator[DuckDBPyConnection]:
    """Give a DuckDB in memory that is not shut off yet.

    It takes no more memory than ``memory_limit`` (:func:`memory_bound` if None), and puts what
    does not fit into the folder ``spill``, which DuckDB makes when it needs it, or into one of its
    own. DuckDB's own choice is a folder where the command was called, which may be read-only.

    Raises :class:`UsageError` for a limit or a number of threads that makes no sense.
    """
    with contextlib.ExitStack() as stack:
        folder = str(spill) if spill else stack.enter_context(_folder())
        settings: dict[str, Any] = {**_CONFIG, **(config or {}), "temp_directory": folder}
        con = stack.enter_context(contextlib.closing(duckdb.connect(config=settings)))
        _bound(con, "memory_limit", memory_limit or f"{memory_bound(con)}B")
        if threads is not None:
            _bound(con, "threads", threads)
        # The log's times are UTC: what has a zone is compared with them, and shown, in UTC too.
        con.execute("SET TimeZone = 'UTC'")
        # Python without a script, as in a notebook or a child, has a bar on its standard output.
        con.execute("SET enable_progress_bar = false")
        yield con


def memory_bound(con: DuckDBPyConnection) -> int:
    """Return how many bytes ``con`` may take: a share of what is free.

    It is never more than what DuckDB would take itself, which knows of a container's limit.
    """
    free = int(_SHARE * psutil.virtual_memory().available)
    return min(memory_limit_of(con), max(free, _LEAST_MEMORY))


def memory_limit_of(con: DuckDBPyConnection) -> int:
    """Return how many bytes ``con`` may take."""
    query = "SELECT parse_formatted_bytes(current_setting('memory_limit'))"
    return int(con.execute(query).fetchall()[0][0])


def shut_off(con: DuckDBPyConnection, files: Sequence[str] = ()) -> None:
    """Leave ``con`` no way to files, the network, Python's variables or its own settings.

    What is attached to it stays, and ``files`` can be read. Whatever is set has to be set before.
    """
    if files:
        con.execute("SET allowed_paths = ?", [list(files)])
    con.execute("SET python_enable_replacements = false")
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")


def refuse_odd_file(path: Path) -> None:
    """Refuse a file that DuckDB would wait for for ever, or that leads to another.

    The type is looked at without opening it. DuckDB reads and writes what lies beside a database
    as well, so a link there would let whoever put it there choose a file of the reader's.

    Raises :class:`DatabaseError`.
    """
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise DatabaseError(
            f"{path} is a pipe or a device, not a database", hint="name a file on a disk"
        )
    for suffix in _BESIDE:
        beside = path.with_name(path.name + suffix)
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(beside.lstat().st_mode):
                raise DatabaseError(
                    f"{beside} is a link, a pipe or a device, so {path} is not opened",
                    hint="delete it, or put the write-ahead log itself there",
                )


def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="rlaudit-", ignore_cleanup_errors=True)


def _bound(con: DuckDBPyConnection, setting: str, value: str | int) -> None:
    try:
        con.execute(f"SET {setting} = ?", [value])
    except duckdb.Error as error:
        raise UsageError(
            f"{setting} cannot be {value!r}: {first_line(error)}",
            hint="for example 4GB" if setting == "memory_limit" else "",
        ) from error
