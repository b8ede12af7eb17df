from __future__ import annotations

import pytest
from made_curves import curve

from rlaudit.curves import Curve, group_curves, select_curves
from rlaudit.errors import UsageError


def run(run_id, settings, *, name="cart", config_hash="", **columns):
    return curve(
        run_id,
        [1],
        [1],
        name=name,
        env_id="CartPole-v1",
        config=settings,
        config_hash=config_hash or str(sorted(settings.items())),
        **columns,
    )


def ids(groups):
    return {name: [curve.run_id for curve in curves] for name, curves in groups.items()}


PLAIN = {"noisy": "off", "n_step": 3, "dueling": True}
RUNS = [
    run("r1", PLAIN, seed=1),
    run("r2", {**PLAIN, "noisy": "factorised"}, seed=1),
    run("r3", PLAIN, seed=2),
]


def test_runs_that_differ_in_the_seed_are_a_group_named_by_what_sets_it_apart():
    assert ids(group_curves(RUNS)) == {"noisy=off": ["r1", "r3"], "noisy=factorised": ["r2"]}


def test_a_name_that_distinguishes_is_the_label():
    named = [run("r1", PLAIN, name="base"), run("r2", {**PLAIN, "n_step": 1}, name="one step")]
    assert list(group_curves(named)) == ["base", "one step"]


def test_one_group_has_the_name_of_its_runs():
    assert list(group_curves([RUNS[0], RUNS[2]])) == ["cart"]


def test_three_settings_are_named_at_most_and_labels_still_differ():
    base = {"a": 1, "b": 1, "c": 1, "d": 1}
    runs = [run("r1", base), run("r2", dict.fromkeys(base, 2)), run("r3", {**base, "d": 3})]
    assert list(group_curves(runs)) == [
        "a=1, b=1, c=1 (1)",
        "a=2, b=2, c=2 (2)",
        "a=1, b=1, c=1 (3)",
    ]


def test_how_long_a_run_was_is_named_last():
    runs = [run("r1", {"steps": 10, "z": 1}), run("r2", {"steps": 20, "z": 2})]
    assert list(group_curves(runs)) == ["z=1, steps=10", "z=2, steps=20"]


def test_runs_without_stated_settings_are_told_apart_by_name():
    runs = [run("r1", {}, name="x"), run("r2", {}, name="y"), run("r3", {}, name="x")]
    runs = [Curve(c.run_id, c.x, c.y, c.episodes, c.steps, name=c.name) for c in runs]
    assert ids(group_curves(runs)) == {"x": ["r1", "r3"], "y": ["r2"]}


def test_groups_by_settings_and_by_what_else_tells_runs_apart():
    assert ids(group_curves(RUNS, ["noisy"])) == {
        "noisy=off": ["r1", "r3"],
        "noisy=factorised": ["r2"],
    }
    assert list(group_curves(RUNS, ["run"])) == ["r1", "r2", "r3"]
    assert list(group_curves(RUNS, ["seed", "dueling"])) == [
        "seed=1, dueling=true",
        "seed=2, dueling=true",
    ]
    lacking = [*RUNS, run("r4", {"n_step": 3})]
    assert ids(group_curves(lacking, ["noisy"]))["noisy=not stated"] == ["r4"]


def test_an_unknown_key_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="no run has the setting 'nosy'") as caught:
        group_curves(RUNS, ["nosy"])
    assert caught.value.hint == "did you mean 'noisy'?"


def test_runs_are_selected_by_all_conditions():
    assert [c.run_id for c in select_curves(RUNS, "noisy=off")] == ["r1", "r3"]
    assert [c.run_id for c in select_curves(RUNS, "noisy=off, seed=2")] == ["r3"]
    assert [c.run_id for c in select_curves(RUNS, "dueling=true,run=r2")] == ["r2"]


@pytest.mark.parametrize(
    ("conditions", "message", "hint"),
    [
        ("noisy", "'noisy' selects no runs", "write KEY=VALUE, such as noisy=off"),
        ("nosy=off", "no run has the setting 'nosy'", "did you mean 'noisy'?"),
        ("noisy=of", "no run has noisy=of", "did you mean 'off'?"),
        ("noisy=factorised,seed=2", "no run has seed=2", "known: 1"),
    ],
)
def test_a_selection_that_selects_nothing_is_refused(conditions, message, hint):
    with pytest.raises(UsageError, match=message) as caught:
        select_curves(RUNS, conditions)
    assert caught.value.hint == hint
