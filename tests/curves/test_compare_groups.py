from __future__ import annotations

import math

import pytest
from made_curves import curve

from rlaudit.curves import Measure, compare_groups
from rlaudit.errors import UsageError


def group(name, finals, **columns):
    options = {"steps": 1000, "config_hash": name, **columns}
    runs = [
        curve(f"{name}{i}", [500, 1000], [0, value], seed=i, **options)
        for i, value in enumerate(finals)
    ]
    return name, runs


A, B = group("a", [1, 2, 3, 4, 5]), group("b", [3, 4, 5, 6, 107])


def test_two_groups_by_hand():
    found = compare_groups(A, B, Measure())
    assert (found.a.centre, found.b.centre, found.difference) == (3.0, 25.0, 22.0)
    # 25 pairs: those of 3 win 2 and tie 1, of 4 3 and 1, of 5 4 and 1, of 6 and 107 5 each.
    assert found.probability == (2.5 + 3.5 + 4.5 + 5 + 5) / 25
    assert found.interval.low < found.difference < found.interval.high
    assert found.probability_interval.low < found.probability < found.probability_interval.high
    assert found.warnings == ()
    assert [final.value for final in found.b.finals] == [3, 4, 5, 6, 107]


def test_the_interquartile_mean_is_not_moved_by_one_run():
    found = compare_groups(A, B, Measure(), statistic="iqm")
    assert (found.a.centre, found.b.centre, found.difference) == (3.0, 5.0, 2.0)


def test_the_other_way_round_the_difference_has_the_other_sign():
    there, back = compare_groups(A, B, Measure()), compare_groups(B, A, Measure())
    assert back.difference == -there.difference
    assert back.probability == pytest.approx(1 - there.probability)
    assert compare_groups(A, B, Measure()) == there


def warnings(a, b, **measure):
    return compare_groups(a, b, Measure(**measure)).warnings


def test_a_group_of_one_seed_has_no_interval_and_is_named():
    found = compare_groups(group("one", [7]), B, Measure())
    assert found.interval is None
    assert found.a.interval is None
    assert found.b.interval is not None
    assert found.probability_interval is None
    assert found.warnings[0].startswith(
        "group one is one run, one0: the difference has no interval"
    )


def test_few_seeds_are_remarked_on():
    (warning,) = warnings(group("few", [1, 2, 3, 4]), B)
    assert warning.startswith("group few has 4 seeds: a bootstrap interval over so few")


def test_runs_of_one_seed_and_one_setting_are_no_two_samples():
    name, runs = group("copy", [1, 2, 3, 4, 5])
    twice = [*runs[:4], curve("again", [1000], [9], seed=0, steps=1000, config_hash="copy")]
    (warning,) = warnings((name, twice), B)
    assert warning.startswith("runs copy0 and again of group copy have the same settings and the")


def test_a_group_of_several_settings_is_named():
    (warning,) = warnings(("both", [*A[1][:3], *B[1][:3]]), group("c", range(5)))
    assert warning == "group both mixes runs of 2 different settings"


def test_unequal_lengths_are_named():
    (warning,) = warnings(group("short", range(5), steps=850), A)
    assert warning == "the runs end at different agent steps, from 850 (short0) to 1,000 (a0)"
    assert warnings(group("near", range(5), steps=920), A) == ()


def test_a_mean_over_fewer_episodes_is_named():
    name, runs = group("new", range(4))
    few = curve("fresh", [1000], [4], seed=4, steps=1000, config_hash="new", episodes=40)
    (warning,) = warnings((name, [*runs, few]), A)
    assert warning == "run fresh of group new has 40 episodes of 100"
    assert warnings((name, [*runs, few]), A, phase="eval") == ()


def test_different_environments_are_named():
    a, b = group("a", range(5), env_id="x"), group("b", range(5), env_id="y")
    assert warnings(a, b) == ("the runs are of different environments: x, y",)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(UsageError, match="run a0 is in both groups"):
        compare_groups(A, ("b", A[1][:1]), Measure())
    with pytest.raises(UsageError, match="group b has no runs"):
        compare_groups(A, ("b", []), Measure())
    with pytest.raises(UsageError, match="the final return of run b1 is nan"):
        compare_groups(A, group("b", [1, math.nan]), Measure())
