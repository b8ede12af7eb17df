"""The thread that writes what a recorder gathers."""

from __future__ import annotations

import queue
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from rlaudit.errors import DatabaseWriteError, RlauditError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rlaudit.record.gathering import Cut
    from rlaudit.record.segment import State
    from rlaudit.record.writer import RunWriter

# How much longer than its waits for the lock the thread may take before it counts as hanging.
_GRACE_SECONDS = 60.0
# Python waits for no more than this, also where 2**32 milliseconds are the longest.
_LONGEST_SECONDS = threading.TIMEOUT_MAX / 2
# How long others who hold the file may delay the end of a process that a signal ends.
_HURRIED_WAIT = 0.5


class WritingThread(threading.Thread):
    """Writes cuts until one that ends the run.

    Args:
        writer: used by this thread only, once it has started.
        cuts: where the recorder puts cuts.
        want_cut: asks the recorder for a cut at its next whole step.
        send_cut: takes one where the recorder is now.
        flush_seconds: pause between two cuts that are asked for.
        wait: the writer's wait for the lock.
        warn: tells the user something, and never raises in this thread.

    Attributes:
        failure: what ended the recording, if anything did.
        writing: held while the file is open.
        ended: set when the last cut is done. Unlike ``join`` it can be waited for again after
            Ctrl-C, which lets Python 3.11 believe that the thread has ended.
        received_bytes: of all cuts so far.
        cpu_seconds: of this thread so far.

    """

    def __init__(
        self,
        writer: RunWriter,
        cuts: queue.SimpleQueue[Cut],
        *,
        want_cut: Callable[[], None],
        send_cut: Callable[[], object],
        flush_seconds: float,
        wait: float,
        warn: Callable[[str], None],
    ) -> None:
        super().__init__(name="rlaudit-recorder", daemon=True)
        self.failure: RlauditError | None = None
        self.writing = threading.RLock()
        self.ended = threading.Event()
        self.received_bytes = 0
        self.cpu_seconds = 0.0
        self._writer = writer
        self._cuts = cuts
        self._want_cut = want_cut
        self._send_cut = send_cut
        self._flush_seconds = min(flush_seconds, _LONGEST_SECONDS)
        # An earlier cut may be waiting for the lock already, then comes the one that is waited for.
        self._patience = min(2 * wait + _GRACE_SECONDS, _LONGEST_SECONDS)
        self._warn = warn

    def run(self) -> None:
        """Write until a cut ends the run."""
        state: State = "running"
        due = time.monotonic() + self._flush_seconds
        while state == "running":
            cut = self._next_cut(due)
            state = cut.state
            try:
                self._deliver(cut)
            except BaseException as error:  # noqa: BLE001 - the trainer's thread must get to know
                self.fail(self._as_failure(error), tell=state == "running")
            self.cpu_seconds = time.thread_time()
            cut.done.set()
            due = time.monotonic() + self._flush_seconds
        self.ended.set()

    def await_cut(self, cut: Cut) -> None:
        """Wait until ``cut`` is done, but not for ever: then this thread hangs."""
        if not cut.done.wait(self._patience):
            self.fail(self.hang(), tell=False)

    def await_end(self) -> None:
        """Wait until the last cut is done, but not for ever: then this thread hangs."""
        if not self.ended.wait(self._patience):
            self.fail(self.hang(), tell=False)
        else:
            self.join(_GRACE_SECONDS)

    def hurry(self) -> None:
        """Let others who hold the file no longer delay what is left to be written."""
        self._writer._wait = min(self._writer._wait, _HURRIED_WAIT)  # noqa: SLF001

    def fail(self, failure: RlauditError, *, tell: bool) -> None:
        """Note what ended the recording; ``tell`` the user if nobody waits for it here."""
        if self.failure is not None:
            return
        self.failure = failure
        if tell:
            self._warn(sentence(failure))

    def hang(self) -> DatabaseWriteError:
        """Return the error that says that this thread hangs."""
        return DatabaseWriteError(
            f"{self._writer.path}: writing hangs; the log of run {self._writer.run_id} is complete "
            f"only up to agent step {self._writer.complete_to}",
            hint="look at the disk or network that the file is on",
        )

    def _next_cut(self, due: float) -> Cut:
        """Wait for the next rows: offered early, or asked for when they are due.

        A trainer that is between two calls of ``progress`` for a whole pause (an evaluation, a
        blocked environment) has its rows taken where they are, so that the heartbeat goes on.
        """
        with suppress(queue.Empty):
            return self._cuts.get(timeout=max(0.0, due - time.monotonic()))
        self._want_cut()
        with suppress(queue.Empty):
            return self._cuts.get(timeout=self._flush_seconds)
        self._send_cut()
        return self._cuts.get()

    def _deliver(self, cut: Cut) -> None:
        self.received_bytes += cut.nbytes
        tables = cut.tables()
        with self.writing:
            self._writer.deliver(tables, cut.progress, cut.state)
            if cut.state != "running":
                self._writer.give_up()
        if self._writer.failure:
            self.fail(self._writer.failure, tell=cut.state == "running")

    def _as_failure(self, error: BaseException) -> RlauditError:
        if isinstance(error, RlauditError):
            return error
        failure = DatabaseWriteError(
            f"the log of run {self._writer.run_id} is complete only up to agent step "
            f"{self._writer.complete_to}: {type(error).__name__}: {error}"
        )
        failure.__cause__ = error
        return failure


def sentence(error: RlauditError) -> str:
    """Return what ``error`` says and what to do."""
    return f"{error} ({error.hint})" if error.hint else str(error)
