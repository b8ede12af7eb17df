"""Take what lies in the spool into the log.

Whoever next opens the database for writing folds all files of its spool in, in the order of their
names, which is the order of the segments' starts. The name of each goes into ``raw.spool_folded``
in the same transaction, so a file that outlives it (the process was killed before it could delete
it) is not folded in twice.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb

from rlaudit.store import batches, spool
from rlaudit.store.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from rlaudit.store.files import Files


@dataclass(slots=True)
class Folded:
    """What a fold-in did: files by what became of them, and run ids that had to change.

    ``unreadable`` says of each file that was left where it is why, and ``short`` of each segment
    whose rows were spooled and are in no file any more how many of each table. ``rows`` counts
    those of all tables but ``segments``.
    """

    done: list[Path] = field(default_factory=list)
    known: list[Path] = field(default_factory=list)
    unreadable: dict[Path, str] = field(default_factory=dict)
    vanished: list[Path] = field(default_factory=list)
    short: dict[str, dict[str, int]] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    rows: int = 0


def read_ahead(files: Files, entries: Sequence[Path]) -> dict[Path, dict[str, pa.Table]]:
    """Return the tables of ``entries``, for who reads them before it holds the log.

    What cannot be read is left out: :func:`fold_in` tries it again, and says why.
    """
    found = {}
    if entries:
        with duckdb.connect() as con:
            for entry in entries:
                with contextlib.suppress(OSError, spool.DamagedSpoolError, ValueError):
                    found[entry] = _tables_of(con, files, entry)
    return found


def fold_in(
    con: DuckDBPyConnection,
    files: Files,
    entries: Sequence[Path],
    *,
    into: str = "raw",
    ahead: Mapping[Path, dict[str, pa.Table]] | None = None,
) -> Folded:
    """Add the rows of ``entries`` to the tables of schema ``into``, in the caller's transaction.

    What is there already is looked up in schema ``raw``. A reader folds into another schema, and
    then the ledger keeps calling the rows spooled. A file that cannot be read is left out and
    reported, since no writer must stop for it. ``ahead`` has the tables of entries that were read
    before.
    """
    folded = Folded()
    names = folded_names(con)
    rows: dict[str, list[pa.Table]] = {}
    stored: dict[str, dict[str, int]] = {}
    for segment, flushes in _by_segment(
        _read(con, files, entries, names, folded, ahead=ahead or {})
    ):
        stored[segment["segment_id"]] = _sum(segment["rows_written"], segment["rows_spooled"])
        ids = _place_segment(con, segment, into, folded, rows)
        has_run = run_has_row(con, ids)
        for tables in flushes:
            for table, part in tables.items():
                if table == "segments" or (table == "runs" and has_run):
                    continue
                rows.setdefault(table, []).append(_with_run_id(part, ids))
                has_run = has_run or table == "runs"
    for table, parts in rows.items():
        batches.insert(con, f"{into}.{table}", batches.concat(parts))
        folded.rows += sum(part.num_rows for part in parts)
    if folded.done:
        con.execute(
            f"INSERT INTO {into}.spool_folded SELECT unnest(?), now() AT TIME ZONE 'UTC'",
            [[spool.name_of(entry) for entry in folded.done]],
        )
    explained = {spool.segment_of(entry) for entry in (*folded.unreadable, *folded.vanished)}
    for segment_id in stored.keys() - explained:
        if short := _short(con, segment_id, stored[segment_id]):
            folded.short[segment_id] = short
            if into == "raw":
                _count_short(con, segment_id, short)
    return folded


def _short(con: DuckDBPyConnection, segment_id: str, stored: Mapping[str, int]) -> dict[str, int]:
    """Return by table how many of the rows that a segment ``stored`` are not there."""
    short = {}
    for table, count in stored.items():
        if table in TABLES and count:
            query = f"SELECT count(*) FROM raw.{table} WHERE segment_id = ?"  # noqa: S608 - our schema
            there = con.execute(query, [segment_id]).fetchall()[0][0]
            if there < count:
                short[table] = count - there
    return short


def _count_short(con: DuckDBPyConnection, segment_id: str, short: Mapping[str, int]) -> None:
    """Let the ledger of a segment say that the rows ``short`` are dropped, and not written."""
    found = con.execute("FROM raw.segments WHERE segment_id = ?", [segment_id]).to_arrow_table()
    row = batches.to_dicts(found)[0]
    less = {table: -count for table, count in short.items()}
    row["rows_written"] = _sum(row["rows_written"], less)
    row["rows_dropped"] = _sum(row["rows_dropped"] or {}, short)
    write_segment(con, row)


def _sum(*parts: Mapping[str, int]) -> dict[str, int]:
    return {table: sum(part.get(table, 0) for part in parts) for table in set().union(*parts)}


def describe_short(short: Mapping[str, int], segment_id: str) -> str:
    """Say in a few words what is in no file of a spool any more."""
    counts = ", ".join(f"{count:,} {table}" for table, count in sorted(short.items()))
    return f"{counts} of segment {segment_id} were spooled and are in no file any more"


def folded_names(con: DuckDBPyConnection) -> set[str]:
    """Return the names of all flushes that the log has taken in from its spool."""
    return {str(row[0]) for row in con.sql("SELECT file FROM raw.spool_folded").fetchall()}


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


def run_has_row(con: DuckDBPyConnection, run_id: str) -> bool:
    """Say whether the run ``run_id`` has its own row."""
    query = "SELECT 1 FROM raw.runs WHERE run_id = ? LIMIT 1"
    return bool(con.execute(query, [run_id]).fetchall())


def free_run_id(con: DuckDBPyConnection, run_id: str) -> str:
    """Return ``run_id``, or the first of run_id-2, run_id-3, ... that no run has."""
    candidate, number = run_id, 1
    while run_exists(con, candidate):
        number += 1
        candidate = f"{run_id}-{number}"
    return candidate


def write_segment(
    con: DuckDBPyConnection, segment: Mapping[str, object], *, into: str = "raw"
) -> None:
    """Put the row of one segment in the place of its older state."""
    con.execute(
        f"DELETE FROM {into}.segments WHERE segment_id = ?",  # noqa: S608 - our schema
        [segment["segment_id"]],
    )
    batches.insert(con, f"{into}.segments", batches.from_dicts("segments", [segment]))


def add_rename_to_ledger(offered: dict[str, int], written: dict[str, int]) -> None:
    """Count the event that tells of a run's new id, which its own process did not offer."""
    for ledger in (offered, written):
        ledger["events"] = ledger.get("events", 0) + 1


