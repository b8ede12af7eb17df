"""Evaluation episodes: what they are, what they log, and that training does not notice them."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest

from rlaudit.agent.agent import Acted, Agent
from rlaudit.agent.networks import QNetwork
from rlaudit.envs import make_envs, resolve_env
from rlaudit.presets import resolve
from rlaudit.store import open_for_reading
from rlaudit.train import run as run_module
from rlaudit.train import run_training
from rlaudit.train.build import build_loop
from rlaudit.train.evaluation import STEPS_WITHOUT_LIMIT
from rlaudit.train.loop import TrainingLoop

SMALL = {"hidden_units": 16, "batch_size": 16, "learning_starts": 100, "steps": 700, "seed": 5}
EVALUATED = {"eval_every": 200, "eval_episodes": 4}


def config_of(env="cartpole", **flags):
    found = resolve_env(env)
    return resolve(found.name, atari=found.is_atari, from_flags={**SMALL, **flags})


def rows_of(db, query):
    with open_for_reading(db) as log:
        return log.con.sql(query).fetchall()


# Ids count evaluation episodes as well, so training's are compared by their rank.
TRAINING = {
    "episodes": """
        SELECT env_index, start_step, end_step, length, return_raw, terminated, seed,
               first_obs_hash, action_hash, observation_hash, noise_draws
        FROM episodes WHERE phase = 'train' ORDER BY episode_id
    """,
    "transitions": """
        SELECT * EXCLUDE (run_id, segment_id, episode_id, end_episode_id),
               dense_rank() OVER (ORDER BY episode_id), episode_id = end_episode_id
        FROM transitions ORDER BY transition_id
    """,
    "updates": """
        SELECT * EXCLUDE (run_id, segment_id, elapsed_seconds, probe_first_episode_id,
                          probe_last_episode_id)
        FROM updates ORDER BY update_id
    """,
    "samples": """
        SELECT * EXCLUDE (run_id, segment_id) FROM samples ORDER BY update_id, batch_index
    """,
}


@pytest.mark.parametrize(
    "flags",
    [{}, {"noisy": "off", "num_envs": 3}, {"prioritized": False, "num_envs": 2}],
    ids=["noise", "epsilon-greedy", "uniform"],
)
def test_training_is_the_same_with_and_without_evaluation(tmp_path, flags):
    plain, evaluated = tmp_path / "plain.duckdb", tmp_path / "evaluated.duckdb"
    run_training(config_of(**flags), plain)
    run_training(config_of(**flags, **EVALUATED), evaluated)
    for query in TRAINING.values():
        found = rows_of(plain, query)
        assert found
        assert rows_of(evaluated, query) == found
    assert rows_of(evaluated, "SELECT count(*) FROM episodes WHERE phase = 'eval'") == [(12,)]


def test_evaluations_stand_in_the_log_at_their_steps(tmp_path):
    db = tmp_path / "a.duckdb"
    run_training(config_of(num_envs=3, **EVALUATED, eval_epsilon=0.2), db)
    events = rows_of(
        db, "SELECT env_step, detail FROM events WHERE kind = 'evaluation' ORDER BY env_step"
    )
    # With three environments the first steps at or after each multiple of 200.
    assert [step for step, _ in events] == [201, 402, 600]
    for step, text in events:
        detail = json.loads(text)
        first = detail["first_episode_id"]
        episodes = rows_of(
            db,
            f"""
            SELECT count(*), min(start_step), max(end_step), avg(return_raw),
                   count(DISTINCT seed), count(DISTINCT observation_hash), any_value(noise_draws)
            FROM episodes WHERE phase = 'eval' AND episode_id BETWEEN {first} AND {first + 3}
            """,
        )
        assert episodes == [(4, step, step, detail["mean_return"], 4, 4, 0)]
        assert detail["episodes"] == detail["distinct_trajectories"] == 4
        stored, updates = rows_of(
            db,
            f"""
            SELECT (SELECT max(last_transition_id) + 1 FROM updates WHERE env_step <= {step}),
                   (SELECT count(*) FROM updates WHERE env_step <= {step})
            """,
        )[0]
        assert detail["updates_before"] == detail["updates_after"] == updates
        assert detail["transitions_before"] == detail["transitions_after"] == stored
    ids, distinct = rows_of(db, "SELECT count(*), count(DISTINCT episode_id) FROM episodes")[0]
    assert ids == distinct


def test_games_and_ids_are_those_that_were_begun_first_whatever_their_length(tmp_path):
    db = tmp_path / "a.duckdb"
    run_training(config_of(num_envs=3, steps=300, eval_every=300, eval_episodes=8), db)
    rows = rows_of(
        db, "SELECT episode_id, env_index, length FROM episodes WHERE phase = 'eval' ORDER BY 1"
    )
    first = rows[0][0]
    assert [episode_id for episode_id, _, _ in rows] == list(range(first, first + 8))
    # The i-th game goes to the environment that is free first.
    busy_until = [0, 0, 0]
    for _, env_index, length in rows:
        assert busy_until[env_index] == min(busy_until)
        busy_until[env_index] += length


def test_each_evaluation_plays_games_of_its_own(tmp_path):
    db = tmp_path / "a.duckdb"
    run_training(config_of(**EVALUATED), db)
    seeds = rows_of(db, "SELECT count(seed), count(DISTINCT seed) FROM episodes")[0]
    assert seeds[0] == seeds[1]


def test_a_net_without_noise_has_no_number_of_draws(tmp_path):
    db = tmp_path / "a.duckdb"
    run_training(config_of(noisy="off", **EVALUATED), db)
    assert rows_of(db, "SELECT phase, count(noise_draws) FROM episodes GROUP BY 1 ORDER BY 1") == [
        ("eval", 0),
        ("train", 0),
    ]


def test_noise_that_stays_on_while_evaluating_shows_in_the_episodes(tmp_path, monkeypatch):
    monkeypatch.setattr(QNetwork, "noise_on", property(lambda _self: True, lambda _self, _on: None))
    db = tmp_path / "a.duckdb"
    run_training(config_of(**EVALUATED), db)
    assert rows_of(db, "SELECT min(noise_draws) FROM episodes WHERE phase = 'eval'") == [(1,)]


def test_a_trainer_that_learns_while_evaluating_shows_it(tmp_path, monkeypatch):
    quiet = TrainingLoop._tick_of_evaluation

    def learn(self):
        return quiet(self)._replace(updates=[self.learner.update(self.env_step, 0)])

    monkeypatch.setattr(TrainingLoop, "_tick_of_evaluation", learn)
    db = tmp_path / "a.duckdb"
    run_training(config_of(steps=250, **EVALUATED), db)
    ((text,),) = rows_of(db, "SELECT detail FROM events")
    detail = json.loads(text)
    assert detail["updates_after"] > detail["updates_before"]
    assert rows_of(db, "SELECT count(*) FROM updates WHERE env_step = 200")[0][0] > 1


def test_an_evaluation_can_be_stopped_between_its_steps_and_leaves_nothing_half(
    tmp_path, monkeypatch
):
    seen = []
    follow = run_module._Run._follow
    stop = threading.Event()

    def watch(self, tick):
        follow(self, tick)
        seen.append(tick)
        if tick.env_step == 200 and len(seen) == 210:
            stop.set()

    monkeypatch.setattr(run_module._Run, "_follow", watch)
    monkeypatch.setattr(run_module, "stop_on_signal", lambda: _given(stop))
    db = tmp_path / "a.duckdb"
    summary = run_training(config_of(**EVALUATED), db)
    assert (summary.state, summary.final.env_step) == ("interrupted", 200)
    assert rows_of(db, "SELECT count(*) FROM episodes WHERE phase = 'eval'") == [(0,)]
    assert rows_of(db, "SELECT kind FROM events") == [("interrupt",)]


class _given:  # noqa: N801 - a context manager, written as a function would be
    def __init__(self, value):
        self.value = value

    def __enter__(self):
        return self.value

    def __exit__(self, *_):
        return None


def test_an_atari_agent_is_shown_the_last_four_frames_of_its_own_game():
    config = config_of(
        "breakout", steps=4, eval_every=4, eval_episodes=1, eval_epsilon=1.0, capacity=50
    )
    loop = build_loop(config, for_log=False)
    shown, actions = [], []
    act, step = loop.agent.act_greedy, loop.evaluator.env.step

    def spy_act(observations):
        shown.append(observations.copy())
        return act(observations)

    def spy_step(chosen):
        actions.append(chosen.copy())
        return step(chosen)

    loop.agent.act_greedy, loop.evaluator.env.step = spy_act, spy_step
    evaluation = list(loop.ticks())[-1].evaluation
    loop.close()
    (episode,) = evaluation.episodes
    again = make_envs(config.env)
    frames = [again.reset(np.ones(1, dtype=bool), [episode.seed])[0][0]]
    frames += [again.step(chosen).observations[0].copy() for chosen in actions[:-1]]
    again.close()
    assert len(shown) == episode.length
    assert episode.lives_lost == 5
    padded = [np.zeros((84, 84), np.uint8)] * 3 + frames
    for i, stack in enumerate(shown):
        assert np.array_equal(stack[0], padded[i : i + 4])


def test_a_game_that_would_never_end_is_cut_and_says_so(tmp_path, monkeypatch):
    # Up from the start of CliffWalking, and up again: against the wall for ever.
    up = np.zeros(1, np.int64)
    monkeypatch.setattr(Agent, "act_greedy", lambda *_: Acted(up, None))
    config = config_of("CliffWalking-v1", steps=3, eval_every=3, eval_episodes=1, eval_epsilon=0.0)
    assert config.env.max_episode_steps == 0
    db = tmp_path / "a.duckdb"
    run_training(config, db)
    assert rows_of(
        db, "SELECT length, terminated, truncated FROM episodes WHERE phase = 'eval'"
    ) == [(STEPS_WITHOUT_LIMIT, False, True)]
