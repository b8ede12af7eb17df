"""Logs for the page, made of formulas: runs as a trainer would log them, and odd ones."""

from __future__ import annotations

import json

EPISODES, STEPS_EACH = 30, 10
STEPS = EPISODES * STEPS_EACH
FIRST_UPDATE, BATCH, CAPACITY = 100, 4, 200


def add_run(
    con,
    run_id,
    *,
    name="cart",
    config=None,
    seed=1,
    episodes=EPISODES,
    returned="e",
    priority="1 + t % 7",
    weight="1 / (1 + t % 7)",
    beta="0.4 + 0.6 * u / 200",
    started="2026-01-01",
    state="finished",
    learns=True,
):
    """Add a run of ``episodes`` episodes of ten steps, with an update at every step from 100.

    ``returned``, ``priority``, ``weight`` and ``beta`` are SQL of the episode ``e``, the
    transition ``t`` and the update ``u``.
    """
    stated = json.dumps(config or {"env": "CartPole-v1", "n_step": 1})
    con.execute(
        "INSERT INTO raw.runs (run_id, name, env_id, config, config_hash, seed, started_at) "
        "VALUES (?, ?, 'CartPole-v1', ?, md5(?), ?, ?::TIMESTAMP)",
        [run_id, name, stated, stated, seed, started],
    )
    con.execute(
        "INSERT INTO raw.segments (run_id, segment_id, ordinal, start_step, end_step, state, "
        "started_at, heartbeat_at, rows_written) "
        "VALUES (?, ?, 0, 0, ?, ?, ?::TIMESTAMP, ?::TIMESTAMP, MAP {'episodes': 30})",
        [run_id, f"{run_id}-0", episodes * STEPS_EACH, state, started, started],
    )
    con.execute(
        "INSERT INTO raw.episodes (run_id, segment_id, episode_id, env_index, phase, start_step, "
        "end_step, length, return_raw, terminated, truncated) "
        f"SELECT ?, ?, e, 0, 'train', e * 10 + 1, e * 10 + 10, 10, {returned}, true, false "
        "FROM range(?) AS r(e)",
        [run_id, f"{run_id}-0", episodes],
    )
    con.execute(
        "INSERT INTO raw.transitions (run_id, segment_id, transition_id, slot, generation, "
        "env_index, episode_id, episode_step, env_step, n_rewards, priority) "
        "SELECT ?, ?, t, t % 200, t // 200, 0, t // 10, t % 10, t + 1, 1, 1 FROM range(?) AS r(t)",
        [run_id, f"{run_id}-0", episodes * STEPS_EACH],
    )
    if not learns:
        return
    con.execute(
        "INSERT INTO raw.updates (run_id, segment_id, update_id, env_step, last_transition_id, "
        "buffer_size, capacity, batch_size, beta) "
        f"SELECT ?, ?, u, u + 100, u + 99, least(u + 100, 200), 200, 4, {beta} "
        "FROM range(?) AS r(u)",
        [run_id, f"{run_id}-0", episodes * STEPS_EACH - FIRST_UPDATE],
    )
    con.execute(
        "INSERT INTO raw.samples (run_id, segment_id, update_id, batch_index, transition_id, "
        "priority, weight) "
        f"SELECT run_id, segment_id, u, b, t, {priority}, {weight} FROM ("
        "    SELECT run_id, segment_id, update_id AS u, b, "
        "        last_transition_id - (update_id * 7 + b * 31) % buffer_size AS t "
        "    FROM raw.updates, range(4) AS r(b) WHERE run_id = ?)",
        [run_id],
    )


def copy_run(con, copies):
    """Add ``copies`` of each run of the log, run-0 and so on, a second apart and of other seeds."""
    for table in ("runs", "segments", "episodes", "transitions", "updates", "samples"):
        other = "'run-' || i AS run_id"
        if table == "runs":
            other += ", i AS seed, started_at + to_seconds(i + 1) AS started_at"
        con.execute(
            f"INSERT INTO raw.{table} SELECT * EXCLUDE (i) REPLACE ({other}) "
            f"FROM (FROM raw.{table}), range({copies}) AS r(i)"
        )
