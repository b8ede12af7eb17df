"""Commands that have subcommands."""

from __future__ import annotations

import contextlib
import inspect
import sys
from typing import TYPE_CHECKING, Any

import typer

from rlaudit.cli.parsing import Command, Group
from rlaudit.errors import EXIT_FAILED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

HELP_OPTIONS = {"help_option_names": ["--help", "-h"]}


def group(
    doc: str, commands: Mapping[str, Callable[..., Any]], cls: type[Group] = Group
) -> typer.Typer:
    """Return the command that ``doc`` describes, with ``commands`` under it by name.

    ``cls`` finds the one of them that is called.
    """
    app = typer.Typer(cls=cls, context_settings=HELP_OPTIONS, rich_markup_mode=None)
    app.callback(invoke_without_command=True, help=unwrapped(doc))(_alone)
    for name, command in commands.items():
        add_command(app, name, command)
    return app


def add_command(app: typer.Typer, name: str, command: Callable[..., Any]) -> None:
    """Add ``command`` to ``app``. All are added here, so that all read their words alike."""
    app.command(name, cls=Command, help=unwrapped(command.__doc__))(command)


def commands_of(command: Any) -> dict[str, Any]:
    """Return the commands under ``command`` that do something, by name; ``checks-list`` is one."""
    return dict(_walk(command, ()))


def help_and_fail(context: typer.Context) -> None:
    """If no subcommand is called, show the help on stderr and end with the code for failure."""
    if context.invoked_subcommand is None:
        with contextlib.redirect_stdout(sys.stderr):  # Typer's Rich help prints itself
            typer.echo(context.get_help())
        raise typer.Exit(EXIT_FAILED)


def unwrapped(doc: str | None) -> str:
    """Return a docstring with one line a paragraph: Typer keeps the line breaks of the source."""
    paragraphs = inspect.cleandoc(doc or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _alone(context: typer.Context) -> None:
    help_and_fail(context)


def _walk(command: Any, above: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for name, below in command.commands.items():
        if hasattr(below, "commands"):
            yield from _walk(below, (*above, name))
        else:
            yield "-".join((*above, name)), below
