"""``rlaudit watch``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from rlaudit.errors import EXIT_CLEAN, EXIT_INTERRUPTED, DatabaseLockedError, UsageError


def watch(
    source: Annotated[str, typer.Argument(metavar="LOG", help="An rlaudit log.")],
    *,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="The run to begin with. Without it, the newest of those that are running.",
            show_default=False,
        ),
    ] = None,
    every: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.5, help="Least time between two looks.")
    ] = 2.0,
    audit: Annotated[
        bool,
        typer.Option(
            "--audit/--no-audit",
            help="Run the checks whose cost does not grow with the log, over the run that is shown "
            "and those that are running.",
        ),
    ] = True,
) -> None:
    """Follow runs in progress on the terminal.

    Their list, the learning curve and the priorities of one of them, and what the cheap checks
    find in it. The log is open for reading for a tenth of the time at most, and rows that come
    meanwhile wait or go to its spool. Keys: up and down choose a run, tab leads to the findings, r
    looks at once, q quits.
    """
    from rlaudit.live import take_look
    from rlaudit.render.dashboard import show_dashboard

    path = Path(source).absolute()
    # What cannot be read ever is said before the screen opens, and by an exit code.
    try:
        look = take_look(path, None, wait=0)
    except DatabaseLockedError:
        pass
    else:
        _refuse_unknown(run, [known.run_id for known in look.runs])
    _refuse_without_terminal()
    quit_ = show_dashboard(path, chosen=run, every=every, audits=audit)
    raise typer.Exit(EXIT_CLEAN if quit_ else EXIT_INTERRUPTED)


def _refuse_without_terminal() -> None:
    streams = (sys.stdin, sys.stdout, sys.stderr)
    term = os.environ.get("TERM")
    if not all(stream.isatty() for stream in streams):
        why = "this is none"
    elif term in ("dumb", "unknown"):
        why = f"TERM={term} says that this one cannot be drawn on"
    else:
        return
    raise UsageError(
        f"watch draws on a terminal, and {why}",
        hint="rlaudit runs FILE lists the runs of a log, rlaudit plot their curves",
    )


def _refuse_unknown(run: str | None, known: list[str]) -> None:
    from rlaudit.errors import did_you_mean

    if run is not None and run not in known:
        hint = did_you_mean(run, known) if known else "the log has no runs"
        raise UsageError(f"no run has the id {run!r}", hint=hint)
