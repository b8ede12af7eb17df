"""Samplers that do not draw by the priorities that the tree holds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from drawing import (
    BIASED,
    BY_PRIORITY,
    DENSE,
    FIND,
    INDEPENDENT,
    REPEATS,
    SET_ONE,
    copied_half,
    draw_by,
    draw_by_power,
)
from mutant import mutant

from rlaudit.replay import replay as replay_module
from rlaudit.replay.replay import Replay
from rlaudit.replay.sampling import independent_masses, stratified_masses
from rlaudit.replay.sumtree import SumTree

if TYPE_CHECKING:
    import pytest


@mutant(
    bug=0,
    seen_in="Schaul et al. 2016, eq. 1",
    flagged_by="draws_unlike_priorities",
    diagnosis="the draws grow roughly like priority to the power of 1.4",
    may_fail=BIASED,
    settings=DENSE,
)
def exponent_applied_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search raises the leaves to 1.5, as where alpha is applied in the tree as well."""
    draw_by_power(monkeypatch)


@mutant(
    bug=6,
    seen_in="ShangtongZhang/DeepRL#85; higgsfield/RL-Adventure#11",
    flagged_by="inverse_probabilities_above_one",
    diagnosis="where a sampler that draws in proportion to the priorities has at most 1",
    may_fail=BIASED,
    settings=INDEPENDENT,
)
def uniform_under_prioritized(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draws are uniform, while priorities and weights are kept as if they were not."""
    draw_by(monkeypatch, lambda tree: tree.leaves > 0)


@mutant(
    bug=0,
    seen_in="openai/baselines#174",
    flagged_by="draws_unlike_slots",
    diagnosis="where the priorities in them predict",
    may_fail=BIASED,
    settings=DENSE,
)
def lower_half_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Masses are divided by two, so only the lower half of the ring is drawn."""
    monkeypatch.setattr(SumTree, "find", lambda self, masses: FIND(self, np.asarray(masses) / 2))


@mutant(
    bug=0,
    seen_in="recency in the draws, which the config does not state",
    flagged_by="draws_unlike_ages",
    diagnosis="before the newest were drawn",
    may_fail=BIASED,
    settings={**DENSE, "capacity": 300},
)
def recent_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search weights the leaves by how recently their slots were filled."""
    newest = {}

    def set_one(self, slot, leaf):
        newest[id(self)] = slot
        SET_ONE(self, slot, leaf)

    def weights(tree):
        age = (newest[id(tree)] - np.arange(tree.capacity)) % tree.capacity
        return tree.leaves * np.exp(-2 * age / tree.capacity)

    monkeypatch.setattr(SumTree, "set_one", set_one)
    draw_by(monkeypatch, weights)


@mutant(
    bug=8,
    seen_in="hill-a/stable-baselines#941; openai/baselines#170, #174",
    flagged_by="newest_transition_unlike_priority",
    diagnosis="the newest transition was drawn 0 times",
    may_fail=BIASED,
    settings={**INDEPENDENT, "capacity": 2_000},
)
def last_item_never_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Masses reach up to the sum over all transitions but the last."""

    def find(self, masses):
        last = np.flatnonzero(self.leaves)[-1]
        reach = 1 - float(self.leaves[last]) / self.total
        return FIND(self, np.asarray(masses) * reach)

    monkeypatch.setattr(SumTree, "find", find)


@mutant(
    bug=8,
    seen_in="hill-a/stable-baselines#941; openai/baselines#170, #174",
    flagged_by="edge_slots_unlike_priorities",
    diagnosis="slot 0, at the edge of the ring, was drawn 0 times",
    may_fail=BY_PRIORITY,
    settings={**DENSE, "capacity": 200},
)
def first_slot_never_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """What falls on slot 0 is drawn from slot 1."""
    monkeypatch.setattr(SumTree, "find", lambda self, masses: np.maximum(FIND(self, masses), 1))


@mutant(
    bug=0,
    seen_in="openai/baselines#174",
    flagged_by="first_replay_unlike_priority",
    diagnosis="had waited for",
    may_fail=BIASED,
    settings={**INDEPENDENT, "steps": 1_000},
)
def odd_slots_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search ends one level too early, and pairs of leaves answer with their first."""
    monkeypatch.setattr(SumTree, "find", lambda self, masses: FIND(self, masses) // 2 * 2)


@mutant(
    bug=0,
    seen_in="Schaul et al. 2016, appendix B.2.1",
    flagged_by="slot_quarters_unlike_priorities",
    diagnosis="than the priority mass there predicts",
    may_fail=(*BIASED, "probe_mass_outside_stratum"),
    settings=DENSE,
)
def strata_short_of_the_total(monkeypatch: pytest.MonkeyPatch) -> None:
    """The strata cover 95% of the total, as where it is taken before the last insertions."""
    monkeypatch.setattr(
        replay_module,
        "stratified_masses",
        lambda rng, total, k: stratified_masses(rng, 0.95 * total, k),
    )


@mutant(
    bug=9,
    seen_in="vwxyzjn/cleanrl#546",
    flagged_by="strata_not_in_slot_order",
    diagnosis="as in a sum tree that is not padded to a power of two",
    settings=DENSE,
)
def tree_not_padded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A binary heap of 2 N - 1 nodes over 500 leaves: its deeper leaves come before the others."""

    def find(self, masses):
        shallow = (1 << (self.capacity - 1).bit_length()) - self.capacity
        order = np.roll(np.arange(self.capacity), -shallow)
        running = np.cumsum(self.leaves[order], dtype=np.float64)
        return order[
            np.searchsorted(running, np.minimum(masses, running[-1] * (1 - 1e-12)), "right")
        ]

    monkeypatch.setattr(SumTree, "find", find)


@mutant(
    bug=10,
    seen_in="openai/baselines#527",
    flagged_by="batch_not_stratified",
    diagnosis="the draws look independent",
    may_fail=(*REPEATS, "probe_mass_outside_stratum"),
    settings=DENSE,
)
def not_stratified(monkeypatch: pytest.MonkeyPatch) -> None:
    """Masses are drawn over the whole total where the config says strata."""
    monkeypatch.setattr(replay_module, "stratified_masses", independent_masses)


@mutant(
    bug=10,
    seen_in="openai/baselines#527",
    flagged_by="batch_not_stratified",
    diagnosis="times as much as independent ones",
    may_fail=(*REPEATS, "probe_mass_outside_stratum", "slot_quarters_unlike_priorities"),
    settings=DENSE,
)
def not_stratified_but_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Independent masses are sorted, so that they look like strata."""
    monkeypatch.setattr(
        replay_module,
        "stratified_masses",
        lambda rng, total, k: np.sort(independent_masses(rng, total, k)),
    )


@mutant(
    bug=31,
    seen_in="chainer/chainerrl#567, #465",
    flagged_by="batch_stratified_unasked",
    diagnosis="the draws are stratified",
    settings=INDEPENDENT,
)
def stratified_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting for independent draws does nothing."""
    monkeypatch.setattr(replay_module, "independent_masses", stratified_masses)


def fill_up_with_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let half of the masses be searched for, and copy what they find."""
    monkeypatch.setattr(
        SumTree, "find", lambda self, masses: copied_half(FIND(self, masses[: len(masses) // 2]))
    )


@mutant(
    bug=0,
    seen_in="a batch that is filled up with copies",
    flagged_by="excess_repeats_independent",
    diagnosis="drew a transition again within its batch",
    may_fail=BIASED,
    settings=INDEPENDENT,
)
def batch_filled_up_with_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second half of each batch is a copy of the first."""
    fill_up_with_copies(monkeypatch)


@mutant(
    bug=0,
    seen_in="a batch that is filled up with copies",
    flagged_by="impossible_repeats_stratified",
    diagnosis="strata of priority mass, and it has",
    # Slots rise twice over a batch, as over the leaves of a tree that is not padded.
    may_fail=(*BIASED, "batch_not_stratified", "strata_not_in_slot_order"),
    settings=DENSE,
)
def stratified_batch_filled_up_with_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the strata are drawn from, and the second half of each batch is a copy of it."""
    fill_up_with_copies(monkeypatch)


@mutant(
    bug=0,
    seen_in="a batch that is filled up with copies",
    flagged_by="excess_repeats_stratified",
    diagnosis="drew a transition again within its batch",
    may_fail=(*BIASED, "batch_not_stratified"),
    settings=DENSE,
)
def neighbouring_strata_drawn_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every second stratum gets the transition of the one before it."""
    monkeypatch.setattr(
        SumTree, "find", lambda self, masses: np.repeat(FIND(self, masses[::2]), 2)[: len(masses)]
    )


@mutant(
    bug=0,
    seen_in="a random generator that is made anew for each batch",
    flagged_by="random_draws_repeated",
    diagnosis="the random generator is seeded anew",
    may_fail=(*BIASED, "batch_not_stratified", "batch_repeated"),
    settings=DENSE,
)
def generator_reseeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch is drawn by a generator with the run's seed."""
    sample = Replay.sample

    def reseeded(self, *done):
        self.rng = np.random.default_rng(1)
        return sample(self, *done)

    monkeypatch.setattr(Replay, "sample", reseeded)


@mutant(
    bug=14,
    seen_in="Kaixhin/Rainbow#60",
    flagged_by="excess_sampling_attempts",
    diagnosis="attempts to draw a batch of 16",
    may_fail=(*BIASED, "batch_not_stratified"),
    settings=INDEPENDENT,
)
def batch_rejected_endlessly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch is drawn again until it holds none of the 30 newest transitions."""
    sample = Replay.sample

    def sample_until_old(self, *done):
        batch, tries = sample(self, *done), 1
        while batch.transition_ids.max() > self.last_transition_id - 30 and tries < 200:
            batch, tries = sample(self, *done), tries + 1
        return replace(batch, attempts=tries * len(batch.slots))

    monkeypatch.setattr(Replay, "sample", sample_until_old)
