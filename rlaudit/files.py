"""Read files by name that are files, and no larger than such a file can be.

A name may lead to anything. A named pipe is waited for until someone writes it, which may be never;
a device such as /dev/zero never ends, and to open one can do something already. So the type is
looked at first, and again once it is open, when nobody can put another file in its place.

What is refused is an OSError like the system's own: its text ends "cannot read FILE: ...".
"""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MOST_TEXT = 2**26
"""Bytes of a text that is read at once: of SQL, settings, a baseline, the state of a run."""
_PIECE = 2**20

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_file(path: Path, *, pipes: bool = False) -> io.BufferedReader:
    """Open a file to be read; with ``pipes`` a pipe, too, from which reading does not wait.

    Raises OSError if it is anything else, or cannot be opened.
    """
    _refuse_type(path.stat(), pipes)
    file = open(path, "rb", opener=_open_at_once)  # noqa: SIM115 - the caller closes it
    try:
        _refuse_type(os.fstat(file.fileno()), pipes)
    except OSError:
        file.close()
        raise
    return file


def read_bytes(path: Path, *, most: int = MOST_TEXT, pipes: bool = False) -> bytes:
    """Return the content of a file of ``most`` bytes at most.

    With ``pipes`` it may be a pipe, such as a shell's ``<(command)``. One that is open for writing
    is read to its end, however slowly it comes, as standard input is. One that is not is refused:
    there is nothing to wait for.

    Raises OSError, also for more bytes.
    """
    with open_file(path, pipes=pipes) as file:
        found = os.fstat(file.fileno())
        if found.st_size > most:
            raise _too_long(most)
        start = file.read(1)
        if stat.S_ISFIFO(found.st_mode):
            if start == b"":
                raise OSError(errno.EINVAL, "it is a named pipe that nobody writes to")
            if hasattr(os, "O_NONBLOCK"):
                os.set_blocking(file.fileno(), True)
        data = bytearray(start or b"")  # None is what Python calls bytes that may still come
        # In pieces, as reading so many at once takes their memory, however few there are.
        while len(data) <= most and (piece := file.read(min(_PIECE, most + 1 - len(data)))):
            data += piece
    if len(data) > most:
        raise _too_long(most)
    return bytes(data)


def read_text(path: Path, *, most: int = MOST_TEXT, pipes: bool = False) -> str:
    """Return the text of a file as :func:`read_bytes` its content.

    Raises OSError as well, and UnicodeDecodeError for what is not UTF-8.
    """
    data = read_bytes(path, most=most, pipes=pipes)
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8").read()


def read_stdin() -> str:
    """Return the text of standard input; OSError if it is closed or has no end."""
    if sys.stdin is None:
        raise OSError(errno.EBADF, "it is closed")
    text = sys.stdin.read(MOST_TEXT + 1)
    if len(text) > MOST_TEXT:
        raise _too_long(MOST_TEXT)
    return text


def _refuse_type(found: os.stat_result, pipes: bool) -> None:
    kind = stat.S_IFMT(found.st_mode)
    if kind == stat.S_IFREG or (pipes and kind == stat.S_IFIFO):
        return
    what = _KINDS.get(kind, "something else")
    raise OSError(errno.EINVAL, f"it is {what}, not a file")


def _open_at_once(name: str, flags: int) -> int:
    """Open without waiting for the other end of a pipe; Windows knows no such flag."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))


def _too_long(most: int) -> OSError:
    return OSError(errno.EFBIG, f"it is longer than {most:,} bytes")
