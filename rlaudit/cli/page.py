"""``rlaudit report html``."""

from __future__ import annotations

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
    say_what_is_missing,
)
from rlaudit.cli.output import (
    Checks,
    Runs,
    Timeout,
    Wait,
    destination,
    narrate,
    note,
    refuse_unwritable,
)
from rlaudit.cli.parsing import refuse_given, refuse_idle_timeout
from rlaudit.errors import EXIT_CLEAN, EXIT_FAILED


def html(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="LOG", help="An rlaudit log.")],
    *,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The file to write.",
            callback=refuse_unwritable,
        ),
    ] = Path("report.html"),
    run: Runs = None,
    audit: Annotated[
        bool,
        typer.Option(
            "--audit/--no-audit", help="Run the checks as well; a large log takes half a minute."
        ),
    ] = True,
    ignore: Ignore = None,
    require: Require = None,
    min_judged: MinJudged = 0,
    checks: Checks = None,
    baseline: Baseline = None,
    timeout: Timeout = 60.0,
    wait: Wait = 10.0,
) -> None:
    """Write a page that shows a log and its audit.

    Runs, findings, learning curves, replay and settings, in one HTML file that needs no network
    and no JavaScript. Exit code 0 whatever the audit finds,
    2 if something could not be done; the page then says what.
    """
    if not audit:
        refuse_given(context, "--no-audit", JUDGING)
    refuse_idle_timeout(context, checks, "--checks")
    from rlaudit.render.auditing import audit_display
    from rlaudit.render.page import page_html, read_page

    with audit_display() as progress:
        page = read_page(
            source,
            runs=run or (),
            audit=audit,
            judging={
                "ignore": ignore or (),
                **floor_of(context, require, min_judged),
                "checks_dirs": checks or (),
                "baseline": baseline,
                "timeout": timeout,
            },
            wait=wait,
            on_progress=progress,
        )
    text = page_html(page)
    with destination(output) as stream:
        stream.write(text)
    note(f"wrote {output}, {len(text.encode()) / 1e6:.1f} MB")
    if page.audit is None:
        if page.incomplete:
            narrate("warning", f"{source} is incomplete: {page.incomplete}")
        raise typer.Exit(EXIT_CLEAN)
    say_what_is_missing(page.audit)
    raise typer.Exit(EXIT_FAILED if page.audit.problems else EXIT_CLEAN)
