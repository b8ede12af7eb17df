"""The replay: a ring of transitions, drawn uniformly or by priority.

Departures from Schaul et al. 2016: none in the draws and weights. Two settings choose among
readings of it: whether new transitions enter at the largest priority ever or at the largest alive,
and whether weights are divided by the largest of the batch or of the whole buffer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rlaudit.errors import CheckpointError, ConfigError, ReplayError
from rlaudit.replay.sampling import independent_masses, stratified_masses, uniform_slots
from rlaudit.replay.saved import fill
from rlaudit.replay.sumtree import SumTree
from rlaudit.replay.weights import beta_at, importance_weights, priority_from_error

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from rlaudit.config import ReplayConfig
    from rlaudit.replay.frames import ObservationStore
    from rlaudit.replay.nstep import Window

# What new transitions enter with while there is no priority to go by.
FIRST_PRIORITY = 1.0


class Stored(NamedTuple):
    """Where a window was stored."""

    transition_id: int  # counts up, never reused
    slot: int  # transition_id modulo the capacity
    generation: int  # how often the slot had been filled before
    priority: float | None  # leaf it entered the tree with; None where draws are uniform


class PriorityWrite(NamedTuple):
    """What was written back, both of shape (k,), in the order of the slots given."""

    leaves: NDArray[np.float32]
    generations: NDArray[np.int64]  # of the slots when they were written


class Probe(NamedTuple):
    """How one batch position was drawn and rebuilt."""

    batch_index: int
    mass: float | None  # None where draws are uniform
    frames: int  # in the rebuilt state, not counting padding
    first_episode_id: int  # of its oldest frame
    first_step: int
    last_episode_id: int  # of its newest
    last_step: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """k sampled transitions; arrays have shape (k,) but for the observations.

    The observations are (k, stack, height, width) uint8 for images, (k, size) float32 otherwise.
    """

    slots: NDArray[np.int64]
    transition_ids: NDArray[np.int64]
    generations: NDArray[np.int64]
    frame_ids: NDArray[np.int64]  # newest frame of each first state
    observations: NDArray[np.uint8] | NDArray[np.float32]
    next_observations: NDArray[np.uint8] | NDArray[np.float32]  # meaningless where terminated
    actions: NDArray[np.int64]
    reward_sums: NDArray[np.float32]
    discounts: NDArray[np.float32]
    terminated: NDArray[np.bool_]
    priorities: NDArray[np.float32] | None  # leaves at the draw; None where draws are uniform
    masses: NDArray[np.float64] | None  # what was drawn, in [0, priority_total)
    priority_total: float | None
    weights_raw: NDArray[np.float32]  # (N p)^-beta; ones where nothing is weighted
    weights: NDArray[np.float32]  # the same over the normaliser
    weight_normaliser: float | None  # None where nothing is weighted, as is beta
    beta: float | None
    attempts: int  # draws that the batch took; none is ever rejected, so k


class _Drawn(NamedTuple):
    slots: NDArray[np.int64]
    priorities: NDArray[np.float32] | None = None
    masses: NDArray[np.float64] | None = None
    total: float | None = None


class Replay:
    """Transitions in a ring over a store of observations.

    Args:
        config: what is stored and how it is drawn.
        store: holds the observations; the windows that are added name its frames.
        rng: everything random here comes from it.

    Raises:
        ConfigError: the config asks for prioritized draws that are uniform, the reverse, or for
            prioritized draws without replacement.
    """

    def __init__(
        self, config: ReplayConfig, store: ObservationStore, rng: np.random.Generator
    ) -> None:
        if config.prioritized == (config.sampling == "uniform") or (
            config.prioritized and not config.replacement
        ):
            raise ConfigError(
                f"prioritized={config.prioritized} contradicts sampling={config.sampling!r}, "
                f"replacement={config.replacement}",
                hint="prioritized draws are stratified or independent, with replacement",
            )
        self.config = config
        self.store = store
        self.rng = rng
        self.capacity = config.capacity
        self._tree = SumTree(config.capacity) if config.prioritized else None
        self._running_max = FIRST_PRIORITY
        self._next_id = 0
        self._transition_id = np.empty(config.capacity, np.int64)
        self._frame_id = np.empty(config.capacity, np.int64)
        self._next_frame_id = np.empty(config.capacity, np.int64)
        self._action = np.empty(config.capacity, np.int32)
        self._reward_sum = np.empty(config.capacity, np.float32)
        self._discount = np.empty(config.capacity, np.float32)
        self._terminated = np.empty(config.capacity, np.bool_)

    def __len__(self) -> int:
        return self.size

    @property
    def size(self) -> int:
        """Transitions that can be drawn."""
        return min(self._next_id, self.capacity)

    @property
    def last_transition_id(self) -> int:
        """Newest transition that can be drawn, -1 while there is none."""
        return self._next_id - 1

    @property
    def nbytes(self) -> int:
        """Bytes of everything, observations included, once the ring has filled."""
        tree = self._tree.nbytes if self._tree else 0
        columns = self._columns().values()
        return self.store.nbytes + tree + sum(column.nbytes for column in columns)

    @property
    def max_priority(self) -> float | None:
        """Leaf that a transition added now would enter with; None where draws are uniform.

        Under ``insert_priority = "live-max"`` the leaf that the addition would overwrite counts
        as alive. 1.0 while no leaf is above zero.
        """
        if self._tree is None:
            return None
        if self.config.insert_priority == "running-max":
            return self._running_max
        return self._tree.max_leaf() or FIRST_PRIORITY

    @property
    def priority_total(self) -> float | None:
        """Root of the sum tree; None where draws are uniform."""
        return None if self._tree is None else self._tree.total

    def leaf_sum(self) -> float | None:
        """Sum over the leaves in float64 (0.4 ms for a million); None where draws are uniform."""
        return None if self._tree is None else self._tree.leaf_sum()

    def add(self, window: Window) -> Stored:
        """Store one window in place of the oldest transition if the ring is full.

        Raises:
            ReplayError: a frame that the window needs is not stored. Nothing is stored then.
        """
        if window.next_frame_id < 0 and not window.terminated:
            raise ReplayError(
                f"the window from {window.state} bootstraps from a state that is not stored",
                hint="store a truncated episode's last observation",
            )
        transition_id = self._next_id
        generation, slot = divmod(transition_id, self.capacity)
        self.store.hold(
            window.frame_id,
            window.next_frame_id,
            transition_id,
            oldest_live=max(0, transition_id - self.capacity + 1),
        )
        priority = self.max_priority
        if self._tree is not None and priority is not None:
            self._tree.set_one(slot, priority)
        self._transition_id[slot] = transition_id
        self._frame_id[slot] = window.frame_id
        self._next_frame_id[slot] = window.next_frame_id
        self._action[slot] = window.action
        self._reward_sum[slot] = window.reward_sum
        self._discount[slot] = window.discount
        self._terminated[slot] = window.terminated
        self._next_id += 1
        return Stored(transition_id, slot, generation, priority)

    def sample(self, env_step: int, episodes: int = 0) -> Batch:
        """Draw one batch.

        Args:
            env_step: agent steps done so far; beta is annealed by it, or
            episodes: episodes done so far; by it under ``beta_anneal_episodes``.

        Raises:
            ReplayError: there is nothing to draw: no transition, no priority above zero, or fewer
                transitions than the batch where none may be drawn twice.
        """
        if not self.size:
            raise ReplayError("the replay is empty", hint="start learning after the first window")
        drawn = self._draw()
        raw, normaliser, beta = self._weights(drawn, self._beta(env_step, episodes))
        slots = drawn.slots
        transition_ids = self._transition_id[slots]
        frame_ids = self._frame_id[slots]
        # Both ends in one piece: two separate ones of a megabyte each make the allocator return
        # and fetch their pages at every update: 0.8 ms for a batch of stacks instead of 0.3.
        ends = self.store.stacks(np.concatenate([frame_ids, self._next_frame_id[slots]]))
        return Batch(
            slots=slots,
            transition_ids=transition_ids,
            generations=transition_ids // self.capacity,
            frame_ids=frame_ids,
            observations=ends[: len(slots)],
            next_observations=ends[len(slots) :],
            actions=self._action[slots].astype(np.int64),
            reward_sums=self._reward_sum[slots],
            discounts=self._discount[slots],
            terminated=self._terminated[slots],
            priorities=drawn.priorities,
            masses=drawn.masses,
            priority_total=drawn.total,
            weights_raw=raw,
            weights=raw if normaliser is None else raw / np.float32(normaliser),
            weight_normaliser=normaliser,
            beta=beta,
            attempts=len(slots),
        )

    def update_priorities(self, slots: NDArray[np.integer], td_errors: ArrayLike) -> PriorityWrite:
        """Write (abs(td_error) + epsilon)^alpha to ``slots``; of a repeated slot the last counts.

        Args:
            slots: shape (k,), as a batch names them.
            td_errors: shape (k,), signed or not.

        Raises:
            ReplayError: a TD error is NaN or infinite, a slot is empty, or draws are uniform.
                Nothing is written then.
        """
        if self._tree is None:
            raise ReplayError(
                "uniform draws have no priorities", hint="update them only if prioritized is on"
            )
        if not len(slots):
            return PriorityWrite(np.empty(0, np.float32), np.empty(0, np.int64))
        if slots.max() >= self.size or slots.min() < 0:
            raise ReplayError(
                f"a slot outside [0, {self.size}) has no transition",
                hint="pass the slots of a batch",
            )
        transition_ids = self._transition_id[slots]
        errors = np.asarray(td_errors, np.float64)
        finite = np.isfinite(errors)
        if not finite.all():
            position = int(np.flatnonzero(~finite)[0])
            raise ReplayError(
                f"TD error {errors[position]} of transition {transition_ids[position]} "
                f"(slot {slots[position]})",
                hint="the loss has diverged: lower the learning rate",
            )
        leaves = priority_from_error(errors, self.config.priority_epsilon, self.config.alpha)
        self._tree.set(slots, leaves)
        self._running_max = max(self._running_max, float(leaves.max()))
        return PriorityWrite(leaves, transition_ids // self.capacity)

    def probe(self, batch: Batch, batch_index: int) -> Probe:
        """Say how one position of ``batch`` was drawn, and from which frames it was rebuilt.

        Raises:
            ReplayError: the frames have been overwritten since the batch was drawn.
        """
        span = self.store.span(int(batch.frame_ids[batch_index]))
        mass = None if batch.masses is None else float(batch.masses[batch_index])
        return Probe(batch_index, mass, *span)

    def state(self) -> dict[str, Any]:
        """Return all that the replay goes on from: arrays, and what JSON can hold.

        The arrays are the replay's own: write them before the next step.
        """
        return {
            "next_id": self._next_id,
            "running_max": self._running_max,
            "rng": self.rng.bit_generator.state,
            "store": self.store.state(),
            "tree": self._tree.state() if self._tree else None,
            "columns": {name: column[: self.size] for name, column in self._columns().items()},
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` returned, of a replay with the same settings.

        Raises:
            CheckpointError: the state is of another replay, or is not sound.
        """
        self._next_id = int(state["next_id"])
        self._running_max = float(state["running_max"])
        self.rng.bit_generator.state = state["rng"]
        self.store.load_state(state["store"])
        for name, column in self._columns().items():
            fill(column, state["columns"][name], self.size)
        if self._tree is not None:
            self._tree.load_state(state["tree"])
        if found := self.problems():
            raise CheckpointError(f"its replay is not sound: {found[0]}")

    def problems(self) -> list[str]:
        """Return what is wrong with the replay and its parts; empty if they are sound."""
        found = self.store.problems()
        ids = np.arange(self._next_id - self.size, self._next_id)
        slots = ids % self.capacity
        wrong = slots[self._transition_id[slots] != ids]
        found += [f"slot {slot} holds transition {self._transition_id[slot]}" for slot in wrong]
        dangling = (self._next_frame_id[slots] < 0) & ~self._terminated[slots]
        found += [f"transition {i} bootstraps from no state" for i in ids[dangling]]
        if self._tree is not None:
            found += self._tree.problems()
            if self._tree.leaves[self.size :].any():
                found.append("a slot without a transition has a priority")
            if self._running_max < self._tree.max_leaf():
                found.append("a leaf is above the largest priority ever")
        return found

    def _columns(self) -> dict[str, NDArray[Any]]:
        return {
            "transition_id": self._transition_id,
            "frame_id": self._frame_id,
            "next_frame_id": self._next_frame_id,
            "action": self._action,
            "reward_sum": self._reward_sum,
            "discount": self._discount,
            "terminated": self._terminated,
        }

    def _draw(self) -> _Drawn:
        k = self.config.batch_size
        if self._tree is None:
            replacement = self.config.replacement
            return _Drawn(uniform_slots(self.rng, self.size, k, replacement=replacement))
        total = self._tree.total
        if total == 0.0:
            raise ReplayError(
                f"all {self.size} priorities are zero", hint="set priority_epsilon above 0"
            )
        draw = stratified_masses if self.config.sampling == "stratified" else independent_masses
        masses = draw(self.rng, total, k)
        slots = self._tree.find(masses)
        return _Drawn(slots, self._tree.get(slots), masses, total)

    def _beta(self, env_step: int, episodes: int) -> float:
        config = self.config
        done, length = env_step, config.beta_anneal_steps
        if config.beta_anneal_episodes:
            done, length = episodes, config.beta_anneal_episodes
        return beta_at(done, config.beta_start, length, annealing=config.beta_annealing)

    def _weights(
        self, drawn: _Drawn, beta: float
    ) -> tuple[NDArray[np.float32], float | None, float | None]:
        """Return raw weights (k,), what they are divided by, and beta."""
        config, tree = self.config, self._tree
        if tree is None or drawn.priorities is None or drawn.total is None:
            return np.ones(len(drawn.slots), np.float32), None, None
        if not config.importance_sampling:
            return np.ones(len(drawn.slots), np.float32), None, None
        population = self.size if config.weight_population == "stored" else self.capacity
        raw = importance_weights(drawn.priorities, drawn.total, population, beta)
        largest = raw
        if config.weight_normaliser == "buffer":
            smallest = _smallest_above_zero(tree.leaves[: self.size])
            largest = importance_weights([smallest], drawn.total, population, beta)
        return raw, float(largest.max()), beta


def _smallest_above_zero(leaves: NDArray[np.float32]) -> float:
    """Return the smallest leaf that can be drawn: 0.15 ms for a million."""
    smallest = float(leaves.min())
    return smallest if smallest > 0.0 else float(leaves[leaves > 0.0].min())
