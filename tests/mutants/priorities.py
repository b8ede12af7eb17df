"""Priorities that are computed, written, inserted or summed wrongly."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from mutant import mutant
from proving import config_of

from rlaudit.replay import replay as replay_module
from rlaudit.replay.replay import PriorityWrite, Replay
from rlaudit.replay.sumtree import SumTree
from rlaudit.train import loop as loop_module
from rlaudit.train import resume_training, run_training
from rlaudit.train import run as run_module

if TYPE_CHECKING:
    import pytest

INIT = Replay.__init__
ADD = Replay.add
LOAD_STATE = Replay.load_state
SET = SumTree.set
SET_ONE = SumTree.set_one
FIND = SumTree.find
TOTAL = SumTree.total.fget
UPDATE_ROW = run_module.update_row
FROM_ERROR = replay_module.priority_from_error

# The log's writes no longer add up to the priorities that are drawn by, and all tests that predict
# draws start from those.
NOT_ACCOUNTED = ("priority_total_unlike_ledger",)


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
    bug=1,
    seen_in="an insert priority that is kept at one environment's last errors",
    flagged_by="insert_priority_outside_alive",
    diagnosis="and not at the largest leaf alive",
    settings={"insert_priority": "live-max"},
)
def inserted_at_one_not_live_max(monkeypatch: pytest.MonkeyPatch) -> None:
    """New transitions enter at priority 1, and the config says at the largest leaf alive."""
    inserted_at_one(monkeypatch)


@mutant(
    bug=2,
    seen_in="Kaixhin/Rainbow 32c3f4b; instadeepai/flashbax#58",
    flagged_by="wrong_new_priority",
    diagnosis="it is kept as a whole number",
    may_fail=("whole_number_priorities", "zero_priority_written"),
)
def whole_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Priorities are kept in an integer type."""
    monkeypatch.setattr(
        replay_module,
        "priority_from_error",
        lambda *given: np.floor(FROM_ERROR(*given)).astype(np.float32),
    )


@mutant(
    bug=3,
    seen_in="HorizonRobotics/alf#1232",
    flagged_by="wrong_new_priority",
    diagnosis="epsilon is added outside the exponent",
)
def epsilon_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Epsilon is added after the exponent and not before it."""

    def from_error(td_error, epsilon, alpha):
        return FROM_ERROR(td_error, 0.0, alpha) + np.float32(epsilon)

    monkeypatch.setattr(replay_module, "priority_from_error", from_error)


@mutant(
    bug=0,
    seen_in="Schaul et al. 2016, eq. 1",
    flagged_by="wrong_new_priority",
    diagnosis="the exponent is missing",
)
def exponent_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Priorities are the errors themselves, and alpha is used nowhere."""
    monkeypatch.setattr(
        replay_module, "priority_from_error", lambda error, eps, _: FROM_ERROR(error, eps, 1.0)
    )


@mutant(
    bug=0,
    seen_in="a replay buffer's default alpha",
    flagged_by="wrong_alpha",
    diagnosis="the config says 0.5",
    may_fail=("wrong_new_priority",),
)
def alpha_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The replay uses its own exponent 0.6 and logs it; the config says 0.5."""

    def init(self, config, store, rng):
        INIT(self, replace(config, alpha=0.6), store, rng)

    def row(update, config, elapsed_seconds):
        return UPDATE_ROW(update, replace(config, alpha=0.6), elapsed_seconds)

    monkeypatch.setattr(Replay, "__init__", init)
    monkeypatch.setattr(run_module, "update_row", row)


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
    may_fail=NOT_ACCOUNTED,
    scenario=interrupted_and_resumed,
)
def priorities_lost_on_resume(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resumed replay has the same priority for all of its transitions."""

    def load_state(self, state):
        LOAD_STATE(self, state)
        slots = np.arange(self.size)
        self._tree.set(slots, np.full(self.size, self._running_max, np.float32))

    monkeypatch.setattr(Replay, "load_state", load_state)


@mutant(
    bug=6,
    seen_in="ShangtongZhang/DeepRL#85",
    flagged_by="priorities_never_change",
    diagnosis="no priority was ever written back",
)
def never_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """No update writes priorities back."""
    monkeypatch.setattr(Replay, "update_priorities", lambda *_: None)


@mutant(
    bug=6,
    seen_in="higgsfield/RL-Adventure#11",
    flagged_by="priorities_never_change",
    diagnosis="never reached the draws",
    may_fail=(
        "priority_not_as_written",
        "wrong_insert_priority",
        "wrong_max_priority",
        *NOT_ACCOUNTED,
    ),
)
def writes_go_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Priorities are computed and logged, and never reach the tree."""

    def update_priorities(self, slots, td_errors):
        config = self.config
        leaves = FROM_ERROR(td_errors, config.priority_epsilon, config.alpha)
        return PriorityWrite(leaves, self._transition_id[slots] // self.capacity)

    monkeypatch.setattr(Replay, "update_priorities", update_priorities)


def holding(monkeypatch: pytest.MonkeyPatch, write) -> None:
    """Let ``write(tree, slots, leaves)`` take the place of a batch's write to the tree."""

    def set_leaves(self, slots, leaves):
        write(self, np.asarray(slots), np.asarray(leaves))

    monkeypatch.setattr(SumTree, "set", set_leaves)


