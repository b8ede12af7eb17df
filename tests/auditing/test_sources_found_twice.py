"""A log that is there twice is counted once, and said once."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from rlaudit.auditing.sourcing import find_sources
from rlaudit.cli import main
from rlaudit.curves import Wish, read_curves
from rlaudit.store import open_for_writing

STARTED = "2026-01-01 00:00:00"
WISH = Wish("episodes", None, None, False, False, ())


@pytest.fixture
def logs(tmp_path, log_file):
    """A folder with the log of one run, and a function that adds episodes to one."""
    path, writing = log_file
    folder = tmp_path / "logs"
    folder.mkdir()
    with writing() as log:
        log.add_run(config={"seed": 1}, started_at=STARTED, host="h", pid=7, env_id="CartPole-v1")
        log.add("segments", run_id="r1", segment_id="s1", ordinal=0, state="finished")
        episodes(log, 1)
    path.rename(folder / "b.duckdb")
    return folder


def episodes(log, first):
    ids = list(range(first, first + 100))
    log.add(
        "episodes", run_id="r1", segment_id="s1", episode_id=ids, env_index=0, phase="train",
        start_step=ids, end_step=[i + 1 for i in ids], length=1, return_raw=1.0, return_clipped=1.0,
        terminated=True, truncated=False,
    )  # fmt: skip


def link(source, target):
    target.symlink_to(source)


def earlier_copy(source, target):
    """Make a copy, and let the log go on."""
    shutil.copy(source, target)
    with open_for_writing(source) as con:
        con.execute(
            "INSERT INTO raw.episodes BY NAME SELECT * REPLACE (episode_id + 100 AS episode_id, "
            "start_step + 100 AS start_step, end_step + 100 AS end_step) FROM raw.episodes"
        )


KINDS = {"link": link, "hard link": os.link, "copy": shutil.copy, "earlier copy": earlier_copy}


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("name", ["a.duckdb", "c.duckdb", "sub/b.duckdb"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_log_that_is_there_twice_is_found_once(logs, kind, name, named):
    (logs / "sub").mkdir()
    KINDS[kind](logs / "b.duckdb", logs / name)
    given = [logs / "b.duckdb", logs / name] if named else logs
    found, empty, notes = find_sources(given)
    assert not empty
    assert len(notes) == 1
    kept = {source.path.name for source in found}
    assert len(found) == 1
    if kind == "earlier copy":
        assert kept == {"b.duckdb"}
        assert "has only runs that" in notes[0]


@pytest.mark.parametrize("kind", KINDS)
def test_every_command_counts_it_once_and_says_so(logs, capsys, kind):
    KINDS[kind](logs / "b.duckdb", logs / "z.duckdb")
    main(["audit", str(logs), "--format", "json"])
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert len(report["sources"]) == 1
    assert [note for note in report["notes"] if "z.duckdb" in note]
    assert err.count("z.duckdb") == 1
    curves, _, notes = read_curves(logs, WISH)
    assert [curve.run_id for curve in curves] == ["r1"]
    assert len([note for note in notes if "z.duckdb" in note]) == 1
    assert main(["plot", str(logs), "--format", "csv"]) == 0
    assert capsys.readouterr()[1].count("z.duckdb") == 1


def test_a_file_that_is_named_twice_needs_no_note(logs):
    found, _, notes = find_sources([logs / "b.duckdb", logs, logs / "b.duckdb"])
    assert (len(found), notes) == (1, [])


def test_two_runs_of_one_id_are_two(logs):
    shutil.copy(logs / "b.duckdb", logs / "c.duckdb")
    with open_for_writing(logs / "c.duckdb") as con:
        con.execute("UPDATE raw.runs SET pid = 8")
    assert len(find_sources(logs).found) == 2


def test_runs_that_do_not_say_when_they_began_are_not_compared(logs):
    with open_for_writing(logs / "b.duckdb") as con:
        con.execute("UPDATE raw.runs SET started_at = NULL")
    earlier_copy(logs / "b.duckdb", logs / "c.duckdb")
    assert len(find_sources(logs).found) == 2
