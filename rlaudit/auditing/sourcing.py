"""Find the logs that a user names: files, and folders with logs in them and below."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import duckdb

from rlaudit.auditing.results import SourceReport
from rlaudit.errors import Problem, RlauditError, UsageError
from rlaudit.store import TABLES, fetch_exact, open_for_reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its name as given or as found, and whether the user named it itself."""

    name: str
    path: Path
    named: bool


class Sources(NamedTuple):
    """The logs that are meant, each once.

    ``empty`` has a report for each folder without any, ``notes`` a sentence on each log that was
    left out because another is the same.
    """

    found: list[Source]
    empty: list[SourceReport]
    notes: list[str]


def find_sources(given: str | Path | Iterable[str | Path], *, wait: float = 10.0) -> Sources:
    """Return the logs that are meant by files and folders.

    Two names are one log if they are links to one file, if the files are equal to the byte, or if
    one has only runs that the other has too, and no more rows: an earlier copy. What counts is the
    larger one, and of equal ones the first. ``wait`` is how long to wait for a log that another
    process writes; one that cannot be read is kept, for whoever reads it to say so.

    Raises :class:`UsageError` if nothing is given.
    """
    entries = [given] if isinstance(given, (str, Path)) else list(given)
    if not entries:
        raise UsageError("no log is named", hint="name a DuckDB file or a folder of them")
    sources: list[Source] = []
    empty = []
    for entry in entries:
        path = Path(entry)
        if not path.is_dir():
            sources.append(Source(str(entry), path.absolute(), named=True))
            continue
        files = sorted(path.rglob("*.duckdb"))
        if not files:
            problem = Problem(
                f"{entry} has no .duckdb file in it or below",
                hint="check the path",
                source=str(entry),
            )
            empty.append(SourceReport(str(entry), path.absolute(), problems=(problem,)))
        sources += [Source(str(file), file.absolute(), named=False) for file in files]
    found, links = _without_links(sources)
    found, equal = _without_equal_files(found)
    found, earlier = _without_earlier_copies(found, wait)
    return Sources(found, empty, links + equal + earlier)


def _without_links(sources: Iterable[Source]) -> tuple[list[Source], list[str]]:
    first: dict[object, Source] = {}
    notes = []
    for source in sources:
        try:
            status = source.path.stat()
            key: object = (status.st_dev, status.st_ino)
        except OSError:
            key = source.path
        other = first.setdefault(key, source)
        if source.named and not other.named:
            # A file that is also in a folder named before must be a log all the same.
            first[key] = replace(other, named=True)
        if source.path.absolute() != other.path.absolute():
            notes.append(f"{source.name} is the same file as {other.name} and is counted once")
    return list(first.values()), notes


def _without_equal_files(sources: Sequence[Source]) -> tuple[list[Source], list[str]]:
    sizes = Counter(map(_size, sources))
    first: dict[object, Source] = {}
    notes = []
    for source in sources:
        size = _size(source)
        # What else a log has stands in its spool and its write-ahead log, not in the file.
        alone = not any(
            source.path.with_name(source.path.name + more).exists() for more in (".spool", ".wal")
        )
        key = (size, _digest(source)) if size and sizes[size] > 1 and alone else source.path
        other = first.setdefault(key, source)
        if other is not source:
            notes.append(f"{source.name} is a copy of {other.name} and was left out")
    return list(first.values()), notes


def _size(source: Source) -> int:
    try:
        return source.path.stat().st_size
    except OSError:
        return 0


def _digest(source: Source) -> object:
    try:
        with source.path.open("rb") as file:
            return hashlib.file_digest(file, "blake2b").digest()
    except OSError:
        return source.path


def _without_earlier_copies(
    sources: Sequence[Source], wait: float
) -> tuple[list[Source], list[str]]:
    if len(sources) < 2:
        return list(sources), []
    contents = {source.path: _contents(source, wait) for source in sources}
    left: list[Source] = []
    notes = []
    largest_first = sorted(sources, key=lambda source: -contents[source.path][1])
    for source in largest_first:
        runs, _ = contents[source.path]
        other = next((o for o in left if runs and runs <= contents[o.path][0]), None)
        if other is None:
            left.append(source)
        else:
            notes.append(
                f"{source.name} has only runs that {other.name} has too, and no more rows: it was "
                "left out"
            )
    return [source for source in sources if source in left], notes


def _contents(source: Source, wait: float) -> tuple[frozenset[tuple[object, ...]], int]:
    """Return what tells the runs of a log from any other, and the number of its rows.

    No runs are returned for a log that cannot be read, and for one with a run of which it does not
    say when or where it began.
    """
    try:
        with open_for_reading(source.path, wait=wait) as log:
            query = "SELECT DISTINCT run_id, started_at, host, pid FROM raw.runs"
            runs = fetch_exact(log.con, query)
            counts = " + ".join(f"(SELECT count(*) FROM raw.{table})" for table in TABLES)  # noqa: S608 - constants
            rows = int(log.con.execute(f"SELECT {counts}").fetchall()[0][0])
    except (RlauditError, duckdb.Error):
        return frozenset(), 0
    if any(None in run[:2] for run in runs):
        return frozenset(), rows
    return frozenset(runs), rows
