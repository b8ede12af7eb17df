"""What a real run leaves in its log, asked in SQL."""

from __future__ import annotations

import json

import numpy as np
import pytest

from rlaudit.agent.agent import Agent
from rlaudit.envs import resolve_env
from rlaudit.errors import ReplayError, RunExistsError
from rlaudit.presets import resolve
from rlaudit.replay.replay import Replay
from rlaudit.store import open_for_reading
from rlaudit.train import run_training

RUNS = {
    "breakout": ("breakout", {"steps": 1_900}),
    "breakout, four environments": (
        "breakout",
        {"steps": 1_900, "num_envs": 4, "terminal_on_life_loss": True},
    ),
    "cartpole": ("cartpole", {"steps": 1_500}),
    "cartpole, independent draws, buffer normaliser, a ring that wraps": (
        "cartpole",
        {
            "steps": 1_500,
            "num_envs": 3,
            "capacity": 700,
            "sampling": "independent",
            "weight_normaliser": "buffer",
            "insert_priority": "live-max",
            "noisy": "independent",
        },
    ),
}


def train(name, db, **flags):
    env = resolve_env(name)
    config = resolve(env.name, atari=env.is_atari, from_flags={"seed": 1, **flags})
    return run_training(config, db)


@pytest.fixture(scope="module", params=list(RUNS))
def run(request, tmp_path_factory):
    name, flags = RUNS[request.param]
    db = tmp_path_factory.mktemp("run") / "a.duckdb"
    summary = train(name, db, **flags)
    assert summary.state == "finished"
    with open_for_reading(db) as log:
        yield log.con


def one(con, query):
    return con.sql(query).fetchall()[0]


def test_there_are_as_many_samples_as_updates_times_batch(run):
    updates, samples = one(run, "SELECT count(*), sum(batch_size) FROM updates")
    assert updates > 0
    assert one(run, "SELECT count(*) FROM samples") == (samples,)


def test_every_agent_step_is_in_one_episode(run):
    steps, open_steps = one(run, "SELECT end_step, open_episode_steps FROM segments")
    (finished,) = one(run, "SELECT sum(length) FROM episodes WHERE phase = 'train'")
    assert steps == finished + open_steps


def test_every_step_is_stored_once_but_for_the_last_open_windows(run):
    stored, distinct = one(
        run, "SELECT count(*), count(DISTINCT (episode_id, episode_step)) FROM transitions"
    )
    (steps,) = one(run, "SELECT end_step FROM segments")
    n_step, num_envs = one(
        run, "SELECT (config->>'n_step')::INT, (config->>'num_envs')::INT FROM runs"
    )
    assert stored == distinct
    assert steps - (n_step - 1) * num_envs <= stored <= steps


def test_every_sample_names_a_transition_in_its_slot(run):
    assert one(
        run,
        """
        SELECT count(*) FROM samples AS s LEFT JOIN transitions AS t USING (run_id, transition_id)
        WHERE (t.slot = s.slot AND t.generation = s.generation
               AND s.generation = s.generation_written) IS NOT TRUE
        """,
    ) == (0,)


def test_each_sample_shows_the_priority_that_the_last_write_left(run):
    (wrong,) = one(
        run,
        """
        WITH written AS (
            SELECT update_id, transition_id, priority, priority_new,
                   lag(priority_new) OVER (
                       PARTITION BY transition_id ORDER BY update_id
                       RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                   ) AS left_by_last
            FROM samples
        )
        SELECT count(*) FROM written JOIN transitions AS t USING (transition_id)
        WHERE written.priority IS DISTINCT FROM coalesce(left_by_last, t.priority)
        """.replace("lag(priority_new)", "last_value(priority_new)"),
    )
    assert wrong == 0


def test_weights_follow_from_priorities_beta_and_size(run):
    error_raw, error = one(
        run,
        """
        SELECT max(abs(s.weight_raw
                       - pow(u.buffer_size * s.priority / u.priority_total, -u.beta))),
               max(abs(s.weight - s.weight_raw / u.weight_normaliser))
        FROM samples AS s JOIN updates AS u USING (update_id)
        """,
    )
    assert error_raw < 1e-5
    assert error < 1e-5


def test_new_priorities_follow_from_the_errors(run):
    (error,) = one(
        run,
        """
        SELECT max(abs(priority_new - pow(abs(td_error) + (config->>'priority_epsilon')::DOUBLE,
                                          (config->>'alpha')::DOUBLE)))
        FROM samples, runs
        """,
    )
    assert error < 1e-5


def test_the_total_is_the_sum_of_the_leaves(run):
    (error,) = one(run, "SELECT max(abs(leaf_sum / priority_total - 1)) FROM updates")
    assert error < 1e-12


def test_rewards_and_discounts_follow_from_the_steps_of_the_window(run):
    (wrong,) = one(
        run,
        """
        SELECT count(*) FROM (
            SELECT t.transition_id, any_value(t.reward_sum) AS held, any_value(t.n_rewards) AS n,
                   sum(pow(0.99, o.episode_step - t.episode_step) * o.reward_clipped) AS found,
                   count(*) AS rows_found, any_value(t.discount) AS discount
            FROM transitions AS t JOIN transitions AS o
              ON o.episode_id = t.episode_id
             AND o.episode_step BETWEEN t.episode_step AND t.episode_step + t.n_rewards - 1
            GROUP BY t.transition_id
        ) WHERE rows_found = n AND (abs(found - held) < 1e-9 AND discount = pow(0.99, n))
                IS NOT TRUE
        """,
    )
    assert wrong == 0


