"""Turn what DuckDB says of a check's SQL into an error with file and line."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from rlaudit.errors import SqlFileError
from rlaudit.store import error_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

    from rlaudit.errors import RlauditError

_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)
_OFFERS = ("Did you mean", "Candidate bindings")


def file_error(path: Path, error: duckdb.Error, *, binding: bool = False) -> SqlFileError:
    """Return ``error`` as one of the file ``path``.

    ``binding`` says that the file's text was the last statement's, beginning on its first line,
    so that the line that DuckDB names is the file's. While rows are read there is no line.
    """
    text = str(error).strip()
    lines = [line.strip() for line in text.splitlines()]
    found = _LINE.search(text) if binding else None
    offers = [line for line in lines[1:] if line.startswith(_OFFERS)]
    return SqlFileError(
        f"{path}:{found[1] if found else 1}: {lines[0]}", hint=offers[0] if offers else ""
    )


def damage(con: DuckDBPyConnection, error: duckdb.Error) -> RlauditError | None:
    """Return ``error`` as one of the attached log if it is the log that cannot be read."""
    if not isinstance(error, duckdb.IOException):
        return None
    query = "SELECT path FROM duckdb_databases() WHERE path IS NOT NULL"
    for (path,) in con.execute(query).fetchall():
        if path in str(error):
            return error_of(Path(path), error, writing=False)
    return None


def is_spoilt(con: DuckDBPyConnection) -> bool:
    """Say whether ``con`` refuses everything, for what some query did to it."""
    try:
        con.execute("SELECT 1").fetchall()
    except duckdb.Error:
        return True
    return False


@contextlib.contextmanager
def interruptible(con: DuckDBPyConnection) -> Iterator[None]:
    """Let Ctrl-C during a query on ``con`` end it at once, as a KeyboardInterrupt.

    DuckDB looks for signals between its tasks only, and one task may be the whole query. So a
    thread hears of the signal, and interrupts the query. Where DuckDB sees the signal as well, it
    may drop Python's KeyboardInterrupt in favour of its own InterruptException. Outside the main
    thread signals are left alone, because Python delivers them there only.
    """
    with _watched(con) if threading.current_thread() is threading.main_thread() else nullcontext():
        try:
            yield
        except RuntimeError as error:
            # What DuckDB makes of a Ctrl-C that it sees itself.
            if isinstance(error.__cause__, KeyboardInterrupt):
                raise error.__cause__ from error
            raise
        except duckdb.InterruptException as error:
            raise KeyboardInterrupt from error


@contextlib.contextmanager
def _watched(con: DuckDBPyConnection) -> Iterator[None]:
    """Interrupt ``con`` from SIGINT on; Python writes each signal's number to a socket.

    It does so again and again until the block is left, because a query that is only about to
    start forgets an interruption.
    """
    hears, tells = socket.socketpair()
    tells.setblocking(False)

    def watch() -> None:
        while number := hears.recv(1):
            if number[0] == signal.SIGINT:
                while not left.wait(0.02):
                    con.interrupt()

    left = threading.Event()
    watcher = threading.Thread(target=watch, name="rlaudit-interrupt", daemon=True)
    before = signal.set_wakeup_fd(tells.fileno(), warn_on_full_buffer=False)
    watcher.start()
    try:
        yield
    finally:
        left.set()
        signal.set_wakeup_fd(before)
        tells.close()
        watcher.join()
        hears.close()
