"""Checks of weights and beta: each flags a small log that is wrong, and passes one that is not."""

from __future__ import annotations

import numpy as np
import pytest
from checking import failing, result_of, results_of
from prioritized_run import PrioritizedRun, passes, said

U = 2.0**-24


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"copies": True, "num_envs": 4},
        {"loss": "squared", "weight_normaliser": "batch"},
        {"loss": "abs", "beta_annealing": False},
        {"loss": "cross-entropy", "num_atoms": 51},
        {"importance_sampling": False},
    ],
)
def test_a_sound_run_passes(tiny_log, settings):
    PrioritizedRun(**settings).write(tiny_log)
    statuses = {name: r.status for name, r in results_of(tiny_log, family="weights").items()}
    missing = {name for name, status in statuses.items() if status == "not_applicable"}
    assert set(statuses.values()) == {"pass", "not_applicable"}
    if settings.get("importance_sampling", True):
        assert missing == {"weights_against_config"}
    else:
        assert missing == {
            "beta_out_of_range",
            "first_weights_vanish",
            "weights_all_one",
            "wrong_beta",
            "wrong_raw_weight",
        }


def test_a_resumed_run_and_a_second_one_pass(tiny_log):
    resumed = PrioritizedRun(seed=1)
    resumed.resume_at(12)
    resumed.write(tiny_log, "r1")
    PrioritizedRun(seed=2).write(tiny_log, "r2")
    assert not failing(tiny_log, family="weights")


# Raw weights


def spoil(run, formula):
    """Set the raw weights to ``formula(N, capacity, priority, total, beta, update before)``."""
    before = None
    for update in run.updates:
        for row in run.batch(update["update_id"]):
            row["weight_raw"] = float(np.float32(formula(update, row["priority"], before)))
        before = update


RAW_MISTAKES = [
    (lambda u, p, _: (u["capacity"] * p / u["priority_total"]) ** -u["beta"], "N is the capacity"),
    (lambda u, p, _: (p / u["priority_total"]) ** -u["beta"], "N is missing"),
    (lambda u, p, _: (u["buffer_size"] * p) ** -u["beta"], "not divided by the total"),
    (
        lambda u, p, _: u["priority_total"] / (u["buffer_size"] * p),
        "the exponent beta is missing",
    ),
    (
        lambda u, p, _: (u["buffer_size"] * p / u["priority_total"]) ** u["beta"],
        "the exponent is beta and not -beta",
    ),
    (
        lambda u, p, v: (u["buffer_size"] * p / (v or u)["priority_total"]) ** -u["beta"],
        "the total is the one of the update before",
    ),
    (
        lambda u, p, v: (u["buffer_size"] * p / u["priority_total"]) ** -(v or u)["beta"],
        "beta is the one of the update before",
    ),
    (lambda *_: 1.0, "weights are 1, as if draws were uniform"),
    (
        lambda u, p, _: (u["buffer_size"] * p / 77.0) ** -u["beta"],
        "it would be right for a total of 77",
    ),
]


@pytest.mark.parametrize(("formula", "cause"), RAW_MISTAKES)
def test_the_mistake_in_a_raw_weight_is_named(tiny_log, formula, cause):
    run = PrioritizedRun(capacity=100)
    spoil(run, formula)
    run.write(tiny_log)
    assert cause in said(tiny_log, "wrong_raw_weight")


def test_the_figures_of_a_raw_weight_are_said(tiny_log):
    run = PrioritizedRun()
    update, row = run.updates[9], run.batch(9)[5]
    row["weight_raw"] *= 2
    run.write(tiny_log)
    text = said(tiny_log, "wrong_raw_weight")
    assert "update 9 has the raw weight" in text
    assert "at batch position 5 (1 of 8 draws)" in text
    assert f"with N = {update['buffer_size']}, p = " in text
    assert ", 1 of it apart" in text


@pytest.mark.parametrize(("factor", "fails"), [(15, False), (30, True)])
def test_a_raw_weight_may_be_off_by_what_float32_loses(tiny_log, factor, fails):
    """u (20 + 4 beta) is 22 u where N p is 1 and beta 0.5."""
    run = PrioritizedRun(beta_annealing=False, beta_start=0.5)
    update, row = run.updates[9], run.batch(9)[5]
    row["priority"] = float(np.float32(update["priority_total"] / update["buffer_size"]))
    row["weight_raw"] = 1 + factor * U
    run.write(tiny_log)
    assert (result_of(tiny_log, "wrong_raw_weight").status == "fail") is fails


