"""Arrays that come back from a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from rlaudit.errors import CheckpointError

if TYPE_CHECKING:
    from numpy.typing import NDArray


class StoredArray(Protocol):
    """An array that is still on the disk."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its elements."""

    def read_into(self, room: NDArray[Any]) -> None:
        """Read it into ``room``, an array of its shape and type that is contiguous in memory."""


def fill(array: NDArray[Any], saved: NDArray[np.generic] | StoredArray, count: int) -> None:
    """Write ``saved`` over the first ``count`` rows of ``array``.

    Raises:
        CheckpointError: it has another number of rows, another shape or another type.
    """
    room = array[:count]
    if saved.shape != room.shape or saved.dtype != room.dtype:
        raise CheckpointError(
            f"it has an array of shape {saved.shape} and type {saved.dtype} where the run has "
            f"shape {room.shape} and type {room.dtype}"
        )
    if isinstance(saved, np.ndarray):
        room[...] = saved
    else:
        saved.read_into(room)
