"""``rlaudit report``: questions about a log that have names."""

from __future__ import annotations

import contextlib
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rlaudit.cli.group import group
from rlaudit.cli.output import (
    Format,
    Full,
    Limit,
    Output,
    Runs,
    Timeout,
    Wait,
    destination,
    note,
    note_incomplete,
    param_option,
    row_format,
    say_problems,
)
from rlaudit.cli.page import html
from rlaudit.cli.parsing import Group, refuse_idle_timeout
from rlaudit.errors import EXIT_CLEAN, EXIT_FAILED, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rlaudit.auditing import Answer
    from rlaudit.sqlfiles import ReportFile

_COLUMNS = ("name", "title", "question", "path")

_Reports = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="DIR", help="A folder with reports of your own, besides ours; may be repeated."
    ),
]


def list_reports(
    context: typer.Context,
    *,
    reports: _Reports = None,
    format_: Format = None,
    output: Output = None,
) -> None:
    """List the reports, with what each shows."""
    from rlaudit.auditing import all_reports
    from rlaudit.render.reports import write_report_list
    from rlaudit.render.rows import write_rows

    fmt = row_format(context, format_, output)
    found, problems = all_reports(reports)
    with destination(output) as stream:
        if fmt == "table":
            write_report_list(stream, found)
        else:
            rows = (
                (
                    *(str(getattr(report, column)) for column in _COLUMNS),
                    ", ".join(param.name for param in report.params),
                )
                for report in found
            )
            write_rows(stream, (*_COLUMNS, "params"), rows, fmt)
    say_problems(problems)
    raise typer.Exit(EXIT_FAILED if problems else EXIT_CLEAN)


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of a report.")],
    *,
    full: Full = False,
    reports: _Reports = None,
    output: Output = None,
) -> None:
    """Print the SQL of a report."""
    from rlaudit.auditing import find_report, script_of_report
    from rlaudit.render.harmless import sql_source

    report = find_report(name, reports)
    with destination(output) as stream:
        text = script_of_report(report) if full else report.sql
        stream.write(sql_source(text, on_terminal=stream.isatty()))


def run(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of a report.")],
    source: Annotated[str, typer.Argument(metavar="LOG", help="An rlaudit log.")],
    *,
    run: Runs = None,
    param: Annotated[
        list[str] | None,
        param_option("Set a parameter of the report; may be repeated."),
    ] = None,
    reports: _Reports = None,
    limit: Limit = None,
    timeout: Timeout = 60.0,
    format_: Format = None,
    output: Output = None,
    wait: Wait = 10.0,
) -> None:
    """Answer the question of a report over a log.

    rlaudit report list names the reports and their parameters; rlaudit report show NAME prints the
    SQL of one, with the defaults and bounds of its parameters.
    """
    from rlaudit.auditing import find_report
    from rlaudit.auditing.values import pairs
    from rlaudit.render.harmless import shell_path, shell_word
    from rlaudit.render.reports import write_answer
    from rlaudit.sqlfiles import is_ours

    fmt = row_format(context, format_, output)
    given = pairs(param or ())
    if Path(name).is_file() and Path(source).name in _names():
        raise UsageError(
            f"{name} is a file and {source} a report, which comes first",
            hint=f"rlaudit report run {shell_word(source)} {shell_path(name)}",
        )
    report = find_report(name, reports)
    refuse_idle_timeout(context, not is_ours(report.path), "a report of your own")
    if limit is None:
        limit = 0 if output else 1000
    with (
        _answer(
            report, source, given, runs=run or (), limit=limit, timeout=timeout, wait=wait
        ) as answer,
        destination(output, then_end=True) as stream,
    ):
        write_answer(stream, answer, fmt)
    if not answer.rows.total:
        note(f"no rows: {answer.why_empty}")
    elif answer.note:
        note(answer.note)
    if answer.rows.shown < answer.rows.total:
        note(f"showing {answer.rows.shown:,} of {answer.rows.total:,} rows (--limit 0 shows all)")


@contextlib.contextmanager
def _answer(
    report: ReportFile,
    source: str,
    given: Mapping[str, object],
    *,
    runs: Sequence[str],
    limit: int,
    timeout: float,
    wait: float,
) -> Iterator[Answer]:
    """Answer a report: ours in this process, a user's own in one that can be ended."""
    from rlaudit.sqlfiles import is_ours

    if is_ours(report.path):
        from rlaudit.auditing import reporting
        from rlaudit.store import open_for_reading

        with open_for_reading(source, wait=wait, at_length=True) as log:
            if log.incomplete:
                note_incomplete(log.incomplete)
            with (
                reporting(log.con, [report], runs=runs) as reporter,
                reporter.answer(report.name, given, limit=limit) as answer,
            ):
                yield answer
        return
    from rlaudit.apart.child import Child
    from rlaudit.auditing.own_reports import answer_apart

    with (
        Child("rlaudit.auditing.own_reports") as child,
        answer_apart(
            child,
            source,
            report,
            given,
            timeout=timeout,
            runs=runs,
            limit=limit,
            wait=wait,
            on_incomplete=note_incomplete,
        ) as answer,
    ):
        yield answer


def _names() -> list[str]:
    """Return the names of our own reports."""
    from rlaudit.sqlfiles import sql_root

    return [path.stem for path in (sql_root() / "reports").glob("*.sql")]


class _Commands(Group):
    """The commands under ``report``, which knows the name of a report where one is expected."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is called.

        Raises :class:`UsageError` if it is the name of a report, or nearly.
        """
        from rlaudit.render.harmless import shell_word

        meant = get_close_matches(args[0], [*self.commands, *_names()], n=1) if args else []
        if meant and meant[0] not in self.commands:
            raise UsageError(
                f"{args[0]!r} is no command of rlaudit report",
                hint=f"rlaudit report run {' '.join(map(shell_word, [*meant, *args[1:]]))}",
            )
        return super().resolve_command(ctx, args)


report = group(
    "Answer questions about a log by name.",
    {"list": list_reports, "show": show, "run": run, "html": html},
    _Commands,
)