@pytest.mark.near_miss("wrong_raw_weight")
def test_near_miss_of_a_wrong_size_the_buffer_is_full(tiny_log):
    """Once the buffer is full, N is the capacity."""
    run = PrioritizedRun(capacity=10)
    spoil(run, RAW_MISTAKES[0][0])
    assert {update["buffer_size"] for update in run.updates} == {10}
    run.write(tiny_log)
    assert passes(tiny_log, "wrong_raw_weight")


def test_the_capacity_is_n_where_the_settings_say_so(tiny_log):
    run = PrioritizedRun(capacity=100, weight_population="capacity")
    spoil(run, RAW_MISTAKES[0][0])
    run.write(tiny_log)
    assert passes(tiny_log, "wrong_raw_weight")


def test_the_number_stored_is_a_wrong_n_where_the_settings_say_the_capacity(tiny_log):
    PrioritizedRun(capacity=100, weight_population="capacity").write(tiny_log)
    text = said(tiny_log, "wrong_raw_weight")
    assert "with N = 100, p = " in text
    assert "N is the transitions stored, and the config says the capacity" in text


@pytest.mark.near_miss("weights_all_one", "wrong_raw_weight")
def test_near_miss_of_weights_of_one_beta_is_zero(tiny_log):
    run = PrioritizedRun(beta_annealing=False, beta_start=0.0)
    assert {row["weight_raw"] for row in run.samples} == {1.0}
    run.write(tiny_log)
    assert passes(tiny_log, "wrong_raw_weight")
    assert passes(tiny_log, "weights_all_one")


# Final weights


def normalise(run, divisor_of):
    for update in run.updates:
        rows = run.batch(update["update_id"])
        divisor = divisor_of(update, rows)
        update["weight_normaliser"] = divisor
        for row in rows:
            row["weight"] = float(np.float32(row["weight_raw"] / divisor))


def smallest(rows):
    return min(row["priority"] for row in rows)


@pytest.mark.parametrize(
    ("divisor_of", "cause"),
    [
        (lambda _, rows: np.mean([r["weight_raw"] for r in rows]), "the mean of the batch"),
        (lambda _, rows: sum(r["weight_raw"] for r in rows), "the sum of the batch"),
        (lambda _, rows: min(r["weight_raw"] for r in rows), "the smallest of the batch"),
        (lambda *_: 1.0, "the raw weights are not normalised"),
        (lambda *_: 7.5, "the normaliser is the largest of the whole buffer"),
        (
            lambda u, rows: u["priority_total"] / (u["buffer_size"] * smallest(rows)),
            "without the exponent beta",
        ),
        (
            lambda u, rows: (
                (u["buffer_size"] * smallest(rows) ** 2 / u["priority_total"]) ** -u["beta"]
            ),
            "without its exponent alpha",
        ),
        (lambda *_: 0.123, "the normaliser is none of the known ones"),
    ],
)
def test_the_mistake_in_a_normaliser_is_named(tiny_log, divisor_of, cause):
    run = PrioritizedRun(seed=4)
    normalise(run, lambda update, rows: float(divisor_of(update, rows)))
    run.write(tiny_log)
    assert cause in said(tiny_log, "wrong_final_weight")


def test_a_memory_wide_normaliser_that_is_not_logged_is_named(tiny_log):
    run = PrioritizedRun()
    normalise(run, lambda *_: 7.5)
    for update in run.updates:
        update["weight_normaliser"] = None
    run.write(tiny_log)
    text = said(tiny_log, "wrong_final_weight")
    assert "update 0: the largest weight of the batch is 0.1333" in text
    assert "a normaliser above all of the batch is one of the whole buffer, or of the past" in text


def test_a_weight_of_another_divisor_within_a_batch_is_named(tiny_log):
    run = PrioritizedRun()
    rows = run.batch(9)
    lowest = min(rows, key=lambda row: row["weight"])
    lowest["weight"] *= 0.5
    run.write(tiny_log)
    assert "raw weights are divided by different numbers" in said(tiny_log, "wrong_final_weight")


def test_weights_above_one_are_named_without_raw_weights(tiny_log):
    run = PrioritizedRun(weight_normaliser="buffer")
    for row in run.samples:
        row["weight"] = 1.5 * row["weight"]
        row["weight_raw"] = None
    run.write(tiny_log)
    assert "the largest weight is 1.5, above 1" in said(tiny_log, "wrong_final_weight")