def test_the_state_a_window_reaches_is_the_one_its_episode_was_in(run):
    compared, differing = one(
        run,
        """
        SELECT count(*), count(*) FILTER (t.next_obs_hash != later.obs_hash)
        FROM transitions AS t JOIN transitions AS later
          ON later.episode_id = t.end_episode_id AND later.episode_step = t.end_episode_step
        """,
    )
    assert compared > 500
    assert differing == 0


def test_rebuilt_stacks_are_of_one_episode_and_show_the_stored_observation(run):
    wrong, shallow = one(
        run,
        """
        SELECT count(*) FILTER ((probe_obs_hash = t.obs_hash
                   AND probe_first_episode_id = t.episode_id
                   AND probe_last_episode_id = t.episode_id
                   AND probe_last_step = t.episode_step
                   AND probe_last_step - probe_first_step = probe_frames - 1) IS NOT TRUE),
               count(*) FILTER (probe_frames < least(t.episode_step + 1, width))
        FROM updates AS u
        JOIN samples AS s ON s.update_id = u.update_id AND s.batch_index = u.probe_batch_index
        JOIN transitions AS t USING (transition_id),
             (SELECT CASE WHEN env_id = 'breakout' THEN 4 ELSE 1 END AS width FROM runs)
        """,
    )
    assert (wrong, shallow) == (0, 0)


def test_noise_is_drawn_for_each_act_step_and_each_pass(run):
    num_envs = one(run, "SELECT (config->>'num_envs')::INT FROM runs")[0]
    draws, steps = one(run, "SELECT count(DISTINCT noise_draw), count(*) FROM transitions")
    assert draws == pytest.approx(steps / num_envs, abs=3)
    assert one(
        run,
        """
        SELECT count(*) FROM updates
        WHERE (noise_select < noise_target AND noise_target < noise_online) IS NOT TRUE
        """,
    ) == (0,)


def test_the_run_states_its_whole_config_and_its_rows(run):
    config, rows, state = one(
        run, "SELECT config, rows_written, state FROM runs JOIN segments USING (run_id)"
    )
    assert json.loads(config)["seed"] == 1
    assert state == "finished"
    for table, count in rows.items():
        assert one(run, f"SELECT count(*) FROM raw.{table}") == (count,)


def test_the_log_changes_nothing_and_a_seed_gives_the_same_run(tmp_path):
    def episodes(db):
        summary = train("cartpole", db, steps=1_200, num_envs=2)
        return summary.final.mean_return, summary.final.episodes, summary.mean_length

    logged = episodes(tmp_path / "a.duckdb")
    assert logged == episodes(None)
    assert logged == episodes(tmp_path / "b.duckdb")
    hashes = []
    for name in ("a", "b"):
        with open_for_reading(tmp_path / f"{name}.duckdb") as log:
            hashes.append(
                log.con.sql(
                    "SELECT episode_id, length, observation_hash, action_hash FROM episodes "
                    "ORDER BY episode_id"
                ).fetchall()
            )
    assert hashes[0] == hashes[1]


def test_a_run_without_priorities_or_noise_leaves_their_columns_empty(tmp_path):
    flags = {
        "prioritized": False,
        "distributional": False,
        "noisy": "off",
        "double": False,
        "steps": 900,
    }
    train("cartpole", tmp_path / "a.duckdb", **flags)
    with open_for_reading(tmp_path / "a.duckdb") as log:
        found = one(
            log.con,
            """
            SELECT count(priority), count(priority_new), count(noise_online), count(mass_error),
                   min(weight), max(weight), count(td_error)
            FROM samples JOIN updates USING (update_id)
            """,
        )
    assert found[:4] == (0, 0, 0, 0)
    assert found[4:6] == (1.0, 1.0)
    assert found[6] > 0


def test_a_run_id_that_exists_is_refused(tmp_path):
    config = resolve("CartPole-v1", atari=False, from_flags={"steps": 10})
    run_training(config, tmp_path / "a.duckdb", run_id="mine")
    with pytest.raises(RunExistsError, match="mine"):
        run_training(config, tmp_path / "a.duckdb", run_id="mine")


def test_a_diverged_run_ends_as_failed_with_the_rows_that_show_it(tmp_path, monkeypatch):
    learn = Agent.learn

    def diverge(self, batch):
        learned = learn(self, batch)
        return learned._replace(td_errors=np.full_like(learned.td_errors, np.nan))

    monkeypatch.setattr(Agent, "learn", diverge)
    summary = train("cartpole", tmp_path / "a.duckdb", steps=900)
    assert summary.state == "failed"
    assert "not a finite number" in summary.problem
    with open_for_reading(tmp_path / "a.duckdb") as log:
        assert one(log.con, "SELECT state FROM segments") == ("failed",)
        assert one(log.con, "SELECT kind FROM events") == ("nan",)
        assert one(log.con, "SELECT count(*) FROM samples WHERE isnan(td_error)") == (32,)


def test_an_error_in_the_loop_leaves_all_rows_that_led_to_it(tmp_path, monkeypatch):
    add = Replay.add

    def break_at_the_600th(self, window):
        if self.last_transition_id == 598:
            raise ReplayError("broken for the test")
        return add(self, window)

    monkeypatch.setattr(Replay, "add", break_at_the_600th)
    with pytest.raises(ReplayError, match="broken for the test"):
        train("cartpole", tmp_path / "a.duckdb", steps=900)
    with open_for_reading(tmp_path / "a.duckdb") as log:
        assert one(log.con, "SELECT state FROM segments") == ("failed",)
        assert one(log.con, "SELECT max(transition_id) >= 597 FROM transitions") == (True,)
        steps, open_steps = one(log.con, "SELECT end_step, open_episode_steps FROM segments")
        assert one(log.con, "SELECT sum(length) FROM episodes") == (steps - open_steps,)
