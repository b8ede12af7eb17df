"""Reports on learning, runs, time and the log, against figures worked out by hand."""

from __future__ import annotations

import math

import pytest
from small_replay import KEYS, answer, fill, note

from rlaudit.errors import UsageError


def add_episodes(log, run_id, returns, **columns):
    count = len(returns)
    log.add(
        "episodes",
        **{
            "run_id": run_id,
            "episode_id": list(range(count)),
            "phase": "train",
            "end_step": list(range(10, 10 * count + 1, 10)),
            "length": 10,
            "return_raw": returns,
            **columns,
        },
    )


def test_learning_curve(tiny_log):
    add_episodes(tiny_log, "r1", [1.0, 3.0, math.nan, None, 8.0], length=[1, 2, 3, 4, 5])
    add_episodes(tiny_log, "r2", [2.0], phase=None)
    assert answer(tiny_log, "learning_curve", block=2) == [
        ("r1", 1, 2, 20, 2.0, 1.0, 3.0, 1.5, 0),
        ("r1", 3, 4, 40, None, None, None, 3.5, 2),
        ("r1", 5, 5, 50, 8.0, 8.0, 8.0, 5.0, 0),
        ("r2", 1, 1, 10, 2.0, 2.0, 2.0, 10.0, 0),
    ]
    assert note(tiny_log, "learning_curve", phase="evl") == (
        "no finished episode has that phase (with phase = evl)"
    )
    with pytest.raises(UsageError, match="block is 0, but must be at least 1"):
        answer(tiny_log, "learning_curve", block=0)


def test_return_by_step(tiny_log):
    """Two spans of the 40 steps: training episodes end at 10, 20, 30, 40, evaluations at 20."""
    add_episodes(tiny_log, "r1", [1.0, 3.0, math.inf, 8.0])
    add_episodes(tiny_log, "r1", [10.0, 20.0], phase="eval", end_step=20, episode_id=[-1, -2])
    assert answer(tiny_log, "return_by_step", spans=2) == [
        ("r1", 20, 2, 2.0, 10.0, 2, 15.0),
        ("r1", 40, 2, 8.0, 10.0, 0, None),
    ]


def test_evaluations(tiny_log):
    add_episodes(
        tiny_log,
        "r1",
        [1.0, 3.0, 3.0, 5.0, 7.0],
        phase=["eval", "eval", "eval", "eval", "train"],
        end_step=[100, 100, 100, 200, 200],
        action_hash=[1, 2, 2, None, 5],
        first_obs_hash=[9, 9, 9, 9, 9],
        truncated=[False, True, True, False, True],
    )
    deviation = round(math.sqrt(4 / 3), 6)
    mean = round(7 / 3, 6)
    assert answer(tiny_log, "evaluations") == [
        ("r1", 100, 3, 2, mean, deviation, 1.0, 3.0, 10.0, 2),
        ("r1", 200, 1, None, 5.0, None, 5.0, 5.0, 10.0, 0),
    ]


def test_an_evaluation_that_never_was_is_told(tiny_log):
    add_episodes(tiny_log, "r1", [1.0])
    assert note(tiny_log, "evaluations").startswith("no run was evaluated")


def test_episode_endings(tiny_log):
    """Twentieths of 100 steps: two episodes end in the first, one in the last."""
    add_episodes(
        tiny_log,
        "r1",
        [0.0, 0.0, 0.0],
        end_step=[2, 5, 100],
        length=[2, 3, 500],
        terminated=[True, True, False],
        truncated=[False, None, True],
        lives_lost=[1, 2, None],
    )
    assert answer(tiny_log, "episode_endings") == [
        ("r1", 5, 2, 2, 0, 1.5, 2, 2, 3),
        ("r1", 100, 1, 0, 1, None, 500, 500, 500),
    ]


def test_run_results(tiny_log):
    """The last 100 of 101 returns are 0 and ninety-nine 2; the first 100 a 300, a 0, and 2s."""
    tiny_log.add_run("r1", env_id="CartPole-v1", seed=7)
    tiny_log.add_run("r2", env_id="CartPole-v1", seed=8)
    tiny_log.add_run("r3", env_id="CartPole-v1")
    add_episodes(tiny_log, "r1", [300.0, 0.0, *[2.0] * 99])
    add_episodes(tiny_log, "r2", [5.0, math.nan, 6.0])
    evaluated = {"phase": "eval", "end_step": [500, 900, 900], "episode_id": [-1, -2, -3]}
    add_episodes(tiny_log, "r2", [1.0, 50.0, 60.0], **evaluated)
    tiny_log.add("updates", run_id="r1", update_id=[1, 1, 2])
    assert answer(tiny_log, "run_results") == [
        ("r2", "CartPole-v1", 8, 30, 2, 0, 5.5, 5.5, 55.0),
        ("r1", "CartPole-v1", 7, 1010, 101, 2, 1.98, 4.96, None),
        ("r3", "CartPole-v1", None, None, 0, 0, None, None, None),
    ]