@pytest.mark.near_miss("wrong_final_weight")
def test_near_miss_of_a_memory_wide_normaliser_the_config_says_so(tiny_log):
    run = PrioritizedRun(weight_normaliser="buffer")
    normalise(run, lambda *_: 7.5)
    run.write(tiny_log)
    assert passes(tiny_log, "wrong_final_weight")


@pytest.mark.near_miss("wrong_final_weight")
def test_near_miss_of_another_normaliser_the_largest_weight_is_not_logged(tiny_log):
    run = PrioritizedRun()
    largest = max(run.batch(9), key=lambda row: row["weight"])
    assert largest["weight"] == 1.0
    run.samples.remove(largest)
    run.write(tiny_log)
    assert passes(tiny_log, "wrong_final_weight")


@pytest.mark.parametrize(("factor", "fails"), [(35, False), (60, True)])
def test_a_final_weight_may_be_off_by_what_float32_loses(tiny_log, factor, fails):
    """u (41 + 8 beta) is 45 u where all raw weights are 1 and beta 0.5."""
    run = PrioritizedRun(beta_annealing=False, beta_start=0.5)
    for row in run.batch(9):
        row["weight_raw"] = row["weight"] = 1.0
    run.updates[9]["weight_normaliser"] = 1.0
    run.batch(9)[2]["weight"] = 1 - factor * U
    run.write(tiny_log)
    assert (result_of(tiny_log, "wrong_final_weight").status == "fail") is fails


# The loss


def losses(rows, loss):
    size = abs(np.array([row["td_error"] for row in rows]))
    if loss == "abs":
        return size
    return size * size / 2 if loss == "squared" else np.where(size <= 1, size**2 / 2, size - 0.5)


def column(rows, name):
    return np.array([row[name] for row in rows])


@pytest.mark.parametrize("loss", ["abs", "squared", "huber"])
@pytest.mark.parametrize(
    ("formula", "cause"),
    [
        (lambda each, _: each.mean(), "it is the mean without the weights"),
        (lambda each, w: (each * w).sum(), "it is the sum and not the mean"),
        (lambda each, _: each.sum(), "it is the sum without the weights"),
        (lambda each, w: (each * w).sum() / w.sum(), "it is divided by the sum of the weights"),
        (lambda each, w: 2 * (each * w).mean(), "it is 2 times that in each of them"),
        (lambda each, w: (each * w).mean() / 2, "it is 0.5 times that in each of them"),
        (lambda each, w: (each * w).mean() * 3, "it is 3 times that in each of them"),
        (lambda each, w: each.mean() * w.mean(), "the mean weight multiplies the mean loss"),
        (lambda each, w: (each * w).max(), "none of the known mistakes gives that value, which is"),
    ],
)
def test_the_mistake_in_a_loss_is_named(tiny_log, loss, formula, cause):
    run = PrioritizedRun(loss=loss)
    spoil_loss(run, loss, formula, updates=range(20, 25))
    run.write(tiny_log)
    text = said(tiny_log, "loss_not_weighted")
    assert "update 20 logs the loss" in text
    assert cause in text
    assert "perhaps" not in text


def spoil_loss(run, loss, formula, updates, weight="weight"):
    for update in updates:
        rows = run.batch(update)
        run.updates[update]["loss"] = float(formula(losses(rows, loss), column(rows, weight)))


def test_a_loss_of_raw_weights_is_named(tiny_log):
    run = PrioritizedRun()
    spoil_loss(run, "huber", lambda each, w: (each * w).mean(), range(20, 25), weight="weight_raw")
    run.write(tiny_log)
    assert "the raw weights multiply the loss" in said(tiny_log, "loss_not_weighted")


def test_two_updates_are_too_few_to_be_sure_of_a_mistake(tiny_log):
    run = PrioritizedRun()
    spoil_loss(run, "huber", lambda each, _: each.mean(), (20, 21))
    run.write(tiny_log)
    text = said(tiny_log, "loss_not_weighted")
    assert "perhaps it is the mean without the weights" in text
    assert "too few updates" in text


def test_a_mistake_that_does_not_give_all_wrong_losses_is_not_named(tiny_log):
    run = PrioritizedRun()
    spoil_loss(run, "huber", lambda each, _: each.mean(), range(20, 25))
    spoil_loss(run, "huber", lambda each, w: (each * w).max(), [25])
    run.write(tiny_log)
    assert "none of the known mistakes" in said(tiny_log, "loss_not_weighted")


