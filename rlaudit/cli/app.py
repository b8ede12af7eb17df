"""The command ``rlaudit``: its subcommands, its exit codes, and the one place for errors.

Exit codes: 0 clean or done, 1 findings, 2 the command could not do its job, 130 on Ctrl-C. A
reader that leaves early (``| head -1``) is no failure: the code is the one that the work deserves,
or, if the command had not come to it, 141, which is what a shell gives a program that SIGPIPE ends.

Errors are one line on stderr, ``error: message (hint)``, with the line of a user's own SQL that is
wrong below it; ``--debug`` adds the traceback.
"""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rlaudit.cli.defaults import for_command, read_defaults
from rlaudit.cli.environment import misspelt
from rlaudit.cli.group import HELP_OPTIONS, add_command, commands_of, help_and_fail, unwrapped
from rlaudit.cli.output import let_go_of_stdout, narrate, note
from rlaudit.cli.parsing import Group
from rlaudit.errors import (
    EXIT_CLEAN,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_READER_LEFT,
    RlauditError,
    UsageError,
)
from rlaudit.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

# Where each subcommand is: a function, or a typer.Typer for one that has subcommands of its own.
# A module is imported only if its command is the one that is called, or if all are listed, so that
# no command pays for the options of another.
_COMMANDS = {
    "train": "rlaudit.cli.train:train",
    "eval": "rlaudit.cli.eval:evaluate",
    "reproduce": "rlaudit.cli.reproduce:reproduce",
    "audit": "rlaudit.cli.audit:audit",
    "checks": "rlaudit.cli.checks:checks",
    "baseline": "rlaudit.cli.baseline:baseline",
    "check-duplicates": "rlaudit.cli.duplicates:check_duplicates",
    "plot": "rlaudit.cli.plot:plot",
    "compare": "rlaudit.cli.compare:compare",
    "report": "rlaudit.cli.report:report",
    "sql": "rlaudit.cli.sql:sql",
    "runs": "rlaudit.cli.runs:runs",
    "watch": "rlaudit.cli.dashboard:watch",
    "serve": "rlaudit.cli.serve:serve",
}

