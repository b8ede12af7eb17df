"""End what hangs, so that a test of it fails and the others go on."""

from __future__ import annotations

import contextlib
import signal


class Hang(BaseException):
    """Something does not end; no Exception, or it might be taken for one of a file."""


@contextlib.contextmanager
def at_most(seconds):
    """Raise :class:`Hang` after so many seconds, where the system has such a clock."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def hangs(*_):
        raise Hang(f"no end after {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, hangs)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
