"""Find the logs that a user names: files, and folders with logs in them and below, each once.

A log may stand there under several names, as a copy, or as a copy that was made while it grew; a
run may have been gathered into another log. What is found twice is counted once, and said.
"""

from __future__ import annotations

import filecmp
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rlaudit.auditing.results import SourceReport
from rlaudit.auditing.runs_once import runs_once
from rlaudit.errors import Problem, UsageError
from rlaudit.store import spool
from rlaudit.store.files import Files

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

# Logs of one size differ within this, or hardly ever.
_HEAD_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its name as given or as found, and whether the user named it itself.

    ``runs`` are those that count, None for all: the others count in another log.
    """

    name: str
    path: Path
    named: bool
    runs: tuple[str, ...] | None = None

    def chosen(self, wanted: Sequence[str]) -> tuple[str, ...] | None:
        """Return the ids to restrict an audit to, of ``wanted`` runs (all, if empty).

        Empty means all runs of the log, and None that no run of it is left.
        """
        if self.runs is None:
            return tuple(wanted)
        left = tuple(run for run in self.runs if not wanted or run in wanted)
        return left or None


@dataclass(frozen=True, slots=True)
class Sources:
    """What was found.

    Attributes:
        logs: the files that are meant, each once.
        empty: a report for each folder without any.
        notes: what was left out because it counts under another name.

    """

    logs: list[Source]
    empty: list[SourceReport]
    notes: list[str]


def find_sources(given: str | Path | Iterable[str | Path], *, wait: float = 10.0) -> Sources:
    """Return the logs that are meant, and what was left out.

    Of names of one file, and of files of one content, one counts; of logs that have the same run
    the one with most of its rows. ``wait`` is how long to wait for each log that is written.

    Raises :class:`UsageError` if nothing is given.
    """
    entries = [given] if isinstance(given, (str, Path)) else list(given)
    if not entries:
        raise UsageError("no log is named", hint="name a DuckDB file or a folder of them")
    found, empty, notes = _files(entries)
    logs = _each_file_once(found, notes)
    logs = _each_content_once(logs, notes)
    if len(logs) > 1:
        counted, said = runs_once([(log.name, log.path, log.named) for log in logs], wait=wait)
        notes += said
        logs = [
            log if runs is None else replace(log, runs=runs)
            for log, runs in zip(logs, counted, strict=True)
            if runs is None or runs
        ]
    return Sources(logs, empty, notes)


def _files(entries: Iterable[str | Path]) -> tuple[list[Source], list[SourceReport], list[str]]:
    """Return the files that ``entries`` name, each path once, and the folders without any."""
    found: dict[Path, Source] = {}
    empty, notes = [], []
    for entry in entries:
        path = Path(entry)
        if not path.is_dir():
            known = found.get(path.absolute())
            if known is not None and known.named:
                notes.append(f"{entry} is named twice and counts once")
            # A file that is also in a folder named before must be a log all the same.
            found[path.absolute()] = Source(str(entry), path.absolute(), named=True)
            continue
        files = sorted(path.rglob("*.duckdb"))
        if not files:
            problem = Problem(
                f"{entry} has no .duckdb file in it or below",
                hint="check the path",
                source=str(entry),
            )
            empty.append(SourceReport(str(entry), path.absolute(), problems=(problem,)))
        for file in files:
            found.setdefault(file.absolute(), Source(str(file), file.absolute(), named=False))
    return list(found.values()), empty, notes


def _each_file_once(found: Iterable[Source], notes: list[str]) -> list[Source]:
    """Return one of the names of each file: links lead to one that has a name of its own."""
    groups: dict[Hashable, list[Source]] = {}
    for source in found:
        groups.setdefault(_file_of(source.path), []).append(source)
    kept = []
    for names in groups.values():
        # The spool lies beside the name under which its writer knows the log.
        best = min(names, key=lambda s: (not _has_more(s.path), s.path.is_symlink(), not s.named))
        for other in names:
            if other is not best and other.path.resolve() == best.path.resolve():
                if other.path.is_symlink():
                    notes.append(f"{other.name} was left out: it is a link to {best.name}")
                else:  # both have one path, spelt in two ways
                    notes.append(f"{other.name} and {best.name} are one file, which counts once")
            elif other is not best:
                notes.append(f"{other.name} was left out: it is a link to the file of {best.name}")
        kept.append(replace(best, named=any(source.named for source in names)))
    return kept


def _file_of(path: Path) -> Hashable:
    try:
        stat = path.stat()
    except OSError:
        return path  # whoever reads it says what is wrong
    # Some file systems give no number to a file.
    return (stat.st_dev, stat.st_ino) if stat.st_ino else path.resolve()


def _each_content_once(logs: Iterable[Source], notes: list[str]) -> list[Source]:
    """Return the logs without those that are another one byte for byte."""
    kept: dict[int, Source] = {}
    heads: dict[Hashable, list[int]] = {}
    sizes: dict[int, list[tuple[int, Source]]] = {}
    for number, log in enumerate(logs):
        kept[number] = log
        if log.path.is_file() and not _has_more(log.path) and (size := log.path.stat().st_size):
            sizes.setdefault(size, []).append((number, log))
    for size, alike in sizes.items():
        named_first = sorted(alike, key=lambda each: not each[1].named)
        for number, log in named_first if len(alike) > 1 else ():
            same_head = heads.setdefault((size, _head(log.path)), [])
            original = next((n for n in same_head if _equal(kept[n].path, log.path)), None)
            if original is None:
                same_head.append(number)
                continue
            notes.append(f"{log.name} was left out: it is a copy of {kept[original].name}")
            del kept[number]
    return list(kept.values())


def _has_more(path: Path) -> bool:
    """Say whether rows of a log lie beside its file: in its spool or its write-ahead log."""
    return bool(spool.list_entries(Files(), path)) or path.with_name(f"{path.name}.wal").exists()


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError:
        return b""


def _equal(one: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False
