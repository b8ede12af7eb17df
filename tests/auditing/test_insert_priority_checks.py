"""Insert priorities: each check flags a wrong log and passes one that looks like it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from checking import result_of
from prioritized_run import PrioritizedRun, passes, said

U = 2.0**-24
NAN = float("nan")


def entered(run, change, first=12):
    for row in run.transitions[first:]:
        row["priority"] = change(row)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda _: 1.0, "new transitions enter at 1 and not at the maximum"),
        (lambda row: 0.1 + 0.01 * row["transition_id"], "at an error of its own"),
        (lambda _: 1e6, "so the initial maximum is far above real errors"),
        (lambda _: 1.01, "the replay forgot its largest priority"),
        (lambda _: NAN, "it is not a number"),
    ],
)
def test_a_wrong_insert_priority_is_named(tiny_log, change, cause):
    run = PrioritizedRun()
    entered(run, change)
    run.write(tiny_log)
    text = said(tiny_log, "wrong_insert_priority")
    assert text.startswith("transition 12 entered with priority")
    assert cause in text


def test_a_maximum_without_its_exponent_is_named(tiny_log):
    run = PrioritizedRun()
    entered(run, lambda row: row["priority"] ** 2)  # alpha is 0.5
    run.write(tiny_log)
    assert "the maximum without the exponent alpha" in said(tiny_log, "wrong_insert_priority")


@pytest.mark.parametrize("own", [False, True])
def test_a_maximum_that_a_resume_lost_is_named(tiny_log, own):
    run = PrioritizedRun()
    run.resume_at(15)
    largest = 1.0
    for update in run.updates[15:]:
        last = update["last_transition_id"]
        for row in run.transitions[last - 1 : last + 1]:
            row["priority"] = largest
        if own:
            news = [row["priority_new"] for row in run.batch(update["update_id"])]
            largest = max(largest, *news)
    run.write(tiny_log)
    text = said(tiny_log, "wrong_insert_priority")
    assert "transition 38 entered with priority 1," in text
    assert "the running maximum was lost on resume" in text


@pytest.mark.near_miss("wrong_insert_priority")
def test_near_miss_of_entering_at_one_nothing_larger_was_written(tiny_log):
    run = PrioritizedRun()
    for row in run.samples:
        row["priority_new"] = min(row["priority_new"], 0.9)
    entered(run, lambda _: 1.0, first=0)
    run.write(tiny_log)
    assert passes(tiny_log, "wrong_insert_priority")


@pytest.mark.near_miss("wrong_insert_priority", "wrong_max_priority")
def test_near_miss_of_entering_below_one_the_maximum_is_of_what_was_written(tiny_log):
    """Some replays forget the initial 1 at the first write."""
    run = PrioritizedRun()
    for row in run.samples:
        row["priority_new"] = 0.25 if row is run.samples[0] else 0.125
    entered(run, lambda _: 0.25)
    for row in run.updates[1:]:
        row["max_priority"] = 0.25
    run.updates[0]["max_priority"] = 1.0
    entered(run, lambda _: 0.25, first=10)
    run.write(tiny_log)
    assert passes(tiny_log, "wrong_insert_priority")
    assert passes(tiny_log, "wrong_max_priority")


@pytest.mark.parametrize(("factor", "fails"), [(15, False), (40, True)])
def test_a_maximum_of_errors_may_be_raised_to_alpha_anew(tiny_log, factor, fails):
    run = PrioritizedRun()
    entered(run, lambda row: row["priority"] * (1 + factor * U), first=40)
    run.write(tiny_log)
    assert (result_of(tiny_log, "wrong_insert_priority").status == "fail") is fails


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda _: 1.0, "new transitions enter at 1 and not at the largest leaf alive"),
        (lambda _: 1e6, "so the initial maximum is far above real errors"),
        (lambda row: row["priority"] / 2, "a larger leaf was written just before"),
        (lambda _: NAN, "it is not a number"),
    ],
)
def test_a_priority_off_the_largest_alive_is_named(tiny_log, change, cause):
    run = PrioritizedRun(insert_priority="live-max", seed=2)
    entered(run, change)
    run.write(tiny_log)
    assert cause in said(tiny_log, "insert_priority_outside_alive")


@pytest.mark.near_miss("insert_priority_outside_alive")
def test_near_miss_of_a_forgotten_maximum_the_largest_was_overwritten(tiny_log):
    """Under live-max the insert priority falls when the largest leaf leaves the ring."""
    run = PrioritizedRun(insert_priority="live-max", updates=60)
    priorities = [row["priority"] for row in run.transitions]
    assert any(after < before for before, after in pairwise(priorities))
    run.write(tiny_log)
    assert passes(tiny_log, "insert_priority_outside_alive")
    run.config["insert_priority"] = "running-max"
    run.write(tiny_log, "r2")
    assert "transition" in said(tiny_log, "wrong_insert_priority")


def test_a_logged_maximum_that_falls_is_named(tiny_log):
    run = PrioritizedRun()
    run.updates[20]["max_priority"] = 1.0
    run.write(tiny_log)
    text = said(tiny_log, "wrong_max_priority")
    assert text.startswith("update 20 logs the maximum priority 1, where")


@pytest.mark.parametrize("capacity", [20, 1000])
@pytest.mark.parametrize(
    ("first", "settings"),
    [
        (0.25, {"insert_priority_first": 0.25}),
        (7.0, {"insert_priority_first": 7.0}),
        ((1 + 0.01) ** 0.5, {"priority_epsilon": 0.01}),
        ((1 + 0.01) ** 0.7, {"priority_epsilon": 0.01, "alpha": 0.7}),
    ],
)
@pytest.mark.near_miss("wrong_insert_priority", "wrong_max_priority")
def test_near_miss_of_a_forgotten_maximum_it_starts_elsewhere(tiny_log, first, settings, capacity):
    run = PrioritizedRun(first=first, capacity=capacity, **settings)
    run.write(tiny_log)
    assert run.transitions[0]["priority"] == pytest.approx(first)
    for check in ("wrong_insert_priority", "wrong_max_priority"):
        assert passes(tiny_log, check)


@pytest.mark.parametrize(
    "settings", [{}, {"insert_priority_first": 1.0}, {"priority_epsilon": 0.1}]
)
def test_a_first_priority_that_nothing_states_is_wrong(tiny_log, settings):
    run = PrioritizedRun(first=2.0, **settings)
    run.write(tiny_log)
    text = said(tiny_log, "wrong_insert_priority")
    assert "transition 0 entered with priority 2, where the largest" in text
    assert "update 0 logs the maximum priority 2" in said(tiny_log, "wrong_max_priority")


def test_a_stated_first_priority_is_the_one_that_counts(tiny_log):
    run = PrioritizedRun(first=1.0, insert_priority_first=3.0)
    run.write(tiny_log)
    text = said(tiny_log, "wrong_insert_priority")
    assert "written until then, or 3, was 3" in text
