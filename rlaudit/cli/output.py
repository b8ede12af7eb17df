"""Options that several commands share, and where their output goes."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, get_args

import typer

from rlaudit.errors import EXIT_CLEAN, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TextIO

    from rlaudit.errors import Problem

# The same as in rlaudit.render, which is imported only when a command runs.
RowFormat = Literal["table", "json", "jsonl", "csv", "markdown"]
CheckFormat = Literal["table", "json", "csv"]
DuplicatesFormat = Literal["table", "json", "jsonl", "csv", "parquet"]
AuditFormat = Literal["table", "json", "jsonl", "csv", "markdown", "junit", "sarif", "github"]
PlotFormat = Literal["table", "json", "jsonl", "csv", "markdown", "svg", "png"]

_SUFFIXES = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".md": "markdown",
    ".txt": "table",
    ".xml": "junit",
    ".sarif": "sarif",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".svg": "svg",
    ".png": "png",
}


def _spelt(params: list[str] | None) -> list[str] | None:
    """Return what ``-p`` was given; refuse ``-param NAME=VALUE``, which is read as ``-p aram``."""
    if params and "aram" in params:
        raise UsageError("-param is read as -p aram", hint="write --param or -p, then NAME=VALUE")
    return params


def param_option(help_: str) -> Any:
    """Return the option ``--param`` with the help ``help_``."""
    return typer.Option("--param", "-p", metavar="NAME=VALUE", help=help_, callback=_spelt)


Wait = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        min=0,
        help="How long to wait for a database that another process is writing.",
        envvar="RLAUDIT_WAIT",
    ),
]
Timeout = Annotated[
    float,
    typer.Option(
        min=0,
        metavar="SECONDS",
        help="Stop each query of your own after this time; 0 never does.",
        envvar="RLAUDIT_TIMEOUT",
    ),
]
Runs = Annotated[
    list[str] | None,
    typer.Option("--run", metavar="ID", help="Only the run of this id; may be repeated."),
]
Checks = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="DIR", help="A folder with checks of your own, besides ours; may be repeated."
    ),
]
Full = Annotated[
    bool,
    typer.Option(
        "--full",
        help="Add its parameters and the shared tables that it needs: a script that runs in "
        "any DuckDB shell which has a log open.",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Most rows to show; 0 shows all. Without it 1000, and all with --output.",
        envvar="RLAUDIT_LIMIT",
        show_default=False,
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="table|json|jsonl|csv|markdown",
        help="How to show the rows.",
        envvar="RLAUDIT_FORMAT",
    ),
]


def refuse_unwritable(output: Path | None) -> Path | None:
    """Return ``output``, for which a file was made beside it and deleted again.

    The callback of every option that names a result: work of minutes or hours is not begun when
    its result has no place. Raises :class:`UsageError` if the file cannot be written.
    """
    if output is not None and not _is_special(output):
        with _failures_named(output):
            if output.is_file() and _is_database(output):
                raise UsageError(
                    f"{output} is a DuckDB database, over which no result is written",
                    hint="name another file",
                )
            draft = _draft(output)
            draft.touch()
            draft.unlink()
    return output


Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write to FILE and not to stdout; its suffix gives the format.",
        callback=refuse_unwritable,
    ),
]


def row_format(context: typer.Context, chosen: str | None, output: Path | None) -> RowFormat:
    """Return the format of a command that writes rows; see :func:`_choose`."""
    return cast("RowFormat", _choose(context, chosen, output, get_args(RowFormat)))


def check_format(context: typer.Context, chosen: str | None, output: Path | None) -> CheckFormat:
    """Return the format of a command that writes findings; see :func:`_choose`."""
    return cast("CheckFormat", _choose(context, chosen, output, get_args(CheckFormat)))


def duplicates_format(
    context: typer.Context, chosen: str | None, output: Path | None
) -> DuplicatesFormat:
    """Return the format of a search for duplicates; see :func:`_choose`."""
    return cast("DuplicatesFormat", _choose(context, chosen, output, get_args(DuplicatesFormat)))


def audit_format(context: typer.Context, chosen: str | None, output: Path | None) -> AuditFormat:
    """Return the format of the audit; see :func:`_choose`."""
    return cast("AuditFormat", _choose(context, chosen, output, get_args(AuditFormat)))


def plot_format(context: typer.Context, chosen: str | None, output: Path | None) -> PlotFormat:
    """Return the format of a plot; see :func:`_choose`."""
    return cast("PlotFormat", _choose(context, chosen, output, get_args(PlotFormat)))


def _choose(
    context: typer.Context, chosen: str | None, output: Path | None, known: tuple[str, ...]
) -> str:
    """Return ``--format``, or else what the suffix of ``--output`` says, or else RLAUDIT_FORMAT."""
    source = context.get_parameter_source("format_")
    if output is not None and (chosen is None or (source and source.name == "ENVIRONMENT")):
        named = output.name.lower().removesuffix(".json")
        chosen = _SUFFIXES.get(
            Path(named).suffix if named.endswith(".sarif") else output.suffix.lower()
        )
        if chosen is None:
            raise UsageError(
                f"the name {output} does not say which format to write",
                hint=f"add --format {'|'.join(known)}",
            )
    if chosen is not None and chosen not in known:
        raise UsageError(f"unknown format {chosen!r}", hint=did_you_mean(chosen, known))
    return chosen or "table"


@contextlib.contextmanager
def destination(output: Path | None, *, then_end: bool = False) -> Iterator[TextIO]:
    """Give the stream that data goes to: stdout, or the file ``output``.

    A file is put in its place when it is whole, so that a failure costs no earlier one.

    A reader that leaves before all was written (``| head -1``) has what it wants: the block is
    left, and the command goes on to what is behind it, which gives its exit code. ``then_end``
    is for commands that say there how much was written: they end, with the code of success.
    """
    if output is None:
        yield from _stdout(then_end)
        return
    with (
        _replacing(output) as draft,
        # Half of a surrogate pair, as JSON's escapes can make one, must not end a report.
        draft.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        yield file


def _stdout(then_end: bool) -> Iterator[TextIO]:
    if sys.stdout is None:
        raise UsageError("standard output is closed", hint="--output FILE writes to a file")
    try:
        yield sys.stdout
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit) as error:  # Rich turns the one into the other
        let_go_of_stdout()
        if then_end:
            raise typer.Exit(EXIT_CLEAN) from error
    except OSError as error:
        let_go_of_stdout()
        raise UsageError(
            f"cannot write to standard output: {error.strerror}",
            hint="--output FILE writes to a file",
        ) from error


def let_go_of_stdout() -> None:
    """Send to nowhere what is still to be written, or Python complains when it ends."""
    with contextlib.suppress(OSError):  # one that is no file has nothing to complain of
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_bytes(output: Path, data: bytes) -> None:
    """Put ``data`` into the file ``output``, as :func:`destination` does with text."""
    with _replacing(output) as draft:
        draft.write_bytes(data)


@contextlib.contextmanager
def _replacing(output: Path) -> Iterator[Path]:
    """Give the path to write to, which takes the place of ``output`` in the end."""
    special = _is_special(output)
    draft = output if special else _draft(output)
    try:
        with _failures_named(output):
            yield draft
            if not special:
                draft.replace(output)
    finally:
        if not special:
            with contextlib.suppress(OSError):
                draft.unlink()


def _is_database(output: Path) -> bool:
    with output.open("rb") as file:
        return file.read(12)[8:] == b"DUCK"


def _is_special(output: Path) -> bool:
    """Say whether ``output`` is a pipe or a device, into which one writes straight."""
    return output.exists() and not output.is_file() and not output.is_dir()


def _draft(output: Path) -> Path:
    if output.is_dir():
        raise UsageError(f"cannot write {output}: it is a folder", hint="name a file in it")
    if not output.parent.is_dir():
        raise UsageError(
            f"cannot write {output}: the folder {output.parent} does not exist",
            hint="create the folder first",
        )
    return output.with_name(f".{output.name}.{os.getpid()}.part")


@contextlib.contextmanager
def _failures_named(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"cannot write {output}: {error.strerror}", hint="choose another place"
        ) from error


def note(text: str) -> None:
    """Write a line of narration to stderr."""
    from rlaudit.render.harmless import printable

    with contextlib.suppress(OSError):  # nobody hears it, and that changes no result
        typer.echo(printable(text), err=True)


def say(text: str) -> None:
    """Write a line to stdout that is no data of a log, and may have names in it."""
    from rlaudit.render.harmless import printable

    typer.echo(printable(text))


def note_incomplete(what: str) -> None:
    """Say on stderr what of a log cannot be read."""
    note(f"warning: incomplete: {what}")


def narrate(kind: Literal["note", "warning", "error"], text: str) -> None:
    """Write one line to stderr that says of what kind it is."""
    note(f"{kind}: {' '.join(text.split())}")


def say_problems(problems: Iterable[Problem]) -> None:
    """Write each problem to stderr, on a line that names the log or the SQL file."""
    for problem in problems:
        text = str(problem)
        known = not problem.source or any(
            name in text for name in (problem.source, str(Path(problem.source).absolute()))
        )
        hint = f" ({problem.hint})" if problem.hint else ""
        narrate("error", f"{'' if known else f'{problem.source}: '}{text}{hint}")
