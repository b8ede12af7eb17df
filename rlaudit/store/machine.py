"""What a writer asks of the machine: time, the file system, and a connection to the log.

All of it is handed in, so that a simulator can take the machine's place.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from rlaudit.store.connect import open_for_writing
from rlaudit.store.files import Files, utc_now

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from rlaudit.store.connect import Patience


class OpenLog(Protocol):
    """How the log is opened for writing; :func:`open_for_writing` is one."""

    def __call__(
        self, path: Path, *, wait: float | Patience
    ) -> AbstractContextManager[DuckDBPyConnection]:
        """Open it; see :func:`open_for_writing`."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine on which a writer works.

    Attributes:
        files: the file system.
        now: the time, UTC without a zone.
        clock: seconds that only grow.
        sleep: waits for so many seconds.
        open_log: opens the log for writing.

    """

    files: Files = field(default_factory=Files)
    now: Callable[[], datetime] = utc_now
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    open_log: OpenLog = open_for_writing
