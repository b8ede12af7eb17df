from __future__ import annotations

import os
import sqlite3
import struct
import subprocess
import sys

import duckdb
import pytest

from rlaudit.errors import DatabaseError, DatabaseLockedError, DatabaseWriteError
from rlaudit.store import Patience, attach_for_reading, open_for_reading, open_for_writing
from rlaudit.store import connect as connect_module
from rlaudit.store.failures import error_of, is_lock, locked_error

MASK = 2**64 - 1


def duckdb_file(path, rows=300_000):
    with duckdb.connect(str(path)) as con:
        con.execute(f"CREATE TABLE numbers AS SELECT random() AS i FROM range({rows})")
    return path


def with_storage_version(path, version):
    """Write another storage version into a DuckDB file's main header, checksum included."""
    content = bytearray(path.read_bytes())
    content[12:20] = struct.pack("<Q", version)
    checksum = 5381
    for (word,) in struct.iter_unpack("<Q", content[8:4096]):
        checksum ^= (word * 0xBF58476D1CE4E5B9) & MASK
    content[:8] = struct.pack("<Q", checksum)
    path.write_bytes(content)


def names(folder):
    return [path.name for path in folder.iterdir()]


class FakeClock:
    """A clock that moves by what is slept, and may let something happen meanwhile."""

    def __init__(self, on_sleep=lambda _count: None):
        self.now = 100.0
        self.pauses = []
        self.on_sleep = on_sleep

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds
        self.on_sleep(len(self.pauses))

    def patience(self, seconds):
        return Patience(seconds, self.sleep, self)


def test_the_first_writer_creates_the_log_and_the_second_finds_it(db):
    with open_for_writing(db) as con:
        con.execute("INSERT INTO raw.events (run_id, kind) VALUES ('a', 'nan')")
    with open_for_writing(db) as con:
        assert con.sql("SELECT run_id, kind FROM events").fetchall() == [("a", "nan")]
    assert names(db.parent) == [db.name]


def test_a_new_log_is_readable_by_duckdb_1_5(db):
    with open_for_writing(db) as con:
        tags = con.sql("SELECT tags FROM duckdb_databases() WHERE NOT internal").fetchall()[0][0]
    assert tags["storage_version"].startswith("v1.5.0")


@pytest.mark.parametrize("opener", [open_for_reading, open_for_writing, attach_for_reading])
def test_a_folder_is_no_database(tmp_path, opener):
    with pytest.raises(DatabaseError, match="is a folder"), opener(tmp_path):
        pass


@pytest.mark.parametrize("opener", [open_for_reading, open_for_writing])
def test_a_text_file_is_no_database(db, opener):
    db.write_text("a,b\n1,2\n" * 1000)
    with pytest.raises(DatabaseError, match="is not a DuckDB database"), opener(db):
        pass
    assert db.read_text().startswith("a,b\n1,2\n")


def test_a_sqlite_file_is_no_database_and_nothing_is_downloaded_for_it(db):
    with sqlite3.connect(db) as con:
        con.execute("CREATE TABLE a (i)")
    con.close()
    with pytest.raises(DatabaseError, match="is not a DuckDB database"), open_for_reading(db):
        pass


def test_a_missing_file_cannot_be_read(db):
    with pytest.raises(DatabaseError, match="does not exist"), open_for_reading(db):
        pass


def test_an_empty_file_cannot_be_read_but_is_new_to_a_writer(db):
    db.touch()
    with pytest.raises(DatabaseError, match="is empty"), open_for_reading(db):
        pass
    with open_for_writing(db) as con:
        assert con.sql("SELECT count(*) FROM runs").fetchall()[0] == (0,)
    assert names(db.parent) == [db.name]


def test_a_missing_folder_is_named(tmp_path):
    path = tmp_path / "nowhere" / "runs.duckdb"
    with pytest.raises(DatabaseWriteError, match="nowhere does not exist"), open_for_writing(path):
        pass


@pytest.mark.parametrize("kept_bytes", [2_500, 5_000, 12_288])
@pytest.mark.parametrize("opener", [open_for_reading, open_for_writing])
def test_a_truncated_file_is_damaged(db, opener, kept_bytes):
    content = duckdb_file(db).read_bytes()
    db.write_bytes(content[:kept_bytes])
    with pytest.raises(DatabaseError, match="damaged or cut short"), opener(db):
        pass


@pytest.mark.parametrize("opener", [attach_for_reading, open_for_writing])
def test_a_file_that_lacks_blocks_is_damaged_once_they_are_read(db, opener):
    content = duckdb_file(db).read_bytes()
    db.write_bytes(content[: len(content) - 100_000])
    table = "numbers" if opener is open_for_writing else "log.numbers"
    with pytest.raises(DatabaseError, match="damaged or cut short"), opener(db) as con:
        con.execute(f"SELECT sum(i) FROM {table}")


