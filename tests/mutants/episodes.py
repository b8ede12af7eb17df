"""Environments that play the same game again, and evaluations that leak into training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from mutant import mutant

from rlaudit.envs import episode_seed
from rlaudit.envs.gym import GymnasiumEnvs
from rlaudit.record import Recorder
from rlaudit.records import EpisodeRow
from rlaudit.replay.frames import NO_FRAME
from rlaudit.replay.nstep import NStepWindows, StateTags, Step
from rlaudit.train import loop as loop_module
from rlaudit.train.episodes import RunningEpisode, fingerprint
from rlaudit.train.evaluation import Evaluator
from rlaudit.train.loop import TrainingLoop

if TYPE_CHECKING:
    import pytest

RESET, STEP = GymnasiumEnvs.reset, GymnasiumEnvs.step
EVALUATION = {"eval_every": 300, "eval_episodes": 4}
PARALLEL = {"num_envs": 4}


@mutant(
    bug=38,
    seen_in="Itomigna2/Muesli-lunarlander#1",
    flagged_by="identical_episodes",
    diagnosis="their observations agree although they took",
)
def first_game_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment hands out the steps of its first game for every later one."""

    def reset(self, mask, seeds):
        if not hasattr(self, "tape"):
            self.first, self.tape = RESET(self, mask, seeds), []
        self.position = 0
        return self.first

    def step(self, actions):
        if not self.tape or not self.tape[-1].terminated[0]:
            self.tape.append(STEP(self, actions))
            return self.tape[-1]
        self.position += 1
        return self.tape[self.position - 1]

    monkeypatch.setattr(GymnasiumEnvs, "reset", reset)
    monkeypatch.setattr(GymnasiumEnvs, "step", step)


