"""The seed of each episode of each environment.

Consecutive integers would make environment 1 of seed 5 equal environment 0 of seed 6, so every
(run seed, purpose, environment, episode) gets a seed of its own from NumPy's SeedSequence. A seed
for every episode, and not just for the first, lets an open episode be restored by itself.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Purpose = Literal["train", "eval", "checkpoint"]
"""What an episode is played for; checkpoint is an evaluation of one, besides those of the run."""

_PURPOSES: dict[Purpose, int] = {"train": 0, "eval": 1, "checkpoint": 2}


def episode_seed(run_seed: int, purpose: Purpose, env_index: int, episode: int) -> int:
    """Return a seed in [0, 2^31), the range that ALE takes.

    Args:
        run_seed: the run's seed.
        purpose: training and evaluation episodes never share a seed by construction.
        env_index: which of the parallel environments.
        episode: how many episodes this environment has begun before.
    """
    sequence = np.random.SeedSequence([run_seed, _PURPOSES[purpose], env_index, episode])
    return int(sequence.generate_state(1)[0] >> 1)
