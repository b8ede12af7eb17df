from __future__ import annotations

import json
import math

import numpy as np
import polars as pl
import pytest

from rlaudit.curves import Curve, Wish, read_curves
from rlaudit.errors import DatabaseError, UsageError


@pytest.fixture
def written(log_file):
    """Write runs of CartPole with the given returns; return the path of the log."""
    path, writing = log_file

    def write(returns_by_run, *, phase="train", **columns):
        with writing() as log:
            for number, (run_id, returns) in enumerate(returns_by_run.items()):
                log.add_run(
                    run_id,
                    {"n_step": 3, "seed": number},
                    env_id="CartPole-v1",
                    name="cart",
                    seed=number,
                    config_hash="h",
                )
                log.add("segments", run_id=run_id, segment_id=run_id, started_at="2026-01-01")
                if not len(returns):
                    continue
                count = len(returns)
                defaults = {
                    "end_step": [10 * (i + 1) for i in range(count)],
                    "ended_at": "2026-01-01 00:30:00",
                    "terminated": True,
                }
                _add_episodes(
                    log.con,
                    count,
                    run_id=run_id,
                    segment_id=run_id,
                    episode_id=list(range(count)),
                    phase=phase,
                    return_raw=list(returns),
                    **{**defaults, **columns},
                )
        return path

    return write


def _add_episodes(con, count, **columns):
    """Add rows in one statement, which takes thousands of them in milliseconds."""
    rows = pl.DataFrame(
        {
            name: value if isinstance(value, list) else [value] * count
            for name, value in columns.items()
        }
    )
    con.register("rows_to_add", rows)
    con.execute("INSERT INTO raw.episodes BY NAME FROM rows_to_add")


def values(curve):
    return [(float(x), float(y)) for x, y in zip(curve.x, curve.y, strict=True)]


def test_the_mean_of_each_hundred_episodes_by_hand(written):
    path = written({"r1": range(250)})
    (curve,), measure, notes = read_curves(path, Wish())
    assert values(curve) == [(100, 49.5), (200, 149.5)]
    assert list(curve.steps) == [1000, 2000]
    assert str(measure) == "mean return of the last 100 training episodes"
    assert notes == []


def test_what_is_known_of_the_run_comes_along(written):
    path = written({"r1": range(100)})
    (curve,), _, _ = read_curves(path, Wish())
    assert (curve.run_id, curve.name, curve.env_id) == ("r1", "cart", "CartPole-v1")
    assert (curve.seed, curve.config_hash, curve.source) == (0, "h", str(path))
    assert curve.config == {"n_step": 3, "seed": 0}


def test_by_steps_each_episode_is_a_point_with_the_mean_up_to_it(written):
    path = written({"r1": range(250)})
    (curve,), _, _ = read_curves(path, Wish(by="steps"))
    assert list(curve.x) == [10 * (i + 1) for i in range(250)]
    assert curve.y[0] == 0.0
    assert curve.y[1] == 0.5
    assert curve.y[99] == 49.5
    assert curve.y[-1] == 199.5  # 150 to 249
    assert list(curve.episodes[[0, 99, 249]]) == [1, 100, 100]


def test_a_life_counts_as_an_episode_and_a_game_shares_its_return(written):
    path = written({"r1": range(40)}, lives_lost=5)
    (curve,), measure, _ = read_curves(path, Wish(lives=True))
    assert values(curve) == [(100, sum(range(20)) / 100), (200, sum(range(20, 40)) / 100)]
    assert str(measure) == "mean return of the last 100 lives"


def test_lives_are_counted_in_whole_games(written):
    # Of 3 lives each, means over 4: the games that end within lives 3, 6 = 3 to 6, 9 and 12.
    path = written({"r1": [3.0, 9.0, 0.0, 6.0]}, lives_lost=3)
    (curve,), _, _ = read_curves(path, Wish(lives=True, window=4))
    assert values(curve) == [(3, 1.0), (6, 2.0), (12, 1.0)]


