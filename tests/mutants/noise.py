"""Noise that is drawn too seldom, too often, for the wrong pass or at the wrong time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from mutant import mutant

from rlaudit.agent.agent import Acted, Agent
from rlaudit.agent.networks import QNetwork
from rlaudit.agent.noise import NoisyLinear
from rlaudit.train.loop import TrainingLoop

if TYPE_CHECKING:
    import pytest

DRAW = Agent._draw
EVALUATION = {"eval_every": 400, "eval_episodes": 3}


@mutant(
    bug=33,
    seen_in="Kaixhin/Rainbow#2",
    flagged_by="update_noise_constant",
    diagnosis="the target pass used noise draw 104 in 450 updates",
)
def target_noise_never_redrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The target net draws its noise at its first pass and keeps it."""

    def draw(self, network):
        if network is not self.target:
            return DRAW(self, network)
        if not hasattr(self, "first_target_draw"):
            self.first_target_draw = DRAW(self, network)
        return self.first_target_draw

    monkeypatch.setattr(Agent, "_draw", draw)


@mutant(
    bug=33,
    seen_in="Kaixhin/Rainbow#2",
    flagged_by="update_noise_constant",
    diagnosis="episodes",
)
def target_noise_once_an_episode(monkeypatch: pytest.MonkeyPatch) -> None:
    """The target net draws its noise when an episode begins, and not for each update."""
    reset = TrainingLoop._reset

    def begin(self, mask):
        self.agent.target_is_stale = True
        reset(self, mask)

    def draw(self, network):
        if network is self.target:
            if self.target_is_stale:
                self.target_draw = DRAW(self, network)
                self.target_is_stale = False
            return self.target_draw
        return DRAW(self, network)

    monkeypatch.setattr(TrainingLoop, "_reset", begin)
    monkeypatch.setattr(Agent, "_draw", draw)


@mutant(
    bug=34,
    seen_in="pytorch/rl#1963; Kaixhin/Rainbow a8d01b8",
    flagged_by="acting_noise_constant",
    diagnosis="stays during the warm-up, which ends at step 100",
)
def acting_noise_constant_in_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise is drawn for acting only once learning has begun."""
    learn = Agent.learn

    def act(self, observations, **_):
        if self.noise_draws == 0 or hasattr(self, "has_learned"):
            self.acting_draw = self._draw(self.online)
        return Acted(self._greedy(observations), self.acting_draw)

    def learn_and_note(self, batch):
        self.has_learned = True
        return learn(self, batch)

    monkeypatch.setattr(Agent, "act", act)
    monkeypatch.setattr(Agent, "learn", learn_and_note)


@mutant(
    bug=34,
    seen_in="CleanRL's rainbow",
    flagged_by="acting_noise_constant",
    diagnosis="is not drawn for acting at all and changes only where an update draws",
    may_fail=("noise_shared_by_online_passes",),
)
def acting_noise_drawn_by_updates_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Acting uses whatever noise the last update left in the online net."""
    learn = Agent.learn

    def act(self, observations, **_):
        if self.noise_draws == 0:
            self.acting_draw = self._draw(self.online)
        return Acted(self._greedy(observations), self.acting_draw)

    def learn_and_keep(self, batch):
        learned = learn(self, batch)
        self.acting_draw = learned.noise_online
        return learned

    monkeypatch.setattr(Agent, "act", act)
    monkeypatch.setattr(Agent, "learn", learn_and_keep)


@mutant(
    bug=34,
    seen_in="Kaixhin/Rainbow a8d01b8",
    flagged_by="acting_noise_constant",
    diagnosis="the acting noise is never drawn anew",
)
def acting_noise_never_redrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent acts for ever under the first noise that it drew for acting."""

    def act(self, observations, **_):
        if not hasattr(self, "acting_noise"):
            self.acting_draw = self._draw(self.online)
            self.acting_noise = self.online._noise.clone()
        self.online._noise.copy_(self.acting_noise)
        return Acted(self._greedy(observations), self.acting_draw)

    monkeypatch.setattr(Agent, "act", act)


def draw_in_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every noisy layer draw in its forward pass, and count its draws like the others."""
    init, forward = Agent.__init__, NoisyLinear.forward

    def make(self, *args, **kwargs):
        init(self, *args, **kwargs)
        for network in (self.online, self.target):
            for layer in network._noisy_layers:
                layer.owner = [self]

    def draw_and_pass(self, x):
        if self.noise_on and hasattr(self, "owner"):
            agent = self.owner[0]
            self.hold_noise(torch.zeros_like(self.noise))
            self.draw(agent._generator)
            agent.noise_draws += 1
        return forward(self, x)

    monkeypatch.setattr(Agent, "__init__", make)
    monkeypatch.setattr(NoisyLinear, "forward", draw_and_pass)


