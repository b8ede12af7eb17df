from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys

import pytest

from rlaudit.store import list_runs, open_for_reading, open_for_writing, pid_alive, run_state

NOW = dt.datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - the log's times have no zone


def state_of(
    state="running",
    age=1.0,
    host="here",
    alive=True,
):
    row = {
        "state": state,
        "heartbeat_at": None if age is None else NOW - dt.timedelta(seconds=age),
        "host": host,
        "pid": 7,
    }
    return run_state(row, NOW, "here", {7: alive}.get)


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        ({}, "running"),
        ({"age": 59}, "running"),
        ({"age": 61}, "dead"),
        ({"age": None}, "dead"),
        ({"alive": False}, "dead"),
        ({"alive": None}, "running"),
        ({"alive": False, "host": "elsewhere"}, "running"),
        ({"age": 61, "host": "elsewhere"}, "dead"),
        ({"state": "finished", "age": 9999, "alive": False}, "finished"),
        ({"state": "interrupted", "age": 9999, "alive": False}, "interrupted"),
        ({"state": "failed", "age": 9999, "alive": False}, "failed"),
        ({"state": None}, "dead"),
    ],
)
def test_the_state_of_a_segment(segment, expected):
    assert state_of(**segment) == expected


@pytest.mark.skipif(os.name != "posix", reason="asking for a process is safe on POSIX only")
def test_a_process_lives_until_it_is_gone():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert pid_alive(process.pid) is True
        process.kill()
        process.wait(20)
        assert pid_alive(process.pid) is False
    assert pid_alive(1) is True


def test_runs_are_listed_with_what_a_user_asks_first(db):
    with open_for_writing(db) as con:
        con.execute(
            "INSERT INTO raw.runs (run_id, name, env_id, started_at) VALUES "
            "('b', 'later', 'cartpole', '2026-01-02'), ('a', 'earlier', 'breakout', '2026-01-01')"
        )
        con.execute(
            "INSERT INTO raw.segments (run_id, segment_id, ordinal, resumed_from, resume_step, "
            "end_step, state, heartbeat_at, rows_written, rows_spooled) VALUES "
            "('a', '00', 0, NULL, NULL, 900, 'running', '2026-01-01', MAP {'samples': 64}, NULL), "
            "('a', '01', 1, '00', 600, 1300, 'finished', '2026-01-01', "
            " MAP {'samples': 32, 'events': 1}, MAP {'samples': 3})"
        )
        # 120 train episodes that return 0, 1, 2, ..., an evaluation, and one that the resume
        # made obsolete.
        con.execute(
            "INSERT INTO raw.episodes (run_id, segment_id, episode_id, phase, end_step, return_raw)"
            " SELECT 'a', '01', range, 'train', 700, range FROM range(120) UNION ALL"
            " SELECT 'a', '01', 200, 'eval', 700, 1e6 UNION ALL"
            " SELECT 'a', '00', 130, 'train', 800, 1e9"
        )
    with open_for_reading(db) as log:
        first, second = list_runs(log)
    assert (first.run_id, first.name, first.env_id) == ("a", "earlier", "breakout")
    assert first.state == "finished"
    assert (first.steps, first.episodes, first.rows) == (1300, 120, 100)
    assert first.mean_return == sum(range(20, 120)) / 100
    assert first.started_at == dt.datetime(2026, 1, 1)  # noqa: DTZ001 - the log's times have no zone
    assert (second.run_id, second.state, second.steps, second.rows) == ("b", "dead", 0, 0)
    assert (second.episodes, second.mean_return) == (0, None)
