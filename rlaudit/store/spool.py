"""The spool: Parquet files beside the database, for rows that could not wait for its lock.

``runs.duckdb.spool/`` holds one folder for each flush that went there, with a Parquet file for
each table. A folder is made under a temporary name and renamed, so it is either whole or not
there. Each holds the newest row of its segment, with the ledger and the heartbeat.

Whoever next opens the database for writing folds all folders in, in the order of their names,
which is the order of the segments' starts. The name of each goes into ``raw.spool_folded`` in the
same transaction, so a folder that outlives it (the process was killed before it could delete it)
is not folded in twice.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rlaudit.store import batches
from rlaudit.store.schema import TABLES, table_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import pyarrow as pa
    from duckdb import DuckDBPyConnection

_NAME = re.compile(r"\d{8}T\d{12}-(?P<segment_id>[0-9a-f]+)-\d{6}")


def spool_folder(path: Path) -> Path:
    """Return the folder of the spool that belongs to the database at ``path``."""
    return path.with_name(path.name + ".spool")


def entry_name(started_at: datetime, segment_id: str, ordinal: int) -> str:
    """Return the name of a segment's ``ordinal``-th folder; names sort by start, then ordinal."""
    return f"{started_at:%Y%m%dT%H%M%S%f}-{segment_id}-{ordinal:06d}"


def list_entries(path: Path) -> list[Path]:
    """Return all complete folders of the spool of the database at ``path``, in folding order."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return sorted(
            Path(found.path)
            for found in os.scandir(spool_folder(path))
            if _NAME.fullmatch(found.name)
        )
    return []


def write_entry(path: Path, name: str, tables: Mapping[str, pa.Table]) -> None:
    """Write ``tables`` as the folder ``name``; when this returns, it is whole and on the disk.

    Raises :class:`OSError` when it cannot; nothing is left behind then.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415 - see fold_in

    folder = spool_folder(path)
    draft = folder / f"{name}.new"
    _make_draft(draft)
    try:
        for table, rows in tables.items():
            with (draft / f"{table}.parquet").open("wb") as file:
                pq.write_table(rows, file, compression="zstd")
                file.flush()
                os.fsync(file.fileno())
        draft.rename(folder / name)
    except BaseException:  # Ctrl-C as well: half a folder must not stay
        shutil.rmtree(draft, ignore_errors=True)
        raise
    _sync_folder(folder)


def _make_draft(draft: Path) -> None:
    for attempt in range(3):
        draft.parent.mkdir(exist_ok=True)
        try:
            draft.mkdir()
        except FileNotFoundError:
            # Another process removed the emptied spool in between.
            if attempt == 2:
                raise
        else:
            return


def remove_entries(entries: Sequence[Path]) -> None:
    """Delete folders that are no longer needed; what cannot be deleted now is left for later."""
    for entry in entries:
        # The rename makes the folder vanish at once for anyone who lists the spool.
        trash = entry.with_name(f"{entry.name}.old")
        with contextlib.suppress(OSError):
            entry.rename(trash)
            shutil.rmtree(trash, ignore_errors=True)
    for folder in {entry.parent for entry in entries}:
        with contextlib.suppress(OSError):  # not empty: others are in it
            folder.rmdir()


@dataclass(slots=True)
class Folded:
    """What a fold-in did: folders by what became of them, and run ids that had to change."""

    done: list[Path] = field(default_factory=list)
    known: list[Path] = field(default_factory=list)
    unreadable: list[Path] = field(default_factory=list)
    vanished: list[Path] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    rows: int = 0


def fold_in(con: DuckDBPyConnection, entries: Sequence[Path], *, into: str = "raw") -> Folded:
    """Add the rows of ``entries`` to the tables of schema ``into``, in the caller's transaction.

    What is there already is looked up in schema ``raw``. A reader folds into another schema, and
    then the ledger keeps calling the rows spooled. An unreadable folder is left out and reported,
    since no writer must stop for it.
    """
    import pyarrow as pa  # noqa: PLC0415 - most readers find no spool, and its import takes long

    folded = Folded()
    names = {str(row[0]) for row in con.sql("SELECT file FROM raw.spool_folded").fetchall()}
    for entry in entries:
        if entry.name in names:
            folded.known.append(entry)
            continue
        try:
            tables = _read_entry(entry)
        except FileNotFoundError:
            (folded.unreadable if entry.exists() else folded.vanished).append(entry)
            continue
        except (OSError, pa.ArrowException, KeyError):
            folded.unreadable.append(entry)
            continue
        _fold_entry(con, entry.name, tables, into, folded)
        folded.done.append(entry)
    return folded


def resolve_run_id(
    con: DuckDBPyConnection, run_id: str, segment_id: str, resumed_from: str | None
) -> str | None:
    """Return the id under which a segment's run stands in the log; None if it must be chosen.

    A run whose id was taken when its spool was folded in has another one there than its own
    process knows.
    """
    rows = con.execute(
        "SELECT run_id FROM raw.segments WHERE segment_id IN (?, ?) "
        "ORDER BY segment_id = ? DESC LIMIT 1",
        [segment_id, resumed_from, segment_id],
    ).fetchall()
    if rows:
        return str(rows[0][0])
    return run_id if resumed_from is not None else None


