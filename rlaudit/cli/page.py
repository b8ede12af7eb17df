"""``rlaudit report html``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rlaudit.cli.audit import Baseline, Ignore, say_what_is_missing
from rlaudit.cli.output import Checks, Wait, destination, narrate, note, refuse_unwritable
from rlaudit.errors import EXIT_CLEAN, EXIT_FAILED


def html(
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
    run: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Only the run with this id; may be repeated."),
    ] = None,
    audit: Annotated[
        bool,
        typer.Option(
            "--audit/--no-audit", help="Run the checks as well; a large log takes half a minute."
        ),
    ] = True,
    ignore: Ignore = None,
    checks: Checks = None,
    baseline: Baseline = None,
    wait: Wait = 10.0,
) -> None:
    """Write a page that shows a log and its audit.

    Runs, findings, learning curves, replay and settings, in one HTML file that needs no network
    and no JavaScript. Exit code 0 whatever the audit finds,
    2 if something could not be done; the page then says what.
    """
    from rlaudit.render.auditing import audit_display
    from rlaudit.render.page import page_html, read_page

    with audit_display() as progress:
        page = read_page(
            source,
            runs=run or (),
            audit=audit,
            judging={"ignore": ignore or (), "checks_dirs": checks or (), "baseline": baseline},
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
