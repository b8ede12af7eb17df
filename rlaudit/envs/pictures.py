"""Pictures of an episode that was played, by playing it again for someone who looks on.

An evaluation acts on what its agent sees. Environments are deterministic from the seed of a reset
on, so the pictures are made afterwards: ALE's in colour and in the console's size, Gymnasium's as
they are rendered.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import ale_py.roms
import gymnasium
import numpy as np

from rlaudit.envs.atari import make_emulators
from rlaudit.envs.gym import make_one
from rlaudit.errors import EnvironmentSetupError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from rlaudit.config import EnvConfig

EMULATOR_FRAMES_PER_SECOND = 60
_CONSOLE_SHAPE = (210, 160)


class Picture(NamedTuple):
    """One moment of an episode."""

    pixels: NDArray[np.uint8]  # (height, width, 3), red, green, blue
    reward: float  # of the step that led to it; 0 at the start


def pictures_per_second(config: EnvConfig) -> float:
    """Return how many agent steps are a second of play.

    Raises:
        EnvironmentSetupError: the environment draws no pictures.
    """
    if _is_atari(config):
        return EMULATOR_FRAMES_PER_SECOND / config.frame_skip
    env = make_one(config)
    metadata = env.metadata
    env.close()
    if "rgb_array" not in metadata.get("render_modes", ()):
        raise EnvironmentSetupError(f"{config.env} draws no pictures, so it cannot be filmed")
    return float(metadata.get("render_fps", 30))


def film(config: EnvConfig, seed: int, actions: Sequence[int]) -> Iterator[Picture]:
    """Play one episode again and give its pictures, the start first.

    Args:
        config: the environment that it was played in.
        seed: what that was reset with.
        actions: what was done, numbered from 0.

    Raises:
        MissingExtraError: the packages that Gymnasium draws with are absent.
        EnvironmentSetupError: the environment cannot be made.
    """
    return (_atari if _is_atari(config) else _gymnasium)(config, seed, actions)


def _is_atari(config: EnvConfig) -> bool:
    return config.env in ale_py.roms.get_all_rom_ids()


def _atari(config: EnvConfig, seed: int, actions: Sequence[int]) -> Iterator[Picture]:
    emulator = make_emulators(replace(config, num_envs=1), _CONSOLE_SHAPE, grayscale=False)
    try:
        frames, _ = emulator.reset(seed=np.array([seed], np.int64))
        yield Picture(frames[0, 0], 0.0)
        for action in actions:
            frames, rewards, *_ = emulator.step(np.array([action], np.int64))
            yield Picture(frames[0, 0], float(rewards[0]))
    finally:
        emulator.close()


def _gymnasium(config: EnvConfig, seed: int, actions: Sequence[int]) -> Iterator[Picture]:
    # Without a screen, pygame would complain on stderr that it finds none.
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    env = make_one(config, render_mode="rgb_array")
    try:
        env.reset(seed=seed)
        yield Picture(_rendered(env), 0.0)
        first_action = int(env.action_space.start)  # type: ignore[attr-defined] # Discrete
        for action in actions:
            _, reward, *_ = env.step(action + first_action)
            yield Picture(_rendered(env), float(reward))
    except gymnasium.error.DependencyNotInstalled as error:
        raise MissingExtraError(
            f"filming {config.env} needs a package: {error}", hint="pip install 'rlaudit[video]'"
        ) from error
    finally:
        env.close()


def _rendered(env: gymnasium.Env[object, object]) -> NDArray[np.uint8]:
    return np.asarray(env.render(), np.uint8)
