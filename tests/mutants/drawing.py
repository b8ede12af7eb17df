"""What the mutants that draw wrongly share: settings, the tests that may see it, a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rlaudit.replay.sumtree import SumTree

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from numpy.typing import NDArray

FIND = SumTree.find
SET_ONE = SumTree.set_one
# One update a step, so that few steps are enough for statistics.
DENSE = {"update_period": 1, "steps": 600}
INDEPENDENT = {**DENSE, "sampling": "independent"}
UNIFORM = {**DENSE, "prioritized": False, "sampling": "uniform", "importance_sampling": False}

BY_PRIORITY = (
    "draws_unlike_priorities",
    "draws_unlike_ages",
    "draws_unlike_slots",
    "edge_slots_unlike_priorities",
    "first_replay_unlike_priority",
    "inverse_probabilities_above_one",
    "newest_transition_unlike_priority",
    "slot_quarters_unlike_priorities",
)
STRATIFIED_REPEATS = ("excess_repeats_stratified", "impossible_repeats_stratified")
REPEATS = (*STRATIFIED_REPEATS, "excess_repeats_independent")
BIASED = (*BY_PRIORITY, *REPEATS)
UNEVEN = ("uniform_slots_uneven", "uniform_ages_uneven", "uniform_edges_uneven")


def draw_by(
    monkeypatch: pytest.MonkeyPatch, weights_of: Callable[[SumTree], NDArray[np.floating]]
) -> None:
    """Let the search follow ``weights_of(tree)`` in place of the leaves."""

    def find(self, masses):
        running = np.cumsum(weights_of(self), dtype=np.float64)
        at = np.asarray(masses) / self.total * running[-1]
        slots = np.searchsorted(running, at, side="right")
        return np.minimum(slots, np.flatnonzero(self.leaves)[-1])

    monkeypatch.setattr(SumTree, "find", find)


def draw_by_power(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the search raise the leaves to 1.5, as where alpha is applied in the tree as well."""
    draw_by(monkeypatch, lambda tree: tree.leaves.astype(np.float64) ** 1.5)


def copied_half(drawn: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return half a batch as a whole one whose second half is a copy of the first."""
    return np.concatenate([drawn, drawn])