@mutant(
    bug=35,
    seen_in="y-kamiya 470d4a0",
    flagged_by="noise_draws_skipped",
    diagnosis="noise is drawn inside layers or forward passes",
)
def noise_drawn_inside_every_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every layer draws its own noise at every pass, besides the draw that was meant for it."""
    draw_in_layers(monkeypatch)


@mutant(
    bug=35,
    seen_in="y-kamiya 470d4a0",
    flagged_by="noise_draws_skipped",
    diagnosis="1 noise draws of run",
)
def noise_drawn_again_in_every_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass of the online net draws anew, after the draw that is logged for it."""
    greedy = Agent._greedy

    def draw_and_pass(self, observations):
        if self.online.is_noisy and self.online.noise_on:
            self._draw(self.online)
        return greedy(self, observations)

    monkeypatch.setattr(Agent, "_greedy", draw_and_pass)


@mutant(
    bug=35,
    seen_in="y-kamiya 470d4a0",
    flagged_by="noise_draws_skipped",
    diagnosis="3 noise draws of run",
    settings={"num_envs": 4},
)
def noise_drawn_for_each_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An act call draws for each of its environments, where one draw is meant for all."""

    def act(self, observations, **_):
        actions = []
        for i in range(len(observations)):
            draw = self._draw(self.online)
            actions.append(self._greedy(observations[i : i + 1]))
        return Acted(np.concatenate(actions), draw)

    monkeypatch.setattr(Agent, "act", act)


@mutant(
    bug=0,
    seen_in="Fortunato et al. 2018, section 3.1",
    flagged_by="noise_shared_with_target",
    diagnosis="and also the online pass of update 0",
)
def target_shares_the_online_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """The online pass that is learned from uses the noise that the target net drew."""

    def draw(self, network):
        after_target = getattr(self, "target_was_last", False)
        self.target_was_last = network is self.target
        if network is self.online and after_target:
            self.online._noise.copy_(self.target._noise)
            return self.noise_draws
        return DRAW(self, network)

    monkeypatch.setattr(Agent, "_draw", draw)


@mutant(
    bug=0,
    seen_in="Fortunato et al. 2018, Algorithm 1",
    flagged_by="noise_shared_by_online_passes",
    diagnosis="serves the online pass of update 0 and the selecting pass of update 0",
)
def selecting_shares_the_learning_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """One draw serves both passes of the online net in an update."""

    def draw(self, network):
        after_target = getattr(self, "target_was_last", False)
        self.target_was_last = network is self.target
        if network is self.online and after_target:
            return self.noise_draws - 1
        return DRAW(self, network)

    monkeypatch.setattr(Agent, "_draw", draw)


@mutant(
    bug=36,
    seen_in="IntelLabs/coach#368",
    flagged_by="noise_in_evaluation",
    diagnosis="which evaluation turns off",
    settings=EVALUATION,
)
def noise_on_in_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluation acts under the noise that the last pass of training drew."""

    def act_greedy(self, observations):
        return Acted(self._greedy(observations), self.noise_draws)

    monkeypatch.setattr(Agent, "act_greedy", act_greedy)


@mutant(
    bug=36,
    seen_in="IntelLabs/coach#368",
    flagged_by="noise_in_evaluation",
    diagnosis="which evaluation turns off",
    may_fail=("noise_draws_skipped",),
    settings=EVALUATION,
)
def noise_drawn_in_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluation acts as training does, and draws noise for every action."""

    def act_greedy(self, observations):
        draw = self._draw(self.online)
        return Acted(self._greedy(observations), draw)

    monkeypatch.setattr(Agent, "act_greedy", act_greedy)


@mutant(
    bug=31,
    seen_in="chainer/chainerrl#567",
    flagged_by="noise_against_config",
    diagnosis="has noisy = factorised, and 998 of its 998 acting passes drew none",
)
def noise_never_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The layers are noisy, but nothing ever draws, and the agent explores by epsilon."""
    monkeypatch.setattr(QNetwork, "is_noisy", property(lambda _: False))


@mutant(
    bug=31,
    seen_in="chainer/chainerrl#567",
    flagged_by="noise_against_config",
    diagnosis="target passes drew none",
)
def target_without_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """The target net computes with the means of its weights alone."""

    def draw(self, network):
        if network is self.target:
            network.noise_on = False
            return None
        return DRAW(self, network)

    monkeypatch.setattr(Agent, "_draw", draw)
