"""When an update is due, and what it is: sample, learn, write priorities, sync the target.

Updates fall due by agent steps: one for each ``update_period`` of them after learning began,
whatever the number of environments, so the replay ratio does not depend on it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rlaudit.train.episodes import fingerprint
from rlaudit.train.ticks import Look, Update

if TYPE_CHECKING:
    from rlaudit.agent.agent import Agent
    from rlaudit.config import TrainConfig
    from rlaudit.replay.replay import Batch, Replay

# The sum over a million leaves takes 0.4 ms: rarely enough to cost nothing, often enough to see
# a drift begin.
UPDATES_BETWEEN_LEAF_SUMS = 1_000

_GONE = np.empty(0, np.uint8)

_COUNTERS = ("updates_done", "_learning_since", "_target_periods")


class Learner:
    """Does the updates of a run.

    Args:
        config: all settings of the run.
        agent: learns.
        replay: samples, and takes the priorities.
        for_log: also find out what only a log wants: probes of batches and their hashes.
        stacked: whether an observation is a stack of frames.
    """

    def __init__(
        self, config: TrainConfig, agent: Agent, replay: Replay, *, for_log: bool, stacked: bool
    ) -> None:
        self.updates_done = 0
        self._config = config
        self._agent = agent
        self._replay = replay
        self._for_log = for_log
        self._stacked = stacked
        self._learning_since: int | None = None
        self._target_periods = 0

    def catch_up(self, env_step: int, episodes: int) -> list[Update]:
        """Do the updates that are due after ``env_step`` agent steps and ``episodes`` episodes.

        The last one has a ``problem`` if its errors are not finite; what is due after it is left.
        """
        schedule = self._config.schedule
        if self._learning_since is None:
            enough = self._replay.size >= self._config.replay.batch_size
            if env_step < schedule.learning_starts or not enough:
                return []
            self._learning_since = env_step
            self._target_periods = env_step // schedule.target_sync_agent_steps
        due = (env_step - self._learning_since) // schedule.update_period
        updates: list[Update] = []
        while self.updates_done < due:
            updates.append(self.update(env_step, episodes))
            if updates[-1].problem:
                break
        return updates

    def update(self, env_step: int, episodes: int) -> Update:
        """Do one update now, due or not."""
        replay, schedule = self._replay, self._config.schedule
        update_id = self.updates_done
        prioritized = self._config.replay.prioritized
        measure = prioritized and update_id % UPDATES_BETWEEN_LEAF_SUMS == 0
        leaf_sum = replay.leaf_sum() if measure else None
        max_priority = replay.max_priority if prioritized else None
        batch = replay.sample(env_step, episodes)
        look = self._look(batch, update_id % len(batch.slots)) if self._for_log else None
        if schedule.learning_rate_decay:
            self._agent.scale_learning_rate(max(0.0, 1 - env_step / schedule.steps))
        learned = self._agent.learn(batch)
        written, problem = None, ""
        if not np.isfinite(learned.td_errors).all() or not np.isfinite(learned.loss):
            problem = (
                f"the TD error or the loss of update {update_id} at step {env_step} is not "
                "a finite number"
            )
        elif prioritized:
            written = replay.update_priorities(batch.slots, learned.td_errors)
        periods = env_step // schedule.target_sync_agent_steps
        synced = periods > self._target_periods
        if synced:
            self._agent.sync_target()
            self._target_periods = periods
        self.updates_done += 1
        return Update(
            update_id=update_id,
            env_step=env_step,
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

    def state(self) -> dict[str, Any]:
        """Return the counters that the updates go on from, as JSON can hold them."""
        return {name: getattr(self, name) for name in _COUNTERS}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` returned; other entries of ``state`` are left alone."""
        for name in _COUNTERS:
            setattr(self, name, state[name])

    def _look(self, batch: Batch, batch_index: int) -> Look:
        observation = batch.observations[batch_index]
        stack_hash = fingerprint(observation)
        # A flat observation is a stack of one.
        obs_hash = fingerprint(observation[-1]) if self._stacked else stack_hash
        return Look(self._replay.probe(batch, batch_index), obs_hash, stack_hash)
