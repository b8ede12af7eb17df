"""Find the checks and the shared tables, ours and a user's, and refuse what is ambiguous."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from rlaudit.errors import SqlFileError, did_you_mean
from rlaudit.sqlfiles.locate import sql_root
from rlaudit.sqlfiles.model import CheckFile, SharedFile
from rlaudit.sqlfiles.parse import parse_check, parse_shared, read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

_File = TypeVar("_File", CheckFile, SharedFile)


def load_checks(*folders: Path) -> tuple[CheckFile, ...]:
    """Return every check in ``folders`` and below, by family and name; ours if none is given.

    Raises :class:`SqlFileError` for a file that breaks the format, for two files of one name,
    for a folder without checks, and for a check that needs a table that ``sql/shared`` lacks.
    """
    checks: dict[str, CheckFile] = {}
    for folder in folders or (sql_root() / "checks",):
        _load(folder, parse_check, checks)
    shared = load_shared()
    for check in checks.values():
        _check_needs(check, shared)
    return tuple(sorted(checks.values(), key=lambda check: (check.family, check.name)))


def load_shared(folder: Path | None = None) -> dict[str, SharedFile]:
    """Return the shared tables of ``folder`` by name, each after those that it needs."""
    found: dict[str, SharedFile] = {}
    _load(folder or sql_root() / "shared", parse_shared, found)
    ordered: dict[str, SharedFile] = {}
    for file in found.values():
        _check_needs(file, found)
        _add_with_needs(file, found, ordered, ())
    return ordered


def _load(folder: Path, parse: Callable[[str, Path], _File], into: dict[str, _File]) -> None:
    paths = sorted(folder.rglob("*.sql"))
    if not paths:
        raise SqlFileError(f"{folder}:1: no .sql file in this folder or below")
    for path in paths:
        file = parse(read_text(path), path)
        if file.name in into:
            raise SqlFileError(
                f"{path}:1: the name {file.name!r} is taken by {into[file.name].path}",
                hint="rename one of the two files",
            )
        into[file.name] = file


def _check_needs(file: CheckFile | SharedFile, shared: Iterable[str]) -> None:
    for name in file.needs:
        if name not in shared:
            raise SqlFileError(
                f"{file.path}:1: needs {name!r}, which is no file in sql/shared",
                hint=did_you_mean(name, shared),
            )


def _add_with_needs(
    file: SharedFile,
    found: dict[str, SharedFile],
    ordered: dict[str, SharedFile],
    above: tuple[str, ...],
) -> None:
    if file.name in above:
        raise SqlFileError(f"{file.path}:1: needs itself, by way of {' > '.join(above)}")
    for name in file.needs:
        _add_with_needs(found[name], found, ordered, (*above, file.name))
    ordered[file.name] = file