def test_config_differences(tiny_log):
    for run, n_step, double in (("r1", 1, True), ("r2", 3, True), ("r3", 3, None)):
        config = {"n_step": n_step, "gamma": 0.99, "seed": int(run[1])}
        tiny_log.add_run(
            run, config if double is None else {**config, "double": double}, env_id="e"
        )
    tiny_log.add_run("other", None)
    for run, returns in (("r1", [1.0, 3.0]), ("r2", [10.0]), ("r3", [20.0, math.nan])):
        add_episodes(tiny_log, run, returns)
    assert answer(tiny_log, "config_differences") == [
        ("e", "double", "true", 2, 6.0, 2.0, 10.0, ["r1", "r2"]),
        ("e", "double", None, 1, 20.0, 20.0, 20.0, ["r3"]),
        ("e", "n_step", "1", 1, 2.0, 2.0, 2.0, ["r1"]),
        ("e", "n_step", "3", 2, 15.0, 10.0, 20.0, ["r2", "r3"]),
    ]
    found = answer(tiny_log, "config_differences", "setting", "value", runs=["r2", "r3"])
    assert found == [("double", "true"), ("double", None)]
    assert answer(tiny_log, "config_differences", runs=["r1"]) == []


def test_a_setting_that_goes_with_the_environment_differs_as_well(tiny_log):
    for run, env, v_max in (("r1", "a", 10), ("r2", "b", 20), ("r3", "b", 20)):
        tiny_log.add_run(run, {"v_max": v_max, "n_step": 1}, env_id=env)
    assert answer(tiny_log, "config_differences", "env_id", "setting", "value", "runs") == [
        ("a", "v_max", "10", 1),
        ("b", "v_max", "20", 2),
    ]


def test_settings_of_any_name_and_kind_are_compared(tiny_log):
    odd = {'a"b.$': [1], "": {"x": 1}, "c": "5"}
    tiny_log.add_run("r1", odd)
    tiny_log.add_run("r2", {**odd, 'a"b.$': [2], "c": 5})
    tiny_log.add_run("r2", {"copy": "of the run's row"})
    found = answer(tiny_log, "config_differences", "setting", "value")
    assert found == [('a"b.$', "[1]"), ('a"b.$', "[2]")]


def test_seeds_and_hosts(tiny_log):
    versions = '{"python": "3.11.7", "torch": "2.13.0", "rlaudit": "0.1"}'
    shared = {"env_id": "e", "config_hash": "h", "host": "here", "source": "mine"}
    tiny_log.add_run("r1", seed=1, started_at="2026-01-01", versions=versions, **shared)
    tiny_log.add_run("r2", seed=1, started_at="2026-01-02", **shared)
    tiny_log.add_run("r3", seed=2, started_at="2026-01-03", **shared)
    tiny_log.add_run("r4")
    columns = ("run_id", "seed", "same_settings", "same_seed", "host", "python", "torch", "rlaudit")
    assert answer(tiny_log, "seeds_and_hosts", *columns) == [
        ("r1", 1, 3, 2, "here", "3.11.7", "2.13.0", "0.1"),
        ("r2", 1, 3, 2, "here", None, None, None),
        ("r3", 2, 3, 1, "here", None, None, None),
        ("r4", None, None, None, None, None, None, None),
    ]


def test_gaps_and_restarts(tiny_log):
    tiny_log.add(
        "segments",
        run_id=["r1", "r1", "r2"],
        segment_id=["s1", "s2", "s3"],
        ordinal=[0, 1, None],
        state=["running", "finished", None],
        host="vm",
        started_at=["2026-01-01 00:00:00", "2026-01-01 00:02:00", None],
        heartbeat_at=["2026-01-01 00:01:00", "2026-01-01 00:03:00", None],
        ended_at=[None, "2026-01-01 00:04:00", None],
        start_step=[0, 800, None],
        end_step=[1000, 2000, None],
        resumed_from=[None, "s1", None],
        resume_step=[None, 800, None],
        rows_dropped=[{"samples": 3, "updates": 4}, {"samples": 0}, None],
    )
    columns = ("run_id", "ordinal", "state", "pause_before", "start_step", "end_step", "redone",
               "dropped")  # fmt: skip
    assert answer(tiny_log, "gaps_and_restarts", *columns) == [
        ("r1", 0, "running", None, 0, 1000, None, 7),
        ("r1", 1, "finished", 60.0, 800, 2000, 200, 0),
        ("r2", None, None, None, None, None, None, None),
    ]


