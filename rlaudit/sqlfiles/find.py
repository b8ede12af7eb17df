"""Find checks, reports and shared tables, ours and a user's, and refuse what is ambiguous."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from rlaudit.errors import Problem, SqlFileError, did_you_mean
from rlaudit.sqlfiles.locate import sql_root
from rlaudit.sqlfiles.model import CheckFile, QueryFile, ReportFile, SharedFile
from rlaudit.sqlfiles.parse import parse_check, parse_report, parse_shared, read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

_File = TypeVar("_File", CheckFile, ReportFile)


def load_checks(*folders: Path) -> tuple[CheckFile, ...]:
    """Return every check in ``folders`` and below, by family and name; ours if none is given.

    Raises :class:`SqlFileError` for a file that breaks the format, for two files of one name,
    for a folder without checks, and for a check that needs a table that ``sql/shared`` lacks.
    """
    checks, errors = _checks(folders)
    if errors:
        raise errors[0]
    return checks


def read_checks(*folders: Path) -> tuple[tuple[CheckFile, ...], tuple[Problem, ...]]:
    """Return what :func:`load_checks` does, and the files that it would refuse as problems.

    Of two files of one name the first stays: that of the folder named first.
    """
    checks, errors = _checks(folders)
    return checks, tuple(Problem.of(error) for error in errors)


def read_reports(*folders: Path) -> tuple[tuple[ReportFile, ...], tuple[Problem, ...]]:
    """Return every report in ``folders`` and below by name, and unusable files as problems.

    Without ``folders`` they are ours.
    """
    reports, errors = _collect(folders or (sql_root() / "reports",), parse_report)
    ordered = tuple(sorted(reports, key=lambda report: report.name))
    return ordered, tuple(Problem.of(error) for error in errors)


def _checks(folders: Sequence[Path]) -> tuple[tuple[CheckFile, ...], list[SqlFileError]]:
    checks, errors = _collect(folders or (sql_root() / "checks",), parse_check)
    return tuple(sorted(checks, key=lambda check: (check.family, check.name))), errors


def _collect(
    folders: Sequence[Path], parse: Callable[[str, Path], _File]
) -> tuple[Iterable[_File], list[SqlFileError]]:
    """Return the files in ``folders`` that can be used, and what is wrong with the others."""
    files: dict[str, _File] = {}
    errors: list[SqlFileError] = []
    for folder in folders:
        _load(folder, parse, files, errors)
    shared = load_shared()
    for file in list(files.values()):
        try:
            _check_needs(file, shared)
        except SqlFileError as error:
            errors.append(error)
            del files[file.name]
    return files.values(), errors


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


def _load(
    folder: Path,
    parse: Callable[[str, Path], _File],
    into: dict[str, _File],
    errors: list[SqlFileError],
) -> None:
    """Add the files in ``folder`` to ``into``, and what is wrong with others to ``errors``."""
    paths = sorted(folder.rglob("*.sql"))
    if not paths:
        what = "no .sql file in this folder or below" if folder.is_dir() else "no such folder"
        errors.append(SqlFileError(f"{folder}:1: {what}"))
    for path in paths:
        try:
            file = parse(read_text(path), path)
        except SqlFileError as error:
            errors.append(error)
            continue
        if file.name in into:
            taken = f"{path}:1: the name {file.name!r} is taken by {into[file.name].path}"
            errors.append(SqlFileError(taken, hint="rename one of the two files"))
        else:
            into[file.name] = file


def _check_needs(file: QueryFile | SharedFile, shared: Iterable[str]) -> None:
    line = 1 if isinstance(file, SharedFile) else file.lines.get("needs", 1)
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
