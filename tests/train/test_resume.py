"""A run that was killed and resumed is the run that was not, row by row."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from typing import NamedTuple

import numpy as np
import pytest
from interrupted_runs import CARTPOLE, config_of, interrupted, rows_of, whole_run

from rlaudit.cli import main
from rlaudit.envs import make_envs
from rlaudit.errors import CheckpointError, UsageError
from rlaudit.store import open_for_writing
from rlaudit.train import build, resume_training, run_training
from rlaudit.train import run as run_module
from rlaudit.train.checkpoint import default_folder

BREAKOUT = {
    "env": "breakout",
    "preset": "data-efficient",
    "hidden_units": 16,
    "batch_size": 8,
    "capacity": 300,
    "learning_starts": 150,
    "update_period": 4,
    "n_step": 3,
    "steps": 800,
    "num_envs": 2,
    "sticky_actions": 0.25,
    "eval_every": 500,
    "eval_episodes": 2,
    "eval_epsilon": 1.0,
    "seed": 4,
}
# Trains, and kills itself at or after a step: hard, with everything up to there flushed, so that
# the log has rows that the resumed run makes obsolete.
KILLED = """
import json, os, signal, sys
from pathlib import Path
from rlaudit.presets import resolve
from rlaudit.envs import resolve_env
from rlaudit.train import checkpoint, run, run_training

settings, db, every, at, where = json.loads(sys.argv[1])
follow, write_arrays = run._Run._follow, checkpoint.write_arrays
step, evaluated = 0, 0

def follow_to_the_end(self, tick):
    global step, evaluated
    follow(self, tick)
    evaluated = evaluated + 1 if self._loop.env_step == step else 0
    step = self._loop.env_step
    there = {
        "at a step": True,
        "while evaluating": evaluated == 7,
        "after evaluating": tick.evaluation,
        "while saving": False,
    }
    if step >= at and there[where]:
        self._record()
        self._recorder.flush()
        os.kill(os.getpid(), signal.SIGKILL)

def write_half(path, arrays):
    if step >= at and where == "while saving":
        write_arrays(path, dict(list(arrays.items())[:5]))
        os.kill(os.getpid(), signal.SIGKILL)
    write_arrays(path, arrays)

run._Run._follow, checkpoint.write_arrays = follow_to_the_end, write_half
found = resolve_env(settings.pop("env"))
preset = settings.pop("preset", None)
config = resolve(found.name, atari=found.is_atari, preset=preset, from_flags=settings)
run_training(config, Path(db), run_id="r", checkpoint_every=every)
"""


def train_until_killed(settings, db, *, every, at, where="at a step"):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, json.dumps([settings, str(db), every, at, where])],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == -9, done.stderr


def assert_same_run(one, other):
    found, expected = whole_run(one), whole_run(other)
    for table, rows in expected.items():
        assert rows or table == "events"
        assert found[table] == rows, table


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The log of a run that nothing happened to, by its environment."""
    logs = {}
    for settings in (CARTPOLE, BREAKOUT):
        db = tmp_path_factory.mktemp("plain") / "runs.duckdb"
        run_training(config_of(settings), db, run_id="r")
        logs[settings["env"]] = db
    return logs


class Kill(NamedTuple):
    """When a run is killed, where it goes on from, and how much that it had logged is obsolete."""

    every: int
    at: int
    where: str
    saved_at: int
    evaluations_redone: int = 0


