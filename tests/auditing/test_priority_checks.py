"""Checks of priorities: each flags a small log that is wrong, and passes one that looks like it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from checking import failing, result_of, results_of
from prioritized_run import PrioritizedRun, passes, said

U = 2.0**-24
NAN = float("nan")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"copies": True},
        {"insert_priority": "live-max"},
        {"loss": "cross-entropy", "alpha": 1.0},
        {"importance_sampling": False},
    ],
)
def test_a_sound_run_passes(tiny_log, settings):
    PrioritizedRun(**settings).write(tiny_log)
    statuses = {name: r.status for name, r in results_of(tiny_log, family="priorities").items()}
    missing = {name for name, status in statuses.items() if status == "not_applicable"}
    assert set(statuses.values()) == {"pass", "not_applicable"}
    if settings.get("insert_priority"):
        assert missing == {"wrong_insert_priority", "wrong_max_priority"}
    else:
        assert missing == {"insert_priority_outside_alive"}


def test_a_resumed_run_and_a_second_one_pass(tiny_log):
    resumed = PrioritizedRun(seed=1)
    resumed.resume_at(12)
    resumed.write(tiny_log, "r1")
    PrioritizedRun(seed=2).write(tiny_log, "r2")
    assert not failing(tiny_log, family="priorities")


# Continuity


def test_a_lost_write_is_named(tiny_log):
    run = PrioritizedRun()
    before, after = run.redrawn()
    after["priority"] = before["priority"]
    run.write(tiny_log)
    text = said(tiny_log, "priority_not_as_written")
    assert f"update {after['update_id']} drew transition {after['transition_id']}" in text
    assert f"where update {before['update_id']} had left" in text
    assert "update_priorities lost the write, or it comes late (1 such draws)" in text


def test_a_write_to_another_position_of_the_batch_is_named(tiny_log):
    run = PrioritizedRun()
    before, after = run.redrawn()
    other = next(r for r in run.batch(before["update_id"]) if r is not before)
    after["priority"] = other["priority_new"]
    run.write(tiny_log)
    text = said(tiny_log, "priority_not_as_written")
    assert f"wrote it to transition {other['transition_id']} of the same batch" in text


def test_a_write_to_another_slot_is_named(tiny_log):
    run = PrioritizedRun()
    before, after = run.redrawn(from_update=5)
    other = next(
        row
        for row in run.samples
        if row["update_id"] != before["update_id"]
        and row["transition_id"] != after["transition_id"]
    )
    after["priority"] = other["priority_new"]
    run.write(tiny_log)
    assert "update_priorities hit another slot" in said(tiny_log, "priority_not_as_written")


def test_an_old_value_is_named(tiny_log):
    run = PrioritizedRun(updates=60)
    draws = next(
        d for d in (run.draws_of(t["transition_id"]) for t in run.transitions) if len(d) > 2
    )
    draws[2]["priority"] = draws[0]["priority_new"]
    draws[1]["priority"] = 1.9  # else it is also what it was before the last write
    run.write(tiny_log)
    result = result_of(tiny_log, "priority_not_as_written")
    texts = [result.diagnosis(example) for example in result.examples]
    assert any("an old value came back" in text for text in texts)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda p: p**0.5, "once more: the exponent is applied twice"),
        (lambda p: p**2, "without the exponent alpha"),
        (round, "the tree keeps whole numbers"),
        (math.floor, "the tree keeps whole numbers"),
        (lambda _: 0.0, "its leaf is zero, as in a slot that was cleared or never written"),
        (lambda _: NAN, "it is not a number"),
        (lambda p: 1.37 * p, "nothing in the log wrote that value to it"),
    ],
)
def test_what_became_of_a_write_is_named(tiny_log, change, cause):
    run = PrioritizedRun(seed=3)
    before, after = run.redrawn()
    before["priority_new"] = 2.75
    after["priority"] = change(2.75)
    run.write(tiny_log)
    assert cause in said(tiny_log, "priority_not_as_written")


def test_a_first_draw_is_compared_with_the_insertion(tiny_log):
    run = PrioritizedRun()
    run.samples[0]["priority"] = 0.7
    run.write(tiny_log)
    text = said(tiny_log, "priority_not_as_written")
    assert "where its insertion had left 1" in text
    assert "something wrote to it before its first draw" in text


def test_copies_that_were_written_between_their_draws_are_named(tiny_log):
    run = PrioritizedRun(copies=True)
    first, second = run.batch(4)[:2]
    second["priority"] = first["priority_new"]
    run.write(tiny_log)
    assert "copies in one batch are drawn before" in said(tiny_log, "priority_not_as_written")


def test_a_replay_that_a_resume_did_not_restore_is_named(tiny_log):
    run = PrioritizedRun()
    _, after = run.redrawn()
    run.resume_at(after["update_id"])
    after["priority"] = 1.0
    run.write(tiny_log)
    assert "the run was resumed in between" in said(tiny_log, "priority_not_as_written")


@pytest.mark.near_miss("priority_not_as_written")
def test_near_miss_of_several_copies_the_last_write_counts(tiny_log):
    run = PrioritizedRun(copies=True, updates=60)
    rows = run.batch(2)[:2]
    assert rows[0]["transition_id"] == rows[1]["transition_id"]
    assert rows[0]["priority_new"] != rows[1]["priority_new"]
    run.write(tiny_log)
    assert passes(tiny_log, "priority_not_as_written")


@pytest.mark.near_miss("priority_not_as_written", "wrong_insert_priority", "wrong_max_priority")
def test_near_miss_of_a_gap_a_thinned_log_is_not_judged(tiny_log):
    """Every second update is logged: what the others wrote is unknown."""
    run = PrioritizedRun(updates=60)
    run.updates = [row for row in run.updates if row["update_id"] % 2]
    run.samples = [row for row in run.samples if row["update_id"] % 2]
    run.write(tiny_log)
    assert passes(tiny_log, "priority_not_as_written")
    assert passes(tiny_log, "wrong_insert_priority")
    assert passes(tiny_log, "wrong_max_priority")


@pytest.mark.near_miss("priority_not_as_written", "wrong_insert_priority")
def test_near_miss_of_a_gap_two_runs_under_one_id_have_a_replay_each(tiny_log):
    PrioritizedRun(seed=1).write(tiny_log)
    other = PrioritizedRun(seed=2)
    for row in [*other.segments, *other.transitions, *other.updates, *other.samples]:
        row["segment_id"] = "s9"
    other.write(tiny_log)
    assert passes(tiny_log, "priority_not_as_written")
    assert passes(tiny_log, "wrong_insert_priority")


@pytest.mark.parametrize(("ulps", "fails"), [(1, False), (16, True)])
def test_two_renderings_of_one_leaf_differ_by_less_than_four_u(tiny_log, ulps, fails):
    run = PrioritizedRun()
    before, after = run.redrawn()
    before["priority_new"] = 1.5
    after["priority"] = 1.5 + ulps * 2 * U
    run.write(tiny_log)
    assert (result_of(tiny_log, "priority_not_as_written").status == "fail") is fails


# New priorities


@pytest.mark.parametrize(
    ("td_error", "written", "cause"),
    [
        (0.01, 0.01**0.5 + 1e-3, "epsilon is added outside the exponent"),
        (0.01, 0.01**0.5, "epsilon is missing"),
        (0.01, 0.011, "the exponent is missing"),
        (4.0, 4.0, "exponent and epsilon are missing"),
        (3.0, 9.0, "it is the squared error"),
        (5.0, 5.001**0.25, "the exponent is applied twice"),
        (5.0, 2.0, "it is kept as a whole number"),
        (5.0, 3.0, "it is kept as a whole number"),
        (-0.5, 1e-3**0.5, "a negative error counts as 0"),
        (-5.0, 0.0, "a negative error counts as 0"),
        (5.0, 1.001**0.5, "the error is clipped to 1"),
        (5.0, 0.6, "none of the known mistakes"),
        (-5.0, NAN, "the absolute value is missing"),
        (5.0, NAN, "it is not a number, and the error is one"),
    ],
)
def test_the_mistake_in_a_new_priority_is_named(tiny_log, td_error, written, cause):
    run = PrioritizedRun(priority_epsilon=1e-3)
    run.batch(7)[3].update(td_error=td_error, priority_new=written)
    run.write(tiny_log)
    text = said(tiny_log, "wrong_new_priority")
    assert "update 7 wrote priority" in text
    assert "(batch position 3, 1 of 8 draws)" in text
    assert cause in text


def test_the_mistake_that_explains_most_rows_is_named(tiny_log):
    """An error of 1.5 that is written as 1 may be clipped or whole; the others are whole."""
    run = PrioritizedRun(priority_epsilon=0.0)
    for row in run.samples:
        row["priority_new"] = float(math.floor(abs(row["td_error"]) ** 0.5))
    run.batch(0)[0].update(td_error=1.5, priority_new=1.0)
    run.write(tiny_log)
    assert "it is kept as a whole number" in said(tiny_log, "wrong_new_priority")


@pytest.mark.parametrize(("factor", "fails"), [(17, False), (30, True)])
def test_a_new_priority_may_be_off_by_what_float32_loses(tiny_log, factor, fails):
    """u (20 + alpha + 3 abs(ln 2)) is 22.6 u for an error of 4 and alpha 0.5."""
    run = PrioritizedRun(priority_epsilon=0.0)
    run.batch(7)[3].update(td_error=4.0, priority_new=2 * (1 + factor * U))
    run.write(tiny_log)
    assert (result_of(tiny_log, "wrong_new_priority").status == "fail") is fails


@pytest.mark.near_miss("wrong_new_priority")
def test_near_miss_of_a_missing_epsilon_it_is_lost_beside_a_large_error(tiny_log):
    """For an error of 4 an epsilon of 1e-7 is beyond float32, in or outside of the exponent."""
    run = PrioritizedRun(priority_epsilon=1e-7)
    run.batch(7)[3].update(td_error=4.0, priority_new=2.0)
    run.write(tiny_log)
    assert passes(tiny_log, "wrong_new_priority")


@pytest.mark.near_miss("wrong_new_priority", "zero_priority_written")
def test_near_miss_of_a_lost_error_zero_gives_zero_without_epsilon(tiny_log):
    run = PrioritizedRun(priority_epsilon=0.0)
    run.samples[-1].update(td_error=0.0, priority_new=0.0)
    run.write(tiny_log)
    assert passes(tiny_log, "wrong_new_priority")
    assert passes(tiny_log, "zero_priority_written")


@pytest.mark.parametrize(("td_error", "epsilon"), [(0.3, 0.0), (0.0, 1e-6), (None, None)])
def test_a_zero_priority_is_named(tiny_log, td_error, epsilon):
    run = PrioritizedRun()
    run.config["priority_epsilon"] = epsilon
    run.samples[-1].update(td_error=td_error, priority_new=0.0)
    run.write(tiny_log)
    text = said(tiny_log, "zero_priority_written")
    assert f"for transition {run.samples[-1]['transition_id']}" in text


def test_whole_numbers_are_named_where_no_exponent_is_stated(tiny_log):
    run = PrioritizedRun()
    del run.config["alpha"]
    for row in run.samples:
        row["priority_new"] = float(round(abs(row["td_error"])))
    run.write(tiny_log)
    assert result_of(tiny_log, "wrong_new_priority").status == "not_applicable"
    assert "all 240 priorities" in said(tiny_log, "whole_number_priorities")


@pytest.mark.near_miss("whole_number_priorities")
def test_near_miss_of_whole_numbers_priorities_clipped_to_one(tiny_log):
    run = PrioritizedRun()
    for row in run.samples:
        row["priority_new"] = 1.0
    run.write(tiny_log)
    assert passes(tiny_log, "whole_number_priorities")


@pytest.mark.near_miss("whole_number_priorities")
def test_near_miss_of_whole_numbers_errors_that_are_whole(tiny_log):
    run = PrioritizedRun()
    for row in run.samples:
        row["td_error"] = float(round(row["td_error"]))
        row["priority_new"] = abs(row["td_error"])
    run.write(tiny_log)
    assert passes(tiny_log, "whole_number_priorities")


# Totals, exponents, numbers


@pytest.mark.parametrize(("factor", "fails"), [(8, False), (12, True)])
def test_the_total_against_the_leaves(tiny_log, factor, fails):
    """2 u (log2(20) + 1) is 10.6 u for a capacity of 20."""
    run = PrioritizedRun()
    run.updates[10]["leaf_sum"] *= 1 + factor * U
    run.write(tiny_log)
    result = result_of(tiny_log, "priority_total_drifts")
    assert (result.status == "fail") is fails
    if fails:
        assert "at update 10 the priority total is" in result.diagnosis(result.examples[0])


@pytest.mark.near_miss("priority_total_drifts")
def test_near_miss_of_a_drift_a_float32_tree_recomputed_from_its_children(tiny_log):
    run = PrioritizedRun()
    for row in run.updates:
        row["priority_total"] = float(np.float32(row["priority_total"]))
    run.write(tiny_log)
    assert passes(tiny_log, "priority_total_drifts")


def test_an_alpha_beside_the_config_is_named(tiny_log):
    run = PrioritizedRun()
    for row in run.updates[5:]:
        row["alpha"] = 0.6
    run.write(tiny_log)
    text = said(tiny_log, "wrong_alpha")
    assert text == "alpha is 0.6 in 25 of 30 updates, from update 5 on; the config says 0.5"


@pytest.mark.near_miss("wrong_alpha")
def test_near_miss_of_a_wrong_alpha_its_rounding_to_float32(tiny_log):
    PrioritizedRun(alpha=0.7).write(tiny_log)
    assert passes(tiny_log, "wrong_alpha")


@pytest.mark.parametrize(
    ("column", "value", "quantity"),
    [
        ("td_error", NAN, "TD error"),
        ("priority_new", NAN, "new priority"),
        ("priority_new", -1.0, "new priority"),
        ("priority_new", math.inf, "new priority"),
        ("priority", NAN, "drawn priority"),
        ("priority", -0.5, "drawn priority"),
        ("weight", NAN, "weight"),
        ("weight_raw", math.inf, "raw weight"),
    ],
)
def test_the_first_figure_that_is_no_number_is_named(tiny_log, column, value, quantity):
    run = PrioritizedRun()
    for update_id in (11, 14):
        run.batch(update_id)[2][column] = value
    run.write(tiny_log)
    text = said(tiny_log, "not_a_number")
    assert f"update 11 is the first with a {quantity} of" in text
    assert f"(transition {run.batch(11)[2]['transition_id']}, batch position 2)" in text
    assert "2 of 30 updates have such a figure, and the run did 18 more after it" in text


@pytest.mark.parametrize(
    ("column", "quantity"),
    [
        ("loss", "loss"),
        ("priority_total", "priority total"),
        ("max_priority", "maximum priority"),
        ("weight_normaliser", "weight normaliser"),
    ],
)
def test_figures_of_a_whole_update_are_named(tiny_log, column, quantity):
    run = PrioritizedRun()
    run.updates[29][column] = NAN
    run.write(tiny_log)
    text = said(tiny_log, "not_a_number")
    assert f"update 29 is the first with a {quantity} of nan (for the whole batch)" in text
    assert "1 of 30 updates have such a figure, and the run did 0 more after it" in text


@pytest.mark.near_miss("not_a_number")
def test_near_miss_of_no_number_large_errors_and_columns_that_are_not_given(tiny_log):
    run = PrioritizedRun()
    run.samples[9]["td_error"] = -3e38
    for row in run.samples:
        row.update(weight_raw=None, priority_new=None)
    for row in run.updates:
        row.update(loss=None, priority_total=None)
    run.write(tiny_log)
    assert passes(tiny_log, "not_a_number")


# No priorities at all


@pytest.mark.parametrize(
    ("written", "cause"),
    [(None, "no priority was ever written back"), (0.3, "never reached the draws")],
)
def test_priorities_that_never_change_are_named(tiny_log, written, cause):
    run = PrioritizedRun()
    for row in run.samples:
        row.update(priority=1.0, priority_new=written)
    run.write(tiny_log)
    text = said(tiny_log, "priorities_never_change")
    assert "all 240 draws show priority 1" in text
    assert cause in text


@pytest.mark.near_miss("priorities_never_change")
def test_near_miss_of_no_change_an_alpha_of_zero(tiny_log):
    run = PrioritizedRun(alpha=0.0)
    assert {row["priority"] for row in run.samples} == {1.0}
    run.write(tiny_log)
    assert passes(tiny_log, "priorities_never_change")


@pytest.mark.near_miss("priorities_never_change")
def test_near_miss_of_no_change_nothing_was_drawn_twice(tiny_log):
    """While all draws are of new transitions, all show the insert priority."""
    run = PrioritizedRun()
    for transition_id, row in enumerate(run.samples):
        row.update(priority=1.0, transition_id=transition_id)
    run.write(tiny_log)
    assert passes(tiny_log, "priorities_never_change")