def next_ordinal(con: DuckDBPyConnection, run_id: str) -> int:
    """Return the ordinal that a new segment of ``run_id`` gets."""
    rows = con.execute(
        "SELECT coalesce(1 + max(ordinal), 0) FROM raw.segments WHERE run_id = ?", [run_id]
    ).fetchall()
    return int(rows[0][0])


def run_exists(con: DuckDBPyConnection, run_id: str) -> bool:
    """Say whether any table that names runs knows ``run_id``."""
    return bool(
        con.execute(
            "SELECT 1 FROM raw.runs WHERE run_id = $run_id UNION ALL "
            "SELECT 1 FROM raw.segments WHERE run_id = $run_id LIMIT 1",
            {"run_id": run_id},
        ).fetchall()
    )


def _read_entry(entry: Path) -> dict[str, pa.Table]:
    import pyarrow.parquet as pq  # noqa: PLC0415 - see fold_in

    tables = {}
    for table in TABLES:
        file = entry / f"{table}.parquet"
        # Every folder has its segment's row, so that file's absence is an error.
        if table == "segments" or file.exists():
            with file.open("rb") as source:
                tables[table] = pq.read_table(source)
            unknown = set(tables[table].column_names) - set(table_columns()[table])
            if unknown:
                raise KeyError(*unknown)
    return tables


def _fold_entry(
    con: DuckDBPyConnection, name: str, tables: Mapping[str, pa.Table], into: str, folded: Folded
) -> None:
    segment = batches.to_dicts(tables["segments"])[0]
    own_id, segment_id = segment["run_id"], segment["segment_id"]
    run_id = resolve_run_id(con, own_id, segment_id, segment["resumed_from"])
    if run_id is None:
        run_id = _free_run_id(con, own_id)
        if run_id != own_id:
            folded.renamed[own_id] = run_id
            batches.insert(con, f"{into}.events", _rename_event(segment, run_id))
            add_rename_to_ledger(segment["rows_offered"], segment["rows_written"])
    _replace_segment(con, {**segment, "run_id": run_id}, into)
    for table, rows in tables.items():
        if table != "segments":
            batches.insert(con, f"{into}.{table}", rows, {"run_id": run_id})
            folded.rows += rows.num_rows
    con.execute(
        f"INSERT INTO {into}.spool_folded VALUES (?, now() AT TIME ZONE 'UTC')",  # noqa: S608 - our schema
        [name],
    )


def _replace_segment(con: DuckDBPyConnection, segment: dict[str, object], into: str) -> None:
    known = con.execute(
        "SELECT ordinal FROM raw.segments WHERE segment_id = ?", [segment["segment_id"]]
    ).fetchall()
    segment["ordinal"] = known[0][0] if known else next_ordinal(con, str(segment["run_id"]))
    if into == "raw":
        # All folders up to this one are in the file by now, so all that its segment ever
        # spooled is written.
        written, spooled = segment["rows_written"], segment["rows_spooled"]
        assert isinstance(written, dict)  # noqa: S101 - the column's type
        assert isinstance(spooled, dict)  # noqa: S101 - the column's type
        segment["rows_written"] = {
            table: written.get(table, 0) + spooled.get(table, 0) for table in {**written, **spooled}
        }
        segment["rows_spooled"] = dict.fromkeys(spooled, 0)
    write_segment(con, segment, into=into)


def write_segment(
    con: DuckDBPyConnection, segment: Mapping[str, object], *, into: str = "raw"
) -> None:
    """Put the row of one segment in the place of its older state."""
    con.execute(
        f"DELETE FROM {into}.segments WHERE segment_id = ?",  # noqa: S608 - our schema
        [segment["segment_id"]],
    )
    batches.insert(con, f"{into}.segments", batches.from_dicts("segments", [segment]))


def _free_run_id(con: DuckDBPyConnection, run_id: str) -> str:
    candidate, number = run_id, 1
    while run_exists(con, candidate):
        number += 1
        candidate = f"{run_id}-{number}"
    return candidate


def add_rename_to_ledger(offered: dict[str, int], written: dict[str, int]) -> None:
    """Count the event that tells of a run's new id, which its own process did not offer."""
    for ledger in (offered, written):
        ledger["events"] = ledger.get("events", 0) + 1


def _rename_event(segment: Mapping[str, object], run_id: str) -> pa.Table:
    detail = {"from": segment["run_id"], "to": run_id, "reason": "the id was taken"}
    return batches.from_dicts(
        "events",
        [
            {
                "run_id": run_id,
                "segment_id": segment["segment_id"],
                "happened_at": segment["heartbeat_at"],
                "env_step": segment["end_step"],
                "kind": "run_renamed",
                "detail": json.dumps(detail),
            }
        ],
    )


def _sync_folder(folder: Path) -> None:
    """Make a rename durable, where folders can be opened (not on Windows)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
