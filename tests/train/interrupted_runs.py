"""A run that was interrupted, and what two logs of one run must agree in."""

from __future__ import annotations

import os
import signal

import pytest

from rlaudit.envs import resolve_env
from rlaudit.presets import resolve
from rlaudit.store import open_for_reading
from rlaudit.train import run as run_module
from rlaudit.train import run_training
from rlaudit.train.checkpoint import default_folder, run_folder

CARTPOLE = {
    "env": "CartPole-v1",
    "hidden_units": 16,
    "batch_size": 16,
    "capacity": 400,
    "learning_starts": 100,
    "steps": 1_200,
    "target_sync_agent_steps": 70,
    "num_envs": 3,
    "eval_every": 250,
    "eval_episodes": 4,
    "seed": 3,
}

ROWS = {
    "episodes": """
        * EXCLUDE (segment_id, ended_at) FROM episodes WHERE run_id = 'r' ORDER BY episode_id
    """,
    "transitions": """
        * EXCLUDE (segment_id) FROM transitions WHERE run_id = 'r' ORDER BY transition_id
    """,
    "updates": """
        * EXCLUDE (segment_id, elapsed_seconds) FROM updates WHERE run_id = 'r' ORDER BY update_id
    """,
    "samples": """
        * EXCLUDE (segment_id) FROM samples WHERE run_id = 'r' ORDER BY update_id, batch_index
    """,
    "events": """
        env_step, detail FROM events WHERE run_id = 'r' AND kind = 'evaluation' ORDER BY env_step
    """,
}


def config_of(settings):
    flags = dict(settings)
    found = resolve_env(flags.pop("env"))
    preset = flags.pop("preset", None)
    return resolve(found.name, atari=found.is_atari, preset=preset, from_flags=flags)


def rows_of(db, query):
    with open_for_reading(db) as log:
        return log.con.sql(query).fetchall()


def whole_run(db):
    """All rows of run r by table, but for what differs between any two of its logs."""
    return {table: rows_of(db, f"SELECT {query}") for table, query in ROWS.items()}


def interrupted(db, run_id="r", **settings):
    """A run that was interrupted at step 300, with checkpoints at 200 and 300."""

    def stop(self, tick):
        follow(self, tick)
        if self._loop.env_step >= 300:
            os.kill(os.getpid(), signal.SIGINT)

    follow = run_module._Run._follow
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module._Run, "_follow", stop)
        config = config_of({**CARTPOLE, "eval_every": 0, **settings})
        summary = run_training(config, db, run_id=run_id, name="mine", checkpoint_every=200)
    assert summary.state == "interrupted"
    return run_folder(default_folder(db), run_id)