@pytest.mark.parametrize("loss", ["abs", "squared", "huber"])
@pytest.mark.parametrize("scale", [0.5, 1, 2])
@pytest.mark.near_miss("loss_not_weighted")
def test_near_miss_of_a_wrong_loss_it_is_defined_with_another_constant(tiny_log, loss, scale):
    run = PrioritizedRun(loss=loss)
    spoil_loss(run, loss, lambda each, w: scale * (each * w).mean(), range(30))
    run.write(tiny_log)
    assert passes(tiny_log, "loss_not_weighted")


@pytest.mark.near_miss("loss_not_weighted")
def test_near_miss_of_a_wrong_loss_its_constant_is_stated(tiny_log):
    run = PrioritizedRun(loss="squared", loss_scale=0.3)
    spoil_loss(run, "squared", lambda each, w: 0.3 * (each * w).mean(), range(30))
    run.write(tiny_log)
    assert passes(tiny_log, "loss_not_weighted")


@pytest.mark.parametrize(("stated", "scale", "times"), [(None, 3, 3), (1.0, 2, 2), (2.0, 1, 0.5)])
def test_another_constant_than_the_stated_one_is_named(tiny_log, stated, scale, times):
    settings = {} if stated is None else {"loss_scale": stated}
    run = PrioritizedRun(loss="squared", **settings)
    spoil_loss(run, "squared", lambda each, w: scale * (each * w).mean(), range(30))
    run.write(tiny_log)
    text = said(tiny_log, "loss_not_weighted")
    assert f"it is {times} times that in each of them (30 updates)" in text


def test_a_constant_that_changes_under_way_is_a_finding(tiny_log):
    run = PrioritizedRun(loss="squared")
    spoil_loss(run, "squared", lambda each, w: 2 * (each * w).mean(), range(20, 30))
    run.write(tiny_log)
    assert "(10 updates)" in said(tiny_log, "loss_not_weighted")


def test_a_cross_entropy_beyond_the_bounds_of_weighted_ones_is_named(tiny_log):
    """The entropy of the target is at most ln 51 = 3.93, and the mean weight is about a half."""
    run = PrioritizedRun(loss="cross-entropy", num_atoms=51, beta_start=1.0)
    rows = run.batch(20)
    for row in rows:
        row["weight"] *= 0.1
    run.updates[20]["loss"] = float(column(rows, "td_error").mean() + 3)
    run.write(tiny_log)
    text = said(tiny_log, "loss_not_weighted")
    assert "a mean without the weights can be that, so they do not multiply the loss" in text


def test_a_cross_entropy_below_the_divergence_is_named(tiny_log):
    run = PrioritizedRun(loss="cross-entropy", num_atoms=51)
    run.updates[20]["loss"] = 0.01
    run.write(tiny_log)
    assert "the weights multiply something else" in said(tiny_log, "loss_not_weighted")


@pytest.mark.parametrize(("factor", "fails"), [(10, False), (20, True)])
def test_a_loss_may_be_off_by_what_a_float32_sum_loses(tiny_log, factor, fails):
    """(8 + 7) u for a batch of 8."""
    run = PrioritizedRun(loss="abs")
    rows = run.batch(20)
    exact = float((column(rows, "weight") * losses(rows, "abs")).mean())
    run.updates[20]["loss"] = exact * (1 + factor * U)
    run.write(tiny_log)
    assert (result_of(tiny_log, "loss_not_weighted").status == "fail") is fails


@pytest.mark.parametrize(
    ("factor", "status"),
    [
        pytest.param(0.99, "pass", marks=pytest.mark.near_miss("loss_not_weighted")),
        (1.01, "fail"),
    ],
)
def test_near_miss_of_a_cross_entropy_below_0_the_mass_of_a_target_is_above_1(
    tiny_log, factor, status
):
    """All predictions equal their targets, whose 51 rounded atoms sum to at most 1 + 51 u."""
    run = PrioritizedRun(loss="cross-entropy", num_atoms=51)
    rows = run.batch(20)
    for row in rows:
        row["td_error"] = 0.0
    run.updates[20]["loss"] = -factor * 51 * U * float(column(rows, "weight").mean())
    run.write(tiny_log)
    assert result_of(tiny_log, "loss_not_weighted").status == status


@pytest.mark.near_miss("loss_not_weighted")
def test_near_miss_of_an_unweighted_loss_all_weights_are_one(tiny_log):
    run = PrioritizedRun(importance_sampling=False)
    for update in run.updates:
        update["loss"] = float(losses(run.batch(update["update_id"]), "huber").mean())
    run.write(tiny_log)
    assert passes(tiny_log, "loss_not_weighted")
