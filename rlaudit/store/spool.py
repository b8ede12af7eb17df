"""The spool: Parquet files beside the database, for rows that could not wait for its lock.

``runs.duckdb.spool/`` holds one file for each flush that went there. It has one row, with a list
for each table of the log that the flush has rows of. Each holds the newest row of its segment,
with the ledger and the heartbeat. A file's name ends in the checksum of its content, so what
changed on the disk is never taken for rows.

Whoever next writes to the database folds all files in; see :mod:`rlaudit.store.fold`.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
from datetime import UTC
from typing import TYPE_CHECKING

from rlaudit.errors import DatabaseError
from rlaudit.store import batches
from rlaudit.store.drafts import is_left_over
from rlaudit.store.schema import TABLES, table_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    import pyarrow as pa

    from rlaudit.store.files import Files
    from rlaudit.store.machine import Machine

# Without a digest it is a folder that rlaudit wrote until version 0.1.
_NAME = re.compile(r"(?P<name>\d{8}T\d{12}-[0-9a-f]+-\d{6})(-(?P<digest>[0-9a-f]{32})\.parquet)?")
_LOCK = ".folding"
_DIGEST_BYTES = 16
# Many times what a recorder hands over at once.
_MOST_BYTES = 2 * 2**30
_MOST_ROWS = 2**53


class DamagedSpoolError(DatabaseError):
    """A file of the spool is not what its writer wrote."""


def spool_folder(path: Path) -> Path:
    """Return the folder of the spool that belongs to the database at ``path``."""
    return path.with_name(path.name + ".spool")


def entry_name(started_at: datetime, segment_id: str, ordinal: int) -> str:
    """Return the name of a segment's ``ordinal``-th flush; names sort by start, then ordinal."""
    return f"{started_at:%Y%m%dT%H%M%S%f}-{segment_id}-{ordinal:06d}"


def list_entries(files: Files, path: Path) -> list[Path]:
    """Return all files of the spool of the database at ``path``, in folding order."""
    folder = spool_folder(path)
    return [folder / name for name in files.names(folder) if _NAME.fullmatch(name)]


def name_of(entry: Path) -> str:
    """Return the name that :func:`entry_name` gave to what the file ``entry`` holds."""
    return _parts(entry)["name"]


def segment_of(entry: Path) -> str:
    """Return the id of the segment that wrote the file ``entry``."""
    return name_of(entry).split("-")[1]


def portions(files: Files, entries: Iterable[Path], most_bytes: int) -> list[list[Path]]:
    """Return ``entries`` in portions of about ``most_bytes``: one at least, which may be empty."""
    result: list[list[Path]] = [[]]
    room = most_bytes
    for entry in entries:
        size = files.size(entry)
        if result[-1] and size > room:
            result.append([])
            room = most_bytes
        result[-1].append(entry)
        room -= size
    return result


def write_entry(files: Files, path: Path, name: str, tables: Mapping[str, pa.Table]) -> Path:
    """Write ``tables`` as the flush ``name``; when this returns, it is whole and on the disk.

    Raises :class:`OSError` when it cannot; nothing is left behind then.
    """
    content = _to_parquet(tables)
    folder = spool_folder(path)
    entry = folder / f"{name}-{_checksum(content)}.parquet"
    for last_try in (False, True):
        files.make_folder(folder)
        try:
            files.write(entry, content)
        except FileNotFoundError:
            # Another process removed the emptied spool in between.
            if last_try:
                raise
        else:
            break
    return entry


def read_entry(files: Files, entry: Path) -> dict[str, pa.Table]:
    """Return the tables of one flush.

    Raises :class:`FileNotFoundError` if it is gone, :class:`OSError` if it cannot be read, and
    :class:`DamagedSpoolError` if it is not what was written.
    """
    import pyarrow as pa  # noqa: PLC0415 - most readers find no spool, and its import takes long

    digest = _parts(entry)["digest"]
    if digest is None:
        raise DamagedSpoolError(
            f"{entry} is of an older rlaudit", hint="record into the log once with that version"
        )
    content = files.read(entry, at_most=_MOST_BYTES)
    if _checksum(content) != digest:
        raise DamagedSpoolError(f"{entry} was changed after it was written")
    try:
        tables = _from_parquet(content)
    except (pa.ArrowException, OSError) as error:
        raise DamagedSpoolError(f"{entry} is no Parquet file of a spool") from error
    columns = table_columns()
    unknown = [name for name in tables if name not in TABLES]
    unknown += [
        f"{table}.{name}"
        for table, rows in tables.items()
        if table in TABLES
        for name in rows.column_names
        if name not in columns[table]
    ]
    unknown += [
        f"{table} without {name}"
        for table, rows in tables.items()
        for name in ("run_id", "segment_id")
        if name in columns.get(table, ()) and name not in rows.column_names
    ]
    if unknown:
        raise DamagedSpoolError(f"{entry} has {unknown[0]}, which no log has")
    try:
        # What does not fit would stop whoever folds it in, once the insertion has begun.
        tables = {table: _fitting(table, rows) for table, rows in tables.items()}
    except pa.ArrowException as error:
        raise DamagedSpoolError(f"{entry} has values that no log has") from error
    segments = tables.get("segments")
    if segments is None or segments.num_rows != 1 or not _names_segment(segments):
        raise DamagedSpoolError(f"{entry} lacks the row of its segment")
    return tables


