"""What a trainer talks to: rows go into columns here, and one thread writes them."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn, Self

from rlaudit.errors import RlauditError, UsageError
from rlaudit.record import endings
from rlaudit.record.gathering import TIMED_STEPS, Gathering
from rlaudit.record.notices import telling
from rlaudit.record.rows import refuse_bad_run
from rlaudit.record.thread import WritingThread, sentence
from rlaudit.record.writer import RunWriter

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rlaudit.record.gathering import Cut
    from rlaudit.record.ledger import Ledger
    from rlaudit.record.segment import Resume, State
    from rlaudit.records import RunInfo

# Rows in memory that are kept for a disk that takes nothing.
_MAX_PENDING_BYTES = 256 * 2**20
# Rows that have not even reached the writer by then show that it hangs.
_MAX_WAITING_BYTES = 512 * 2**20


class Recorder(Gathering):
    """Records one process's part of a run into the log at ``path``, without making it wait.

    ``append``, ``extend`` and ``progress`` only fill memory. A background thread writes what has
    gathered every ``flush_seconds``, and holds the file only while it does. As a rule a flush
    ends at a call of ``progress``, so a trainer that calls it after each step, when all rows of
    the step have been handed over, never leaves a part of a step in the log, even if killed.

    As a context manager it closes itself: as ``finished``, also by ``sys.exit(0)``; as
    ``interrupted`` by Ctrl-C, a cancelled task or a generator that is left; or as ``failed`` by any
    other exception. What becomes of a recorder that is not closed, and of one whose process gets a
    signal or forks, is in :mod:`rlaudit.record.endings`. One thread at a time may hand rows over.

    Args:
        path: the log; created if it is absent.
        run: what the run is.
        flush_seconds: pause between two flushes. Each costs 50 to 110 ms of CPU, nearly the same
            for 16,000 rows as for 100,000, and what a kill loses is what came since the last.
        wait: seconds to wait for others who hold the file before rows go to the spool.
        on_warning: called, mostly from the background thread, with a sentence when something
            needs a user's notice, once for each state of the log. By default it goes to stderr.
        start_step: agent steps of the run that were done before this process.
        resume: the checkpoint from which this process goes on; ``run.run_id`` then exists.
        max_pending_bytes: rows to keep in memory while neither file nor spool can be written.

    Raises:
        RunExistsError: the run id is in the log and ``resume`` is not given.
        DatabaseError: the file is no log of this version, or cannot be written. A file that
            others hold past ``wait`` is no error: the run begins in the spool.
        UsageError: ``run`` holds something else than the log has in its place, another process
            works on the run that is to be resumed, or a time is no time.

    """

    def __init__(
        self,
        path: str | Path,
        run: RunInfo,
        *,
        flush_seconds: float = 10.0,
        wait: float = 10.0,
        on_warning: Callable[[str], None] | None = None,
        start_step: int = 0,
        resume: Resume | None = None,
        max_pending_bytes: int = _MAX_PENDING_BYTES,
    ) -> None:
        refuse_bad_run(run)
        for name, seconds in (("flush_seconds", flush_seconds), ("wait", wait)):
            if not seconds >= 0:  # nor if it is no number
                raise UsageError(f"{name} is {seconds}, and cannot be less than 0")
        super().__init__(start_step)
        self._warn = telling(on_warning)
        self._writer = RunWriter(
            Path(path).absolute(),
            run,
            progress=self._progress,
            resume=resume,
            wait=wait,
            max_pending_bytes=max_pending_bytes,
            warn=self._warn,
        )
        self._closing = threading.Event()
        self._ended = False
        self._thread = WritingThread(
            self._writer,
            self._cuts,
            want_cut=self._want_cut,
            send_cut=self._send_cut,
            flush_seconds=flush_seconds,
            wait=wait,
            warn=self._warn,
        )
        self._ends = endings.Ends(
            writing=self._thread.writing,
            at_exit=self._close_at_exit,
            prepare=self._prepare_interrupt,
            interrupt=self._interrupt,
            disown=self._disown,
        )
        endings.watch(self._ends)
        began = time.thread_time()
        try:
            with self._thread.writing:
                self._writer.start()
        except BaseException:
            endings.unwatch(self._ends)
            raise
        self._start_seconds = time.thread_time() - began
        self._thread.start()

    # --- control -----------------------------------------------------------------------------

    def check(self) -> None:
        """Raise the error that ended the recording, if there is one; cheap enough for each step."""
        if self._thread.failure:
            raise self._thread.failure

    def flush(self) -> None:
        """Return when all rows so far are in the database or in its spool.

        Raises :class:`DatabaseWriteError` if neither can be written; the rows are kept for now.
        """
        self.check()
        self._refuse_own_thread()
        cut = self._send_cut()
        if cut is None:
            self._refuse_closed()
        self._thread.await_cut(cut)
        self.check()
        if self._writer.problem:
            raise self._writer.problem

    def close(self, state: Literal["finished", "interrupted", "failed"]) -> Ledger:
        """Write what is left, mark the segment with ``state`` and end the thread.

        Tries the database for the recorder's wait, then the spool. A second call does nothing,
        except that it waits for a first one that is under way or was broken off by Ctrl-C.
        Raises :class:`DatabaseWriteError` if rows had to be dropped, or the state could not be
        written; the thread has ended then, too.
        """
        if self._ended:
            return self.ledger
        self._refuse_own_thread()
        self._send_cut(state)
        self._thread.await_end()
        self._ended = True
        endings.unwatch(self._ends)
        self.check()
        return self.ledger

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        state = endings.state_of(exc)
        if exc is None:
            self.close(state)
            return
        # What ended the run is the error to see, not what it did to the log.
        try:
            self.close(state)
        except UsageError:
            pass  # a forked child leaves, whose recorder this is not
        except RlauditError as error:
            self._warn(sentence(error))

    def __reduce__(self) -> NoReturn:
        raise UsageError(
            "a recorder cannot be copied or sent to another process; create one in each process, "
            "with a run id of its own"
        )

    # --- figures -----------------------------------------------------------------------------

    @property
    def run_id(self) -> str:
        """The run's id; another than was asked for if that was taken while the log was locked."""
        return self._writer.run_id

    @property
    def segment_id(self) -> str:
        """The id of this process's part of the run."""
        return self._writer.segment_id

    @property
    def ledger(self) -> Ledger:
        """A snapshot of the rows by table: offered so far, written, spooled and dropped."""
        ledger = self._writer.ledger.copy()
        with self._lock:
            for table, count in self._offered().items():
                ledger.offered[table] = max(count, ledger.offered[table])
        return ledger

    @property
    def rows_logged(self) -> int:
        """Rows of all tables that were offered so far."""
        return sum(self._offered().values())

    @property
    def written(self) -> dict[str, int]:
        """Rows in the database, by table."""
        return dict(self._writer.ledger.written)

    @property
    def spooled(self) -> dict[str, int]:
        """Rows in the spool, by table."""
        return dict(self._writer.ledger.spooled)

    @property
    def dropped(self) -> dict[str, int]:
        """Rows lost, by table."""
        return dict(self._writer.ledger.dropped)

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds of the recorder so far, on both threads.

        The background thread's are measured. The trainer's are estimated from one step in 61,
        by the wall clock.
        """
        handing_over = self._timed_ns * TIMED_STEPS / 1e9
        return self._start_seconds + self._thread.cpu_seconds + handing_over

    # --- between the threads -----------------------------------------------------------------

    def _send_cut(self, state: State = "running") -> Cut | None:
        cut = super()._send_cut(state)
        if state != "running":
            self._closing.set()
        elif self._sent_bytes - self._thread.received_bytes > _MAX_WAITING_BYTES:
            self._thread.fail(self._thread.hang(), tell=True)
        return cut

    def _refuse_own_thread(self) -> None:
        if threading.current_thread() is self._thread:
            raise UsageError("on_warning must not flush or close the recorder that calls it")

    # --- the end of the process, and forks; see rlaudit.record.endings ----------------------------

    def _close_at_exit(self, ended_by: BaseException | None) -> None:
        if self._thread.ident is None:  # it has not begun, nor has the recording
            return
        try:
            self.close(endings.state_of(ended_by))
        except RlauditError as error:
            self._warn(sentence(error))

    def _prepare_interrupt(self) -> None:
        self._ends_by_signal = True
        self._cut_state = "interrupted"
        self._cut_wanted = True
        self._thread.hurry()

    def _interrupt(self, step_until: float, until: float) -> None:
        """Write what is there, in a thread of its own while the trainer may hand rows over."""
        thread = self._thread
        if thread.ident is None:
            return
        # The trainer's next call of progress closes the recorder at the end of a step.
        if not self._closing.wait(max(0.0, step_until - time.monotonic())):
            self._send_cut("interrupted")
        if not thread.ended.wait(max(0.0, until - time.monotonic())):
            self._warn(sentence(thread.hang()))
        elif thread.failure:
            self._warn(sentence(thread.failure))

    def _disown(self, owner: int) -> None:
        """Drop the rows and refuse every use: this is a forked child, and has no thread."""
        refusal = UsageError(
            f"this recorder belongs to process {owner}, from which this one was forked; "
            "create one in each process, with a run id of its own"
        )
        self._thread.failure = refusal
        self._drop(refusal)
