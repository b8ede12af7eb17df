"""Make a large log that is consistent: what every check states holds in it, by construction.

    python tests/bench/synthetic_log.py FILE [--transitions N] [--capacity N] [--runs N] [--seed N]

The training loop, the replay and the recorder are the real ones. Only the environment and the
agent are stand-ins that cost next to nothing: episodes of random length with random rewards and
observations of four numbers; TD errors that are drawn and not learned. By default one run of
1.5M agent steps with Rainbow's settings, so that the log has as many rows as a Breakout log of that
length: 12M samples. ``--copies N`` then adds the run N - 1 times under other ids, in SQL, which
takes a tenth of the time.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rlaudit.agent.agent import Acted, Learned
from rlaudit.envs.base import EnvStep
from rlaudit.presets import resolve
from rlaudit.store import open_for_writing, table_columns
from rlaudit.train import build, run_training

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rlaudit.config import AgentConfig, EnvConfig, TrainConfig

ACTIONS = 4
LIVES = 5
LONGEST_EPISODE = 2_000
_END = 1 / 500  # of an episode, at each step
_LOSES_LIFE = 1 / 150
_REWARDS = np.array([0.0, 1.0, 4.0, 7.0])
_REWARD_CHANCES = np.array([0.94, 0.04, 0.015, 0.005])
_BLOCK = 4_096
# Rainbow's KL divergences fall from about 3 to about 0.1; their spread here is a factor of 3.
_ERROR_MEDIAN = 0.3
_ERROR_SPREAD = 1.1


class FakeEnvs:
    """Environments of random length, rewards and lives; all of an episode follows from its seed."""

    is_image = False
    num_actions = ACTIONS
    observation_shape = (4,)

    def __init__(self, config: EnvConfig) -> None:
        self.num_envs = config.num_envs
        self._limit = config.max_episode_steps
        self._rngs: list[Any] = [None] * config.num_envs
        self._lives = np.full(config.num_envs, LIVES, np.int64)
        self._observations = np.zeros((config.num_envs, 4), np.float32)

    def reset(
        self, mask: NDArray[np.bool_], seeds: Sequence[int]
    ) -> tuple[NDArray[np.generic], NDArray[np.int64] | None]:
        """Begin new episodes where ``mask`` is true."""
        for i, seed in zip(np.flatnonzero(mask), seeds, strict=True):
            # The standard generator: NumPy's takes ten times as long to be made.
            self._rngs[i] = _Stream(seed)
            # Two numbers that no two episodes share, the steps so far, and the actions so far.
            self._observations[i] = (seed >> 16, seed & 0xFFFF, 0, 0)
            self._lives[i] = LIVES
        return self._observations.copy(), self._lives.copy()

    def step(self, actions: NDArray[np.int64]) -> EnvStep:
        """Take one step in every environment."""
        count = self.num_envs
        rewards = np.empty(count)
        terminated = np.zeros(count, np.bool_)
        truncated = np.zeros(count, np.bool_)
        observations = self._observations
        for i in range(count):
            end, life, rewards[i] = self._rngs[i].next()
            observations[i, 2] += 1
            observations[i, 3] = (observations[i, 3] * 3 + actions[i]) % 1_000_003
            self._lives[i] -= life and self._lives[i] > 1
            if end:
                self._lives[i] = 0
            terminated[i] = end
            truncated[i] = not end and observations[i, 2] >= self._limit
        return EnvStep(observations.copy(), rewards, terminated, truncated, self._lives.copy())

    def close(self) -> None:
        """Free nothing."""


class _Stream:
    """What happens in one episode, step by step."""

    def __init__(self, seed: int) -> None:
        rng = np.random.Generator(np.random.SFC64(seed))
        self._chances = rng.random((LONGEST_EPISODE, 2)).tolist()
        drawn = rng.choice(_REWARDS, LONGEST_EPISODE, p=_REWARD_CHANCES)
        self._rewards = drawn.tolist()
        self._at = 0

    def next(self) -> tuple[bool, bool, float]:
        """Return whether the episode ends, whether a life is lost, and the reward."""
        end, life = self._chances[self._at]
        reward = self._rewards[self._at]
        self._at += 1
        return end < _END, life < _LOSES_LIFE, reward


class FakeAgent:
    """Acts at random and returns TD errors of a fixed distribution; its noise is only counted."""

    def __init__(
        self,
        config: AgentConfig,
        observation_shape: tuple[int, ...],
        num_actions: int,
        *,
        init_seed: int,
        noise_seed: int,
        device: object,
    ) -> None:
        del observation_shape, device
        self.config = config
        self.num_actions = num_actions
        self.noise_draws = 0
        self.online = SimpleNamespace(is_noisy=config.noisy != "off")
        self._actions = _Blocks(
            lambda rng, n: rng.integers(num_actions, size=n), np.random.default_rng(init_seed)
        )
        self._errors = _Blocks(
            lambda rng, n: (_ERROR_MEDIAN * rng.lognormal(0, _ERROR_SPREAD, n)).astype(np.float32),
            np.random.default_rng(noise_seed),
        )

    def act(self, observations: NDArray[Any], *, epsilon: float, rng: object) -> Acted:
        """Choose actions at random."""
        del epsilon, rng
        return Acted(self._actions.take(len(observations)), self._draw())

    def learn(self, batch: Any) -> Learned:
        """Return what an update of Rainbow's would."""
        errors = self._errors.take(len(batch.slots))
        select, target, online = self._draw(), self._draw(), self._draw()
        loss = float((errors * batch.weights).mean())
        return Learned(
            td_errors=errors,
            loss=loss,
            grad_norm=2.0 * loss,
            q_mean=0.5,
            mass_error=2.0**-23,
            noise_online=online,
            noise_target=target,
            noise_select=select,
        )

    def sync_target(self) -> None:
        """Do nothing: there is no network."""

    def _draw(self) -> int:
        self.noise_draws += 1
        return self.noise_draws


