"""The calls of the file system that writing beside a log takes."""

from __future__ import annotations

import contextlib
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import filelock

from rlaudit.files import read_bytes
from rlaudit.store.drafts import draft_of

if TYPE_CHECKING:
    from collections.abc import Iterator


class Identity(NamedTuple):
    """Which file stands under a name: equal as long as it is the same file."""

    device: int
    number: int


class Files:
    """The file system; a simulator can take its place."""

    def names(self, folder: Path) -> list[str]:
        """Return the names in ``folder``, in order; none if it is no folder."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return sorted(found.name for found in folder.iterdir())
        return []

    def read(self, path: Path, *, at_most: int) -> bytes:
        """Return the content of ``path``.

        Raises :class:`OSError` if it cannot be read, is no regular file, or is larger than
        ``at_most`` bytes.
        """
        return read_bytes(path, most=at_most)

    def write(self, path: Path, content: bytes) -> None:
        """Put ``content`` at ``path``, whole and on the disk when this returns.

        Until then whatever was there before is there. Raises :class:`OSError` if that cannot be;
        nothing is left behind then.
        """
        draft = draft_of(path)
        try:
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:  # Ctrl-C as well
            with contextlib.suppress(OSError):
                draft.unlink()
            raise
        self._sync(path.parent)

    def remove(self, path: Path) -> None:
        """Delete a file that may be gone already; what cannot be deleted now is left for later."""
        with contextlib.suppress(OSError):
            path.unlink()

    def make_folder(self, path: Path) -> None:
        """Make a folder unless it is there; the one above it must be."""
        path.mkdir(exist_ok=True)

    def remove_tree(self, path: Path) -> None:
        """Delete a file, or a folder with all that is in it, as far as that can be."""
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            self.remove(path)

    def remove_folder(self, path: Path) -> None:
        """Delete a folder if it is empty."""
        with contextlib.suppress(OSError):
            path.rmdir()

    def identity(self, path: Path) -> Identity | None:
        """Return which file stands at ``path``; None if there is none."""
        try:
            found = path.stat()
        except OSError:
            return None
        return Identity(found.st_dev, found.st_ino)

    def size(self, path: Path) -> int:
        """Return how many bytes ``path`` has; 0 if it is gone."""
        try:
            return path.stat().st_size
        except OSError:
            return 0

    def changed_at(self, path: Path) -> float | None:
        """Return when ``path`` was last written, in seconds since 1970; None if it is gone."""
        try:
            return path.stat().st_mtime
        except OSError:
            return None

    @contextlib.contextmanager
    def locked(self, path: Path) -> Iterator[bool]:
        """Give whether this process has the lock ``path`` to itself; it does not wait for it.

        Whatever ends the process frees the lock. A lock that cannot be had at all counts as free.
        """
        lock = filelock.FileLock(path, timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout:
            yield False
            return
        except (OSError, NotImplementedError):
            yield True
            return
        try:
            yield True
        finally:
            # The next holder makes it anew.
            with contextlib.suppress(OSError):
                path.unlink()
            lock.release()

    @staticmethod
    def _sync(folder: Path) -> None:
        """Make a rename durable, where folders can be opened (not on Windows)."""
        with contextlib.suppress(OSError):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def real_path(path: str | Path) -> Path:
    """Return the file that ``path`` leads to through links, absolute; it need not be there."""
    try:
        return Path(os.path.realpath(path))
    except ValueError:  # no name that a file can have, as whoever opens it says
        return Path(path).absolute()


def utc_now() -> datetime:
    """Return the time as the log has it: UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)
