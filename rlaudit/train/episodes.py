"""The running episode of each environment, and what is known of it when it ends."""

from __future__ import annotations

import hashlib
from array import array
from typing import TYPE_CHECKING, Any

import numpy as np

from rlaudit.records import EpisodeRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rlaudit.records import Phase

HASH_BYTES = 8


def fingerprint(observation: NDArray[np.generic]) -> int:
    """Return a 64-bit hash of an observation's bytes, the same in every process.

    BLAKE2b, cut to 8 bytes: two different frames of a run of 10M share one with a probability of
    3e-6. A frame of 84 x 84 takes about 10 microseconds.
    """
    digest = hashlib.blake2b(np.ascontiguousarray(observation).data, digest_size=HASH_BYTES)
    return _value(digest)


class RunningEpisode:
    """Sums over one episode of one environment, up to now.

    ``noisy`` says whether the agent's net has noise: only then is the number of draws a figure.
    """

    def __init__(
        self,
        *,
        episode_id: int,
        env_index: int,
        seed: int,
        lives: int | None,
        first_obs_hash: int | None,
        noisy: bool,
        phase: Phase = "train",
    ) -> None:
        self.phase: Phase = phase
        self.noisy = noisy
        self.episode_id = episode_id
        self.env_index = env_index
        self.seed = seed
        self.lives = lives
        self.first_obs_hash = first_obs_hash
        self.start_step = 0
        self.end_step = 0
        self.length = 0
        self.life_length = 0
        """Agent steps in the life under way."""
        self.return_raw = 0.0
        self.return_clipped = 0.0
        self.lives_lost = 0
        self.noise_draws = 0
        # What a resumed run does again; an int each, since ALE's longest game has 27,000 steps.
        self.actions = array("i")
        self._last_noise_draw: int | None = None
        self._actions: Any = hashlib.blake2b(digest_size=HASH_BYTES)
        self._observations: Any = hashlib.blake2b(digest_size=HASH_BYTES)
        if first_obs_hash is not None:
            self._observations.update(first_obs_hash.to_bytes(HASH_BYTES, "little"))

    def step(
        self,
        *,
        env_step: int,
        action: int,
        reward_raw: float,
        reward_clipped: float,
        lives: int | None,
        obs_hash: int | None,
        noise_draw: int | None,
    ) -> bool:
        """Take in one step and say whether it cost a life.

        Args:
            env_step: number of this agent step in the run.
            action: what was done.
            reward_raw: what the environment gave for it.
            reward_clipped: what is learned from.
            lives: lives left after it.
            obs_hash: hash of the observation that it led to; None where hashes are off.
            noise_draw: the noise that chose the action.
        """
        if self.length == 0:
            self.start_step = env_step
        self.end_step = env_step
        self.length += 1
        self.life_length += 1
        self.actions.append(action)
        self.return_raw += reward_raw
        self.return_clipped += reward_clipped
        lost = lives is not None and self.lives is not None and lives < self.lives
        self.lives_lost += lost
        if lost:
            self.life_length = 0
        self.lives = lives
        if noise_draw is not None and noise_draw != self._last_noise_draw:
            self.noise_draws += 1
            self._last_noise_draw = noise_draw
        if obs_hash is not None:
            self._actions.update(action.to_bytes(4, "little"))
            self._observations.update(obs_hash.to_bytes(HASH_BYTES, "little"))
        return lost

    def state(self) -> dict[str, Any]:
        """Return what the episode is played again from, and what that does not bring back."""
        return {
            "episode_id": self.episode_id,
            "env_index": self.env_index,
            "seed": self.seed,
            "start_step": self.start_step,
            "end_step": self.end_step,
            "noise_draws": self.noise_draws,
            "last_noise_draw": self._last_noise_draw,
            "actions": self.actions.tolist(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Take over what playing the episode again has not brought back."""
        self.start_step = state["start_step"]
        self.end_step = state["end_step"]
        self.noise_draws = state["noise_draws"]
        self._last_noise_draw = state["last_noise_draw"]

    def finish(self, *, terminated: bool, truncated: bool) -> EpisodeRow:
        """Return the episode as the log holds it."""
        hashed = self.first_obs_hash is not None
        return EpisodeRow(
            episode_id=self.episode_id,
            env_index=self.env_index,
            phase=self.phase,
            start_step=self.start_step,
            end_step=self.end_step,
            length=self.length,
            return_raw=self.return_raw,
            return_clipped=self.return_clipped,
            terminated=terminated,
            truncated=truncated,
            lives_lost=None if self.lives is None else self.lives_lost,
            seed=self.seed,
            first_obs_hash=self.first_obs_hash,
            action_hash=_value(self._actions) if hashed else None,
            observation_hash=_value(self._observations) if hashed else None,
            noise_draws=self.noise_draws if self.noisy else None,
        )


def serve(
    actions: NDArray[np.int64], running: Sequence[RunningEpisode | None], fire_action: int
) -> None:
    """Press FIRE in place of the action (environments,) where a life has its first step to do."""
    for i, episode in enumerate(running):
        if episode is not None and episode.life_length == 0:
            actions[i] = fire_action


def _value(digest: Any) -> int:
    return int.from_bytes(digest.digest(), "little")
