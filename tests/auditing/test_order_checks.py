"""Checks of order: steps, ids and slots that may only rise."""

from __future__ import annotations

import pytest
from checking import result_of


def said(result):
    assert result.status == "fail", (result.status, result.message)
    return result.diagnosis(result.examples[0])


# --- updates_out_of_order ----------------------------------------------------------------------


def updates(log, **columns):
    base = {
        "run_id": "r1",
        "segment_id": "s1",
        "update_id": [0, 1, 2],
        "env_step": [10, 10, 12],
        "last_transition_id": [7, 7, 9],
        "buffer_size": [8, 8, 8],
        "elapsed_seconds": [0.5, 0.5, 0.75],
    }
    log.add("updates", **(base | columns))


@pytest.mark.parametrize(
    ("columns", "figure"),
    [
        ({"env_step": [10, 10, 4]}, "agent step falls from 10 to 4"),
        ({"last_transition_id": [7, 7, 3]}, "newest transition falls from 7 to 3"),
        ({"buffer_size": [8, 8, 5]}, "buffer size falls from 8 to 5"),
        ({"elapsed_seconds": [0.5, 0.5, 0.25]}, "time since the start falls from 0.5 to 0.25"),
    ],
)
def test_a_figure_that_falls_between_updates_is_found(tiny_log, columns, figure):
    tiny_log.add_run()
    updates(tiny_log, **columns)
    result = result_of(tiny_log, "updates_out_of_order")
    assert said(result) == f"update 2 of run r1 follows update 1, and its {figure}"
    assert result.wrong == 1


@pytest.mark.near_miss("updates_out_of_order")
@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"env_step": [10, 10, 10]},
        {"segment_id": ["s1", "s1", "s2"], "elapsed_seconds": [0.5, 0.5, 0.1]},
        {"last_transition_id": [7, None, 9], "elapsed_seconds": None},
    ],
)
def test_near_miss_several_updates_at_one_step_and_a_clock_that_a_resume_sets_back(
    tiny_log, columns
):
    tiny_log.add_run()
    updates(tiny_log, **columns)
    assert result_of(tiny_log, "updates_out_of_order").status == "pass"


# --- transitions_out_of_order ------------------------------------------------------------------


def transitions(log, **columns):
    base = {
        "run_id": "r1",
        "segment_id": "s1",
        "transition_id": [0, 1, 2, 3],
        "env_index": 0,
        "env_step": [1, 2, 3, 4],
        "episode_id": [0, 0, 1, 1],
        "episode_step": [0, 1, 0, 1],
    }
    log.add("transitions", **(base | columns))


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"env_step": [1, 2, 4, 3]}, "(agent step 3) and is stored after step 0 of episode 1"),
        ({"episode_id": [0, 1, 0, 1]}, "step 0 of episode 0 (agent step 3) and is stored after"),
        ({"episode_step": [1, 0, 0, 1]}, "step 0 of episode 0 (agent step 2) and is stored after"),
    ],
)
def test_a_transition_stored_before_an_earlier_one_is_found(tiny_log, columns, found):
    tiny_log.add_run()
    transitions(tiny_log, **columns)
    result = result_of(tiny_log, "transitions_out_of_order")
    assert found in said(result)
    assert result.wrong == 1


@pytest.mark.near_miss("transitions_out_of_order")
def test_near_miss_windows_of_two_environments_end_at_different_times(tiny_log):
    # Environment 0 ends its episode and stores steps 3 and 5; environment 1 still waits for n.
    tiny_log.add_run()
    transitions(
        tiny_log,
        env_index=[0, 0, 1, 1],
        env_step=[3, 5, 2, 4],
        episode_id=[0, 0, 1, 1],
        episode_step=[1, 2, 0, 1],
    )
    assert result_of(tiny_log, "transitions_out_of_order").status == "pass"


@pytest.mark.near_miss("transitions_out_of_order")
def test_near_miss_a_step_that_is_stored_twice_is_no_matter_of_order(tiny_log):
    tiny_log.add_run()
    transitions(tiny_log, env_step=[1, 2, 2, 3], episode_id=[0, 0, 0, 0], episode_step=[0, 1, 1, 2])
    assert result_of(tiny_log, "transitions_out_of_order").status == "pass"


# --- slots_out_of_ring_order -------------------------------------------------------------------


def ring(log, ids, slots, generations, *, source="rlaudit", segment_id="s1"):
    log.add_run("r1", {"capacity": 3}, source=source)
    log.add(
        "transitions",
        run_id="r1",
        segment_id=segment_id,
        transition_id=ids,
        slot=slots,
        generation=generations,
    )


@pytest.mark.parametrize(
    ("slots", "generations", "wrong"),
    [
        ([0, 1, 2, 0, 1], [0, 0, 0, 1, 1], 0),
        ([0, 1, 2, 2, 1], [0, 0, 0, 1, 1], 1),
        ([0, 1, 2, 0, 1], [0, 0, 0, 0, 1], 1),
        ([1, 2, 0, 1, 2], [0, 0, 1, 1, 1], 5),
        ([0, 1, 2, 0, 1], None, 0),
    ],
)
def test_slots_follow_the_ring(tiny_log, slots, generations, wrong):
    ring(tiny_log, [0, 1, 2, 3, 4], slots, generations)
    result = result_of(tiny_log, "slots_out_of_ring_order")
    assert (result.status, result.wrong) == ("fail" if wrong else "pass", wrong)


def test_a_slot_off_the_ring_is_named(tiny_log):
    ring(tiny_log, [0, 1, 2, 3], [0, 1, 2, 2], [0, 0, 0, 1])
    assert said(result_of(tiny_log, "slots_out_of_ring_order")) == (
        "transition 3 of run r1 is in slot 2, generation 1, where a ring of 3 slots puts it into "
        "slot 0, generation 1; 1 transitions are off"
    )


@pytest.mark.near_miss("slots_out_of_ring_order")
def test_near_miss_another_trainer_begins_in_the_middle_of_the_ring(tiny_log):
    ring(tiny_log, [10, 11, 12, 13], [2, 0, 1, 2], [0, 1, 1, 1], source="another")
    assert result_of(tiny_log, "slots_out_of_ring_order").status == "pass"


def test_another_trainer_that_skips_a_slot_is_found(tiny_log):
    ring(tiny_log, [10, 11, 12, 13], [2, 0, 2, 0], [0, 1, 1, 2], source="another", segment_id=None)
    assert result_of(tiny_log, "slots_out_of_ring_order").wrong == 2
