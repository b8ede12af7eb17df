"""The training loop: a generator of ticks that knows nothing of logs.

A tick is one step of all environments and the updates that fall due with it. Whoever drives the
loop decides what becomes of the ticks.

Updates fall due by agent steps: one for each ``update_period`` of them after learning began,
whatever the number of environments, so the replay ratio does not depend on it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rlaudit.agent.agent import epsilon_at
from rlaudit.envs import episode_seed
from rlaudit.replay.frames import NO_FRAME
from rlaudit.replay.nstep import NStepWindows, StateTags, Step
from rlaudit.train.episodes import RunningEpisode, fingerprint
from rlaudit.train.observations import no_observations, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rlaudit.agent.agent import Agent, Learned
    from rlaudit.config import TrainConfig
    from rlaudit.envs import EnvStep, VectorEnvironment
    from rlaudit.records import EpisodeRow
    from rlaudit.replay.nstep import Window
    from rlaudit.replay.replay import Batch, PriorityWrite, Probe, Replay, Stored
    from rlaudit.train.evaluation import Evaluator

# The sum over a million leaves takes 0.4 ms: rarely enough to cost nothing, often enough to see
# a drift begin.
UPDATES_BETWEEN_LEAF_SUMS = 1_000

_GONE = np.empty(0, np.uint8)


class Look(NamedTuple):
    """One position of a batch: how it was drawn, and hashes of its state as it was rebuilt."""

    probe: Probe
    obs_hash: int
    """Of the state's newest frame."""
    stack_hash: int
    """Of the whole state."""


class Update(NamedTuple):
    """One learner update and what the replay was when its batch was drawn."""

    update_id: int
    env_step: int
    last_transition_id: int
    buffer_size: int
    max_priority: float | None
    leaf_sum: float | None
    batch: Batch
    """Without its observations, which are large and have been learned from."""
    learned: Learned
    look: Look | None
    """At another batch position in each update; None where nothing is logged."""
    written: PriorityWrite | None
    """None under uniform replay, and where the errors could not be priorities."""
    target_synced: bool
    problem: str
    """Why the errors could not be written back; empty if all is well."""


class Evaluation(NamedTuple):
    """One evaluation, and what training had done when it began and when it was over.

    The counts are read off the loop and the replay, so that a trainer that learns or stores while
    it evaluates shows it.
    """

    first_episode_id: int
    episodes: list[EpisodeRow]
    updates_before: int
    updates_after: int
    transitions_before: int
    transitions_after: int


class Tick(NamedTuple):
    """What one step of all environments brought.

    While an evaluation goes on there is a tick after each of its steps, so that whoever drives
    the loop can stop it. They bring nothing but the last one's ``evaluation``.
    """

    env_step: int
    """Agent steps done, this tick's included."""
    stored: list[tuple[Window, Stored]]
    finished: list[EpisodeRow]
    updates: list[Update]
    open_episode_steps: int
    """Agent steps in the episodes under way."""
    evaluation: Evaluation | None = None