@pytest.mark.parametrize("opener", [open_for_reading, open_for_writing])
def test_a_file_of_a_newer_duckdb_says_which_versions(db, opener):
    with_storage_version(duckdb_file(db, rows=1), 9999)
    with pytest.raises(DatabaseError, match="storage version 9999; DuckDB") as caught, opener(db):
        pass
    assert "upgrade DuckDB" in caught.value.hint


def test_a_leftover_write_ahead_log_is_not_replayed_into_a_new_log(db):
    db.with_name(db.name + ".wal").write_bytes(b"anything")
    with pytest.raises(DatabaseError, match="its write-ahead log"), open_for_writing(db):
        pass
    assert not db.exists()


def test_a_failure_while_creating_leaves_nothing_behind(db, monkeypatch):
    def fail(con):
        con.execute("CREATE SCHEMA raw")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(connect_module.schema, "create", fail)
    with pytest.raises(DatabaseWriteError, match="No space left"), open_for_writing(db):
        pass
    assert names(db.parent) == []


@pytest.mark.parametrize("links", [True, False])
def test_the_log_of_a_faster_process_is_kept(db, monkeypatch, links):
    create = connect_module.schema.create

    def overtaken(con):
        monkeypatch.setattr(connect_module.schema, "create", create)
        with open_for_writing(db) as other:
            other.execute("INSERT INTO raw.runs (run_id) VALUES ('faster')")
        create(con)

    def no_link(*_paths):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(connect_module.schema, "create", overtaken)
    if not links:
        monkeypatch.setattr(os, "link", no_link)
    with open_for_writing(db) as con:
        assert con.sql("SELECT run_id FROM runs").fetchall() == [("faster",)]
    assert names(db.parent) == [db.name]


@pytest.mark.parametrize("opener", [open_for_reading, open_for_writing])
def test_a_locked_file_names_the_process_that_holds_it(db, held, opener):
    duckdb_file(db, rows=1)
    with held(db) as holder, pytest.raises(DatabaseLockedError) as caught, opener(db, wait=0):
        pass
    message = str(caught.value)
    assert f"process {holder.pid} (" in message
    assert "python" in message
    assert "waited 0 s" in message


def test_readers_share_a_file_and_keep_writers_out(db, held):
    with open_for_writing(db):
        pass
    with held(db, "read") as holder:
        with open_for_reading(db, wait=0) as log:
            assert log.con.sql("SELECT count(*) FROM runs").fetchall()[0] == (0,)
        with (
            pytest.raises(DatabaseLockedError, match=str(holder.pid)),
            open_for_writing(db, wait=0),
        ):
            pass


def test_waiting_ends_when_the_file_is_free(db, held):
    duckdb_file(db, rows=1)
    with held(db) as holder:

        def release_at_third_pause(count):
            if count == 3:
                holder.stdin.close()
                holder.wait(20)

        clock = FakeClock(release_at_third_pause)
        with open_for_writing(db, wait=clock.patience(10)) as con:
            assert con.sql("SELECT count(*) FROM numbers").fetchall()[0] == (1,)
    assert len(clock.pauses) == 3


def test_pauses_grow_and_end_with_the_wait(db):
    clock = FakeClock()
    with (
        open_for_writing(db),
        pytest.raises(DatabaseLockedError, match="waited 3 s"),
        open_for_reading(db, wait=clock.patience(3)),
    ):
        pass
    assert sum(clock.pauses) == pytest.approx(3)
    assert clock.pauses[0] <= 0.005
    assert max(clock.pauses) <= 0.25
    assert max(clock.pauses) > 0.125


def test_a_reader_of_this_process_keeps_its_writer_out(db):
    with open_for_writing(db):
        pass
    locked = pytest.raises(DatabaseLockedError, match="this process")
    with open_for_reading(db), locked, open_for_writing(db, wait=0):
        pass


def test_a_reader_of_this_process_does_not_break_its_writers_lock(db):
    """POSIX drops a process's locks on a file that it closes by any handle."""
    probe = "import duckdb, sys; duckdb.connect(sys.argv[1])"
    with open_for_writing(db):
        with pytest.raises(DatabaseLockedError), open_for_reading(db, wait=0):
            pass
        result = subprocess.run(
            [sys.executable, "-c", probe, str(db)], capture_output=True, text=True, check=False
        )
    assert "lock" in result.stderr


