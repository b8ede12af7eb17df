from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaudit.agent.distribution import expectation, mass_error, project

THREE = torch.tensor([-1.0, 0.0, 1.0])


def move(probs, reward, discount, support=THREE, *, terminated=False):
    return project(
        torch.tensor([probs]),
        torch.tensor([reward]),
        torch.tensor([discount]),
        torch.tensor([terminated]),
        support,
    )[0].tolist()


def by_the_paper(case):
    """Algorithm 1 in exact fractions, atom by atom, with the mass of whole targets kept."""
    probs, reward, discount, terminated, v_min, v_max, atoms = case
    step = Fraction(v_max - v_min, atoms - 1)
    out = [Fraction(0)] * atoms
    for j, mass in enumerate(map(Fraction, probs)):
        target = Fraction(reward) + (0 if terminated else Fraction(discount)) * (v_min + j * step)
        place = (min(max(target, v_min), v_max) - v_min) / step
        low, high = math.floor(place), math.ceil(place)
        if low == high:
            out[low] += mass
        else:
            out[low] += mass * (high - place)
            out[high] += mass * (place - low)
    return [float(mass) for mass in out]


def test_by_hand():
    # The atoms move to 0, 0.5 and 1: 0.2 to atom 0, 0.5 halved, 0.3 to atom 1.
    assert move([0.2, 0.5, 0.3], 0.5, 0.5) == pytest.approx([0, 0.45, 0.55])


@pytest.mark.parametrize(
    ("reward", "expected"),
    [
        (-1.0, [1, 0, 0]),
        (0.0, [0, 1, 0]),
        (1.0, [0, 0, 1]),
        (0.25, [0, 0.75, 0.25]),
        (7.0, [0, 0, 1]),
        (-7.0, [1, 0, 0]),
    ],
)
def test_terminal_puts_all_mass_at_the_reward(reward, expected):
    probs = [0.25, 0.25, 0.5]
    assert move(probs, reward, 0.99, terminated=True) == pytest.approx(expected)


def test_targets_on_atoms_keep_their_mass():
    assert move([0.25, 0.25, 0.5], 0.0, 1.0) == [0.25, 0.25, 0.5]
    assert move([0.25, 0.25, 0.5], 1.0, 1.0) == [0.0, 0.25, 0.75]  # the last one is clipped
    assert move([0.25, 0.25, 0.5], -1.0, 1.0) == [0.5, 0.5, 0.0]


def test_rows_do_not_mix():
    probs = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    out = project(probs, torch.tensor([0.0, 0.5]), torch.tensor([1.0, 0.5]), torch.zeros(2), THREE)
    assert out.tolist() == [[1, 0, 0], [0, 0, 1]]
    assert probs.tolist() == [[1, 0, 0], [0, 0, 1]]


def test_nan_shows_and_stays_in_its_row():
    out = project(
        torch.full((2, 3), 1 / 3),
        torch.tensor([math.nan, 0.0]),
        torch.tensor([1.0, 1.0]),
        torch.zeros(2),
        THREE,
    )
    assert out[0].isnan().any()
    assert mass_error(out).isnan()
    assert not out[1].isnan().any()


@st.composite
def cases(draw):
    atoms = draw(st.integers(2, 60))
    v_min = draw(st.integers(-20, 0))
    v_max = draw(st.integers(1, 20))
    masses = draw(st.lists(st.integers(0, 100), min_size=atoms, max_size=atoms))
    masses[draw(st.integers(0, atoms - 1))] += 1
    probs = [m / sum(masses) for m in masses]
    reward = draw(
        st.one_of(st.integers(-30, 30).map(float), st.floats(-30, 30, width=32)),
    )
    discount = draw(st.sampled_from([0.0, 0.5, 0.970299, 0.99, 1.0]))
    return probs, reward, discount, draw(st.booleans()), v_min, v_max, atoms


@settings(max_examples=150, deadline=None, derandomize=True)
@given(case=cases())
def test_equals_the_algorithm_and_keeps_mass(case):
    probs, reward, discount, terminated, v_min, v_max, atoms = case
    support = torch.linspace(v_min, v_max, atoms)
    out = move(probs, reward, discount, support, terminated=terminated)
    assert sum(out) == pytest.approx(1, abs=2e-6)
    assert min(out) >= 0
    # A target's place is known to 60 atoms times float32's 6e-8, a few roundings deep.
    assert out == pytest.approx(by_the_paper(case), abs=3e-5)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(case=cases())
def test_keeps_the_mean_inside_the_support(case):
    probs, reward, discount, terminated, v_min, v_max, atoms = case
    factor = 0.0 if terminated else discount
    support = torch.linspace(v_min, v_max, atoms)
    if reward + factor * v_min < v_min or reward + factor * v_max > v_max:
        reward = 0.0  # with v_min <= 0 <= v_max nothing is clipped then
    out = move(probs, reward, discount, support, terminated=terminated)
    mean = reward + factor * sum(p * z for p, z in zip(probs, support.tolist(), strict=True))
    assert expectation(torch.tensor(out), support).item() == pytest.approx(mean, abs=1e-4)


def test_mass_error_is_the_worst():
    probs = torch.tensor([[[0.5, 0.5], [0.6, 0.3]], [[1.0, 0.0], [0.5, 0.55]]])
    assert mass_error(probs).item() == pytest.approx(0.1)


def test_expectation_by_hand():
    assert expectation(torch.tensor([[0.25, 0.25, 0.5]]), THREE).tolist() == [0.25]