class _Blocks:
    """Random numbers, drawn many at a time."""

    def __init__(self, draw: Any, rng: np.random.Generator) -> None:
        self._draw = draw
        self._rng = rng
        self._block: NDArray[Any] = np.empty(0)
        self._at = 0

    def take(self, count: int) -> NDArray[Any]:
        """Return the next ``count`` numbers, an array of its own."""
        if self._at + count > len(self._block):
            self._block = self._draw(self._rng, max(_BLOCK, count))
            self._at = 0
        self._at += count
        return self._block[self._at - count : self._at].copy()


def make_log(
    path: Path,
    *,
    transitions: int = 2_000,
    capacity: int = 1_000,
    runs: int = 1,
    seed: int = 0,
    **settings: Any,
) -> None:
    """Add ``runs`` runs of ``transitions`` agent steps each to the log at ``path``.

    ``settings`` go on top of the preset rainbow.
    """
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(build, "make_envs", FakeEnvs)
        monkeypatch.setattr(build, "Agent", FakeAgent)
        for number in range(runs):
            config = config_of(steps=transitions, capacity=capacity, seed=seed + number, **settings)
            run_training(config, path, run_id=f"synthetic-{number}")


def config_of(**settings: Any) -> TrainConfig:
    """Return Rainbow's settings with ``settings`` on top."""
    stated = {"network": "mlp", "device": "cpu", "max_episode_steps": LONGEST_EPISODE, **settings}
    return resolve("synthetic", atari=False, preset="rainbow", from_flags=stated)


def copy_run(path: Path, run_id: str, copies: int) -> None:
    """Add the run ``copies`` - 1 times more, under other ids and otherwise the same."""
    with open_for_writing(path) as con:
        for number in range(1, copies):
            for table, columns in table_columns().items():
                if "run_id" not in columns:
                    continue
                new = [f"run_id || '-copy-{number}' AS run_id"]
                if "segment_id" in columns:
                    new.append(f"segment_id || '-copy-{number}' AS segment_id")
                con.execute(
                    f"INSERT INTO raw.{table} BY NAME SELECT * REPLACE ({', '.join(new)}) "
                    f"FROM raw.{table} WHERE run_id = ?",
                    [run_id],
                )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--transitions", type=int, default=1_500_000, help="agent steps of a run")
    parser.add_argument("--capacity", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--copies", type=int, default=1, help="of the first run, itself included")
    parser.add_argument("--seed", type=int, default=0, help="of the first run")
    options = parser.parse_args()
    if options.file.exists():
        sys.exit(f"{options.file} exists")
    started = time.perf_counter()
    make_log(
        options.file,
        transitions=options.transitions,
        capacity=options.capacity,
        runs=options.runs,
        seed=options.seed,
    )
    copy_run(options.file, "synthetic-0", options.copies)
    size = options.file.stat().st_size
    print(f"{options.file}: {size / 1e6:,.0f} MB, {time.perf_counter() - started:,.0f} s")


if __name__ == "__main__":
    main()
