from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaudit.replay.weights import beta_at, importance_weights, priority_from_error


def test_weights_by_hand():
    # N = 4, p = 1/8, 1/4, 1/2: N p = 1/2, 1, 2, and x^-0.5 of those.
    weights = importance_weights([1.0, 2.0, 4.0], total=8.0, size=4, beta=0.5)
    assert weights.dtype == np.float32
    assert weights.tolist() == [np.float32(math.sqrt(2)), 1.0, np.float32(math.sqrt(0.5))]


def test_full_correction_is_the_inverse_of_n_p():
    weights = importance_weights([0.5, 3.0], total=6.0, size=3, beta=1.0)
    assert weights == pytest.approx([4.0, 2 / 3], rel=1e-7)


def test_no_correction_at_beta_zero():
    assert importance_weights([0.1, 7.0], total=9.0, size=1000, beta=0.0).tolist() == [1.0, 1.0]


@given(
    size=st.integers(1, 10**6),
    beta=st.floats(0, 1),
    priority=st.floats(2.0**-20, 1e3, width=32),
)
def test_equal_priorities_weigh_one(size, beta, priority):
    weights = importance_weights([priority], total=size * priority, size=size, beta=beta)
    assert weights == pytest.approx([1.0], abs=1e-6)


def test_beta_by_hand():
    assert beta_at(0, 0.4, 1000, annealing=True) == 0.4
    assert beta_at(250, 0.4, 1000, annealing=True) == pytest.approx(0.55)
    assert beta_at(1000, 0.4, 1000, annealing=True) == 1.0
    assert beta_at(5000, 0.4, 1000, annealing=True) == 1.0
    assert beta_at(5000, 0.4, 1000, annealing=False) == 0.4


@given(
    start=st.floats(0, 1),
    anneal_steps=st.integers(1, 10**8),
    steps=st.lists(st.integers(0, 10**9), min_size=2, max_size=2).map(sorted),
)
def test_beta_rises_and_never_passes_one(start, anneal_steps, steps):
    earlier, later = (beta_at(step, start, anneal_steps, annealing=True) for step in steps)
    assert start <= earlier <= later <= 1.0
    assert beta_at(anneal_steps, start, anneal_steps, annealing=True) == 1.0


def test_priorities_by_hand():
    # The epsilon is inside the exponent: (3.5 + 0.5)^0.5, (0 + 0.5)^0.5.
    priorities = priority_from_error([-3.5, 0.0], epsilon=0.5, alpha=0.5)
    assert priorities.dtype == np.float32
    assert priorities.tolist() == [2.0, np.float32(math.sqrt(0.5))]


def test_priorities_at_the_ends_of_alpha():
    assert priority_from_error([-2.0, 0.25], epsilon=0.0, alpha=1.0).tolist() == [2.0, 0.25]
    assert priority_from_error([-2.0, 0.25], epsilon=0.1, alpha=0.0).tolist() == [1.0, 1.0]


def test_float32_errors_are_computed_with_in_float64():
    errors = np.random.default_rng(2).standard_normal(500).astype(np.float32)
    expected = [np.float32((abs(float(error)) + 1e-6) ** 0.6) for error in errors]
    assert priority_from_error(errors, epsilon=1e-6, alpha=0.6).tolist() == expected
