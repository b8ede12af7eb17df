"""Losses of single samples, and the error of each that prioritized replay ranks by.

Every loss returns ``(losses, td_errors)``, both (batch,), the second detached. For the scalar
losses the TD error is delta = target - Q(s, a), signed. Under C51 it is the KL divergence from
the target distribution to the predicted one, never negative, which is what Rainbow prioritizes
by (Hessel et al. 2018, The Integrated Agent).

``abs`` is what the article behind the reproduction uses with importance weights: its gradient
is the sign of the error, times the weight. The update of Schaul et al. 2016 (Algorithm 1,
w delta grad Q) is the gradient of ``squared``, and of ``huber`` where abs(delta) <= 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from rlaudit.config import Loss


def huber(q: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """delta^2 / 2 up to abs(delta) = 1, abs(delta) - 1/2 beyond (the DQN's clipped error)."""
    return functional.huber_loss(q, target, reduction="none"), (target - q).detach()


def squared(q: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """delta^2 / 2, whose gradient is -delta grad Q."""
    delta = target - q
    return 0.5 * delta.square(), delta.detach()


def absolute(q: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """abs(delta), whose gradient is -sign(delta) grad Q."""
    delta = target - q
    return delta.abs(), delta.detach()


def cross_entropy(logits: Tensor, target_probs: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy of predicted ``logits`` against ``target_probs``, both (batch, atoms).

    Its gradient is that of the KL divergence, from which it differs by the target's entropy.
    Rounding can leave the divergence of two equal distributions at -1e-7; it is returned as 0.
    """
    losses = -(target_probs * logits.log_softmax(-1)).sum(-1)
    divergence = losses.detach() - torch.special.entr(target_probs).sum(-1)
    return losses, divergence.clamp_(min=0)


def weighted_mean(losses: Tensor, weights: Tensor) -> Tensor:
    """Mean over the batch of weight times loss, both (batch,): a sum over the batch size."""
    return (weights * losses).mean()


LOSSES: Mapping[Loss, Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]] = {
    "cross-entropy": cross_entropy,
    "huber": huber,
    "squared": squared,
    "abs": absolute,
}
"""The losses by their names in the config."""
