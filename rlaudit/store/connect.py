"""Open a DuckDB file, waiting for whoever holds it, and report every failure by name.

A DuckDB file takes one process at a time for writing, and no reader meanwhile. Whoever opens it
here therefore holds it briefly and waits for the others with a growing pause.
"""

from __future__ import annotations

import contextlib
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from rlaudit.errors import DatabaseError, DatabaseWriteError, NotALogError
from rlaudit.store import schema
from rlaudit.store.cage import engine, refuse_odd_file, shut_off
from rlaudit.store.catalogue import refuse_forged
from rlaudit.store.drafts import draft_of
from rlaudit.store.failures import error_of, is_lock, locked_error
from rlaudit.store.files import real_path
from rlaudit.store.snapshot import copied, is_being_written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from duckdb import DuckDBPyConnection

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
    layout = layout or schema.log_layout()
    refuse_unwritable(path)
    try:
        if _is_absent_or_empty(path):
            _create(path, layout)
        with _writer(path, patience) as con:
            refuse_forged(con, path, layout.tables, layout.version_table, writing=True)
            shut_off(con)
            layout.ensure(con, path)
            _name_as_in_the_file(con, layout)
            yield con
    except (duckdb.Error, OSError) as error:
        raise error_of(path, error, writing=True) from error


@contextlib.contextmanager
def attach_for_reading(
    path: str | Path,
    *,
    wait: float | Patience = 10.0,
    layout: schema.Layout | None = None,
    at_length: bool = False,
    memory_limit: str | None = None,
    threads: int | None = None,
) -> Iterator[DuckDBPyConnection]:
    """Attach any DuckDB file read-only, as the database ``log``, to a new in-memory DuckDB.

    Writers wait, or spool, as long as it is attached. Of a log that is being written and is to be
    read ``at_length`` a copy is attached; see :func:`attached_file`.

    It can reach no other file; see :mod:`rlaudit.store.cage`. The file's own views and macros stay
    inside ``log``, so a macro that is named like a built-in function does not replace it. If the
    file is of the kind ``layout`` its tables are tables.

    Raises :class:`DatabaseLockedError` when a writer holds the file past ``wait`` seconds,
    :class:`DatabaseError` for anything that is not a readable DuckDB file or not as ``layout``
    says, here or when a query fails that is made of it, and :class:`UsageError` for a limit that
    makes no sense.
    """
    path = _named(path)
    patience = wait if isinstance(wait, Patience) else Patience(wait)
    _refuse_unreadable(path)
    with engine(memory_limit=memory_limit, threads=threads) as con:
        try:
            with contextlib.ExitStack() as stack:
                _attach(con, path, patience, "READ_ONLY")
                if at_length and is_being_written(path):
                    copy = stack.enter_context(copied(path))
                    if copy is not None:
                        con.execute("DETACH log")
                        _attach(con, copy, patience, "READ_ONLY")
                if layout is not None:
                    refuse_forged(con, path, layout.tables, layout.version_table)
                shut_off(con)
                yield con
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            # A file that lacks blocks, for one, opens, and fails when a query needs one of them.
            raise error_of(path, error, writing=False) from error


def attached_file(con: DuckDBPyConnection) -> Path:
    """Return the file that ``con`` has attached as ``log``: the one asked for, or a copy of it."""
    query = "SELECT path FROM duckdb_databases() WHERE database_name = 'log'"
    return Path(con.sql(query).fetchall()[0][0])


def _named(path: str | Path) -> Path:
    """Return the file that ``path`` names, absolute; refuse one that DuckDB cannot be told.

    A link is followed: what lies beside a log lies beside its file, whatever name was used.
    """
    path = real_path(path)
    try:
        if b"\0" in str(path).encode():
            raise DatabaseError(f"{path} has a NUL, which no file name can have")
    except UnicodeEncodeError as error:
        raise DatabaseError(
            f"the name of {path} is not UTF-8, so DuckDB cannot open it", hint="rename the file"
        ) from error
    return path


@contextlib.contextmanager
def _writer(path: Path, patience: Patience) -> Iterator[DuckDBPyConnection]:
    """Attach the file at ``path``, which is made if it is not there, as ``log`` for writing."""
    # Hardly any flush needs the folder, and to make one for each would cost more than the rest.
    spill = draft_of(path)
    with engine(spill=spill, config=_WRITER_CONFIG) as con:
        _attach(con, path, patience, "READ_WRITE")
        yield con


def _attach(con: DuckDBPyConnection, path: Path, patience: Patience, how: str) -> None:
    quoted = str(path).replace("'", "''")
    # Without TYPE DuckDB looks at the file first, and for SQLite's goes to the network.
    attach = f"ATTACH '{quoted}' AS log ({how}, TYPE duckdb)"
    deadline = patience.clock() + patience.seconds
    pause = _FIRST_PAUSE
    while True:
        try:
            con.execute(attach)
        except duckdb.Error as error:
            if not is_lock(error):
                raise
            left = deadline - patience.clock()
            if not left > 0:  # nor if it is no number
                raise locked_error(path, error, patience.seconds) from error
        else:
            return
        # The random part keeps waiting processes from meeting again and again.
        patience.sleep(min(pause * random.uniform(0.5, 1.0), left))  # noqa: S311 - no secret
        pause = min(2 * pause, _LONGEST_PAUSE)


def _name_as_in_the_file(con: DuckDBPyConnection, layout: schema.Layout) -> None:
    """Let names without a database mean the file's tables, but no functions or types of its own.

    What DuckDB brings comes first, so that a macro of the file does not take its place.
    """
    schemas = {"main", *(owner for owner, _ in layout.tables)}
    path = ",".join(["system.main", *(f"log.{owner}" for owner in sorted(schemas))])
    con.execute(f"SET search_path = '{path}'")


def _refuse_unreadable(path: Path) -> None:
    if path.is_dir():
        raise DatabaseError(f"{path} is a folder, not a database", hint="name the file in it")
    refuse_odd_file(path)
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
    refuse_odd_file(path)
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
    draft = draft_of(path)
    try:
        with _writer(draft, Patience(0)) as con:
            con.execute("USE log")
            layout.create(con)
        _set_aside_if_empty(path)
        with contextlib.suppress(FileExistsError):
            _link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _set_aside_if_empty(path: Path) -> None:
    aside = draft_of(path)
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
