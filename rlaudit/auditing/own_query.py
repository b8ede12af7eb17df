"""Run a user's own query over a log in a child, and read its rows from there."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlaudit.apart.messages import Began, EndedError
from rlaudit.auditing.history import open_history
from rlaudit.auditing.query import Rows, query, refuse_negative
from rlaudit.errors import NotALogError, QueryError
from rlaudit.store import Log, memory_limit_of, open_for_reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import polars as pl

    from rlaudit.apart.child import Child


class SentRows:
    """The rows of a query that a child sends: what :class:`Rows` reads them from."""

    def __init__(self, columns: tuple[str, ...], messages: Iterator[Any]) -> None:
        self.columns = columns
        self._messages = messages

    def batches(
        self,
        size: int,  # noqa: ARG002 - the child has chosen it
    ) -> Iterator[tuple[int, Callable[[int], Iterable[tuple[Any, ...]]]]]:
        """Give for each batch its number of rows, and a function that makes the first n of them."""
        for number, sent in self._messages:

            def rows(count: int, sent: list[tuple[Any, ...]] = sent) -> list[tuple[Any, ...]]:
                return sent[:count]

            yield number, rows

    def frame(self) -> pl.DataFrame:
        """Return all rows, of a job that sends parts of a frame."""
        import polars as pl  # noqa: PLC0415 - no command needs a frame, and it takes long

        parts: list[pl.DataFrame] = list(self._messages)
        return pl.concat(parts)


@contextlib.contextmanager
def query_apart(
    child: Child,
    source: str,
    sql: str,
    params: Mapping[str, object] | None = None,
    *,
    timeout: float = 60.0,
    limit: int = 1000,
    file: Path | None = None,
    wait: float = 10.0,
    on_incomplete: Callable[[str], object] = lambda _: None,
) -> Iterator[Rows]:
    """Run ``sql`` over the log ``source`` in ``child``, and give the rows as :func:`query` does.

    ``source`` may also be a history of audits. ``on_incomplete`` is told what of it cannot be read.

    Raises what :func:`query` and :func:`open_for_reading` raise, and :class:`QueryError` if the
    query takes more than ``timeout`` seconds (0: any number), too much memory, or its process with
    it.
    """
    refuse_negative(timeout, limit)
    job = child.run(
        timeout, answer, source, sql, dict(params or {}), limit=limit, file=file, wait=wait
    )
    try:
        with contextlib.closing(job) as messages:
            if incomplete := next(messages):
                on_incomplete(incomplete)
            next(messages)  # it begins
            yield Rows(SentRows(next(messages), messages), limit)
    except EndedError as error:
        raise QueryError(f"the query {error}", hint=error.hint) from error


def answer(
    source: str,
    sql: str,
    params: Mapping[str, object],
    *,
    limit: int,
    file: Path | None,
    wait: float,
) -> Iterator[Any]:
    """Run a query in a child: give what is missing, that it begins, its columns, and its rows."""
    with log_or_history(source, wait) as log:
        yield log.incomplete
        yield Began(memory=memory_limit_of(log.con))
        with query(log.con, sql, params, timeout=0, limit=limit, file=file) as rows:
            yield rows.columns
            for size, wanted in rows.batches():
                yield size, list(wanted)


@contextlib.contextmanager
def log_or_history(source: str, wait: float) -> Iterator[Log]:
    """Open a log, or a file to which audits were recorded; its view is ``history``."""
    with contextlib.ExitStack() as stack:
        try:
            log = stack.enter_context(
                open_for_reading(source, wait=wait, others=True, at_length=True)
            )
        except NotALogError as error:
            try:
                con = stack.enter_context(open_history(source, wait=wait))
            except NotALogError:
                raise error from None
            log = Log(Path(source), con, is_log=False, incomplete=None)
        yield log
