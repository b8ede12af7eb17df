"""``rlaudit baseline``: findings that are known and accepted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from rlaudit.cli.audit import (
    Ignore,
    MinJudged,
    Require,
    Select,
    Sources,
    floor_of,
    run_audit,
    say_what_is_missing,
)
from rlaudit.cli.group import group
from rlaudit.cli.output import Checks, Runs, Timeout, Wait, note, refuse_unwritable
from rlaudit.cli.parsing import refuse_idle_timeout
from rlaudit.errors import EXIT_FAILED


def write(
    context: typer.Context,
    source: Sources = None,
    *,
    # Called baseline so that the file which a pyproject.toml names for the audit is the default.
    baseline: Annotated[
        Path,
        typer.Option("--output", metavar="FILE", help="File to write.", callback=refuse_unwritable),
    ] = Path("rlaudit-baseline.json"),
    by: Annotated[
        Literal["name", "run-id"],
        typer.Option(
            help="Know a run by its environment and name, so that later runs of them count, or by "
            "its id."
        ),
    ] = "name",
    run: Runs = None,
    select: Select = None,
    ignore: Ignore = None,
    require: Require = None,
    min_judged: MinJudged = 0,
    checks: Checks = None,
    timeout: Timeout = 60.0,
    wait: Wait = 10.0,
) -> None:
    """Accept what an audit finds today.

    Later audits with --baseline show only what is new, in each run of the same environment and
    name: more rows than were accepted are shown again. Nothing is written if something could not
    be judged.
    """
    refuse_idle_timeout(context, checks, "--checks")
    report = run_audit(
        source,
        run=run,
        select=select or (),
        ignore=ignore or (),
        **floor_of(context, require, min_judged),
        checks_dirs=checks or (),
        limit=1,
        timeout=timeout,
        wait=wait,
    )
    say_what_is_missing(report)
    if report.problems:
        raise typer.Exit(EXIT_FAILED)
    from rlaudit.auditing import write_baseline

    number = write_baseline(report, baseline, by=by)
    known = "environment and name" if by == "name" else "id"
    note(
        f"{number:,} {'finding' if number == 1 else 'findings'} accepted in {baseline}, by the "
        f"{known} of the run"
    )


baseline = group("Accept findings that are known.", {"write": write})
