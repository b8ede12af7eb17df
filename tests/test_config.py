from __future__ import annotations

import json

import pytest

from rlaudit.config import build, config_hash, vocabulary
from rlaudit.errors import ConfigError


def test_the_vocabulary_names_each_setting_once_and_documents_it():
    settings = vocabulary()
    flat = build("rainbow", {}).flat()
    assert set(flat) == {"preset", *settings}
    assert all(setting.doc for setting in settings.values())


def test_every_default_passes_its_own_check():
    for setting in vocabulary().values():
        assert setting.check(setting.default) == setting.default


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("n_step", 0, "n_step must be at least 1, not 0"),
        ("alpha", 1.2, "alpha must be at most 1, not 1.2"),
        ("alpha", -0.1, "alpha must be at least 0, not -0.1"),
        ("beta_start", float("nan"), "beta_start must be a finite number"),
        ("steps", 10.5, "steps must be a whole number, not 10.5"),
        ("steps", True, "steps must be a whole number, not True"),
        ("double", 1, "double must be true or false, not 1"),
        ("noisy", "factorized", "noisy cannot be 'factorized'"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(name, value, message):
    with pytest.raises(ConfigError) as caught:
        build("rainbow", {name: value})
    assert str(caught.value).startswith(message)


def test_an_unknown_choice_or_name_gets_the_nearest():
    with pytest.raises(ConfigError) as caught:
        build("rainbow", {"noisy": "factorized"})
    assert "'factorised'" in caught.value.hint
    with pytest.raises(ConfigError) as caught:
        build("rainbow", {"n_steps": 3})
    assert "'n_step'" in caught.value.hint


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"batch_size": 64, "capacity": 63}, "batch_size 64 is larger than the capacity 63"),
        ({"prioritized": False}, "prioritized is false but sampling is 'stratified'"),
        ({"sampling": "uniform"}, "prioritized is true but sampling is 'uniform'"),
        (
            {"prioritized": False, "sampling": "uniform"},
            "importance_sampling is on but prioritized is off",
        ),
        ({"replacement": False}, "prioritized draws are with replacement"),
        ({"loss": "huber"}, "distributional is true but the loss is 'huber'"),
        ({"distributional": False}, "distributional is false but the loss is 'cross-entropy'"),
        ({"v_min": 1.0, "v_max": 1.0}, "v_min 1 is not below v_max 1"),
        ({"noisy_layers": "value", "dueling": False}, "noisy_layers is 'value' but dueling is off"),
    ],
)
def test_settings_that_contradict_are_refused(values, message):
    with pytest.raises(ConfigError) as caught:
        build("rainbow", values)
    assert str(caught.value).startswith(message)
    assert caught.value.hint


def test_whole_numbers_are_taken_for_numbers():
    assert build("rainbow", {"v_max": 20}).agent.v_max == 20.0


def test_the_hash_ignores_the_seed_and_nothing_else():
    one = build("rainbow", {"seed": 1}).to_json()
    assert config_hash(one) == config_hash(build("rainbow", {"seed": 2}).to_json())
    assert config_hash(one) != config_hash(build("rainbow", {"seed": 1, "alpha": 0.6}).to_json())
    assert json.loads(one)["seed"] == 1
