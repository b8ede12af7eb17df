from __future__ import annotations

import hashlib

import pytest
from plan import CONTINUOUS, DISCRETE, GAMES, SIZES, trials
from proving import config_of
from study import logs_of
from trials import digest_of

# Changes with any setting of any run. The final runs may not change once they have been made.
FINAL = "fe8186bacd97d382"


@pytest.fixture(scope="module")
def configs():
    """Return the configuration of every run, by set."""
    return {name: [config_of(trial.settings) for trial in trials(name)] for name in SIZES}


def test_the_final_runs_are_those_that_were_fixed_beforehand():
    assert hashlib.sha256(digest_of(trials("final")).encode()).hexdigest()[:16] == FINAL


def test_no_two_runs_share_a_seed_or_a_name():
    planned = [trial for name in SIZES for trial in trials(name)]
    assert len({trial.settings["seed"] for trial in planned}) == len(planned)
    assert len({trial.name for trial in planned}) == len(planned)


@pytest.mark.parametrize("set_name", SIZES)
def test_every_run_learns(configs, set_name):
    for config in configs[set_name]:
        assert config.schedule.learning_starts < config.schedule.steps


def test_runs_that_share_a_log_stand_in_it_in_order():
    logs = logs_of("final")
    assert len(logs) == 360
    assert sorted({len(of_log) for of_log in logs.values()}) == [1, 3]
    assert [trial.name for trial in logs["final-020"]] == ["final-020", "final-021", "final-022"]


@pytest.mark.parametrize(
    ("setting", "wanted"),
    [
        ("env", {*CONTINUOUS, *DISCRETE, *GAMES}),
        ("preset", {"cartpole", "gymnasium", "rainbow", "dqn", "data-efficient"}),
        ("num_envs", {1, 2, 3, 4, 8, 16}),
        ("prioritized", {True, False}),
        ("sampling", {"stratified", "independent", "uniform"}),
        ("replacement", {True, False}),
        ("insert_priority", {"running-max", "live-max"}),
        ("weight_normaliser", {"batch", "buffer"}),
        ("noisy", {"off", "factorised", "independent"}),
        ("loss", {"cross-entropy", "huber", "squared", "abs"}),
        ("n_step", {1, 2, 3, 5, 10, 20}),
        ("alpha", {0.0, 0.3, 0.5, 0.6, 0.7, 1.0}),
        ("double", {True, False}),
        ("dueling", {True, False}),
        ("distributional", {True, False}),
        ("importance_sampling", {True, False}),
        ("beta_annealing", {True, False}),
        ("terminal_on_life_loss", {True, False}),
    ],
)
def test_the_final_runs_cover_each_value_of_a_setting_several_times(configs, setting, wanted):
    values = [config.flat()[setting] for config in configs["final"]]
    assert all(values.count(value) >= 4 for value in wanted)


def test_the_final_runs_fill_their_ring_many_times_or_never():
    rounds = [trial.settings["steps"] / trial.settings["capacity"] for trial in trials("final")]
    assert sum(r > 4 for r in rounds) > 50
    assert sum(r < 1 for r in rounds) > 50


def test_the_final_runs_take_each_course():
    courses = [trial.course for trial in trials("final")]
    assert courses.count("whole") == 280
    for course in ("interrupted", "killed", "resumed-twice", "resumed-after-kill"):
        assert courses.count(course) == 20
    assert courses.count("resumed") == 40
