"""Batches that hold what they cannot, uniform draws that are not, and logs that lose rows."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from drawing import (
    BY_PRIORITY,
    DENSE,
    FIND,
    INDEPENDENT,
    SET_ONE,
    STRATIFIED_REPEATS,
    UNEVEN,
    UNIFORM,
    copied_half,
    draw_by_power,
)
from mutant import mutant

from rlaudit.record import Recorder
from rlaudit.records import TransitionRow
from rlaudit.replay import replay as replay_module
from rlaudit.replay.replay import Replay
from rlaudit.replay.sampling import stratified_masses
from rlaudit.replay.sumtree import SumTree
from rlaudit.train import run as run_module
from rlaudit.train.rows import sample_rows

if TYPE_CHECKING:
    import pytest

SAMPLE, ADD = Replay.sample, Replay.add


def draw_slots(monkeypatch: pytest.MonkeyPatch, draw) -> None:
    """Let ``draw(rng, size, k)`` choose the slots of uniform batches."""
    monkeypatch.setattr(
        replay_module, "uniform_slots", lambda rng, size, k, **_: draw(rng, size, k)
    )


@mutant(
    bug=8,
    seen_in="hill-a/stable-baselines#941; openai/baselines#170, #174",
    flagged_by="uniform_edges_uneven",
    diagnosis="the newest transition was drawn",
    may_fail=UNEVEN,
    settings={**UNIFORM, "capacity": 2_000},
)
def uniform_last_never_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots are drawn below the size less one."""
    draw_slots(monkeypatch, lambda rng, size, k: rng.integers(size - 1, size=k))


@mutant(
    bug=0,
    seen_in="openai/baselines#174",
    flagged_by="uniform_slots_uneven",
    diagnosis="fall unevenly on the slots",
    may_fail=(*UNEVEN, "excess_repeats_uniform"),
    settings=UNIFORM,
)
def uniform_lower_half_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots are drawn below half the size."""
    draw_slots(monkeypatch, lambda rng, size, k: rng.integers(size // 2, size=k))


@mutant(
    bug=0,
    seen_in="recency in the draws, which the config does not state",
    flagged_by="uniform_ages_uneven",
    diagnosis="fall unevenly on new and old transitions",
    may_fail=(*UNEVEN, "excess_repeats_uniform"),
    settings={**UNIFORM, "capacity": 2_000},
)
def uniform_recent_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots are drawn by the larger of two random numbers."""
    draw_slots(monkeypatch, lambda rng, size, k: rng.integers(size, size=(2, k)).max(0))


@mutant(
    bug=0,
    seen_in="a batch that is filled up with copies",
    flagged_by="excess_repeats_uniform",
    diagnosis="where uniform draws from buffers of its sizes predict",
    may_fail=UNEVEN,
    settings=UNIFORM,
)
def uniform_batch_filled_up_with_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second half of each batch is a copy of the first."""
    draw_slots(monkeypatch, lambda rng, size, k: copied_half(rng.integers(size, size=k // 2)))


@mutant(
    bug=0,
    seen_in="a flag for drawing without replacement that is ignored (chainer/chainerrl#567)",
    flagged_by="repeats_without_replacement",
    diagnosis="the config says that a batch is drawn without replacement",
    settings={**UNIFORM, "replacement": False},
)
def replacement_despite_config(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots are drawn with replacement, whatever the config says."""
    draw_slots(monkeypatch, lambda rng, size, k: rng.integers(size, size=k))


