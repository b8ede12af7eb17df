"""Priorities that new transitions enter with, and what a resume makes of priorities."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import numpy as np
from mutant import mutant
from proving import config_of

from rlaudit.replay import replay as replay_module
from rlaudit.replay.replay import Replay
from rlaudit.replay.sumtree import SumTree
from rlaudit.train import resume_training, run_training

if TYPE_CHECKING:
    import pytest

ADD, LOAD_STATE = Replay.add, Replay.load_state
UPDATE_PRIORITIES = Replay.update_priorities
SET_ONE = SumTree.set_one
FROM_ERROR = replay_module.priority_from_error


@mutant(
    bug=1,
    seen_in="ray-project/ray#2929; y-kamiya 3ddcebe",
    flagged_by="wrong_insert_priority",
    diagnosis="new transitions enter at 1 and not at the maximum",
    may_fail=("wrong_max_priority",),
)
def inserted_at_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """New transitions enter at priority 1, whatever was written."""
    one = property(lambda self: None if self._tree is None else 1.0)
    monkeypatch.setattr(Replay, "max_priority", one)


@mutant(
    bug=1,
    seen_in="ray-project/ray#11750",
    flagged_by="wrong_insert_priority",
    diagnosis="so each transition enters at an error of its own",
)
def inserted_at_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """New transitions enter at the priority of an actor's guess at their error."""

    def add(self, window):
        stored = ADD(self, window)
        error = window.reward_sum - 3 * np.sin(stored.transition_id)
        leaf = float(FROM_ERROR(error, self.config.priority_epsilon, self.config.alpha))
        SET_ONE(self._tree, stored.slot, leaf)
        return stored._replace(priority=float(np.float32(leaf)))

    monkeypatch.setattr(Replay, "add", add)


@mutant(
    bug=0,
    seen_in="an insert priority that is kept at one environment's last errors",
    flagged_by="insert_priority_outside_alive",
    diagnosis="and not at the largest leaf alive",
    settings={"insert_priority": "live-max"},
)
def inserted_at_one_not_live_max(monkeypatch: pytest.MonkeyPatch) -> None:
    """New transitions enter at priority 1, and the config says at the largest leaf alive."""
    inserted_at_one(monkeypatch)


@mutant(
    bug=0,
    seen_in="Schaul et al. 2016, Algorithm 1, line 6, with the maximum of the errors themselves",
    flagged_by="wrong_max_priority",
    diagnosis="logs the maximum priority",
    may_fail=("wrong_insert_priority",),
)
def maximum_without_exponent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The running maximum is that of the TD errors, before alpha."""

    def update_priorities(self, slots, td_errors):
        largest = max(self._running_max, float(np.abs(td_errors).max()))
        written = UPDATE_PRIORITIES(self, slots, td_errors)
        self._running_max = largest
        return written

    monkeypatch.setattr(Replay, "update_priorities", update_priorities)


@mutant(
    bug=4,
    seen_in="pytorch/rl#2210, #2215",
    flagged_by="wrong_insert_priority",
    diagnosis="so the initial maximum is far above real errors",
    may_fail=("wrong_max_priority",),
)
def initial_maximum_far_above(monkeypatch: pytest.MonkeyPatch) -> None:
    """The running maximum starts at 1e8."""
    monkeypatch.setattr(replay_module, "FIRST_PRIORITY", 1e8)


@mutant(
    bug=4,
    seen_in="pytorch/rl#2210, #2215",
    flagged_by="first_weights_vanish",
    diagnosis="have a median weight of",
    may_fail=("wrong_insert_priority", "wrong_max_priority"),
    settings={"beta_start": 1.0, "weight_normaliser": "buffer"},
)
def first_weights_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The running maximum starts at 1e8, and weights are divided by the buffer's largest."""
    initial_maximum_far_above(monkeypatch)


class Interrupts:
    """A watcher that sends the run the signal of Ctrl-C at an agent step."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.sent = False

    def step(self, env_step, _flush):
        if env_step >= self.at and not self.sent:
            self.sent = True
            os.kill(os.getpid(), signal.SIGINT)
        return ""

    def finish(self, _env_step, _flush, _stop=None):
        return ""

    def close(self) -> None:
        pass


def interrupted_and_resumed(settings, log_path):
    """Train, interrupt the run half-way, and resume it to its end."""
    config = config_of(settings)
    watcher = Interrupts(config.schedule.steps // 2)
    run_training(config, log_path, run_id="resumed", checkpoint_every=200, watcher=watcher)
    resume_training("resumed", log_path)


@mutant(
    bug=5,
    seen_in="google/dopamine, its sum tree in JAX",
    flagged_by="wrong_insert_priority",
    diagnosis="the running maximum was lost on resume",
    may_fail=("wrong_max_priority",),
    scenario=interrupted_and_resumed,
)
def maximum_lost_on_resume(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resumed replay begins with a running maximum of 1."""

    def load_state(self, state):
        LOAD_STATE(self, state)
        self._running_max = replay_module.FIRST_PRIORITY

    monkeypatch.setattr(Replay, "load_state", load_state)


@mutant(
    bug=0,
    seen_in="checkpoints that leave the priorities out",
    flagged_by="priority_not_as_written",
    diagnosis="what it resumed from had another priority",
    may_fail=("priority_total_unlike_ledger",),
    scenario=interrupted_and_resumed,
)
def priorities_lost_on_resume(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resumed replay has the same priority for all of its transitions."""

    def load_state(self, state):
        LOAD_STATE(self, state)
        slots = np.arange(self.size)
        self._tree.set(slots, np.full(self.size, self._running_max, np.float32))

    monkeypatch.setattr(Replay, "load_state", load_state)
