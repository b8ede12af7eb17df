"""Find the runs that several logs have, so that each is counted once.

A run is the same one if its id is, and the process that began it: id, host, process number and
time of start. Two runs under one id are two, as are two of which this is not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

from rlaudit.errors import RlauditError
from rlaudit.store import TABLES, open_for_reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

_BEGINNINGS = """
    WITH processes AS (
        SELECT run_id, segment_id, started_at, host, pid
        FROM raw.segments
        QUALIFY row_number() OVER (
            PARTITION BY run_id ORDER BY ordinal NULLS LAST, started_at NULLS LAST, segment_id
        ) = 1
    ),
    runs AS (
        SELECT run_id, NULL AS segment_id, started_at, host, pid
        FROM raw.runs
        ANTI JOIN processes USING (run_id)
        QUALIFY row_number() OVER (PARTITION BY run_id ORDER BY started_at NULLS LAST) = 1
    )
    SELECT * FROM (FROM processes UNION ALL FROM runs) WHERE run_id IS NOT NULL
"""
_MOST_NAMED = 3


def runs_once(
    logs: Sequence[tuple[str, Path, bool]], *, wait: float
) -> tuple[list[tuple[str, ...] | None], list[str]]:
    """Return for each log the runs that count in it, and notes for people.

    A log is its name, its path and whether the user named it, which decides between equals. None
    means all runs, and no run that the log may be left out. A log that cannot be read counts
    as it is: whoever reads it says why.
    """
    beginnings = [_read(path, _begin, wait) for _, path, _ in logs]
    places: dict[str, list[int]] = {}
    for number, found in enumerate(beginnings):
        for run in found:
            places.setdefault(run, []).append(number)
    shared = {run: numbers for run, numbers in sorted(places.items()) if len(numbers) > 1}
    if not shared:
        return [None] * len(logs), []
    kept_in = dict[tuple[int, str], int]()
    apart, untold = dict[str, list[int]](), dict[str, list[int]]()
    counts = _Counts(logs, wait)
    for run, numbers in shared.items():
        same: dict[Any, list[int]] = {}
        for number in numbers:
            same.setdefault(beginnings[number][run] or number, []).append(number)
        for alike in same.values():
            if len(alike) > 1:
                best = max(alike, key=lambda number: (counts.rows(number, run), logs[number][2]))
                kept_in |= {(number, run): best for number in alike if number != best}
        if len(same) > 1:
            told = all(beginnings[number][run] for number in numbers)
            (apart if told else untold)[run] = [alike[0] for alike in same.values()]
    names = [name for name, _, _ in logs]
    notes = [
        *_left_out(names, kept_in, counts),
        *_said(names, apart, "are different runs under one id"),
        *_said(names, untold, "do not say when they began, and are taken for different runs"),
    ]
    left = [
        tuple(run for run in counts.runs(number) if (number, run) not in kept_in)
        if any(where == number for where, _ in kept_in)
        else None
        for number in range(len(logs))
    ]
    return left, notes


class _Counts:
    """The rows of each run of a log, counted when they are asked for."""

    def __init__(self, logs: Sequence[tuple[str, Path, bool]], wait: float) -> None:
        self._logs = logs
        self._wait = wait
        self._counted: dict[int, Mapping[str, int]] = {}

    def rows(self, number: int, run: str) -> int:
        return self._of(number).get(run, 0)

    def runs(self, number: int) -> list[str]:
        return sorted(self._of(number))

    def _of(self, number: int) -> Mapping[str, int]:
        if number not in self._counted:
            self._counted[number] = _read(self._logs[number][1], _count, self._wait)
        return self._counted[number]


def _begin(con: DuckDBPyConnection) -> dict[str, Any]:
    """Return by run what tells it from others; None where that is not known."""
    return {
        run: None if started is None or segment is pid is None else (segment, started, host, pid)
        for run, segment, started, host, pid in con.execute(_BEGINNINGS).fetchall()
    }


def _count(con: DuckDBPyConnection) -> dict[str, int]:
    union = " UNION ALL ".join(
        f"SELECT run_id, count(*) AS n FROM raw.{table} GROUP BY run_id"  # noqa: S608 - our schema's names
        for table in TABLES
    )
    rows = con.execute(
        f"SELECT run_id, sum(n)::BIGINT FROM ({union}) WHERE run_id IS NOT NULL GROUP BY run_id"  # noqa: S608 - as above
    ).fetchall()
    return dict(rows)


def _read(path: Path, what: Any, wait: float) -> Mapping[str, Any]:
    try:
        with open_for_reading(path, wait=wait) as log:
            found: Mapping[str, Any] = what(log.con)
    except (RlauditError, duckdb.Error, OSError):
        return {}
    return found


def _left_out(
    names: Sequence[str],
    kept_in: Mapping[tuple[int, str], int],
    counts: _Counts,
) -> Iterator[str]:
    """Say of each log which of its runs count in another one."""
    for number, name in enumerate(names):
        lost = {run: best for (where, run), best in kept_in.items() if where == number}
        if not lost:
            continue
        others = _few(list(dict.fromkeys(names[best] for best in lost.values())), "more logs")
        what = f"run {next(iter(lost))}" if len(lost) == 1 else f"{len(lost):,} runs"
        count = "counts" if len(lost) == 1 else "count"
        if lost.keys() >= set(counts.runs(number)):
            yield f"{name} was left out: its {what} {count} in {others}, with as many rows or more"
        else:
            yield f"{what} of {name} {count} in {others} alone, with as many rows or more"


def _said(names: Sequence[str], runs: Mapping[str, Sequence[int]], what: str) -> Iterator[str]:
    shown = [
        f"{run} of {_few([names[number] for number in numbers], 'more logs')}"
        for run, numbers in runs.items()
    ]
    if shown:
        yield f"runs {_few(shown, 'more', '; ')} {what}"


def _few(texts: Sequence[str], more: str, between: str = ", ") -> str:
    shown = between.join(texts[:_MOST_NAMED])
    rest = len(texts) - _MOST_NAMED
    return f"{shown} and {rest:,} {more}" if rest > 0 else shown
