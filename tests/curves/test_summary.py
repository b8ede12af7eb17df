from __future__ import annotations

import math

import numpy as np
import pytest
from made_curves import curve

from rlaudit.curves import Measure, summarise
from rlaudit.errors import UsageError


def plotted(groups, **options):
    return summarise(groups, by="steps", measure=Measure(), **options)


def one(curves, **options):
    (group,) = plotted({"g": curves}, **options).groups
    return group


A = curve("a", [10, 20, 30], [1, 2, 3])
B = curve("b", [10, 20, 30, 40], [3, 6, 9, 12])


def test_the_mean_of_two_runs_by_hand():
    group = one([A, B], ended="hold")
    assert list(group.x) == [10, 20, 30, 40]
    assert list(group.centre) == [2.0, 4.0, 6.0, 7.5]
    assert list(group.count) == [2, 2, 2, 2]
    # Of two seeds a 95% percentile interval goes from one to the other.
    assert list(group.low) == [1.0, 2.0, 3.0, 3.0]
    assert list(group.high) == [3.0, 6.0, 9.0, 12.0]


def test_a_group_ends_with_its_first_run_and_says_so():
    plot = plotted({"g": [A, B]})
    assert list(plot.groups[0].x) == [10, 20, 30]
    (note,) = plot.notes
    assert note.startswith(
        "g is drawn to 30, where its run a ends; the longest ends at 40 (--ended"
    )


def test_runs_that_go_on_may_be_followed_alone():
    group = one([A, B], ended="leave")
    assert list(group.centre) == [2.0, 4.0, 6.0, 12.0]
    assert list(group.count) == [2, 2, 2, 1]
    assert math.isnan(group.low[-1])
    assert math.isnan(group.high[-1])


def test_between_its_points_a_run_has_its_newest_value():
    # At 15 the first run has what it had at 10; the second has nothing before 15.
    group = one([curve("a", [10, 20], [1, 3]), curve("b", [15, 20], [5, 7])])
    assert list(group.x) == [15, 20]
    assert list(group.centre) == [3.0, 5.0]


def test_the_interquartile_mean_is_of_the_runs():
    runs = [curve(str(i), [10], [value]) for i, value in enumerate([0, 1, 2, 1000])]
    assert list(one(runs, statistic="iqm").centre) == [1.5]
    assert list(one(runs).centre) == [250.75]


def test_a_run_without_a_number_leaves_a_gap_and_does_not_vanish():
    broken = curve("broken", [10, 20, 30], [1, math.nan, 3])
    for ended in ("cut", "hold", "leave"):
        plot = plotted({"g": [A, broken]}, ended=ended)
        centre = plot.groups[0].centre
        assert centre[0] == 1.0
        assert math.isnan(centre[1])
        assert centre[2] == 3.0
        assert "1 of 3 means of run broken are no finite number" in plot.notes[0]


def test_a_group_without_a_common_range_is_left_out_by_name():
    apart = [curve("a", [10], [1]), curve("b", [20], [1])]
    plot = plotted({"apart": apart, "good": [A]})
    assert [group.name for group in plot.groups] == ["good"]
    assert "apart: run a ends at 10, before others begin" in plot.notes[0]
    with pytest.raises(UsageError, match="nothing can be drawn: apart: run a ends at 10"):
        plotted({"apart": apart})
    assert list(one(apart, ended="leave").x) == [20]


def test_a_group_of_no_numbers_cannot_be_drawn():
    with pytest.raises(UsageError, match="nothing can be drawn: g: 1 of 1 means of run r"):
        plotted({"g": [curve("r", [10], [math.nan])]})


def test_a_plot_has_200_points_at_most_and_the_last_one_is_kept():
    x = np.arange(1, 1002)
    group = one([curve("r", x, x)])
    assert len(group.x) == 167  # every sixth
    assert (group.x[-1], group.centre[-1]) == (1001, 1001)


def test_one_run_has_no_interval():
    assert np.isnan(one([A]).low).all()


def test_the_bootstrap_repeats_under_its_seed():
    values = np.random.default_rng(3).normal(size=(20, 2))
    runs = [curve(str(i), [10, 20], pair) for i, pair in enumerate(values)]
    first, again, other = (one(runs, seed=seed) for seed in (1, 1, 2))
    assert list(first.low) == list(again.low)
    assert list(first.low) != list(other.low)


def test_returns_of_different_environments_are_remarked_on():
    groups = {"a": [curve("a", [1], [1], env_id="x")], "b": [curve("b", [1], [1], env_id="y")]}
    assert plotted(groups).notes == ("returns of different environments share one axis: x, y",)
    normalised = summarise(groups, by="steps", measure=Measure(normalised=True))
    assert normalised.notes == ()


def test_a_run_that_is_there_twice_is_remarked_on():
    runs = [curve(run_id, [1], [1], config_hash="h", seed=3) for run_id in ("a", "copy")]
    (note,) = plotted({"g": runs}).notes
    assert note.startswith("runs a and copy of group g have the same settings and the same seed, 3")
