"""``rlaudit serve``."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from rlaudit.cli.audit import (
    JUDGING,
    Baseline,
    Ignore,
    MinJudged,
    Require,
    floor_of,
)
from rlaudit.cli.output import Checks, Timeout, narrate, say
from rlaudit.cli.parsing import refuse_given, refuse_idle_timeout
from rlaudit.errors import DatabaseLockedError


def serve(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="LOG", help="An rlaudit log.")],
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port; 0 takes one that is free.")
    ] = 8520,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Where to listen. Anything but this machine's own address lets others read the "
            "log.",
        ),
    ] = "127.0.0.1",
    audit: Annotated[bool, typer.Option("--audit/--no-audit", help="Run the checks as well.")] = (
        True
    ),
    ignore: Ignore = None,
    require: Require = None,
    min_judged: MinJudged = 0,
    checks: Checks = None,
    baseline: Baseline = None,
    timeout: Timeout = 60.0,
    every: Annotated[
        float, typer.Option(metavar="SECONDS", min=1, help="Least time between two pages.")
    ] = 5.0,
) -> None:
    """Show the page of a log in a browser, up to date.

    It is the page of report html. It is made again when the log has changed and someone looks at
    it, and the browser then loads it anew. Nothing can be written through it. Ctrl-C ends it.
    """
    if not audit:
        refuse_given(context, "--no-audit", JUDGING)
    refuse_idle_timeout(context, checks, "--checks")
    from rlaudit.live import take_look
    from rlaudit.render.extras import require as require_extra

    for package in ("uvicorn", "altair", "jinja2", "vl_convert"):
        require_extra(package, doing="rlaudit serve", extra="serve")
    from rlaudit.serving import PageKeeper, open_socket, serve_page

    path = Path(source)
    # What can never be shown ends the command; a writer is soon done.
    with contextlib.suppress(DatabaseLockedError):
        take_look(path.absolute(), None, wait=0)
    opened, address = open_socket(host, port)
    with opened:
        say(f"{source} is shown at {address.url}")
        if not address.is_loopback:
            narrate("warning", f"whoever reaches {host} can read {source}")
        judging = {
            "ignore": ignore or [],
            **floor_of(context, require, min_judged),
            "checks_dirs": [str(folder) for folder in checks or ()],
            "baseline": None if baseline is None else str(baseline),
            "timeout": timeout,
        }
        serve_page(PageKeeper(path, audit=audit, judging=judging, every=every), opened, address)
