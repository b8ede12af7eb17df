"""Q-networks: a body that sees the observation, then one stream or two that value the actions.

| network        | body                                        | source                  |
|----------------|---------------------------------------------|-------------------------|
| mnih2013       | conv 16 8x8/4, conv 32 4x4/2                | Mnih et al. 2013        |
| nature         | conv 32 8x8/4, conv 64 4x4/2, conv 64 3x3/1 | Mnih et al. 2015        |
| data-efficient | conv 32 5x5/5, conv 64 5x5/5                | van Hasselt et al. 2019 |
| mlp            | linear to ``hidden_units``, twice           |                         |

A convolution whose windows do not meet the last rows and columns is padded by the least, alike on
both sides, that lets them. On 84 x 84 that concerns data-efficient alone, whose paper does not
give its padding: unpadded it reads rows 0 to 74, and Breakout's paddle is in rows 75 to 77.

After convolutions a stream is linear to ``hidden_units``, ReLU, linear to its outputs. After the
mlp's body, which has hidden layers already, a stream is one linear layer: CartPole's
4-32-32-(V, A). There is a ReLU after every layer but a stream's last, so also between the two
layers of a stream, where the article on noisy networks that rlaudit reproduces printed none and
added it later.

Dueling (Wang et al. 2016, eq. 9): Q = V + A - mean of A over the actions, under C51 atom by atom
on the logits (Hessel et al. 2018).

Noise is on all linear layers, the mlp's body included, or on the value stream's only.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Self, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from rlaudit.agent.noise import NoiseForm, NoisyLinear, draw_noise
from rlaudit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rlaudit.config import AgentConfig

# Output channels, kernel and stride of each convolution.
_CONVOLUTIONS = {
    "mnih2013": ((16, 8, 4), (32, 4, 2)),
    "nature": ((32, 8, 4), (64, 4, 2), (64, 3, 1)),
    "data-efficient": ((32, 5, 5), (64, 5, 5)),
}


class QNetwork(nn.Module):
    """Maps observations (batch, ...) to values of the actions.

    Returns logits (batch, actions, atoms) if ``config.distributional``, else values
    (batch, actions). Observations of any dtype are accepted; uint8 is scaled by 1/255.

    All parameters come from ``generator``, a CPU generator, so that a seed gives the same network
    on every device; torch's global generator is not read.

    Raises ConfigError for an observation that the body cannot see, and for noise in the value
    stream of a network without one.
    """

    def __init__(
        self,
        config: AgentConfig,
        observation_shape: tuple[int, ...],
        num_actions: int,
        *,
        generator: torch.Generator,
        device: torch.device,
    ) -> None:
        super().__init__()
        if config.noisy != "off" and config.noisy_layers == "value" and not config.dueling:
            raise ConfigError(
                "noisy_layers is 'value', and a network that is not dueling has no value stream",
                hint="turn dueling on, or set noisy_layers to 'all'",
            )
        self._atoms = config.num_atoms if config.distributional else 1
        self._distributional = config.distributional
        self._is_image = config.network in _CONVOLUTIONS
        # An update of the Nature network: 29.5 ms with it, 38 without, on two CPU threads.
        self._memory_format = (
            torch.channels_last
            if self._is_image and device.type == "cpu"
            else torch.contiguous_format
        )
        build = _Builder(config, generator)
        self.body, features = build.body(observation_shape)
        self.value: nn.Sequential | None = None
        if config.dueling:
            self.value = build.stream(features, self._atoms, is_value=True)
        self.advantage = build.stream(features, num_actions * self._atoms, is_value=False)
        self._noisy_layers = [m for m in self.modules() if isinstance(m, NoisyLinear)]
        self._noise_form = cast("NoiseForm", config.noisy)
        self._noise = torch.zeros(0)
        self.to(device)
        if self._memory_format is torch.channels_last:
            self.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # not in torch's stubs

    @property
    def is_noisy(self) -> bool:
        """Whether any layer has noise to draw."""
        return bool(self._noisy_layers)

    @property
    def noise_on(self) -> bool:
        """Whether passes use the noise; false for evaluation, which uses the means alone."""
        return any(layer.noise_on for layer in self._noisy_layers)

    @noise_on.setter
    def noise_on(self, on: bool) -> None:
        for layer in self._noisy_layers:
            layer.noise_on = on

    def draw_noise(self, generator: torch.Generator) -> None:
        """Draw the noise of every noisy layer anew: one draw event, used until the next."""
        if self._noisy_layers:
            draw_noise(self._noise, self._noise_form, generator)

    def prepare(self, observations: Tensor) -> Tensor:
        """Return observations as float32 as the body reads them; uint8 is scaled to [0, 1].

        ``forward`` does this itself, and leaves what is prepared as it is: call it where two
        networks see the same observations.
        """
        if not self._is_image:
            observations = observations.flatten(1)
        x = observations.to(torch.float32)
        if observations.dtype == torch.uint8:
            x.mul_(1 / 255)
        return x.contiguous(memory_format=self._memory_format)

    def forward(self, observations: Tensor) -> Tensor:
        """Return the logits (batch, actions, atoms) or values (batch, actions)."""
        x = self.prepare(observations)
        hidden: Tensor = self.body(x)
        batch = hidden.shape[0]
        out: Tensor = self.advantage(hidden).view(batch, -1, self._atoms)
        if self.value is not None:
            value: Tensor = self.value(hidden).view(batch, 1, self._atoms)
            out = value + (out - out.mean(1, keepdim=True))
        return out if self._distributional else out.squeeze(-1)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call] # torch leaves it untyped
        self._share_noise()
        return self

    def _share_noise(self) -> None:
        """Let all layers hold views of one tensor, so that a draw is one call, not one a layer.

        5 microseconds for the layers of an mlp against 19 with a copy to each. Done again after
        every move of the module, which separates them.
        """
        if self._noisy_layers:
            self._noise = torch.cat([layer.noise for layer in self._noisy_layers])
            parts = torch.split(self._noise, [layer.noise.numel() for layer in self._noisy_layers])
            for layer, part in zip(self._noisy_layers, parts, strict=True):
                layer.hold_noise(part)


def _padding(size: int, kernel: int, stride: int) -> int:
    """Return the least padding of both sides with which windows meet every row of ``size``."""
    missing = -(size - kernel) % stride
    return math.ceil(missing / 2)


class _Builder:
    """Builds and initialises the parts of a network, in the order in which it is called."""

    def __init__(self, config: AgentConfig, generator: torch.Generator) -> None:
        self._config = config
        self._generator = generator

    def body(self, observation_shape: tuple[int, ...]) -> tuple[nn.Sequential, int]:
        """Return the body and the number of features that it ends in."""
        config = self._config
        if config.network in _CONVOLUTIONS:
            return self._convolutions(observation_shape, _CONVOLUTIONS[config.network])
        hidden = config.hidden_units
        first = self._linear(math.prod(observation_shape), hidden, is_value=False)
        second = self._linear(hidden, hidden, is_value=False)
        return nn.Sequential(first, nn.ReLU(), second, nn.ReLU()), hidden

    def stream(self, features: int, outputs: int, *, is_value: bool) -> nn.Sequential:
        """Return the layers from the body's features to one stream's outputs."""
        hidden = self._config.hidden_units
        if self._config.network == "mlp":
            return nn.Sequential(self._linear(features, outputs, is_value=is_value))
        return nn.Sequential(
            self._linear(features, hidden, is_value=is_value),
            nn.ReLU(),
            self._linear(hidden, outputs, is_value=is_value),
        )

    def _convolutions(
        self, observation_shape: tuple[int, ...], layers: Sequence[tuple[int, int, int]]
    ) -> tuple[nn.Sequential, int]:
        name = self._config.network
        if len(observation_shape) != 3:
            raise ConfigError(
                f"network {name!r} sees images (channels, height, width), "
                f"and the observation has shape {observation_shape}",
                hint="use network 'mlp'",
            )
        channels, height, width = observation_shape
        parts: list[nn.Module] = []
        for out_channels, kernel, stride in layers:
            if min(height, width) < kernel:
                raise ConfigError(
                    f"observations of shape {observation_shape} are too small for the "
                    f"convolutions of network {name!r}",
                    hint="use larger images, or network 'mlp'",
                )
            padding = (_padding(height, kernel, stride), _padding(width, kernel, stride))
            layer = self._plain(
                channels * kernel * kernel,
                nn.Conv2d,
                channels,
                out_channels,
                kernel,
                stride,
                padding,
            )
            parts += [layer, nn.ReLU()]
            channels = out_channels
            height = (height + 2 * padding[0] - kernel) // stride + 1
            width = (width + 2 * padding[1] - kernel) // stride + 1
        return nn.Sequential(*parts, nn.Flatten()), channels * height * width

    def _linear(self, p: int, q: int, *, is_value: bool) -> nn.Module:
        config = self._config
        if config.noisy == "off" or (config.noisy_layers == "value" and not is_value):
            return self._plain(p, nn.Linear, p, q)
        return NoisyLinear(
            p, q, form=config.noisy, sigma=config.noisy_sigma, generator=self._generator
        )

    def _plain(
        self, fan_in: int, kind: type[nn.Module], *sizes: int | tuple[int, int]
    ) -> nn.Module:
        """Return a layer with weights and biases from U[-1/sqrt(fan_in), 1/sqrt(fan_in)].

        That is torch's own default, here from the builder's generator.
        """
        layer: nn.Module = skip_init(kind, *sizes)  # type: ignore[no-untyped-call] # torch's own
        bound = 1 / math.sqrt(fan_in)
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.uniform_(-bound, bound, generator=self._generator)
        return layer