def test_a_failure_inside_is_reported_as_ours_and_rolled_back(db):
    def fail_halfway(con):
        con.execute("BEGIN")
        con.execute("INSERT INTO raw.runs (run_id) VALUES ('a')")
        raise OSError(28, "No space left on device")

    with pytest.raises(DatabaseWriteError, match="No space left"), open_for_writing(db) as con:
        fail_halfway(con)
    with open_for_reading(db) as log:
        assert log.con.sql("SELECT * FROM runs").fetchall() == []


def test_rows_in_the_write_ahead_log_of_a_killed_writer_are_read(db):
    with open_for_writing(db):
        pass
    script = """
import duckdb, os, signal, sys
con = duckdb.connect(sys.argv[1])
con.execute("INSERT INTO raw.runs (run_id) VALUES ('committed')")
con.execute("BEGIN")
con.execute("INSERT INTO raw.runs (run_id) VALUES ('open')")
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", script, str(db)], check=False)
    assert killed.returncode == -9
    assert db.with_name(db.name + ".wal").exists()
    with open_for_reading(db) as log:
        assert log.con.sql("SELECT run_id FROM runs").fetchall() == [("committed",)]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind this user"
)
@pytest.mark.parametrize("target", ["file", "folder"])
def test_what_may_not_be_written_can_still_be_read(db, target):
    with open_for_writing(db):
        pass
    (db if target == "file" else db.parent).chmod(0o555 if target == "folder" else 0o444)
    try:
        with open_for_reading(db) as log:
            assert log.is_log
        with pytest.raises(DatabaseWriteError, match="no permission"), open_for_writing(db):
            pass
    finally:
        db.parent.chmod(0o755)


def test_a_writer_looks_at_permissions_first(db, monkeypatch):
    with open_for_writing(db):
        pass
    monkeypatch.setattr(os, "access", lambda path, _mode: path != db)
    with pytest.raises(DatabaseWriteError, match="no permission"), open_for_writing(db):
        pass
    with open_for_reading(db) as log:
        assert log.is_log


WINDOWS = (
    'IO Error: Cannot open file "C:\\runs.duckdb": The process cannot access the file because it '
    "is being used by another process.\r\n\r\nFile is already open in \r\n"
    "C:\\Python311\\python.exe (PID 4242)"
)
LINUX = (
    'IO Error: Could not set lock on file "/x": Conflicting lock is held in /usr/bin/python3 '
    "(PID 4242) by user ana. See also https://duckdb.org/docs/stable/connect/concurrency"
)


@pytest.mark.parametrize(
    ("message", "who"),
    [
        (WINDOWS, "process 4242 (C:\\Python311\\python.exe)"),
        (LINUX, "process 4242 (/usr/bin/python3)"),
        ('IO Error: Could not set lock on file "/x": unknown error', "another process"),
        (WINDOWS.split("\r\n\r\n", maxsplit=1)[0], "another process"),
    ],
)
def test_the_holder_is_read_from_each_systems_message(db, message, who):
    error = duckdb.IOException(message)
    assert is_lock(error)
    assert f"held open by {who};" in str(locked_error(db, error, 10))


@pytest.mark.parametrize(
    ("error", "writing", "kind", "words"),
    [
        (duckdb.IOException("IO Error: Could not write file: No space left on device"), True,
         DatabaseWriteError, "No space left"),
        (duckdb.FatalException("FATAL Error: Failed: database has been invalidated"), True,
         DatabaseWriteError, "invalidated"),
        (duckdb.IOException('IO Error: Cannot open file "x": Permission denied'), True,
         DatabaseWriteError, "no permission"),
        (duckdb.IOException('IO Error: Cannot open file "x": Permission denied'), False,
         DatabaseError, "cannot read"),
        (OSError(30, "Read-only file system"), True, DatabaseWriteError, "no permission"),
        (OSError(5, "Input/output error"), False, DatabaseError, "Input/output error"),
        (duckdb.CatalogException("Catalog Error: no such table\nLINE 1: ..."), True,
         DatabaseError, "no such table"),
    ],
)  # fmt: skip
def test_failures_become_our_errors_on_one_line(db, error, writing, kind, words):
    duckdb_file(db, rows=1)
    assert not is_lock(error) if isinstance(error, duckdb.Error) else True
    translated = error_of(db, error, writing=writing)
    assert type(translated) is kind
    assert words in str(translated)
    assert "\n" not in str(translated)


@pytest.mark.parametrize(("name", "text"), [("a\udcff", "is not UTF-8"), ("a\0b", "has a NUL")])
def test_a_name_that_duckdb_cannot_be_told_is_refused(tmp_path, name, text):
    path = f"{tmp_path}/{name}.duckdb"
    with pytest.raises(DatabaseError, match=text), attach_for_reading(path):
        pass
    with pytest.raises(DatabaseError, match=text), open_for_writing(path):
        pass
