"""Transitions that stand in a batch twice, against what each sampling scheme allows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from checking import CHECKS, INDEPENDENT, STRATIFIED, UNIFORM, failing, result_of, results_of

from rlaudit.auditing import run_checks


def far_apart(log, config, **columns):
    log.add_run("r1", config)
    log.add_batch(1, [5, *range(10, 18), 5], **columns)


def test_a_transition_in_two_far_apart_strata_is_named(tiny_log):
    far_apart(tiny_log, STRATIFIED)
    assert failing(tiny_log) == {"impossible_repeats_stratified"}
    result = result_of(tiny_log, "impossible_repeats_stratified")
    example = result.examples[0]
    assert (example["transition_id"], example["draws"]) == (5, 2)
    assert (example["first_position"], example["last_position"]) == (0, 9)
    assert (example["needed"], example["expected_draws"]) == (8, pytest.approx(0.1))
    assert "takes more than 8 strata of priority mass, and it has 0.1" in result.diagnosis(example)


@pytest.mark.parametrize("config", [INDEPENDENT, UNIFORM])
def test_a_transition_far_apart_is_possible_in_other_schemes(tiny_log, config):
    far_apart(tiny_log, config)
    assert not failing(tiny_log)


@pytest.mark.near_miss("impossible_repeats_stratified")
def test_near_miss_neighbouring_strata_may_share_any_transition(tiny_log):
    tiny_log.add_run("r1", STRATIFIED)
    tiny_log.add_batch(1, [1, 2, 2, 3], priority=0.001)
    assert "impossible_repeats_stratified" not in failing(tiny_log)


@pytest.mark.near_miss("impossible_repeats_stratified", "excess_repeats_stratified")
def test_near_miss_a_transition_with_probability_0_3_may_be_drawn_nine_times(tiny_log):
    tiny_log.add_run("r1", STRATIFIED)
    tiny_log.add_batch(
        1,
        [*range(100, 111), *[7] * 9, *range(200, 212)],
        priority=[*[1.0] * 11, *[30.0] * 9, *[1.0] * 12],
    )
    assert not failing(tiny_log)


@pytest.mark.parametrize(("priority", "fails"), [(24.9, True), (25.001, False), (24.97, False)])
def test_the_bound_is_the_width_that_strata_need(tiny_log, priority, fails):
    """Positions 0 and 2 of four need more than one stratum: probability above 1/4, less 0.2%."""
    tiny_log.add_run("r1", STRATIFIED)
    tiny_log.add_batch(1, [7, 8, 7, 9], priority=[priority, 1.0, priority, 1.0])
    assert ("impossible_repeats_stratified" in failing(tiny_log)) is fails


def test_any_repeat_without_replacement_is_named(tiny_log):
    tiny_log.add_run("r1", {"sampling": "uniform", "replacement": False})
    tiny_log.add_batch(1, [5, 6, 5])
    assert failing(tiny_log) == {"repeats_without_replacement"}
    example = result_of(tiny_log, "repeats_without_replacement").examples[0]
    assert (example["update_id"], example["transition_id"], example["draws"]) == (1, 5, 2)


@pytest.mark.near_miss("repeats_without_replacement")
def test_near_miss_a_repeat_in_two_batches_is_none_in_a_batch(tiny_log):
    tiny_log.add_run("r1", {"sampling": "uniform", "replacement": False})
    tiny_log.add_batch(1, [5, 6])
    tiny_log.add_batch(2, [5, 6])
    tiny_log.add_batch(2, [5, 6], segment_id="s2")
    assert "repeats_without_replacement" not in failing(tiny_log)


def drawn(log, config, draw, updates=200, **columns):
    """Add ``updates`` batches; ``draw`` returns the transitions and priorities of one."""
    log.add_run("r1", config)
    base = {"run_id": "r1", "segment_id": "s1"}
    batches = [draw() for _ in range(updates)]
    k = len(batches[0][0])
    log.add("updates", **base, update_id=list(range(updates)), batch_size=k, **columns)
    items = np.concatenate([items for items, _ in batches]).astype(np.int64)
    priorities = np.concatenate([p for _, p in batches]).astype(np.float32)
    rows = pa.table({"i": np.arange(len(items)), "item": items, "p": priorities})
    log.con.register("rows_drawn", rows)
    log.con.execute(
        f"""
        INSERT INTO raw.samples
            (run_id, segment_id, update_id, batch_index, transition_id, priority)
        SELECT 'r1', 's1', i // {k}, i % {k}, item, p FROM rows_drawn
        """
    )


def stratified_draws(priorities, k, rng):
    edges = np.cumsum(priorities)

    def draw():
        mass = (np.arange(k) + rng.random(k)) / k * edges[-1]
        items = np.searchsorted(edges, mass, side="right")
        return items, priorities[items]

    return draw


def independent_draws(priorities, k, rng):
    probabilities = priorities / priorities.sum()

    def draw():
        items = rng.choice(len(priorities), k, p=probabilities)
        return items, priorities[items]

    return draw


def with_copies(draw, share, rng):
    """Overwrite a draw of some batches by its neighbour's."""

    def copied():
        items, priorities = draw()
        if rng.random() < share:
            items, priorities = items.copy(), priorities.copy()
            items[1], priorities[1] = items[0], priorities[0]
        return items, priorities

    return copied


