from __future__ import annotations

import datetime as dt
import os
import random
import subprocess
import sys
import time

import pyarrow as pa
import pytest

from rlaudit.store import batches, fold, open_for_reading, open_for_writing, spool
from rlaudit.store.drafts import draft_of
from rlaudit.store.files import Files
from rlaudit.store.machine import Machine

FILES = Files()

START = dt.datetime(2026, 1, 2, 3, 4, 5, 678)  # noqa: DTZ001 - the log's times have no zone


def segment(run_id, segment_id, *, at=0, spooled=0, written=0, resumed_from=None, state="running"):
    return {
        "run_id": run_id,
        "segment_id": segment_id,
        "resumed_from": resumed_from,
        "end_step": at,
        "state": state,
        "heartbeat_at": START + dt.timedelta(seconds=at),
        "rows_offered": {"updates": spooled + written, "events": 0},
        "rows_written": {"updates": written, "events": 0},
        "rows_spooled": {"updates": spooled, "events": 0},
        "rows_dropped": {"updates": 0, "events": 0},
    }


def put(db, run_id, segment_id, ordinal=0, *, updates=(), begins=False, offset=0, **state):
    """Write one flush into the spool, as a recorder does."""
    ids = {"run_id": run_id, "segment_id": segment_id}
    tables = {}
    if begins:
        tables["runs"] = batches.from_dicts("runs", [{"run_id": run_id, "name": segment_id}])
    if updates:
        rows = [{**ids, "update_id": update_id, "loss": 0.5} for update_id in updates]
        tables["updates"] = batches.from_dicts("updates", rows)
    tables["segments"] = batches.from_dicts("segments", [segment(run_id, segment_id, **state)])
    name = spool.entry_name(START + dt.timedelta(seconds=offset), segment_id, ordinal)
    return spool.write_entry(FILES, db, name, tables)


def fold_in(db):
    with open_for_writing(db) as con:
        con.execute("BEGIN")
        folded = fold.fold_in(con, FILES, spool.list_entries(FILES, db))
        con.execute("COMMIT")
        spool.remove_entries(FILES, db, folded.done + folded.known)
    return folded


def rows(db, query):
    with open_for_reading(db) as log:
        return log.con.sql(query).fetchall()


@pytest.fixture
def log(db):
    with open_for_writing(db):
        pass
    return db


UPDATES = "SELECT run_id, segment_id, update_id, loss FROM updates ORDER BY ALL"
STATE = "SELECT run_id, ordinal, end_step, rows_written, rows_spooled FROM segments ORDER BY ALL"


def test_readers_see_the_spool_and_a_fold_in_changes_only_the_ledger(log):
    put(log, "a", "aa", 0, updates=[1, 2], begins=True, at=10, spooled=2)
    put(log, "a", "aa", 1, updates=[3], at=20, spooled=3)
    expected = [("a", "aa", i, 0.5) for i in (1, 2, 3)]
    assert rows(log, UPDATES) == expected
    assert rows(log, "SELECT run_id, name FROM runs") == [("a", "aa")]
    zero = {"updates": 0, "events": 0}
    assert rows(log, STATE) == [("a", 0, 20, zero, {"updates": 3, "events": 0})]

    assert fold_in(log).rows == 4

    assert not spool.spool_folder(log).exists()
    assert rows(log, UPDATES) == expected
    assert rows(log, STATE) == [("a", 0, 20, {"updates": 3, "events": 0}, zero)]


def test_a_folder_that_outlives_its_fold_in_is_not_folded_in_twice(log):
    entry = put(log, "a", "aa", updates=[1], begins=True, spooled=1)
    with open_for_writing(log) as con:  # killed after the commit
        con.execute("BEGIN")
        fold.fold_in(con, FILES, spool.list_entries(FILES, log))
        con.execute("COMMIT")
    assert entry.exists()
    assert rows(log, UPDATES) == [("a", "aa", 1, 0.5)]
    folded = fold_in(log)
    assert (folded.done, folded.known) == ([], [entry])
    assert rows(log, UPDATES) == [("a", "aa", 1, 0.5)]
    assert not entry.exists()


