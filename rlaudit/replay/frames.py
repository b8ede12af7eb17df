"""Storage of observations: each is stored once, and stacks are rebuilt when they are sampled.

Frames are named by an id that counts up and is never reused; frame ``i`` lies in ring slot
``i % ring_size`` until frame ``i + ring_size`` takes the slot. Each frame names its predecessor in
the same episode, so a stack is rebuilt by following names: it cannot contain a frame of another
episode, another environment or the far side of the write head, wherever those lie in the ring.
Where an episode has no earlier frame, the stack is padded with zeros.

**Size of the ring.** A trainer adds, for each of E environments in each round of steps, the state
that is acted from, and at a truncation the episode's last state besides (it is bootstrapped from;
a terminal state is not, and need not be stored). With n-step windows and stacks of k frames, count
the states from the oldest frame that the oldest live transition needs up to the newest:

- at most (k - 1) E from that frame to the transition's own state;
- at most (n + 1) E from there until its window is complete and it becomes a transition;
- at most capacity - 1 whose transitions came after it, while it is alive;
- at most n E whose windows are not complete yet, and E that have not been acted from.

That is at most S = capacity + (k + 2n + 1) E. If a truncated episode is never shorter than L
steps, the last states of truncated episodes are at most S / L + E more. The ring has
S + S / L + E slots, rounded up. Should an environment truncate earlier than it said, or the
environments run far out of step, the ring may still turn out too small: a frame that a live
transition needs is not overwritten then, it is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from rlaudit.errors import ReplayError
from rlaudit.replay.saved import fill

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What one number of an observation is stored as.
Number = TypeVar("Number", np.uint8, np.float32)

NO_FRAME = -1
"""Stands for a state that is not stored: before an episode's start, or after its end."""


class Span(NamedTuple):
    """What a rebuilt stack is made of, read from the tags of the frames in it."""

    frames: int  # not counting padding
    first_episode_id: int  # of the oldest frame
    first_step: int
    last_episode_id: int  # of the newest
    last_step: int