@mutant(
    bug=38,
    seen_in="Itomigna2/Muesli-lunarlander#1",
    flagged_by="identical_episodes",
    diagnosis="none is met twice by chance",
    # The transitions are those of the games that were played.
    may_fail=("inconsistent_observations",),
    settings={"steps": 1_500},
)
def episodes_repeat_an_earlier_game(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every third game is an earlier game again, its actions and observations included."""
    finish = RunningEpisode.finish
    games: list[EpisodeRow] = []

    def finish_or_repeat(self, *, terminated, truncated):
        row = finish(self, terminated=terminated, truncated=truncated)
        twin = next((g for g in games if g.length == row.length), None)
        games.append(row)
        if twin is None or len(games) % 3:
            return row
        return row._replace(
            first_obs_hash=twin.first_obs_hash,
            action_hash=twin.action_hash,
            observation_hash=twin.observation_hash,
        )

    monkeypatch.setattr(RunningEpisode, "finish", finish_or_repeat)


@mutant(
    bug=39,
    seen_in="hill-a/stable-baselines#79",
    flagged_by="environments_share_seed",
    diagnosis="have the same seed, where chance gives",
    settings=PARALLEL,
)
def environments_share_their_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seed of an episode leaves out the environment."""
    monkeypatch.setattr(
        loop_module,
        "episode_seed",
        lambda run_seed, phase, _env_index, episode: episode_seed(run_seed, phase, 0, episode),
    )


@mutant(
    bug=39,
    seen_in="hill-a/stable-baselines#79",
    flagged_by="environments_share_seed",
    diagnosis="have the same first observation, where chance gives",
    # The games themselves are the same, under seeds that differ in the log.
    may_fail=("identical_episodes",),
    settings=PARALLEL,
)
def environments_ignore_their_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every environment takes its seeds from one list, in the order of its own episodes."""

    def reset(self, mask, _seeds):
        if not hasattr(self, "begun"):
            self.begun = np.zeros(self.num_envs, np.int64)
        shared = [int(n) for n in self.begun[mask]]
        self.begun[mask] += 1
        return RESET(self, mask, shared)

    monkeypatch.setattr(GymnasiumEnvs, "reset", reset)


@mutant(
    bug=40,
    seen_in="Farama-Foundation/Gymnasium#1468",
    flagged_by="same_start_every_episode",
    diagnosis="with the same seed as an earlier one",
)
def one_seed_for_every_episode(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seed of an episode leaves out its number."""
    monkeypatch.setattr(
        loop_module,
        "episode_seed",
        lambda run_seed, phase, env_index, _episode: episode_seed(run_seed, phase, env_index, 0),
    )


@mutant(
    bug=40,
    seen_in="Farama-Foundation/Gymnasium#1468",
    flagged_by="same_start_every_episode",
    diagnosis="while the 4 environments have 4 starts, one each",
    settings=PARALLEL,
)
def every_reset_takes_the_first_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environments are reset with their first seed at every episode, whatever is asked for."""

    def reset(self, mask, seeds):
        if not hasattr(self, "first_seeds"):
            self.first_seeds = list(seeds)
        return RESET(self, mask, [self.first_seeds[i] for i in np.flatnonzero(mask)])

    monkeypatch.setattr(GymnasiumEnvs, "reset", reset)


@mutant(
    bug=43,
    seen_in="DLR-RM/stable-baselines3#852",
    flagged_by="evaluation_logged_as_training",
    diagnosis="is logged as phase train",
    # Training did not do the steps of those games, and did not store them.
    may_fail=(
        "episodes_overlap",
        "missing_steps",
        "unaccounted_agent_steps",
        "wrong_episode_length",
    ),
    settings=EVALUATION,
)
def evaluation_episodes_logged_as_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluation writes its episodes to the training log."""
    init = RunningEpisode.__init__

    def begin(self, **stated):
        init(self, **stated)
        self.phase = "train"

    monkeypatch.setattr(RunningEpisode, "__init__", begin)


@mutant(
    bug=43,
    seen_in="DLR-RM/stable-baselines3#852",
    flagged_by="episodes_overlap",
    diagnosis="so one game is logged twice",
    # The copies get ids of their own, which are higher than those of later games.
    may_fail=("episodes_out_of_order", "missing_steps", "unaccounted_agent_steps"),
)
def episodes_logged_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two monitors watch the environment, each with a count of its own."""
    append = Recorder.append

    def append_twice(self, row):
        append(self, row)
        if isinstance(row, EpisodeRow):
            append(self, row._replace(episode_id=row.episode_id + 1_000))

    monkeypatch.setattr(Recorder, "append", append_twice)


@mutant(
    bug=0,
    seen_in="an invariant: an episode that is logged has ended",
    flagged_by="impossible_episodes",
    diagnosis="ended without being terminated or truncated",
)
def episode_flags_read_after_the_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    """How an episode ended is looked up when its environment plays the next one already."""
    finish = RunningEpisode.finish

    def finish_late(self, **_):
        return finish(self, terminated=False, truncated=False)

    monkeypatch.setattr(RunningEpisode, "finish", finish_late)


@mutant(
    bug=44,
    seen_in="microsoft/CyberBattleSim#115",
    flagged_by="learning_during_evaluation",
    diagnosis="updates and stored 0 transitions, where it should do neither",
    # Updates are ahead of their schedule, and the target net is copied with them.
    may_fail=("target_sync_off_schedule", "wrong_replay_ratio"),
    settings=EVALUATION,
)
def learning_goes_on_in_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent does an update after every step of an evaluation, as it does in training."""
    tick_of_evaluation = TrainingLoop._tick_of_evaluation

    def tick(self):
        return tick_of_evaluation(self)._replace(updates=[self.learner.update(self.env_step, 0)])

    monkeypatch.setattr(TrainingLoop, "_tick_of_evaluation", tick)


@mutant(
    bug=44,
    seen_in="microsoft/CyberBattleSim#115",
    flagged_by="evaluation_steps_stored",
    diagnosis="are in the replay, the first as transition",
    # They are stored between the steps of the games that training plays meanwhile, and they were
    # acted without noise.
    may_fail=("learning_during_evaluation", "noise_against_config", "transitions_out_of_order"),
    settings=EVALUATION,
)
def evaluation_fills_the_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    """One collector serves training and evaluation, and stores what it sees of either."""
    init, tick_of_evaluation = TrainingLoop.__init__, TrainingLoop._tick_of_evaluation
    begin, take = Evaluator._begin, Evaluator._take

    def make(self, config, env, agent, replay, **others):
        init(self, config, env, agent, replay, **others)
        self.evaluator.collector = Collector(config, replay, self.evaluator)

    def begin_and_see(self, mask, ids, *, noisy):
        begin(self, mask, ids, noisy=noisy)
        self.collector.begin(np.flatnonzero(mask))

    def take_and_store(self, step, actions, noise_draw, env_step):
        games = list(self._running)
        lengths = [None if game is None else game.length for game in games]
        finished = take(self, step, actions, noise_draw, env_step)
        self.collector.take(games, lengths, step, actions, env_step)
        return finished

    def tick(self):
        stored, self.evaluator.collector.stored = self.evaluator.collector.stored, []
        return tick_of_evaluation(self)._replace(stored=stored)

    monkeypatch.setattr(TrainingLoop, "__init__", make)
    monkeypatch.setattr(TrainingLoop, "_tick_of_evaluation", tick)
    monkeypatch.setattr(Evaluator, "_begin", begin_and_see)
    monkeypatch.setattr(Evaluator, "_take", take_and_store)


class Collector:
    """Stores the steps of an evaluation the way that the loop stores those of training."""

    def __init__(self, config, replay, evaluator):
        self.replay = replay
        self.evaluator = evaluator
        count = evaluator.env.num_envs
        self.windows = NStepWindows(config.replay.n_step, config.replay.gamma, count)
        self.frames = [NO_FRAME] * count
        self.hashes = [0] * count
        self.stored = []

    def begin(self, which):
        for i in which:
            game = self.evaluator._running[i]
            if game is not None:
                self.see(i, self.evaluator._observations[i], game.episode_id, 0)

    def see(self, i, observation, episode_id, episode_step):
        previous = self.frames[i] if episode_step else NO_FRAME
        self.frames[i] = self.replay.store.add(observation, previous, i, episode_id, episode_step)
        self.hashes[i] = fingerprint(observation)

    def take(self, games, lengths, step, actions, env_step):
        for i, (game, length) in enumerate(zip(games, lengths, strict=True)):
            if game is None:
                continue
            frame_id, obs_hash = self.frames[i], self.hashes[i]
            self.see(i, step.observations[i], game.episode_id, length + 1)
            terminated = bool(step.terminated[i])
            taken = Step(
                state=StateTags(i, game.episode_id, length),
                next_state=StateTags(i, game.episode_id, length + 1),
                frame_id=frame_id,
                next_frame_id=NO_FRAME if terminated else self.frames[i],
                action=int(actions[i]),
                reward_raw=float(step.rewards[i]),
                reward_clipped=float(step.rewards[i]),
                terminated=terminated,
                truncated=bool(step.truncated[i]) and not terminated,
                env_step=env_step,
                obs_hash=obs_hash,
                next_obs_hash=self.hashes[i],
            )
            windows = self.windows.push(i, taken)
            self.stored += [(window, self.replay.add(window)) for window in windows]