def test_a_fold_in_that_does_not_commit_loses_nothing(log):
    put(log, "a", "aa", updates=[1], begins=True, spooled=1)
    with open_for_writing(log) as con:  # killed before the commit
        con.execute("BEGIN")
        fold.fold_in(con, FILES, spool.list_entries(FILES, log))
    assert rows(log, UPDATES) == [("a", "aa", 1, 0.5)]
    assert fold_in(log).rows == 2
    assert rows(log, UPDATES) == [("a", "aa", 1, 0.5)]


def test_a_taken_run_id_gets_a_number_for_all_its_rows_now_and_later(log):
    with open_for_writing(log) as con:
        con.execute("INSERT INTO raw.runs (run_id, name) VALUES ('a', 'first'), ('a-2', 'second')")
    put(log, "a", "bb", 0, updates=[1], begins=True, at=5, spooled=1)
    expected_runs = [("a", "first"), ("a-2", "second"), ("a-3", "bb")]
    assert rows(log, "SELECT run_id, name FROM runs ORDER BY ALL") == expected_runs
    assert fold_in(log).renamed == {"a": "a-3"}
    put(log, "a", "bb", 1, updates=[2], at=6, spooled=1, written=1)
    assert fold_in(log).renamed == {}
    assert rows(log, UPDATES) == [("a-3", "bb", 1, 0.5), ("a-3", "bb", 2, 0.5)]
    assert rows(log, "SELECT run_id, name FROM runs ORDER BY ALL") == expected_runs
    events = rows(log, "SELECT run_id, env_step, kind, detail->>'from', detail->>'to' FROM events")
    assert events == [("a-3", 5, "run_renamed", "a", "a-3")]


def test_the_event_of_a_new_run_id_is_in_the_ledger(log):
    with open_for_writing(log) as con:
        con.execute("INSERT INTO raw.runs (run_id) VALUES ('a')")
    put(log, "a", "bb", updates=[1], begins=True, spooled=1)
    fold_in(log)
    ledger = rows(log, "SELECT rows_offered, rows_written, rows_spooled FROM segments")
    counted = {"updates": 1, "events": 1}
    assert ledger == [(counted, counted, {"updates": 0, "events": 0})]


def test_segments_get_ordinals_in_the_order_of_their_starts(log):
    with open_for_writing(log) as con:
        con.execute("INSERT INTO raw.runs (run_id) VALUES ('a')")
        con.execute("INSERT INTO raw.segments (run_id, segment_id, ordinal) VALUES ('a', '00', 0)")
    put(log, "a", "cc", updates=[8], resumed_from="00", offset=1, at=8, spooled=1)
    put(log, "a", "bb", updates=[9], resumed_from="cc", offset=2, at=9, spooled=1)
    order = "SELECT segment_id, ordinal FROM segments ORDER BY ordinal"
    assert rows(log, order) == [("00", 0), ("cc", 1), ("bb", 2)]
    fold_in(log)
    assert rows(log, order) == [("00", 0), ("cc", 1), ("bb", 2)]


def test_a_resumed_segment_follows_its_run_to_its_new_id(log):
    with open_for_writing(log) as con:
        con.execute("INSERT INTO raw.runs (run_id) VALUES ('a')")
    put(log, "a", "bb", updates=[1], begins=True, spooled=1)
    put(log, "a", "cc", updates=[2], resumed_from="bb", offset=1, spooled=1)
    fold_in(log)
    assert rows(log, UPDATES) == [("a-2", "bb", 1, 0.5), ("a-2", "cc", 2, 0.5)]


def test_what_cannot_be_read_is_reported_and_stays(log):
    put(log, "a", "aa", 0, updates=[1], begins=True, spooled=1)
    damaged = put(log, "a", "aa", 1, updates=[2], spooled=2)
    damaged.write_bytes(damaged.read_bytes()[:50])
    folder = spool.spool_folder(log) / spool.entry_name(START, "aa", 2)
    folder.mkdir()  # as older versions wrote a flush
    with open_for_reading(log) as shown:
        assert "2 of 3 flushes" in shown.incomplete
        assert "was changed after it was written" in shown.incomplete
        assert shown.con.sql("SELECT update_id FROM updates").fetchall() == [(1,)]
    unreadable = fold_in(log).unreadable
    assert list(unreadable) == [damaged, folder]
    assert "is of an older rlaudit" in unreadable[folder]
    assert rows(log, "SELECT update_id FROM updates") == [(1,)]
    assert damaged.exists()


