"""What an experiment is: variants of one configuration, each run with several seeds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from rlaudit.config import config_hash
from rlaudit.errors import UsageError, did_you_mean
from rlaudit.presets import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from rlaudit.config import TrainConfig
    from rlaudit.curves import Wish


@dataclass(frozen=True, slots=True)
class Variant:
    """One configuration of an experiment.

    ``settings`` go on top of the experiment's. ``published`` is what its source reports for it,
    in episodes until it is solved; None where it reports nothing.
    """

    name: str
    title: str
    settings: Mapping[str, object]
    published: float | None = None


@dataclass(frozen=True, slots=True)
class Experiment:
    """Variants, how many seeds each is given, and where the experiment is from.

    ``settings`` go on top of ``preset`` for every variant. ``checkpoint_every`` is in agent steps;
    0 where a run is so short that a stopped one is made again. ``curves`` is what its plot shows;
    None plots the share of runs that are solved.
    """

    name: str
    title: str
    source: str
    env: str
    preset: str
    variants: Sequence[Variant]
    seeds: int
    settings: Mapping[str, object] = field(default_factory=dict)
    checkpoint_every: int = 0
    curves: Wish | None = None

    def chosen(self, names: Iterable[str]) -> list[Variant]:
        """Return the variants of these names, or all if there are none.

        Raises:
            UsageError: if the experiment has no variant of a name.
        """
        by_name = {variant.name: variant for variant in self.variants}
        wanted = list(names) or list(by_name)
        for name in wanted:
            if name not in by_name:
                raise UsageError(
                    f"{self.name} has no variant {name!r}", hint=did_you_mean(name, by_name)
                )
        return [by_name[name] for name in wanted]

    def run_name(self, variant: Variant) -> str:
        """Return the name that the runs of a variant have in their logs."""
        return f"{self.name} {variant.name}"

    def config(
        self,
        variant: Variant,
        seed: int,
        scale: Mapping[str, object],
        *,
        atari: bool,
        implied: Mapping[str, object],
    ) -> TrainConfig:
        """Return the settings of one run; ``scale`` is what the user asks for besides.

        Raises:
            ConfigError: if they contradict each other.
        """
        return resolve(
            self.env,
            atari=atari,
            preset=self.preset,
            from_file=dict(self.settings) | dict(variant.settings),
            from_flags=dict(scale) | {"seed": seed},
            from_env=implied,
        )


@dataclass(frozen=True, slots=True)
class Planned:
    """One run of an experiment, and the log of its own that it goes to."""

    name: str
    variant: str
    seed: int
    config: TrainConfig
    log: Path
    checkpoint_every: int

    @property
    def run_id(self) -> str:
        """Of the run in its log."""
        return f"{self.variant}-{self.seed:03d}"

    @property
    def config_hash(self) -> str:
        """The same for all seeds of a variant."""
        return config_hash(self.config.to_json())


class State(NamedTuple):
    """How far an experiment is."""

    planned: int
    done: int
    """Finished runs, those of earlier commands included."""
    share: float
    """Of the experiment, from 0 to 1: a run under way counts by its agent steps."""
    running: Sequence[str]
    """Each run under way, with the agent steps that it has done."""
    failed: Sequence[str]
    """A sentence for each run that failed in this command."""
