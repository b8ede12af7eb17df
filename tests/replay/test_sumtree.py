from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rlaudit.errors import ReplayError
from rlaudit.replay.sumtree import FAN_OUT, TOP_WIDTH, SumTree

# Three levels of nodes: leaves, blocks of leaves, blocks of blocks.
DEEP = FAN_OUT * TOP_WIDTH + 1

LEAF = st.one_of(
    st.just(0.0),
    st.floats(0, 10, width=32),
    st.floats(0, 2.0**100, width=32),
    st.sampled_from([1e-45, 1e-38, 3.4e38, 1.0]),
)


def tree_of(leaves):
    tree = SumTree(len(leaves))
    tree.set(np.arange(len(leaves)), leaves)
    return tree


def just_below(total):
    return float(np.nextafter(total, 0.0))


def test_five_leaves_by_hand():
    tree = tree_of([1.0, 0.5, 0.0, 2.0, 0.25])
    assert tree.total == 3.75
    assert tree.leaf_sum() == 3.75
    assert tree.max_leaf() == 2.0
    # Intervals: [0, 1) [1, 1.5) nothing [1.5, 3.5) [3.5, 3.75).
    masses = [0.0, 0.999, 1.0, 1.499, 1.5, 3.499, 3.5, 3.749]
    assert tree.find(masses).tolist() == [0, 0, 1, 1, 3, 3, 4, 4]
    assert tree.get([4, 0, 2]).tolist() == [0.25, 1.0, 0.0]
    assert tree.problems() == []


def test_an_empty_tree_has_no_mass():
    tree = SumTree(7)
    assert (tree.total, tree.leaf_sum(), tree.max_leaf()) == (0.0, 0.0, 0.0)
    assert tree.problems() == []
    with pytest.raises(ReplayError, match=r"mass 0\.0 is outside"):
        tree.find([0.0])
    assert tree.find([]).shape == (0,)


def test_a_tree_needs_a_leaf():
    with pytest.raises(ReplayError, match="0 leaves"):
        SumTree(0)


@pytest.mark.parametrize("mass", [-1e-300, 3.75, 4.0, np.nan, np.inf])
def test_masses_outside_the_total_are_refused(mass):
    tree = tree_of([1.0, 0.5, 0.0, 2.0, 0.25])
    with pytest.raises(ReplayError, match="mass"):
        tree.find([0.5, mass])


@pytest.mark.parametrize("leaf", [np.nan, -1.0, -1e-45, np.inf, -np.inf, 1e39])
@pytest.mark.parametrize("position", [0, 2])
def test_bad_priorities_are_refused_by_name_and_change_nothing(leaf, position):
    tree = tree_of([1.0, 0.5, 0.0, 2.0, 0.25])
    leaves = [7.0, 8.0, 9.0]
    leaves[position] = leaf
    with pytest.raises(ReplayError, match=re.escape(f"priority {leaf} for slot {position + 1}")):
        tree.set([1, 2, 3], leaves)
    with pytest.raises(ReplayError, match=re.escape(f"priority {leaf} for slot 3")):
        tree.set_one(3, leaf)
    assert tree.leaves.tolist() == [1.0, 0.5, 0.0, 2.0, 0.25]
    assert tree.total == 3.75
    assert tree.problems() == []


@pytest.mark.parametrize("slot", [-1, 5, 10**12])
def test_slots_outside_the_tree_are_refused(slot):
    tree = tree_of([1.0, 0.5, 0.0, 2.0, 0.25])
    for call in (
        lambda: tree.set([0, slot], [3.0, 3.0]),
        lambda: tree.set_one(slot, 3.0),
        lambda: tree.get([slot]),
    ):
        with pytest.raises(ReplayError, match=rf"slot {slot} is outside \[0, 5\)"):
            call()
    assert tree.total == 3.75


def test_as_many_priorities_as_slots():
    tree = SumTree(5)
    with pytest.raises(ReplayError, match="1 priorities for 2 slots"):
        tree.set([0, 1], [1.0])


