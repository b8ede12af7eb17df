"""Priorities that are computed, written or summed wrongly."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from mutant import mutant

from rlaudit.replay import replay as replay_module
from rlaudit.replay.replay import PriorityWrite, Replay
from rlaudit.replay.sumtree import SumTree
from rlaudit.train import learning
from rlaudit.train import run as run_module

if TYPE_CHECKING:
    import pytest

INIT = Replay.__init__
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
    bug=2,
    seen_in="Kaixhin/Rainbow 32c3f4b; instadeepai/flashbax#58",
    flagged_by="whole_number_priorities",
    diagnosis="they are kept in an integer type",
    may_fail=("wrong_new_priority",),
)
def rounded_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Priorities are kept in an integer type, and rounded up so that none is 0."""
    monkeypatch.setattr(
        replay_module,
        "priority_from_error",
        lambda *given: np.ceil(FROM_ERROR(*given)).astype(np.float32),
    )


@mutant(
    bug=0,
    seen_in="Schaul et al. 2016, section 3.3: the absolute value is missing",
    flagged_by="zero_priority_written",
    diagnosis="which no draw can reach again",
    may_fail=("wrong_new_priority",),
    settings={"distributional": False},
)
def negative_errors_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A TD error below 0 counts as 0, and epsilon is added before that."""

    def from_error(td_error, epsilon, alpha):
        return FROM_ERROR(np.maximum(np.asarray(td_error) + epsilon, 0.0), 0.0, alpha)

    monkeypatch.setattr(replay_module, "priority_from_error", from_error)


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
    monkeypatch.setattr(learning, "UPDATES_BETWEEN_LEAF_SUMS", 100)
