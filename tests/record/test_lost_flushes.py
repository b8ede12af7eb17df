"""Flushes of the spool that are damaged, deleted or read late, and ids that are taken meanwhile."""

from __future__ import annotations

import shutil

import pytest
from steps import NEVER, give

from rlaudit.errors import DatabaseWriteError
from rlaudit.record import Recorder
from rlaudit.records import RunInfo
from rlaudit.store import open_for_reading, open_for_writing, spool
from rlaudit.store.files import Files

FILES = Files()


@pytest.fixture
def spooling(db, run, rows, held):
    """Return a recorder that has spooled steps 1 and 2, and the two files."""
    with open_for_writing(db):
        pass
    with held(db):
        recorder = Recorder(db, run, wait=0, flush_seconds=NEVER)
        for step in (1, 2):
            give(recorder, rows, [step])
            recorder.flush()
    return recorder, spool.list_entries(FILES, db)[-2:]


def other_run(db, run_id="z"):
    Recorder(db, RunInfo(run_id, "another", "env", "{}")).close("finished")


def test_an_id_that_is_taken_while_the_spool_is_lost_ends_no_recording(db, spooling, rows, query):
    recorder, _ = spooling
    spool.remove_entries(FILES, db, spool.list_entries(FILES, db))
    other_run(db, "a")
    give(recorder, rows, [3])
    with pytest.raises(DatabaseWriteError, match="rows are gone"):
        recorder.close("finished")
    assert recorder.run_id == "a-2"
    assert query(db, "SELECT run_id, count(*) FROM raw.samples GROUP BY 1") == [("a-2", 4)]
    assert recorder.ledger.offered == recorder.ledger.written + recorder.ledger.dropped
    assert query(db, "SELECT kind FROM raw.events WHERE kind = 'rows_lost'") == [("rows_lost",)]


def test_a_flush_that_is_readable_late_changes_no_segment_that_has_ended(
    db, spooling, rows, held, query
):
    recorder, (first, _) = spooling
    content = first.read_bytes()
    first.write_bytes(content[:-1])
    with held(db):
        give(recorder, rows, [3])
        recorder.close("finished")
    other_run(db, "y")
    first.write_bytes(content)
    other_run(db, "z")
    assert query(db, "SELECT state, end_step FROM raw.segments WHERE run_id = 'a'") == [
        ("finished", 3)
    ]
    assert query(db, "SELECT count(*) FROM raw.samples") == [(12,)]
    assert not spool.spool_folder(db).exists()


@pytest.mark.parametrize("lives", [True, False], ids=["the writer lives", "it has ended"])
def test_a_run_has_its_row_though_its_first_flush_is_gone(  # noqa: PLR0917 - fixtures
    db, spooling, rows, held, query, lives
):
    recorder, _ = spooling
    spool.list_entries(FILES, db)[0].unlink()
    with held(db):
        give(recorder, rows, [3])
        recorder.flush()
        if not lives:
            recorder.close("finished")
    other_run(db)
    if lives:
        with pytest.raises(DatabaseWriteError, match="is gone"):  # the event of the first flush
            recorder.close("finished")
    assert query(db, "SELECT run_id, name FROM raw.runs ORDER BY 1") == [
        ("a", "name"),
        ("z", "another"),
    ]


def test_what_a_dead_writer_spooled_and_is_gone_counts_as_dropped(db, spooling, held, query):
    recorder, (first, _) = spooling
    first.unlink()
    with held(db):
        recorder.close("finished")
    with open_for_reading(db) as log:
        assert "4 samples" in log.incomplete
    other_run(db)
    assert query(
        db,
        "SELECT rows_offered['samples'], rows_written['samples'], rows_dropped['samples'] "
        "FROM raw.segments WHERE run_id = 'a'",
    ) == [(8, 4, 4)]


def test_a_log_is_the_same_under_the_name_of_a_link(db, run, rows, tmp_path):
    link = tmp_path / "elsewhere" / "link.duckdb"
    link.parent.mkdir()
    other_run(db)
    link.symlink_to(db)
    with Recorder(link, run, flush_seconds=NEVER) as recorder:
        give(recorder, rows, [1])
    assert [path.name for path in link.parent.iterdir()] == [link.name]
    for name in (db, link):
        with open_for_reading(name, at_length=True) as log:
            assert log.incomplete is None
            assert log.con.sql("SELECT count(*) FROM samples").fetchall() == [(4,)]


def test_a_log_that_is_moved_away_and_back_has_no_segment_that_runs(db, run, rows, query):
    recorder = Recorder(db, run, flush_seconds=NEVER)
    give(recorder, rows, [1])
    recorder.flush()
    away = db.with_name("away")
    db.rename(away)
    give(recorder, rows, [2])
    recorder.flush()
    shutil.copyfile(away, db)
    give(recorder, rows, [3])
    with pytest.raises(DatabaseWriteError):
        recorder.close("finished")
    assert set(query(db, "SELECT state FROM raw.segments")) == {("failed",)}
