from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaudit.errors import ReplayError
from rlaudit.replay.sampling import independent_masses, stratified_masses, uniform_slots


class LastNumbers:
    """A generator whose every number is the largest below one."""

    def random(self, k):
        return np.full(k, np.nextafter(1.0, 0.0))


@settings(max_examples=100)
@given(
    seed=st.integers(0, 2**32),
    total=st.floats(1e-30, 1e30),
    k=st.integers(1, 100),
)
def test_each_stratum_is_drawn_once_and_in_order(seed, total, k):
    masses = stratified_masses(np.random.default_rng(seed), total, k)
    edges = np.arange(k + 1) * (total / k)
    slack = 1e-15 * total
    assert (masses >= edges[:-1] - slack).all()
    assert (masses <= edges[1:] + slack).all()
    assert masses.min() >= 0.0
    assert masses.max() < total


def test_strata_by_hand():
    masses = stratified_masses(np.random.default_rng(3), 8.0, 4)
    offsets = np.random.default_rng(3).random(4)
    assert masses.tolist() == (offsets * 2.0 + [0, 2, 4, 6]).tolist()


@pytest.mark.parametrize("draw", [stratified_masses, independent_masses])
@pytest.mark.parametrize("total", [1.0, 0.1, 3.3, 1e-40, 7e22, 1e6 / 3])
@pytest.mark.parametrize("k", [1, 3, 32, 1000])
def test_no_mass_reaches_the_total(draw, total, k):
    assert draw(LastNumbers(), total, k).max() < total


def test_independent_masses_spread_evenly():
    masses = independent_masses(np.random.default_rng(5), 2.0, 40_000)
    counts = np.bincount((masses * 5).astype(int), minlength=10)
    # Ten equal parts, 4,000 expected in each with a standard deviation of 60.
    assert abs(counts - 4000).max() < 5 * 60


def test_uniform_slots_reach_both_ends_evenly():
    slots = uniform_slots(np.random.default_rng(5), 10, 40_000, replacement=True)
    assert abs(np.bincount(slots, minlength=10) - 4000).max() < 5 * 60


@given(seed=st.integers(0, 2**32), size=st.integers(1, 50), data=st.data())
def test_without_replacement_no_slot_repeats(seed, size, data):
    k = data.draw(st.integers(1, size))
    slots = uniform_slots(np.random.default_rng(seed), size, k, replacement=False)
    assert len(set(slots.tolist())) == k
    assert set(slots.tolist()) <= set(range(size))


def test_without_replacement_every_position_is_even():
    rng = np.random.default_rng(6)
    draws = np.array([uniform_slots(rng, 5, 3, replacement=False) for _ in range(5000)])
    for position in range(3):
        # 1,000 expected in each of five slots, with a standard deviation of 28.3.
        assert abs(np.bincount(draws[:, position], minlength=5) - 1000).max() < 5 * 28.3


def test_too_few_transitions_are_named():
    with pytest.raises(ReplayError, match="a batch of 6 without replacement from 5"):
        uniform_slots(np.random.default_rng(0), 5, 6, replacement=False)
