"""From the name that a user types to environments that run."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import ale_py.roms
import gymnasium

from rlaudit.envs import cartpole
from rlaudit.envs.atari import AtariEnvs
from rlaudit.envs.gym import GymnasiumEnvs
from rlaudit.errors import EnvironmentSetupError, did_you_mean

if TYPE_CHECKING:
    from rlaudit.config import EnvConfig
    from rlaudit.envs.base import VectorEnvironment

ALIASES = {"cartpole": "CartPole-v1", "cartpole-per": cartpole.ENV_ID}


class EnvName(NamedTuple):
    """An environment that exists."""

    name: str
    """ALE's snake_case name or a Gymnasium id."""
    is_atari: bool
    implied: dict[str, Any]
    """Settings that the id stands for, by name."""


def resolve_env(name: str) -> EnvName:
    """Find the environment that ``name`` means.

    ``ALE/Breakout-v5`` and ``BreakoutNoFrameskip-v4`` mean the game ``breakout``, with the sticky
    actions that the id stands for; frames are skipped by the settings here. Ids whose frame skip
    is random are refused, since a step would have no fixed length.

    Raises:
        EnvironmentSetupError: if there is no such environment; the nearest name is the hint.
    """
    cartpole.register()
    games = set(ale_py.roms.get_all_rom_ids())
    if name in games:
        return EnvName(name, is_atari=True, implied={})
    env_id = ALIASES.get(name.lower(), name)
    with warnings.catch_warnings():
        # "out of date": the user asked for this version, to repeat an older experiment.
        warnings.filterwarnings("ignore", message=".*is out of date.*")
        gymnasium.register_envs(ale_py)
        try:
            spec = gymnasium.spec(env_id)
        except gymnasium.error.Error:
            known = games | set(ALIASES) | {i for i in gymnasium.registry if "/" not in i}
            raise EnvironmentSetupError(
                f"unknown environment {name!r}", hint=did_you_mean(name, known)
            ) from None
    if str(spec.entry_point).startswith("ale_py"):
        if not re.fullmatch(r"ALE/.*-v5|.*NoFrameskip-v[04]", env_id):
            raise EnvironmentSetupError(
                f"{env_id} skips a random number of frames",
                hint=f"train on {spec.kwargs['game']!r}, with --frame-skip and --sticky-actions",
            )
        sticky = float(spec.kwargs["repeat_action_probability"])
        return EnvName(spec.kwargs["game"], is_atari=True, implied={"sticky_actions": sticky})
    limit = spec.max_episode_steps
    return EnvName(env_id, is_atari=False, implied={"max_episode_steps": limit} if limit else {})


def make_envs(config: EnvConfig) -> VectorEnvironment:
    """Make the environments that ``config`` describes.

    Raises:
        EnvironmentSetupError: see :class:`~rlaudit.envs.gym.GymnasiumEnvs`.
    """
    if config.env in ale_py.roms.get_all_rom_ids():
        return AtariEnvs(config)
    return GymnasiumEnvs(config)
