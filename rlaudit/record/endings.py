"""What becomes of the recorders of a process that ends or forks without closing them.

**Exit.** They are closed. The run is ``failed`` if an uncaught exception ended the program,
``interrupted`` if that was Ctrl-C, else ``finished``. Python does not let an exit handler know
``sys.exit``'s code, so ``sys.exit(1)`` outside a ``with`` counts as a normal end. So does an
exception in another thread than the main one, and any exception in an interactive session, which
survives it.

**SIGTERM and SIGHUP.** Where they have their default action when the main thread makes a recorder,
a handler brings all rows into the log, marks the runs ``interrupted`` and then ends the process by
the signal. A second signal acts at once. A handler that the trainer sets, before or after, is left
alone. Python runs handlers in the main thread when that comes back from a call into C, so a call
that never returns keeps the process alive until SIGKILL.

**Fork.** A child does not get the thread that writes. Its copies of the recorders belong to the
parent and refuse to be used. A fork waits until no recorder has its file open, since the child's
DuckDB would take the parent's open file for its own.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    Ending = Literal["finished", "interrupted", "failed"]

_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
# How long a signal waits for a trainer to come to the end of its step.
_STEP_SECONDS = 1.0
# How long it waits for a writing thread, and a fork does.
_END_SECONDS = 60.0
_FORK_SECONDS = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Ends:
    """What is done with one recorder when its process ends or forks.

    Attributes:
        writing: the lock that is held while its file is open.
        at_exit: closes it; gets the exception that ended the program.
        prepare: runs in a signal handler, so it takes no lock: another frame may hold it.
        interrupt: writes what is there; gets two times, up to which it may wait for the end of a
            step and for the thread.
        disown: makes a child's copy unusable; gets the parent's process id.

    """

    writing: threading.RLock
    at_exit: Callable[[BaseException | None], None]
    prepare: Callable[[], None]
    interrupt: Callable[[float, float], None]
    disown: Callable[[int], None]


class _Process:
    """What is open in this process, and the thread that ends it if a signal came."""

    pid = os.getpid()
    open: ClassVar[dict[Ends, None]] = {}
    exit_of_child: Finalize | None = None
    ending: threading.Thread | None = None
    fork = threading.local()


def watch(ends: Ends) -> None:
    """Look after a recorder from now on."""
    if not _Process.open:
        atexit.register(_at_exit)
        if parent_process() is not None:  # such a child runs these at its end, and not atexit's
            _Process.exit_of_child = Finalize(None, _at_exit, exitpriority=0)
    _Process.open[ends] = None
    if _Process.ending is None:
        _set_handlers(signal.SIG_DFL, _end_by_signal)


def unwatch(ends: Ends) -> None:
    """Forget a recorder that is closed."""
    _Process.open.pop(ends, None)
    if not _Process.open:
        _forget_exit()
        _set_handlers(_end_by_signal, signal.SIG_DFL)


def state_of(error: BaseException | None) -> Ending:
    """Return how a run ended that ``error`` ended.

    What is no :class:`Exception` came from outside: Ctrl-C, a cancelled task, a generator that is
    not read to its end.
    """
    if isinstance(error, SystemExit):
        return "finished" if error.code in (None, 0) else "failed"
    if error is None:
        return "finished"
    return "failed" if isinstance(error, Exception) else "interrupted"


# --- exit ----------------------------------------------------------------------------------------


def _at_exit() -> None:
    ended_by = _ended_by()
    for ends in list(_Process.open):
        try:
            ends.at_exit(ended_by)
        except KeyboardInterrupt:
            # Python must not end before the thread does, which would abort in DuckDB. The next
            # Ctrl-C ends the process at once.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            ends.at_exit(ended_by)
    if _Process.ending:
        _Process.ending.join()  # the signal ends the process, not this end of the program


def _ended_by() -> BaseException | None:
    """Return the exception that ends the program, if one does."""
    passing = sys.exc_info()[1]
    if passing is not None:
        return passing  # a child of multiprocessing runs its exit functions while it passes
    last: BaseException | None = getattr(sys, "last_value", None)
    if last is None or last.__traceback__ is None or hasattr(sys, "ps1"):
        return None
    # One that was caught, by a test runner for example, has come less far than the outermost frame.
    return last if last.__traceback__.tb_frame.f_back is None else None


def _forget_exit() -> None:
    atexit.unregister(_at_exit)
    if _Process.exit_of_child:
        _Process.exit_of_child.cancel()
        _Process.exit_of_child = None


# --- signals -------------------------------------------------------------------------------------


def _set_handlers(present: Any, wanted: Any) -> None:
    """Set the handler ``wanted`` for each signal that has the handler ``present``."""
    with suppress(ValueError):  # not the main thread
        for number in _SIGNALS:
            if signal.getsignal(number) == present:
                signal.signal(number, wanted)


def _end_by_signal(number: int, _frame: object) -> None:
    """Let all recorders write what they have, and then end by the signal.

    Another thread does it, and the trainer goes on meanwhile: it may hold any lock just now.
    """
    _set_handlers(_end_by_signal, signal.SIG_DFL)
    recorders = list(_Process.open)
    if not recorders:
        signal.raise_signal(number)
        return
    for ends in recorders:
        ends.prepare()
    _Process.ending = threading.Thread(
        target=_write_and_end, args=(number, recorders), name="rlaudit-end", daemon=True
    )
    try:
        _Process.ending.start()
    except RuntimeError:  # the system gives no more threads
        signal.raise_signal(number)


def _write_and_end(number: int, recorders: list[Ends]) -> None:
    now = time.monotonic()
    try:
        for ends in recorders:
            ends.interrupt(now + _STEP_SECONDS, now + _END_SECONDS)
    finally:
        signal.raise_signal(number)
        # The first process of a container outlives a signal that it does not handle.
        os._exit(128 + number)


# --- forks ---------------------------------------------------------------------------------------


def _before_fork() -> None:
    _Process.fork.held = held = []
    for ends in list(_Process.open):
        if ends.writing.acquire(timeout=_FORK_SECONDS):
            held.append(ends.writing)  # noqa: PERF401 - Ctrl-C may come, and what is held counts


def _after_fork_in_parent() -> None:
    for lock in _Process.fork.held:
        lock.release()


def _after_fork_in_child() -> None:
    for ends in _Process.open:
        ends.disown(_Process.pid)
    _Process.open.clear()
    _Process.pid = os.getpid()
    _Process.ending = None
    _forget_exit()
    _set_handlers(_end_by_signal, signal.SIG_DFL)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