def test_no_bit_of_a_file_can_change_unseen(log):
    entry = put(log, "a", "aa", updates=range(200), begins=True, spooled=200)
    content = bytearray(entry.read_bytes())
    assert spool.read_entry(FILES, entry)["updates"].num_rows == 200
    for position in random.Random(0).sample(range(8 * len(content)), 100):
        content[position // 8] ^= 1 << position % 8
        entry.write_bytes(content)
        with pytest.raises(spool.DamagedSpoolError, match="was changed after it was written"):
            spool.read_entry(FILES, entry)
        content[position // 8] ^= 1 << position % 8


def updates(**columns):
    return pa.table({"run_id": ["a"], "segment_id": ["aa"], **columns})


def ledger_of(count):
    row = segment("a", "aa") | {"rows_written": {"updates": count}}
    return batches.from_dicts("segments", [row])


SEGMENT = batches.from_dicts("segments", [segment("a", "aa")])


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"samples": batches.from_dicts("samples", [{"run_id": "a"}])}, "lacks the row"),
        ({"segments": SEGMENT.drop_columns(["rows_written"])}, "lacks the row"),
        ({"segments": batches.from_dicts("segments", [segment(None, "aa")])}, "lacks the row"),
        ({"segments": pa.concat_tables([SEGMENT, SEGMENT])}, "lacks the row"),
        ({"games": batches.from_dicts("samples", [])}, "has games"),
        ({"updates": batches.from_dicts("samples", [])}, "has updates.batch_index"),
        ({"updates": updates(update_id=["one"])}, "has values that no log has"),
        ({"updates": updates(update_id=pa.array([2**64 - 1], pa.uint64()))}, "has values that"),
        ({"updates": pa.table({"update_id": [1]})}, "has updates without run_id"),
        ({"segments": ledger_of(None)}, "lacks the row"),
        ({"segments": ledger_of(-1)}, "lacks the row"),
        ({"segments": ledger_of(2**63 - 1)}, "lacks the row"),
    ],
)
def test_a_file_of_another_shape_is_refused(log, tables, message):
    entry = spool.write_entry(FILES, log, spool.entry_name(START, "aa", 0), tables)
    with pytest.raises(spool.DamagedSpoolError, match=message):
        spool.read_entry(FILES, entry)


def test_a_text_that_is_no_json_stops_no_writer(log):
    tables = {
        "segments": SEGMENT,
        "events": batches.from_dicts("events", [{"run_id": "a", "detail": "{"}]),
    }
    entry = spool.write_entry(FILES, log, spool.entry_name(START, "aa", 0), tables)
    assert "a text in events is no JSON" in fold_in(log).unreadable[entry]
    put(log, "b", "bb", updates=[1], begins=True, spooled=1)
    assert fold_in(log).rows == 2
    with open_for_reading(log) as shown:
        assert "1 of 1 flushes" in shown.incomplete


def test_half_written_and_foreign_files_are_no_part_of_the_spool(log):
    entry = put(log, "a", "aa", updates=[1], begins=True, spooled=1)
    entry.rename(draft_of(entry))
    (spool.spool_folder(log) / "notes").mkdir()
    assert spool.list_entries(FILES, log) == []
    with open_for_reading(log) as shown:
        assert shown.incomplete is None


def test_a_failed_write_leaves_nothing_behind(log, monkeypatch):
    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        put(log, "a", "aa", updates=[1])
    assert list(spool.spool_folder(log).iterdir()) == []


def test_drafts_of_processes_that_are_gone_are_swept_away(log):
    entry = put(log, "a", "aa", updates=[1], begins=True, spooled=1)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    own = draft_of(entry).name
    of_dead = own.replace(f"-{os.getpid()}-", f"-{dead.pid}-")
    elsewhere = "." + own[1:].replace(f".{own.split('.')[-2][:8]}-", ".00000000-")
    now = time.time()
    kept, gone = [], []
    for place in (entry.parent, log.parent):
        base = "" if place == entry.parent else f".{log.name}"
        for name, seconds, stays in (
            (own, 9999, True),
            (of_dead, 0, False),
            (f"{of_dead}.wal", 0, False),
            (elsewhere, 3500, True),
            (elsewhere.replace("00000000", "00000001"), 3700, False),
            ("notes.draft", 9999, True),
        ):
            draft = place / (base + name)
            draft.write_bytes(b"half")
            os.utime(draft, (now - seconds, now - seconds))
            (kept if stays else gone).append(draft)
    spill = log.with_name(f".{log.name}{of_dead}".replace(".parquet", ""))
    spill.mkdir()
    (spill / "block").write_bytes(b"")
    spool.sweep(Machine(), log)
    assert [draft for draft in kept if not draft.exists()] == []
    assert [draft for draft in (*gone, spill) if draft.exists()] == []
    assert entry.exists()


