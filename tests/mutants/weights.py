"""Importance-sampling weights and beta: computed, normalised or used wrongly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from mutant import mutant

from rlaudit.agent import agent as agent_module
from rlaudit.replay import replay as replay_module
from rlaudit.replay.replay import Replay
from rlaudit.replay.weights import beta_at, importance_weights

if TYPE_CHECKING:
    import pytest

WEIGHTS = Replay._weights


def replace_weights(monkeypatch: pytest.MonkeyPatch, change) -> None:
    """Let ``change(replay, drawn, raw, normaliser, beta)`` return raw weights and normaliser."""

    def weights(self, drawn, done):
        raw, normaliser, beta = WEIGHTS(self, drawn, done)
        raw, normaliser = change(self, drawn, raw, normaliser, beta)
        return raw, normaliser, beta

    monkeypatch.setattr(Replay, "_weights", weights)


@mutant(
    bug=16,
    seen_in="tensorforce/tensorforce#267",
    flagged_by="weights_all_one",
    diagnosis="the config turns importance sampling on",
    may_fail=("wrong_raw_weight",),
)
def weights_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """All weights are 1, while beta is annealed."""
    replace_weights(monkeypatch, lambda _self, _drawn, raw, *_: (np.ones_like(raw), 1.0))


@mutant(
    bug=16,
    seen_in="tensorforce/tensorforce#267",
    flagged_by="loss_not_weighted",
    diagnosis="so they do not multiply the loss",
)
def weights_unused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are computed and logged, and the cross-entropy is averaged without them."""
    monkeypatch.setattr(agent_module, "weighted_mean", lambda losses, _: losses.mean())


