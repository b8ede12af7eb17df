"""Evaluation episodes: the agent as it is, on environments and random numbers of their own.

Nothing that training uses is read or changed but the online net, whose noise is off: no transition
is stored, no noise drawn, and the random actions come from a generator of the evaluation's own. So
a run with evaluations trains exactly as one without them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rlaudit.agent.agent import exploration
from rlaudit.envs import episode_seed, make_envs
from rlaudit.train.episodes import RunningEpisode, fingerprint, serve
from rlaudit.train.observations import no_observations, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rlaudit.agent.agent import Agent
    from rlaudit.config import TrainConfig
    from rlaudit.envs import EnvStep, Purpose, VectorEnvironment
    from rlaudit.records import EpisodeRow

STEPS_WITHOUT_LIMIT = 27_000
"""Agent steps after which an evaluation game is cut where its environment has no limit: as many as
the usual limit of an Atari game. A policy that walks into a wall for ever would never end."""


def evaluation_envs(config: TrainConfig, num_envs: int) -> VectorEnvironment:
    """Make environments like those of training, in which every game ends.

    Raises:
        EnvironmentSetupError: see :func:`~rlaudit.envs.make_envs`.
    """
    limit = config.env.max_episode_steps or STEPS_WITHOUT_LIMIT
    return make_envs(replace(config.env, num_envs=num_envs, max_episode_steps=limit))


class Evaluator:
    """Plays whole games greedily but for a share ``eval_epsilon`` of random actions.

    A greedy Breakout agent that does not fire after losing a life would never end its game; the
    random actions see to it that it does.

    Args:
        config: all settings of the run.
        env: environments that nobody else steps.
        rng: decides the random actions.
        purpose: gives the games their seeds.
    """

    def __init__(
        self,
        config: TrainConfig,
        env: VectorEnvironment,
        rng: np.random.Generator,
        purpose: Purpose = "eval",
    ) -> None:
        self.config = config
        self.env = env
        self.rng = rng
        self.purpose = purpose
        self.actions: dict[int, list[int]] = {}
        """What was done in the games of the last evaluation, by episode id."""
        self.begun_in = [0] * env.num_envs
        self._before: dict[str, Any] | None = None
        self._observations = no_observations(env, config.env.frame_stack)
        self._running: list[RunningEpisode | None] = []

    def state(self) -> dict[str, Any]:
        """Return what the next evaluation goes on from; of one that is under way, its start."""
        if self._before:
            return self._before
        return {"begun_in": list(self.begun_in), "rng": self.rng.bit_generator.state}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` returned."""
        self.begun_in = list(state["begun_in"])
        self.rng.bit_generator.state = state["rng"]

    def play(
        self, agent: Agent, first_episode_id: int, env_step: int
    ) -> Iterator[list[EpisodeRow]]:
        """Play ``eval_episodes`` games; after each step of the environments give those that ended.

        The games are begun in order, wherever an environment is free, and every one that was begun
        is counted: to take those that end first would favour short ones. An environment with no
        game left to begin plays on, and nobody looks.

        Args:
            agent: chooses the actions.
            first_episode_id: id of the first game; the others follow.
            env_step: agent step of the training run, which the games are logged under.
        """
        count = self.config.schedule.eval_episodes
        epsilon = self.config.schedule.eval_epsilon
        self._before = self.state()
        self.actions = {}
        self._running = [None] * self.env.num_envs
        ids = iter(range(first_episode_id, first_episode_id + count))
        self._begin(np.ones(self.env.num_envs, dtype=bool), ids, noisy=agent.online.is_noisy)
        done = 0
        while done < count:
            greedy, noise_draw = agent.act_greedy(self._observations)
            explore, random_actions = exploration(
                self.env.num_envs, agent.num_actions, epsilon, self.rng
            )
            actions = np.where(explore, random_actions, greedy)
            if self.config.env.fire_each_life and self.env.fire_action is not None:
                serve(actions, self._running, self.env.fire_action)
            step = self.env.step(actions)
            finished = self._take(step, actions, noise_draw, env_step)
            done += len(finished)
            ended = step.terminated | step.truncated
            if ended.any() and done < count:
                self._begin(ended, ids, noisy=agent.online.is_noisy)
            yield finished
        self._before = None

    def _take(
        self, step: EnvStep, actions: NDArray[np.int64], noise_draw: int | None, env_step: int
    ) -> list[EpisodeRow]:
        """Bring one step of all environments into the running games; return those it ended."""
        finished = []
        clip = self.config.env.reward_clip
        for i, episode in enumerate(self._running):
            show(self._observations[i], step.observations[i], stacked=self.env.is_image)
            if episode is None:
                continue
            raw = float(step.rewards[i])
            episode.step(
                env_step=env_step,
                action=int(actions[i]),
                reward_raw=raw,
                reward_clipped=max(-clip, min(clip, raw)) if clip else raw,
                lives=int(step.lives[i]) if step.lives is not None else None,
                obs_hash=fingerprint(step.observations[i]),
                noise_draw=noise_draw,
            )
            terminated, truncated = bool(step.terminated[i]), bool(step.truncated[i])
            if terminated or truncated:
                self.actions[episode.episode_id] = episode.actions.tolist()
                finished.append(episode.finish(terminated=terminated, truncated=truncated))
                self._running[i] = None
        return finished

    def _begin(self, mask: NDArray[np.bool_], ids: Iterator[int], *, noisy: bool) -> None:
        """Reset the environments of ``mask``, and begin a game in each while there are ids."""
        which = [int(i) for i in np.flatnonzero(mask)]
        run_seed = self.config.schedule.seed
        seeds = [episode_seed(run_seed, self.purpose, i, self.begun_in[i]) for i in which]
        observations, lives = self.env.reset(mask, seeds)
        for i, seed in zip(which, seeds, strict=True):
            self._observations[i] = 0
            show(self._observations[i], observations[i], stacked=self.env.is_image)
            episode_id = next(ids, None)
            if episode_id is None:
                continue
            self.begun_in[i] += 1
            self._running[i] = RunningEpisode(
                episode_id=episode_id,
                env_index=i,
                seed=seed,
                lives=int(lives[i]) if lives is not None else None,
                first_obs_hash=fingerprint(observations[i]),
                noisy=noisy,
                phase="eval",
            )