def test_of_a_repeated_slot_the_last_priority_counts():
    tree = SumTree(5)
    tree.set([2, 2, 3, 2], [9.0, 5.0, 1.0, 2.0])
    assert tree.leaves.tolist() == [0.0, 0.0, 2.0, 1.0, 0.0]
    assert tree.total == 3.0
    assert tree.max_leaf() == 2.0
    assert tree.problems() == []


def test_the_leaves_cannot_be_written_past_the_tree():
    tree = SumTree(5)
    with pytest.raises(ValueError, match="read-only"):
        tree.leaves[0] = 1.0


def test_the_maximum_falls_when_its_leaf_is_overwritten():
    tree = tree_of([1.0, 4.0, 3.0])
    tree.set_one(1, 2.0)
    assert tree.max_leaf() == 3.0
    tree.set([2, 0], [0.5, 0.5])
    assert tree.max_leaf() == 2.0
    tree.set([0, 1, 2], [0.0, 0.0, 0.0])
    assert tree.max_leaf() == 0.0


@pytest.mark.parametrize("capacity", [1, 31, 32, 33, 1024, 1025, FAN_OUT * TOP_WIDTH, DEEP])
def test_every_leaf_can_be_found_at_every_depth(capacity):
    tree = tree_of(np.ones(capacity))
    masses = np.arange(capacity)
    assert np.array_equal(tree.find(masses), masses)
    assert np.array_equal(tree.find(np.nextafter(masses + 1.0, 0.0)), masses)
    assert tree.problems() == []


@pytest.mark.parametrize("capacity", [5, 1000, DEEP])
def test_a_lone_leaf_gets_all_the_mass(capacity):
    for slot in {0, capacity // 2, capacity - 1}:
        tree = SumTree(capacity)
        tree.set_one(slot, 0.1)
        masses = [0.0, tree.total / 3, just_below(tree.total)]
        assert tree.find(masses).tolist() == [slot] * 3


@pytest.mark.parametrize("capacity", [32, 2000, DEEP])
def test_the_last_mass_finds_the_last_leaf_in_spite_of_rounding(capacity):
    # Over 12 decades the sums round, and a block's sum differs from its running sum's end.
    for seed in range(200 if capacity < DEEP else 5):
        leaves = 10.0 ** np.random.default_rng(seed).uniform(-6, 6, capacity)
        leaves[0] = leaves[-1] = 0.0
        leaves[-2] = 1e6
        tree = tree_of(leaves)
        assert tree.find([just_below(tree.total)]).tolist() == [capacity - 2]


@settings(max_examples=200, deadline=None)
@given(
    leaves=st.lists(LEAF, min_size=1, max_size=200).filter(any),
    fractions=st.lists(st.floats(0, 1), min_size=1, max_size=20),
)
def test_no_mass_finds_an_empty_leaf(leaves, fractions):
    tree = tree_of(leaves)
    total = tree.total
    edges = np.cumsum(np.asarray(leaves, np.float32), dtype=np.float64)
    around = np.concatenate([edges, np.nextafter(edges, 0), np.nextafter(edges, np.inf)])
    masses = np.concatenate([around, np.array(fractions) * total, [0.0, just_below(total)]])
    masses = masses[(masses >= 0) & (masses < total)]
    assert (tree.get(tree.find(masses)) > 0).all()


@settings(max_examples=100, deadline=None)
@given(
    # Quarters up to 2^14 add up without rounding, so that the plain running sum is exact.
    quarters=st.lists(st.integers(0, 2**16), min_size=1, max_size=150).filter(any),
    fractions=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=30),
)
def test_find_agrees_with_a_plain_running_sum(quarters, fractions):
    leaves = np.array(quarters) / 4
    tree = tree_of(leaves)
    edges = np.cumsum(leaves)
    assert tree.total == edges[-1]
    masses = np.minimum(np.array(fractions) * edges[-1], just_below(edges[-1]))
    masses = np.concatenate([masses, [0.0], edges[:-1][edges[:-1] < edges[-1]]])
    expected = [int(np.argmax(edges > mass)) for mass in masses]
    assert tree.find(masses).tolist() == expected