@mutant(
    bug=16,
    seen_in="tensorforce/tensorforce#267",
    flagged_by="loss_not_weighted",
    diagnosis="it is the mean without the weights, which do not multiply the loss",
    settings={"distributional": False},
)
def weights_unused_huber(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are computed and logged, and the Huber loss is averaged without them."""
    weights_unused(monkeypatch)


@mutant(
    bug=0,
    seen_in="a weighted average in place of the mean",
    flagged_by="loss_not_weighted",
    diagnosis="it is divided by the sum of the weights",
    settings={"distributional": False, "loss": "squared"},
)
def loss_over_sum_of_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss is divided by the sum of the weights and not by the batch size."""
    monkeypatch.setattr(
        agent_module,
        "weighted_mean",
        lambda losses, weights: (losses * weights).sum() / weights.sum(),
    )


@mutant(
    bug=17,
    seen_in="chainer/chainerrl#570",
    flagged_by="wrong_final_weight",
    diagnosis="where the batch's own largest is to make it 1",
)
def normaliser_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are divided by the largest that any batch has had."""
    largest = []

    def change(_self, _drawn, raw, normaliser, _beta):
        largest.append(normaliser)
        return raw, max(largest)

    replace_weights(monkeypatch, change)


@mutant(
    bug=18,
    seen_in="Kaixhin/Rainbow 4e2b1ea",
    flagged_by="wrong_raw_weight",
    diagnosis="N is the capacity 500, and the buffer is not full",
)
def capacity_for_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are computed with the capacity, from the first update on."""
    monkeypatch.setattr(
        replay_module,
        "importance_weights",
        lambda priorities, total, _, beta: importance_weights(priorities, total, 500, beta),
    )


@mutant(
    bug=19,
    seen_in="Tianshou's get_weight",
    flagged_by="wrong_final_weight",
    diagnosis="the normaliser is that of the smallest priority, without the exponent beta",
)
def normaliser_without_exponent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are divided by 1 / (N p) of the smallest priority, without the exponent."""

    def change(self, drawn, raw, _normaliser, _beta):
        return raw, float(drawn.total / (self.size * drawn.priorities.min()))

    replace_weights(monkeypatch, change)


@mutant(
    bug=19,
    seen_in="Tianshou's get_weight",
    flagged_by="wrong_final_weight",
    diagnosis="the normaliser is that of the smallest priority, without its exponent alpha",
)
def normaliser_of_the_raw_minimum(monkeypatch: pytest.MonkeyPatch) -> None:
    """The smallest priority enters the normaliser before its exponent alpha."""

    def change(self, drawn, raw, _normaliser, beta):
        smallest = float(drawn.priorities.min()) ** (1 / self.config.alpha)
        return raw, float((self.size * smallest / drawn.total) ** -beta)

    replace_weights(monkeypatch, change)


@mutant(
    bug=0,
    seen_in="weights that are normalised to a mean of 1",
    flagged_by="wrong_final_weight",
    diagnosis="the normaliser is the mean of the batch",
)
def normaliser_is_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are divided by the mean of the batch."""
    replace_weights(monkeypatch, lambda _self, _drawn, raw, *_: (raw, float(raw.mean())))


@mutant(
    bug=20,
    seen_in="ray-project/ray#6973; y-kamiya ae32207",
    flagged_by="wrong_beta",
    diagnosis="the schedule goes on beyond 1",
    may_fail=("beta_out_of_range",),
    settings={"beta_anneal_steps": 500},
)
def beta_beyond_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beta goes on rising after its schedule has ended."""
    monkeypatch.setattr(
        replay_module,
        "beta_at",
        lambda env_step, start, anneal_steps, *, annealing: (
            start + (1.0 - start) * env_step / anneal_steps * annealing
        ),
    )


@mutant(
    bug=21,
    seen_in="keras-rl/keras-rl#212; thu-ml/tianshou#386",
    flagged_by="wrong_beta",
    diagnosis="it is the same in all updates, and the config anneals it to 1",
)
def beta_never_annealed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beta stays where it starts."""
    monkeypatch.setattr(replay_module, "beta_at", lambda _step, start, _steps, **_: start)


@mutant(
    bug=0,
    seen_in="Schaul et al. 2016, section 3.4: a schedule on another clock",
    flagged_by="wrong_beta",
    diagnosis="it is annealed by steps of one environment",
    settings={"num_envs": 4},
)
def beta_annealed_too_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beta is annealed by the steps of one of four environments."""
    monkeypatch.setattr(
        replay_module,
        "beta_at",
        lambda env_step, *given, **named: beta_at(env_step // 4, *given, **named),
    )


@mutant(
    bug=0,
    seen_in="Schaul et al. 2016, section 3.4: a schedule that is meant for another exponent",
    flagged_by="beta_out_of_range",
    diagnosis="falls",
    may_fail=("wrong_beta",),
)
def beta_annealed_to_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beta goes from its start to 0, as an exploration rate does."""
    monkeypatch.setattr(
        replay_module,
        "beta_at",
        lambda env_step, start, anneal_steps, **_: start * max(0.0, 1 - env_step / anneal_steps),
    )


@mutant(
    bug=0,
    seen_in="Recomputation: a total that is read before the batch is",
    flagged_by="wrong_raw_weight",
    diagnosis="the total is the one of the update before",
)
def weights_with_a_stale_total(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are computed with the total of the update before."""
    totals = []

    def weights(self, drawn, done):
        totals.append(drawn.total)
        return WEIGHTS(self, drawn._replace(total=totals[-2:][0]), done)

    monkeypatch.setattr(Replay, "_weights", weights)


@mutant(
    bug=0,
    seen_in="Schaul et al. 2016, section 3.4",
    flagged_by="wrong_raw_weight",
    diagnosis="the exponent is beta and not -beta",
)
def weights_upside_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights rise with the probability."""
    monkeypatch.setattr(
        replay_module,
        "importance_weights",
        lambda priorities, total, size, beta: importance_weights(priorities, total, size, -beta),
    )


@mutant(
    bug=31,
    seen_in="chainer/chainerrl#567, #465",
    flagged_by="weights_against_config",
    diagnosis="the config turns importance sampling off",
    settings={"importance_sampling": False},
)
def importance_sampling_stays_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The replay weights its batches whatever the config says."""

    def weights(self, drawn, _done):
        raw = importance_weights(drawn.priorities, drawn.total, self.size, 0.5)
        return raw, float(raw.max()), None

    monkeypatch.setattr(Replay, "_weights", weights)
