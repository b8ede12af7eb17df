"""Read the header of a SQL file: ``-- key: value`` lines at its top.

A header begins on the first line and ends before the first line that is not a comment. A value
goes on in lines whose text stands four spaces or more behind the dashes::

    -- name: duplicate_run_ids
    -- why: every table names its run by this id, so that two runs under one id
    --     are read as one.

Keys are a closed set and none may be repeated, so that a misspelt key is an error and not a
setting that silently does nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlaudit.errors import SqlFileError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

_KEY_LINE = re.compile(r"-- (?P<key>\w+):(?: +(?P<value>.*))?$")
_CONTINUATION = re.compile(r"-- {4,}(?P<value>\S.*)$")


@dataclass(frozen=True, slots=True)
class Header:
    """The keys of one file's header, each with its value and the line on which it stands."""

    path: Path
    values: Mapping[str, str]
    lines: Mapping[str, int]

    def fail(self, key: str, message: str, *, hint: str = "") -> SqlFileError:
        """Return an error that points to the line of ``key``, or to line 1 if it is absent."""
        return SqlFileError(f"{self.path}:{self.lines.get(key, 1)}: {message}", hint=hint)

    def items(self, key: str) -> tuple[str, ...]:
        """Return the comma-separated parts of the value of ``key``; none if it is absent."""
        value = self.values.get(key, "")
        parts = tuple(part.strip() for part in value.split(",")) if value else ()
        if "" in parts:
            raise self.fail(key, f"{key} has an empty entry between its commas")
        if repeated := [part for part in parts if parts.count(part) > 1]:
            raise self.fail(key, f"{key} names {repeated[0]!r} twice")
        return parts


def parse_header(
    text: str, path: Path, *, required: Collection[str], optional: Collection[str]
) -> Header:
    """Return the header of ``text``, the contents of the file ``path``.

    Raises :class:`SqlFileError` for a line that is neither key nor continuation, a key that is
    unknown, repeated or empty, and a required key that is missing.
    """
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    known = {*required, *optional}
    for number, key, value in _key_lines(text, path):
        if key not in known:
            raise SqlFileError(
                f"{path}:{number}: unknown key {key!r}", hint=did_you_mean(key, known)
            )
        if key in values:
            raise SqlFileError(
                f"{path}:{number}: key {key!r} stands on line {lines[key]} already",
                hint="keep one of the two",
            )
        if not value:
            raise SqlFileError(f"{path}:{number}: key {key!r} has no value", hint="give it one")
        values[key], lines[key] = value, number
    header = Header(path, values, lines)
    for key in required:
        if key not in values:
            raise header.fail(key, f"key {key!r} is missing", hint=f"add a line '-- {key}: ...'")
    return header


def _key_lines(text: str, path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield line number, key and whole value of each key in the header."""
    current: tuple[int, str, str] | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.startswith("--"):
            break
        if more := _CONTINUATION.match(line):
            if current is None:
                raise SqlFileError(f"{path}:{number}: a continuation with no key before it")
            current = (*current[:2], f"{current[2]} {more['value']}".strip())
        elif found := _KEY_LINE.match(line):
            if current is not None:
                yield current
            current = (number, found["key"], (found["value"] or "").strip())
        else:
            raise SqlFileError(
                f"{path}:{number}: not a line of a header",
                hint="write '-- key: value', go on with '--     more text', "
                "and end the header with an empty line",
            )
    if current is not None:
        yield current
