"""The reports behind the page's plots, on rows of which each figure is worked out by hand."""

from __future__ import annotations

import math

import pytest

from rlaudit.auditing import reporting


def rows(log, name, **given):
    with reporting(log.con) as reporter, reporter.answer(name, given) as answer:
        return [dict(zip(answer.rows.columns, row, strict=True)) for row in answer.rows]


def column(found, *keys):
    return [tuple(row[key] for key in keys) for row in found]


@pytest.fixture
def drawn(tiny_log):
    """Four updates at steps 1 to 4 of two samples each, with priorities 1 to 16."""
    tiny_log.add_run()
    tiny_log.add(
        "transitions", run_id="r1", transition_id=list(range(6)), env_index=0, priority=1.0
    )
    tiny_log.add(
        "updates",
        run_id="r1",
        update_id=[0, 1, 2, 3],
        env_step=[1, 2, 3, 4],
        last_transition_id=[1, 2, 3, 4],
        buffer_size=[2, 3, 3, 3],
        capacity=3,
        beta=[0.4, 0.6, 0.8, 1.0],
    )
    tiny_log.add(
        "samples",
        run_id="r1",
        update_id=[0, 0, 1, 1, 2, 2, 3, 3],
        batch_index=[0, 1] * 4,
        transition_id=[0, 1, 0, 2, 1, 3, 4, 4],
        priority=[1.0, 1.0, 2.0, 2.0, 4.0, 16.0, 16.0, 16.0],
        weight=[1.0, 0.5, 1.0, 0.25, 1.0, 0.1, 0.2, 0.3],
    )
    return tiny_log


def test_a_heat_map_counts_the_draws_of_each_span_and_level(drawn):
    # Spans of two steps; two levels from 1 to 16 meet at 4, which belongs to the upper one.
    found = rows(drawn, "priority_heat_map", columns=2, levels=2)
    assert column(found, "from_step", "to_step", "draws", "share_of_span") == [
        (1, 2, 4, 1.0),
        (3, 4, 4, 1.0),
    ]
    assert [row["priority_from"] for row in found] == pytest.approx([1, 4])
    assert [row["priority_to"] for row in found] == pytest.approx([4, 16])


def test_the_steps_of_a_heat_map_are_divided_without_gaps(drawn):
    found = rows(drawn, "priority_heat_map", columns=3, levels=1)
    assert column(found, "from_step", "to_step", "draws") == [(1, 2, 4), (3, 3, 2), (4, 4, 2)]


def test_a_heat_map_of_equal_priorities_has_one_level(drawn):
    drawn.con.execute("UPDATE raw.samples SET priority = 2")
    (cell,) = rows(drawn, "priority_heat_map", columns=1, levels=24)
    assert (cell["draws"], cell["share_of_span"]) == (8, 1.0)
    assert cell["priority_from"] == pytest.approx(2)
    assert cell["priority_to"] > cell["priority_from"]


def test_priorities_that_have_no_logarithm_are_counted_apart(drawn):
    for i, odd in enumerate((math.nan, math.inf, -1.0, 0.0, None)):
        drawn.con.execute("UPDATE raw.samples SET priority = ? WHERE rowid = ?", [odd, i])
    found = rows(drawn, "priority_heat_map", columns=1, levels=1)
    assert column(found, "draws", "share_of_span") == [(3, 3 / 8), (5, 5 / 8)]
    assert found[0]["priority_from"] == pytest.approx(16)
    assert (found[1]["priority_from"], found[1]["priority_to"]) == (None, None)


def test_a_heat_map_takes_an_update_that_is_logged_twice_once(drawn):
    drawn.con.execute("INSERT INTO raw.updates FROM raw.updates WHERE update_id = 0")
    assert sum(row["draws"] for row in rows(drawn, "priority_heat_map")) == 8


def test_without_priorities_there_is_no_heat_map(drawn):
    drawn.con.execute("UPDATE raw.samples SET priority = NULL")
    assert rows(drawn, "priority_heat_map") == []


def test_a_histogram_counts_transitions_by_the_times_they_were_drawn(drawn):
    # 0, 1 and 4 were drawn twice, 2 and 3 once, 5 never. The last update could draw 2, 3 and 4.
    found = rows(drawn, "replay_histogram", bars=40)
    assert column(found, "overwritten", "replays_from", "replays_to", "transitions", "draws") == [
        (False, 0, 0, 1, 0),
        (False, 1, 1, 2, 2),
        (False, 2, 2, 1, 2),
        (True, 2, 2, 2, 4),
    ]