@mutant(
    bug=12,
    seen_in="huggingface/lerobot#918",
    flagged_by="slot_outside_buffer",
    diagnosis="had not been filled yet",
    may_fail=("drawn_slot_unlike_stored", "transition_not_in_buffer", *UNEVEN),
    settings={**UNIFORM, "capacity": 2_000},
)
def empty_slot_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots are drawn up to the size itself; what was never filled holds zeros."""
    init = Replay.__init__

    def zeroed(self, *args, **kwargs):
        init(self, *args, **kwargs)
        # All of them: what np.empty leaves in a column differs from run to run.
        for column in (
            self._transition_id,
            self._frame_id,
            self._next_frame_id,
            self._action,
            self._reward_sum,
            self._discount,
            self._terminated,
        ):
            column.fill(0)

    monkeypatch.setattr(Replay, "__init__", zeroed)
    draw_slots(monkeypatch, lambda rng, size, k: rng.integers(size + 1, size=k))


@mutant(
    bug=11,
    seen_in="ReinforcementLearningTrajectories.jl#59",
    flagged_by="zero_priority_drawn",
    diagnosis="so its probability is zero",
    may_fail=(
        *BY_PRIORITY,
        "priority_total_unlike_ledger",
        "priority_not_as_written",
        *STRATIFIED_REPEATS,
        "strata_not_in_slot_order",
    ),
    settings={**DENSE, "capacity": 200, "importance_sampling": False},
)
def empty_leaf_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The leaf at the write head is emptied, and a search that ends before it goes one too far."""

    def add(self, window):
        stored = ADD(self, window)
        if self._next_id >= self.capacity:
            SET_ONE(self._tree, self._next_id % self.capacity, 0.0)
        return stored

    def find(self, masses):
        slots = FIND(self, masses)
        after = (slots + 1) % self.capacity
        empty = (self.leaves[after] == 0) & (self.leaves[-1] > 0)
        return np.where(empty, after, slots)

    monkeypatch.setattr(Replay, "add", add)
    monkeypatch.setattr(SumTree, "find", find)


@mutant(
    bug=13,
    seen_in="Kaixhin/Rainbow#76, #81; instadeepai/flashbax#52",
    flagged_by="priority_total_unlike_ledger",
    diagnosis="not in the tree (add)",
    may_fail=STRATIFIED_REPEATS,
    settings=DENSE,
)
def insertion_misses_the_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    """An insertion writes the leaf and leaves the sums above it as they were."""

    def set_one(self, slot, leaf):
        if slot < 100:
            SET_ONE(self, slot, leaf)
        else:
            self._leaves[slot] = leaf

    monkeypatch.setattr(SumTree, "set_one", set_one)


@mutant(
    bug=15,
    seen_in="ray-project/ray#7180",
    flagged_by="run_died_when_full",
    diagnosis="as the buffer became full",
    may_fail=("run_failed",),
    settings={"capacity": 300, "steps": 500},
)
def index_error_when_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """The write head is not wrapped."""

    def add(self, window):
        if self._next_id == self.capacity:
            raise IndexError(f"index {self._next_id} is out of bounds for axis 0")
        return ADD(self, window)

    monkeypatch.setattr(Replay, "add", add)


@mutant(
    bug=8,
    seen_in="hill-a/stable-baselines#941",
    flagged_by="buffer_size_unlike_ids",
    diagnosis="the buffer is said to hold",
    may_fail=(*UNEVEN, "transition_not_in_buffer", "slot_outside_buffer"),
    settings=UNIFORM,
)
def size_excludes_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The size is taken before the newest transition."""
    monkeypatch.setattr(
        Replay, "size", property(lambda self: min(max(self._next_id - 1, 0), self.capacity))
    )


@mutant(
    bug=31,
    seen_in="chainer/chainerrl#567, #465",
    flagged_by="replay_settings_unlike_config",
    diagnosis="the batch size is not the config's 16",
    settings={"update_period": 4, "steps": 300},
)
def batch_size_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The replay draws batches of its own default size."""
    init = Replay.__init__

    def with_default(self, config, store, rng):
        init(self, replace(config, batch_size=32), store, rng)

    monkeypatch.setattr(Replay, "__init__", with_default)


@mutant(
    bug=0,
    seen_in="MorvanZhou/Reinforcement-learning-with-tensorflow#54",
    flagged_by="probe_mass_outside_stratum",
    diagnosis="is outside the priority total",
    may_fail=(*BY_PRIORITY, *STRATIFIED_REPEATS),
    settings=DENSE,
)
def mass_past_the_total(monkeypatch: pytest.MonkeyPatch) -> None:
    """Masses reach 10% past the total, and the search puts those on the last leaf."""

    def find(self, masses):
        return FIND(self, np.minimum(masses, np.nextafter(self.total, 0)))

    monkeypatch.setattr(SumTree, "find", find)
    monkeypatch.setattr(
        replay_module,
        "stratified_masses",
        lambda rng, total, k: stratified_masses(rng, 1.1 * total, k),
    )


