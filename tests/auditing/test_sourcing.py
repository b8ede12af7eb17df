"""Logs that stand there twice: links, copies, copies that were made earlier, gathered runs."""

from __future__ import annotations

import os
import shutil

import pytest

import rlaudit
from rlaudit.auditing.sourcing import find_sources
from rlaudit.cli import main
from rlaudit.curves import Wish, read_curves
from rlaudit.errors import UsageError
from rlaudit.store import open_for_writing

EARLY, LATE = "2026-01-01", "2026-01-02"


def add(path, *runs, episodes=2, process="s", started_at=EARLY, pid=1):
    """Add runs, each begun by a process of its own name, with some episodes."""
    with open_for_writing(path) as con:
        for run in runs:
            con.execute("INSERT INTO raw.runs (run_id) VALUES (?)", [run])
            con.execute(
                "INSERT INTO raw.segments (run_id, segment_id, started_at, pid) "
                "VALUES (?, ?, ?, ?)",
                [run, f"{process}-{run}", started_at, pid],
            )
            more(con, run, range(episodes), process)
    return path


def more(con, run, ids, process="s"):
    con.executemany(
        "INSERT INTO raw.episodes (run_id, segment_id, episode_id, phase, return_raw, end_step) "
        "VALUES (?, ?, ?, 'train', 1, 1)",
        [[run, f"{process}-{run}", episode] for episode in ids],
    )


@pytest.fixture
def folder(tmp_path):
    """A folder with the log m.duckdb of two runs."""
    (tmp_path / "logs").mkdir()
    add(tmp_path / "logs" / "m.duckdb", "r1", "r2")
    return tmp_path / "logs"


def counted(*given):
    """Return the runs that count, by the name of their log, and what is said."""
    found = find_sources(given)
    return {log.path.name: log.runs for log in found.logs}, found.notes


def linked(folder):
    (folder / "a.duckdb").symlink_to(folder / "m.duckdb")
    return "it is a link to"


def hard_linked(folder):
    os.link(folder / "m.duckdb", folder / "z.duckdb")
    return "it is a link to the file of"


def copied(folder):
    shutil.copy(folder / "m.duckdb", folder / "z.duckdb")
    return "it is a copy of"


@pytest.mark.parametrize("twice", [linked, hard_linked, copied])
def test_the_same_log_twice_counts_once_in_audit_and_curves(folder, twice):
    said = twice(folder)
    logs, (note,) = counted(folder)
    assert logs == {"m.duckdb": None}
    assert said in note
    assert note.endswith(str(folder / "m.duckdb"))
    report = rlaudit.audit(folder, select=["duplicate_episodes"])
    assert [source.path.name for source in report.sources] == ["m.duckdb"]
    assert report.notes == (note,)
    curves, _, notes = read_curves(folder, Wish(window=1))
    assert [curve.run_id for curve in curves] == ["r1", "r2"]
    assert note in notes


def test_a_log_that_is_named_is_the_one_that_stays(folder, tmp_path):
    copy = tmp_path / "mine.duckdb"
    shutil.copy(folder / "m.duckdb", copy)
    assert counted(folder, copy)[0] == {"mine.duckdb": None}
    assert counted(folder, folder / "m.duckdb") == ({"m.duckdb": None}, [])
    _, (note,) = counted(copy, copy)
    assert note == f"{copy} is named twice and counts once"


def test_files_that_are_no_logs_are_told_apart_as_well(folder):
    for name in ("x.duckdb", "y.duckdb"):
        (folder / name).write_bytes(b"no database")
        (folder / f"empty-{name}").touch()
    report = rlaudit.audit(folder, select=["duplicate_episodes"])
    assert len(report.sources) == 1
    left_out = [note for note in report.notes if "is no rlaudit log" in note]
    assert len(left_out) == 3
    assert any("y.duckdb was left out: it is a copy of" in note for note in report.notes)


def test_of_an_earlier_copy_the_run_with_more_rows_counts(folder):
    shutil.copy(folder / "m.duckdb", folder / "a.duckdb")
    with open_for_writing(folder / "m.duckdb") as con:
        more(con, "r1", range(2, 5))
        more(con, "r2", [2])
    logs, (note,) = counted(folder)
    assert logs == {"m.duckdb": None}
    assert note == (
        f"{folder / 'a.duckdb'} was left out: its 2 runs count in {folder / 'm.duckdb'}, "
        "with as many rows or more"
    )
    curves, _, _ = read_curves(folder, Wish(window=1))
    assert [(curve.run_id, len(curve.x)) for curve in curves] == [("r1", 5), ("r2", 3)]


