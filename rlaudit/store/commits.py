"""A small file beside the log that says what was committed to it, so that a loss shows.

DuckDB replays a write-ahead log up to where it is cut and says nothing of the rest, and an older
copy in the place of a log looks like any log. So after each commit its writer replaces
``runs.duckdb.commits``: for each segment its rows by table, its last ids and its heartbeat, and
the checksum of the write-ahead log. Whoever opens the log compares it with that.

A log that was copied without this file has none to compare with.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from rlaudit.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from rlaudit.store.files import Files

# What is in the log is kept for so many segments.
_MOST_SEGMENTS = 64
_MOST_BYTES = 16 * 2**20
# DuckDB moves a write-ahead log into the file once a commit makes it longer than 16 MiB.
_MOST_WAL_BYTES = 2**30


@dataclass(frozen=True, slots=True)
class Commit:
    """The last commit of a segment: rows of it in the log by table, its last ids, its state."""

    run_id: str
    heartbeat_at: str
    state: str
    rows: Mapping[str, int]
    last_ids: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Gone:
    """What of a segment was committed and is not in the log.

    ``rows`` are those that are gone, by table; none if it is only the segment's last state.
    """

    segment_id: str
    commit: Commit
    rows: Mapping[str, int]

    def __str__(self) -> str:
        """Say it in a few words."""
        counts = [f"{count:,} {table}" for table, count in self.rows.items()]
        what = ", ".join(counts) or f"that it is {self.commit.state}"
        ids = [f"{name} {value:,}" for name, value in self.commit.last_ids.items()]
        reached = f" (it had reached {', '.join(ids)})" if ids else ""
        return f"of run {self.commit.run_id} {what}{reached}"


@dataclass(frozen=True, slots=True)
class Commits:
    """What was committed to a log: by segment, and to the write-ahead log if that is still there.

    ``wal_bytes`` is how long that was, 0 if the log had none, and ``wal_digest`` its checksum. It
    is that of a log whose file was last changed at ``changed_at``, in seconds since 1970: once the
    file has taken it in, another one may be there.
    """

    segments: dict[str, Commit] = field(default_factory=dict)
    wal_bytes: int = 0
    wal_digest: str = ""
    changed_at: float | None = None


class DamagedCommitsError(DatabaseError):
    """The file cannot be read, so nothing can be compared."""


def commits_file(path: Path) -> Path:
    """Return the file that says what was committed to the log at ``path``."""
    return path.with_name(path.name + ".commits")


def log_id(con: DuckDBPyConnection) -> str:
    """Return what tells the log behind ``con`` from every other one: when it was created."""
    rows = con.sql("SELECT min(created_at) FROM log.raw.schema_version").fetchall()
    return "" if rows[0][0] is None else rows[0][0].isoformat()


def read_commits(files: Files, path: Path, log: str) -> Commits:
    """Return what was committed to the log at ``path``, whose id is ``log``.

    Nothing if there is no such file, or it is of another log, which was in this one's place.

    Raises :class:`DamagedCommitsError` if the file is not what was written.
    """
    file = commits_file(path)
    try:
        text = files.read(file, at_most=_MOST_BYTES).decode()
        stated = json.loads(text)
        content = stated["content"]
        if stated["digest"] != _digest(content):
            raise DamagedCommitsError(f"{file} was changed after it was written")
        if content.pop("log") != log:
            return Commits()
        return _parsed(**content)
    except FileNotFoundError:
        return Commits()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedCommitsError(f"{file} cannot be read ({_reason(error)})") from error


def note_commit(
    files: Files,
    path: Path,
    con: DuckDBPyConnection,
    segments: Iterable[str],
    last_ids: Mapping[str, Mapping[str, int]],
) -> None:
    """Say what the log has of ``segments`` after a commit; called while it is still held open.

    ``last_ids`` are by segment, where they are known. What is said of other segments stays, also
    of those whose rows are gone.

    Raises :class:`OSError` if the file cannot be written; then it says less than there is.
    """
    log = log_id(con)
    known: dict[str, Commit] = {}
    with contextlib.suppress(DamagedCommitsError):  # whoever opened the log has said so
        known = read_commits(files, path, log).segments
    there = _states(con, [*known, *segments])
    for segment_id in segments:
        if segment_id in there:
            run_id, heartbeat_at, state, rows = there[segment_id]
            ids = last_ids.get(segment_id) or getattr(known.get(segment_id), "last_ids", {})
            known[segment_id] = Commit(run_id, _text(heartbeat_at), state, rows, ids)
    wal = _wal(files, path)
    noted = Commits(_pruned(known, there), len(wal), _checksum(wal), files.changed_at(path))
    content = {"log": log, **asdict(noted)}
    text = json.dumps({"digest": _digest(content), "content": content})
    files.write(commits_file(path), text.encode())


def compare(
    con: DuckDBPyConnection,
    files: Files,
    path: Path,
    *,
    named: Path | None = None,
    leaving_out: Collection[str] = (),
) -> list[str]:
    """Say what is not in the log behind ``con`` as it was committed; nothing if all is.

    ``path`` is the log's file, ``named`` what it is called in the sentences, and ``leaving_out``
    are segments of which nothing is said.
    """
    named = named or path
    try:
        known = read_commits(files, path, log_id(con))
    except DamagedCommitsError as error:
        return [f"{error}, so rows may be missing"]
    gone = [each for each in find_gone(con, known.segments) if each.segment_id not in leaving_out]
    sentences = [_describe(named, gone)] if gone else []
    wal = _wal(files, path)
    changed = known.wal_bytes > 0 and _checksum(wal[: known.wal_bytes]) != known.wal_digest
    same = known.changed_at == files.changed_at(path)
    if wal and changed and same and not _has_later_commit(con, known):
        sentences.append(
            f"{_wal_file(named)} was changed after rows were committed to it, so rows of the last "
            "flush may differ from what was recorded"
        )
    return sentences


def find_gone(con: DuckDBPyConnection, commits: Mapping[str, Commit]) -> list[Gone]:
    """Return what was committed, as ``commits`` say, and is not in the log behind ``con``."""
    there = _states(con, list(commits))
    gone = []
    for segment_id, commit in commits.items():
        _, heartbeat_at, _, rows = there.get(segment_id, (None, None, None, {}))
        if heartbeat_at is None or _text(heartbeat_at) < commit.heartbeat_at:
            lost = {
                table: count - rows.get(table, 0)
                for table, count in commit.rows.items()
                if count > rows.get(table, 0)
            }
            gone.append(Gone(segment_id, commit, lost))
    return gone


def _describe(path: Path, gone: Sequence[Gone]) -> str:
    """Say in a sentence what was committed to the log at ``path`` and is not there."""
    more = f" and {len(gone) - 1:,} more" if len(gone) > 1 else ""
    return (
        f"{path} lacks rows that were committed to it: {gone[0]}{more}; they were deleted, its "
        f"write-ahead log was cut or lost, or an older copy was put in its place "
        f"({commits_file(path).name} beside it says so; delete that file if this is meant)"
    )


def _parsed(
    segments: Mapping[str, Any], wal_bytes: int, wal_digest: str, changed_at: float | None
) -> Commits:
    """Return what stands in the file; raise :class:`TypeError` if it is something else."""
    if not isinstance(wal_bytes, int) or not isinstance(wal_digest, str):
        raise TypeError("a write-ahead log of other types")
    commits = {name: _commit(**commit) for name, commit in segments.items()}
    return Commits(commits, wal_bytes, wal_digest, changed_at)


def _commit(
    run_id: str,
    heartbeat_at: str,
    state: str,
    rows: Mapping[str, int],
    last_ids: Mapping[str, int],
) -> Commit:
    """Return a commit as it stands in the file; raise :class:`TypeError` if it is none."""
    texts, counts = (run_id, heartbeat_at, state), (rows, last_ids)
    if not all(isinstance(text, str) for text in texts) or not all(
        isinstance(key, str) and isinstance(count, int)
        for part in counts
        for key, count in part.items()
    ):
        raise TypeError("a commit of other types")
    return Commit(run_id, heartbeat_at, state, rows, last_ids)


def _has_later_commit(con: DuckDBPyConnection, known: Commits) -> bool:
    """Say whether a writer was killed between its commit and its note of it."""
    newest = con.sql("SELECT max(heartbeat_at) FROM log.raw.segments").fetchall()[0][0]
    return _text(newest) > max(commit.heartbeat_at for commit in known.segments.values())


def _states(
    con: DuckDBPyConnection, segments: Sequence[str]
) -> dict[str, tuple[str, datetime | None, str, dict[str, int]]]:
    rows = con.execute(
        "SELECT segment_id, run_id, heartbeat_at, state, rows_written FROM log.raw.segments "
        "WHERE segment_id IN (SELECT unnest(?::VARCHAR[]))",
        [segments],
    ).fetchall()
    return {name: (run_id, at, state, counts or {}) for name, run_id, at, state, counts in rows}


def _pruned(known: Mapping[str, Commit], there: Mapping[str, Any]) -> dict[str, Commit]:
    """Return ``known`` without old segments that are in the log as they were committed."""
    newest = set(sorted(known, key=lambda name: known[name].heartbeat_at)[-_MOST_SEGMENTS:])
    return {
        name: commit
        for name, commit in known.items()
        if name in newest or name not in there or _text(there[name][1]) < commit.heartbeat_at
    }


def _text(moment: datetime | None) -> str:
    # With all six digits, so that texts compare as the moments do.
    return "" if moment is None else moment.isoformat(timespec="microseconds")


def _wal_file(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def _wal(files: Files, path: Path) -> bytes:
    """Return the write-ahead log of ``path``; nothing if there is none."""
    try:
        return files.read(_wal_file(path), at_most=_MOST_WAL_BYTES)
    except OSError:
        return b""


def _checksum(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _digest(content: Any) -> str:
    return _checksum(json.dumps(content, sort_keys=True).encode())


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
