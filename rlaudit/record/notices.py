"""How a recorder tells a user something, on whatever thread it is."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def print_warning(message: str) -> None:
    """Write ``message`` to stderr as one line."""
    if sys.stderr is not None:  # a program without a console may have none
        with suppress(OSError, ValueError):  # its reader left, or it is closed
            sys.stderr.write(f"rlaudit: warning: {' '.join(message.splitlines())}\n")
            sys.stderr.flush()


def telling(on_warning: Callable[[str], None] | None) -> Callable[[str], None]:
    """Return a function that calls ``on_warning``, or prints, and does not fail with it.

    What it raises is printed with the message: the thread that writes must go on. Ctrl-C goes on
    to who called.
    """
    if on_warning is None:
        return print_warning
    tell = on_warning

    def warn(message: str) -> None:
        try:
            tell(message)
        except BaseException as error:
            in_main_thread = threading.current_thread() is threading.main_thread()
            if in_main_thread and not isinstance(error, Exception):
                raise
            print_warning(f"{message} (on_warning raised {type(error).__name__}: {error})")

    return warn
