"""Which healthy runs are made: each setting follows from the name of the run, and nothing else.

A run's name is its set and its number in it, and every choice is taken from a hash of the name and
of what is chosen. So the runs are the same on every machine, a choice that is added later leaves
the others as they were, and no run can be swapped for another: ``final`` was fixed before any of
its runs was made.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_T = TypeVar("_T")

Course = Literal["whole", "interrupted", "killed", "resumed", "resumed-twice", "resumed-after-kill"]

SIZES = {"ci": 12, "development": 200, "final": 400}
"""Runs in each set. 400, because one false alarm among them is still below 1.5%: the upper end of
the 95% interval of 1 in 400 is 1.39%, that of 1 in 320 is 1.73%."""

CONTINUOUS = ("CartPole-v1", "Acrobot-v1", "MountainCar-v0")
DISCRETE = ("FrozenLake-v1", "Taxi-v4", "CliffWalking-v1", "Blackjack-v1")
GAMES = ("breakout", "pong", "space_invaders", "freeway", "seaquest", "ms_pacman")
COMPONENTS = ("double", "dueling", "distributional", "noisy", "prioritized")
_PRESETS = ("cartpole", "gymnasium", "rainbow", "dqn", "data-efficient")
_ATARI_PRESETS = ("rainbow", "dqn", "data-efficient")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One healthy run: its settings, what happens to it, and the file that it is logged to.

    ``part`` says how much of it is done when it is interrupted, killed or resumed.
    """

    name: str
    log: str
    settings: Mapping[str, Any]
    course: Course
    part: float


