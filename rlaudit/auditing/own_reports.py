"""Answer a user's own report in a child, and read the answer from there."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rlaudit.apart.messages import Began, EndedError
from rlaudit.auditing.own_query import SentRows
from rlaudit.auditing.query import Rows, refuse_negative
from rlaudit.auditing.reporting import reporting
from rlaudit.auditing.values import bind
from rlaudit.errors import QueryError, SqlFileError
from rlaudit.store import memory_limit_of, open_for_reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from rlaudit.apart.child import Child
    from rlaudit.auditing.reporting import Answer
    from rlaudit.sqlfiles import ReportFile

# A part of a frame is handed over at once.
_BYTES_AT_ONCE = 64 * 2**20


@contextlib.contextmanager
def answer_apart(
    child: Child,
    path: str | Path,
    report: ReportFile,
    given: Mapping[str, object],
    *,
    timeout: float = 60.0,
    runs: Sequence[str] = (),
    limit: int = 0,
    as_frame: bool = False,
    wait: float = 10.0,
    spooled: Sequence[Path] | None = None,
    on_incomplete: Callable[[str], object] = lambda _: None,
) -> Iterator[Answer]:
    """Answer ``report`` over the log at ``path`` in ``child``, as a Reporter does.

    ``as_frame`` says that ``answer.rows.frame()`` is wanted; without it they are iterated over.
    ``spooled`` are the files of the spool to show, and ``on_incomplete`` is told what of the log
    cannot be read.

    Raises what :func:`reporting`, its answer and :func:`open_for_reading` raise, and
    :class:`SqlFileError` if the report takes more than ``timeout`` seconds (0: any number), too
    much memory, or its process with it.
    """
    refuse_negative(timeout, limit)
    values = bind(report, given)
    job = child.run(
        timeout,
        answer,
        path,
        report,
        {name: values[name] for name in given},
        runs=runs,
        limit=limit,
        as_frame=as_frame,
        wait=wait,
        spooled=spooled,
    )
    try:
        with contextlib.closing(job) as messages:
            if incomplete := next(messages):
                on_incomplete(incomplete)
            next(messages)  # it begins
            said, columns = next(messages)
            yield replace(said, rows=Rows(SentRows(columns, messages), limit))
    except EndedError as error:
        raise SqlFileError(f"{report.path}:1: the query {error}", hint=error.hint) from error
    except QueryError as error:  # too large to be handed over
        raise SqlFileError(f"{report.path}:1: {error}", hint=error.hint) from error


def answer(
    path: str | Path,
    report: ReportFile,
    given: Mapping[str, object],
    *,
    runs: Sequence[str],
    limit: int,
    as_frame: bool,
    wait: float,
    spooled: Sequence[Path] | None,
) -> Iterator[Any]:
    """Answer a report in a child.

    Give what of the log is missing, that it begins, the answer without its rows and their columns,
    and the rows.
    """
    with (
        open_for_reading(
            path, wait=wait, others=True, at_length=spooled is None, spooled=spooled
        ) as log,
        reporting(log.con, [report], runs=runs) as reporter,
    ):
        yield log.incomplete
        yield Began(report.name, memory_limit_of(log.con))
        with reporter.answer(report.name, given, limit=limit) as found:
            yield replace(found, rows=Rows(None, 0)), found.rows.columns
            if as_frame:
                frame = found.rows.frame()
                parts = 1 + int(frame.estimated_size()) // _BYTES_AT_ONCE
                yield frame.clear()  # its types, also without rows
                yield from frame.iter_slices(max(1, -(-frame.height // parts)))
            else:
                for size, wanted in found.rows.batches():
                    yield size, list(wanted)
