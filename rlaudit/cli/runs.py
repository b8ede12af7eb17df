"""``rlaudit runs``."""

from __future__ import annotations

from typing import Annotated

import typer

from rlaudit.cli.output import Output, Wait, destination, note, row_format

_COLUMNS = ("run_id", "name", "env_id", "state", "steps", "episodes", "mean_return", "rows")


def runs(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="LOG", help="An rlaudit log.")],
    *,
    limit: Annotated[
        int, typer.Option(min=0, help="Most runs to list, the newest; 0 lists all.")
    ] = 100,
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
    wait: Wait = 10.0,
) -> None:
    """List the runs of a log and how far each got.

    A run whose process has given no sign of life for a minute is dead, not running.
    """
    from rlaudit.render.rows import write_rows
    from rlaudit.store import list_runs, open_for_reading

    fmt = row_format(context, format_, output)
    with open_for_reading(source, wait=wait) as log:
        if log.incomplete:
            note(f"warning: incomplete: {log.incomplete}")
        found = list_runs(log)
    shown = found[-limit:] if limit else found
    with destination(output) as stream:
        write_rows(stream, _COLUMNS, ([getattr(r, c) for c in _COLUMNS] for r in shown), fmt)
    if len(shown) < len(found):
        note(f"showing {len(shown):,} of {len(found):,} runs (--limit 0 lists all)")
