"""Reports on priorities, weights and errors, against figures worked out by hand."""

from __future__ import annotations

import math

import pytest
from small_replay import KEYS, answer, fill, note


@pytest.fixture
def log(tiny_log):
    fill(tiny_log)
    return tiny_log


def test_draws_against_priority(log):
    """Expected of a bucket is 2 draws times its share of the total, at each update.

    Priority 1: 2 * 4/4 + 2 * 3/5 + 2 * 3/3.5; priority 2: 2 * 2/5; priority 0.5: 2 * 0.5/3.5.
    """
    expected = 2 + 1.2 + 6 / 3.5
    columns = ("priority_from", "draws", "expected_draws", "ratio")
    assert answer(log, "draws_against_priority", *columns) == [
        (0.5, 1, round(1 / 3.5, 6), 3.5),
        (1.0, 4, round(expected, 6), round(4 / expected, 6)),
        (2.0, 1, 0.8, 1.25),
    ]


def test_draws_are_not_predicted_where_priorities_are_not_accounted_for(log):
    log.con.execute("UPDATE raw.updates SET priority_total = 9 WHERE update_id = 1")
    assert note(log, "draws_against_priority").startswith("the writes that are logged do not")


def test_draws_are_not_predicted_of_uniform_replay(log):
    log.con.execute("UPDATE raw.samples SET priority = NULL")
    assert note(log, "draws_against_priority") == "samples.priority has no values"


def test_priority_quantiles(log):
    log.add("samples", **KEYS, update_id=0, batch_index=[2, 3], priority=[math.nan, math.inf])
    assert answer(log, "priority_quantiles") == [
        ("r1", 4, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 2.0, 1.0),
        ("r1", 5, 1.25, 1.0, 1.0, 2.0, 0.5, 0.5, 1.0, 2.0),
        ("r1", 6, 0.875, 0.5, 0.5, 1.0, 1.0, 1.0, 3.0, 2.0),
    ]


def test_concentration(log):
    """Mean probabilities of what was drawn: 1/4, 3/10 and 3/14, of a buffer of four."""
    log.add("samples", **KEYS, update_id=0, batch_index=2, priority=math.nan)
    assert answer(log, "concentration") == [
        ("r1", 4, 2, 4.0, 4.0, 1.0, 1.0),
        ("r1", 5, 2, 4.0, round(10 / 3, 6), round(10 / 12, 6), 1.6),
        ("r1", 6, 2, 4.0, round(14 / 3, 6), round(14 / 12, 6), round(8 / 7, 6)),
    ]


def test_weights_over_time(log):
    log.add("samples", **KEYS, update_id=0, batch_index=2, weight=math.inf)
    assert answer(log, "weights_over_time") == [
        ("r1", 4, 1, 0.4, 0.75, 0.5, 0.0, 0.9, 1.0),
        ("r1", 5, 1, 0.5, 0.525, 0.05, 0.5, round(1.05**2 / 2 / 1.0025, 6), 2.0),
        ("r1", 6, 1, 0.6, 1.0, 1.0, 0.0, 1.0, 4.0),
    ]


def test_weights_of_a_trainer_without_weights(log):
    log.con.execute("UPDATE raw.samples SET weight = NULL")
    assert note(log, "weights_over_time") == "samples.weight has no values"


def test_td_error_against_priority(log):
    """A priority p stood for the error p^2, alpha being 0.5."""
    log.add(
        "samples", **KEYS, update_id=0, priority=[1.0, math.nan, 0.0], td_error=[math.nan, 1, 1]
    )
    assert answer(log, "td_error_against_priority") == [
        ("r1", 0.5, 1.0, 1, 0.25, 1.0, 1.0, 0.0),
        ("r1", 1.0, 2.0, 4, 1.0, 3.375, 1.5, 0.5),
        ("r1", 2.0, 4.0, 1, 4.0, 1.0, 1.0, 1.0),
    ]


def test_the_epsilon_of_the_settings_is_taken_off(tiny_log):
    fill(tiny_log, config={"priority_epsilon": 0.05})
    found = answer(tiny_log, "td_error_against_priority", "error_then")
    assert found == [(0.2,), (0.95,), (3.95,)]
    tiny_log.con.execute("UPDATE raw.runs SET config = NULL")
    tiny_log.con.execute("UPDATE raw.updates SET alpha = NULL")
    found = answer(tiny_log, "td_error_against_priority", "error_then", "error_now")
    assert found == [(None, 1.0), (None, 3.375), (None, 1.0)]


def test_priority_staleness(log):
    """All first draws are of what the same update could draw first; two are drawn again."""
    assert answer(log, "priority_staleness") == [
        ("r1", "insertion", 0, 0, 4, round(4 / 6, 6), 1.25),
        ("r1", "write-back", 1, 1, 2, round(2 / 6, 6), 1.25),
    ]


def test_waits_are_put_into_powers_of_two(tiny_log):
    ids = [1, 2, 5, 13, 29]
    tiny_log.add("updates", run_id="r1", update_id=ids, last_transition_id=[9, 9, 9, 10, 10])
    tiny_log.add("samples", run_id="r1", update_id=ids, transition_id=3, priority=1.0)
    tiny_log.add("samples", run_id="r1", update_id=29, transition_id=10, priority=1.0)
    columns = ("since", "from_wait", "to_wait", "draws", "ratio")
    assert answer(tiny_log, "priority_staleness", *columns) == [
        ("insertion", 0, 0, 1, None),
        ("insertion", 16, 31, 1, None),
        ("write-back", 1, 1, 1, None),
        ("write-back", 2, 3, 1, None),
        ("write-back", 8, 15, 1, None),
        ("write-back", 16, 31, 1, None),
    ]


