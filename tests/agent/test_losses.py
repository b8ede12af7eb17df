from __future__ import annotations

import math
from typing import get_args

import pytest
import torch

from rlaudit.agent.losses import (
    LOSSES,
    absolute,
    cross_entropy,
    huber,
    squared,
    weighted_mean,
)
from rlaudit.config import Loss

TARGETS = torch.tensor([0.5, 2.0, -3.0])


@pytest.mark.parametrize(
    ("loss", "values", "gradients"),
    [
        (huber, [0.125, 1.5, 2.5], [-0.5, -1.0, 1.0]),
        (squared, [0.125, 2.0, 4.5], [-0.5, -2.0, 3.0]),
        (absolute, [0.5, 2.0, 3.0], [-1.0, -1.0, 1.0]),
    ],
)
def test_scalar_losses_by_hand(loss, values, gradients):
    q = torch.zeros(3, requires_grad=True)
    losses, td_errors = loss(q, TARGETS)
    assert losses.tolist() == values
    assert td_errors.tolist() == TARGETS.tolist()
    assert not td_errors.requires_grad
    assert torch.autograd.grad(losses.sum(), q)[0].tolist() == gradients


def test_cross_entropy_by_hand():
    targets = torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.25, 0.75]])
    logits = torch.zeros(3, 2, requires_grad=True)
    losses, divergences = cross_entropy(logits, targets)
    assert losses.tolist() == pytest.approx([math.log(2)] * 3)
    # The entropy of (1/4, 3/4) is 2 ln 2 - 3/4 ln 3.
    third = math.log(2) - (2 * math.log(2) - 0.75 * math.log(3))
    assert divergences.tolist() == pytest.approx([math.log(2), 0, third], abs=1e-7)
    assert not divergences.requires_grad
    gradient = torch.autograd.grad(losses.sum(), logits)[0]
    torch.testing.assert_close(gradient, torch.full((3, 2), 0.5) - targets)


def test_divergence_of_equal_distributions_is_not_negative():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(200, 51, generator=generator)
    _, divergences = cross_entropy(logits, logits.softmax(-1))
    assert divergences.min() >= 0
    assert divergences.max() < 1e-5


def test_nan_stays_nan():
    for loss in (huber, squared, absolute):
        losses, td_errors = loss(torch.tensor([math.nan]), torch.tensor([1.0]))
        assert losses.isnan().all()
        assert td_errors.isnan().all()
    losses, divergences = cross_entropy(torch.zeros(1, 2), torch.full((1, 2), math.nan))
    assert losses.isnan().all()
    assert divergences.isnan().all()


def test_weighted_mean_by_hand():
    losses, weights = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([1.0, 0.5, 0.0, 0.25])
    assert weighted_mean(losses, weights).item() == 0.75


def test_every_loss_of_the_config_is_there():
    assert set(LOSSES) == set(get_args(Loss))
