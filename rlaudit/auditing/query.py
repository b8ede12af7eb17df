"""Run a user's own SQL over a log: read-only, shut off from files and the network, bounded."""

from __future__ import annotations

import contextlib
import re
import threading
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import duckdb

from rlaudit.errors import QueryError, UsageError, did_you_mean
from rlaudit.sqlfiles import parameters_read
from rlaudit.store import Exact, first_line

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    import polars as pl
    from duckdb import DuckDBPyConnection, Statement

_ROWS_AT_ONCE = 10_000
# The line of the SQL that DuckDB shows below a message, and a caret where it is wrong.
_EXCERPT = re.compile(r"^LINE (?P<line>\d+):.*\n *\^", re.MULTILINE)
# What DuckDB says of statements that would change a view, as all tables of a log are, or the file.
_CHANGES_THE_LOG = re.compile(
    r"base table|is not an? table|modify view|of type View|attached in read-only mode"
)


class Source(Protocol):
    """What rows are read from: :class:`rlaudit.store.Exact` is one."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names in their order, possibly repeated."""

    def batches(
        self, size: int
    ) -> Iterator[tuple[int, Callable[[int], Iterable[tuple[Any, ...]]]]]:
        """Give for each batch its number of rows, and a function that makes the first n of them."""

    def frame(self) -> pl.DataFrame:
        """Return all rows at once."""