def test_losses_over_time(log):
    columns = ("to_step", "updates", "loss", "grad_norm", "largest_norm", "q_mean", "td_error",
               "not_finite")  # fmt: skip
    assert answer(log, "losses_over_time", *columns) == [
        (4, 1, 0.5, 1.0, 1.0, 0.0, 2.125, 0),
        (5, 1, None, 2.0, 2.0, 1.0, 0.625, 1),
        (6, 1, 0.25, 3.0, 3.0, -1.0, 5.0, 0),
    ]


def test_a_loss_that_is_not_logged_is_no_fault(tiny_log):
    tiny_log.add("updates", run_id="r1", update_id=1, grad_norm=2.0)
    assert answer(tiny_log, "losses_over_time", "loss", "grad_norm", "not_finite") == [
        (None, 2.0, 0)
    ]


def test_noise_draws(tiny_log):
    """Three updates at one step; the last one uses its online draw for the target as well."""
    tiny_log.add(
        "updates",
        run_id="r1",
        update_id=[1, 2, 3],
        env_step=7,
        noise_online=[1, 4, 4],
        noise_target=[2, 5, 4],
        noise_select=None,
    )
    tiny_log.add("updates", run_id="r2", update_id=1)
    assert answer(tiny_log, "noise_draws") == [("r1", 7, 3, 2, 3, 0, 1, None, None, None)]
    assert note_of_plain(tiny_log) == "no update and no transition names a noise draw"


def test_noise_draws_while_acting_stand_in_the_span_in_which_they_acted_first(tiny_log):
    """Updates at the steps 11 and 30: spans of one step, and nothing learned in between.

    Draw 9 acts from step 9 to step 11, draw 2 is the online one of the first update, draw 7 acts
    after the last one. An action without a draw or a step says nothing.
    """
    tiny_log.add(
        "updates",
        run_id="r1",
        update_id=[1, 2],
        env_step=[11, 30],
        noise_online=[2, 5],
        noise_target=[3, 6],
        noise_select=[4, 6],
    )
    tiny_log.add(
        "transitions",
        run_id="r1",
        transition_id=list(range(8)),
        env_step=[8, 9, 11, 15, 16, 31, 32, None],
        noise_draw=[8, 9, 9, 2, 6, 7, None, 10],
    )
    assert answer(tiny_log, "noise_draws") == [
        ("r1", 10, 0, 0, 0, 0, 0, 2, 2, 0),
        ("r1", 11, 1, 1, 1, 1, 0, 1, 0, 0),
        ("r1", 15, 0, 0, 0, 0, 0, 1, 1, 1),
        ("r1", 16, 0, 0, 0, 0, 0, 1, 1, 1),
        ("r1", 30, 1, 1, 1, 1, 1, 1, 1, 0),
    ]


def note_of_plain(log):
    log.con.execute("DELETE FROM raw.updates WHERE run_id = 'r1'")
    return note(log, "noise_draws")


def test_an_update_that_is_logged_twice_is_one(log):
    log.con.execute("INSERT INTO raw.updates FROM raw.updates WHERE update_id = 1")
    assert answer(log, "concentration", "to_step", "draws") == [(4, 2), (5, 2), (6, 2)]
    assert answer(log, "weights_over_time", "updates") == [(1,), (1,), (1,)]


def test_a_run_is_divided_into_twentieths_of_its_steps(tiny_log):
    """100 updates at steps 1, 2, ... 100: five in each twentieth, the first up to step 5."""
    steps = list(range(1, 101))
    tiny_log.add("updates", run_id="r1", update_id=steps, env_step=steps, loss=1.0)
    found = answer(tiny_log, "losses_over_time", "to_step", "updates")
    assert found == [(5 * i, 5) for i in range(1, 21)]


def test_terminal_targets(log):
    log.add("samples", **KEYS, update_id=0, transition_id=1, td_error=math.nan, weight=math.inf)
    assert answer(log, "terminal_targets") == [
        ("r1", 4, 0.0, round(2 / 3, 6), -4.0, 0.25, 0.5, 1.0),
        ("r1", 5, 1.0, 0.5, 1.0, 0.25, 0.05, 1.0),
        ("r1", 6, -1.0, 0.5, 9.0, 1.0, 1.0, 1.0),
    ]


def test_terminal_targets_of_a_run_that_draws_none(log):
    log.con.execute("UPDATE raw.transitions SET terminated = false")
    columns = ("terminal_share", "terminal_error", "other_error")
    assert answer(log, "terminal_targets", *columns)[0] == (0.0, None, -1.875)


def test_priority_course(log):
    """Two spans of the steps 4 to 6, of which the first has the updates at 4 and 5.

    The newest update of the first span drew 2 and 1, that of the second 0.5 and 1.
    """
    assert answer(log, "priority_course", spans=2, updates_per_span=1) == [
        ("r1", 5, 2, 0, 1.0, 1.0, 2.0, 2.0),
        ("r1", 6, 2, 0, 0.5, 0.5, 1.0, 1.0),
    ]
    assert answer(log, "priority_course", spans=1, updates_per_span=3) == [
        ("r1", 6, 6, 0, 0.5, 1.0, 2.0, 2.0)
    ]


def test_a_priority_that_is_no_figure_is_counted_apart(log):
    odd = [math.nan, math.inf, -math.inf, None]
    log.add("samples", **KEYS, update_id=2, batch_index=[2, 3, 4, 5], priority=odd)
    columns = ("env_step", "draws", "not_finite", "priority_max")
    assert answer(log, "priority_course", *columns, spans=1) == [(6, 9, 3, 2.0)]
    log.con.execute("UPDATE raw.updates SET env_step = NULL")
    assert note(log, "priority_course") == "no update says at which agent step it was done"
