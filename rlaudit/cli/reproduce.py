"""``rlaudit reproduce``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rlaudit.cli.options import require_train_extra
from rlaudit.cli.output import (
    Output,
    RowFormat,
    destination,
    note,
    refuse_unwritable,
    row_format,
)
from rlaudit.cli.parsing import refuse_beside, refuse_given
from rlaudit.cli.plot import show_plot
from rlaudit.errors import EXIT_CLEAN, EXIT_FAILED, EXIT_INTERRUPTED, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rlaudit.experiments.plan import Experiment
    from rlaudit.render.plots import PictureFormat

_EPISODES = "episodes.duckdb"


def reproduce(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="EXPERIMENT", help="Which one; without it, a list.")
    ] = None,
    *,
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where its logs are, one for each run; named after the experiment if not given.",
        ),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Runs of each variant; as published if not given.")
    ] = None,
    variant: Annotated[
        list[str] | None, typer.Option(help="Only this variant; may be repeated.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Agent steps of each run, for another scale.")
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=1, help="Runs at a time, of one thread each.")
    ] = os.cpu_count() or 1,
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Train nothing, and report the runs that this log of episodes holds.",
        ),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="table|json|jsonl|csv|markdown",
            help="How to show the result.",
            envvar="RLAUDIT_FORMAT",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw its curves too, as FILE.png or FILE.svg.",
            callback=refuse_unwritable,
        ),
    ] = None,
    output: Output = None,
) -> None:
    """Make a published experiment again, and compare.

    What is finished is kept: the same command goes on where it was stopped. The episodes of all
    runs are gathered in DIR/episodes.duckdb, a log that every other command reads as well.
    """
    from rlaudit.experiments.catalogue import EXPERIMENTS

    if name is None:
        refuse_beside(context, "the list of experiments", why="name an EXPERIMENT")
        typer.echo(_listing(EXPERIMENTS))
        return
    if name not in EXPERIMENTS:
        raise UsageError(f"unknown experiment {name!r}", hint=did_you_mean(name, EXPERIMENTS))
    experiment = EXPERIMENTS[name]
    if from_ is not None:
        refuse_given(
            context,
            "--from",
            ["folder", "seeds", "variant", "steps", "jobs"],
            why="it trains nothing, and reports all runs of the log",
        )
    fmt = row_format(context, format_, output)
    if plot is not None:
        _picture_format(plot)  # before the runs, which take hours
    code, log = EXIT_CLEAN, from_
    if log is None:
        place = folder or Path(name)
        code = _make(
            experiment,
            place,
            seeds=seeds or experiment.seeds,
            variants=variant or [],
            scale={} if steps is None else {"steps": steps},
            jobs=jobs,
        )
        log = place / _EPISODES
    _report(experiment, log, fmt, output)
    if plot is not None:
        _plot(experiment, log, plot)
    raise typer.Exit(code)


def _report(experiment: Experiment, log: Path, fmt: RowFormat, output: Path | None) -> None:
    from rlaudit.experiments.returns import final_returns
    from rlaudit.experiments.solving import episodes_to_solve
    from rlaudit.render.experiments import write_returns, write_solved

    with destination(output) as stream:
        if experiment.curves is None:
            write_solved(stream, experiment, episodes_to_solve(experiment, log), fmt)
        else:
            write_returns(stream, experiment, final_returns(experiment, log), fmt)


def _plot(experiment: Experiment, log: Path, path: Path) -> None:
    from rlaudit.experiments.returns import curve_plot

    show_plot(curve_plot(experiment, log), _picture_format(path), path)


def _picture_format(path: Path) -> PictureFormat:
    match path.suffix.lower():
        case ".png":
            return "png"
        case ".svg":
            return "svg"
    raise UsageError(f"a plot is no {path.name}", hint="name it FILE.png or FILE.svg")


def _make(
    experiment: Experiment,
    folder: Path,
    *,
    seeds: int,
    variants: Sequence[str],
    scale: Mapping[str, object],
    jobs: int,
) -> int:
    """Make the runs that are missing and gather their episodes; return the exit code."""
    require_train_extra()
    from rlaudit.experiments.collect import collect
    from rlaudit.experiments.conduct import conduct, plan_runs
    from rlaudit.render.experiments import experiment_display

    runs = plan_runs(experiment, folder, seeds=seeds, variants=variants, scale=scale)
    with experiment_display() as show:
        state = conduct(runs, jobs=jobs, on_state=show)
    for failed in state.failed:
        note(f"error: {failed}")
    gathered = collect(runs, folder / _EPISODES)
    note(f"{gathered} of {state.planned} runs are finished; their logs are in {folder}")
    if state.failed:
        return EXIT_FAILED
    if state.done < state.planned:
        note("the same command goes on with the others")
        return EXIT_INTERRUPTED
    return EXIT_CLEAN


def _listing(experiments: Mapping[str, Experiment]) -> str:
    width = max(map(len, experiments))
    return "\n".join(f"{name:<{width}}  {e.title}" for name, e in experiments.items())