def test_copies_that_both_went_on_share_their_runs(folder):
    shutil.copy(folder / "m.duckdb", folder / "a.duckdb")
    with open_for_writing(folder / "m.duckdb") as con:
        more(con, "r1", [2])
    with open_for_writing(folder / "a.duckdb") as con:
        more(con, "r2", [2, 2])
    logs, notes = counted(folder)
    assert logs == {"a.duckdb": ("r2",), "m.duckdb": ("r1",)}
    assert [note.replace(f"{folder}/", "") for note in notes] == [
        "run r1 of a.duckdb counts in m.duckdb alone, with as many rows or more",
        "run r2 of m.duckdb counts in a.duckdb alone, with as many rows or more",
    ]
    report = rlaudit.audit(folder, select=["duplicate_episodes"])
    assert [(f.source, f.run_id) for f in report] == [(str(folder / "a.duckdb"), "r2")]
    judged = [result.judged for source in report.sources for result in source.results]
    assert judged == [("r2",), ("r1",)]
    report = rlaudit.audit(folder, run="r1", select=["duplicate_episodes"])
    assert [source.path.name for source in report.sources] == ["m.duckdb"]


def test_gathered_runs_count_in_the_logs_that_have_all_of_them(folder):
    add(folder / "one.duckdb", "r3")
    shutil.copy(folder / "m.duckdb", folder / "all.duckdb")
    add(folder / "all.duckdb", "r3")
    with open_for_writing(folder / "all.duckdb") as con:
        con.execute("DELETE FROM raw.episodes WHERE episode_id > 0")
    logs, (note,) = counted(folder)
    assert logs == {"m.duckdb": None, "one.duckdb": None}
    assert "all.duckdb was left out: its 3 runs count in" in note


@pytest.mark.parametrize("other", [{"process": "t"}, {"started_at": LATE}, {"pid": 2}])
def test_different_runs_under_one_id_both_count_and_it_is_said(folder, other):
    add(folder / "n.duckdb", "r1", **other)
    logs, (note,) = counted(folder)
    assert logs == {"m.duckdb": None, "n.duckdb": None}
    assert note == (
        f"runs r1 of {folder / 'm.duckdb'}, {folder / 'n.duckdb'} are different runs under one id"
    )
    curves, _, _ = read_curves(folder, Wish(window=1))
    assert [curve.run_id for curve in curves] == ["r1", "r2", "r1"]


def test_runs_that_do_not_say_when_they_began_are_taken_for_different_ones(folder):
    shutil.copy(folder / "m.duckdb", folder / "n.duckdb")
    for name in ("m.duckdb", "n.duckdb"):
        with open_for_writing(folder / name) as con:
            con.execute("UPDATE raw.segments SET started_at = NULL")
            more(con, "r1", [7] if name == "m.duckdb" else [7, 8])
    logs, (note,) = counted(folder)
    assert logs == {"m.duckdb": None, "n.duckdb": None}
    assert note.startswith("runs r1 of ")
    assert note.endswith("do not say when they began, and are taken for different runs")


def test_a_run_without_processes_is_told_by_its_own_beginning(folder):
    with open_for_writing(folder / "m.duckdb") as con:
        con.execute("DELETE FROM raw.segments")
        con.execute("UPDATE raw.runs SET started_at = ?, pid = 7", [EARLY])
    shutil.copy(folder / "m.duckdb", folder / "n.duckdb")
    with open_for_writing(folder / "n.duckdb") as con:
        more(con, "r1", [7])
        more(con, "r2", [7])
    assert counted(folder)[0] == {"n.duckdb": None}


def test_a_log_that_cannot_be_read_hides_no_other(folder):
    (folder / "broken.duckdb").write_bytes((folder / "m.duckdb").read_bytes()[:5000])
    (folder / "gone.duckdb").symlink_to(folder / "nowhere.duckdb")
    logs, notes = counted(folder)
    assert logs == {"broken.duckdb": None, "gone.duckdb": None, "m.duckdb": None}
    assert notes == []


def test_a_log_whose_spool_has_more_is_no_copy(folder):
    shutil.copy(folder / "m.duckdb", folder / "z.duckdb")
    entry = folder / "z.duckdb.spool" / "20260101T000000000000-abc-000001"
    entry.mkdir(parents=True)
    logs, _ = counted(folder / "m.duckdb", folder / "z.duckdb")
    # Whose rows are equal is found by reading both.
    assert len(logs) == 1


def test_a_comparison_of_a_log_with_its_copy_is_refused(folder, capsys):
    copied(folder)
    code = main(["compare", str(folder / "m.duckdb"), str(folder / "z.duckdb"), "--window", "1"])
    assert code == 2
    err = capsys.readouterr().err
    assert "z.duckdb has no run to compare" in err
    assert "it is a copy of" in err


def test_of_nothing_there_is_nothing_to_find():
    with pytest.raises(UsageError, match="no log is named"):
        find_sources([])
