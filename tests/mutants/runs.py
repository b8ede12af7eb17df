"""Runs that share an id, fail or are one run, resumes that do not continue, dead settings."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from mutant import mutant
from proving import config_of

from rlaudit.agent.agent import Agent
from rlaudit.agent.networks import QNetwork
from rlaudit.record import to_database
from rlaudit.store import fold
from rlaudit.train import resume as resume_module
from rlaudit.train import resume_training, run_training
from rlaudit.train import run as run_module
from rlaudit.train.checkpoint import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


# What two rows under one key contradict: each shows another update, transition or episode.
REPEATED_UPDATES = (
    "batch_repeated",
    "batch_rows_unlike_size",
    "duplicate_samples",
    "duplicate_update_ids",
    "noise_draws_fall",
    "priority_not_as_written",
    "slot_outside_buffer",
    "stored_state_changed",
    "strata_not_in_slot_order",
    "transition_not_in_buffer",
    "wrong_final_weight",
    "wrong_sampled_state",
)
REPEATED_STEPS = (
    "duplicate_episodes",
    "duplicate_stored_steps",
    "duplicate_transition_ids",
    "episodes_out_of_order",
    "episodes_overlap",
    "unaccounted_agent_steps",
)


class Killed(Exception):  # noqa: N818 - no error of the program
    """Ends a run as a crash does, after its last checkpoint."""


def killed_and_resumed(settings: Mapping[str, Any], path: Path) -> None:
    """Train to step 600 with checkpoints at 250 and 500, crash, and resume from the last one."""
    follow = run_module._Run._follow

    def crash(self, tick):
        follow(self, tick)
        if self._loop.env_step >= 600:
            raise Killed

    with pytest.MonkeyPatch.context() as monkeypatch, suppress(Killed):
        monkeypatch.setattr(run_module._Run, "_follow", crash)
        run_training(config_of(settings), path, run_id="r", checkpoint_every=250)
    resume_training("r", path)


def two_runs(**changed: Any) -> Callable[[Mapping[str, Any], Path], None]:
    """Return a scenario: one run as the settings say, and one that differs in ``changed``."""

    def train(settings: Mapping[str, Any], path: Path) -> None:
        run_training(config_of(settings), path, run_id="r1")
        run_training(config_of({**settings, **changed}), path, run_id="r2")

    return train


SHORT = {"steps": 300}


@mutant(
    bug=31,
    seen_in="chainer/chainerrl#567",
    flagged_by="setting_ignored",
    diagnosis="have double = false and true",
    settings=SHORT,
    scenario=two_runs(double=False),
)
def double_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The online net selects the next action, whether double is on or off."""
    targets = Agent._targets

    def with_double(self, b):
        config, self.config = self.config, replace(self.config, double=True)
        try:
            return targets(self, b)
        finally:
            self.config = config

    monkeypatch.setattr(Agent, "_targets", with_double)


@mutant(
    bug=31,
    seen_in="chainer/chainerrl#465",
    flagged_by="setting_ignored",
    diagnosis="have noisy_layers = value and all",
    settings=SHORT,
    scenario=two_runs(noisy_layers="value"),
)
def noisy_layers_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """All linear layers are noisy, whatever the setting says."""
    init = QNetwork.__init__

    def make(self, config, *args, **kwargs):
        init(self, replace(config, noisy_layers="all"), *args, **kwargs)

    monkeypatch.setattr(QNetwork, "__init__", make)


@mutant(
    bug=31,
    seen_in="chainer/chainerrl#567",
    flagged_by="setting_ignored",
    diagnosis="have seed = 2 and 1",
    settings=SHORT,
    scenario=two_runs(seed=2),
)
def seed_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything random follows from the seed 0, whatever the setting says."""
    build_loop = run_module.build_loop

    def build(config, *, for_log):
        schedule = replace(config.schedule, seed=0)
        return build_loop(replace(config, schedule=schedule), for_log=for_log)

    monkeypatch.setattr(run_module, "build_loop", build)


@mutant(
    bug=31,
    seen_in="chainer/chainerrl#567",
    flagged_by="identical_runs",
    diagnosis="so they are one run twice",
    settings=SHORT,
    scenario=two_runs(seed=2),
)
def seed_lost_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run gets the seed 0, and says so in the log, whatever seed was asked for."""
    conduct = run_module.conduct

    def with_seed_0(config, *args, **kwargs):
        schedule = replace(config.schedule, seed=0)
        return conduct(replace(config, schedule=schedule), *args, **kwargs)

    monkeypatch.setattr(run_module, "conduct", with_seed_0)


def two_runs_of_one_id(settings: Mapping[str, Any], path: Path) -> None:
    """Train twice; each run asks for an id of its own."""
    run_training(config_of(settings), path)
    run_training(config_of({**settings, "seed": 2}), path)