@mutant(
    bug=0,
    seen_in="Continuity: a write is lost",
    flagged_by="priority_not_as_written",
    diagnosis="update_priorities lost the write, or it comes late",
    may_fail=NOT_ACCOUNTED,
)
def last_position_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The priority of the last batch position is not written back."""
    holding(monkeypatch, lambda tree, slots, leaves: SET(tree, slots[:-1], leaves[:-1]))


@mutant(
    bug=0,
    seen_in="Continuity: writes go to other transitions",
    flagged_by="priority_not_as_written",
    diagnosis="pairs slots with errors of others",
    may_fail=NOT_ACCOUNTED,
)
def written_in_another_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors come back in the reverse order of the slots."""
    holding(monkeypatch, lambda tree, slots, leaves: SET(tree, slots, leaves[::-1]))


@mutant(
    bug=0,
    seen_in="Continuity: writes hit the neighbouring slot",
    flagged_by="priority_not_as_written",
    diagnosis="something wrote to it before its first draw",
    may_fail=NOT_ACCOUNTED,
)
def written_to_next_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Priorities are written one slot too high, as where slots are counted from 1."""

    def write(tree, slots, leaves):
        last_filled = np.flatnonzero(tree.leaves)[-1]
        SET(tree, np.minimum(slots + 1, last_filled), leaves)

    holding(monkeypatch, write)


@mutant(
    bug=0,
    seen_in="Continuity: writes come late",
    flagged_by="priority_not_as_written",
    diagnosis="one update ago: update_priorities lost the write, or it comes late",
    may_fail=NOT_ACCOUNTED,
    settings={"update_period": 1},
)
def written_one_batch_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The priorities of a batch are written after the next one was drawn."""
    waiting: list[tuple[np.ndarray, np.ndarray]] = []

    def write(tree, slots, leaves):
        waiting.append((slots, leaves))
        if len(waiting) > 1:
            SET(tree, *waiting.pop(0))

    holding(monkeypatch, write)


@mutant(
    bug=0,
    seen_in="Continuity: a write is done twice",
    flagged_by="priority_not_as_written",
    diagnosis="once more: the exponent is applied twice",
    may_fail=NOT_ACCOUNTED,
)
def exponent_applied_in_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tree raises to alpha what was raised to alpha already."""
    holding(monkeypatch, lambda tree, slots, leaves: SET(tree, slots, leaves**0.5))


@mutant(
    bug=7,
    seen_in="MorvanZhou/Reinforcement-learning-with-tensorflow#54; google-research/seed_rl#27",
    flagged_by="not_a_number",
    diagnosis="is the first with a new priority of nan",
    may_fail=(
        "wrong_new_priority",
        "probe_mass_outside_stratum",
        "run_failed",
        *NOT_ACCOUNTED,
    ),
)
def nan_in_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    """One error is not a number, nothing refuses it, and every total is none from then on."""
    updates = []

    def from_error(td_error, epsilon, alpha):
        leaves = FROM_ERROR(td_error, epsilon, alpha)
        updates.append(len(leaves))
        if len(updates) == 100:
            leaves[3] = np.nan
        return leaves

    def find(self, masses):
        if np.isnan(masses).any():
            return np.full(len(masses), 7)
        return FIND(self, masses)

    monkeypatch.setattr(replay_module, "priority_from_error", from_error)
    monkeypatch.setattr(SumTree, "_checked_leaves", lambda _self, _slots, given: given)
    monkeypatch.setattr(SumTree, "find", find)


@mutant(
    bug=13,
    seen_in="instadeepai/flashbax#52; Kaixhin/Rainbow#76, #81",
    flagged_by="priority_total_drifts",
    diagnosis="where sums that are recomputed from their children stay within",
    may_fail=NOT_ACCOUNTED,
    settings={"update_period": 1, "steps": 2_500},
)
def total_drifts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The total is a float32 that each write adjusts by its difference."""
    totals: dict[int, np.float32] = {}

    def adjusted(write):
        def changed(self, slots, leaves):
            before = TOTAL(self)
            write(self, slots, leaves)
            held = totals.get(id(self), np.float32(0))
            totals[id(self)] = held + np.float32(TOTAL(self) - before)

        return changed

    def find(self, masses):
        return FIND(self, np.minimum(masses, np.nextafter(TOTAL(self), 0.0)))

    monkeypatch.setattr(SumTree, "set", adjusted(SET))
    monkeypatch.setattr(SumTree, "set_one", adjusted(SET_ONE))
    monkeypatch.setattr(SumTree, "total", property(lambda self: float(totals[id(self)])))
    monkeypatch.setattr(SumTree, "find", find)
    monkeypatch.setattr(loop_module, "UPDATES_BETWEEN_LEAF_SUMS", 100)