def test_throughput(tiny_log):
    """Updates at 1, 3 and 7 seconds, one step apart: the first has none before it."""
    fill(tiny_log)
    tiny_log.add("segments", run_id="r1", segment_id="s1", ordinal=0)
    assert answer(tiny_log, "throughput") == [
        ("r1", 0, 5, 2.0, 0.5, 0.5, 2.0, 4),
        ("r1", 0, 6, 4.0, 0.25, 0.25, 4.0, 4),
    ]


def test_throughput_of_a_trainer_without_processes(tiny_log):
    tiny_log.add("updates", run_id="r1", update_id=[1, 2], elapsed_seconds=[0.0, math.nan])
    assert note(tiny_log, "throughput") == "nothing in the log matches"
    tiny_log.add("updates", run_id="r1", update_id=3, elapsed_seconds=4.0)
    assert answer(tiny_log, "throughput", "ordinal", "steps_a_second") == [(None, 0.5)]


def test_time_spent(tiny_log):
    tiny_log.add(
        "segments",
        run_id="r1",
        segment_id=["s1", "s2"],
        ordinal=[0, 1],
        started_at=["2026-01-01 00:00:00", "2026-01-01 00:02:00"],
        heartbeat_at=["2026-01-01 00:01:00", "2026-01-01 00:02:30"],
        ended_at=["2026-01-01 00:01:00", None],
    )
    tiny_log.add(
        "updates",
        run_id="r1",
        segment_id=["s1", "s1", "s2", "s2"],
        update_id=[1, 2, 3, 4],
        env_step=[100, 200, 300, 400],
        elapsed_seconds=[10.0, 40.0, 5.0, 12.0],
    )
    tiny_log.add(
        "events",
        run_id="r1",
        segment_id=["s1", "s1", "s2", "elsewhere"],
        env_step=[100, 200, 300, 300],
        kind=["checkpoint", "checkpoint", "evaluation", "evaluation"],
        detail=['{"seconds": 0.5}', '{"seconds": 0.25}', None, None],
    )
    assert answer(tiny_log, "time_spent") == [
        ("r1", 0, None, 60.0, 10.0, 30.0, 20.0, None, 0.75),
        ("r1", 1, 60.0, 30.0, 5.0, 7.0, 18.0, 7.0, None),
    ]


def test_missing_rows(tiny_log):
    tiny_log.add("updates", run_id="r1", update_id=[1, 2, 2, 5, 6, 10])
    tiny_log.add("transitions", run_id="r1", transition_id=[0, 1, 2])
    tiny_log.add("episodes", run_id="r1", episode_id=[-3, 0, 1])
    assert answer(tiny_log, "missing_rows") == [
        ("r1", "episodes", 0, 1, 2, 0, 0, 0, None, 0),
        ("r1", "transitions", 0, 2, 3, 0, 0, 0, None, 0),
        ("r1", "updates", 1, 10, 6, 5, 2, 3, 10, 1),
    ]


def test_log_size(tiny_log):
    """An event has a time and a step of 8 bytes each; an update after the resume is obsolete."""
    tiny_log.add_run()
    tiny_log.add("segments", run_id="r1", segment_id=["s1", "s2"], ordinal=[0, 1],
                 resumed_from=[None, "s1"], resume_update_id=[None, 5])  # fmt: skip
    tiny_log.add("updates", run_id="r1", segment_id=["s1", "s1", "s2"], update_id=[5, 6, 6])
    tiny_log.add("events", run_id="r1", segment_id="s2", kind=["a", "b"])
    found = {row[1]: row for row in answer(tiny_log, "log_size")}
    assert found["events"][:6] == ("r1", "events", 2, 0, 16, 32)
    assert found["updates"][:4] == ("r1", "updates", 3, 1)
    assert found["segments"][2:4] == (2, 0)
    assert round(sum(row[6] for row in found.values()), 4) == 1
    total = sum(row[5] for row in found.values())
    assert found["events"][6] == round(32 / total, 6)


