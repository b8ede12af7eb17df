"""Environments: one interface over ALE's vector environment and Gymnasium's."""

from rlaudit.envs.base import EnvStep, VectorEnvironment
from rlaudit.envs.make import EnvName, make_envs, resolve_env
from rlaudit.envs.restore import Repeated, repeat_episodes
from rlaudit.envs.seeds import episode_seed

__all__ = [
    "EnvName",
    "EnvStep",
    "Repeated",
    "VectorEnvironment",
    "episode_seed",
    "make_envs",
    "repeat_episodes",
    "resolve_env",
]