SCHEMES = [
    (STRATIFIED, stratified_draws, "excess_repeats_stratified"),
    (INDEPENDENT, independent_draws, "excess_repeats_independent"),
    (UNIFORM, independent_draws, "excess_repeats_uniform"),
]


def priorities_for(config, rng):
    return np.ones(3000) if config is UNIFORM else rng.exponential(size=3000)


@pytest.mark.parametrize(
    ("config", "draws", "name"),
    [pytest.param(*scheme, marks=pytest.mark.near_miss(scheme[2])) for scheme in SCHEMES],
)
@pytest.mark.parametrize("seed", range(3))
def test_near_miss_sound_draws_are_clean(tiny_log, config, draws, name, seed):
    rng = np.random.default_rng(seed)
    priorities = priorities_for(config, rng)
    total = float(priorities.sum())
    drawn(tiny_log, config, draws(priorities, 32, rng), priority_total=total, buffer_size=3000)
    assert not failing(tiny_log)
    assert results_of(tiny_log)[name].status == "pass"


@pytest.mark.parametrize(("config", "draws", "name"), SCHEMES)
def test_copies_in_three_of_ten_batches_are_found(tiny_log, config, draws, name):
    rng = np.random.default_rng(1)
    priorities = priorities_for(config, rng)
    draw = with_copies(draws(priorities, 32, rng), 0.3, rng)
    total = float(priorities.sum())
    drawn(tiny_log, config, draw, priority_total=total, buffer_size=3000)
    assert failing(tiny_log) == {name}
    result = result_of(tiny_log, name)
    example = result.examples[0]
    assert example["draws"] == 6400
    assert example["observed"] > 40
    assert example["expected"] < example["observed"] / 1.5
    assert example["chance"] < 6.7e-4
    assert f"{example['observed']} times" in result.diagnosis(example)


def test_the_expectation_for_independent_draws_by_hand(tiny_log):
    """Two batches of three of probability 0.01 each: 2 * 3 * (3 - 1) / 2 * 0.01 = 0.06."""
    tiny_log.add_run("r1", INDEPENDENT)
    tiny_log.add_batch(1, [1, 1, 1])
    tiny_log.add_batch(2, [2, 2, 2])
    example = result_of(tiny_log, "excess_repeats_independent").examples[0]
    assert (example["observed"], example["expected"]) == (6, pytest.approx(0.06))


def test_the_expectation_for_stratified_draws_by_hand(tiny_log):
    """k p = 0.04 four times: 4 * 0.04^2 / 6; and 1.2 four times: 4 * (0.2 / 2 + 1 / 7.2)."""
    tiny_log.add_run("r1", STRATIFIED)
    tiny_log.add_batch(1, [1, 1, 2, 2])
    tiny_log.add_batch(2, [3, 3, 4, 4], priority=30.0)
    expected = 4 * 0.04**2 / 6 + 4 * (0.1 + 1 / 7.2)
    check = CHECKS["excess_repeats_stratified"]
    always = replace(check, params=(replace(check.params[0], default=1.0),))
    example = run_checks(tiny_log.con, [always])[0].examples[0]
    assert (example["observed"], example["expected"]) == (4, pytest.approx(expected, rel=1e-6))
    assert example["bound"] == pytest.approx(1.5 * expected, rel=1e-6)


def test_the_expectation_for_uniform_draws_by_hand(tiny_log):
    """Two batches of four from 100: 2 * 6 / 100."""
    tiny_log.add_run("r1", UNIFORM)
    tiny_log.add_batch(1, [1, 1, 1, 1])
    tiny_log.add_batch(2, [2, 3, 4, 5])
    example = result_of(tiny_log, "excess_repeats_uniform").examples[0]
    assert (example["observed"], example["expected"]) == (6, pytest.approx(0.12))


def test_nan_and_zero_priorities_raise_no_alarm_and_hide_none(tiny_log):
    tiny_log.add_run("r1", INDEPENDENT)
    tiny_log.add_batch(1, [9, 9, 8], priority=[float("nan"), float("nan"), 0.0])
    assert not failing(tiny_log)
    tiny_log.add_batch(2, [1, 1, 1])
    tiny_log.add_batch(3, [2, 2, 2])
    assert failing(tiny_log) == {"excess_repeats_independent"}
