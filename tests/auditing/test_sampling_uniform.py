"""Uniform draws that do not reach the whole buffer, or prefer a part of it."""

from __future__ import annotations

import math

import pytest
from checking import UNIFORM, failing, result_of
from simulated_replay import insert_rows, simulate

from rlaudit.replay import replay as replay_module

BASE = {"run_id": "r1", "segment_id": "s1"}
EDGES = "uniform_edges_uneven"


def draw_slots(monkeypatch, draw):
    monkeypatch.setattr(
        replay_module, "uniform_slots", lambda rng, size, k, **_: draw(rng, size, k)
    )


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("uniform_slots_uneven", lambda rng, size, k: rng.integers(size // 2, size=k)),
        ("uniform_ages_uneven", lambda rng, size, k: rng.integers(size, size=(2, k)).max(0)),
        (EDGES, lambda rng, size, k: rng.integers(size - 1, size=k)),
        (EDGES, lambda rng, size, k: rng.integers(1, size, size=k)),
    ],
)
def test_uneven_draws_are_flagged(tiny_log, monkeypatch, name, draw):
    draw_slots(monkeypatch, draw)
    simulate(tiny_log, sampling="uniform", updates=400)
    assert result_of(tiny_log, name).status == "fail"


def test_the_places_at_the_edges_are_named(tiny_log, monkeypatch):
    draw_slots(monkeypatch, lambda rng, size, k: rng.integers(1, size - 1, size=k))
    simulate(tiny_log, sampling="uniform", updates=400)
    result = result_of(tiny_log, EDGES)
    said = [result.diagnosis(example) for example in result.examples]
    assert any("the newest transition was drawn 0 times" in sentence for sentence in said)
    assert any("the first slot was drawn 0 times" in sentence for sentence in said)


def draws(log, slots, size, last):
    log.add_run(config=UNIFORM)
    log.add(
        "updates",
        **BASE,
        update_id=0,
        batch_size=len(slots),
        buffer_size=size,
        last_transition_id=last,
    )
    insert_rows(
        log,
        "samples",
        BASE,
        update_id=[0] * len(slots),
        batch_index=list(range(len(slots))),
        slot=slots,
        transition_id=slots,
    )


def counts(log, kind):
    log.con.execute(
        "SELECT observed, expected FROM shared.uniform_bins WHERE kind = ? ORDER BY bin", [kind]
    )
    return log.con.fetchall()


def test_bins_hold_the_integers_that_fall_into_them(tiny_log):
    """Of 34 slots two fall into each of 17 bins; 35 has three in the middle one."""
    draws(tiny_log, [*range(34), 0, 33], 34, 33)
    result_of(tiny_log, "uniform_slots_uneven")
    slots = counts(tiny_log, "slot")
    assert [expected for _, expected in slots[:17]] == pytest.approx([2 * 36 / 34] * 17)
    assert [observed for observed, _ in slots] == [3, *[2] * 15, 3, 2, 2]
    assert slots[17][1] == pytest.approx(36 / 34)
    assert counts(tiny_log, "age") == slots


def test_bins_of_a_size_that_17_does_not_divide(tiny_log):
    draws(tiny_log, list(range(35)), 35, 34)
    result_of(tiny_log, "uniform_slots_uneven")
    slots = counts(tiny_log, "slot")[:17]
    assert [observed for observed, _ in slots] == pytest.approx([e for _, e in slots])
    assert sum(observed for observed, _ in slots) == 35


@pytest.mark.parametrize(("moved", "status"), [(40, "pass"), (42, "fail")])
def test_the_bound_is_the_tail_of_chi_square(tiny_log, moved, status):
    """40.4 on 16 degrees of freedom has a chance of 6.7e-4; here it is 1.5 moved^2 / 60."""
    places = [60 + moved, 60 - moved // 2, 60 - moved // 2, *[60] * 14]
    draws(tiny_log, [slot for slot, count in enumerate(places) for _ in range(count)], 17, 16)
    result = result_of(tiny_log, "uniform_slots_uneven")
    half = 0.75 * moved**2 / 60
    tail = math.exp(-half) * sum(half**j / math.factorial(j) for j in range(8))
    assert (tail <= 6.7e-4) is (status == "fail")
    assert result.status == status
    if status == "fail":
        assert result.examples[0]["chance"] == pytest.approx(tail)
        assert f"part 1 has {60 + moved} where 60 are expected" in result.diagnosis(
            result.examples[0]
        )


@pytest.mark.near_miss("uniform_slots_uneven", "uniform_ages_uneven", EDGES)
@pytest.mark.parametrize("replacement", [True, False])
def test_near_miss_a_ring_that_grows_and_wraps(tiny_log, replacement):
    """Old transitions are drawn far more often in all, and late slots far less."""
    simulate(tiny_log, sampling="uniform", replacement=replacement, updates=1_500, num_envs=4)
    assert not failing(tiny_log, family="sampling")


def test_prioritized_draws_are_not_judged(tiny_log):
    simulate(tiny_log, updates=200)
    for name in ("uniform_slots_uneven", "uniform_ages_uneven", EDGES):
        result = result_of(tiny_log, name)
        assert result.status == "not_applicable"
        assert "config.sampling is stratified" in result.message
