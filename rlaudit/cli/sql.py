"""``rlaudit sql``."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Typer reads annotations when it runs
from typing import Annotated

import typer

from rlaudit.cli.output import (
    Format,
    Limit,
    Output,
    Timeout,
    Wait,
    destination,
    note,
    note_incomplete,
    param_option,
    row_format,
)
from rlaudit.errors import UsageError
from rlaudit.files import read_stdin, read_text


def sql(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="LOG", help="An rlaudit log, or a history of audits (audit --record)."
        ),
    ],
    query: Annotated[
        str | None,
        typer.Argument(
            metavar="[QUERY]",
            help="SQL to run, or - to read it from standard input.",
            show_default=False,
        ),
    ] = None,
    *,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", metavar="FILE", help="Read the SQL from FILE."),
    ] = None,
    param: Annotated[
        list[str] | None,
        param_option(
            "Bind a value that the query reads as $NAME or getvariable('NAME'); may be "
            "repeated. Numbers and true or false are taken as such, '...' is always text."
        ),
    ] = None,
    limit: Limit = None,
    timeout: Timeout = 60.0,
    format_: Format = None,
    output: Output = None,
    wait: Wait = 10.0,
) -> None:
    """Query a log with SQL.

    Its tables are runs, segments, episodes, transitions, updates, samples and events. The log is
    opened read-only and the query can reach no other file and no network. Views leave out the rows
    that a resume made obsolete; raw.samples and so on have all rows.
    """
    from rlaudit.apart.child import Child

    fmt = row_format(context, format_, output)
    text = _text(query, file)
    if limit is None:
        limit = 0 if output else 1000
    # It starts while this process imports what shows the rows.
    with Child("rlaudit.auditing.own_query") as child:
        from rlaudit.auditing.own_query import query_apart
        from rlaudit.auditing.values import guess, pairs
        from rlaudit.render.rows import write_rows

        with query_apart(
            child,
            source,
            text,
            {name: guess(value) for name, value in pairs(param or ()).items()},
            timeout=timeout,
            limit=limit,
            file=file,
            wait=wait,
            on_incomplete=note_incomplete,
        ) as rows:
            with destination(output, then_end=True) as stream:
                write_rows(stream, rows.columns, rows, fmt)
            if rows.shown < rows.total:
                note(f"showing {rows.shown:,} of {rows.total:,} rows (--limit 0 shows all)")


def _text(query: str | None, file: Path | None) -> str:
    """Return the SQL that is meant by the argument or by ``--file``, of which one must be there."""
    if file is not None and query is not None:
        raise UsageError("both QUERY and --file give SQL", hint="keep one of the two")
    try:
        if file is not None:
            return read_text(file, pipes=True)
        if query == "-":
            return read_stdin()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        hint = "check the path" if file else "give the query as an argument, or --file FILE"
        raise UsageError(f"cannot read {file or 'standard input'}: {reason}", hint=hint) from error
    if query is None:
        raise UsageError("no query is given", hint="QUERY, - for standard input, or --file FILE")
    return query
