from __future__ import annotations

import datetime as dt

import pytest

from rlaudit.store import batches, open_for_reading, open_for_writing, spool

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
    spool.write_entry(db, name, tables)
    return spool.spool_folder(db) / name


def fold(db):
    with open_for_writing(db) as con:
        con.execute("BEGIN")
        folded = spool.fold_in(con, spool.list_entries(db))
        con.execute("COMMIT")
        spool.remove_entries(folded.done + folded.known)
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

    assert fold(log).rows == 4

    assert not spool.spool_folder(log).exists()
    assert rows(log, UPDATES) == expected
    assert rows(log, STATE) == [("a", 0, 20, {"updates": 3, "events": 0}, zero)]


def test_a_folder_that_outlives_its_fold_in_is_not_folded_in_twice(log):
    entry = put(log, "a", "aa", updates=[1], begins=True, spooled=1)
    with open_for_writing(log) as con:  # killed after the commit
        con.execute("BEGIN")
        spool.fold_in(con, spool.list_entries(log))
        con.execute("COMMIT")
    assert entry.exists()
    assert rows(log, UPDATES) == [("a", "aa", 1, 0.5)]
    folded = fold(log)
    assert (folded.done, folded.known) == ([], [entry])
    assert rows(log, UPDATES) == [("a", "aa", 1, 0.5)]
    assert not entry.exists()


def test_a_fold_in_that_does_not_commit_loses_nothing(log):
    put(log, "a", "aa", updates=[1], begins=True, spooled=1)
    with open_for_writing(log) as con:  # killed before the commit
        con.execute("BEGIN")
        spool.fold_in(con, spool.list_entries(log))
    assert rows(log, UPDATES) == [("a", "aa", 1, 0.5)]
    assert fold(log).rows == 2
    assert rows(log, UPDATES) == [("a", "aa", 1, 0.5)]


def test_a_taken_run_id_gets_a_number_for_all_its_rows_now_and_later(log):
    with open_for_writing(log) as con:
        con.execute("INSERT INTO raw.runs (run_id, name) VALUES ('a', 'first'), ('a-2', 'second')")
    put(log, "a", "bb", 0, updates=[1], begins=True, at=5, spooled=1)
    expected_runs = [("a", "first"), ("a-2", "second"), ("a-3", "bb")]
    assert rows(log, "SELECT run_id, name FROM runs ORDER BY ALL") == expected_runs
    assert fold(log).renamed == {"a": "a-3"}
    put(log, "a", "bb", 1, updates=[2], at=6, spooled=1, written=1)
    assert fold(log).renamed == {}
    assert rows(log, UPDATES) == [("a-3", "bb", 1, 0.5), ("a-3", "bb", 2, 0.5)]
    assert rows(log, "SELECT run_id, name FROM runs ORDER BY ALL") == expected_runs
    events = rows(log, "SELECT run_id, env_step, kind, detail->>'from', detail->>'to' FROM events")
    assert events == [("a-3", 5, "run_renamed", "a", "a-3")]


def test_the_event_of_a_new_run_id_is_in_the_ledger(log):
    with open_for_writing(log) as con:
        con.execute("INSERT INTO raw.runs (run_id) VALUES ('a')")
    put(log, "a", "bb", updates=[1], begins=True, spooled=1)
    fold(log)
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
    fold(log)
    assert rows(log, order) == [("00", 0), ("cc", 1), ("bb", 2)]


def test_a_resumed_segment_follows_its_run_to_its_new_id(log):
    with open_for_writing(log) as con:
        con.execute("INSERT INTO raw.runs (run_id) VALUES ('a')")
    put(log, "a", "bb", updates=[1], begins=True, spooled=1)
    put(log, "a", "cc", updates=[2], resumed_from="bb", offset=1, spooled=1)
    fold(log)
    assert rows(log, UPDATES) == [("a-2", "bb", 1, 0.5), ("a-2", "cc", 2, 0.5)]


def test_what_cannot_be_read_is_reported_and_stays(log):
    put(log, "a", "aa", 0, updates=[1], begins=True, spooled=1)
    damaged = put(log, "a", "aa", 1, updates=[2], spooled=2)
    file = damaged / "updates.parquet"
    file.write_bytes(file.read_bytes()[:50])
    incomplete = put(log, "a", "aa", 2, updates=[3], spooled=3)
    (incomplete / "segments.parquet").unlink()
    with open_for_reading(log) as shown:
        assert "2 of 3 flushes" in shown.incomplete
        assert shown.con.sql("SELECT update_id FROM updates").fetchall() == [(1,)]
    assert fold(log).unreadable == [damaged, incomplete]
    assert rows(log, "SELECT update_id FROM updates") == [(1,)]
    assert damaged.exists()


def test_half_written_and_foreign_folders_are_no_part_of_the_spool(log):
    entry = put(log, "a", "aa", updates=[1], begins=True, spooled=1)
    entry.rename(entry.with_name(entry.name + ".new"))
    (spool.spool_folder(log) / "notes").mkdir()
    assert spool.list_entries(log) == []
    with open_for_reading(log) as shown:
        assert shown.incomplete is None


def test_a_failed_write_leaves_nothing_behind(log, monkeypatch):
    def full(*_arguments, **_keywords):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyarrow.parquet.write_table", full)
    with pytest.raises(OSError, match="No space left"):
        put(log, "a", "aa", updates=[1])
    assert list(spool.spool_folder(log).iterdir()) == []


def test_maps_texts_and_nulls_survive_the_way_through_arrow():
    row = {"run_id": 'a "quoted" 実験', "rows_written": {"updates": 2**40}, "rows_spooled": {}}
    table = batches.from_dicts("segments", [row])
    back = batches.to_dicts(table)[0]
    assert {key: value for key, value in back.items() if value is not None} == row


def test_a_flush_that_its_writer_replaces_is_looked_for_again(log, monkeypatch):
    old = put(log, "a", "aa", 0, begins=True, at=1)
    read = spool._read_entry

    def replace_first(entry):
        if entry == old and old.exists():
            put(log, "a", "aa", 1, begins=True, at=2)
            spool.remove_entries([old])
        return read(entry)

    monkeypatch.setattr(spool, "_read_entry", replace_first)
    with open_for_reading(log) as shown:
        assert shown.incomplete is None
        assert shown.con.sql("SELECT end_step FROM segments").fetchall() == [(2,)]
