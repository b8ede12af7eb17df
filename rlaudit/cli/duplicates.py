"""``rlaudit check-duplicates``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from rlaudit.cli.output import (
    Output,
    Runs,
    Wait,
    destination,
    duplicates_format,
    narrate,
    note,
    write_bytes,
)
from rlaudit.cli.parsing import refuse_given
from rlaudit.errors import EXIT_CLEAN, EXIT_FAILED, EXIT_FINDINGS, DatabaseError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rlaudit.auditing import CheckResult

Nulls = Literal["ignore", "equal", "report"]
# The same as in rlaudit.tables, which is imported only when the command runs.
InputFormat = Literal["csv", "tsv", "json", "jsonl", "parquet", "duckdb"]

_NAME = re.compile(r'"((?:[^"]|"")*)"|([^,]*)')


def check_duplicates(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="An rlaudit log. With --value: any DuckDB, Parquet, CSV or JSON-lines file, a "
            "quoted pattern that several match, or - for standard input.",
        ),
    ],
    *,
    run: Runs = None,
    group_by: Annotated[
        list[str] | None,
        typer.Option(metavar="COL[,COL]", help="Look within groups of these columns."),
    ] = None,
    value: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COL[,COL]",
            help="Columns whose values must not repeat in a group, or without --group-by in the "
            "whole table.",
        ),
    ] = None,
    table: Annotated[
        str | None, typer.Option(help="Table of a DuckDB file that has several.")
    ] = None,
    nulls: Annotated[
        Nulls | None,
        typer.Option(
            help="What a NULL in these columns means: leave its row out (ignore, the default), "
            "compare it like a value (equal), or leave it out and count it as a finding (report).",
            show_default=False,
        ),
    ] = None,
    all_null: Annotated[
        Nulls | None,
        typer.Option(
            help="The same for rows in which all these columns are NULL; without it, as --nulls.",
            show_default=False,
        ),
    ] = None,
    input_format: Annotated[
        InputFormat | None,
        typer.Option(
            help="The format of FILE, whose suffix says it otherwise. csv finds the delimiter by "
            "the names of the columns.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, help="Most examples to show for each check; 0 shows all.")
    ] = 10,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="table|json|jsonl|csv|parquet",
            help="How to show it.",
            envvar="RLAUDIT_FORMAT",
        ),
    ] = None,
    output: Output = None,
    wait: Wait = 10.0,
) -> None:
    """Find duplicates in a log, or in any table.

    Any table is looked into with --value, and with --group-by for repeats within groups. In a log:
    run ids, episodes, stored steps, update ids, samples and transition ids that stand there twice,
    and transitions drawn twice in a batch where the sampling scheme forbids it or does not predict
    as many. Exit code 0 if clean, 1 with findings, 2 if it could not be checked.
    """
    fmt = duplicates_format(context, format_, output)
    if fmt == "parquet":
        _file_of(output)  # refused before the work
    if not (group_by or value):
        refuse_given(
            context,
            "the checks of a log",
            ["table", "nulls", "all_null", "input_format"],
            why="add --value to look into any table",
        )
        runs = tuple(dict.fromkeys(run or ()))
        results, incomplete = _check_log(source, runs, limit, wait)
        from rlaudit.render.checks import checks_as_parquet, write_checks

        if fmt == "parquet":
            write_bytes(_file_of(output), checks_as_parquet(results))
        else:
            with destination(output) as stream:
                write_checks(stream, results, fmt, source=source, runs=runs, incomplete=incomplete)
        raise typer.Exit(_exit_code(source, results))
    if not value:
        raise UsageError("--value is missing", hint="it names what must not repeat in a group")
    refuse_given(context, "--value", ["run"], why="a run is one of a log")
    _refuse_input_as_output(source, output)
    from rlaudit.auditing import duplicates_in
    from rlaudit.render.groups import groups_as_parquet, write_groups

    found = duplicates_in(
        source,
        _columns("--group-by", group_by or ()),
        _columns("--value", value),
        nulls=nulls or "ignore",
        all_null=all_null,
        table=table,
        input_format=input_format,
        limit=limit,
        wait=wait,
    )
    for text in found.notes:
        narrate("note", text)
    if fmt == "parquet":
        write_bytes(_file_of(output), groups_as_parquet(found))
    else:
        with destination(output) as stream:
            write_groups(stream, found, fmt)
    if found.clean and found.rows == found.rows_skipped:
        raise DatabaseError(
            f"nothing in {source} was compared",
            hint=f"all {found.rows:,} rows have a NULL there" if found.rows else "it has no rows",
        )
    raise typer.Exit(EXIT_CLEAN if found.clean else EXIT_FINDINGS)


def _refuse_input_as_output(source: str, output: Path | None) -> None:
    from rlaudit.tables import STDIN, matching

    if output is not None and output.exists() and source != STDIN:
        for path in matching(source):
            if output.samefile(path):
                raise UsageError(
                    f"{output} is a file that is looked into", hint="name another for --output"
                )


def _file_of(output: Path | None) -> Path:
    if output is None:
        raise UsageError("Parquet is no text for a terminal", hint="name a file: -o found.parquet")
    return output


def _check_log(
    source: str, runs: Sequence[str], limit: int, wait: float
) -> tuple[list[CheckResult], str | None]:
    from rlaudit.auditing import run_checks
    from rlaudit.sqlfiles import load_checks
    from rlaudit.store import open_for_reading

    checks = [check for check in load_checks() if check.family == "duplicates"]
    with open_for_reading(source, wait=wait, at_length=True) as log:
        if log.incomplete:
            note(f"warning: incomplete: {log.incomplete}")
        return run_checks(log.con, checks, runs=runs, limit=limit), log.incomplete


def _exit_code(source: str, results: Sequence[CheckResult]) -> int:
    if all(result.status == "not_applicable" for result in results):
        raise DatabaseError(
            f"nothing in {source} could be checked", hint="the log has no rows for any check"
        )
    if any(result.status == "error" for result in results):
        return EXIT_FAILED
    found = any(r.status == "fail" and r.check.severity == "error" for r in results)
    return EXIT_FINDINGS if found else EXIT_CLEAN


def _columns(option: str, texts: Sequence[str]) -> list[str]:
    """Return the column names in ``texts``; one with a comma in it stands in double quotes."""
    names = [name for text in texts for name in _names(option, text)]
    if not all(names):
        raise UsageError(f"{option} has an empty column name", hint="separate names by one comma")
    return names


def _names(option: str, text: str) -> Iterator[str]:
    """Give the names in one text. It is no line of CSV: a name may have line breaks."""
    end = -1
    while end < len(text):
        found = cast("re.Match[str]", _NAME.match(text, end + 1))
        quoted, bare = found.groups()
        yield bare if quoted is None else quoted.replace('""', '"')
        end = found.end()
        if text[end : end + 1] not in ("", ","):
            raise UsageError(
                f"{option} has {text[end]!r} behind a quoted name", hint="separate names by a comma"
            )
