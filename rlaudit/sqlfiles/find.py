"""Find the checks and the shared tables, ours and a user's, and refuse what is ambiguous."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rlaudit.errors import Problem, SqlFileError, did_you_mean
from rlaudit.sqlfiles.locate import sql_root
from rlaudit.sqlfiles.model import CheckFile, SharedFile
from rlaudit.sqlfiles.parse import parse_check, parse_shared, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


def load_checks(*folders: Path) -> tuple[CheckFile, ...]:
    """Return every check in ``folders`` and below, by family and name; ours if none is given.

    Raises :class:`SqlFileError` for a file that breaks the format, for two files of one name,
    for a folder without checks, and for a check that needs a table that ``sql/shared`` lacks.
    """
    checks, errors = _collect(folders or (sql_root() / "checks",))
    if errors:
        raise errors[0]
    return checks


def read_checks(*folders: Path) -> tuple[tuple[CheckFile, ...], tuple[Problem, ...]]:
    """Return what :func:`load_checks` does, and the files that it would refuse as problems.

    Of two files of one name the first stays: that of the folder named first.
    """
    checks, errors = _collect(folders or (sql_root() / "checks",))
    return checks, tuple(Problem.of(error) for error in errors)


def _collect(folders: Sequence[Path]) -> tuple[tuple[CheckFile, ...], list[SqlFileError]]:
    checks: dict[str, CheckFile] = {}
    errors: list[SqlFileError] = []
    for folder in folders:
        _load(folder, checks, errors)
    shared = load_shared()
    for check in list(checks.values()):
        try:
            _check_needs(check, shared)
        except SqlFileError as error:
            errors.append(error)
            del checks[check.name]
    return tuple(sorted(checks.values(), key=lambda check: (check.family, check.name))), errors


def load_shared(folder: Path | None = None) -> dict[str, SharedFile]:
    """Return the shared tables of ``folder`` by name, each after those that it needs.

    A file that breaks the format is there with its ``error``: only what needs it fails.
    """
    found: dict[str, SharedFile] = {}
    for path in sorted((folder or sql_root() / "shared").glob("*.sql")):
        try:
            found[path.stem] = parse_shared(read_text(path), path)
        except SqlFileError as error:
            found[path.stem] = SharedFile(path.stem, "", (), (), path, "", error=error)
    ordered: dict[str, SharedFile] = {}
    for file in list(found.values()):
        try:
            _add_with_needs(file, found, ordered, ())
        except SqlFileError as error:
            found[file.name] = ordered[file.name] = replace(file, needs=(), error=error)
    return ordered


def _load(folder: Path, into: dict[str, CheckFile], errors: list[SqlFileError]) -> None:
    """Add the checks in ``folder`` to ``into``, and what is wrong with others to ``errors``."""
    paths = sorted(folder.rglob("*.sql"))
    if not paths:
        what = "no .sql file in this folder or below" if folder.is_dir() else "no such folder"
        errors.append(SqlFileError(f"{folder}:1: {what}"))
    for path in paths:
        try:
            file = parse_check(read_text(path), path)
        except SqlFileError as error:
            errors.append(error)
            continue
        if file.name in into:
            taken = f"{path}:1: the name {file.name!r} is taken by {into[file.name].path}"
            errors.append(SqlFileError(taken, hint="rename one of the two files"))
        else:
            into[file.name] = file


def _check_needs(file: CheckFile | SharedFile, shared: Iterable[str]) -> None:
    line = file.lines.get("needs", 1) if isinstance(file, CheckFile) else 1
    for name in file.needs:
        if name not in shared:
            raise SqlFileError(
                f"{file.path}:{line}: needs {name!r}, which is no file in sql/shared",
                hint=did_you_mean(name, shared),
            )


def _add_with_needs(
    file: SharedFile,
    found: dict[str, SharedFile],
    ordered: dict[str, SharedFile],
    above: tuple[str, ...],
) -> None:
    _check_needs(file, found)
    if file.name in above:
        raise SqlFileError(f"{file.path}:1: needs itself, by way of {' > '.join(above)}")
    for name in file.needs:
        _add_with_needs(found[name], found, ordered, (*above, file.name))
    ordered[file.name] = file
