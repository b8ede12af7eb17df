"""The settings of a training run, and the vocabulary in which every log states them.

One frozen dataclass for each part of the program, so that a part is handed just what it reads.
Field names are unique across them: flattened to one mapping they are the keys of a
``--config`` file, of the JSON in ``runs.config``, and (with dashes) the command line's options.
The checks read the same keys from anyone's log; a check that needs one that is absent does not
apply.

Steps are agent steps, summed over all environments (on Atari one agent step is ``frame_skip``
frames).
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field, fields
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from rlaudit.errors import ConfigError, did_you_mean
from rlaudit.stated_config import load_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Network = Literal["mnih2013", "nature", "data-efficient", "mlp"]
Noise = Literal["off", "factorised", "independent"]
NoisyLayers = Literal["all", "value"]
Loss = Literal["cross-entropy", "huber", "squared", "abs"]
Sampling = Literal["stratified", "independent", "uniform"]
WeightNormaliser = Literal["batch", "buffer"]
InsertPriority = Literal["running-max", "live-max"]
WeightPopulation = Literal["stored", "capacity"]
EpsilonSchedule = Literal["linear", "per-episode"]
NStepAt = Literal["store", "sample"]


def _setting(default: Any, doc: str, *, low: float | None = None, high: float | None = None) -> Any:
    return field(default=default, metadata={"doc": doc, "low": low, "high": high})


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvConfig:
    """Which environment, and how it is shown to the agent."""

    env: str = _setting("breakout", "ALE game in snake_case or Gymnasium id")
    num_envs: int = _setting(1, "environments stepped side by side", low=1)
    frame_stack: int = _setting(4, "frames in one Atari observation", low=1)
    frame_skip: int = _setting(4, "emulator frames for each Atari agent step", low=1)
    noop_max: int = _setting(30, "most no-op actions that start an Atari game", low=0)
    sticky_actions: float = _setting(
        0.0,
        "probability that Atari repeats the last action (0.25 in Machado et al. 2018)",
        low=0,
        high=1,
    )
    max_episode_steps: int = _setting(
        0,
        "agent steps after which a limit ends an episode; 0 is none; filled in from the "
        "environment's own limit where it is not stated",
        low=0,
    )
    time_limit_is_terminal: bool = _setting(
        False, "learn from an end by the step limit as from an end of the game"
    )
    terminal_on_life_loss: bool = _setting(
        False, "learn from a lost life as from an end; the game goes on"
    )
    fire_each_life: bool = _setting(
        False,
        "press FIRE in the first step of each life, in evaluation too: an Atari agent that has not "
        "learned to serve waits for ever",
    )
    reward_clip: float = _setting(
        1.0, "clip rewards to [-X, X] for learning; 0 leaves them as they are", low=0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayConfig:
    """What is stored and how it is drawn (Schaul et al. 2016)."""

    capacity: int = _setting(1_000_000, "transitions the replay holds", low=1)
    batch_size: int = _setting(32, "transitions in one update", low=1)
    n_step: int = _setting(3, "rewards summed before bootstrapping", low=1)
    gamma: float = _setting(0.99, "discount for each step", low=0, high=1)
    prioritized: bool = _setting(True, "draw by priority and not uniformly")
    sampling: Sampling = _setting("stratified", "how a batch is drawn")
    replacement: bool = _setting(True, "whether one batch may draw a transition twice")
    alpha: float = _setting(0.5, "exponent of the priorities", low=0, high=1)
    priority_epsilon: float = _setting(
        1e-6, "added to the absolute TD error before the exponent", low=0
    )
    insert_priority: InsertPriority = _setting(
        "running-max", "new transitions enter at the largest priority ever or at the largest alive"
    )
    importance_sampling: bool = _setting(True, "weight the losses by (N p)^-beta")
    beta_annealing: bool = _setting(True, "move beta linearly to 1")
    beta_start: float = _setting(0.4, "exponent of the weights at the start", low=0, high=1)
    beta_anneal_steps: int = _setting(1_500_000, "agent steps until beta is 1", low=1)
    beta_anneal_episodes: int = _setting(
        0, "episodes until beta is 1, moved at the end of each; 0 moves it by steps", low=0
    )
    weight_population: WeightPopulation = _setting(
        "stored", "N of the weights: the transitions stored so far, or the capacity from the start"
    )
    weight_normaliser: WeightNormaliser = _setting(
        "batch", "weights are divided by the largest of the batch or of the buffer"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """The network and its loss."""

    network: Network = _setting("nature", "layers before the streams")
    hidden_units: int = _setting(512, "width of each stream's hidden layer", low=1)
    double: bool = _setting(True, "select by the online net, value by the target net")
    dueling: bool = _setting(True, "separate streams for value and advantage")
    distributional: bool = _setting(True, "learn a distribution of returns (C51)")
    num_atoms: int = _setting(51, "atoms of the distribution", low=2)
    v_min: float = _setting(-10.0, "lowest atom")
    v_max: float = _setting(10.0, "highest atom")
    noisy: Noise = _setting("factorised", "explore by noise on the weights")
    noisy_layers: NoisyLayers = _setting(
        "all", "noise in all linear layers or in the value stream only"
    )
    noisy_sigma: float = _setting(
        0.5, "initial noise: sigma_0 of the factorised form, sigma of the independent one", low=0
    )
    loss: Loss = _setting("cross-entropy", "loss of one sample; importance weights multiply it")
    learning_rate: float = _setting(6.25e-5, "Adam's step size", low=0)
    adam_epsilon: float = _setting(1.5e-4, "Adam's epsilon", low=0)
    max_grad_norm: float = _setting(10.0, "clip the gradient's norm to this; 0 does not", low=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleConfig:
    """How long, how often, and where."""

    steps: int = _setting(1_500_000, "agent steps to train, over all environments", low=1)
    episodes: int = _setting(0, "stop after this many training episodes; 0 does not", low=0)
    stop_at_mean_length: float = _setting(
        0.0,
        "stop when the mean length of the last 100 training episodes, absent ones counted as 0, "
        "is this or more; 0 does not",
        low=0,
    )
    seed: int = _setting(0, "seed of everything random in the run", low=0)
    device: str = _setting("auto", "auto, cpu, cuda or mps")
    learning_starts: int = _setting(1_600, "agent steps before the first update", low=0)
    learning_rate_decay: bool = _setting(
        False, "move the learning rate linearly to 0, where it is at the last of the steps"
    )
    update_period: int = _setting(4, "agent steps for each update", low=1)
    target_sync_agent_steps: int = _setting(
        8_000, "agent steps between copies of the online net to the target net", low=1
    )
    random_warm_up: bool = _setting(
        False,
        "act at random until an episode begins after learning_starts; episodes before it do not "
        "count for the settings that count episodes",
    )
    epsilon_greedy_schedule: EpsilonSchedule = _setting(
        "linear", "linear in agent steps, or start / (episodes + 1.001) anew for each episode"
    )
    epsilon_greedy_start: float = _setting(
        1.0, "share of random actions at the start; unused with noise on", low=0, high=1
    )
    epsilon_greedy_end: float = _setting(
        0.01, "share of random actions after the annealing", low=0, high=1
    )
    epsilon_greedy_steps: int = _setting(
        250_000, "agent steps over which random actions decrease linearly", low=1
    )
    eval_every: int = _setting(0, "agent steps between two evaluations; 0 does not evaluate", low=0)
    eval_episodes: int = _setting(10, "whole games played in one evaluation", low=1)
    eval_epsilon: float = _setting(
        0.001, "share of random actions in evaluation, where noise is off", low=0, high=1
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedTerms:
    """What a log may state beside the settings, about a trainer that is made in another way.

    No setting of rlaudit's own trainer, which has the default of each.
    """

    loss_scale: float = _setting(
        1.0,
        "constant that multiplies the loss of every sample; `squared` is td^2 / 2, so a loss of "
        "td^2 is 2",
        low=0,
    )
    n_step_at: NStepAt = _setting(
        "store",
        "when windows of n rewards are formed; with `sample` each stored transition is one step",
    )
    insert_priority_first: float = _setting(
        1.0, "priority, as the sum tree holds it, of what enters before the first write-back", low=0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """All settings of one training run."""

    preset: str
    env: EnvConfig
    replay: ReplayConfig
    agent: AgentConfig
    schedule: ScheduleConfig

    def flat(self) -> dict[str, Any]:
        """Return every setting under its vocabulary name, as ``runs.config`` holds it."""
        flat: dict[str, Any] = {"preset": self.preset}
        for part in (self.env, self.replay, self.agent, self.schedule):
            flat.update({f.name: getattr(part, f.name) for f in fields(part)})
        return flat

    def to_json(self) -> str:
        """Return :meth:`flat` as JSON with sorted keys."""
        return json.dumps(self.flat(), sort_keys=True)


class Setting(NamedTuple):
    """One word of the vocabulary."""

    name: str
    part: str
    type: type
    choices: tuple[str, ...]
    default: Any
    doc: str
    low: float | None
    high: float | None

    def check(self, value: object) -> Any:
        """Return ``value`` in the setting's type.

        Raises:
            ConfigError: if the value has another type, lies outside the range or is no choice.
        """
        if self.type is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, self.type) or (self.type is int and isinstance(value, bool)):
            raise ConfigError(f"{self.name} must be {_KINDS[self.type]}, not {value!r}")
        if self.choices and value not in self.choices:
            hint = did_you_mean(str(value), self.choices)
            raise ConfigError(f"{self.name} cannot be {value!r}", hint=hint)
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{self.name} must be a finite number, not {value}")
        if isinstance(value, (int, float)):
            if self.low is not None and value < self.low:
                raise ConfigError(f"{self.name} must be at least {self.low:g}, not {value}")
            if self.high is not None and value > self.high:
                raise ConfigError(f"{self.name} must be at most {self.high:g}, not {value}")
        return value


_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
_PARTS: dict[str, type] = {
    "env": EnvConfig,
    "replay": ReplayConfig,
    "agent": AgentConfig,
    "schedule": ScheduleConfig,
}


@cache
def vocabulary() -> dict[str, Setting]:
    """Return every setting by name, in the order of the dataclasses."""
    return {s.name: s for part, owner in _PARTS.items() for s in _settings_of(part, owner)}


@cache
def stated_terms() -> dict[str, Setting]:
    """Return every word by which a log states what its trainer does: settings and other terms."""
    return vocabulary() | {s.name: s for s in _settings_of("", StatedTerms)}


def _settings_of(part: str, owner: type) -> Iterator[Setting]:
    hints = get_type_hints(owner)
    for f in fields(owner):
        hint = hints[f.name]
        choices = get_args(hint) if get_origin(hint) is Literal else ()
        yield Setting(f.name, part, str if choices else hint, choices, f.default, **f.metadata)


def build(preset: str, values: Mapping[str, object]) -> TrainConfig:
    """Check ``values`` (settings by name; absent ones keep their default) and group them.

    Raises:
        ConfigError: if a name is unknown, a value does not fit, or two settings contradict.
    """
    known = vocabulary()
    parts: dict[str, dict[str, Any]] = {part: {} for part in _PARTS}
    for name, value in values.items():
        if name not in known:
            raise ConfigError(f"unknown setting {name!r}", hint=did_you_mean(name, known))
        setting = known[name]
        parts[setting.part][name] = setting.check(value)
    config = TrainConfig(preset=preset, **{part: _PARTS[part](**parts[part]) for part in parts})
    _check_together(config)
    return config


def _check_together(config: TrainConfig) -> None:
    replay, agent = config.replay, config.agent
    refusals = [
        (
            replay.batch_size > replay.capacity,
            f"batch_size {replay.batch_size} is larger than the capacity {replay.capacity}",
            "raise --capacity or lower --batch-size",
        ),
        (
            replay.prioritized == (replay.sampling == "uniform"),
            f"prioritized is {str(replay.prioritized).lower()} but sampling is {replay.sampling!r}",
            "uniform sampling goes with --no-prioritized, the others with --prioritized",
        ),
        (
            replay.importance_sampling and not replay.prioritized,
            "importance_sampling is on but prioritized is off",
            "uniform draws need no weights: pass --no-importance-sampling",
        ),
        (
            replay.prioritized and not replay.replacement,
            "prioritized draws are with replacement",
            "replacement = false goes with --no-prioritized",
        ),
        (
            agent.noisy != "off" and config.schedule.random_warm_up,
            "random_warm_up is on, and noise explores from the first step",
            "pass --no-random-warm-up or --noisy off",
        ),
        (
            agent.distributional != (agent.loss == "cross-entropy"),
            f"distributional is {str(agent.distributional).lower()} but the loss is {agent.loss!r}",
            "C51 is learned with cross-entropy, a plain Q-network with huber, squared or abs",
        ),
        (
            agent.v_min >= agent.v_max,
            f"v_min {agent.v_min:g} is not below v_max {agent.v_max:g}",
            "give the range of returns that the atoms cover",
        ),
        (
            agent.noisy != "off" and agent.noisy_layers == "value" and not agent.dueling,
            "noisy_layers is 'value' but dueling is off, so there is no value stream",
            "pass --dueling or --noisy-layers all",
        ),
    ]
    for refused, message, hint in refusals:
        if refused:
            raise ConfigError(message, hint=hint)


def config_hash(config_json: str) -> str:
    """Return 16 hex digits that two runs share exactly when all settings but the seed agree."""
    settings = load_json(config_json)
    settings.pop("seed", None)
    canonical = json.dumps(settings, sort_keys=True)
    return hashlib.blake2b(canonical.encode(), digest_size=8).hexdigest()
