"""Linear layers with learned noise on their weights (Fortunato et al. 2018).

    y = (mu_w + sigma_w * eps_w) x + mu_b + sigma_b * eps_b        (eq. 9)

mu and sigma are learned, eps is drawn. A layer never draws by itself: its noise stays as it is
until :meth:`NoisyLinear.draw` is called, so that whoever owns the network decides which passes
share a draw, and can log it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

NoiseForm = Literal["factorised", "independent"]


def signed_sqrt(x: Tensor) -> Tensor:
    """Return sign(x) sqrt(abs(x)), any shape: the f of Fortunato et al. 2018, eqs. 10 and 11."""
    return torch.copysign(x.abs().sqrt_(), x)


def draw_noise(noise: Tensor, form: NoiseForm, generator: torch.Generator) -> None:
    """Overwrite ``noise``, any shape, with unit normals, transformed by f if factorised.

    In place: layers and captured graphs keep views of the memory. ``generator`` must be on the
    noise's device.
    """
    noise.normal_(generator=generator)
    if form == "factorised":
        noise.copy_(signed_sqrt(noise))


class NoisyLinear(nn.Module):
    """A linear layer (batch, p) -> (batch, q) whose weights carry learned noise.

    ``factorised`` draws p + q numbers: eps_w is the outer product of f(eps_out) and f(eps_in),
    eps_b = f(eps_out) (eqs. 10 and 11). ``independent`` draws one number for each weight and bias.
    ``sigma`` is sigma_0 of the factorised form (every sigma starts at sigma_0 / sqrt(p)) and the
    initial sigma itself of the independent one (section 3.2 of the paper).

    ``noise`` holds the values in use, f applied, as one flat tensor: p + q of them (input side
    first) or q * p + q (weights first). It starts at zero, which is no noise, and is no part of
    the ``state_dict``: every pass that uses noise draws it first, so the generator's state is all
    that a checkpoint needs. While ``noise_on`` is false the layer computes mu_w x + mu_b.
    """

    noise: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        form: NoiseForm,
        sigma: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        p, q = in_features, out_features
        self.in_features, self.out_features, self.form = p, q, form
        self.noise_on = True
        bound, spread = (
            (1 / math.sqrt(p), sigma / math.sqrt(p))
            if form == "factorised"
            else (math.sqrt(3 / p), sigma)
        )
        self.weight_mu = nn.Parameter(
            torch.empty(q, p).uniform_(-bound, bound, generator=generator)
        )
        self.bias_mu = nn.Parameter(torch.empty(q).uniform_(-bound, bound, generator=generator))
        self.weight_sigma = nn.Parameter(torch.full((q, p), spread))
        self.bias_sigma = nn.Parameter(torch.full((q,), spread))
        self.register_buffer(
            "noise", torch.zeros(p + q if form == "factorised" else q * p + q), persistent=False
        )
        self.hold_noise(self.noise)

    def hold_noise(self, noise: Tensor) -> None:
        """Use this flat tensor's memory for the noise, so that layers can share one draw."""
        q = self.out_features
        self.noise = noise
        self._eps_bias = noise[-q:]
        self._eps_weight = noise[:-q]
        if self.form == "independent":
            self._eps_weight = self._eps_weight.view(q, self.in_features)

    def draw(self, generator: torch.Generator) -> None:
        """Draw the noise anew, for every pass until the next draw."""
        draw_noise(self.noise, self.form, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, p) to (batch, q) with the noise that was drawn last.

        The factorised form never builds its (q, p) noise: with e the transformed noise it is
        mu_w x + mu_b + (sigma_w (x * e_in) + sigma_b) * e_out.
        """
        if not self.noise_on:
            return functional.linear(x, self.weight_mu, self.bias_mu)
        if self.form == "factorised":
            mean = functional.linear(x, self.weight_mu, self.bias_mu)
            spread = functional.linear(x * self._eps_weight, self.weight_sigma, self.bias_sigma)
            return torch.addcmul(mean, spread, self._eps_bias)
        weight = torch.addcmul(self.weight_mu, self.weight_sigma, self._eps_weight)
        bias = torch.addcmul(self.bias_mu, self.bias_sigma, self._eps_bias)
        return functional.linear(x, weight, bias)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call] # torch leaves it untyped
        # A move replaces the buffer, and leaves the views at the old one.
        self.hold_noise(self.noise)
        return self

    def extra_repr(self) -> str:
        """Describe the layer as torch prints it."""
        return f"{self.in_features}, {self.out_features}, form={self.form}"
