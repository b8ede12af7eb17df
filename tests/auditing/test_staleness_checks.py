"""Checks of staleness: what is written to a slot after another transition has taken it."""

from __future__ import annotations

import pytest
from checking import failing, result_of
from prioritized_run import PrioritizedRun

NAME = "write_back_after_overwrite"


def test_sound_runs_pass(tiny_log):
    resumed = PrioritizedRun(seed=1)
    resumed.resume_at(12)
    resumed.write(tiny_log, "r1")
    PrioritizedRun(seed=2, copies=True).write(tiny_log, "r2")
    assert result_of(tiny_log, NAME).status == "pass"
    assert not failing(tiny_log, family="staleness")


def test_a_write_to_a_slot_that_was_filled_anew_is_named(tiny_log):
    run = PrioritizedRun(capacity=20)
    row = run.batch(9)[3]
    row["generation_written"] = row["generation"] + 1
    run.write(tiny_log)
    result = result_of(tiny_log, NAME)
    text = result.diagnosis(result.examples[0])
    drawn = row["transition_id"]
    assert f"update 9 drew transition {drawn} from generation {row['generation']}" in text
    assert f"transition {drawn + 20} was stored in between" in text
    assert "(1 such writes)" in text


def test_a_generation_that_falls_is_named(tiny_log):
    run = PrioritizedRun(capacity=20)
    row = next(row for row in run.samples if row["generation"] == 1)
    row["generation_written"] = 0
    run.write(tiny_log)
    result = result_of(tiny_log, NAME)
    assert "generations only rise" in result.diagnosis(result.examples[0])


def test_an_unknown_capacity_leaves_the_victim_open(tiny_log):
    run = PrioritizedRun()
    run.batch(9)[3]["generation_written"] += 1
    for row in run.updates:
        row["capacity"] = None
    run.write(tiny_log)
    result = result_of(tiny_log, NAME)
    assert "another transition was stored in between" in result.diagnosis(result.examples[0])


@pytest.mark.near_miss(NAME)
def test_near_miss_of_a_stale_write_the_slot_was_filled_anew_before_the_draw(tiny_log):
    """A slot of a high generation is drawn and written in that generation; some are unknown."""
    run = PrioritizedRun(capacity=20, updates=60)
    assert max(row["generation"] for row in run.samples) > 3
    for row in run.batch(30):
        row["generation_written"] = None
    run.write(tiny_log)
    assert result_of(tiny_log, NAME).status == "pass"
