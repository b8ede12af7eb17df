from __future__ import annotations

import numpy as np
import pytest

from rlaudit.envs import resolve_env
from rlaudit.errors import UsageError
from rlaudit.experiments.catalogue import CARTPOLE_ABLATION, CARTPOLE_PER, EXPERIMENTS
from rlaudit.experiments.conduct import plan_runs
from rlaudit.train.build import build_loop

VARIANTS = [
    pytest.param(experiment, variant.name, id=f"{experiment.name} {variant.name}")
    for experiment in EXPERIMENTS.values()
    for variant in experiment.variants
]


def settings_of(experiment, variant, folder):
    (planned,) = plan_runs(experiment, folder, seeds=1, variants=[variant])
    return planned.config.flat()


@pytest.mark.parametrize(("experiment", "variant"), VARIANTS)
def test_every_variant_has_settings_that_fit(experiment, variant, tmp_path):
    settings = settings_of(experiment, variant, tmp_path)
    assert settings["env"] == resolve_env(experiment.env).name


# The author's code at commit 7b6792c, setting by setting.
SETUP = {
    "env": "rlaudit/CartPole-v0",
    "max_episode_steps": 200,
    "time_limit_is_terminal": True,
    "network": "mlp",
    "hidden_units": 32,
    "double": True,
    "dueling": True,
    "distributional": False,
    "noisy": "off",
    "n_step": 1,
    "learning_rate": 1e-4,
    "gamma": 0.99,
    "batch_size": 32,
    "capacity": 10_000,
    "learning_starts": 1_000,
    "random_warm_up": True,
    "update_period": 1,
    "target_sync_agent_steps": 1,
    "epsilon_greedy_schedule": "per-episode",
    "epsilon_greedy_start": 0.5,
    "episodes": 500,
    "stop_at_mean_length": 150.0,
}
PRIORITIZED = {
    "prioritized": True,
    "sampling": "independent",
    "alpha": 0.6,
    "priority_epsilon": 1e-4,
    "insert_priority": "live-max",
}
WEIGHTED = {
    "importance_sampling": True,
    "beta_start": 0.4,
    "beta_anneal_episodes": 500,
    "weight_population": "capacity",
    "weight_normaliser": "batch",
}
ARTICLE = {
    "baseline": {
        "prioritized": False,
        "sampling": "uniform",
        "replacement": False,
        "importance_sampling": False,
        "loss": "huber",
    },
    "per": {**PRIORITIZED, "importance_sampling": False, "loss": "huber"},
    "per-is": {**PRIORITIZED, **WEIGHTED, "loss": "abs"},
    "per-is-squared": {**PRIORITIZED, **WEIGHTED, "loss": "squared"},
}


@pytest.mark.parametrize("variant", ARTICLE)
def test_the_cartpole_experiment_is_set_up_as_its_source(variant, tmp_path):
    settings = settings_of(CARTPOLE_PER, variant, tmp_path)
    wanted = SETUP | ARTICLE[variant]
    assert {key: settings[key] for key in wanted} == wanted
    # No step limit may end a run before its 500 episodes of 200 steps and its warm-up.
    assert settings["steps"] >= 500 * 200
    assert CARTPOLE_PER.seeds == 100


def test_its_network_is_4_32_32_and_two_streams(tmp_path):
    (planned,) = plan_runs(CARTPOLE_PER, tmp_path, seeds=1, variants=["per"])
    loop = build_loop(planned.config, for_log=False)
    shapes = sorted(tuple(p.shape) for p in loop.agent.online.parameters() if p.dim() == 2)
    loop.close()
    assert shapes == [(1, 32), (2, 32), (32, 4), (32, 32)]


def test_an_ablation_changes_one_component_each(tmp_path):
    components = ("double", "dueling", "n_step", "distributional", "prioritized", "noisy")
    full = settings_of(CARTPOLE_ABLATION, "rainbow", tmp_path)
    changed = []
    for variant in CARTPOLE_ABLATION.variants[1:]:
        settings = settings_of(CARTPOLE_ABLATION, variant.name, tmp_path)
        changed.append([name for name in components if settings[name] != full[name]])
    assert changed == [[component] for component in components]


def test_seeds_come_one_after_another_so_that_a_part_is_fair(tmp_path):
    planned = plan_runs(CARTPOLE_PER, tmp_path, seeds=2, variants=["per", "baseline"])
    assert [(p.seed, p.variant) for p in planned] == [
        *((1, "per"), (1, "baseline")),
        *((2, "per"), (2, "baseline")),
    ]
    assert {p.config.schedule.seed for p in planned} == {1, 2}
    assert len(np.unique([str(p.log) for p in planned])) == 4


def test_an_unknown_variant_is_refused_by_name(tmp_path):
    with pytest.raises(UsageError, match="no variant 'pre'") as caught:
        plan_runs(CARTPOLE_PER, tmp_path, seeds=1, variants=["pre"])
    assert "per" in caught.value.hint
