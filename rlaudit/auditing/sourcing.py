"""Find the logs that a user names: files, and folders with logs in them and below."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rlaudit.auditing.results import SourceReport
from rlaudit.errors import Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its name as given or as found, and whether the user named it itself."""

    name: str
    path: Path
    named: bool


def find_sources(
    given: str | Path | Iterable[str | Path],
) -> tuple[list[Source], list[SourceReport]]:
    """Return the files that are meant, each once, and a report for each folder without any.

    Raises :class:`UsageError` if nothing is given.
    """
    entries = [given] if isinstance(given, (str, Path)) else list(given)
    if not entries:
        raise UsageError("no log is named", hint="name a DuckDB file or a folder of them")
    found: dict[Path, Source] = {}
    empty = []
    for entry in entries:
        path = Path(entry)
        if not path.is_dir():
            resolved = path.resolve()
            # A file that is also in a folder named before must be a log all the same.
            found[resolved] = Source(str(entry), path.absolute(), named=True)
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
            found.setdefault(file.resolve(), Source(str(file), file.absolute(), named=False))
    return list(found.values()), empty
