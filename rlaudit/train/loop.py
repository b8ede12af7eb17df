"""The training loop: a generator of ticks that knows nothing of logs.

A tick is one step of all environments and the updates that fall due with it. Whoever drives the
loop decides what becomes of the ticks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rlaudit.envs import episode_seed, repeat_episodes
from rlaudit.errors import CheckpointError
from rlaudit.replay.frames import NO_FRAME
from rlaudit.replay.nstep import NStepWindows, StateTags, Step
from rlaudit.train.episodes import RunningEpisode, fingerprint, serve
from rlaudit.train.learning import Learner
from rlaudit.train.observations import no_observations, show
from rlaudit.train.pacing import Pace
from rlaudit.train.ticks import Evaluation, Tick

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rlaudit.agent.agent import Agent
    from rlaudit.config import TrainConfig
    from rlaudit.envs import EnvStep, VectorEnvironment
    from rlaudit.records import EpisodeRow
    from rlaudit.replay.nstep import Window
    from rlaudit.replay.replay import Replay, Stored
    from rlaudit.train.evaluation import Evaluator

_COUNTERS = (
    "env_step",
    "episodes_begun",
    "episodes_finished",
    "last_episode_id",
    "_eval_periods",
)


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
        self.learner = Learner(config, agent, replay, for_log=for_log, stacked=env.is_image)
        # Those of evaluations count as well: one numbering for all episodes of a run.
        self.episodes_begun = 0
        self.episodes_finished = 0
        self._pace = Pace(config.schedule)
        self.last_episode_id = -1
        """Of the episode that ended last, evaluation's included."""
        self.evaluator = evaluator
        self._eval_periods = 0
        self._rng = rng
        self._for_log = for_log
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
    def is_over(self) -> bool:
        """Whether there is no further step to train."""
        return self._pace.is_over(self.env_step)

    @property
    def evaluation_is_due(self) -> bool:
        """Whether an evaluation is to be done, or under way, before the next step."""
        every = self.config.schedule.eval_every
        return self.evaluator is not None and self.env_step // every > self._eval_periods

    def reached(self) -> dict[str, int]:
        """Return the agent steps that are done, and the last ids; -1 where there is none."""
        return {
            "env_step": self.env_step,
            "episode_id": self.last_episode_id,
            "transition_id": self.replay.last_transition_id,
            "update_id": self.learner.updates_done - 1,
        }

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
        if not self.running:
            self._reset(np.ones(self.env.num_envs, dtype=bool))
        # An evaluation that was due when a checkpoint was saved comes first.
        while self.evaluation_is_due or not self.is_over:
            if self.evaluation_is_due:
                yield from self._evaluate()
                continue
            tick = self._tick()
            yield tick
            if any(update.problem for update in tick.updates):
                return

    def state(self) -> dict[str, Any]:
        """Return all that the loop goes on from between two steps, but for the agent's state.

        Of an evaluation that is under way nothing is in it: it is due, and begins again.
        Arrays are the loop's own: write them before the next step. The rest is what JSON can hold.
        """
        return {
            **{name: getattr(self, name) for name in _COUNTERS},
            **self.learner.state(),
            "frames": self._frames,
            "begun_in": self._begun_in,
            "rng": self._rng.bit_generator.state,
            "running": [episode.state() for episode in self.running],
            "pace": self._pace.state(),
            "windows": self.windows.state(),
            "replay": self.replay.state(),
            "evaluator": self.evaluator.state() if self.evaluator else None,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` returned, of a loop with the same config.

        The open episodes are played again, up to where they were.

        Raises:
            CheckpointError: the state is of another loop, is not sound, or an environment did
                not do again what it did.
        """
        for name in _COUNTERS:
            setattr(self, name, state[name])
        self.learner.load_state(state)
        self._frames = list(state["frames"])
        self._begun_in = list(state["begun_in"])
        self._rng.bit_generator.state = state["rng"]
        # Checkpoints of 0.1 have no pace; none of its settings existed then.
        before = {"counted": self.episodes_finished, "warming_up": False, "lengths": []}
        self._pace.load_state(state.get("pace", before))
        self.windows.load_state(state["windows"])
        self.replay.load_state(state["replay"])
        if self.evaluator:
            self.evaluator.load_state(state["evaluator"])
        self._restore_episodes(state["running"])

    def _restore_episodes(self, saved: list[dict[str, Any]]) -> None:
        seeds, actions = ([episode[key] for episode in saved] for key in ("seed", "actions"))
        self.running = [None] * self.env.num_envs  # type: ignore[list-item] # filled below
        for repeated in repeat_episodes(self.env, seeds, actions):
            i = repeated.env_index
            obs_hash = fingerprint(repeated.observation) if self._for_log else None
            if repeated.action is None:
                self._observations[i] = 0
                self.running[i] = RunningEpisode(
                    episode_id=saved[i]["episode_id"],
                    env_index=i,
                    seed=saved[i]["seed"],
                    lives=repeated.lives,
                    first_obs_hash=obs_hash,
                    noisy=self.agent.online.is_noisy,
                )
            else:
                self.running[i].step(
                    env_step=saved[i]["start_step"] + self.running[i].length * self.env.num_envs,
                    action=repeated.action,
                    reward_raw=repeated.reward,
                    reward_clipped=self._clipped(repeated.reward),
                    lives=repeated.lives,
                    obs_hash=obs_hash,
                    noise_draw=None,
                )
            self._obs_hashes[i] = obs_hash
            show(self._observations[i], repeated.observation, stacked=self.env.is_image)
            if repeated.ended:
                raise _not_repeated(saved[i], f"ended in step {self.running[i].length}")
        shown = self.replay.store.stacks(np.array(self._frames))
        for i, episode in enumerate(self.running):
            episode.load_state(saved[i])
            if not np.array_equal(self._observations[i], shown[i]):
                raise _not_repeated(saved[i], "came to another observation than the stored one")

    def _tick(self) -> Tick:
        epsilon = self._pace.epsilon(self.env_step)
        acted = self.agent.act(self._observations, epsilon=epsilon, rng=self._rng)
        if self.config.env.fire_each_life and self.env.fire_action is not None:
            serve(acted.actions, self.running, self.env.fire_action)
        step = self.env.step(acted.actions)
        if self.config.env.time_limit_is_terminal:
            ended = step.terminated | step.truncated
            step = step._replace(terminated=ended, truncated=np.zeros_like(ended))
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
        # An update in an episode's last step is still one of that episode.
        updates = self.learner.catch_up(self.env_step, self._pace.counted)
        self.episodes_finished += len(finished)
        self._pace.finish(finished)
        if finished:
            self.last_episode_id = finished[-1].episode_id
            self._reset(ended)
        return Tick(self.env_step, stored, finished, updates, self.open_episode_steps)

    def _evaluate(self) -> Iterator[Tick]:
        """Evaluate the agent as it is now."""
        evaluator = self.evaluator
        assert evaluator is not None  # noqa: S101 - it is what made an evaluation due
        schedule = self.config.schedule
        first_id = self.episodes_begun
        updates_before = self.learner.updates_done
        transitions_before = self.replay.last_transition_id + 1
        episodes: list[EpisodeRow] = []
        for finished in evaluator.play(self.agent, first_id, self.env_step):
            episodes += finished
            yield self._tick_of_evaluation()
        # All at once: until here the evaluation can still be given up, and done again.
        self.episodes_begun += schedule.eval_episodes
        self._eval_periods = self.env_step // schedule.eval_every
        self.last_episode_id = self.episodes_begun - 1
        evaluation = Evaluation(
            first_episode_id=first_id,
            episodes=episodes,
            updates_before=updates_before,
            updates_after=self.learner.updates_done,
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
        clipped = self._clipped(raw)
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
            self._pace.begin(self.env_step + env_index)
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

    def _clipped(self, reward: float) -> float:
        """Return a reward as it is learned from."""
        clip = self.config.env.reward_clip
        return max(-clip, min(clip, reward)) if clip else reward


def _not_repeated(saved: dict[str, Any], what: str) -> CheckpointError:
    return CheckpointError(
        f"episode {saved['episode_id']} of environment {saved['env_index']} cannot be restored: "
        f"played again from seed {saved['seed']}, it {what}",
        hint="resume with the environment's packages in the versions that began the run",
    )
