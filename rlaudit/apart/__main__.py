"""The child's side: do one job after the other. ``python -m rlaudit.apart FOLDER MODULE``.

FOLDER is where it may write, MODULE what to import before the first job comes. Jobs come over
stdin, and what they give goes to stdout; :mod:`rlaudit.apart.child` has the other end of both.
"""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import sys
import threading
import traceback
from importlib import import_module
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, BinaryIO

from rlaudit.apart.messages import Done, EndedError, Failed
from rlaudit.errors import EXIT_FAILED, QueryError

if TYPE_CHECKING:
    from collections.abc import Generator

_MOST_AT_ONCE = 256 * 2**20


def main() -> None:
    """Do jobs until the parent closes stdin, or ends."""
    folder, module = sys.argv[1:]
    # Where Ctrl-C comes here as well, it ends this process as the parent would.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    out = _only_way_out()
    import_module(module)
    jobs: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_read, args=(jobs, folder), daemon=True).start()
    while True:
        job, args, kwargs = jobs.get()
        try:
            _give(out, job(*args, **kwargs))
            last: object = Done()
        except MemoryError:
            last = Failed(EndedError("needs more memory than there is"), traceback.format_exc())
        except Exception as error:  # noqa: BLE001 - the parent raises it
            last = Failed(error, traceback.format_exc())
        out.write(_pickled(last))
        out.flush()


def _only_way_out() -> BinaryIO:
    """Return what leads to the parent, which trusts what it reads there.

    A query can have DuckDB log to stdout, so that this is nothing of DuckDB's any more.
    """
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return os.fdopen(kept, "wb")


def _read(jobs: SimpleQueue[Any], folder: str) -> None:
    """Pass on the jobs that come; end the process with the parent, however that ended."""
    with open(0, "rb", closefd=False) as source:
        while True:
            try:
                job = pickle.load(source)  # noqa: S301 - from the parent
            except (EOFError, OSError, pickle.UnpicklingError):
                shutil.rmtree(folder, ignore_errors=True)
                os._exit(EXIT_FAILED)
            jobs.put(job)


def _give(out: BinaryIO, results: Generator[object]) -> None:
    """Hand over the results of a job, of which none may be too large for the parent.

    The job is told of one that is, and may give another one in its place.
    """
    try:
        result = next(results)
        while True:
            data = pickle.dumps(result)
            if len(data) <= _MOST_AT_ONCE:
                out.write(data)
                out.flush()
                result = next(results)
            else:
                result = results.throw(_too_large(len(data)))
    except StopIteration:
        return


def _too_large(size: int) -> QueryError:
    return QueryError(
        f"a row or value of {size / 2**20:,.0f} MiB is too large: at most "
        f"{_MOST_AT_ONCE / 2**20:.0f} MiB can be handed over at once",
        hint="ask for a part of the value, such as left(column, 1000), or for fewer rows",
    )


def _pickled(last: object) -> bytes:
    """Return the end of a job as bytes; of an error that has none its text."""
    try:
        data = pickle.dumps(last)
        pickle.loads(data)  # noqa: S301 - our own; an exception may not be made again from it
    except Exception:  # noqa: BLE001 - whatever an exception of a library raises here
        assert isinstance(last, Failed)  # noqa: S101 - Done can be pickled
        kind = type(last.error).__name__
        return pickle.dumps(last._replace(error=RuntimeError(f"{kind}: {last.error}")))
    return data


if __name__ == "__main__":
    main()