class TrainingLoop:
    """Acts, stores and learns, and evaluates every ``eval_every`` agent steps.

    Args:
        config: all settings of the run.
        env: the environments; the loop resets them.
        agent: acts and learns.
        replay: stores and samples, observations included.
        rng: decides the random actions of epsilon-greedy.
        for_log: also find out what only a log wants: observation hashes and probes of batches.
        evaluator: plays the evaluation episodes; None where ``eval_every`` is 0.
    """

    def __init__(
        self,
        config: TrainConfig,
        env: VectorEnvironment,
        agent: Agent,
        replay: Replay,
        *,
        rng: np.random.Generator,
        for_log: bool,
        evaluator: Evaluator | None = None,
    ) -> None:
        self.config = config
        self.env = env
        self.agent = agent
        self.replay = replay
        self.windows = NStepWindows(config.replay.n_step, config.replay.gamma, env.num_envs)
        self.env_step = 0
        self.updates_done = 0
        # Those of evaluations count as well: one numbering for all episodes of a run.
        self.episodes_begun = 0
        self.episodes_finished = 0
        self.evaluator = evaluator
        self._eval_periods = 0
        self._rng = rng
        self._for_log = for_log
        self._learning_since: int | None = None
        self._target_periods = 0
        count = env.num_envs
        self._observations = no_observations(env, config.env.frame_stack)
        self._frames = [NO_FRAME] * count
        self._obs_hashes: list[int | None] = [None] * count
        self._begun_in = [0] * count
        self.running: list[RunningEpisode] = []

    @property
    def open_episode_steps(self) -> int:
        """Agent steps in the episodes under way."""
        return sum(episode.length for episode in self.running)

    @property
    def evaluation_is_due(self) -> bool:
        """Whether an evaluation is to be done, or under way, before the next step."""
        every = self.config.schedule.eval_every
        return self.evaluator is not None and self.env_step // every > self._eval_periods

    def close(self) -> None:
        """Free the environments."""
        self.env.close()
        if self.evaluator is not None:
            self.evaluator.env.close()

    def ticks(self) -> Iterator[Tick]:
        """Train until ``steps`` agent steps or ``episodes`` episodes are done.

        Raises:
            ReplayError: if something would corrupt the replay, other than an error that is not a
                number: that is an update's ``problem``, and the last tick.
        """
        schedule = self.config.schedule
        if not self.running:
            self._reset(np.ones(self.env.num_envs, dtype=bool))
        while self.env_step < schedule.steps:
            tick = self._tick()
            yield tick
            if any(update.problem for update in tick.updates):
                return
            if self.evaluation_is_due:
                yield from self._evaluate()
            if schedule.episodes and self.episodes_finished >= schedule.episodes:
                return

    def _tick(self) -> Tick:
        acted = self.agent.act(self._observations, epsilon=self._epsilon(), rng=self._rng)
        step = self.env.step(acted.actions)
        stored: list[tuple[Window, Stored]] = []
        for env_index in range(self.env.num_envs):
            taken = self._take(env_index, step, int(acted.actions[env_index]), acted.noise_draw)
            windows = self.windows.push(env_index, taken)
            stored += [(window, self.replay.add(window)) for window in windows]
        self.env_step += self.env.num_envs
        ended = step.terminated | step.truncated
        finished = [
            self.running[i].finish(
                terminated=bool(step.terminated[i]), truncated=bool(step.truncated[i])
            )
            for i in np.flatnonzero(ended)
        ]
        self.episodes_finished += len(finished)
        if finished:
            self._reset(ended)
        return Tick(self.env_step, stored, finished, self._updates_due(), self.open_episode_steps)

    def _evaluate(self) -> Iterator[Tick]:
        """Evaluate the agent as it is now."""
        evaluator = self.evaluator
        assert evaluator is not None  # noqa: S101 - it is what made an evaluation due
        schedule = self.config.schedule
        first_id = self.episodes_begun
        self.episodes_begun += schedule.eval_episodes
        updates_before = self.updates_done
        transitions_before = self.replay.last_transition_id + 1
        episodes: list[EpisodeRow] = []
        for finished in evaluator.play(self.agent, first_id, self.env_step):
            episodes += finished
            yield self._tick_of_evaluation()
        self._eval_periods = self.env_step // schedule.eval_every
        evaluation = Evaluation(
            first_episode_id=first_id,
            episodes=episodes,
            updates_before=updates_before,
            updates_after=self.updates_done,
            transitions_before=transitions_before,
            transitions_after=self.replay.last_transition_id + 1,
        )
        yield self._tick_of_evaluation()._replace(evaluation=evaluation)

    def _tick_of_evaluation(self) -> Tick:
        return Tick(self.env_step, [], [], [], self.open_episode_steps)

    def _take(self, env_index: int, step: EnvStep, action: int, noise_draw: int | None) -> Step:
        """Bring one environment's step into the running episode and the store."""
        episode = self.running[env_index]
        observation = step.observations[env_index]
        state = StateTags(env_index, episode.episode_id, episode.length)
        raw = float(step.rewards[env_index])
        clip = self.config.env.reward_clip
        clipped = max(-clip, min(clip, raw)) if clip else raw
        obs_hash = fingerprint(observation) if self._for_log else None
        lost_life = episode.step(
            env_step=self.env_step + env_index + 1,
            action=action,
            reward_raw=raw,
            reward_clipped=clipped,
            lives=int(step.lives[env_index]) if step.lives is not None else None,
            obs_hash=obs_hash,
            noise_draw=noise_draw,
        )
        game_over = bool(step.terminated[env_index])
        next_state = StateTags(env_index, episode.episode_id, episode.length)
        frame_id, previous_hash = self._frames[env_index], self._obs_hashes[env_index]
        # A terminal state's value is never used, so its frame is not stored.
        next_frame_id = NO_FRAME if game_over else self._see(observation, next_state, frame_id)
        self._obs_hashes[env_index] = obs_hash
        return Step(
            state=state,
            next_state=next_state,
            frame_id=frame_id,
            next_frame_id=next_frame_id,
            action=action,
            reward_raw=raw,
            reward_clipped=clipped,
            terminated=game_over or (lost_life and self.config.env.terminal_on_life_loss),
            truncated=bool(step.truncated[env_index]) and not game_over,
            env_step=episode.end_step,
            noise_draw=noise_draw,
            obs_hash=previous_hash,
            next_obs_hash=obs_hash,
        )

    def _reset(self, mask: NDArray[np.bool_]) -> None:
        """Begin a new episode in each environment of ``mask``, with a seed of its own."""
        which = [int(i) for i in np.flatnonzero(mask)]
        run_seed = self.config.schedule.seed
        seeds = [episode_seed(run_seed, "train", i, self._begun_in[i]) for i in which]
        observations, lives = self.env.reset(mask, seeds)
        if not self.running:
            self.running = [None] * self.env.num_envs  # type: ignore[list-item] # filled below
        for env_index, seed in zip(which, seeds, strict=True):
            observation = observations[env_index]
            obs_hash = fingerprint(observation) if self._for_log else None
            self.running[env_index] = RunningEpisode(
                episode_id=self.episodes_begun,
                env_index=env_index,
                seed=seed,
                lives=int(lives[env_index]) if lives is not None else None,
                first_obs_hash=obs_hash,
                noisy=self.agent.online.is_noisy,
            )
            self._obs_hashes[env_index] = obs_hash
            self._observations[env_index] = 0
            self._see(observation, StateTags(env_index, self.episodes_begun, 0), NO_FRAME)
            self.episodes_begun += 1
            self._begun_in[env_index] += 1

    def _see(self, observation: NDArray[np.generic], state: StateTags, previous_id: int) -> int:
        """Store a state's newest frame and show the state to the agent."""
        env_index, episode_id, episode_step = state
        frame_id = self.replay.store.add(
            observation, previous_id, env_index, episode_id, episode_step
        )
        show(self._observations[env_index], observation, stacked=self.env.is_image)
        self._frames[env_index] = frame_id
        return frame_id

    def _epsilon(self) -> float:
        schedule = self.config.schedule
        return epsilon_at(
            max(0, self.env_step - schedule.learning_starts),
            schedule.epsilon_greedy_start,
            schedule.epsilon_greedy_end,
            schedule.epsilon_greedy_steps,
        )

    def _updates_due(self) -> list[Update]:
        schedule = self.config.schedule
        if self._learning_since is None:
            enough = self.replay.size >= self.config.replay.batch_size
            if self.env_step < schedule.learning_starts or not enough:
                return []
            self._learning_since = self.env_step
            self._target_periods = self.env_step // schedule.target_sync_agent_steps
        due = (self.env_step - self._learning_since) // schedule.update_period
        updates: list[Update] = []
        while self.updates_done < due:
            updates.append(self._update())
            if updates[-1].problem:
                break
        return updates

    def _update(self) -> Update:
        replay = self.replay
        update_id = self.updates_done
        prioritized = self.config.replay.prioritized
        measure = prioritized and update_id % UPDATES_BETWEEN_LEAF_SUMS == 0
        leaf_sum = replay.leaf_sum() if measure else None
        max_priority = replay.max_priority if prioritized else None
        batch = replay.sample(self.env_step)
        look = self._look(batch, update_id % len(batch.slots)) if self._for_log else None
        learned = self.agent.learn(batch)
        written, problem = None, ""
        if not np.isfinite(learned.td_errors).all() or not np.isfinite(learned.loss):
            problem = (
                f"the TD error or the loss of update {update_id} at step {self.env_step} is not "
                "a finite number"
            )
        elif prioritized:
            written = replay.update_priorities(batch.slots, learned.td_errors)
        periods = self.env_step // self.config.schedule.target_sync_agent_steps
        synced = periods > self._target_periods
        if synced:
            self.agent.sync_target()
            self._target_periods = periods
        self.updates_done += 1
        return Update(
            update_id=update_id,
            env_step=self.env_step,
            last_transition_id=replay.last_transition_id,
            buffer_size=replay.size,
            max_priority=max_priority,
            leaf_sum=leaf_sum,
            # Atari's stacks are 1.8 MB a batch, and whoever logs keeps several updates for a while.
            batch=replace(batch, observations=_GONE, next_observations=_GONE),
            learned=learned,
            look=look,
            written=written,
            target_synced=synced,
            problem=problem,
        )

    def _look(self, batch: Batch, batch_index: int) -> Look:
        observation = batch.observations[batch_index]
        stack_hash = fingerprint(observation)
        # A flat observation is a stack of one.
        obs_hash = fingerprint(observation[-1]) if self.env.is_image else stack_hash
        return Look(self.replay.probe(batch, batch_index), obs_hash, stack_hash)