def test_the_last_bar_holds_the_rare_great_counts(tiny_log):
    # 198 transitions were drawn once and one 500 times: 99% have one draw at most.
    tiny_log.add_run()
    tiny_log.con.execute(
        "INSERT INTO raw.transitions (run_id, transition_id) SELECT 'r1', t FROM range(199) AS r(t)"
    )
    tiny_log.add("updates", run_id="r1", update_id=0, last_transition_id=198, capacity=1000)
    tiny_log.con.execute(
        "INSERT INTO raw.samples (run_id, update_id, transition_id) "
        "SELECT 'r1', 0, greatest(t - 499, 0) FROM range(698) AS r(t)"
    )
    found = rows(tiny_log, "replay_histogram", bars=4)
    assert column(found, "replays_from", "replays_to", "transitions", "draws") == [
        (1, 1, 198, 198),
        (3, 500, 1, 500),
    ]


def test_a_histogram_does_without_the_capacity_and_leaves_out_unknown_transitions(drawn):
    drawn.con.execute("UPDATE raw.updates SET capacity = NULL")
    drawn.con.execute("UPDATE raw.samples SET transition_id = 99 WHERE transition_id = 4")
    found = rows(drawn, "replay_histogram")
    assert column(found, "overwritten", "replays_from", "transitions") == [
        (None, 0, 2),
        (None, 1, 2),
        (None, 2, 2),
    ]


def test_a_histogram_has_by_default_as_many_bars_as_a_terminal_shows(tiny_log):
    """Transition t of 300 was drawn t times: bar 0, ten of 30 counts each, none for the rest."""
    tiny_log.add_run()
    tiny_log.con.execute(
        "INSERT INTO raw.transitions (run_id, transition_id) SELECT 'r1', t FROM range(300) AS r(t)"
    )
    tiny_log.add("updates", run_id="r1", update_id=0, last_transition_id=299, capacity=1000)
    tiny_log.con.execute(
        "INSERT INTO raw.samples (run_id, update_id, transition_id) "
        "SELECT 'r1', 0, t FROM range(300) AS r(t), range(r.t)"
    )
    found = column(rows(tiny_log, "replay_histogram"), "replays_from", "replays_to", "transitions")
    bars = [(30 * bar + 1, 30 * bar + 30, 30) for bar in range(9)]
    assert found == [(0, 0, 1), *bars, (271, 300, 29)]


def test_draws_over_time_have_quantiles_of_each_span(drawn):
    first, second = rows(drawn, "draws_over_time", spans=2)
    assert (first["from_step"], first["to_step"], first["updates"], first["draws"]) == (1, 2, 2, 4)
    # Ages of the first span: 1, 0, 2, 0; of the second: 2, 0, 0, 0.
    assert [first[f"age_p{q}"] for q in ("05", "50", "95")] == [0, 0, 2]
    assert [second[f"age_p{q}"] for q in ("05", "50", "95")] == [0, 0, 2]
    assert [first[f"priority_p{q}"] for q in ("05", "50", "95")] == [1, 1, 2]
    assert [second[f"weight_p{q}"] for q in ("05", "50", "95")] == pytest.approx([0.1, 0.2, 1])
    assert (first["beta"], second["beta"]) == pytest.approx((0.5, 0.9))
    assert (first["buffer_size"], second["buffer_size"]) == (2.5, 3)


def test_draws_over_time_leave_out_what_is_no_finite_number(drawn):
    drawn.con.execute("UPDATE raw.samples SET priority = 'nan', weight = NULL")
    drawn.con.execute("UPDATE raw.updates SET beta = 'inf' WHERE update_id = 0")
    (span,) = rows(drawn, "draws_over_time", spans=1)
    assert (span["priority_p50"], span["weight_p50"], span["draws"]) == (None, None, 8)
    assert span["beta"] == pytest.approx(0.8)


def test_updates_without_samples_have_a_row_and_updates_without_steps_none(drawn):
    drawn.con.execute("DELETE FROM raw.samples WHERE update_id = 3")
    assert [row["draws"] for row in rows(drawn, "draws_over_time", spans=4)] == [2, 2, 2, 0]
    drawn.con.execute("UPDATE raw.updates SET env_step = NULL")
    assert rows(drawn, "draws_over_time") == rows(drawn, "priority_heat_map") == []
