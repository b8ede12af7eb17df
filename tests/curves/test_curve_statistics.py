from __future__ import annotations

import numpy as np
import pytest

from rlaudit.curves.statistics import (
    bootstrap_interval,
    difference_interval,
    interquartile_mean,
    probability_interval,
    probability_of_improvement,
)


def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([100, 0, 6, 1, 5, 2, 4, 3], 3.5),  # 2, 3, 4, 5
        ([0, 10, 1000, 20, 30], 20.0),  # a quarter of 5, rounded down, is 1 at either end
        ([0, 1, 1000], 1001 / 3),  # nothing is left out of 3
        ([8], 8.0),
    ],
)
def test_the_interquartile_mean_by_hand(values, expected):
    assert interquartile_mean(np.array(values, dtype=float)) == pytest.approx(expected, rel=1e-15)


def test_the_bootstrap_of_two_values_by_hand():
    # Means of two draws out of 0 and 1 are 0, 1/2 and 1 with probabilities 1/4, 1/2 and 1/4.
    values = np.array([0.0, 1.0])
    assert bootstrap_interval(values, "mean", rng(), level=0.95) == (0.0, 1.0)
    assert bootstrap_interval(values, "mean", rng(), level=0.40) == (0.5, 0.5)


@pytest.mark.parametrize("statistic", ["mean", "iqm"])
def test_an_interval_lies_within_the_values_and_repeats_under_its_seed(statistic):
    values = np.random.default_rng(1).normal(size=12)
    low, high = bootstrap_interval(values, statistic, rng())
    assert values.min() < low < high < values.max()
    assert bootstrap_interval(values, statistic, rng()) == (low, high)
    inner = bootstrap_interval(values, statistic, rng(), level=0.5)
    assert low < inner.low < inner.high < high
    assert bootstrap_interval(values + 3, statistic, rng()) == pytest.approx((low + 3, high + 3))


def test_many_values_are_resampled_in_parts_of_bounded_size():
    # 10,000 resamples of 1,000 values are ten million draws, five times what is held at once.
    values = np.arange(1000.0)
    low, high = bootstrap_interval(values, "mean", rng())
    half_width = 1.96 * values.std() / 1000**0.5
    assert (low, high) == pytest.approx((499.5 - half_width, 499.5 + half_width), abs=1.0)


def test_equal_values_have_an_interval_of_no_width():
    assert bootstrap_interval(np.full(5, 7.0), "iqm", rng()) == (7.0, 7.0)


def test_one_seed_has_no_interval():
    one, two = np.array([1.0]), np.array([1.0, 2.0])
    assert bootstrap_interval(one, "mean", rng()) is None
    assert difference_interval(one, two, "mean", rng()) is None
    assert difference_interval(two, one, "mean", rng()) is None
    assert probability_interval(one, two, rng()) is None


def test_the_difference_of_constants_is_exact():
    a, b = np.full(3, 2.0), np.full(4, 5.0)
    assert difference_interval(a, b, "mean", rng()) == (3.0, 3.0)


def test_the_groups_of_a_difference_are_resampled_independently():
    # B - A for A, B of 0 and 1: -1, -1/2, 0, 1/2, 1 with 1, 4, 6, 4 and 1 sixteenths.
    values = np.array([0.0, 1.0])
    assert difference_interval(values, values, "mean", rng(), level=0.95) == (-1.0, 1.0)
    assert difference_interval(values, values, "mean", rng(), level=0.75) == (-0.5, 0.5)
    assert difference_interval(values, values, "mean", rng(), level=0.30) == (0.0, 0.0)


def test_the_probability_of_improvement_by_hand():
    a, b = np.array([1.0, 2.0]), np.array([2.0, 3.0])
    assert probability_of_improvement(a, b) == 3.5 / 4  # one of four pairs is a tie
    assert probability_of_improvement(b, a) == 0.5 / 4


def test_the_interval_of_the_probability_of_improvement():
    assert probability_interval(np.array([0.0, 1.0]), np.array([2.0, 3.0]), rng()) == (1.0, 1.0)
    # Only the draw of 2 and 2 from a, one in four, meets ties alone: 1/2; 1 and 1 gives 1.
    a, b = np.array([1.0, 2.0]), np.array([2.0, 2.0])
    assert probability_interval(a, b, rng(), level=0.95) == (0.5, 1.0)
    assert probability_interval(a, b, rng(), level=0.40) == (0.75, 0.75)