def test_episodes_of_a_run_are_those_that_are_asked_for(tiny_log):
    fill(tiny_log)
    tiny_log.add("episodes", **{**KEYS, "run_id": "r2"}, episode_id=0, end_step=1, return_raw=1.0)
    assert [row[0] for row in answer(tiny_log, "learning_curve")] == ["r1", "r2"]
    assert [row[0] for row in answer(tiny_log, "learning_curve", runs=["r2"])] == ["r2"]


def test_runs(tiny_log):
    """A trainer that names no phase trains; the last 100 of 101 returns are 2."""
    tiny_log.add_run("r1", name="mine", env_id="e", started_at="2026-01-02")
    tiny_log.add_run("r2", started_at="2026-01-01")
    tiny_log.add_run(None)
    add_episodes(tiny_log, "r1", [500.0, *[2.0] * 100], phase=None)
    add_episodes(tiny_log, "r1", [900.0], phase="eval", episode_id=500)
    tiny_log.add(
        "segments",
        run_id="r1",
        segment_id=["s1", "s2"],
        ordinal=[0, 1],
        state=["dead", "running"],
        end_step=[1000, 1010],
        rows_written=[{"samples": 30, "updates": 2}, {"samples": 5}],
        rows_spooled=[None, {"samples": 4}],
    )
    columns = ("run_id", "name", "env_id", "steps", "episodes", "mean_return", "rows", "state")
    assert answer(tiny_log, "runs", *columns) == [
        ("r2", None, None, 0, 0, None, 0, None),
        ("r1", "mine", "e", 1010, 101, 2.0, 41, "running"),
    ]


def test_episodes_to_solve(tiny_log):
    """The window of 100 begins with zeros: 100 steps in all are a mean length of 1.

    Of r1 the first episode begins within the warm-up of 10 steps, the third that counts reaches
    100; r2 has 40 steps; r3 aims at nothing that can be reached.
    """
    aim = {"stop_at_mean_length": 1.0, "random_warm_up": True, "learning_starts": 10}
    tiny_log.add_run("r1", aim, name="a", seed=5)
    tiny_log.add_run("r2", {"stop_at_mean_length": 1}, name="b")
    for number, never in enumerate((0, None, "soon", [1], "inf", "nan")):
        tiny_log.add_run(f"r3-{number}", {"stop_at_mean_length": never})
    for run in ("r1", "r2"):
        count = 5 if run == "r1" else 2
        add_episodes(
            tiny_log,
            run,
            [0.0] * count,
            length=[20, 20, 30, 30, 40][:count],
            start_step=[1, 21, 41, 71, 101][:count],
            end_step=[20, 40, 70, 100, 140][:count],
        )
    assert answer(tiny_log, "episodes_to_solve") == [
        ("r1", "a", 5, 4, 140, 3),
        ("r2", "b", None, 2, 40, None),
    ]


def test_declared_departures(tiny_log):
    weighted = {"prioritized": True, "importance_sampling": True, "update_period": 4}
    tiny_log.add_run(
        "most",
        {
            **weighted,
            "sampling": "independent",
            "weight_population": "capacity",
            "capacity": 1000,
            "beta_anneal_episodes": 50,
            "loss": "abs",
            "time_limit_is_terminal": True,
            "max_episode_steps": 200,
            "target_sync_agent_steps": 4,
        },
    )
    tiny_log.add_run("none", {**weighted, "sampling": "stratified", "loss": "huber"})
    tiny_log.add_run("unweighted", {"prioritized": True, "importance_sampling": False})
    tiny_log.add_run("uniform", {"prioritized": False, "importance_sampling": False})
    assert answer(tiny_log, "declared_departures", "run_id", "setting") == [
        ("most", "beta_anneal_episodes"),
        ("most", "loss"),
        ("most", "sampling"),
        ("most", "target_sync_agent_steps"),
        ("most", "time_limit_is_terminal"),
        ("most", "weight_population"),
        ("unweighted", "importance_sampling"),
    ]
    found = dict(answer(tiny_log, "declared_departures", "setting", "departure", runs=["most"]))
    assert "over 50 of them" in found["beta_anneal_episodes"]
    assert "the capacity of 1000 also" in found["weight_population"]
    assert note(tiny_log, "evaluations") == "episodes has no rows"


def test_settings_that_depart_from_nothing_are_told(tiny_log):
    tiny_log.add_run("r1", {"prioritized": True, "sampling": "stratified"})
    assert note(tiny_log, "declared_departures").startswith("the settings depart from the papers")
