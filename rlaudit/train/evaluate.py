"""Evaluate a checkpoint, when the run that saved it is over or while it goes on.

The games are like those of the evaluations of the run: whole, with noise off, on environments,
seeds and random numbers of their own. Only the checkpoint's nets are read, and nothing is learned
or stored.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rlaudit.agent.agent import Agent, resolve_device
from rlaudit.envs import film, pictures_per_second
from rlaudit.errors import EnvironmentSetupError
from rlaudit.record import add_evaluation
from rlaudit.train.checkpoint import default_folder, newest, saved_at
from rlaudit.train.evaluation import Evaluator, evaluation_envs
from rlaudit.train.loading import load_agent, refused_by_name
from rlaudit.train.rows import distinct_trajectories

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from rlaudit.config import EnvConfig
    from rlaudit.records import EpisodeRow

# The net is asked once for all of them: 8 games at a time take a quarter of the time.
_MOST_ENVS = 8


class Evaluated(NamedTuple):
    """The games of one agent, in the order in which they began."""

    run_id: str
    env: EnvConfig
    """What they were played in."""
    checkpoint: Path
    env_step: int
    """Agent steps that the agent had trained."""
    epsilon: float
    own_epsilon: float
    """That of the evaluations of the run itself."""
    seed: int
    episodes: tuple[EpisodeRow, ...]
    actions: tuple[tuple[int, ...], ...]
    """What was done in each."""

    @property
    def distinct(self) -> int:
        """How many sequences of observations and actions the games are."""
        return distinct_trajectories(list(self.episodes))


def find_checkpoint(run_id: str, db: Path, which: str | None) -> Path:
    """Return the folder of a run's checkpoint: the newest, or that of a step, or at a path.

    Raises:
        CheckpointError: there is none.
    """
    if which is None:
        return newest(default_folder(db), run_id)
    if which.isdecimal() and len(which) < 20:  # Python reads no more than so many digits
        return saved_at(default_folder(db), run_id, int(which))
    return Path(which)


def evaluate_checkpoint(
    run_id: str,
    path: Path,
    *,
    episodes: int,
    epsilon: float,
    seed: int | None,
    device: str = "auto",
    on_progress: Callable[[int], None] = lambda _: None,
) -> Evaluated:
    """Play ``episodes`` games with the agent that the checkpoint at ``path`` holds.

    Args:
        run_id: the run that saved it.
        path: the checkpoint.
        episodes: how many games.
        epsilon: share of random actions.
        seed: decides the games and the random actions; the run's own if None. It shares no game
            with the run's training and evaluations, whichever it is.
        device: what the net runs on.
        on_progress: called with the number of games that are over.

    Raises:
        CheckpointError: the checkpoint is damaged, or of another run.
        RlauditError: the environment or the device cannot be had.
    """
    origin, state = load_agent(path)
    origin.refuse_other_run(run_id, path)
    config = origin.settings()
    chosen = config.schedule.seed if seed is None else seed
    own_epsilon = config.schedule.eval_epsilon
    config = replace(
        config,
        schedule=replace(
            config.schedule, eval_episodes=episodes, eval_epsilon=epsilon, seed=chosen
        ),
    )
    env = evaluation_envs(config, min(_MOST_ENVS, episodes))
    try:
        shape = env.observation_shape
        agent = Agent(
            config.agent,
            (config.env.frame_stack, *shape) if env.is_image else shape,
            env.num_actions,
            init_seed=0,
            noise_seed=0,
            device=resolve_device(device),
        )
        with refused_by_name(path):
            agent.load_state(state)
        # The second number keeps the random actions apart from all else that the seed decides.
        rng = np.random.default_rng([chosen, 2])
        evaluator = Evaluator(config, env, rng, "checkpoint")
        played: list[EpisodeRow] = []
        for finished in evaluator.play(agent, 0, origin.env_step):
            played += finished
            if finished:
                on_progress(len(played))
    finally:
        env.close()
    played.sort(key=lambda episode: episode.episode_id)
    return Evaluated(
        run_id=run_id,
        env=config.env,
        checkpoint=path,
        env_step=origin.env_step,
        epsilon=epsilon,
        own_epsilon=own_epsilon,
        seed=chosen,
        episodes=tuple(played),
        actions=tuple(tuple(evaluator.actions[e.episode_id]) for e in played),
    )


def log_evaluation(found: Evaluated, db: Path, *, wait: float) -> bool:
    """Add the games to the log of their run; return False if they are in it already.

    Raises:
        UsageError: the log has no such run.
        DatabaseError: the log cannot be written.
    """
    detail = {
        "episodes": len(found.episodes),
        "distinct_trajectories": found.distinct,
        "mean_return": float(np.mean([episode.return_raw for episode in found.episodes])),
        "checkpoint": found.checkpoint.name,
        "epsilon": found.epsilon,
        "seed": found.seed,
    }
    return add_evaluation(db, found.run_id, found.env_step, found.episodes, detail, wait=wait)


def film_games(found: Evaluated, *, seconds: float) -> tuple[float, Iterator[NDArray[np.uint8]]]:
    """Return pictures a second, and pictures (height, width, 3) of the first games.

    They end after ``seconds`` of play, or with the last game.

    Raises:
        EnvironmentSetupError: the environment draws no pictures; or, while they are made, it does
            not do again what it did.
    """
    rate = pictures_per_second(found.env)
    return rate, _pictures(found, int(seconds * rate))


def _pictures(found: Evaluated, most: int) -> Iterator[NDArray[np.uint8]]:
    shown = 0
    for episode, actions in zip(found.episodes, found.actions, strict=True):
        gained = 0.0
        for picture in film(found.env, int(episode.seed or 0), actions):
            if shown == most:
                return
            shown += 1
            gained += picture.reward
            yield picture.pixels
        if gained != episode.return_raw:
            raise EnvironmentSetupError(
                f"{found.env.env} cannot be filmed: played again from seed {episode.seed}, game "
                f"{episode.episode_id} returned {gained:g} instead of {episode.return_raw:g}"
            )