# Options that name files of a project: in its pyproject.toml they are relative to that file, and
# not to the folder in which a command happens to run.
_PROJECT_FILES = ("baseline", "checks", "record", "reports")


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line ``args`` (those of the process, if None) and return its exit code."""
    words = list(sys.argv[1:] if args is None else args)
    # Before the words are parsed, which may fail. As the value of an option it does no harm.
    debug = "--debug" in words or os.environ.get("RLAUDIT_DEBUG", "0") not in ("", "0")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that cannot show a character must not end a report.
            stream.reconfigure(errors="backslashreplace")
    try:
        command = typer.main.get_command(build_app(words))
        code = command.main(
            words, prog_name="rlaudit", standalone_mode=False, default_map=_defaults(command, words)
        )
        return _flushed(code if isinstance(code, int) else EXIT_CLEAN)
    except (BrokenPipeError, SystemExit):
        # The reader left: Typer and Rich turn that into SystemExit(1), and here 1 means findings.
        let_go_of_stdout()
        return EXIT_READER_LEFT
    except (KeyboardInterrupt, typer.Abort):
        return EXIT_INTERRUPTED
    except BaseException as error:  # noqa: BLE001 - where every error ends; Polars' panics are no Exception
        if debug:
            traceback.print_exc()
        for line in _error_lines(error):
            note(line)
        return EXIT_FAILED


def _flushed(code: int) -> int:
    """Return ``code`` when all that was written has arrived, or nobody reads it any more."""
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            let_go_of_stdout()
        except OSError as error:
            let_go_of_stdout()
            raise UsageError(f"cannot write to standard output: {error.strerror}") from error
    return code


def build_app(words: Sequence[str]) -> typer.Typer:
    """Return the application with the subcommand that ``words`` call, or with all of them."""
    app = typer.Typer(
        cls=Group,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings=HELP_OPTIONS,
        # Rich's panels cut option names short at 80 columns.
        rich_markup_mode=None,
    )
    app.callback(invoke_without_command=True, help=unwrapped(_top.__doc__))(_top)
    called = _called(words)
    for name in [called] if called in _COMMANDS else _COMMANDS:
        module, _, function = _COMMANDS[name].partition(":")
        command = getattr(import_module(module), function)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            add_command(app, name, command)
    return app


def _called(words: Sequence[str]) -> str | None:
    return next((word for word in words if not word.startswith("-")), None)


def _defaults(command: Any, words: Sequence[str]) -> dict[str, Any]:
    """Return Click's default map: the options that a pyproject.toml sets for the command called.

    Variables of the environment that set nothing are said.
    """
    called = [word for word in words if not word.startswith("-")]
    known = commands_of(command)
    # "rlaudit checks list" calls checks-list, "rlaudit audit runs.duckdb" calls audit.
    name = next((n for n in ("-".join(called[:2]), *called[:1]) if n in known), None)
    if name is None:
        return {}
    options = _options(known[name])
    for sentence in misspelt(os.environ, options, _every_option):
        narrate("warning", sentence)
    path, table = read_defaults(Path.cwd())
    found = for_command(path, table, name, options, _every_option)
    defaults = {options[key].name: _default(options[key], found[key], path) for key in found}
    return {called[0]: defaults if name == called[0] else {called[1]: defaults}}


def _options(command: Any) -> dict[str, Any]:
    """Return the parameters of a command by the name that a pyproject.toml has for each."""
    # A parameter called format_ is the option --format.
    return {p.name.rstrip("_"): p for p in command.params}


def _every_option() -> dict[str, dict[str, Any]]:
    """Return the options of every command by its name; that of "checks list" is checks-list."""
    commands = commands_of(typer.main.get_command(build_app([])))
    return {name: _options(command) for name, command in commands.items()}


def _default(option: Any, value: Any, path: Path | None) -> Any:
    """Return what the file ``path`` says of ``option`` as Typer wants it."""
    if option.name in _PROJECT_FILES and path is not None:
        items = value if isinstance(value, list) else [value]
        value = [str(path.parent / str(item)) for item in items]
        return value if option.multiple else value[0]
    # Typer would take a single text apart where it expects several.
    return [value] if option.multiple and isinstance(value, str) else value


def _version(value: bool) -> None:
    if value:
        typer.echo(f"rlaudit {__version__}")
        raise typer.Exit(EXIT_CLEAN)


def _top(
    context: typer.Context,
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", callback=_version, is_eager=True
        ),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            help="Show the traceback of an error.",
            envvar="RLAUDIT_DEBUG",
            # Every command has it (rlaudit.cli.parsing), and none takes it as an argument.
            expose_value=False,
        ),
    ] = False,
) -> None:
    """Is my replay doing what I think it does? Train with a log, and audit any replay log.

    Exit codes: 0 clean or done, 1 findings, 2 the command could not do its job, 130 interrupted.
    """
    del version, debug  # handled by their callback and by main
    help_and_fail(context)


def _error_lines(error: BaseException) -> list[str]:
    message, hint = _message_and_hint(error)
    line = " ".join(f"error: {message} ({hint})".split() if hint else f"error: {message}".split())
    # A note is an excerpt of the user's own text, whose lines stand below each other.
    notes = [part for note in getattr(error, "__notes__", ()) for part in note.splitlines()]
    return [line, *notes]


def _message_and_hint(error: BaseException) -> tuple[str, str]:
    if isinstance(error, RlauditError):
        return str(error), error.hint
    if (found := _of_the_machine(error)) is not None:
        return found
    # Usage errors are Click's own class in Typer before 0.26 and Typer's later; both have this.
    describe: Any = getattr(error, "format_message", None)
    if describe is None:
        kind = type(error).__name__
        return f"internal error, {kind}: {error}", "a bug in rlaudit; --debug shows where"
    if possibilities := getattr(error, "possibilities", None):
        return str(getattr(error, "message", error)), f"did you mean {possibilities[0]}?"
    message = describe().rstrip(".")
    context = getattr(error, "ctx", None)
    return message, f"see {context.command_path} --help" if context is not None else ""


def _of_the_machine(error: BaseException) -> tuple[str, str] | None:
    """Return message and hint of what may befall any command; None for what is a bug of ours."""
    if isinstance(error, OSError) and error.strerror:
        named = "" if error.filename is None else f": {os.fsdecode(error.filename)}"
        return f"{error.strerror}{named}", ""
    if isinstance(error, MemoryError):
        return "there is not enough memory", ""
    # The second is what DuckDB's binding says of the same text.
    if isinstance(error, UnicodeEncodeError) or "instance of type <class 'str'>" in str(error):
        return "a text that was given is not UTF-8", "look for it in the command and its files"
    if isinstance(error, ValueError) and "null byte" in str(error):
        return "a file name has a NUL, which none can have", "leave it out"
    return None
