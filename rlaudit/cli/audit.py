"""``rlaudit audit``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rlaudit.cli.output import (
    Checks,
    Output,
    Runs,
    Timeout,
    Wait,
    audit_format,
    destination,
    narrate,
    say_problems,
)
from rlaudit.cli.parsing import is_given, refuse_beside, refuse_given, refuse_idle_timeout
from rlaudit.errors import EXIT_CLEAN, EXIT_FAILED, EXIT_FINDINGS, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rlaudit.auditing import AuditReport

FailOn = Literal["warn", "error"]
# The formats that have a place for what is unclear in the settings of runs.
_SHOW_SETTINGS = ("table", "json", "markdown")

Sources = Annotated[
    list[str] | None,
    typer.Argument(metavar="SOURCE", help="rlaudit logs, or folders with logs in them."),
]
Select = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Run only this check, family or pattern (weights, 'beta_*'); may be repeated.",
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Leave this check, family or pattern out; may be repeated."),
]
Require = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Fail with exit code 2 unless this check, or each of this family or pattern, judged "
        "at least one run; may be repeated.",
    ),
]
MinJudged = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=0,
        help="Fail with exit code 2 unless so many checks judged at least one run.",
    ),
]
Baseline = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Leave out the findings that this file accepts; see baseline."
    ),
]

JUDGING = ("ignore", "require", "min_judged", "checks", "baseline", "timeout")
"""The options of a page that say what is judged."""


def audit(
    context: typer.Context,
    source: Sources = None,
    *,
    run: Runs = None,
    select: Select = None,
    ignore: Ignore = None,
    require: Require = None,
    min_judged: MinJudged = 0,
    checks: Checks = None,
    fail_on: Annotated[
        FailOn,
        typer.Option(
            help="Least severity of a finding that ends the command with exit code 1.",
            envvar="RLAUDIT_FAIL_ON",
        ),
    ] = "error",
    limit: Annotated[
        int, typer.Option(min=0, help="Most example rows for each finding; 0 shows all.")
    ] = 5,
    baseline: Baseline = None,
    no_baseline: Annotated[
        bool, typer.Option("--no-baseline", help="Show accepted findings like any other.")
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Append every result to the table of audits in this DuckDB file."
        ),
    ] = None,
    since_last: Annotated[
        bool,
        typer.Option(
            "--since-last",
            help="Read only rows that are newer than the last audit in --record, where a check "
            "can be judged by them.",
        ),
    ] = False,
    explain: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Say what a check tests and how sure its verdict is, and exit."
        ),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="table|json|jsonl|csv|markdown|junit|sarif|github",
            help="How to show it.",
            envvar="RLAUDIT_FORMAT",
        ),
    ] = None,
    output: Output = None,
    timeout: Timeout = 60.0,
    wait: Wait = 10.0,
    memory_limit: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Most memory for the queries (2GiB), 70% of what is free without it; what is more "
            "goes to a temporary folder.",
        ),
    ] = None,
) -> None:
    """Look for replay bugs in logs, and name them.

    Each finding comes with its severity, the run, a sentence on what is wrong, the number of rows,
    some of them, why it matters and where it was met. rlaudit checks list says what is tested.
    Exit code 0 if nothing was found, 1 with findings of at least the severity of --fail-on, 2 if
    something could not be done; what could be is shown all the same.
    """
    fmt = audit_format(context, format_, output)
    if explain is not None:
        refuse_beside(
            context,
            "--explain",
            besides=("explain", "checks", "format_", "output"),
            why="it audits nothing",
        )
        if fmt not in ("table", "json") and (output is not None or is_given(context, "format_")):
            raise UsageError(f"--explain has no format {fmt}", hint="table or json")
        _explain(explain, checks, as_json=fmt == "json", output=output)
        return
    if no_baseline:
        refuse_given(context, "--no-baseline", ["baseline"])
    refuse_idle_timeout(context, checks, "--checks")
    if since_last and record is None:
        raise UsageError("--since-last needs the last audit", hint="name its file with --record")
    report = run_audit(
        source,
        run=run,
        select=select or (),
        ignore=ignore or (),
        **floor_of(context, require, min_judged),
        checks_dirs=checks or (),
        limit=limit,
        timeout=timeout,
        wait=wait,
        baseline=None if no_baseline else baseline,
        record=record,
        since_last=since_last,
        memory_limit=memory_limit,
    )
    from rlaudit.render.audit import write_audit

    # Of one log that cannot be read there is nothing to show beside the reason, which comes below.
    unread = len(report.sources) == 1 and not report.sources[0].results
    if not unread or fmt != "table" or output is not None:
        with destination(output) as stream:
            write_audit(stream, report, fmt, fail_on="error" if fail_on == "error" else "warning")
    if fmt not in _SHOW_SETTINGS:
        from rlaudit.render.summary import setting_lines

        for line in setting_lines(report.sources):
            narrate("note", line)
    say_what_is_missing(report)
    raise typer.Exit(_exit_code(report, fail_on))


def floor_of(
    context: typer.Context, require: Sequence[str] | None, min_judged: int
) -> dict[str, Any]:
    """Return the options of an audit on what it must have judged.

    What a pyproject.toml states is for audits of all that the project has checked: it is not held
    against checks that are chosen on the command line, and that is said.
    """
    wanted = {"require": require or (), "min_judged": min_judged}
    if any(is_given(context, name) for name in ("select", "ignore")):
        usual = {"require": (), "min_judged": 0}
        dropped = [name for name in usual if wanted[name] and not is_given(context, name)]
        if dropped:
            options = " and ".join(name.replace("_", "-") for name in dropped)
            narrate(
                "note",
                f"{options} of the pyproject.toml is not applied to checks chosen on the command "
                "line",
            )
        return wanted | {name: usual[name] for name in dropped}
    return wanted


def run_audit(source: Sequence[str] | None, **options: Any) -> AuditReport:
    """Audit the logs named on a command line, with progress on a terminal."""
    from rlaudit.auditing import audit as audit_logs
    from rlaudit.render.auditing import audit_display

    with audit_display() as progress:
        return audit_logs(source or [], on_progress=progress, **options)


def say_what_is_missing(report: AuditReport) -> None:
    """Write to stderr what could not be done or read; the exit code says that there is some."""
    sys.stdout.flush()
    for text in report.notes:
        narrate("note", text)
    for source in report.sources:
        if source.incomplete:
            narrate("warning", f"{source.source} is incomplete: {source.incomplete}")
    say_problems(report.problems)


def _exit_code(report: AuditReport, fail_on: FailOn) -> int:
    if report.problems:
        return EXIT_FAILED
    found = report.findings if fail_on == "warn" else report.errors
    return EXIT_FINDINGS if found else EXIT_CLEAN


def _explain(
    name: str, folders: Sequence[Path] | None, *, as_json: bool, output: Path | None
) -> None:
    from rlaudit.auditing import explain
    from rlaudit.cli.checks import check_of
    from rlaudit.render.check_files import write_explanation

    explanation = explain(check_of(name, folders))
    with destination(output) as stream:
        write_explanation(stream, explanation, as_json=as_json)
