"""The value-based agent: acts on observations, learns from batches, and draws its noise.

An update follows Rainbow (Hessel et al. 2018) with each component a switch of AgentConfig. Noise
is drawn as in NoisyNet-DQN (Fortunato et al. 2018, Algorithm 1): once for an act call, and in an
update once for each of its passes: the online net's pass that selects the next action (with
double), the target net's pass, and the online net's pass that is learned from. They are drawn in
that order, because the last pass is differentiated and must keep its noise until then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from rlaudit.agent.distribution import expectation, mass_error, project
from rlaudit.agent.losses import LOSSES, weighted_mean
from rlaudit.agent.networks import QNetwork
from rlaudit.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rlaudit.config import AgentConfig

    Observations = NDArray[np.uint8] | NDArray[np.float32]


class Batch(Protocol):
    """What an update reads of a batch of k transitions, as NumPy arrays."""

    @property
    def observations(self) -> Observations:
        """The states that were acted in (k, ...)."""

    @property
    def actions(self) -> NDArray[np.integer]:
        """The actions (k,)."""

    @property
    def reward_sums(self) -> NDArray[np.floating]:
        """The n-step sums of discounted rewards (k,)."""

    @property
    def discounts(self) -> NDArray[np.floating]:
        """What the bootstrapped value is multiplied with (k,): gamma^n_rewards."""

    @property
    def next_observations(self) -> Observations:
        """The states that are bootstrapped from (k, ...)."""

    @property
    def terminated(self) -> NDArray[np.bool]:
        """Whether nothing is bootstrapped (k,)."""

    @property
    def weights(self) -> NDArray[np.floating]:
        """The final importance weights (k,); ones without importance sampling."""


class Acted(NamedTuple):
    """The actions (environments,) and the noise draw that chose them; None without noise."""

    actions: NDArray[np.int64]
    noise_draw: int | None


class Learned(NamedTuple):
    """What one update did.

    ``td_errors`` (k,) float32: target - Q(s, a), signed; under C51 the KL divergence. ``loss`` is
    the mean weighted loss, ``grad_norm`` the gradient's norm before clipping, ``q_mean`` the mean
    of Q(s, a) before the update, ``mass_error`` the worst error of a projected distribution's
    mass (None without C51). The noise draws are None for a pass that drew none.
    """

    td_errors: NDArray[np.float32]
    loss: float
    grad_norm: float
    q_mean: float
    mass_error: float | None
    noise_online: int | None
    noise_target: int | None
    noise_select: int | None


class _Tensors(NamedTuple):
    """A batch on the agent's device."""

    observations: Tensor
    actions: Tensor
    next_observations: Tensor
    reward_sums: Tensor
    discounts: Tensor
    terminated: Tensor
    weights: Tensor