def _fitting(table: str, rows: pa.Table) -> pa.Table:
    """Return ``rows`` in the types of the table that they are for."""
    import pyarrow as pa  # noqa: PLC0415 - see read_entry

    schema = batches.arrow_schema(table)
    return rows.cast(pa.schema([schema.field(name) for name in rows.column_names]))


def _names_segment(segments: pa.Table) -> bool:
    """Say whether the row of a segment has all its columns, an id, and counts that are counts."""
    if segments.column_names != list(table_columns()["segments"]):
        return False
    row = batches.to_dicts(segments)[0]
    counts = [count for name in batches.LEDGER for count in (row[name] or {}).values()]
    named = row["run_id"] is not None and row["segment_id"] is not None
    return named and all(count is not None and 0 <= count < _MOST_ROWS for count in counts)


def remove_entries(files: Files, path: Path, entries: Iterable[Path]) -> None:
    """Delete files that are no longer needed, and the spool once it is empty."""
    for entry in entries:
        files.remove(entry)
    _remove_if_empty(files, path)


@contextlib.contextmanager
def folding(files: Files, path: Path) -> Iterator[bool]:
    """Give whether this process is the one that folds the spool of ``path`` in meanwhile."""
    if files.identity(path.parent) is None:  # the lock would make it
        yield True
        return
    folder = spool_folder(path)
    with files.locked(folder / _LOCK) as alone:
        yield alone
    files.remove_folder(folder)


def sweep(machine: Machine, path: Path) -> None:
    """Delete what killed processes left of their writing, beside the log and in its spool."""
    files, folder = machine.files, spool_folder(path)
    now = machine.now().replace(tzinfo=UTC).timestamp()

    def age(file: Path) -> float | None:
        changed = files.changed_at(file)
        return None if changed is None else now - changed

    beside = [path.parent / name for name in files.names(path.parent)]
    for file in (
        *(each for each in beside if each.name.startswith(f".{path.name}.")),
        *(folder / name for name in files.names(folder)),
    ):
        if is_left_over(file.name, age(file)):
            files.remove_tree(file)
    _remove_if_empty(files, path)


def _remove_if_empty(files: Files, path: Path) -> None:
    """Delete the spool if nothing is in it but the lock of a process that is gone."""
    folder = spool_folder(path)
    if files.names(folder) == [_LOCK]:
        with files.locked(folder / _LOCK):  # which deletes it, unless someone has it
            pass
    files.remove_folder(folder)


def _parts(entry: Path) -> re.Match[str]:
    found = _NAME.fullmatch(entry.name)
    assert found is not None  # noqa: S101 - only list_entries and write_entry make such paths
    return found


def _checksum(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).hexdigest()


def _to_parquet(tables: Mapping[str, pa.Table]) -> bytes:
    import pyarrow as pa  # noqa: PLC0415 - see read_entry
    import pyarrow.parquet as pq  # noqa: PLC0415

    lists = {}
    for table, rows in tables.items():
        columns = [_one_array(column) for column in rows.columns]
        structs = pa.StructArray.from_arrays(columns, fields=list(rows.schema))
        lists[table] = pa.ListArray.from_arrays(pa.array([0, len(structs)], pa.int32()), structs)
    sink = io.BytesIO()
    pq.write_table(pa.table(lists), sink, compression="zstd")
    return sink.getvalue()


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    import pyarrow as pa  # noqa: PLC0415 - see read_entry

    whole = column.combine_chunks()
    return whole if isinstance(whole, pa.Array) else pa.concat_arrays(whole.chunks)


def _from_parquet(content: bytes) -> dict[str, pa.Table]:
    import pyarrow as pa  # noqa: PLC0415 - see read_entry
    import pyarrow.parquet as pq  # noqa: PLC0415

    rows = pq.read_table(io.BytesIO(content))
    return {
        name: pa.Table.from_struct_array(_one_array(rows[name]).flatten())
        for name in rows.column_names
    }