def test_one_process_at_a_time_folds_in(log):
    put(log, "a", "aa", begins=True)
    with spool.folding(FILES, log) as first, spool.folding(Files(), log) as second:
        assert (first, second) == (True, False)
    with spool.folding(FILES, log) as third:
        assert third


def test_the_lock_of_a_killed_process_keeps_no_folder(log):
    put(log, "a", "aa", begins=True)
    (spool.spool_folder(log) / ".folding").touch()
    fold_in(log)
    assert not spool.spool_folder(log).exists()
    put(log, "b", "bb", begins=True)
    with spool.folding(FILES, log):
        fold_in(log)
        assert spool.spool_folder(log).exists()
    assert not spool.spool_folder(log).exists()


def test_a_spool_is_folded_in_by_portions(log):
    entries = [put(log, "a", "aa", number, updates=[number], spooled=1) for number in range(5)]
    size = entries[0].stat().st_size
    parts = spool.portions(FILES, entries, 2 * size + size // 2)
    assert [entry for part in parts for entry in part] == entries
    assert [len(part) for part in parts] == [2, 2, 1]
    assert spool.portions(FILES, [], 1) == [[]]
    assert [len(part) for part in spool.portions(FILES, entries, 1)] == [1] * 5


def test_maps_texts_and_nulls_survive_the_way_through_arrow():
    row = {"run_id": 'a "quoted" 実験', "rows_written": {"updates": 2**40}, "rows_spooled": {}}
    table = batches.from_dicts("segments", [row])
    back = batches.to_dicts(table)[0]
    assert {key: value for key, value in back.items() if value is not None} == row


def test_a_flush_that_its_writer_replaces_is_looked_for_again(log, monkeypatch):
    old = put(log, "a", "aa", 0, begins=True, at=1)
    read = spool.read_entry

    def replace_first(files, entry):
        if entry == old and old.exists():
            put(log, "a", "aa", 1, begins=True, at=2)
            spool.remove_entries(FILES, log, [old])
        return read(files, entry)

    monkeypatch.setattr(spool, "read_entry", replace_first)
    with open_for_reading(log) as shown:
        assert shown.incomplete is None
        assert shown.con.sql("SELECT end_step FROM segments").fetchall() == [(2,)]


def test_a_reader_has_read_the_spool_before_it_holds_the_log(log, monkeypatch):
    entries = [put(log, "a", "5e61", n, updates=[n], begins=n == 0) for n in range(3)]
    read, held = spool.read_entry, []

    def read_entry(files, entry):
        # Whoever writes to the log meanwhile gets it.
        with open_for_writing(log, wait=0):
            held.append(entry)
        return read(files, entry)

    monkeypatch.setattr(spool, "read_entry", read_entry)
    with open_for_reading(log) as opened:
        assert opened.con.sql("SELECT count(*) FROM updates").fetchall() == [(3,)]
        assert opened.spooled == tuple(entries)
    assert held == entries


def test_what_is_folded_in_after_it_was_read_ahead_is_read_once(log, monkeypatch):
    put(log, "a", "5e61", 0, updates=[1, 2], begins=True)
    ahead = fold.read_ahead

    def then_folded(files, entries):
        found = ahead(files, entries)
        fold_in(log)
        put(log, "a", "5e61", 1, updates=[3], at=1)
        return found

    monkeypatch.setattr(fold, "read_ahead", then_folded)
    with open_for_reading(log) as opened:
        assert opened.con.sql("SELECT update_id FROM updates ORDER BY 1").fetchall() == [
            (1,),
            (2,),
            (3,),
        ]
        assert opened.incomplete is None


def test_a_reader_of_a_long_spool_lets_the_log_go(log):
    for n in range(30):
        put(log, "a", "5e61", n, updates=[n], begins=n == 0)
    with open_for_reading(log) as opened:
        assert opened.file != log
        with open_for_writing(log, wait=0):
            assert opened.con.sql("SELECT count(*) FROM updates").fetchall() == [(30,)]