class Agent:
    """Online net, target net and optimizer.

    ``init_seed`` fixes the parameters (the same on every device), ``noise_seed`` the noise.
    Noise draws are numbered from 1 over the agent's life; ``noise_draws`` is the number so far.

    Raises ConfigError for an observation shape that the configured network cannot see.
    """

    def __init__(
        self,
        config: AgentConfig,
        observation_shape: tuple[int, ...],
        num_actions: int,
        *,
        init_seed: int,
        noise_seed: int,
        device: torch.device,
    ) -> None:
        self.config = config
        self.num_actions = num_actions
        self.device = device
        self.noise_draws = 0
        init = torch.Generator().manual_seed(init_seed)
        self._generator = torch.Generator(device).manual_seed(noise_seed)
        self.online = QNetwork(
            config, observation_shape, num_actions, generator=init, device=device
        )
        self.target = QNetwork(
            config, observation_shape, num_actions, generator=init, device=device
        ).requires_grad_(requires_grad=False)
        self._parameters = list(self.online.parameters())
        self._target_parameters: list[Tensor] = list(self.target.parameters())
        self.sync_target()
        self._loss = LOSSES[config.loss]
        self._support = torch.linspace(config.v_min, config.v_max, config.num_atoms).to(device)
        self._optimizer = torch.optim.Adam(
            self._parameters, lr=config.learning_rate, eps=config.adam_epsilon, fused=True
        )

    def act(self, observations: Observations, *, epsilon: float, rng: np.random.Generator) -> Acted:
        """Choose an action for each observation (environments, ...).

        With noise on, one draw serves all of them and ``epsilon`` and ``rng`` are not used.
        Without, each is random with probability ``epsilon``; the net is not asked where all are.
        """
        if self.online.is_noisy:
            draw = self._draw(self.online)
            return Acted(self._greedy(observations), draw)
        count = len(observations)
        explore, random_actions = exploration(count, self.num_actions, epsilon, rng)
        if explore.all():
            return Acted(random_actions, None)
        return Acted(np.where(explore, random_actions, self._greedy(observations)), None)

    def act_greedy(self, observations: Observations) -> Acted:
        """Choose the best action for each observation (environments, ...) with noise off.

        No noise is drawn. ``noise_draw`` is read off the net at its pass, so that a net whose
        noise stayed on shows it.
        """
        noise_was_on = self.online.noise_on
        self.online.noise_on = False
        try:
            draw = self.noise_draws if self.online.noise_on else None
            return Acted(self._greedy(observations), draw)
        finally:
            self.online.noise_on = noise_was_on

    def learn(self, batch: Batch) -> Learned:
        """Do one update on a batch of k transitions."""
        b = self._to_device(batch)
        with torch.no_grad():
            targets, noise_target, noise_select = self._targets(b)
        noise_online = self._draw(self.online)
        predictions = _of_actions(self.online(b.observations), b.actions)
        losses, td_errors = self._loss(predictions, targets)
        loss = weighted_mean(losses, b.weights)
        for parameter in self._parameters:
            parameter.grad = None  # Optimizer.zero_grad takes 50 microseconds for the same
        loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
        grad_norm = self._clip_gradients()
        self._optimizer.step()
        with torch.no_grad():
            scalars = [loss, grad_norm, self._q(predictions).mean()]
            if self.config.distributional:
                scalars.append(mass_error(targets))
            figures = torch.cat((td_errors, torch.stack(scalars))).cpu().numpy()
        k = len(td_errors)
        return Learned(
            td_errors=figures[:k],
            loss=float(figures[k]),
            grad_norm=float(figures[k + 1]),
            q_mean=float(figures[k + 2]),
            mass_error=float(figures[k + 3]) if self.config.distributional else None,
            noise_online=noise_online,
            noise_target=noise_target,
            noise_select=noise_select,
        )

    def scale_learning_rate(self, share: float) -> None:
        """Learn from now on with this share of the configured learning rate."""
        self._optimizer.param_groups[0]["lr"] = self.config.learning_rate * share

    def sync_target(self) -> None:
        """Copy the online net's parameters to the target net; noise is not copied."""
        with torch.no_grad():
            torch._foreach_copy_(self._target_parameters, list(self._parameters))

    def state(self) -> dict[str, Any]:
        """Return everything that learning goes on from, as ``torch.save`` can write it.

        Tensors, numbers and containers only, so ``torch.load`` reads it with ``weights_only``.
        The tensors are the agent's own: save them before the next update. The noise in use is
        left out, because every pass draws its own first.
        """
        return {
            "online": self.online.state_dict(),
            "target": self.target.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "generator": self._generator.get_state(),
            "noise_draws": self.noise_draws,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` returned, of an agent with the same config."""
        self.online.load_state_dict(state["online"])
        self.target.load_state_dict(state["target"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._generator.set_state(state["generator"].cpu())
        self.noise_draws = int(state["noise_draws"])

    def _draw(self, network: QNetwork) -> int | None:
        """Draw a network's noise and return the draw's number; None if it has none."""
        if not network.is_noisy:
            return None
        network.draw_noise(self._generator)
        self.noise_draws += 1
        return self.noise_draws

    def _greedy(self, observations: Observations) -> NDArray[np.int64]:
        with torch.inference_mode():
            values = self._q(self.online(torch.from_numpy(observations).to(self.device)))
            actions: NDArray[np.int64] = values.argmax(-1).cpu().numpy()
        return actions

    def _q(self, outputs: Tensor) -> Tensor:
        """Return values (...) of network outputs: logits (..., atoms) under C51, else values."""
        if self.config.distributional:
            return expectation(outputs.softmax(-1), self._support)
        return outputs

    def _targets(self, b: _Tensors) -> tuple[Tensor, int | None, int | None]:
        """Return what the predictions are drawn towards, and the target and selecting draws.

        (batch, atoms) probabilities under C51, else values (batch,). With double the online net
        selects the next action and the target net values it (van Hasselt et al. 2016).
        """
        next_observations = self.online.prepare(b.next_observations)
        noise_select = None
        if self.config.double:
            noise_select = self._draw(self.online)
            selected = self._q(self.online(next_observations)).argmax(1)
        noise_target = self._draw(self.target)
        outputs = self.target(next_observations)
        if not self.config.double:
            selected = self._q(outputs).argmax(1)
        following = _of_actions(outputs, selected)
        if self.config.distributional:
            targets = project(
                following.softmax(-1), b.reward_sums, b.discounts, b.terminated, self._support
            )
        else:
            targets = b.reward_sums + b.discounts * (1 - b.terminated) * following
        return targets, noise_target, noise_select

    def _clip_gradients(self) -> Tensor:
        """Scale the gradients down to ``max_grad_norm``, if set; return their norm before.

        What torch.nn.utils.clip_grad_norm_ does, at a third of its cost for the 16 small tensors
        of an mlp (45 against 135 microseconds).
        """
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        norms = torch._foreach_norm(gradients)  # noqa: SLF001 - documented, in beta
        norm: Tensor = torch.linalg.vector_norm(torch.stack(norms))
        limit = self.config.max_grad_norm
        # On a CPU a look at the norm is free; elsewhere it would wait for the device.
        within = self.device.type == "cpu" and bool(norm <= limit)
        if limit > 0 and not within:
            scale = (limit / (norm + 1e-6)).clamp_(max=1.0)
            torch._foreach_mul_(gradients, scale)
        return norm

    def _to_device(self, batch: Batch) -> _Tensors:
        """Move a batch: one transfer for all float columns, none from CPU to CPU."""
        columns = (batch.reward_sums, batch.discounts, batch.terminated, batch.weights)
        floats = torch.from_numpy(np.stack(columns, dtype=np.float32, casting="unsafe"))
        reward_sums, discounts, terminated, weights = floats.to(self.device).unbind()
        return _Tensors(
            observations=torch.from_numpy(batch.observations).to(self.device),
            actions=torch.from_numpy(batch.actions).to(self.device, torch.int64),
            next_observations=torch.from_numpy(batch.next_observations).to(self.device),
            reward_sums=reward_sums,
            discounts=discounts,
            terminated=terminated,
            weights=weights,
        )


def _of_actions(outputs: Tensor, actions: Tensor) -> Tensor:
    """Pick each row's action: (batch, actions[, atoms]) and (batch,) to (batch[, atoms])."""
    index = actions.view(-1, 1, *[1] * (outputs.dim() - 2)).expand(-1, 1, *outputs.shape[2:])
    return outputs.gather(1, index).squeeze(1)


def exploration(
    count: int, num_actions: int, epsilon: float, rng: np.random.Generator
) -> tuple[NDArray[np.bool], NDArray[np.int64]]:
    """Return which of ``count`` actions are to be random, and a random action for each.

    It draws the same numbers whatever ``epsilon`` is, so that a schedule does not shift the
    stream.
    """
    return rng.random(count) < epsilon, rng.integers(num_actions, size=count)


def epsilon_at(step: int, start: float, end: float, steps: int) -> float:
    """Return epsilon at an agent step: linear from ``start`` at 0 to ``end`` at ``steps``."""
    return start + (end - start) * min(step / steps, 1.0)


def resolve_device(name: str) -> torch.device:
    """Return the device of a config's name; 'auto' is cuda if there is one, else mps, else cpu.

    Raises ConfigError for an unknown name and for a device that this machine does not have.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(device for device, present in available.items() if present)
    if name not in available:
        raise ConfigError(f"unknown device {name!r}", hint=did_you_mean(name, ["auto", *available]))
    if not available[name]:
        raise ConfigError(
            f"device {name!r} is not available here",
            hint="use 'auto' or 'cpu', or install a build of torch that supports it",
        )
    return torch.device(name)