def test_a_game_that_is_cut_off_has_one_life_more_than_it_lost(written):
    path = written({"r1": [6.0, 6.0]}, lives_lost=[2, 0], terminated=[False, True])
    (curve,), _, _ = read_curves(path, Wish(by="steps", lives=True, window=1))
    assert list(curve.y) == [2.0, 6.0]


def test_clipped_returns_are_asked_for_by_name(written):
    path = written({"r1": [10.0] * 100}, return_clipped=[2.0] * 100)
    (curve,), measure, _ = read_curves(path, Wish(clipped=True))
    assert list(curve.y) == [2.0]
    assert str(measure) == "mean clipped return of the last 100 training episodes"


def test_a_log_without_clipped_returns_says_so(written):
    path = written({"r1": [10.0] * 100})
    with pytest.raises(UsageError, match="training episodes have no clipped return"):
        read_curves(path, Wish(clipped=True))


def test_the_mean_of_each_evaluation_by_hand(written):
    path = written({"r1": [1.0, 3.0, 5.0, 10.0]}, phase="eval", end_step=[100, 100, 200, 200])
    (curve,), measure, _ = read_curves(path, Wish(by="steps"))
    assert values(curve) == [(100, 2.0), (200, 7.5)]
    assert list(curve.episodes) == [2, 2]
    assert str(measure) == "mean return of an evaluation"


def test_training_episodes_are_taken_where_a_run_was_never_evaluated(written):
    written({"r1": [1.0, 2.0]}, phase="eval", end_step=100)
    path = written({"r2": [7.0] * 5})
    curves, measure, notes = read_curves(path, Wish(by="steps", window=5))
    assert [curve.run_id for curve in curves] == ["r2"]
    assert measure.phase == "train"
    assert notes == ["1 of 2 runs have no finished training episode and were left out: r1"]


def test_hours_leave_out_the_pause_before_a_resume(log_file):
    path, writing = log_file
    with writing() as log:
        log.add_run("r1")
        log.add(
            "segments",
            run_id="r1",
            segment_id=["s1", "s2"],
            ordinal=[0, 1],
            started_at=["2026-01-01 00:00", "2026-01-01 05:00"],
            heartbeat_at=["2026-01-01 01:00", "2026-01-01 06:00"],
            ended_at=[None, "2026-01-01 06:00"],
        )
        log.add(
            "episodes",
            run_id="r1",
            segment_id=["s1", "s2"],
            episode_id=[0, 1],
            phase="train",
            end_step=[10, 20],
            return_raw=[1.0, 3.0],
            ended_at=["2026-01-01 00:15", "2026-01-01 05:30"],
        )
    (curve,), _, _ = read_curves(path, Wish(by="hours", window=2))
    assert values(curve) == [(0.25, 1.0), (1.5, 2.0)]


def test_without_times_there_are_no_hours(written):
    path = written({"r1": range(100)}, ended_at=None)
    with pytest.raises(UsageError, match="r1 was left out: its episodes have no times"):
        read_curves(path, Wish(by="hours"))


def test_a_long_run_is_thinned_to_points_that_a_shorter_one_has_as_well(written):
    path = written({"r1": range(1200), "r2": range(600)})
    long, short = read_curves(path, Wish(window=1))[0]
    # At most 500 points: every tenth of 1200, since every second would be 600; and of 600 that.
    assert list(long.x) == list(range(10, 1201, 10))
    assert list(short.x) == list(range(2, 601, 2))
    assert set(long.x[long.x <= 600]) < set(short.x)
    assert list(long.y) == [x - 1 for x in long.x]


def test_by_steps_the_last_episode_is_kept_whatever_is_left_out(written):
    path = written({"r1": range(1207)})
    (curve,), _, _ = read_curves(path, Wish(by="steps", window=1))
    assert len(curve.x) == 121
    assert values(curve)[-1] == (12070.0, 1206.0)


def test_no_mean_hides_a_return_that_is_no_number_or_spreads_it(written):
    path = written({"r1": [1.0, 2.0, math.nan, 4.0, 6.0, math.inf, 8.0, 10.0]})
    (curve,), _, _ = read_curves(path, Wish(by="steps", window=2))
    finite = np.isfinite(curve.y)
    assert list(finite) == [True, True, False, False, True, False, False, True]
    assert list(curve.y[finite]) == [1.0, 1.5, 5.0, 9.0]