class _Choices:
    """Choices that follow from a name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def number(self, what: str) -> int:
        """Return a whole number in [0, 2^32)."""
        digest = hashlib.blake2b(f"{self._name}/{what}".encode(), digest_size=4).digest()
        return int.from_bytes(digest, "little")

    def pick(self, what: str, options: Sequence[_T]) -> _T:
        return options[self.number(what) % len(options)]

    def chance(self, what: str, percent: int) -> bool:
        return self.number(what) % 100 < percent


def trials(set_name: str) -> list[Trial]:
    """Return the runs of a set, in the order in which they are made."""
    return [_trial(set_name, number) for number in range(SIZES[set_name])]


def _trial(set_name: str, number: int) -> Trial:
    name = f"{set_name}-{number:03d}"
    choices = _Choices(name)
    atari = number % 7 == 3
    settings = _settings(choices, atari=atari, most_steps=700 if set_name == "ci" else None)
    # Of every twenty runs the first three share a log.
    first = number - number % 20 if number % 20 < 3 else number
    return Trial(
        name=name,
        log=f"{set_name}-{first:03d}",
        settings=settings,
        course=_course(set_name, number),
        part=choices.pick("part", [0.3, 0.5, 0.7, 0.9]),
    )


def _course(set_name: str, number: int) -> Course:
    if set_name == "ci":
        return {5: "resumed", 9: "resumed", 7: "interrupted"}.get(number, "whole")
    courses: dict[int, Course] = {
        4: "resumed",
        7: "interrupted",
        9: "killed",
        11: "resumed",
        13: "resumed-twice",
        17: "resumed-after-kill",
    }
    return courses.get(number % 20, "whole")


def _settings(choices: _Choices, *, atari: bool, most_steps: int | None) -> dict[str, Any]:
    settings = _atari(choices) if atari else _vector(choices)
    settings["steps"] = min(settings["steps"], most_steps or settings["steps"])
    settings |= _schedule(choices, settings["steps"])
    # A quarter of the runs leave components and replay as the preset has them.
    if choices.chance("as the preset has it", 75):
        settings |= _components(choices) | _replay(choices, settings["steps"])
    if choices.chance("batch 1", 3):
        settings["batch_size"] = 1
    settings["capacity"] = max(_capacity(choices, settings["steps"]), settings["batch_size"])
    if choices.chance("evaluates", 25):
        settings |= {"eval_every": settings["steps"] // 3, "eval_episodes": 2}
    settings |= {"seed": choices.number("seed"), "device": "cpu"}
    # Without a limit of the plan's the environment's own holds.
    return {name: value for name, value in settings.items() if value is not None}


def _vector(choices: _Choices) -> dict[str, Any]:
    env = choices.pick("env", [*CONTINUOUS, "CartPole-v1", "CartPole-v1", *DISCRETE])
    limits = [None, None, None, None, 7, 20, 60]
    if env == "CliffWalking-v1":  # has no limit of its own, and a new agent never gets to its end
        limits = [50, 100, 200]
    return {
        "env": env,
        "preset": choices.pick("preset", _PRESETS),
        "network": "mlp",
        "hidden_units": choices.pick("hidden units", [8, 16, 32]),
        "steps": choices.pick("steps", [600, 1000, 1500, 2000, 3000, 4000, 6000]),
        "num_envs": choices.pick("num_envs", [1, 1, 1, 2, 3, 4, 8, 16]),
        "max_episode_steps": choices.pick("limit", limits),
    }


def _atari(choices: _Choices) -> dict[str, Any]:
    return {
        "env": choices.pick("game", GAMES),
        "preset": choices.pick("preset", _ATARI_PRESETS),
        "network": choices.pick("network", ["data-efficient", "data-efficient", "mnih2013"]),
        "hidden_units": choices.pick("hidden units", [16, 32]),
        "steps": choices.pick("steps", [500, 700, 1000, 1500, 2000]),
        "num_envs": choices.pick("num_envs", [1, 1, 2, 4]),
        "frame_stack": choices.pick("frame_stack", [1, 2, 4, 4, 4]),
        "noop_max": choices.pick("noop_max", [0, 30, 30]),
        "sticky_actions": choices.pick("sticky_actions", [0.0, 0.0, 0.25]),
        "terminal_on_life_loss": choices.chance("terminal_on_life_loss", 40),
        "max_episode_steps": choices.pick("limit", [None, 40, 100, 300]),
    }


def _schedule(choices: _Choices, steps: int) -> dict[str, Any]:
    return {
        "batch_size": choices.pick("batch_size", [4, 8, 16, 32, 32, 64]),
        "update_period": choices.pick("update_period", [1, 2, 3, 4]),
        "learning_starts": choices.pick("learning_starts", [0, 64, 100, 200, steps // 4]),
        "target_sync_agent_steps": choices.pick("target sync", [50, 100, 333, 1000]),
        "learning_rate": choices.pick("learning_rate", [1e-4, 5e-4, 2e-3]),
        "epsilon_greedy_steps": choices.pick("epsilon-greedy steps", [100, steps // 2, steps]),
    }


def _components(choices: _Choices) -> dict[str, Any]:
    on = {name: choices.chance(name, 70) for name in COMPONENTS}
    noisy = choices.pick("noise", ["factorised", "factorised", "independent"])
    plain = choices.pick("loss", ["huber", "huber", "squared", "abs"])
    layers = choices.pick("noisy layers", ["all", "all", "value"]) if on["dueling"] else "all"
    return {
        "double": on["double"],
        "dueling": on["dueling"],
        "distributional": on["distributional"],
        "loss": "cross-entropy" if on["distributional"] else plain,
        "num_atoms": choices.pick("num_atoms", [11, 51]),
        "noisy": noisy if on["noisy"] else "off",
        "noisy_layers": layers,
        "prioritized": on["prioritized"],
        "n_step": choices.pick("n_step", [1, 2, 3, 3, 5, 10, 20]),
        "gamma": choices.pick("gamma", [0.9, 0.99, 0.99, 0.997, 1.0]),
        "reward_clip": choices.pick("reward_clip", [0.0, 1.0]),
    }


def _replay(choices: _Choices, steps: int) -> dict[str, Any]:
    if not choices.chance("prioritized", 70):
        return {"sampling": "uniform", "replacement": choices.chance("replacement", 50)}
    return {
        "sampling": choices.pick("sampling", ["stratified", "independent"]),
        "alpha": choices.pick("alpha", [0.0, 0.3, 0.5, 0.5, 0.6, 0.7, 1.0]),
        "priority_epsilon": choices.pick("priority_epsilon", [1e-6, 1e-6, 1e-3, 1e-2]),
        "insert_priority": choices.pick("insert_priority", ["running-max", "live-max"]),
        "importance_sampling": choices.chance("importance_sampling", 85),
        "beta_annealing": choices.chance("beta_annealing", 80),
        "beta_start": choices.pick("beta_start", [0.0, 0.4, 0.4, 0.6, 1.0]),
        "beta_anneal_steps": choices.pick("beta steps", [steps // 2, steps, 10 * steps]),
        "weight_normaliser": choices.pick("weight_normaliser", ["batch", "buffer"]),
    }


def _capacity(choices: _Choices, steps: int) -> int:
    """Return one that the ring wraps around many times, a few times, just not, or never."""
    share = choices.pick("capacity", [0.05, 0.2, 0.4, 0.7, 1.0, 1.0, 2.0, 5.0])
    return max(32, int(share * steps))
