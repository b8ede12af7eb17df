"""What the processes have in common that work beside a command, and end with it."""

from __future__ import annotations

import os
import threading
from contextlib import suppress

from rlaudit.errors import EXIT_FAILED


def begin_beside() -> None:
    """End this process when its stdin ends, as it does however its parent ended.

    It gives way to others besides: what is left of the machine is for the training.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(OSError, AttributeError):  # not on every system
        os.nice(5)


def _end_with_parent() -> None:
    # Not through sys.stdin, whose lock this thread would hold when Python ends.
    while os.read(0, 1024):
        pass
    os._exit(EXIT_FAILED)