@mutant(
    bug=37,
    seen_in="vwxyzjn/cleanrl#511; ray-project/ray#6534",
    flagged_by="drawn_slot_unlike_stored",
    diagnosis="but it was stored in slot",
    may_fail=(
        "transition_not_in_buffer",
        "wrong_sampled_state",
        "stored_state_changed",
        *UNEVEN,
    ),
    settings=UNIFORM,
)
def slots_and_ids_out_of_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch names the transitions of the slots after those it was drawn from."""

    def sample(self, *done):
        batch = SAMPLE(self, *done)
        ids = np.minimum(batch.transition_ids + 1, self.last_transition_id)
        return replace(batch, transition_ids=ids)

    monkeypatch.setattr(Replay, "sample", sample)


@mutant(
    bug=37,
    seen_in="pytorch/rl#4041",
    flagged_by="transition_not_in_buffer",
    diagnosis="had been overwritten",
    may_fail=UNEVEN,
    settings={**UNIFORM, "capacity": 200},
)
def batch_drawn_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch is drawn three updates before it is learned from."""
    waiting: deque = deque()

    def sample(self, *done):
        waiting.append(SAMPLE(self, *done))
        return waiting.popleft() if len(waiting) > 3 else SAMPLE(self, *done)

    monkeypatch.setattr(Replay, "sample", sample)


@mutant(
    bug=0,
    seen_in="a batch that is cached",
    flagged_by="batch_repeated",
    diagnosis="drew the very batch of update",
    may_fail=("transition_not_in_buffer", *UNEVEN),
    settings=UNIFORM,
)
def batch_learned_from_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every second update gets the batch of the one before."""
    kept: list = []

    def sample(self, *done):
        if kept:
            return kept.pop()
        kept.append(SAMPLE(self, *done))
        return kept[0]

    monkeypatch.setattr(Replay, "sample", sample)


@mutant(
    bug=0,
    seen_in="a table of samples that drops repeated rows",
    flagged_by="batch_rows_unlike_size",
    diagnosis="samples in the log and a batch size of 16",
    settings=DENSE,
)
def repeats_not_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transition that is drawn twice in a batch is logged once."""

    def distinct(update):
        rows = sample_rows(update)
        _, kept = np.unique(rows.transition_id, return_index=True)
        return type(rows)(
            rows.update_id, *(None if column is None else column[kept] for column in rows[1:])
        )

    monkeypatch.setattr(run_module, "sample_rows", distinct)


@mutant(
    bug=0,
    seen_in="transitions at an episode's end that are stored by another path",
    flagged_by="drawn_transition_unknown",
    diagnosis="the log has no such transition",
    may_fail=("missing_transition_ids", "missing_tail_windows"),
    settings=DENSE,
)
def last_windows_not_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shorter windows at an episode's end are stored and not logged."""
    append = Recorder.append

    def selective(self, row):
        if not (isinstance(row, TransitionRow) and row.n_rewards < 3):
            append(self, row)

    monkeypatch.setattr(Recorder, "append", selective)


@mutant(
    bug=0,
    seen_in="Schaul et al. 2016, eq. 1, in a log without transitions",
    flagged_by="redraws_unlike_priorities",
    diagnosis="draws at their next replay within 200 updates",
    may_fail=("inverse_probabilities_above_one", "excess_repeats_independent"),
    settings={**INDEPENDENT, "capacity": 2_000, "steps": 1_000},
)
def exponent_applied_again_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search raises the leaves to 1.5, and no transitions are logged."""
    append = Recorder.append

    def without_transitions(self, row):
        if not isinstance(row, TransitionRow):
            append(self, row)

    monkeypatch.setattr(Recorder, "append", without_transitions)
    draw_by_power(monkeypatch)