class Rows:
    """The rows of one query, read while they are iterated over; none without a ``source``.

    ``columns`` are the names in their order, possibly repeated. After the iteration ``shown`` is
    the number of rows that it gave and ``total`` the number that the query has.
    """

    def __init__(self, source: Source | None, limit: int) -> None:
        self.columns = source.columns if source is not None else ()
        self.shown = 0
        self.total = 0
        self._source = source
        self._limit = limit

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Give the rows up to the limit, then count the others without keeping them."""
        for _, rows in self.batches():
            yield from rows

    def batches(self) -> Iterator[tuple[int, Iterable[tuple[Any, ...]]]]:
        """Give for each batch its number of rows, and those of them that are within the limit."""
        if self._source is None:
            return
        for size, rows in self._source.batches(_ROWS_AT_ONCE):
            self.total += size
            wanted = min(size, self._limit - self.shown) if self._limit else size
            self.shown += wanted
            yield size, rows(wanted)

    def frame(self) -> pl.DataFrame:
        """Return all rows at once, whatever the limit; empty where the query has no result."""
        if self._source is not None:
            return self._source.frame()
        import polars as pl  # noqa: PLC0415 - no command needs a frame, and it takes long

        return pl.DataFrame()


@contextlib.contextmanager
def query(
    con: DuckDBPyConnection,
    sql: str,
    params: Mapping[str, object] | None = None,
    *,
    timeout: float = 60.0,
    limit: int = 1000,
    file: Path | None = None,
) -> Iterator[Rows]:
    """Run ``sql`` and give the rows of its last statement, at most ``limit`` of them (0: all).

    ``params`` are bound: ``sql`` reads each as ``$name`` or as ``getvariable('name')``. ``file``
    is where ``sql`` is from, for messages.

    ``con`` is as :func:`rlaudit.store.open_for_reading` gives it: shut off from other files, with
    the log attached read-only, so a script may define views and variables and can change nothing.
    ``timeout`` seconds bound the running and the reading of rows together (0: no bound).

    Raises :class:`QueryError` for SQL that DuckDB refuses, with the line that is wrong as its note
    if that is known, and for a query that takes too long, and :class:`UsageError` for a parameter
    that is missing or that ``sql`` does not read.
    """
    refuse_negative(timeout, limit)
    _refuse_no_text(sql)
    # Python waits for no longer than TIMEOUT_MAX, some 300 years.
    bounded = 0 < timeout <= threading.TIMEOUT_MAX
    timer = threading.Timer(timeout, con.interrupt) if bounded else None
    if timer is not None:
        timer.daemon = True
        timer.start()
    failing: Statement | None = None
    try:
        *before, last = con.extract_statements(sql) or _refuse_empty()
        given = dict(params or {})
        _refuse_mismatch(sql, (*before, last), given)
        _refuse_copies((*before, last))
        for name, value in given.items():
            con.execute(f'SET VARIABLE "{name}" = ?', [value])
        for failing in before:
            con.execute(failing, _bound(failing, given))
        failing = last
        relation = con.sql(last, params=_bound(last, given))
        yield Rows(None if relation is None else Exact(relation), limit)
    except duckdb.InterruptException as error:
        raise QueryError(
            f"the query did not finish within {timeout:g} s",
            hint="--timeout SECONDS allows more, --timeout 0 any",
        ) from error
    except duckdb.Error as error:
        bound = _bound(failing, given) if failing else {}
        refusal = _refusal(_placed(con, error, sql, failing, bound), failing, file)
        if isinstance(error, duckdb.ParserException):
            refusal.hint = _word_of_sql(con, str(error), sql)
        raise refusal from error
    finally:
        if timer is not None:
            timer.cancel()


def refuse_negative(timeout: float, limit: int = 0) -> None:
    """Raise :class:`UsageError` for bounds of a query that make no sense; NaN is one."""
    if not timeout >= 0 or limit < 0:
        raise UsageError("--timeout and --limit cannot be negative", hint="0 lifts the limit")


def _bound(statement: Statement, given: Mapping[str, object]) -> dict[str, object]:
    """Return those of the values ``given`` that ``statement`` has a ``$name`` for."""
    return {name: value for name, value in given.items() if name in statement.named_parameters}


def _refuse_copies(statements: Collection[Statement]) -> None:
    """Refuse what writes files: the one file that DuckDB would let it write is the log itself."""
    for statement in statements:
        if statement.type.name in ("COPY", "COPY_DATABASE", "EXPORT"):
            raise QueryError(
                f"{statement.type.name} would write a file, which a query cannot",
                hint="rlaudit sql --output FILE writes the rows of a SELECT",
            )


def _refuse_mismatch(sql: str, statements: Collection[Statement], given: Collection[str]) -> None:
    """Refuse a ``$name`` without a value, and a value that nothing reads: it may be misspelt."""
    marked = {name for statement in statements for name in statement.named_parameters}
    variables = parameters_read(sql)  # in lower case: to DuckDB it is all one
    read = marked | set(variables)
    unused = [name for name in given if name not in marked and name.lower() not in variables]
    if missing := sorted(marked - set(given)):
        if missing[0].isdigit():
            raise UsageError("the query has a parameter without a name", hint="write $NAME")
        hint = f"give it one: -p {missing[0]}=VALUE"
        if unused:
            hint += f"; the query does not read {unused[0]!r}"
        raise UsageError(f"the query's parameter ${missing[0]} has no value", hint=hint)
    if unused:
        hint = did_you_mean(unused[0], read) if read else f"write ${unused[0]} where it belongs"
        raise UsageError(f"the query reads no parameter {unused[0]!r}", hint=hint)


def _refuse_empty() -> NoReturn:
    raise QueryError("the query is empty", hint="for example: SELECT * FROM runs")


def _refuse_no_text(sql: str) -> None:
    """Refuse half of a surrogate pair, as Python makes of bytes that are no UTF-8."""
    try:
        sql.encode()
    except UnicodeEncodeError as error:
        raise QueryError("the query is not UTF-8", hint=f"character {error.start + 1}") from error


def _placed(
    con: DuckDBPyConnection,
    error: duckdb.Error,
    sql: str,
    statement: Statement | None,
    bound: dict[str, object],
) -> duckdb.Error:
    """Return ``error`` with the line of ``sql`` on which it is, where DuckDB can say so.

    It knows no line for a relation, and a wrong one for a statement that others precede. So a
    statement that could not be bound is bound again, as text behind as much white space as is
    before it. Of what fails later the text is not the user's, and the line is left out.
    """
    if statement is None:
        return error
    start = sql.find(statement.query)
    if isinstance(error, duckdb.BinderException | duckdb.CatalogException) and start >= 0:
        before = re.sub(r"[^\n]", " ", sql[:start])
        try:
            con.execute(before + statement.query, bound)
        except duckdb.Error as placed:
            return placed
    return type(error)(str(error).partition("\nLINE ")[0])


def _word_of_sql(con: DuckDBPyConnection, message: str, sql: str) -> str:
    """Return a hint if what stands before a syntax error is a word of SQL used as a name.

    DuckDB points behind it: in SELECT 1 AS at, at FROM t to FROM.
    """
    excerpt = _EXCERPT.search(message)
    near = re.search(r'at or near "(,|\)|from)"', message, re.IGNORECASE)
    if not excerpt or not near:
        return ""
    lines = sql.splitlines(keepends=True)
    shown = f"LINE {excerpt['line']}: "
    start = sum(map(len, lines[: int(excerpt["line"]) - 1]))
    before = sql[: start + excerpt[0].rindex("^") - excerpt[0].index("\n") - 1 - len(shown)]
    word = re.search(r"(\w+)\s*$", before)
    if "..." in excerpt[0] or not word:  # a long line is cut short, and the caret moved
        return ""
    named = "SELECT 1 FROM duckdb_keywords() WHERE keyword_name = ? AND keyword_category = ?"
    if not con.execute(named, [word[1].lower(), "type_function"]).fetchall():
        return ""
    return f'{word[1]} is a word of SQL: as a name it is written "{word[1]}"'


def _refusal(error: duckdb.Error, statement: Statement | None, file: Path | None) -> QueryError:
    """Return ``error`` with the nearest names that DuckDB offers, and the line as a note."""
    text = str(error).strip()
    lines = [line.strip() for line in text.splitlines()]
    offers = [line for line in lines[1:] if line.startswith(("Did you mean", "Candidate bindings"))]
    excerpt = _EXCERPT.search(text)
    message, hint = " ".join([first_line(error), *offers]), ""
    if statement is not None and statement.type.name != "SELECT" and _CHANGES_THE_LOG.search(text):
        message = f"{statement.type.name} would change the log, which is open for reading only"
        hint = "a script can change a copy: CREATE TABLE mine AS FROM samples; ..."
    place = f"{file}:{excerpt['line']}" if file and excerpt else str(file or "")
    refusal = QueryError(f"{place}: {message}" if place else message, hint=hint)
    if excerpt and not hint:
        refusal.add_note(excerpt[0])
    return refusal
