"""The parent's side of a process that does jobs of ours and can be ended at any moment.

DuckDB cannot interrupt a single call of a function, and some statements end the whole process. So
a user's own SQL runs in a child. The child keeps no limits itself: the parent watches the time and
the memory that it takes, and kills it. A job is a function of ours that gives its results one by
one; they come pickled over a pipe that nothing but our code in the child can write to.
"""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

from rlaudit.apart.messages import Began, Done, EndedError, Failed, TooLongError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from types import TracebackType

_P = ParamSpec("_P")
_T = TypeVar("_T")

_PROGRAM = "rlaudit.apart"
_SECONDS_BETWEEN_LOOKS = 0.05
# DuckDB's limit does not count what Python and Arrow take, nor all of what a function makes.
_MEMORY_BESIDE = 512 * 2**20
_SHARE_BESIDE = 0.25


class _ChildTraceback(Exception):  # noqa: N818 - it tells where an error was raised
    """Where the child raised an error; shown with --debug."""


class Child:
    """A process that does one job after the other; leaving the context ends it.

    It starts at once and imports ``module``, so that the caller can do something else meanwhile.
    A process that was ended is replaced by the next job.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._process: subprocess.Popen[bytes] | None = None
        # For what DuckDB has no memory for. The child cannot clean up when it is killed.
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._start()

    def run(
        self,
        timeout: float,
        job: Callable[_P, Iterator[_T]],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> Generator[_T, None, None]:
        """Do ``job``, a function of a module of ours, and give its results as they come.

        From each :class:`Began` that it gives it has ``timeout`` seconds (0: any number) to the
        next one or to its end.

        Raises what the job raises, and :class:`EndedError` if its process does not reach the end.
        """
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._start()
        process = self._process
        assert process is not None  # noqa: S101 - it was started
        watch = _Watch(process, timeout)
        done = False
        try:
            _send(process, (job, args, kwargs))
            while not isinstance(message := _receive(process), Done):
                if isinstance(message, Failed):
                    done = True
                    raise message.error from _ChildTraceback(message.trace)
                if isinstance(message, Began):
                    watch.begin(message.memory)
                yield message
            done = True
        except _GoneError as error:
            raise watch.ended or self._reason() from error
        finally:
            watch.stop()
            # Not another one, which was started since this job was given up.
            if (not done or watch.ended is not None) and self._process is process:
                self.close()

    def run_each(
        self,
        timeout: float,
        job: Callable[..., Iterator[_T]],
        items: Iterable[Any],
        *args: Any,
        **kwargs: Any,
    ) -> Iterator[_T | EndedError]:
        """Do ``job`` on ``items``, its first argument: it gives a Began and a result for each.

        Where the process ends at one of them, another one goes on. If it had done others before, of
        which some may be the cause, this one is tried again, unless it took too long; else the
        error takes the place of its result.
        """
        left = list(items)
        while left:
            before, begun = len(left), False
            try:
                for message in self.run(timeout, job, left, *args, **kwargs):
                    begun = isinstance(message, Began)
                    if not begun:
                        del left[0]
                    yield message
            except EndedError as error:
                first = len(left) == before
                if begun and (first or isinstance(error, TooLongError)):
                    del left[0]
                    yield error
                elif first:
                    raise
            else:
                return

    def close(self) -> None:
        """End the process, if there is one, and delete what it wrote."""
        if self._process is not None:
            self._process.kill()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None  # noqa: S101 - it was asked for
                with contextlib.suppress(OSError):  # half a job that nobody reads any more
                    pipe.close()
            self._process.wait()
            self._process = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _start(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="rlaudit-", ignore_cleanup_errors=True)
        folder = self._folder.name
        places = {
            # Imports are those of this process: with -P nothing of the working folder is added.
            "PYTHONPATH": os.pathsep.join(map(str, sys.path)),
            **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), folder),
        }
        with self._said(folder).open("wb") as said:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-P", "-m", _PROGRAM, folder, self._module],
                stdin=subprocess.PIPE,  # when it ends, the process does
                stdout=subprocess.PIPE,
                stderr=said,
                env={**os.environ, **places},
                start_new_session=True,  # Ctrl-C is for this process, which ends it
            )

    @staticmethod
    def _said(folder: str) -> Path:
        return Path(folder) / "stderr"

    def _reason(self) -> EndedError:
        """Return why the process has ended by itself."""
        assert self._process is not None  # noqa: S101 - it has just been read from
        assert self._folder is not None  # noqa: S101 - made with it
        code = self._process.wait()
        if code < 0:
            return EndedError(
                f"ended its process by signal {-code}, {signal.strsignal(-code)}",
                # Linux kills where memory runs out.
                hint="memory ran out" if code == -9 else "DuckDB does not survive it",
            )
        said = self._said(self._folder.name).read_text(errors="replace").strip()
        last = said.rpartition("\n")[2]
        return EndedError(f"ended its process with exit code {code}", hint=last)


class _GoneError(Exception):
    """The child is not there any more."""


def _send(process: subprocess.Popen[bytes], job: object) -> None:
    assert process.stdin is not None  # noqa: S101 - a pipe was asked for
    data = pickle.dumps(job)
    try:
        process.stdin.write(data)
        process.stdin.flush()
    except OSError as error:
        raise _GoneError from error


def _receive(process: subprocess.Popen[bytes]) -> Any:
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    try:
        return pickle.load(process.stdout)  # noqa: S301 - only our code in our child writes it
    except (EOFError, OSError, pickle.UnpicklingError) as error:  # all of it, or half a message
        raise _GoneError from error


class _Watch:
    """Kills a process that takes more time or memory than it may, from a thread.

    ``ended`` says why; None while it has not. Nothing is killed after :meth:`stop`.
    """

    def __init__(self, process: subprocess.Popen[bytes], timeout: float) -> None:
        self.ended: EndedError | None = None
        self._process = process
        self._timeout = timeout
        self._deadline = math.inf
        self._memory = math.inf
        self._left = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, memory: float) -> None:
        """Count the time from now on, and allow so many bytes."""
        self._memory = memory
        self._deadline = time.monotonic() + (self._timeout or math.inf)
        if self._thread is None:
            self._thread = threading.Thread(target=self._look, name="rlaudit-watch", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._left.set()
        if self._thread is not None:
            self._thread.join()

    def _look(self) -> None:
        while not self._left.wait(self._pause()):
            self.ended = self._exceeded()
            if self.ended is not None:
                self._process.kill()
                return

    def _pause(self) -> float:
        return max(0.0, min(_SECONDS_BETWEEN_LOOKS, self._deadline - time.monotonic()))

    def _exceeded(self) -> EndedError | None:
        if time.monotonic() >= self._deadline:
            return TooLongError(
                f"did not finish within {self._timeout:g} s",
                hint="--timeout SECONDS allows more, --timeout 0 any",
            )
        if _size(self._process.pid) > self._memory * (1 + _SHARE_BESIDE) + _MEMORY_BESIDE:
            return EndedError(
                f"needs more than the {self._memory / 2**20:,.0f} MiB of memory that it may take",
                hint="ask for fewer rows, or shorter values",
            )
        return None


def _size(pid: int) -> float:
    """Return how many bytes of memory a process has; 0 if it has ended."""
    import psutil  # noqa: PLC0415 - most queries end before anybody looks

    try:
        return float(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0.0
