"""A log that is deleted, replaced, cut or put back while a run writes to it."""

from __future__ import annotations

import shutil

import pytest
from steps import NEVER, give

from rlaudit.errors import DatabaseWriteError
from rlaudit.record import Recorder
from rlaudit.records import RunInfo
from rlaudit.store import open_for_reading, spool
from rlaudit.store.commits import commits_file


def delete(db, _other, _copy):
    db.unlink()


def replace_by_another_log(db, other, _copy):
    other.replace(db)


def write_another_log_over_it(db, other, _copy):
    shutil.copyfile(other, db)


def cut_to_nothing(db, _other, _copy):
    db.write_bytes(b"")


def make_the_folder_anew(db, _other, _copy):
    shutil.rmtree(db.parent)
    db.parent.mkdir()


def put_an_older_copy_back(db, _other, copy):
    shutil.copyfile(copy, db)


def move_an_older_copy_there(db, _other, copy):
    copy.replace(db)


def lose_the_commits_file_as_well(db, _other, copy):
    shutil.copyfile(copy, db)
    commits_file(db).unlink()


CHANGES = [
    delete,
    replace_by_another_log,
    write_another_log_over_it,
    cut_to_nothing,
    make_the_folder_anew,
    put_an_older_copy_back,
    move_an_older_copy_there,
    lose_the_commits_file_as_well,
]


@pytest.fixture
def place(tmp_path):
    """Return a log in a folder of its own, another log, and where a copy goes."""
    folder = tmp_path / "logs"
    folder.mkdir()
    other = tmp_path / "other.duckdb"
    # Under the same run id, as names repeat from one experiment to the next.
    Recorder(other, RunInfo("a", "another", "env", "{}")).close("finished")
    return folder / "runs.duckdb", other, tmp_path / "copy.duckdb"


def begin(db, run, rows, copy, warnings):
    """Return a recorder that has written steps 1 to 4; ``copy`` is of step 2."""
    recorder = Recorder(db, run, flush_seconds=NEVER, on_warning=warnings.append)
    give(recorder, rows, [1, 2])
    recorder.flush()
    shutil.copyfile(db, copy)
    give(recorder, rows, [3, 4])
    recorder.flush()
    return recorder


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("moment", ["between flushes", "before the end"])
def test_what_is_gone_is_told_and_counted_and_the_run_goes_on(  # noqa: PLR0917 - fixtures
    place, run, rows, query, change, moment
):
    db, other, copy = place
    warnings = []
    recorder = begin(db, run, rows, copy, warnings)
    assert warnings == []
    change(db, other, copy)
    give(recorder, rows, [5, 6])
    if moment == "between flushes":
        recorder.flush()
        assert any("24 rows" in w or "12 rows" in w for w in warnings), warnings
        give(recorder, rows, [7])
        recorder.flush()
    with pytest.raises(DatabaseWriteError, match="no longer the file that was written"):
        recorder.close("finished")
    assert len([w for w in warnings if "no longer the file" in w]) == 1

    lost = 2 if "copy" in change.__name__ or "commits" in change.__name__ else 4
    stored = 7 - lost if moment == "between flushes" else 6 - lost
    ledger = recorder.ledger
    assert ledger.dropped["samples"] == 4 * lost
    assert ledger.written["samples"] == 4 * stored
    assert ledger.offered == ledger.written + ledger.dropped
    mine = f"run_id = '{recorder.run_id}'"
    assert query(db, f"SELECT count(*) FROM raw.samples WHERE {mine}") == [(4 * stored,)]
    states = query(db, f"SELECT state, resumed_from FROM raw.segments WHERE {mine}")
    assert set(states) == {("failed", None)}
    assert query(
        db,
        "SELECT sum(rows_offered['samples']), sum(rows_written['samples']), "
        f"sum(rows_dropped['samples']) FROM raw.segments WHERE {mine}",
    ) == [(4 * (stored + lost), 4 * stored, 4 * lost)]
    ((detail,),) = query(db, f"SELECT detail FROM raw.events WHERE kind = 'rows_lost' AND {mine}")
    assert f'"samples": {4 * lost}' in detail
    with open_for_reading(db) as log:
        assert log.con.sql(f"SELECT count(*) FROM samples WHERE {mine}").fetchall()[0] == (
            4 * stored,
        )


