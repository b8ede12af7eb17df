"""Arrays that come back from a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rlaudit.errors import CheckpointError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def fill(array: NDArray[Any], saved: NDArray[np.generic], count: int) -> None:
    """Write ``saved`` over the first ``count`` rows of ``array``.

    Raises:
        CheckpointError: it has another number of rows, another shape or another type.
    """
    room = array[:count]
    if saved.shape != room.shape or saved.dtype != room.dtype:
        raise CheckpointError(
            f"the checkpoint has an array of shape {saved.shape} and type {saved.dtype} where the "
            f"run has shape {room.shape} and type {room.dtype}"
        )
    room[...] = saved