class TreeAgainstList(RuleBasedStateMachine):
    """The tree next to a plain list of leaves."""

    @initialize(capacity=st.integers(1, 100))
    def begin(self, capacity):
        self.tree = SumTree(capacity)
        self.leaves = [np.float32(0.0)] * capacity

    @rule(slot=st.integers(0, 99), leaf=LEAF)
    def set_one(self, slot, leaf):
        slot %= len(self.leaves)
        self.tree.set_one(slot, leaf)
        self.leaves[slot] = np.float32(leaf)

    @rule(pairs=st.lists(st.tuples(st.integers(0, 99), LEAF), max_size=40))
    def set_many(self, pairs):
        slots = [slot % len(self.leaves) for slot, _ in pairs]
        self.tree.set(slots, [leaf for _, leaf in pairs])
        for slot, (_, leaf) in zip(slots, pairs, strict=True):
            self.leaves[slot] = np.float32(leaf)

    @rule(slot=st.integers(0, 99), leaf=st.sampled_from([np.nan, -1.0, np.inf]))
    def set_badly(self, slot, leaf):
        with pytest.raises(ReplayError):
            self.tree.set([0, slot % len(self.leaves)], [1.0, leaf])

    @rule(fraction=st.floats(0, 1, exclude_max=True))
    def find(self, fraction):
        total = self.tree.total
        if total == 0.0:
            return
        mass = min(fraction * total, just_below(total))
        slot = int(self.tree.find([mass])[0])
        before = float(np.sum(self.leaves[:slot], dtype=np.float64))
        slack = 1e-13 * total
        assert self.leaves[slot] > 0
        assert before - slack <= mass <= before + float(self.leaves[slot]) + slack

    @invariant()
    def is_sound(self):
        if not hasattr(self, "tree"):
            return
        assert self.tree.problems() == []
        assert self.tree.leaves.tolist() == self.leaves
        exact = float(np.sum(self.leaves, dtype=np.float64))
        assert self.tree.total == pytest.approx(exact, rel=1e-14)
        assert self.tree.max_leaf() == max(self.leaves)


TestTreeAgainstList = TreeAgainstList.TestCase
TestTreeAgainstList.settings = settings(max_examples=50, stateful_step_count=25, deadline=None)


def drift_after(updates, batch):
    capacity = 5000
    rng = np.random.default_rng(8)
    tree = SumTree(capacity)
    for _ in range(updates // batch):
        # Over 12 decades, so that an incremental sum would lose its small terms.
        leaves = 10.0 ** rng.uniform(-6, 6, batch)
        tree.set(rng.integers(capacity, size=batch), leaves)
    assert tree.problems() == []
    tree.set(np.arange(capacity), np.full(capacity, 1e-6))
    return tree.total / (capacity * float(np.float32(1e-6))) - 1


def test_ten_million_updates_leave_no_drift():
    assert abs(drift_after(10_000_000, batch=20_000)) < 1e-14


def test_single_updates_leave_no_drift():
    rng = np.random.default_rng(8)
    tree = SumTree(2000)
    for slot, exponent in zip(
        rng.integers(2000, size=20_000).tolist(), rng.uniform(-6, 6, 20_000).tolist(), strict=True
    ):
        tree.set_one(slot, 10.0**exponent)
    assert tree.problems() == []
    assert tree.total == pytest.approx(tree.leaf_sum(), rel=1e-14)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda t: t._leaves.__setitem__(3, np.nan), "leaf 3 is nan"),
        (lambda t: t._leaves.__setitem__(3, 1.5), "node 0 of level 1"),
        (lambda t: t._leaves.__setitem__(40, 1.0), "beyond the capacity"),
        (lambda t: t._top.__setitem__(0, 1.25), "node 0 of level 1"),
        (lambda t: t._running.__setitem__(1, 1.25), "out of date"),
        (lambda t: setattr(t, "_max", 0.5), "remembered maximum"),
    ],
)
def test_the_self_check_sees_damage(damage, named):
    tree = SumTree(40)
    tree.set([3, 39], [1.0, 2.0])
    assert tree.problems() == []
    damage(tree)
    assert any(named in problem for problem in tree.problems())