def test_another_log_keeps_its_run_and_ours_gets_a_new_id(place, run, rows, query):
    db, other, copy = place
    recorder = begin(db, run, rows, copy, [])
    replace_by_another_log(db, other, copy)
    give(recorder, rows, [5])
    with pytest.raises(DatabaseWriteError):
        recorder.close("finished")
    assert recorder.run_id == "a-2"
    assert query(db, "SELECT run_id, name FROM raw.runs ORDER BY 1") == [
        ("a", "another"),
        ("a-2", "name"),
    ]


def test_a_copy_that_was_made_and_moved_back_whole_is_no_loss(place, run, rows, query):
    db, _, copy = place
    warnings = []
    recorder = begin(db, run, rows, copy, warnings)
    again = db.with_name("again.duckdb")
    shutil.copyfile(db, again)
    again.replace(db)
    give(recorder, rows, [5])
    recorder.close("finished")
    assert warnings == []
    assert query(db, "SELECT count(*) FROM raw.samples") == [(20,)]


def test_a_file_that_is_no_log_any_more_sends_the_rows_to_the_spool(place, run, rows, query):
    db, _, copy = place
    warnings = []
    recorder = begin(db, run, rows, copy, warnings)
    whole = db.read_bytes()
    db.write_text("not a database " * 1000)
    give(recorder, rows, [5])
    recorder.flush()
    assert recorder.spooled["samples"] == 4
    assert "is not a DuckDB database" in warnings[0]
    db.write_bytes(whole)
    recorder.close("finished")
    assert query(db, "SELECT count(*) FROM raw.samples") == [(20,)]
    assert not spool.spool_folder(db).exists()


def test_a_run_that_ends_while_its_file_is_no_log_ends_as_failed(place, run, rows):
    db, _, copy = place
    recorder = begin(db, run, rows, copy, [])
    db.write_text("not a database " * 1000)
    give(recorder, rows, [5])
    with pytest.raises(DatabaseWriteError, match="is not a DuckDB database"):
        recorder.close("finished")
    assert recorder.spooled["samples"] == 4


def test_losses_add_up(place, run, rows, query):
    db, _, copy = place
    recorder = begin(db, run, rows, copy, [])
    for step in (5, 6):
        db.unlink()
        give(recorder, rows, [step])
        recorder.flush()
    with pytest.raises(DatabaseWriteError):
        recorder.close("finished")
    ledger = recorder.ledger
    assert (ledger.dropped["samples"], ledger.written["samples"]) == (20, 4)
    assert query(
        db, "SELECT rows_offered['samples'], rows_dropped['samples'], state FROM raw.segments"
    ) == [(24, 20, "failed")]


def test_a_file_that_vanishes_while_it_is_open_is_noticed_at_the_end(place, run, rows, query):
    """The rows go into a file that no name leads to any more."""
    db, _, copy = place
    recorder = begin(db, run, rows, copy, [])
    machine = recorder._writer.work.machine

    class Deleting:
        def __init__(self):
            self.identity = machine.files.identity
            self.asked = 0

        def __getattr__(self, name):
            return getattr(machine.files, name)

    files = Deleting()

    def identity(path):
        files.asked += 1
        found = machine.files.identity(path)
        if files.asked == 1:
            path.unlink()
        return found

    files.identity = identity
    recorder._writer.work.machine = type(machine)(files=files)
    give(recorder, rows, [5])
    with pytest.raises(DatabaseWriteError, match="no longer the file"):
        recorder.close("finished")
    assert query(db, "SELECT rows_dropped['samples'], state FROM raw.segments") == [(20, "failed")]