def test_a_run_with_fewer_episodes_than_a_mean_is_left_out_by_name(written):
    path = written({"r1": range(100), "r2": range(12)})
    curves, _, notes = read_curves(path, Wish())
    assert [curve.run_id for curve in curves] == ["r1"]
    assert notes == [
        "r2 was left out: it has 12 of the 100 training episodes of one mean (--window)"
    ]


@pytest.mark.parametrize(("episodes", "window"), [(1, 1), (9, 1), (10, 2), (60, 10), (99, 10)])
def test_short_runs_get_a_shorter_mean_unless_one_is_asked_for(written, episodes, window):
    path = written({"r1": range(episodes)})
    _, measure, (note,) = read_curves(path, Wish())
    assert measure.window == window
    assert note.startswith(f"no run has 100 episodes yet, the longest has {episodes}: each mean is")
    with pytest.raises(
        UsageError, match=f"no run has 100 training episodes, the longest .*{episodes}"
    ):
        read_curves(path, Wish(window=100))


def test_parallel_environments_are_put_in_the_order_in_which_episodes_ended(written):
    path = written({"r1": [1.0, 2.0, 3.0]}, end_step=[30, 20, 10])
    (curve,), _, _ = read_curves(path, Wish(window=1))
    assert list(curve.y) == [3.0, 2.0, 1.0]


def test_several_logs_and_folders_and_a_choice_of_runs(written, tmp_path):
    path = written({"r1": range(100), "r2": range(100, 200)})
    (tmp_path / "other.duckdb").write_bytes(b"")
    curves, _, notes = read_curves([tmp_path], Wish(runs=("r2",)))
    assert [(curve.run_id, float(curve.y[0])) for curve in curves] == [("r2", 149.5)]
    assert notes == [f"{tmp_path / 'other.duckdb'} is no rlaudit log and was left out"]
    with pytest.raises(UsageError, match="no run has the id 'r3'") as caught:
        read_curves(path, Wish(runs=("r3",)))
    assert caught.value.hint.startswith("did you mean 'r")


def test_a_log_that_states_no_settings_can_be_read(log_file):
    path, writing = log_file
    with writing() as log:
        log.add("runs", run_id=["r1", "r2"], config=[None, json.dumps([1])])
        log.add("episodes", run_id=["r1", "r2", "r3"], episode_id=0, return_raw=1.0, end_step=10)
    curves, _, _ = read_curves(path, Wish(window=1))
    assert {curve.run_id for curve in curves} == {"r1", "r2", "r3"}
    assert all(curve.config == {} for curve in curves)


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (Wish(), "no run has a finished training episode"),
        (Wish(lives=True), "no run has a finished life in training"),
        (Wish(by="steps", phase="eval"), "no run has a finished evaluation episode"),
        (Wish(window=0), "no mean is over 0 episodes"),
        (Wish(phase="eval"), "evaluations are not counted in training episodes"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(written, wish, message):
    path = written({"r1": []})
    with pytest.raises(UsageError, match=message):
        read_curves(path, wish)


def test_files_that_are_no_logs(tmp_path, log_file):
    (tmp_path / "x.duckdb").write_text("hi")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DatabaseError, match=r"x\.duckdb is not a DuckDB database"):
        read_curves(tmp_path / "x.duckdb", Wish())
    with pytest.raises(UsageError, match=r"has no \.duckdb file in it or below"):
        read_curves(empty, Wish())
    path, writing = log_file
    with writing():
        pass
    with pytest.raises(UsageError, match="the logs have no runs"):
        read_curves(path, Wish())


def test_returns_that_are_in_no_log_make_the_same_curve(written):
    path = written({"r1": range(250)})
    (logged,), _, _ = read_curves(path, Wish())
    made = Curve.of_episodes("r1", range(250), seed=0)
    assert values(made) == values(logged)
    assert list(made.episodes) == list(logged.episodes)
    assert (made.run_id, made.seed) == ("r1", 0)
    assert values(Curve.of_episodes("r2", [1.0, 3.0, 5.0], window=2)) == [(2, 2.0)]
