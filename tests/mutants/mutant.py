"""What a mutant is: a known bug put into the running trainer, and the checks that must see it.

A mutant changes code and never a log. Its declaration says beforehand which check is meant for it
(``flagged_by``) and which others may fail besides, because the bug breaks what they state as well.
Any other failing check, or a passing ``flagged_by``, fails the mutant.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pytest

MUTANTS: dict[str, Mutant] = {}

# A run of a second or two. A mutant's own settings go on top of these, over the preset cartpole.
TINY: Mapping[str, Any] = {
    "env": "CartPole-v1",
    "preset": "cartpole",
    "hidden_units": 16,
    "capacity": 500,
    "batch_size": 16,
    "learning_starts": 100,
    "update_period": 2,
    "beta_anneal_steps": 1_000,
    "target_sync_agent_steps": 100,
    "steps": 1_000,
    "seed": 1,
    "device": "cpu",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One bug.

    ``bug`` is its number in :data:`bugs.BUGS`.
    ``diagnosis`` is a part of the sentence that the audit must say. ``settings`` go on top of
    :data:`TINY`. ``apply`` puts the bug in, through a pytest ``MonkeyPatch``. ``scenario``, if
    given, replaces the one plain training run: it gets the settings and the path of the log, with
    the bug in place.
    """

    name: str
    bug: int
    about: str
    seen_in: str
    flagged_by: str
    diagnosis: str
    may_fail: frozenset[str]
    settings: Mapping[str, Any]
    apply: Callable[[pytest.MonkeyPatch], None]
    scenario: Callable[[Mapping[str, Any], Path], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class mutant:  # noqa: N801 - a decorator
    """Register the function below as a mutant of its name; its docstring is ``about``."""

    bug: int
    seen_in: str
    flagged_by: str
    diagnosis: str
    may_fail: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    scenario: Callable[[Mapping[str, Any], Path], None] | None = None

    def __call__(
        self, apply: Callable[[pytest.MonkeyPatch], None]
    ) -> Callable[[pytest.MonkeyPatch], None]:
        """Register ``apply``."""
        name = apply.__name__
        if name in MUTANTS:
            raise ValueError(f"two mutants are called {name}")
        MUTANTS[name] = Mutant(
            name=name,
            bug=self.bug,
            about=" ".join((apply.__doc__ or "").split()),
            seen_in=self.seen_in,
            flagged_by=self.flagged_by,
            diagnosis=self.diagnosis,
            may_fail=frozenset(self.may_fail),
            settings=self.settings,
            apply=apply,
            scenario=self.scenario,
        )
        return apply
