from __future__ import annotations

import pytest
from intervals import at_least, at_most, clopper_pearson


@pytest.mark.parametrize("of", [1, 10, 320, 400])
def test_the_upper_end_without_events_has_a_closed_form(of):
    low, high = clopper_pearson(0, of)
    assert low == 0.0
    assert high == pytest.approx(1 - 0.025 ** (1 / of), abs=1e-10)


@pytest.mark.parametrize(
    ("found", "of", "low", "high"),
    [
        # Quantiles of the beta distribution, from tables of Clopper-Pearson limits.
        (1, 10, 0.0025286, 0.4450161),
        (5, 10, 0.1870860, 0.8129140),
        (10, 10, 0.6915029, 1.0),
        (4, 20, 0.0573340, 0.4366140),
    ],
)
def test_known_limits(found, of, low, high):
    assert clopper_pearson(found, of) == pytest.approx((low, high), abs=5e-7)


def test_the_ends_leave_the_stated_probability_outside():
    low, high = clopper_pearson(3, 400, confidence=0.9)
    assert at_least(3, 400, low) == pytest.approx(0.05, abs=1e-9)
    assert at_most(3, 400, high) == pytest.approx(0.05, abs=1e-9)


def test_counts_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="5 of 4"):
        clopper_pearson(5, 4)
