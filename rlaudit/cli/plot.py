"""``rlaudit plot``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rlaudit.cli.output import Output, Runs, Wait, destination, narrate, plot_format, write_bytes
from rlaudit.cli.parsing import is_given, refuse_given
from rlaudit.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from rlaudit.cli.output import PlotFormat
    from rlaudit.curves import Curve, CurvePlot, Measure

# The same as in rlaudit.curves, which is imported only when a command runs.
Axis = Literal["episodes", "steps", "hours"]
Phase = Literal["train", "eval"]
Statistic = Literal["mean", "iqm"]
Ended = Literal["cut", "hold", "leave"]

PhaseOption = Annotated[
    Phase | None,
    typer.Option(
        help="Episodes of training or of evaluation. Without it, of evaluation where every run has "
        "some, else of training.",
        show_default=False,
    ),
]
StatisticOption = Annotated[
    Statistic,
    typer.Option(
        help="Summarise the seeds of a group by their mean, or by their interquartile mean: the "
        "mean of the middle half."
    ),
]
WindowOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="EPISODES",
        help="Training episodes that each value is the mean of. Without it 100, or fewer if no "
        "run has as many.",
        show_default=False,
    ),
]
NormalisedOption = Annotated[
    bool,
    typer.Option(
        "--normalised", help="Show human-normalised scores of Atari games: 0 random, 1 human."
    ),
]


def plot(
    context: typer.Context,
    runs: Annotated[
        list[str], typer.Argument(metavar="RUNS", help="rlaudit logs, or folders of logs.")
    ],
    *,
    by: Annotated[Axis, typer.Option(help="What the curves run over.")] = "episodes",
    run: Runs = None,
    group_by: Annotated[
        str | None,
        typer.Option(
            metavar="KEY[,KEY]",
            help="Group runs by settings (prioritized, n_step, ...), or by name, run, seed, env or "
            "source. Without it, runs that differ in nothing but the seed are a group.",
            show_default=False,
        ),
    ] = None,
    phase: PhaseOption = None,
    window: WindowOption = None,
    lives: Annotated[
        bool, typer.Option("--lives", help="Count one life as an episode, not one game.")
    ] = False,
    clipped: Annotated[
        bool, typer.Option("--clipped", help="Sum up clipped rewards, not the game's own.")
    ] = False,
    normalised: NormalisedOption = False,
    statistic: StatisticOption = "mean",
    ended: Annotated[
        Ended,
        typer.Option(
            help="Where a run has ended and others of its group go on: cut the group there, hold "
            "the run's last value, or leave it out from there."
        ),
    ] = "cut",
    title: Annotated[str, typer.Option(help="A title above the plot.", show_default=False)] = "",
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="table|json|jsonl|csv|markdown|svg|png",
            help="How to show it; table is a plot in text, and json to markdown are its numbers.",
            envvar="RLAUDIT_FORMAT",
        ),
    ] = None,
    output: Output = None,
    wait: Wait = 10.0,
) -> None:
    """Plot what runs returned as they learned.

    By episodes: the mean return of each 100 training episodes. By steps or hours: the return of
    evaluations, or the mean of the last 100 training episodes. Groups of runs are shown by their
    mean with a 95% bootstrap interval over seeds. Without -o it is a plot in the terminal; -o
    FILE.png and -o FILE.svg are pictures.
    """
    from rlaudit.curves import SCORES_SOURCE, Wish, group_curves, read_curves, summarise

    fmt = plot_format(context, format_, output)
    if fmt == "png" and output is None:
        raise UsageError("a PNG is no text for a terminal", hint="name a file: -o curves.png")
    if fmt not in ("table", "svg", "png"):
        refuse_given(context, f"--format {fmt}", ["title"], why="it has no title")
    refuse_of_training(context, phase)
    wish = Wish(by, phase, window, lives, clipped, tuple(run or ()))
    curves, measure, notes = read_curves(runs, wish, wait=wait)
    if normalised:
        curves, measure = normalise(curves, measure)
    found = summarise(
        group_curves(curves, [key.strip() for key in group_by.split(",")] if group_by else ()),
        by=by,
        measure=measure,
        statistic=statistic,
        ended=ended,
        title=title,
        caption=SCORES_SOURCE if normalised else "",
    )
    show_plot(found, fmt, output)
    for text in (*notes, *found.notes):
        narrate("note", text)


def refuse_of_training(context: typer.Context, phase: Phase | None) -> None:
    """Refuse options that have a meaning for training episodes only beside ``--phase eval``."""
    if phase == "eval" and is_given(context, "phase"):
        refuse_given(context, "--phase eval", ["window", "lives"], why="each evaluation is a value")


def normalise(curves: list[Curve], measure: Measure) -> tuple[list[Curve], Measure]:
    """Return ``curves`` and ``measure`` human-normalised."""
    from rlaudit.curves import human_normalised

    return human_normalised(curves, measure)


def show_plot(found: CurvePlot, fmt: PlotFormat, output: Path | None) -> None:
    """Write a plot to stdout or into the file ``output``, where a PNG must go."""
    from rlaudit.render.curves import write_plot
    from rlaudit.render.plots import picture

    if fmt == "png" and output is not None:
        write_bytes(output, picture(found, "png"))
        return
    with destination(output) as stream:
        write_plot(stream, found, fmt)
