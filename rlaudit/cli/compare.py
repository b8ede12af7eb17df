"""``rlaudit compare``."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from rlaudit.cli.output import Output, Runs, Wait, check_format, destination, narrate
from rlaudit.cli.plot import (
    NormalisedOption,
    PhaseOption,
    StatisticOption,
    WindowOption,
    normalise,
    refuse_of_training,
)
from rlaudit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rlaudit.curves import Curve

_EXAMPLE = "for example: rlaudit compare runs.duckdb --a noisy=off --b noisy=factorised"


def compare(
    context: typer.Context,
    source: Annotated[
        list[str],
        typer.Argument(
            metavar="GROUP",
            help="Two logs or folders, each of one group; or, with --a and --b, logs of both.",
        ),
    ],
    *,
    a: Annotated[
        str | None,
        typer.Option(
            "--a",
            metavar="KEY=VALUE[,...]",
            help="Group A is the runs with these settings, or of this name, env, source or run.",
            show_default=False,
        ),
    ] = None,
    b: Annotated[
        str | None,
        typer.Option(
            "--b", metavar="KEY=VALUE[,...]", help="Group B, in the same way.", show_default=False
        ),
    ] = None,
    run: Runs = None,
    phase: PhaseOption = None,
    window: WindowOption = None,
    normalised: NormalisedOption = False,
    statistic: StatisticOption = "mean",
    format_: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="table|json|csv", help="How to show it.", envvar="RLAUDIT_FORMAT"
        ),
    ] = None,
    output: Output = None,
    wait: Wait = 10.0,
) -> None:
    """Compare the final returns of two groups.

    The final return of a run is that of its last evaluation, or the mean of its last 100 training
    episodes. Shown are the difference, B minus A, with a 95% bootstrap interval over seeds, the
    probability that a run of B returns more than one of A, and how many seeds that rests on. A log
    with runs of exactly two settings needs no --a and --b.
    """
    from rlaudit.curves import SCORES_SOURCE, Wish, compare_groups, read_curves
    from rlaudit.render.comparison import write_comparison

    fmt = check_format(context, format_, output)
    if (a is None) != (b is None):
        missing = "--a" if a is None else "--b"
        raise UsageError(f"{missing} is missing: two groups are compared", hint=_EXAMPLE)
    refuse_of_training(context, phase)
    wish = Wish("steps", phase, window, runs=tuple(run or ()))
    curves, measure, notes = read_curves(source, wish, wait=wait)
    if normalised:
        curves, measure = normalise(curves, measure)
    first, second = _groups(source, curves, a, b)
    for name, group in (first, second):
        if not group:
            raise UsageError(f"{name} has no run to compare", hint="; ".join(notes))
    found = replace(compare_groups(first, second, measure, statistic=statistic), notes=tuple(notes))
    with destination(output) as stream:
        write_comparison(stream, found, fmt, caption=SCORES_SOURCE if normalised else "")
    sys.stdout.flush()
    for text in notes:
        narrate("note", text)
    for text in found.warnings:
        narrate("warning", text)


def _groups(
    source: Sequence[str], curves: Sequence[Curve], a: str | None, b: str | None
) -> tuple[tuple[str, Sequence[Curve]], tuple[str, Sequence[Curve]]]:
    """Return both groups with their names."""
    from rlaudit.curves import group_curves, select_curves

    if a is not None and b is not None:
        return (a, select_curves(curves, a)), (b, select_curves(curves, b))
    if len(source) == 2:
        first, second = ((name, _under(curves, name)) for name in source)
        return first, second
    groups = group_curves(curves)
    if len(source) > 2 or len(groups) != 2:
        what = (
            f"{len(source)} sources"
            if len(source) > 2
            else ("the same settings" if len(groups) == 1 else f"{len(groups)} settings")
        )
        shown = f": {'; '.join(list(groups)[:5])}" if len(groups) > 1 else ""
        raise UsageError(
            f"two groups are compared, and these are runs of {what}{shown}",
            hint=f"choose with --a and --b, {_EXAMPLE}",
        )
    first, second = groups.items()
    return first, second


def _under(curves: Sequence[Curve], named: str) -> list[Curve]:
    """Return the curves of the log ``named``, or of the logs in that folder and below."""
    from pathlib import Path

    place = Path(named).resolve()
    return [
        curve
        for curve in curves
        if (log := Path(curve.source).resolve()) == place or place in log.parents
    ]
