"""``rlaudit checks``: what the audit tests, and a user's own checks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rlaudit.cli.group import group
from rlaudit.cli.output import (
    Checks,
    Full,
    Output,
    Timeout,
    destination,
    note,
    row_format,
    say,
    say_problems,
)
from rlaudit.cli.parsing import refuse_given
from rlaudit.errors import EXIT_CLEAN, EXIT_FAILED, EXIT_FINDINGS, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rlaudit.errors import Problem
    from rlaudit.sqlfiles import CheckFile

_COLUMNS = ("name", "family", "severity", "title", "path")


def list_checks(
    context: typer.Context,
    *,
    family: Annotated[
        str | None, typer.Option(metavar="NAME", help="List only the checks of this family.")
    ] = None,
    checks: Checks = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="table|json|jsonl|csv|markdown",
            help="How to show the list.",
            envvar="RLAUDIT_FORMAT",
        ),
    ] = None,
    output: Output = None,
) -> None:
    """List the checks by family, with what each tests."""
    from rlaudit.render.check_files import write_check_list
    from rlaudit.render.rows import write_rows

    fmt = row_format(context, format_, output)
    found, problems = all_checks(checks)
    families = {check.family for check in found}
    if family is not None and family not in families:
        raise UsageError(
            f"no family of checks is called {family!r}", hint=did_you_mean(family, families)
        )
    shown = [check for check in found if family in (None, check.family)]
    with destination(output) as stream:
        if fmt == "table":
            write_check_list(stream, shown)
        else:
            rows = ([str(getattr(check, c)) for c in _COLUMNS] for check in shown)
            write_rows(stream, _COLUMNS, rows, fmt)
    say_problems(problems)
    raise typer.Exit(EXIT_FAILED if problems else EXIT_CLEAN)


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of a check.")],
    *,
    full: Full = False,
    checks: Checks = None,
    output: Output = None,
) -> None:
    """Print the SQL of a check.

    rlaudit audit --explain NAME says in words what it tests.
    """
    from rlaudit.render.harmless import sql_source

    check = check_of(name, checks)
    if full:
        from rlaudit.auditing import script_of

        text = script_of(check, every_run=True)
    else:
        from rlaudit.sqlfiles import read_text

        text = read_text(check.path)
    with destination(output) as stream:
        stream.write(sql_source(text, on_terminal=stream.isatty()))


def lint(
    context: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR",
            help="A folder of checks. Without it, those that come with rlaudit and those of "
            "--checks.",
        ),
    ] = None,
    *,
    checks: Checks = None,
    timeout: Timeout = 60.0,
) -> None:
    """Look for mistakes in the files of checks.

    That is in their headers and statements, and names that are used twice. Exit code 0 if all is
    well, 1 if something is wrong, one line each.
    """
    from rlaudit.auditing import lint_checks
    from rlaudit.sqlfiles import sql_root

    if folder is not None:
        refuse_given(context, "DIR", ["checks"], why="a folder of your own is one or the other")
    folders = [folder] if folder is not None else [sql_root() / "checks", *(checks or [])]
    problems = [problem for where in folders for problem in lint_checks(where, timeout=timeout)]
    for problem in problems:
        say(f"{problem} ({problem.hint})" if problem.hint else str(problem))
    if problems:
        raise typer.Exit(EXIT_FINDINGS)
    number = sum(len(list(where.rglob("*.sql"))) for where in folders)
    note(f"{number} files, nothing wrong")
    raise typer.Exit(EXIT_CLEAN)


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the check, in snake_case.")],
    *,
    # Called checks so that a project's folder of checks, from its pyproject.toml, is the default.
    checks: Annotated[
        Path,
        typer.Option(
            "--dir", metavar="DIR", help="Folder in which to write it; the first of a project's."
        ),
    ] = Path("checks"),
) -> None:
    """Begin a check of your own.

    Writes a file that works and finds nothing yet.
    """
    from rlaudit.auditing import new_check
    from rlaudit.render.harmless import shell_path

    taken = {
        check.name: check.path for check in all_checks([checks] if checks.is_dir() else None)[0]
    }
    if name in taken:
        raise UsageError(f"the name {name!r} is taken by {taken[name]}", hint="choose another")
    path = new_check(name, checks)
    say(str(path))
    own = shell_path(str(checks))
    note(f"next: fill it in, then rlaudit audit SOURCE --checks {own} --select {name}")


def all_checks(
    folders: Sequence[Path] | None,
) -> tuple[tuple[CheckFile, ...], tuple[Problem, ...]]:
    """Return the checks that come with rlaudit and those in ``folders``, and unusable files."""
    from rlaudit.sqlfiles import read_checks, sql_root

    return read_checks(sql_root() / "checks", *(folders or ()))


def check_of(name: str, folders: Sequence[Path] | None) -> CheckFile:
    """Return the check called ``name``."""
    found, problems = all_checks(folders)
    known = {check.name: check for check in found}
    if name in known:
        return known[name]
    for problem in problems:
        if problem.path is not None and problem.path.stem == name:
            raise UsageError(str(problem), hint=problem.hint)
    raise UsageError(f"no check is called {name!r}", hint=did_you_mean(name, known))


checks = group(
    "List the checks, show, lint or begin one.",
    {"list": list_checks, "show": show, "lint": lint, "new": new},
)
