"""A log in Python: queries and reports in, Polars frames out."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rlaudit.apart.child import Child
from rlaudit.auditing.own_reports import answer_apart
from rlaudit.auditing.query import query
from rlaudit.auditing.reporting import find_report, reporting
from rlaudit.sqlfiles import is_ours
from rlaudit.store import open_for_reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import TracebackType

    import polars as pl

    from rlaudit.auditing.reporting import Answer
    from rlaudit.sqlfiles import ReportFile
    from rlaudit.store import Log


class Result:
    """The rows of a query or a report, read from the log when it was asked.

    ``note`` says of a report why it has no rows, or to which runs it does not apply; "" if there is
    nothing to say.
    """

    def __init__(self, frame: pl.DataFrame, note: str = "") -> None:
        self._frame = frame
        self.note = note

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return self._frame.columns

    def pl(self) -> pl.DataFrame:
        """Return the rows as a Polars frame."""
        return self._frame

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows as tuples."""
        return self._frame.rows()

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._frame.height

    def __repr__(self) -> str:
        """Show the rows as Polars does."""
        return repr(self._frame)


class OpenLog:
    """A log that is open for reading.

    Of a log that is being written it is a copy, as the log was when it was opened; see
    :func:`rlaudit.store.open_for_reading`. It is closed by the end of a ``with``, by :meth:`close`,
    or when nothing refers to it any more.
    """

    def __init__(self, path: str | Path, wait: float) -> None:
        self._wait = wait
        self._stack = contextlib.ExitStack()
        opened = open_for_reading(path, wait=wait, others=True, at_length=True)
        self._log: Log = self._stack.enter_context(opened)

    @property
    def incomplete(self) -> str | None:
        """What of the log cannot be read, as a sentence; None if nothing is missing."""
        return self._log.incomplete

    def sql(self, text: str, *, timeout: float = 0.0, **params: object) -> Result:
        """Return the rows of ``text``, whose tables are the log's views and ``raw``.

        It runs in this process. DuckDB cannot interrupt a single call of a function, so that one
        such as ``repeat('x', 4000000000)`` outlives ``timeout``; ``rlaudit sql`` ends it.

        Args:
            text: one statement, or several of which the last one's rows are returned.
            timeout: seconds after which the query is stopped; 0 for none.
            params: values that are bound; ``text`` reads each as ``$name`` or as
                ``getvariable('name')``.

        Raises:
            QueryError: if DuckDB refuses the query, or it takes longer than ``timeout``.
            UsageError: for a parameter that is missing, or that ``text`` does not read.
        """
        with query(self._log.con, text, params, timeout=timeout, limit=0) as rows:
            return Result(rows.frame())

    def report(
        self,
        name: str,
        *,
        runs: Sequence[str] = (),
        reports: Iterable[str | Path] = (),
        timeout: float = 60.0,
        **params: object,
    ) -> Result:
        """Return the rows of the report ``name``.

        Args:
            name: one of ours (``rlaudit report list``) or of a folder in ``reports``.
            runs: ids of the runs that it is about; all if there are none.
            reports: folders with reports of your own.
            timeout: seconds after which a report from them is stopped; 0 for none. Such a report
                runs in another process, which it cannot take this one with.
            params: the report's parameters.

        Raises:
            UsageError: for a report, run or parameter that is not there, and a parameter that is
                missing, of another type or out of bounds.
            SqlFileError: for a file that breaks the format, or whose SQL fails or takes longer than
                ``timeout``.
        """
        report = find_report(name, [Path(folder) for folder in reports])
        with self._answer(report, params, runs, timeout) as answer:
            frame = answer.rows.frame()
            return Result(frame, answer.why_empty if frame.is_empty() else answer.note)

    def close(self) -> None:
        """Close the log; what was read of it stays."""
        self._stack.close()

    @contextlib.contextmanager
    def _answer(
        self, report: ReportFile, given: Mapping[str, object], runs: Sequence[str], timeout: float
    ) -> Iterator[Answer]:
        """Answer a report: ours in this process, a user's own in one that can be ended."""
        if is_ours(report.path):
            with (
                reporting(self._log.con, [report], runs=runs) as reporter,
                reporter.answer(report.name, given) as answer,
            ):
                yield answer
            return
        with (
            Child("rlaudit.auditing.own_reports") as child,
            answer_apart(
                child,
                self._log.file,
                report,
                given,
                timeout=timeout,
                runs=runs,
                as_frame=True,
                wait=self._wait,
                spooled=self._log.spooled,
            ) as answer,
        ):
            yield answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)


def open_log(path: str | Path, *, wait: float = 10.0) -> OpenLog:
    """Open the log at ``path`` read-only; ``with`` closes it.

    Raises:
        DatabaseLockedError: if a writer holds the file for longer than ``wait`` seconds.
        DatabaseError: if it is no log that this version reads.
    """
    return OpenLog(path, wait)
