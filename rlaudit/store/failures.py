"""Tell from a DuckDB or operating-system error which of our errors it is.

DuckDB has one exception class for most file problems, so the message is what tells them apart.
The messages were read off DuckDB 1.5 and its sources; an unknown one still becomes a
:class:`DatabaseError` that quotes it.
"""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING

import duckdb

from rlaudit.errors import (
    DatabaseError,
    DatabaseLockedError,
    DatabaseWriteError,
    NotALogError,
    RlauditError,
)

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC_OFFSET = 8
_MAGIC = b"DUCK"

# POSIX: Could not set lock on file "...": Conflicting lock is held in /usr/bin/python (PID 12) ...
# Windows: Cannot open file "...": The process cannot access the file because it is being used by
# another process. [File is already open in C:\...\python.exe (PID 12)]
_LOCKED = re.compile(
    r"could not set lock on file|conflicting lock|being used by another process|"
    r"file is already open in",
    re.IGNORECASE,
)
# This process has it open: DuckDB refuses a second instance and a differing configuration.
_LOCKED_HERE = re.compile(
    r"unique file handle conflict|different configuration than existing connections",
    re.IGNORECASE,
)
_HOLDER = re.compile(
    r"(?:held (?:in|by)|open in)\s+(?P<program>.*?)\s*\(PID (?P<pid>\d+)\)", re.IGNORECASE
)
_VERSIONS = re.compile(
    r"version number (?P<file>\d+).*?(?:between \d+ and|only read version) (?P<ours>\d+)"
)
_DAMAGED = re.compile(
    r"could not read enough bytes|corrupt|checksum|serialization error|"
    r"failed to (?:load|read)|could not read all of the metadata",
    re.IGNORECASE,
)
_NOT_ALLOWED = re.compile(
    r"permission denied|read-only file system|access is denied", re.IGNORECASE
)
_NO_ROOM = re.compile(
    r"no space left|file too large|disk quota|not enough space|could not write", re.IGNORECASE
)
_NO_ROOM_ERRNO = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}


def is_lock(error: duckdb.Error) -> bool:
    """Say whether ``error`` means that someone has the file open, so that waiting may help."""
    return bool(_LOCKED.search(str(error)) or _LOCKED_HERE.search(str(error)))


def locked_error(path: Path, error: duckdb.Error, waited: float) -> DatabaseLockedError:
    """Name the process that holds ``path``, as far as the message of DuckDB tells."""
    message = str(error)
    holder = _HOLDER.search(message)
    if _LOCKED_HERE.search(message):
        who = "this process, in another way"
    elif holder:
        who = f"process {holder['pid']} ({holder['program']})"
    else:
        who = "another process"
    return DatabaseLockedError(
        f"{path} is held open by {who}; waited {waited:g} s for it",
        hint="wait for that process or close it; --wait SECONDS waits longer",
    )


def first_line(error: Exception) -> str:
    """Return the first line of DuckDB's message, which says what is wrong."""
    return str(error).strip().splitlines()[0]


def error_of(path: Path, error: Exception, *, writing: bool) -> RlauditError:
    """Translate a failure with ``path`` that is no lock; our own errors pass unchanged."""
    if isinstance(error, RlauditError):
        return error
    if isinstance(error, OSError):
        return _os_error(path, error, writing=writing)
    message = str(error)
    line = first_line(error)
    versions = _VERSIONS.search(message)
    result: DatabaseError
    if versions:
        result = DatabaseError(
            f"{path} was written by a newer DuckDB (storage version {versions['file']}; DuckDB "
            f"{duckdb.__version__} reads up to {versions['ours']})",
            hint="upgrade DuckDB: pip install --upgrade duckdb",
        )
    elif _NOT_ALLOWED.search(message):
        result = _not_allowed(path, writing=writing)
    elif "valid DuckDB database file" in message or (
        isinstance(error, duckdb.IOException) and _lacks_magic(path)
    ):
        result = NotALogError(
            f"{path} is not a DuckDB database",
            hint="rlaudit train writes a log into one; of other files, rlaudit check-duplicates "
            "reads CSV, Parquet and JSON",
        )
    elif _DAMAGED.search(message):
        result = DatabaseError(
            f"{path} is damaged or cut short ({line})", hint="restore it from a copy"
        )
    elif writing and (_NO_ROOM.search(message) or isinstance(error, duckdb.FatalException)):
        result = DatabaseWriteError(
            f"cannot write {path}: {line}", hint="free some space on its disk"
        )
    elif writing and isinstance(error, duckdb.IOException):
        result = DatabaseWriteError(f"cannot write {path}: {line}")
    else:
        result = DatabaseError(f"{path}: {line}")
    return result


def _os_error(path: Path, error: OSError, *, writing: bool) -> DatabaseError:
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return _not_allowed(path, writing=writing)
    what = error.strerror or str(error)
    if not writing:
        return DatabaseError(f"cannot read {path}: {what}")
    hint = "free some space on its disk" if error.errno in _NO_ROOM_ERRNO else ""
    return DatabaseWriteError(f"cannot write {path}: {what}", hint=hint)


def _not_allowed(path: Path, *, writing: bool) -> DatabaseError:
    if writing:
        return DatabaseWriteError(
            f"cannot write {path}: no permission for the file or its folder",
            hint="choose another place, or change the permissions of both",
        )
    return DatabaseError(
        f"cannot read {path}: no permission", hint="change the permissions of the file"
    )


def _lacks_magic(path: Path) -> bool:
    """Say whether the file can be read and is not marked as DuckDB's.

    Opening the file here is safe only because DuckDB has just failed to: POSIX drops all locks
    of a process on a file as soon as the process closes any handle on it, so a process that has
    a database open must never open that file by other means.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_MAGIC_OFFSET + len(_MAGIC))
    except OSError:
        return False
    return start[_MAGIC_OFFSET:] != _MAGIC
