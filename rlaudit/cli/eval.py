"""``rlaudit eval``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rlaudit.cli.options import require_train_extra
from rlaudit.cli.output import (
    Output,
    Wait,
    check_format,
    destination,
    narrate,
    note,
    refuse_unwritable,
    write_bytes,
)

if TYPE_CHECKING:
    from rlaudit.render.evaluation import EvaluationReport
    from rlaudit.train import Evaluated

_VIDEO_SECONDS = 60.0


def evaluate(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID", help="A run that saved checkpoints.")],
    *,
    db: Annotated[
        Path,
        typer.Option(
            help="The run's log; its checkpoints are in FILE.checkpoints.", envvar="RLAUDIT_DB"
        ),
    ] = Path("runs.duckdb"),
    checkpoint: Annotated[
        str | None,
        typer.Option(
            metavar="STEP|FOLDER",
            help="The checkpoint of that agent step, or that one; the newest without it.",
        ),
    ] = None,
    episodes: Annotated[int, typer.Option(min=1, help="Whole games to play.")] = 30,
    epsilon: Annotated[
        float, typer.Option(min=0, max=1, help="Share of random actions; noise is off.")
    ] = 0.001,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Which games are played; the run's seed without it."),
    ] = None,
    video: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Film the first games, a minute of play at most: .mp4 or .gif.",
            callback=refuse_unwritable,
        ),
    ] = None,
    log: Annotated[
        bool,
        typer.Option("--log/--no-log", help="Add the games to the run in the log."),
    ] = True,
    device: Annotated[
        str, typer.Option(help="auto, cpu, cuda or mps: what the net runs on.")
    ] = "auto",
    format_: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="table|json|csv", help="How to show it.", envvar="RLAUDIT_FORMAT"
        ),
    ] = None,
    output: Output = None,
    wait: Wait = 10.0,
) -> None:
    """Play and score games with the agent of a checkpoint.

    Also while its run goes on. Whole games with noise off, on seeds that neither the run's
    training nor its own evaluations use. Nothing is learned or stored. The games go to the log
    with phase eval, under the step of the checkpoint, unless the share of random actions is
    another than in the run's evaluations: a curve would mix the two.
    """
    require_train_extra()
    from rlaudit.render.evaluation import write_evaluation
    from rlaudit.render.video import check_video, encode
    from rlaudit.train import evaluate_checkpoint, film_games, find_checkpoint, log_evaluation

    fmt = check_format(context, format_, output)
    if video:
        check_video(video)
    path = find_checkpoint(run_id, db, checkpoint)
    found = evaluate_checkpoint(
        run_id,
        path,
        episodes=episodes,
        epsilon=epsilon,
        seed=seed,
        device=device,
        on_progress=lambda done: _progress(done, episodes),
    )
    report, caption = _report(found)
    with destination(output) as stream:
        write_evaluation(stream, report, found.episodes, fmt, caption=caption)
    sys.stdout.flush()
    if report.distinct_trajectories < episodes:
        narrate(
            "warning",
            f"{episodes} games are {report.distinct_trajectories} different ones, so the interval "
            "is too narrow",
        )
    if video:
        rate, pictures = film_games(found, seconds=_VIDEO_SECONDS)
        write_bytes(video, encode(video, pictures, rate))
        note(f"{video}: {rate:g} pictures a second, as fast as the game")
    if not log:
        return
    if epsilon != found.own_epsilon:
        narrate(
            "note",
            f"not logged: the run's own evaluations have epsilon {found.own_epsilon:g}",
        )
    elif log_evaluation(found, db, wait=wait):
        note(f"logged to {db} under step {found.env_step:,}")
    else:
        narrate("note", "the log has these games already; --seed plays others")


def _progress(done: int, episodes: int) -> None:
    if sys.stderr.isatty():
        typer.echo(f"\r{done:,} of {episodes:,} games", err=True, nl=done == episodes)


def _report(found: Evaluated) -> tuple[EvaluationReport, str]:
    """Return the figures, and the source of the human score if there is one."""
    import numpy as np

    from rlaudit.curves import SCORES_SOURCE, bootstrap_interval, game_of
    from rlaudit.curves.human import scores
    from rlaudit.render.evaluation import EvaluationReport

    returns = np.array([episode.return_raw for episode in found.episodes])
    game = game_of(found.env.env)
    normalised = None
    if game:
        random, human = scores()[game]
        normalised = (float(returns.mean()) - random) / (human - random)
    report = EvaluationReport(
        run_id=found.run_id,
        env=found.env.env,
        checkpoint=found.checkpoint.name,
        env_step=found.env_step,
        episodes=len(found.episodes),
        epsilon=found.epsilon,
        seed=found.seed,
        distinct_trajectories=found.distinct,
        mean_return=float(returns.mean()),
        mean_return_interval=bootstrap_interval(returns, "mean", np.random.default_rng(0)),
        median_return=float(np.median(returns)),
        lowest_return=float(returns.min()),
        highest_return=float(returns.max()),
        mean_length=float(np.mean([episode.length for episode in found.episodes])),
        truncated=sum(episode.truncated for episode in found.episodes),
        human_normalised=normalised,
    )
    return report, SCORES_SOURCE if game else ""