def _read(
    con: DuckDBPyConnection,
    files: Files,
    entries: Sequence[Path],
    names: set[str],
    folded: Folded,
    *,
    ahead: Mapping[Path, dict[str, pa.Table]],
) -> Iterator[dict[str, pa.Table]]:
    """Give the tables of each entry whose name is not among ``names``, and note what became of it.

    Of the others ``folded`` says why they were left out.
    """
    for entry in entries:
        if spool.name_of(entry) in names:
            folded.known.append(entry)
            continue
        try:
            tables = ahead[entry] if entry in ahead else _tables_of(con, files, entry)
        except FileNotFoundError:
            folded.vanished.append(entry)
        except (OSError, spool.DamagedSpoolError) as error:
            folded.unreadable[entry] = str(error)
        except ValueError as error:
            folded.unreadable[entry] = f"{entry}: {error}"
        else:
            folded.done.append(entry)
            yield tables


def _tables_of(con: DuckDBPyConnection, files: Files, entry: Path) -> dict[str, pa.Table]:
    tables = spool.read_entry(files, entry)
    for table, rows in tables.items():
        batches.refuse_no_json(con, table, rows)
    return tables


def _by_segment(
    flushes: Iterator[dict[str, pa.Table]],
) -> Iterator[tuple[dict[str, Any], list[dict[str, pa.Table]]]]:
    """Give the newest row of each segment, and its flushes; those of one follow on each other."""
    for _, group in itertools.groupby(flushes, lambda tables: _segment_id(tables["segments"])):
        tables = list(group)
        segment = batches.to_dicts(tables[-1]["segments"])[0]
        ledger = {name: segment[name] or {} for name in batches.LEDGER}
        yield {**segment, **ledger}, tables


def _segment_id(segments: pa.Table) -> str:
    return str(segments["segment_id"][0].as_py())


def _place_segment(
    con: DuckDBPyConnection,
    segment: dict[str, Any],
    into: str,
    folded: Folded,
    rows: dict[str, list[pa.Table]],
) -> str:
    """Write the row of a segment and return the id of its run.

    The event that tells of a new id joins ``rows``.
    """
    own_id = segment["run_id"]
    run_id = resolve_run_id(con, own_id, segment["segment_id"], segment["resumed_from"])
    if run_id is None:
        run_id = free_run_id(con, own_id)
        if run_id != own_id:
            folded.renamed[own_id] = run_id
            rows.setdefault("events", []).append(_rename_event(segment, run_id))
    if run_id != own_id and segment["resumed_from"] is None:
        # Its process does not know of the event yet.
        add_rename_to_ledger(segment["rows_offered"], segment["rows_written"])
    known = con.execute(
        "SELECT ordinal, heartbeat_at > ? FROM raw.segments WHERE segment_id = ?",
        [segment["heartbeat_at"], segment["segment_id"]],
    ).fetchall()
    if known and known[0][1]:
        return run_id  # this flush could not be read before, and later ones were
    ordinal = known[0][0] if known else next_ordinal(con, run_id)
    if into == "raw":
        # All flushes up to this one are in the file by now, so all that its segment ever
        # spooled is written.
        segment["rows_written"] = _sum(segment["rows_written"], segment["rows_spooled"])
        segment["rows_spooled"] = dict.fromkeys(segment["rows_spooled"], 0)
    write_segment(con, {**segment, "run_id": run_id, "ordinal": ordinal}, into=into)
    return run_id


def _with_run_id(rows: pa.Table, run_id: str) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415 - whoever only reads a log starts without it

    position = rows.schema.get_field_index("run_id")
    column = pa.repeat(pa.scalar(run_id), rows.num_rows)
    return rows.set_column(position, "run_id", column)


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
