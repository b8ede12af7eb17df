"""Open a DuckDB file, waiting for whoever holds it, and report every failure by name.

A DuckDB file takes one process at a time for writing, and no reader meanwhile. Whoever opens it
here therefore holds it briefly and waits for the others with a growing pause.
"""

from __future__ import annotations

import contextlib
import os
import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

import duckdb

from rlaudit.errors import DatabaseError, DatabaseWriteError, NotALogError
from rlaudit.store import schema
from rlaudit.store.failures import error_of, is_lock, locked_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from duckdb import DuckDBPyConnection

_T = TypeVar("_T")

# New files are readable by every DuckDB from 1.5 on. One thread suffices for appending and leaves
# the cores to the trainer.
_WRITER_CONFIG = {"storage_compatibility_version": "v1.5.0", "threads": "1"}

_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 0.25


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a file that someone else holds.

    ``seconds`` 0 tries once. ``sleep`` and ``clock`` are for callers that must be woken from the
    wait, and for tests.
    """

    seconds: float
    sleep: Callable[[float], object] = time.sleep
    clock: Callable[[], float] = time.monotonic


@contextlib.contextmanager
def open_for_writing(
    path: str | Path, *, wait: float | Patience = 10.0, layout: schema.Layout | None = None
) -> Iterator[DuckDBPyConnection]:
    """Open the log at ``path`` for writing; create it if it is absent, migrate it if it is old.

    ``layout`` is for files of another kind than a log. The connection has no transaction open and
    is closed at the end, which moves all committed rows from the write-ahead log into the file.

    Raises :class:`DatabaseLockedError` when others hold the file past ``wait`` seconds,
    :class:`DatabaseWriteError` when the file or its folder cannot be written (or no more),
    :class:`SchemaVersionError` for a log of a newer schema, and :class:`DatabaseError` for
    anything that is not a DuckDB file.
    """
    path = _named(path)
    patience = wait if isinstance(wait, Patience) else Patience(wait)
    layout = layout or schema.Layout(schema.create, schema.ensure)
    refuse_unwritable(path)
    try:
        if _is_absent_or_empty(path):
            _create(path, layout)
        with contextlib.closing(_patiently(path, patience, lambda: _connect(path))) as con:
            layout.ensure(con, path)
            yield con
    except (duckdb.Error, OSError) as error:
        raise error_of(path, error, writing=True) from error


@contextlib.contextmanager
def attach_for_reading(
    path: str | Path, *, wait: float | Patience = 10.0
) -> Iterator[DuckDBPyConnection]:
    """Attach any DuckDB file read-only, as the database ``log``, to a new in-memory DuckDB.

    The file's own views and macros stay inside ``log``, so a macro that is named like a built-in
    function does not replace it.

    Raises :class:`DatabaseLockedError` when a writer holds the file past ``wait`` seconds, and
    :class:`DatabaseError` for anything that is not a readable DuckDB file.
    """
    path = _named(path)
    patience = wait if isinstance(wait, Patience) else Patience(wait)
    _refuse_unreadable(path)
    with contextlib.closing(duckdb.connect()) as con:
        quoted = str(path).replace("'", "''")
        # Without TYPE DuckDB looks at the file first, and for SQLite's goes to the network.
        attach = f"ATTACH '{quoted}' AS log (READ_ONLY, TYPE duckdb)"
        try:
            _patiently(path, patience, lambda: con.execute(attach))
        except (duckdb.Error, OSError) as error:
            raise error_of(path, error, writing=False) from error
        # The log's times are UTC: what has a zone is compared with them, and shown, in UTC too.
        con.execute("SET TimeZone = 'UTC'")
        try:
            yield con
        except duckdb.IOException as error:
            # A file that lacks blocks opens, and fails when a query needs one of them.
            if str(path) in str(error):
                raise error_of(path, error, writing=False) from error
            raise


def _named(path: str | Path) -> Path:
    """Return ``path``, absolute; refuse one that DuckDB cannot be told."""
    path = Path(path).absolute()
    try:
        if b"\0" in str(path).encode():
            raise DatabaseError(f"{path} has a NUL, which no file name can have")
    except UnicodeEncodeError as error:
        raise DatabaseError(
            f"the name of {path} is not UTF-8, so DuckDB cannot open it", hint="rename the file"
        ) from error
    return path


@contextlib.contextmanager
def spilling(con: DuckDBPyConnection) -> Iterator[None]:
    """Let ``con`` put what does not fit into memory into a folder of its own.

    DuckDB's own choice for a database in memory is a folder where the command was called, which
    may be read-only.
    """
    with tempfile.TemporaryDirectory(prefix="rlaudit-", ignore_cleanup_errors=True) as folder:
        con.execute("SET temp_directory = ?", [folder])
        yield


def _connect(path: Path) -> DuckDBPyConnection:
    return duckdb.connect(str(path), config=dict(_WRITER_CONFIG))


def _patiently(path: Path, patience: Patience, attempt: Callable[[], _T]) -> _T:
    deadline = patience.clock() + patience.seconds
    pause = _FIRST_PAUSE
    while True:
        try:
            return attempt()
        except duckdb.Error as error:
            if not is_lock(error):
                raise
            left = deadline - patience.clock()
            if not left > 0:  # nor if it is no number
                raise locked_error(path, error, patience.seconds) from error
        # The random part keeps waiting processes from meeting again and again.
        patience.sleep(min(pause * random.uniform(0.5, 1.0), left))  # noqa: S311 - no secret
        pause = min(2 * pause, _LONGEST_PAUSE)


def _refuse_unreadable(path: Path) -> None:
    if path.is_dir():
        raise DatabaseError(f"{path} is a folder, not a database", hint="name the file in it")
    if not path.exists():
        raise DatabaseError(f"{path} does not exist", hint="check the path")
    if path.stat().st_size == 0:
        raise NotALogError(
            f"{path} is empty", hint="nothing was recorded into it; a training run would fill it"
        )


def refuse_unwritable(path: Path) -> None:
    """Refuse a path at which no log can be written, before anything is opened.

    Raises :class:`DatabaseWriteError` if the file or its folder cannot be written, or the folder
    is not there, and :class:`DatabaseError` for a folder.
    """
    if path.is_dir():
        raise DatabaseError(f"{path} is a folder, not a database", hint="name a file in it")
    if not path.parent.is_dir():
        raise DatabaseWriteError(
            f"cannot write {path}: the folder {path.parent} does not exist",
            hint="create the folder first",
        )
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise error_of(path, PermissionError(), writing=True)


def _is_absent_or_empty(path: Path) -> bool:
    try:
        return path.stat().st_size == 0
    except FileNotFoundError:
        return True


def _create(path: Path, layout: schema.Layout) -> None:
    """Put a new log at ``path`` so that no process ever sees, or leaves behind, a part of one.

    It is made under another name and linked into place, which fails if another process was
    faster; then theirs is used.
    """
    leftover = path.with_name(path.name + ".wal")
    if leftover.exists():
        raise DatabaseError(
            f"{path} is missing or empty, but its write-ahead log {leftover} is there",
            hint="restore the database beside it, or delete the write-ahead log",
        )
    draft = path.with_name(f".{path.name}.{uuid4().hex}.new")
    try:
        with contextlib.closing(_connect(draft)) as con:
            layout.create(con)
        _set_aside_if_empty(path)
        with contextlib.suppress(FileExistsError):
            _link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _set_aside_if_empty(path: Path) -> None:
    aside = path.with_name(f".{path.name}.{uuid4().hex}.empty")
    if not path.exists() or path.stat().st_size > 0:
        return
    with contextlib.suppress(FileNotFoundError):  # another process set it aside
        path.rename(aside)
        if aside.stat().st_size == 0:
            aside.unlink()
        else:  # another process put its log there since the size was looked at
            _link(aside, path)
            aside.unlink()


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        # No hard links on this file system (or on this platform): a rename may overwrite on
        # POSIX, so look first. Two processes that start in the same instant could still collide.
        if target.exists():
            raise FileExistsError(target) from None
        source.rename(target)
