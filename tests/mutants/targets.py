"""Targets that lose mass, a target net that is not copied on time, updates off their schedule."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from mutant import mutant

from rlaudit.agent import agent as agent_module
from rlaudit.agent.agent import Agent
from rlaudit.train.learning import Learner
from rlaudit.train.loop import TrainingLoop

if TYPE_CHECKING:
    import pytest

UPDATE = Learner.update


def schedule_with(monkeypatch: pytest.MonkeyPatch, change) -> None:
    """Let the loop work by the settings that ``change(config)`` returns for its schedule."""
    init = TrainingLoop.__init__

    def patched(self, config, *args, **kwargs):
        changed = replace(config.schedule, **change(config))
        init(self, replace(config, schedule=changed), *args, **kwargs)

    monkeypatch.setattr(TrainingLoop, "__init__", patched)


@mutant(
    bug=30,
    seen_in="floringogianu/categorical-dqn#1",
    flagged_by="projected_mass_error",
    diagnosis="all of it, as where a target falls on an atom and both neighbours get weight 0",
    # One atom for each unit of return: the last reward of an episode falls on an atom.
    settings={"n_step": 1, "v_max": 50.0},
)
def projection_loses_exact_hits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The neighbours are floor and ceil: one atom, with the weight 0, where they are equal."""

    def project(next_probs, rewards, discounts, terminated, support):
        atoms = support.shape[0]
        bootstrap = (discounts * (1 - terminated)).unsqueeze(1)
        moved = rewards.unsqueeze(1) + bootstrap * support
        place = (moved - support[0]) * ((atoms - 1) / (support[-1] - support[0]))
        place = place.clamp(0, atoms - 1)
        lower, upper = place.floor().long(), place.ceil().long()
        projected = torch.zeros_like(next_probs)
        projected.scatter_add_(1, lower, next_probs * (upper - place))
        return projected.scatter_add_(1, upper, next_probs * (place - lower))

    monkeypatch.setattr(agent_module, "project", project)


@mutant(
    bug=0,
    seen_in="a projection that does not clip",
    flagged_by="projected_mass_error",
    diagnosis="mass is lost or added on its way to the atoms",
    settings={"v_max": 50.0},
)
def projection_drops_what_is_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mass that lands beyond the last atom is dropped where it should go to that atom."""
    right = agent_module.project

    def project(next_probs, rewards, discounts, terminated, support):
        bootstrap = (discounts * (1 - terminated)).unsqueeze(1)
        inside = rewards.unsqueeze(1) + bootstrap * support <= support[-1]
        return right(next_probs * inside, rewards, discounts, terminated, support)

    monkeypatch.setattr(agent_module, "project", project)


@mutant(
    bug=31,
    seen_in="chainer/chainerrl#567",
    flagged_by="value_outside_support",
    diagnosis="outside the support from -1 to 1",
    settings={"v_min": -1.0, "v_max": 1.0},
)
def support_ignores_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The atoms stand where they stood in the code, whatever v_min and v_max are."""
    init = Agent.__init__

    def patched(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self._support = torch.linspace(0.0, 200.0, self.config.num_atoms)

    monkeypatch.setattr(Agent, "__init__", patched)


@mutant(
    bug=0,
    seen_in="a target net that is never copied",
    flagged_by="target_sync_off_schedule",
    diagnosis="never copied in",
)
def target_never_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """The step at which the next copy falls due is never reached."""

    def update(self, env_step, episodes):
        self._target_periods = 1 << 60
        return UPDATE(self, env_step, episodes)

    monkeypatch.setattr(Learner, "update", update)


@mutant(
    bug=0,
    seen_in="steps and updates mixed up",
    flagged_by="target_sync_off_schedule",
    diagnosis="copied 200 agent steps after the copy before",
)
def target_copied_by_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    """The copies to the target net are counted in updates and not in agent steps."""

    def update(self, env_step, episodes):
        sync = self._config.schedule.target_sync_agent_steps
        due = (self.updates_done + 1) % sync == 0
        self._target_periods = env_step // sync - due
        return UPDATE(self, env_step, episodes)

    monkeypatch.setattr(Learner, "update", update)


@mutant(
    bug=31,
    seen_in="chainer/chainerrl#567",
    flagged_by="update_before_learning_starts",
    diagnosis="and learning starts at 100",
)
def learning_starts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting learning_starts has no effect: the first full batch is learned from."""
    schedule_with(monkeypatch, lambda _: {"learning_starts": 0})


@mutant(
    bug=0,
    seen_in="update periods that count calls of a vector environment",
    flagged_by="wrong_replay_ratio",
    diagnosis="the period counts ticks of all environments and not agent steps",
    settings={"num_envs": 4},
)
def updates_counted_in_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """An update is done every so many steps of all environments."""
    schedule_with(
        monkeypatch,
        lambda config: {"update_period": config.schedule.update_period * config.env.num_envs},
    )
