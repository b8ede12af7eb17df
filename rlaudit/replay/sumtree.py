"""A sum tree over priorities: draws by mass and changes in time that hardly grows with size.

The tree is wide and shallow. In NumPy a level costs a few calls whatever its width, so a million
leaves stand in blocks of 32, the blocks' sums in blocks of 32 again, and the 977 sums that remain
are searched by bisection of their running sum. Drawing 32 masses and writing 32 leaves back takes
about 55 microseconds at that size; a binary tree would need 20 levels of the same calls.

Leaves are float32, because that is what a log holds: what is logged is what the tree drew by. Sums
are float64 and always recomputed from the children, never adjusted by a difference, so that no
rounding error outlives the next write to the same block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rlaudit.errors import ReplayError
from rlaudit.replay.saved import fill

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

# Measured at a million leaves and batches of 32: 16, 64 and 128 are 5 to 40 percent slower.
FAN_OUT = 32
# A running sum over so many nodes costs less than one more level of the tree.
TOP_WIDTH = 1024

_LARGEST_LEAF = float(np.finfo(np.float32).max)
# A sum of 32 terms in float64 is exact to 32 roundings, in whichever order it is added.
_SUM_TOLERANCE = FAN_OUT * 2.0**-53


class SumTree:
    """Priorities of ``capacity`` slots, drawn from in proportion to their size."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ReplayError(
                f"a sum tree of {capacity} leaves", hint="its capacity must be 1 or more"
            )
        self.capacity = capacity
        leaves = np.zeros((-(-capacity // FAN_OUT), FAN_OUT), np.float32)
        # Each level as rows of siblings, leaves first; _flat holds the same memory unfolded.
        self._levels: list[NDArray[np.floating]] = [leaves]
        while len(self._levels[-1]) > TOP_WIDTH:
            rows = -(-len(self._levels[-1]) // FAN_OUT)
            self._levels.append(np.zeros((rows, FAN_OUT), np.float64))
        self._flat = [level.reshape(-1) for level in self._levels]
        self._leaves: NDArray[np.float32] = leaves.reshape(-1)
        self._top = np.zeros(len(self._levels[-1]), np.float64)
        # Running sum over the top, with a leading zero; the total stands at its end.
        self._running = np.zeros(len(self._top) + 1, np.float64)
        self._running_is_stale = False
        # An upper bound of all leaves, and whether it may be above the largest.
        self._max = 0.0
        self._max_is_stale = False

    def __len__(self) -> int:
        return self.capacity

    @property
    def nbytes(self) -> int:
        """Bytes of all levels."""
        levels = sum(level.nbytes for level in self._levels)
        return levels + self._top.nbytes + self._running.nbytes

    @property
    def leaves(self) -> NDArray[np.float32]:
        """All leaves, shape (capacity,), float32; a read-only view, zero where a slot is empty."""
        view = self._leaves[: self.capacity]
        view.flags.writeable = False
        return view

    @property
    def total(self) -> float:
        """Sum of all leaves, as the draws see it."""
        return float(self._running_sum()[-1])

    def leaf_sum(self) -> float:
        """Sum over the leaves themselves, in float64; what ``total`` is checked against."""
        return float(self._leaves.sum(dtype=np.float64))

    def max_leaf(self) -> float:
        """Return the largest leaf, 0.0 while all are empty.

        Remembered between calls; found again (about 140 microseconds for a million leaves) only
        after a leaf of that size was overwritten.
        """
        if self._max_is_stale:
            self._max = float(self._leaves.max())
            self._max_is_stale = False
        return self._max

    def get(self, slots: ArrayLike) -> NDArray[np.float32]:
        """Return the leaves of ``slots``, shape (k,) both.

        Raises:
            ReplayError: a slot is outside [0, capacity).
        """
        return self._leaves[self._checked_slots(slots)]

    def set(self, slots: ArrayLike, leaves: ArrayLike) -> None:
        """Write ``leaves`` to ``slots``, shape (k,) both; of a repeated slot the last one counts.

        Raises:
            ReplayError: a slot is outside [0, capacity), or a leaf is NaN, negative or infinite as
                a float32. The tree is unchanged then.
        """
        slots = self._checked_slots(slots)
        values = self._checked_leaves(slots, leaves)
        if not slots.size:
            return
        held = np.maximum.reduce(self._leaves[slots])
        self._leaves[slots] = values
        # Read back: of a repeated slot only the last value is in the tree.
        written = np.maximum.reduce(self._leaves[slots])
        nodes = slots
        for depth, level in enumerate(self._levels):
            nodes = nodes // FAN_OUT
            sums = np.add.reduce(level[nodes], axis=1, dtype=np.float64)
            self._parents(depth)[nodes] = sums
        self._note_write(float(held), float(written))

    def set_one(self, slot: int, leaf: float) -> None:
        """Write one leaf; like :meth:`set`, and several times as fast for a single slot.

        Raises:
            ReplayError: as :meth:`set`.
        """
        if not (0 <= slot < self.capacity and 0.0 <= leaf <= _LARGEST_LEAF):
            self.set([slot], [leaf])  # names what is wrong
            return
        held = float(self._leaves[slot])
        self._leaves[slot] = leaf
        node = slot
        for depth, level in enumerate(self._levels):
            node //= FAN_OUT
            self._parents(depth)[node] = np.add.reduce(level[node], dtype=np.float64)
        self._note_write(held, float(self._leaves[slot]))

    def find(self, masses: ArrayLike) -> NDArray[np.int64]:
        """Return the slot that each mass falls on.

        Slot i owns the half-open interval from the sum of the leaves before it to that sum plus
        its own leaf. Where rounding carries a mass past the end of a node it is drawn back inside,
        so that an empty leaf is never returned.

        Args:
            masses: shape (k,), float64, each in [0, total).

        Returns:
            Slots, shape (k,), int64; every one has a leaf above zero.

        Raises:
            ReplayError: a mass outside [0, total), or NaN.
        """
        masses = np.asarray(masses, np.float64)
        if not masses.size:
            return np.empty(0, np.int64)
        running = self._running_sum()
        total = running[-1]
        if not (np.minimum.reduce(masses) >= 0.0 and np.maximum.reduce(masses) < total):
            wrong = masses[~((masses >= 0.0) & (masses < total))][0]
            raise ReplayError(
                f"mass {wrong} is outside [0, {total}), the sum of all priorities",
                hint="draw masses below SumTree.total, and only while a priority is above zero",
            )
        nodes = running.searchsorted(masses, side="right") - 1
        rest = masses - running[nodes]
        rows = np.arange(masses.size)
        sums = np.zeros((masses.size, FAN_OUT + 1), np.float64)
        for level in reversed(self._levels):
            np.add.accumulate(level[nodes], axis=1, dtype=np.float64, out=sums[:, 1:])
            np.minimum(rest, np.nextafter(sums[:, -1], 0.0), out=rest)
            child = (sums[:, 1:] > rest[:, None]).argmax(axis=1)
            rest -= sums[rows, child]
            nodes = nodes * FAN_OUT + child
        return nodes

    def state(self) -> dict[str, Any]:
        """Return all that the tree goes on from; the arrays are its own, so write them at once.

        The sums are part of it: NumPy does not promise that a sum that is taken again over many
        nodes at once rounds as it did for one.
        """
        return {"levels": self._flat, "top": self._top}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` returned, of a tree of the same capacity.

        Raises:
            CheckpointError: the state is of another tree.
        """
        saved = [*state["levels"], state["top"]]
        for level, values in zip([*self._flat, self._top], saved, strict=True):
            fill(level, values, len(level))
        self._running_is_stale = True
        self._max = float(self._leaves.max())
        self._max_is_stale = False

    def problems(self) -> list[str]:
        """Return what is wrong with the tree, one sentence each; empty if it is sound."""
        leaves = self._leaves[: self.capacity]
        wrong = np.flatnonzero(~((leaves >= 0) & (leaves < np.inf)))
        found = [f"leaf {slot} is {leaves[slot]}" for slot in wrong[:3]]
        if self._leaves[self.capacity :].any():
            found.append("a leaf beyond the capacity is not empty")
        for depth, level in enumerate(self._levels):
            sums = level.sum(axis=1, dtype=np.float64)
            parents = self._parents(depth)
            wrong = np.flatnonzero(~(abs(parents[: len(sums)] - sums) <= _SUM_TOLERANCE * sums))
            found += [
                f"node {node} of level {depth + 1} holds {parents[node]}, not {sums[node]}"
                for node in wrong[:3]
            ]
            if parents[len(sums) :].any():
                found.append(f"padding of level {depth + 1} is not empty")
        if not np.array_equal(self._running_sum()[1:], np.add.accumulate(self._top)):
            found.append("the running sum over the top is out of date")
        largest = float(self._leaves.max())
        if self._max < largest or not (self._max_is_stale or self._max == largest):
            found.append(f"the remembered maximum is {self._max}, the largest leaf {largest}")
        return found

    def _parents(self, depth: int) -> NDArray[np.floating]:
        return self._flat[depth + 1] if depth + 1 < len(self._flat) else self._top

    def _running_sum(self) -> NDArray[np.float64]:
        if self._running_is_stale:
            np.add.accumulate(self._top, out=self._running[1:])
            self._running_is_stale = False
        return self._running

    def _note_write(self, held: float, written: float) -> None:
        self._running_is_stale = True
        if written >= self._max:
            self._max = written
            self._max_is_stale = False
        elif held == self._max:
            self._max_is_stale = True

    def _checked_slots(self, slots: ArrayLike) -> NDArray[np.int64]:
        slots = np.asarray(slots, np.int64)
        if slots.size and not (
            np.minimum.reduce(slots) >= 0 and np.maximum.reduce(slots) < self.capacity
        ):
            wrong = slots[(slots < 0) | (slots >= self.capacity)][0]
            raise ReplayError(
                f"slot {wrong} is outside [0, {self.capacity})",
                hint="only slots of the replay's ring have a priority",
            )
        return slots

    def _checked_leaves(self, slots: NDArray[np.int64], leaves: ArrayLike) -> NDArray[np.float32]:
        given = np.asarray(leaves)
        if given.shape != slots.shape:
            raise ReplayError(
                f"{given.size} priorities for {slots.size} slots",
                hint="give one priority for each slot",
            )
        with np.errstate(over="ignore"):
            values = given.astype(np.float32)
        if values.size and not (
            np.minimum.reduce(values) >= 0.0 and np.maximum.reduce(values) < np.inf
        ):
            position = np.flatnonzero(~((values >= 0.0) & (values < np.inf)))[0]
            raise ReplayError(
                f"priority {given[position]} for slot {slots[position]}",
                hint="a priority is a finite float32 and not negative; a NaN comes from the loss",
            )
        return values
