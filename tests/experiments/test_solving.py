from __future__ import annotations

import io
from dataclasses import replace

import pytest

from rlaudit.curves import Wish
from rlaudit.errors import UsageError
from rlaudit.experiments.plan import Experiment, Variant
from rlaudit.experiments.returns import curve_plot, final_returns
from rlaudit.experiments.solving import episodes_to_solve, wilson_interval
from rlaudit.render.experiments import write_returns, write_solved

CONFIG = {"stop_at_mean_length": 2.0, "random_warm_up": True, "learning_starts": 10}
EXPERIMENT = Experiment(
    name="toy",
    title="Toy",
    source="nobody",
    env="CartPole-v1",
    preset="cartpole",
    variants=(
        Variant("a", "first", {}, published=3),
        Variant("b", "second", {}, published=3),
        Variant("c", "third", {}),
    ),
    seeds=2,
)


def add_run(log, run_id, variant, lengths):
    log.add_run(run_id, CONFIG, name=f"toy {variant}", seed=1)
    step = 0
    for episode_id, length in enumerate(lengths):
        log.add(
            "episodes",
            run_id=run_id,
            episode_id=episode_id,
            phase="train",
            start_step=step + 1,
            end_step=step + length,
            length=length,
        )
        step += length
    log.add("episodes", run_id=run_id, episode_id=99, phase="eval", end_step=step, length=10**6)


@pytest.fixture
def log(log_file):
    path, writing = log_file
    with writing() as tiny:
        # The window of 100 starts with zeros: 200 steps in all solve it. The first episode begins
        # after no step and the second after 6: both are warm-up. The third is counted.
        add_run(tiny, "a1", "a", [6, 50, 60, 84])
        add_run(tiny, "a2", "a", [6, 5, 89, 50, 50])
        add_run(tiny, "b1", "b", [6, 5, 10, 10])
        add_run(tiny, "b2", "b", [6, 5, 10])
        tiny.add_run("else", {"steps": 3}, name="toy a", seed=1)
    return path


def test_episodes_to_solve_by_hand(log):
    first, second = episodes_to_solve(EXPERIMENT, log)
    # a1 reaches 200 steps in its fourth episode, the second that counts; a2 in its third.
    assert (first.runs, first.solved, first.mean, first.median) == (2, 2, 2.5, 2.5)
    assert first.lower_bound == 2.5
    assert first.mean_interval is not None
    assert tuple(first.mean_interval) == (2, 3)
    assert (second.runs, second.solved, second.mean, second.median) == (2, 0, None, None)
    # Two and one episodes were counted when they stopped.
    assert second.lower_bound == 1.5
    assert [first.verdict, second.verdict] == ["agrees", None]


def test_a_log_without_runs_of_the_experiment_is_refused(log_file):
    path, writing = log_file
    with writing() as tiny:
        add_run(tiny, "x", "unknown", [200])
    with pytest.raises(UsageError, match="no finished run of toy"):
        episodes_to_solve(EXPERIMENT, path)


def test_wilson_interval_by_hand():
    # Of 1 in 20, by the formula worked out by hand with z = 1.96.
    assert wilson_interval(1, 20) == pytest.approx((0.00888, 0.23613), abs=1e-4)
    assert wilson_interval(0, 10).low == 0.0
    assert wilson_interval(10, 10).high == pytest.approx(1.0)


def test_most_runs_unsolved_is_said_and_nothing_else(log_file):
    path, writing = log_file
    with writing() as tiny:
        for seed in range(10):
            add_run(tiny, f"b{seed}", "b", [6, 5, 10, 10])
    (found,) = episodes_to_solve(EXPERIMENT, path)
    assert found.solved_share.high < 0.5
    assert found.verdict == "unsolved"


def test_people_get_a_table_and_machines_exact_figures(log):
    found = episodes_to_solve(EXPERIMENT, log)
    text, exact = io.StringIO(), io.StringIO()
    write_solved(text, EXPERIMENT, found, "table")
    write_solved(exact, EXPERIMENT, found, "csv")
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[4].split() == ["first", "3", "2", "of", "2", "2", "[2,", "3]", "2", "2"]
    assert lines[-1] == "first: as published"
    assert exact.getvalue().splitlines()[1].startswith("first,3,2,2,")


def test_the_plotted_share_is_that_of_the_solved_runs(log):
    plot = curve_plot(EXPERIMENT, log)
    first, second = plot.groups
    assert plot.measure.label == "share of runs that are solved"
    # One of two runs is solved after two episodes and the other after three; points are 5 apart.
    assert dict(zip(first.x, first.centre, strict=True)) == {0: 0.0, 5: 1.0}
    assert set(second.centre) == {0.0}


def test_final_returns_are_those_of_the_last_episodes(log_file):
    path, writing = log_file
    experiment = replace(EXPERIMENT, curves=Wish(by="episodes", phase="train", window=2))
    with writing() as tiny:
        for run_id, variant, returns in (("a1", "a", [1, 2, 3, 5]), ("b1", "b", [7, 9])):
            tiny.add_run(run_id, {}, name=f"toy {variant}", seed=1)
            for number, value in enumerate(returns):
                tiny.add(
                    "episodes",
                    run_id=run_id,
                    episode_id=number,
                    phase="train",
                    end_step=10 * (number + 1),
                    return_raw=float(value),
                )
    finals = final_returns(experiment, path)
    assert [(group.name, group.centre, group.interval) for group in finals] == [
        ("first", 4.0, None),
        ("second", 8.0, None),
    ]
    text = io.StringIO()
    write_returns(text, experiment, finals, "table")
    assert text.getvalue().splitlines()[-2].split() == ["first", "1", "40", "4.00", "-"]
    assert [group.name for group in curve_plot(experiment, path).groups] == ["first", "second"]
