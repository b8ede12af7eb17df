"""Arrays in a compressed file that ``numpy.load`` reads as well, written and read piece by piece.

``numpy.savez_compressed`` cannot be told how hard to compress, and ``numpy.load`` makes an array
of its own, which a full replay of Atari frames (7 GB) has no room for beside the replay.
"""

from __future__ import annotations

import contextlib
import os
import zipfile
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np

from rlaudit.files import open_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

# Atari frames shrink to a few percent at the lowest level already, and the higher ones take
# several times as long.
_COMPRESSION_LEVEL = 1
_PIECE = 2**24


class FileState(NamedTuple):
    """What tells a file from any other, and from itself once it was written to."""

    device: int
    inode: int
    size: int
    written_at: int

    @classmethod
    def of(cls, file: BinaryIO) -> FileState:
        """Return that of an open file."""
        found = os.fstat(file.fileno())
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


class ArrayInFile:
    """One array of a file: its header is read at once, its elements when they are wanted.

    The file must be the one that was in ``state`` when its content was checked.

    Raises:
        ValueError: it is no array of numbers in NumPy's format, or not in C order; or the file is
            another.
        KeyError: the file has no array of that name.
        OSError, EOFError, zipfile.BadZipFile, zlib.error: the file is damaged.
    """

    def __init__(self, path: Path, name: str, state: FileState) -> None:
        self._path = path
        self._name = f"{name}.npy"
        self._state = state
        with self._opened() as file:
            self.shape, self.dtype = _header(file)

    def read_into(self, room: NDArray[Any]) -> None:
        """Read the elements into ``room``, contiguous and of the same shape and type."""
        if not room.flags.c_contiguous:
            raise ValueError("an array that is not contiguous cannot be filled from a file")
        target = room.reshape(-1).view(np.uint8).data
        with self._opened() as file:
            _header(file)
            done = 0
            while done < len(target):
                piece = file.read(min(_PIECE, len(target) - done))
                if not piece:
                    raise EOFError(f"{self._name} ends after {done:,} of {len(target):,} bytes")
                target[done : done + len(piece)] = piece
                done += len(piece)
            if file.read(1):  # at the end the file's own check sum is compared
                raise ValueError(f"{self._name} is longer than its header says")

    @contextlib.contextmanager
    def _opened(self) -> Iterator[BinaryIO | Any]:
        with open_file(self._path) as raw:
            if FileState.of(raw) != self._state:
                raise ValueError("it was changed while it was read")
            with zipfile.ZipFile(raw) as archive:
                # Another method's decoder may take gigabytes, as the data asks it to.
                if archive.getinfo(self._name).compress_type != zipfile.ZIP_DEFLATED:
                    raise ValueError(f"{self._name} is not compressed as it was written")
                with archive.open(self._name) as file:
                    yield file


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write ``arrays`` by name; none may hold objects."""
    with zipfile.ZipFile(
        path, "w", zipfile.ZIP_DEFLATED, compresslevel=_COMPRESSION_LEVEL
    ) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, version=(1, 0), allow_pickle=False)


def _header(file: BinaryIO | Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"an array of format {version}")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    if fortran_order or dtype.hasobject:
        raise ValueError(f"an array of type {dtype} that is not plain numbers in C order")
    return shape, dtype
