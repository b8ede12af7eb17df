"""Draws that no sound sampler makes, each row judged by itself."""

from __future__ import annotations

import pytest
from checking import STRATIFIED, UNIFORM, result_of

BASE = {"run_id": "r1", "segment_id": "s1"}
HEALTHY = {"buffer_size": 10, "capacity": 20, "last_transition_id": 9}


def draws(log, *, update_id=0, update=None, **samples):
    """Add an update over transitions 0 to 9 of a capacity of 20, and its samples."""
    count = max(len(v) for v in samples.values() if isinstance(v, list))
    row = {"env_step": 50 + update_id, "batch_size": count, **HEALTHY, **(update or {})}
    log.add("updates", **BASE, update_id=update_id, **row)
    log.add("samples", **BASE, update_id=update_id, batch_index=list(range(count)), **samples)


def transitions(log, ids, capacity=20, **columns):
    log.add(
        "transitions",
        **BASE,
        transition_id=ids,
        slot=[i % capacity for i in ids],
        generation=[i // capacity for i in ids],
        **columns,
    )


def diagnosis(log, name):
    result = result_of(log, name)
    assert result.status == "fail", result.message
    return result.diagnosis(result.examples[0])


@pytest.mark.parametrize(
    ("slot", "was"),
    [(10, "had not been filled yet"), (20, "past the end of the ring"), (-1, "does not exist")],
)
def test_a_slot_outside_the_buffer_is_named(tiny_log, slot, was):
    draws(tiny_log, slot=[3, slot], transition_id=[3, 4])
    assert f"drew slot {slot} while the buffer held 10" in diagnosis(
        tiny_log, "slot_outside_buffer"
    )
    assert was in diagnosis(tiny_log, "slot_outside_buffer")


@pytest.mark.near_miss("slot_outside_buffer")
def test_near_miss_the_first_and_the_last_filled_slot_are_in_the_buffer(tiny_log):
    draws(tiny_log, slot=[0, 9], transition_id=[0, 9])
    draws(
        tiny_log,
        update_id=1,
        update={"buffer_size": 20, "last_transition_id": 25},
        slot=[19, 5],
        transition_id=[19, 25],
    )
    assert result_of(tiny_log, "slot_outside_buffer").status == "pass"


def test_a_transition_that_is_not_in_the_buffer_is_named(tiny_log):
    full = {"buffer_size": 20, "last_transition_id": 29}
    draws(tiny_log, update=full, slot=[9, 10], transition_id=[9, 30])
    result = result_of(tiny_log, "transition_not_in_buffer")
    said = [result.diagnosis(example) for example in result.examples]
    assert "drew transition 9, which had been overwritten: the buffer held 10 to 29" in said[0]
    assert "drew transition 30, which had not been stored yet" in said[1]


@pytest.mark.near_miss("transition_not_in_buffer")
def test_near_miss_the_oldest_and_the_newest_transition_are_in_the_buffer(tiny_log):
    full = {"buffer_size": 20, "last_transition_id": 29}
    draws(tiny_log, update=full, slot=[10, 9], transition_id=[10, 29])
    assert result_of(tiny_log, "transition_not_in_buffer").status == "pass"


def test_a_draw_of_priority_zero_is_named(tiny_log):
    draws(tiny_log, slot=[1, 2], transition_id=[1, 2], priority=[0.5, 0.0])
    assert "drew transition 2 from slot 2 although its priority is 0" in diagnosis(
        tiny_log, "zero_priority_drawn"
    )


@pytest.mark.near_miss("zero_priority_drawn")
def test_near_miss_the_smallest_priority_may_be_drawn(tiny_log):
    draws(tiny_log, slot=[1, 2], transition_id=[1, 2], priority=[1e-38, None])
    assert result_of(tiny_log, "zero_priority_drawn").status == "pass"


def test_a_slot_that_is_not_the_transitions_own_is_named(tiny_log):
    transitions(tiny_log, list(range(10)))
    draws(tiny_log, slot=[1, 3], transition_id=[1, 2], generation=[0, 0])
    assert "drew transition 2 from slot 3, generation 0, but it was stored in slot 2" in diagnosis(
        tiny_log, "drawn_slot_unlike_stored"
    )


def test_a_generation_that_is_not_the_transitions_own_is_named(tiny_log):
    transitions(tiny_log, list(range(30)))
    full = {"buffer_size": 20, "last_transition_id": 29}
    draws(tiny_log, update=full, slot=[5, 12], transition_id=[25, 12], generation=[0, 0])
    assert result_of(tiny_log, "drawn_slot_unlike_stored").found == {"r1": 1}


@pytest.mark.near_miss("drawn_slot_unlike_stored")
def test_near_miss_a_slot_may_hold_another_transition_later(tiny_log):
    transitions(tiny_log, list(range(30)))
    draws(tiny_log, slot=[5], transition_id=[5], generation=[0])
    full = {"buffer_size": 20, "last_transition_id": 29}
    draws(tiny_log, update_id=1, update=full, slot=[5], transition_id=[25], generation=[1])
    assert result_of(tiny_log, "drawn_slot_unlike_stored").status == "pass"


def test_a_draw_of_what_was_never_stored_is_named(tiny_log):
    transitions(tiny_log, [0, 1, 2, 4, 5, 6, 7, 8, 9])
    draws(tiny_log, slot=[2, 3], transition_id=[2, 3])
    assert "drew transition 3, and the log has no such transition" in diagnosis(
        tiny_log, "drawn_transition_unknown"
    )


@pytest.mark.near_miss("drawn_transition_unknown")
@pytest.mark.parametrize("lost", ["rows_dropped", "rows_spooled"])
def test_near_miss_a_log_that_says_it_lost_transitions(tiny_log, lost):
    transitions(tiny_log, [0, 1, 2])
    draws(tiny_log, slot=[2, 3], transition_id=[2, 3])
    tiny_log.add("segments", **BASE, ordinal=0, state="finished", **{lost: {"transitions": 7}})
    assert result_of(tiny_log, "drawn_transition_unknown").status == "pass"


@pytest.mark.near_miss("drawn_transition_unknown")
def test_near_miss_a_log_that_began_after_the_run(tiny_log):
    transitions(tiny_log, [5, 6, 7, 8, 9])
    draws(tiny_log, slot=[2, 6], transition_id=[2, 6])
    assert result_of(tiny_log, "drawn_transition_unknown").status == "pass"


@pytest.mark.parametrize(
    ("attempts", "status"),
    [
        (16, "pass"),
        pytest.param(64, "pass", marks=pytest.mark.near_miss("excess_sampling_attempts")),
        (65, "fail"),
        (15, "fail"),
        (None, "pass"),
    ],
)
def test_attempts_are_bounded_by_four_a_draw(tiny_log, attempts, status):
    """A near miss: a sampler that leaves out what lies near the write head rejects some draws."""
    for update_id, taken in enumerate([16, attempts]):
        tiny_log.add("updates", **BASE, update_id=update_id, batch_size=16, sampling_attempts=taken)
    result = result_of(tiny_log, "excess_sampling_attempts")
    assert result.status == status
    if status == "fail":
        assert f"took {attempts} attempts to draw a batch of 16" in result.diagnosis(
            result.examples[0]
        )


def test_missing_and_surplus_samples_are_named(tiny_log):
    draws(tiny_log, slot=[1, 2, 3], transition_id=[1, 2, 3], update={"batch_size": 4})
    tiny_log.add("samples", **BASE, update_id=7, batch_index=0, transition_id=1)
    result = result_of(tiny_log, "batch_rows_unlike_size")
    said = [result.diagnosis(example) for example in result.examples]
    assert "update 0 of run r1 has 3 samples in the log and a batch size of 4" in said[0]
    assert "update 7 of run r1 has 1 samples in the log and a batch size of unknown" in said[1]


@pytest.mark.near_miss("batch_rows_unlike_size")
def test_near_miss_samples_of_every_tenth_update_only(tiny_log):
    draws(tiny_log, slot=[1, 2], transition_id=[1, 2])
    tiny_log.add("updates", **BASE, update_id=list(range(1, 10)), batch_size=2)
    draws(tiny_log, update_id=10, slot=[1, 2], transition_id=[1, 2])
    assert result_of(tiny_log, "batch_rows_unlike_size").status == "pass"


def test_a_setting_that_is_not_in_force_is_named(tiny_log):
    tiny_log.add_run(config={"batch_size": 32, "capacity": 20})
    for update_id, size in enumerate([32, 16]):
        tiny_log.add("updates", **BASE, update_id=update_id, batch_size=size, capacity=20)
    said = diagnosis(tiny_log, "replay_settings_unlike_config")
    assert "in 1 updates of run r1 the batch size is not the config's 32" in said
    assert "update 1 with 16" in said


@pytest.mark.near_miss("replay_settings_unlike_config")
def test_near_miss_a_setting_that_is_not_stated_or_not_logged(tiny_log):
    tiny_log.add_run(config={"batch_size": 32})
    tiny_log.add("updates", **BASE, update_id=0, batch_size=None, capacity=20)
    assert result_of(tiny_log, "replay_settings_unlike_config").status == "pass"


def sizes(log, first, last, size, *, segment_id="s1"):
    for update_id, (newest, held) in enumerate(zip(last, size, strict=True)):
        log.add(
            "updates",
            run_id="r1",
            segment_id=segment_id,
            update_id=update_id,
            last_transition_id=newest,
            buffer_size=held,
            capacity=20,
        )
    log.add("transitions", **BASE, transition_id=list(range(first, max(last) + 1)))


def test_a_size_that_excludes_the_newest_is_named(tiny_log):
    sizes(tiny_log, 0, [9, 30], [9, 20])
    said = diagnosis(tiny_log, "buffer_size_unlike_ids")
    assert "said to hold 9 transitions, but of 10 stored in a capacity of 20 it holds 10" in said


@pytest.mark.near_miss("buffer_size_unlike_ids")
@pytest.mark.parametrize("first", [0, 1])
def test_near_miss_sizes_of_a_ring_that_fills(tiny_log, first):
    """Ids may count from 1, and the ring is full one transition later then."""
    sizes(tiny_log, first, [first + 9, first + 18, first + 19, first + 40], [10, 19, 20, 20])
    assert result_of(tiny_log, "buffer_size_unlike_ids").status == "pass"


@pytest.mark.parametrize(
    ("size", "status"),
    [
        pytest.param(5, "pass", marks=pytest.mark.near_miss("buffer_size_unlike_ids")),
        (6, "fail"),
        (15, "pass"),
    ],
)
def test_near_miss_a_buffer_that_is_empty_after_a_resume(tiny_log, size, status):
    """Transitions 10 to 14 came after the resume; a restored buffer holds 0 to 9 as well."""
    sizes(tiny_log, 0, [14], [size], segment_id="s2")
    tiny_log.add("segments", **BASE, ordinal=0, state="interrupted")
    tiny_log.add(
        "segments",
        run_id="r1",
        segment_id="s2",
        ordinal=1,
        state="finished",
        resumed_from="s1",
        resume_transition_id=9,
        resume_update_id=-1,
        resume_step=10,
    )
    assert result_of(tiny_log, "buffer_size_unlike_ids").status == status


def probe(log, mass, *, position=1, update_id=0, total=100.0, **columns):
    log.add(
        "updates",
        **BASE,
        update_id=update_id,
        batch_size=4,
        priority_total=total,
        probe_batch_index=position,
        probe_mass=mass,
        **columns,
    )


@pytest.mark.parametrize(
    ("mass", "said"),
    [
        (-0.1, "is outside the priority total, 0 to 100"),
        (100.1, "is outside the priority total, 0 to 100"),
        (float("nan"), "is outside the priority total"),
        (24.999, "is outside its stratum, 25 to 50"),
        (50.001, "is outside its stratum, 25 to 50"),
    ],
)
def test_a_mass_outside_its_stratum_is_named(tiny_log, mass, said):
    tiny_log.add_run(config=STRATIFIED)
    probe(tiny_log, mass)
    assert said in diagnosis(tiny_log, "probe_mass_outside_stratum")


@pytest.mark.near_miss("probe_mass_outside_stratum")
@pytest.mark.parametrize("mass", [25.0, 24.99998, 50.00004, 37.0])
def test_near_miss_masses_at_the_edge_of_a_stratum(tiny_log, mass):
    """Float32 masses are off by a few parts in ten million."""
    tiny_log.add_run(config=STRATIFIED)
    probe(tiny_log, mass)
    assert result_of(tiny_log, "probe_mass_outside_stratum").status == "pass"


@pytest.mark.near_miss("probe_mass_outside_stratum")
def test_near_miss_independent_masses_have_no_stratum(tiny_log):
    tiny_log.add_run(config={"sampling": "independent"})
    probe(tiny_log, 99.0)
    assert result_of(tiny_log, "probe_mass_outside_stratum").status == "pass"


def test_the_same_random_number_again_is_named(tiny_log):
    probe(tiny_log, 30.0, update_id=0)
    probe(tiny_log, 40.0, update_id=1, position=2)
    probe(tiny_log, 60.0, update_id=4, total=200.0)
    said = diagnosis(tiny_log, "random_draws_repeated")
    assert "position 1 of update 4 of run r1 was drawn at the same fraction 0.3" in said
    assert "as in update 0" in said


@pytest.mark.near_miss("random_draws_repeated")
def test_near_miss_equal_masses_of_different_totals_or_positions(tiny_log):
    probe(tiny_log, 30.0, update_id=0)
    probe(tiny_log, 30.0, update_id=1, position=2)
    probe(tiny_log, 30.0, update_id=4, total=100.001)
    assert result_of(tiny_log, "random_draws_repeated").status == "pass"


def batches(log, first, second, config, **columns):
    log.add_run(config=config)
    for update_id, ids in enumerate([first, second]):
        update = {"priority_total": 100.0, "buffer_size": 100, "last_transition_id": 99}
        draws(log, update_id=update_id, update=update, transition_id=ids, **columns)


IDS = list(range(40, 56))


@pytest.mark.parametrize("config", [UNIFORM, {"sampling": "independent"}, STRATIFIED])
def test_the_very_batch_again_is_named(tiny_log, config):
    priority = None if config is UNIFORM else 0.1
    batches(tiny_log, IDS, IDS, config, priority=priority)
    said = diagnosis(tiny_log, "batch_repeated")
    assert "update 1 of run r1 drew the very batch of update 0, all 16" in said


@pytest.mark.near_miss("batch_repeated")
def test_near_miss_the_same_transitions_at_other_positions(tiny_log):
    batches(tiny_log, IDS, IDS[::-1], UNIFORM)
    assert result_of(tiny_log, "batch_repeated").status == "pass"


@pytest.mark.near_miss("batch_repeated")
def test_near_miss_different_batches_with_each_transition_twice(tiny_log):
    """Two halves alike: a fingerprint by xor must not lose the transitions."""
    batches(tiny_log, [*range(8), *range(8)], [*range(8, 16), *range(8, 16)], UNIFORM)
    assert result_of(tiny_log, "batch_repeated").status == "pass"


@pytest.mark.near_miss("batch_repeated")
def test_near_miss_one_transition_with_nearly_all_the_priority(tiny_log):
    batches(tiny_log, [7] * 16, [7] * 16, {"sampling": "independent"}, priority=95.0)
    assert result_of(tiny_log, "batch_repeated").status == "pass"


@pytest.mark.near_miss("batch_repeated")
def test_near_miss_strata_as_narrow_as_the_leaves(tiny_log):
    """With k p above 1 for every transition, batches have hardly any choice."""
    batches(tiny_log, IDS, IDS, STRATIFIED, priority=6.25)
    assert result_of(tiny_log, "batch_repeated").status == "pass"


def ended(log, state, stored, capacity=500):
    log.add_run(config={"num_envs": 1, "n_step": 3})
    log.add("segments", **BASE, ordinal=0, state=state, end_step=stored + 2)
    log.add("updates", **BASE, update_id=0, last_transition_id=stored - 1, capacity=capacity)
    transitions(log, [0, stored - 1], capacity)


@pytest.mark.parametrize("stored", [496, 500, 504])
def test_a_run_that_failed_at_its_capacity_is_named(tiny_log, stored):
    ended(tiny_log, "failed", stored)
    assert f"with {stored} transitions stored in a capacity of 500" in diagnosis(
        tiny_log, "run_died_when_full"
    )


@pytest.mark.near_miss("run_died_when_full")
@pytest.mark.parametrize(
    ("state", "stored"),
    [("failed", 495), ("failed", 505), ("finished", 500), ("interrupted", 500), ("running", 500)],
)
def test_near_miss_a_run_that_ended_otherwise(tiny_log, state, stored):
    ended(tiny_log, state, stored)
    assert result_of(tiny_log, "run_died_when_full").status == "pass"