class ObservationStore(Protocol):
    """What a replay needs of a store of observations."""

    @property
    def nbytes(self) -> int:
        """Bytes that the store takes once it is full."""

    def add(
        self,
        observation: NDArray[np.generic],
        previous_id: int,
        env_index: int,
        episode_id: int,
        episode_step: int,
    ) -> int:
        """Store one state's newest frame and return its id."""

    def hold(self, frame_id: int, next_frame_id: int, transition_id: int, oldest_live: int) -> None:
        """Keep the frames of both ends of a transition for as long as it is alive."""

    def stacks(self, frame_ids: NDArray[np.int64]) -> NDArray[np.uint8] | NDArray[np.float32]:
        """Rebuild the observations whose newest frames are ``frame_ids``."""

    def span(self, frame_id: int) -> Span:
        """Say which frames a rebuild of ``frame_id`` uses."""

    def state(self) -> dict[str, Any]:
        """Return all that the store goes on from."""

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` returned."""

    def problems(self) -> list[str]:
        """Return what is wrong with the store."""


def ring_size(
    capacity: int, *, stack: int, n_step: int, num_envs: int, shortest_truncated: int
) -> int:
    """Return how many frames must be kept for ``capacity`` transitions; the module derives it."""
    states = capacity + (stack + 2 * n_step + 1) * num_envs
    return states + -(-states // shortest_truncated) + num_envs


class _FrameRing(Generic[Number]):
    """The ring that both stores are."""

    def __init__(self, size: int, shape: tuple[int, ...], dtype: type[Number], stack: int) -> None:
        self.ring_size = size
        self.stack = stack
        # Memory is not touched here: the system commits it page by page as the ring fills.
        self._frames: NDArray[Number] = np.empty((size, *shape), dtype)
        self._previous = np.empty(size, np.int64)
        self._env_index = np.empty(size, np.int32)
        self._episode_id = np.empty(size, np.int64)
        self._episode_step = np.empty(size, np.int32)
        # The newest transition that needs the frame, NO_FRAME if none does.
        self._needed_by = np.empty(size, np.int64)
        self._next_id = 0
        self._oldest_live = 0

    @property
    def nbytes(self) -> int:
        """Bytes that the store takes once the ring has filled."""
        tags = (self._previous, self._env_index, self._episode_id, self._episode_step)
        return self._frames.nbytes + self._needed_by.nbytes + sum(tag.nbytes for tag in tags)

    @property
    def next_id(self) -> int:
        """Id that the next frame will get: how many were ever added."""
        return self._next_id

    def add(
        self,
        observation: NDArray[np.generic],
        previous_id: int,
        env_index: int,
        episode_id: int,
        episode_step: int,
    ) -> int:
        """Store the newest frame of one state and return its id.

        Args:
            observation: one frame, of the store's shape.
            previous_id: id of the frame one step earlier in the same episode, -1 at its start.
            env_index: environment that the frame comes from.
            episode_id: episode that it belongs to.
            episode_step: agent steps since the episode's reset; 0 for the reset observation.

        Raises:
            ReplayError: the observation does not fit, the predecessor is not the step before of
                the same episode, or a live transition still needs the frame that would be
                overwritten. Nothing is stored then.
        """
        self._check_observation(observation)
        if previous_id != NO_FRAME:
            self._check_predecessor(previous_id, env_index, episode_id, episode_step)
        elif episode_step != 0:
            raise ReplayError(
                f"step {episode_step} of episode {episode_id} has no previous frame",
                hint="only an episode's first frame, step 0, has none",
            )
        frame_id = self._next_id
        slot = frame_id % self.ring_size
        if frame_id >= self.ring_size and self._needed_by[slot] >= self._oldest_live:
            raise ReplayError(
                f"the frame ring of {self.ring_size} is full: frame {frame_id - self.ring_size} is "
                f"still needed by transition {self._needed_by[slot]}",
                hint="lower shortest_truncated to the shortest episode that a limit can end",
            )
        self._frames[slot] = observation
        self._previous[slot] = previous_id
        self._env_index[slot] = env_index
        self._episode_id[slot] = episode_id
        self._episode_step[slot] = episode_step
        self._needed_by[slot] = NO_FRAME
        self._next_id = frame_id + 1
        return frame_id

    def hold(self, frame_id: int, next_frame_id: int, transition_id: int, oldest_live: int) -> None:
        """Keep the frames that a transition needs until ``oldest_live`` has passed it.

        Args:
            frame_id: newest frame of its first state.
            next_frame_id: newest frame of the state it bootstraps from, -1 if there is none.
            transition_id: the transition; ids rise by one.
            oldest_live: the oldest transition that can still be sampled.

        Raises:
            ReplayError: one of the frames is no longer stored, or never was.
        """
        ends = (frame_id,) if next_frame_id == NO_FRAME else (frame_id, next_frame_id)
        frames = [frame for end in ends for frame in self._stack_of(end)]
        for frame in frames:
            self._needed_by[frame % self.ring_size] = transition_id
        self._oldest_live = oldest_live

    def span(self, frame_id: int) -> Span:
        """Return which frames a rebuild of ``frame_id`` uses, from the frames' own tags.

        Raises:
            ReplayError: one of them is no longer stored.
        """
        if frame_id == NO_FRAME:
            raise self._not_stored(frame_id)
        ids = self._stack_of(frame_id)
        first, last = ids[-1] % self.ring_size, ids[0] % self.ring_size
        return Span(
            len(ids),
            int(self._episode_id[first]),
            int(self._episode_step[first]),
            int(self._episode_id[last]),
            int(self._episode_step[last]),
        )

    def state(self) -> dict[str, Any]:
        """Return all that the store goes on from; the arrays are its own, so write them at once."""
        filled = min(self._next_id, self.ring_size)
        columns = {name: column[:filled] for name, column in self._columns().items()}
        return {"next_id": self._next_id, "oldest_live": self._oldest_live, **columns}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` returned, of a store of the same size.

        Raises:
            CheckpointError: the state is of another store.
        """
        self._next_id = int(state["next_id"])
        self._oldest_live = int(state["oldest_live"])
        for name, column in self._columns().items():
            fill(column, state[name], min(self._next_id, self.ring_size))

    def _columns(self) -> dict[str, NDArray[Any]]:
        return {
            "frames": self._frames,
            "previous": self._previous,
            "env_index": self._env_index,
            "episode_id": self._episode_id,
            "episode_step": self._episode_step,
            "needed_by": self._needed_by,
        }

    def problems(self) -> list[str]:
        """Return what is wrong with the tags, one sentence each; empty if they are sound."""
        oldest = max(0, self._next_id - self.ring_size)
        ids = np.arange(oldest, self._next_id)
        slots = ids % self.ring_size
        previous = self._previous[slots]
        strange = ids[(previous < NO_FRAME) | (previous >= ids)]
        found = [
            f"frame {frame} names frame {self._previous[frame % self.ring_size]} as its predecessor"
            for frame in strange
        ]
        linked = (previous >= oldest) & (previous < ids)
        here, there = slots[linked], previous[linked] % self.ring_size
        for name, tag, rise in (
            ("environment", self._env_index, 0),
            ("episode", self._episode_id, 0),
            ("step", self._episode_step, 1),
        ):
            broken = ids[linked][tag[here] != tag[there] + rise]
            found += [f"frame {frame} does not continue its {name}" for frame in broken]
        starts = ids[(previous == NO_FRAME) != (self._episode_step[slots] == 0)]
        found += [f"frame {frame} begins inside an episode" for frame in starts]
        return found

    def _rebuild(self, frame_ids: NDArray[np.int64]) -> NDArray[Number]:
        """Return the frames of each stack, shape (k, stack, *shape), oldest first."""
        ids = self._stack_ids(frame_ids)
        stacks = self._frames[ids % self.ring_size]
        padding = ids == NO_FRAME
        if padding.any():
            stacks[padding] = 0
        return stacks

    def _stack_ids(self, frame_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the ids of each stack's frames, shape (k, stack), oldest first."""
        ids = np.empty((len(frame_ids), self.stack), np.int64)
        current = np.asarray(frame_ids, np.int64)
        for position in range(self.stack - 1, -1, -1):
            ids[:, position] = current
            if position:
                current = np.where(
                    current == NO_FRAME, NO_FRAME, self._previous[current % self.ring_size]
                )
        # Followed first and checked afterwards: a name that is gone leads to a wrong predecessor,
        # but is itself in the table.
        gone = (ids < max(0, self._next_id - self.ring_size)) & (ids != NO_FRAME)
        if gone.any() or ids[:, -1].max(initial=NO_FRAME) >= self._next_id:
            outside = (gone | (ids >= self._next_id))[:, ::-1]
            row = int(outside.any(axis=1).argmax())
            raise self._not_stored(int(ids[row, ::-1][outside[row]][0]))
        return ids

    def _stack_of(self, frame_id: int) -> list[int]:
        """Return the ids of one stack's frames, newest first, without padding."""
        ids: list[int] = []
        while frame_id != NO_FRAME and len(ids) < self.stack:
            if not self._is_stored(frame_id):
                raise self._not_stored(frame_id)
            ids.append(frame_id)
            frame_id = int(self._previous[frame_id % self.ring_size])
        return ids

    def _is_stored(self, frame_id: int) -> bool:
        return max(0, self._next_id - self.ring_size) <= frame_id < self._next_id

    def _not_stored(self, frame_id: int) -> ReplayError:
        oldest = max(0, self._next_id - self.ring_size)
        return ReplayError(
            f"frame {frame_id} is not stored; the ring holds {oldest} to {self._next_id - 1}",
            hint="ask only for frames of transitions that are alive",
        )

    def _check_observation(self, observation: NDArray[np.generic]) -> None:
        frames = self._frames
        if observation.shape != frames.shape[1:] or not (
            observation.dtype == frames.dtype
            or np.can_cast(observation.dtype, frames.dtype, "same_kind")
        ):
            raise ReplayError(
                f"an observation of shape {observation.shape} and type {observation.dtype}",
                hint=f"the store holds shape {frames.shape[1:]} and type {frames.dtype}",
            )

    def _check_predecessor(
        self, previous_id: int, env_index: int, episode_id: int, episode_step: int
    ) -> None:
        if not self._is_stored(previous_id):
            raise self._not_stored(previous_id)
        slot = previous_id % self.ring_size
        held = (self._env_index[slot], self._episode_id[slot], self._episode_step[slot])
        if held != (env_index, episode_id, episode_step - 1):
            raise ReplayError(
                f"step {episode_step} of episode {episode_id} in environment {env_index} cannot "
                f"follow step {held[2]} of episode {held[1]} in environment {held[0]}",
                hint="previous_id names the frame one step earlier in the same episode",
            )