# With environments side by side a step is the first at or after a multiple: 501 and 750 of 250.
@pytest.mark.parametrize(
    ("settings", "kill"),
    [
        (CARTPOLE, Kill(300, 696, "at a step", 600)),
        (CARTPOLE, Kill(250, 696, "while evaluating", 750)),
        (CARTPOLE, Kill(250, 696, "after evaluating", 750, evaluations_redone=1)),
        (CARTPOLE, Kill(250, 696, "while saving", 501, evaluations_redone=1)),
        (BREAKOUT, Kill(250, 696, "at a step", 500, evaluations_redone=1)),
        (BREAKOUT, Kill(250, 500, "while evaluating", 500)),
    ],
)
def test_a_killed_and_resumed_run_equals_the_uninterrupted_one(
    tmp_path, uninterrupted, settings, kill, capsys
):
    plain, killed = uninterrupted[settings["env"]], tmp_path / "killed.duckdb"
    train_until_killed(settings, killed, every=kill.every, at=kill.at, where=kill.where)
    summary = resume_training("r", killed)
    assert summary.state == "finished"
    assert_same_run(killed, plain)
    first, second = rows_of(
        killed,
        """
        SELECT segment_id, resumed_from, resume_step, start_step, resume_transition_id,
               resume_update_id, state
        FROM segments ORDER BY ordinal
        """,
    )
    assert second[1] == first[0]
    assert second[2] == second[3] == kill.saved_at
    assert second[6] == "finished"
    for table, key, last in (("transitions", "transition_id", 4), ("updates", "update_id", 5)):
        ends = rows_of(
            killed, f"SELECT min({key}), max({key}) FROM {table} GROUP BY segment_id ORDER BY 1"
        )
        assert (ends[0][0], ends[0][1] + 1, ends[1][0]) == (0, second[last] + 1, second[last] + 1)
    obsolete = "SELECT (SELECT count(*) FROM raw.{0}) - (SELECT count(*) FROM {0})"
    assert (rows_of(killed, obsolete.format("samples"))[0][0] > 0) == (kill.at > kill.saved_at)
    assert rows_of(killed, obsolete.format("events")) == [(kill.evaluations_redone,)]
    assert main(["check-duplicates", str(killed)]) == 0, capsys.readouterr().out
    assert main(["audit", str(killed)]) == 0, capsys.readouterr().out


def test_a_run_can_be_interrupted_and_resumed_any_number_of_times(tmp_path, monkeypatch, capsys):
    plain, parts = tmp_path / "plain.duckdb", tmp_path / "parts.duckdb"
    run_training(config_of(CARTPOLE), plain, run_id="r")
    follow = run_module._Run._follow

    def stop_now_and_then(self, tick):
        follow(self, tick)
        ticks[self._loop.env_step] = ticks.get(self._loop.env_step, 0) + 1
        if ticks[self._loop.env_step] == stop[self._loop.env_step]:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(run_module._Run, "_follow", stop_now_and_then)
    # In a step like any other, before an evaluation, and twice in the middle of one.
    for first, at in enumerate([(246, 1), (501, 1), (750, 9), (750, 20), (0, 1)]):
        ticks, stop = {}, defaultdict(int, [at])
        if first == 0:
            summary = run_training(config_of(CARTPOLE), parts, run_id="r", checkpoint_every=5_000)
        else:
            summary = resume_training("r", parts)
    assert summary.state == "finished"
    assert_same_run(parts, plain)
    assert rows_of(parts, "SELECT kind, count(*) FROM events GROUP BY 1 ORDER BY 1") == [
        ("checkpoint", 4),
        ("evaluation", 4),
        ("interrupt", 4),
        ("resume", 4),
    ]
    assert rows_of(parts, "SELECT count(*) FROM segments") == [(5,)]
    assert main(["audit", str(parts)]) == 0, capsys.readouterr().out


def test_checkpoints_stand_beside_the_log_and_the_last_two_are_kept(db):
    config = config_of({**CARTPOLE, "steps": 500, "num_envs": 1})
    run_training(config, db, run_id="r", checkpoint_every=100)
    folder = db.with_name("runs.duckdb.checkpoints") / "r"
    assert sorted(p.name for p in folder.iterdir()) == ["step-000000400", "step-000000500"]
    events = rows_of(db, "SELECT env_step, detail FROM events WHERE kind = 'checkpoint'")
    assert [step for step, _ in events] == [100, 200, 300, 400, 500]
    detail = json.loads(events[-1][1])
    size = sum(p.stat().st_size for p in (folder / "step-000000500").iterdir())
    assert (detail["folder"], detail["bytes"]) == ("step-000000500", size)