@mutant(
    bug=41,
    seen_in="vwxyzjn/cleanrl#256; ray-project/ray#29916",
    flagged_by="run_id_shared",
    diagnosis="2 processes began a run under the id",
    may_fail=(
        *REPEATED_UPDATES,
        *REPEATED_STEPS,
        "duplicate_run_ids",
        "inconsistent_observations",
        "steps_beyond_episode",
        "terminal_inside_episode",
        "terminal_not_stored",
    ),
    settings=SHORT,
    scenario=two_runs_of_one_id,
)
def run_ids_collide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run id is the environment and the time to the minute, and a taken id is not refused."""
    monkeypatch.setattr(run_module, "new_run_id", lambda name: f"{name}-20260101-1200")
    monkeypatch.setattr(fold, "run_exists", lambda _con, _run_id: False)


@mutant(
    bug=41,
    seen_in="ray-project/ray#29916",
    flagged_by="duplicate_run_ids",
    diagnosis="stands in raw.runs 2 times",
    scenario=killed_and_resumed,
)
def resume_stores_its_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resumed run does not look whether the log has its run, and stores it again."""
    monkeypatch.setattr(fold, "run_exists", lambda _con, _run_id: False)


@mutant(
    bug=42,
    seen_in="wandb/wandb#6728; allenai/tango#152",
    flagged_by="resume_does_not_continue",
    diagnosis="logs update 0 again, where the checkpoint has all up to",
    may_fail=REPEATED_UPDATES,
    scenario=killed_and_resumed,
)
def resume_counts_updates_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resumed run counts its updates from 0."""
    restore = run_module.restore

    def anew(loop, checkpoint):
        restore(loop, checkpoint)
        loop.learner.updates_done = 0
        loop.learner._learning_since = loop.env_step

    monkeypatch.setattr(run_module, "restore", anew)


@mutant(
    bug=42,
    seen_in="wandb/wandb#6728",
    flagged_by="resume_does_not_continue",
    diagnosis="again, where the checkpoint has all up to",
    # The views keep the steps of the first attempt, because the log says that they count.
    may_fail=(*REPEATED_UPDATES, *REPEATED_STEPS),
    scenario=killed_and_resumed,
)
def resume_point_is_where_the_log_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is told that the run goes on from its last step, and not from its checkpoint."""
    resume = Origin.resume

    def from_the_end(self):
        made = resume(self)
        return replace(
            made,
            step=made.step + 100,
            transition_id=made.transition_id + 100,
            update_id=made.update_id + 50,
        )

    monkeypatch.setattr(Origin, "resume", from_the_end)


@mutant(
    bug=42,
    seen_in="allenai/tango#152",
    flagged_by="resume_does_not_continue",
    diagnosis="logs an update at step",
    may_fail=(
        "beta_out_of_range",
        "episodes_out_of_order",
        "episodes_overlap",
        "impossible_episodes",
        "target_sync_off_schedule",
        "transitions_out_of_order",
        "unaccounted_agent_steps",
        "update_before_learning_starts",
        "wrong_episode_length",
    ),
    scenario=killed_and_resumed,
)
def resume_counts_steps_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resumed run counts its agent steps from 0."""
    restore = run_module.restore

    def anew(loop, checkpoint):
        restore(loop, checkpoint)
        loop.learner._learning_since -= loop.env_step
        loop.env_step = 0

    monkeypatch.setattr(run_module, "restore", anew)


@mutant(
    bug=42,
    seen_in="wandb/wandb#6728",
    flagged_by="noise_draws_fall",
    diagnosis="the count of draws was set back, as by a resume",
    scenario=killed_and_resumed,
)
def resume_forgets_the_noise_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resumed run counts its noise draws from 0."""
    load_state = Agent.load_state

    def load(self, state):
        load_state(self, {**state, "noise_draws": 0})

    monkeypatch.setattr(Agent, "load_state", load)


def resumed_while_running(settings: Mapping[str, Any], path: Path) -> None:
    """Train, and at step 600 let somebody resume the run from its last checkpoint meanwhile."""
    follow = run_module._Run._follow
    resumed: list[bool] = []

    def resume_once(self, tick):
        follow(self, tick)
        if self._loop.env_step >= 600 and not resumed:
            resumed.append(True)
            resume_training("r", path)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(run_module._Run, "_follow", resume_once)
        run_training(config_of(settings), path, run_id="r", checkpoint_every=250)


@mutant(
    bug=42,
    seen_in="ray-project/ray#29916",
    flagged_by="segments_overlap",
    diagnosis="was at work on it until",
    scenario=resumed_while_running,
)
def running_run_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is still running is not refused to whoever resumes it."""
    for module in (resume_module, to_database):
        monkeypatch.setattr(module, "refuse_if_running", lambda *_: None)


@mutant(
    bug=7,
    seen_in="MorvanZhou/Reinforcement-learning-with-tensorflow#54",
    flagged_by="run_failed",
    diagnosis="the TD error or the loss of update 0 at step",
    may_fail=("not_a_number",),
    settings=SHORT,
)
def logarithm_of_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """The entropy of a target that leaves atoms out is 0 log 0, and the replay refuses the NaN."""
    monkeypatch.setattr(torch.special, "entr", lambda probs: -probs * probs.log())
