"""Environments: one interface over ALE's vector environment and Gymnasium's."""

from rlaudit.envs.base import EnvStep, VectorEnvironment
from rlaudit.envs.make import EnvName, make_envs, resolve_env
from rlaudit.envs.pictures import Picture, film, pictures_per_second
from rlaudit.envs.restore import Repeated, repeat_episodes
from rlaudit.envs.seeds import Purpose, episode_seed

__all__ = [
    "EnvName",
    "EnvStep",
    "Picture",
    "Purpose",
    "Repeated",
    "VectorEnvironment",
    "episode_seed",
    "film",
    "make_envs",
    "pictures_per_second",
    "repeat_episodes",
    "resolve_env",
]