class FrameStore(_FrameRing[np.uint8]):
    """Atari frames, uint8, and the stacks made of them."""

    def __init__(
        self,
        capacity: int,
        *,
        n_step: int,
        num_envs: int,
        stack: int = 4,
        shape: tuple[int, int] = (84, 84),
        shortest_truncated: int = 1000,
    ) -> None:
        size = ring_size(
            capacity,
            stack=stack,
            n_step=n_step,
            num_envs=num_envs,
            shortest_truncated=shortest_truncated,
        )
        super().__init__(size, shape, np.uint8, stack)

    def stacks(self, frame_ids: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return stacks of uint8, shape (k, stack, height, width), oldest frame first.

        Frames before an episode's start are zeros, and so is the whole stack of id -1.

        Raises:
            ReplayError: a frame is no longer stored, or never was.
        """
        return self._rebuild(frame_ids)


class VectorStore(_FrameRing[np.float32]):
    """Flat observations, float32, each a whole state.

    Every episode may be one step long and truncated, so the ring has two states a transition.
    """

    def __init__(
        self, capacity: int, *, n_step: int, num_envs: int, shape: tuple[int, ...]
    ) -> None:
        size = ring_size(capacity, stack=1, n_step=n_step, num_envs=num_envs, shortest_truncated=1)
        super().__init__(size, shape, np.float32, stack=1)

    def stacks(self, frame_ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return observations of float32, shape (k, *shape); zeros for id -1.

        Raises:
            ReplayError: an observation is no longer stored, or never was.
        """
        return self._rebuild(frame_ids)[:, 0]
