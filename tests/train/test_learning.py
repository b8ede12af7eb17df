"""That the presets learn: a short form for every day, and the whole with ``-m slow``."""

from __future__ import annotations

import numpy as np
import pytest

from rlaudit.presets import resolve
from rlaudit.store import open_for_reading
from rlaudit.train import run_training


def lengths_of_cartpole(db, *, seed, episodes):
    config = resolve("CartPole-v1", atari=False, from_flags={"seed": seed, "episodes": episodes})
    assert run_training(config, db).state == "finished"
    with open_for_reading(db) as log:
        rows = log.con.sql("SELECT length FROM episodes ORDER BY end_step").fetchall()
    return np.array(rows)[:, 0]


def test_cartpole_learns_within_160_episodes(tmp_path):
    lengths = lengths_of_cartpole(tmp_path / "a.duckdb", seed=1, episodes=160)
    # A random policy stands for 22 steps on average.
    assert lengths[-30:].mean() > 3 * 22


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_cartpole_stands_for_195_steps_by_episode_400(tmp_path, seed):
    lengths = lengths_of_cartpole(tmp_path / "a.duckdb", seed=seed, episodes=400)
    assert lengths[-100:].mean() >= 195
