"""Every error that rlaudit reports to a user, and the exit codes of its commands.

    RlauditError                 exit 2: the command could not do its job
    ├── UsageError               an argument or option that makes no sense
    ├── ConfigError              a training setting outside its range, or two that contradict
    ├── EnvironmentSetupError    an unknown environment, or one that cannot be trained on
    ├── MissingExtraError        a command whose optional packages are not installed
    ├── DatabaseError            a file that is not a usable rlaudit log
    │   ├── NotALogError         a file that is no rlaudit log at all
    │   ├── DatabaseLockedError  another process kept the file past the wait
    │   ├── DatabaseWriteError   the file or its folder cannot be written (read-only, disk full)
    │   └── SchemaVersionError   the log was written by another version of the schema
    ├── RunExistsError           the run id is already in the log
    ├── SqlFileError             a file in sql/ (or a user's folder) breaks its format
    ├── CheckpointError          a checkpoint that is damaged, or that no run can go on from
    ├── QueryError               a query that DuckDB refuses, or that ran past its limit
    └── ReplayError              a replay was asked for something that would corrupt it

A message says what happened and where; ``hint`` says what to do. The command line catches
``RlauditError`` in one place and prints both on one line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

EXIT_CLEAN = 0
EXIT_FINDINGS = 1
EXIT_FAILED = 2
EXIT_INTERRUPTED = 130
EXIT_READER_LEFT = 141

_PLACE = re.compile(r"(?P<path>.+?):(?P<line>\d+): (?P<message>.+)", re.DOTALL)


class RlauditError(Exception):
    """Base of all errors that a user can cause or must act on."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(RlauditError):
    """An argument or option that makes no sense."""


class ConfigError(RlauditError):
    """A training setting outside its range, or two settings that contradict each other."""


class EnvironmentSetupError(RlauditError):
    """An unknown environment, or one that value-based agents cannot be trained on."""


class MissingExtraError(RlauditError):
    """A command whose optional packages are not installed."""


class DatabaseError(RlauditError):
    """A file that is not a usable rlaudit log."""


class NotALogError(DatabaseError):
    """A file that is no rlaudit log: other tables, something else than DuckDB's, or nothing."""


class DatabaseLockedError(DatabaseError):
    """Another process kept the file open past the wait."""


class DatabaseWriteError(DatabaseError):
    """The file or its folder cannot be written."""


class SchemaVersionError(DatabaseError):
    """The log was written by another version of the schema."""


class RunExistsError(RlauditError):
    """The run id is already in the log."""


class SqlFileError(RlauditError):
    """A SQL file that breaks its format; the message begins with ``file:line``."""


class CheckpointError(RlauditError):
    """A checkpoint that is damaged, or that this run cannot go on from."""


class QueryError(RlauditError):
    """A query that DuckDB refuses, or that ran past its limit."""


class ReplayError(RlauditError):
    """A replay was asked for something that would corrupt it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be done, while everything else was.

    Attributes:
        message: what is wrong, on one line and without the place.
        hint: what to do; may be empty.
        path: the SQL file that is at fault; None if it is no file of that kind.
        line: the line in ``path``; None if none is known.
        check: the name of the check that could not be run; "" if it concerns no check.
        source: the log that could not be read or judged, as it was named; "" if it concerns none.

    """

    message: str
    hint: str = ""
    path: Path | None = None
    line: int | None = None
    check: str = ""
    source: str = ""

    @classmethod
    def of(cls, error: Exception, *, check: str = "", source: str = "") -> Problem:
        """Return ``error`` as data; the place at the start of a SqlFileError is taken out."""
        text = " ".join(str(error).split())
        found = _PLACE.match(text) if isinstance(error, SqlFileError) else None
        return cls(
            message=found["message"] if found else text,
            hint=getattr(error, "hint", ""),
            path=Path(found["path"]) if found else None,
            line=int(found["line"]) if found else None,
            check=check,
            source=source,
        )

    @property
    def place(self) -> str:
        """``file:line`` of the SQL file, or "" if it is in none."""
        if self.path is None:
            return ""
        return str(self.path) if self.line is None else f"{self.path}:{self.line}"

    def __str__(self) -> str:
        """Return place and message on one line; the hint is left to who prints it."""
        return f"{self.place}: {self.message}" if self.place else self.message


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Name the nearest spelling among ``known`` as a hint, or list a few of them."""
    known = sorted(known)
    nearest = get_close_matches(name, known, n=1, cutoff=0.5)
    if nearest:
        return f"did you mean {nearest[0]!r}?"
    shown = ", ".join(known[:8])
    return f"known: {shown}{', …' if len(known) > 8 else ''}"
