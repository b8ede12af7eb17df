"""Named sets of settings, and how preset, file and command line become one configuration.

Each preset lists only where it departs from the defaults in :mod:`rlaudit.config`, which are
Rainbow's (Hessel et al. 2018, table 1) but for two: learning starts after 1,600 agent steps and
not 20,000, so that a short run learns; and a run lasts 1.5M agent steps and not 50M.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from rlaudit.config import TrainConfig, build, vocabulary
from rlaudit.errors import ConfigError, did_you_mean
from rlaudit.files import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Preset(NamedTuple):
    """Settings under a name, and where they come from."""

    doc: str
    settings: Mapping[str, object]


_NO_RAINBOW: dict[str, object] = {
    "double": False,
    "dueling": False,
    "distributional": False,
    "prioritized": False,
    "noisy": "off",
    "n_step": 1,
}

PRESETS: dict[str, Preset] = {
    "rainbow": Preset("all six components on the Nature network (Hessel et al. 2018)", {}),
    "data-efficient": Preset(
        "Rainbow for 100,000 steps: small network, n = 20, an update each step "
        "(van Hasselt et al. 2019)",
        {
            "network": "data-efficient",
            "hidden_units": 256,
            "n_step": 20,
            "steps": 100_000,
            "capacity": 100_000,
            "update_period": 1,
            "target_sync_agent_steps": 2_000,
            "learning_rate": 1e-4,
        },
    ),
    "atari-cpu": Preset(
        "all six components at a size that one core trains: the data-efficient network, an "
        "update every two steps",
        {
            "network": "data-efficient",
            "hidden_units": 256,
            "terminal_on_life_loss": True,
            "fire_each_life": True,
            "capacity": 500_000,
            "update_period": 2,
            "target_sync_agent_steps": 1_000,
            "learning_rate": 1e-4,
        },
    ),
    "dqn": Preset(
        "no component: DQN with Adam and the Huber loss (Mnih et al. 2015)",
        {**_NO_RAINBOW, "epsilon_greedy_steps": 250_000},
    ),
    "cartpole": Preset(
        "all six components on a small network for CartPole-v1",
        {
            "network": "mlp",
            "hidden_units": 128,
            "v_min": 0.0,
            "v_max": 100.0,
            # Rainbow's 0.5 is too much for so small a net: two of five seeds then stood at a
            # mean length of 187 at episode 400, all are above 350 with 0.1.
            "noisy_sigma": 0.1,
            "reward_clip": 0.0,
            "steps": 100_000,
            "capacity": 50_000,
            "learning_starts": 500,
            "update_period": 1,
            "target_sync_agent_steps": 200,
            "learning_rate": 5e-4,
        },
    ),
    "cartpole-per": Preset(
        "y-kamiya's article on prioritized replay, with weights: Double DQN and dueling on "
        "CartPole-v0 with a reward at the end only",
        {
            "network": "mlp",
            "hidden_units": 32,
            "distributional": False,
            "noisy": "off",
            "loss": "abs",
            "learning_rate": 1e-4,
            "adam_epsilon": 1e-8,
            "max_grad_norm": 0.0,
            "time_limit_is_terminal": True,
            "n_step": 1,
            "capacity": 10_000,
            "sampling": "independent",
            "alpha": 0.6,
            "priority_epsilon": 1e-4,
            "insert_priority": "live-max",
            "beta_anneal_episodes": 500,
            "weight_population": "capacity",
            "steps": 100_000,
            "episodes": 500,
            "stop_at_mean_length": 150.0,
            "learning_starts": 1_000,
            "random_warm_up": True,
            "update_period": 1,
            "target_sync_agent_steps": 1,
            "epsilon_greedy_schedule": "per-episode",
            "epsilon_greedy_start": 0.5,
        },
    ),
    "gymnasium": Preset(
        "Double DQN, dueling and prioritized on a small network, for returns of unknown size",
        {
            "network": "mlp",
            "hidden_units": 128,
            "distributional": False,
            "reward_clip": 0.0,
            "steps": 200_000,
            "capacity": 100_000,
            "learning_starts": 1_000,
            "update_period": 1,
            "target_sync_agent_steps": 500,
            "learning_rate": 5e-4,
            "epsilon_greedy_steps": 20_000,
        },
    ),
}

# 30 minutes of play at 60 frames a second (Machado et al. 2018).
ATARI_MAX_EPISODE_FRAMES = 108_000

# Which preset an environment gets when none is named.
ATARI_PRESET = "rainbow"
GYMNASIUM_PRESETS = {
    "CartPole-v0": "cartpole",
    "CartPole-v1": "cartpole",
    "rlaudit/CartPole-v0": "cartpole-per",
}
OTHER_PRESET = "gymnasium"


def preset_for(env: str, *, atari: bool) -> str:
    """Return the preset that an environment is trained with by default."""
    return ATARI_PRESET if atari else GYMNASIUM_PRESETS.get(env, OTHER_PRESET)


def read_config_file(path: Path) -> dict[str, object]:
    """Read settings from a TOML file, or a pipe, flat or under tables of any name.

    Raises:
        ConfigError: if the file is missing, is not TOML, or states a setting twice.
    """
    try:
        document = tomllib.loads(read_text(path, pipes=True))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    settings: dict[str, object] = {}
    tables = [v for v in document.values() if isinstance(v, dict)]
    for table in ({k: v for k, v in document.items() if not isinstance(v, dict)}, *tables):
        for key, value in table.items():
            name = key.replace("-", "_")
            if name in settings:
                raise ConfigError(f"{path} states {name} twice")
            if name != "preset" and name not in vocabulary():
                raise ConfigError(
                    f"{path}: unknown setting {key!r}", hint=did_you_mean(name, vocabulary())
                )
            settings[name] = value
    return settings


def resolve(
    env: str,
    *,
    atari: bool,
    preset: str | None = None,
    from_file: Mapping[str, object] | None = None,
    from_flags: Mapping[str, object] | None = None,
    from_env: Mapping[str, object] | None = None,
) -> TrainConfig:
    """Join preset, what the environment's id implies, file and flags; later ones win.

    Settings that follow from others are filled in where nobody states them: the loss from
    ``distributional``, the sampling and the weights from ``prioritized``, beta's annealing from
    the run's length, Atari's longest episode from the frame skip. With noise on, the
    epsilon-greedy shares are 0.

    Raises:
        ConfigError: if the preset or a setting is unknown, out of range or contradicts another.
    """
    file_settings = dict(from_file or {})
    file_preset = file_settings.pop("preset", None)
    chosen = preset or file_preset or preset_for(env, atari=atari)
    if not isinstance(chosen, str) or chosen not in PRESETS:
        raise ConfigError(f"unknown preset {chosen!r}", hint=did_you_mean(str(chosen), PRESETS))
    stated: dict[str, Any] = {
        **PRESETS[chosen].settings,
        **(from_env or {}),
        **file_settings,
        **(from_flags or {}),
        "env": env,
    }
    if "steps" in stated:
        stated.setdefault("beta_anneal_steps", stated["steps"])
    if stated.get("distributional") is False:
        stated.setdefault("loss", "huber")
    if stated.get("prioritized") is False:
        stated.setdefault("sampling", "uniform")
        stated.setdefault("importance_sampling", False)
    if stated.get("noisy", "factorised") != "off":
        for name in ("epsilon_greedy_start", "epsilon_greedy_end"):
            if (from_flags or {}).get(name):
                raise ConfigError(
                    f"{name} is {(from_flags or {})[name]}, and with noise on no action is random",
                    hint="pass --noisy off, or leave it out",
                )
        stated.update(epsilon_greedy_start=0.0, epsilon_greedy_end=0.0)
        if stated.get("noisy") == "independent":
            stated.setdefault("noisy_sigma", 0.017)
    config = build(chosen, stated)
    if atari and "max_episode_steps" not in stated:
        limit = -(-ATARI_MAX_EPISODE_FRAMES // config.env.frame_skip)
        config = replace(config, env=replace(config.env, max_episode_steps=limit))
    return config


def warnings_about(config: TrainConfig) -> list[str]:
    """Say what is allowed but seldom meant."""
    schedule = config.schedule
    warnings = []
    if schedule.steps <= schedule.learning_starts:
        warnings.append(
            f"steps {schedule.steps} end before learning starts at {schedule.learning_starts}: "
            "the run will fill the replay and not learn"
        )
    if schedule.learning_starts < config.replay.batch_size:
        warnings.append(
            f"learning_starts {schedule.learning_starts} is below the batch size "
            f"{config.replay.batch_size}: the first update waits for a full batch"
        )
    return warnings