def test_checkpoints_do_not_change_the_run(tmp_path):
    plain, saving = tmp_path / "plain.duckdb", tmp_path / "saving.duckdb"
    run_training(config_of(CARTPOLE), plain, run_id="r")
    run_training(config_of(CARTPOLE), saving, run_id="r", checkpoint_every=150)
    assert_same_run(saving, plain)


def test_a_run_that_is_finished_or_unknown_or_alive_is_not_resumed(db, tmp_path):
    interrupted(db)
    with pytest.raises(CheckpointError, match="no checkpoint of run 'q'"):
        resume_training("q", db)
    elsewhere = tmp_path / "other.duckdb"
    run_training(config_of({**CARTPOLE, "steps": 30}), elsewhere, run_id="x")
    with pytest.raises(UsageError, match="has no run 'r'"):
        resume_training("r", elsewhere, checkpoints=default_folder(db))
    with open_for_writing(db) as con:
        con.execute("UPDATE raw.segments SET state = 'running', heartbeat_at = now()")
    with pytest.raises(UsageError, match=f"still running in process {os.getpid()}"):
        resume_training("r", db)
    with open_for_writing(db) as con:
        con.execute("UPDATE raw.segments SET state = 'finished'")
    with pytest.raises(UsageError, match="is finished"):
        resume_training("r", db)


def test_of_two_processes_that_resume_a_run_at_once_the_second_is_refused(db, monkeypatch):
    interrupted(db)
    restore = run_module.restore

    def meanwhile(loop, checkpoint):
        restore(loop, checkpoint)
        monkeypatch.setattr(run_module, "restore", restore)
        with open_for_writing(db) as con:
            con.execute(
                """
                INSERT INTO raw.segments
                SELECT * REPLACE (
                    'other' AS segment_id, 1 AS ordinal, segment_id AS resumed_from,
                    'running' AS state, now() AT TIME ZONE 'UTC' AS heartbeat_at, 1 AS pid
                )
                FROM raw.segments
                """
            )

    monkeypatch.setattr(run_module, "restore", meanwhile)
    with pytest.raises(UsageError, match="run 'r' is still running in process 1 on"):
        resume_training("r", db)
    assert rows_of(db, "SELECT segment_id = 'other' FROM segments ORDER BY ordinal") == [
        (False,),
        (True,),
    ]


def test_a_checkpoint_of_another_log_is_refused(db, tmp_path):
    interrupted(db)
    for settings, message in (({}, "of another log"), ({"seed": 9}, "other settings")):
        other = tmp_path / f"{len(settings)}.duckdb"
        interrupted(other, **settings)
        with pytest.raises(CheckpointError, match=message):
            resume_training("r", other, checkpoints=default_folder(db))


def test_an_environment_that_does_not_repeat_itself_is_refused_by_name(db, monkeypatch):
    interrupted(db)

    def drifting(config):
        env = make_envs(config)
        step = env.step

        def drift(actions):
            taken = step(actions)
            return taken._replace(observations=taken.observations + np.float32(1e-3))

        env.step = drift
        return env

    monkeypatch.setattr(build, "make_envs", drifting)
    with pytest.raises(CheckpointError, match="came to another observation than the stored one"):
        resume_training("r", db)
    assert rows_of(db, "SELECT count(*) FROM segments") == [(1,)]


def test_a_run_without_checkpoints_needs_no_place_for_them_and_one_with_them_does():
    with pytest.raises(UsageError, match="none is written"):
        run_training(config_of(CARTPOLE), None, checkpoint_every=100)


def test_a_full_disk_costs_the_checkpoint_and_not_the_run(db, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    notes = []
    monkeypatch.setattr(run_module, "save", full)
    config = config_of({**CARTPOLE, "steps": 300})
    summary = run_training(config, db, checkpoint_every=120, on_note=notes.append)
    assert summary.state == "finished"
    assert [n for n in notes if "no checkpoint" in n] == [
        f"no checkpoint at step {step}: [Errno 28] No space left on device"
        for step in (120, 240, 300)
    ]
