"""Baselines: what is accepted, what is new, what has grown, what is gone."""

from __future__ import annotations

import json

import pytest

import rlaudit
from rlaudit.auditing import Accepted, write_baseline
from rlaudit.errors import UsageError
from rlaudit.store import open_for_writing

CHECK = "duplicate_episodes"


def episodes(path, run_id, *ids):
    with open_for_writing(path) as con:
        con.executemany(
            "INSERT INTO raw.episodes (run_id, episode_id) VALUES (?, ?)",
            [[run_id, episode_id] for episode_id in ids],
        )


def audit(path, baseline=None, **options):
    options.setdefault("select", [CHECK, "duplicate_run_ids"])
    return rlaudit.audit(path, baseline=baseline, **options)


@pytest.fixture
def log(db):
    """A log in which run r1 has episode 1 twice."""
    episodes(db, "r1", 1, 1, 2)
    with open_for_writing(db) as con:
        con.execute("INSERT INTO raw.runs (run_id) VALUES ('r1'), ('r2')")
    return db


@pytest.fixture
def baseline(log, tmp_path):
    path = tmp_path / "baseline.json"
    assert write_baseline(audit(log), path) == 1
    return path


def test_accepted_findings_are_left_out(log, baseline):
    report = audit(log, baseline)
    assert report.findings == report.gone == ()
    assert report.clean
    assert [finding.rows for finding in report.accepted] == [1]
    assert [r.status for r in report.sources[0].results] == ["pass", "pass"]


def test_a_finding_that_grew_is_shown_with_what_was_accepted(log, baseline):
    episodes(log, "r1", 2)
    (finding,) = audit(log, baseline)
    assert (finding.rows, finding.accepted) == (2, 1)


def test_a_finding_in_another_run_is_new(log, baseline):
    episodes(log, "r2", 7, 7)
    report = audit(log, baseline)
    assert [(f.run_id, f.rows, f.accepted) for f in report] == [("r2", 1, 0)]
    assert [f.run_id for f in report.accepted] == ["r1"]
    (failed,) = [r for r in report.sources[0].results if r.status == "fail"]
    assert failed.wrong == 1


def test_what_no_longer_occurs_is_listed_if_it_was_judged(baseline, tmp_path):
    other = tmp_path / "mended.duckdb"
    episodes(other, "r1", 1, 2)
    with open_for_writing(other) as con:
        con.execute("INSERT INTO raw.runs (run_id) VALUES ('r1')")
    assert audit(other, baseline).gone == (Accepted(CHECK, "r1", 1),)
    assert audit(other, baseline, select=["duplicate_run_ids"]).gone == ()
    unrelated = tmp_path / "unrelated.duckdb"
    episodes(unrelated, "r9", 1)
    assert audit(unrelated, baseline, select=[CHECK]).gone == ()


def test_accepted_findings_stay_accepted_when_it_is_written_again(log, baseline):
    episodes(log, "r2", 7, 7)
    assert write_baseline(audit(log, baseline), baseline) == 2
    assert audit(log, baseline).clean


def test_the_file_can_be_read_by_people(baseline):
    content = json.loads(baseline.read_text())
    assert (content["rlaudit_baseline"], content["key"]) == (2, "name")
    assert content["accepted"] == [{"check": CHECK, "run_id": "r1", "rows": 1}]


# --- runs that are known by their environment and name -----------------------------------------


def nightly(path, **runs):
    """Make a log of runs; each is its environment, its name and the ids of its episodes."""
    path.unlink(missing_ok=True)
    with open_for_writing(path) as con:
        for run_id, (env_id, name, ids) in runs.items():
            con.execute(
                "INSERT INTO raw.runs (run_id, env_id, name) VALUES (?, ?, ?)",
                [run_id, env_id, name],
            )
            con.executemany(
                "INSERT INTO raw.episodes (run_id, episode_id) VALUES (?, ?)",
                [[run_id, episode_id] for episode_id in ids],
            )
    return path


@pytest.fixture
def written(db, tmp_path):
    """Write a baseline of a log of such runs, and return its path and its entries."""

    def write(by="name", **runs):
        path = tmp_path / "baseline.json"
        write_baseline(audit(nightly(db, **runs)), path, by=by)
        return path, json.loads(path.read_text())["accepted"]

    return write


ONE = [1, 1]
TWO = [1, 1, 2, 2]


def test_a_run_of_tonight_under_a_new_id_is_the_one_of_last_night(written, db):
    path, entries = written(monday=("Pong", "nightly", ONE))
    assert entries == [{"check": CHECK, "env_id": "Pong", "name": "nightly", "rows": 1}]
    report = audit(nightly(db, tuesday=("Pong", "nightly", ONE)), path)
    assert (report.findings, report.gone, report.notes) == ((), (), ())
    assert [finding.run_id for finding in report.accepted] == ["tuesday"]


@pytest.mark.parametrize(
    ("env_id", "name"), [("Breakout", "nightly"), ("Pong", "n"), (None, "nightly"), ("Pong", None)]
)
def test_another_environment_or_name_is_another_run(written, db, env_id, name):
    path, _ = written(monday=("Pong", "nightly", ONE))
    report = audit(nightly(db, tuesday=(env_id, name, ONE)), path)
    assert [finding.run_id for finding in report] == ["tuesday"]
    (note,) = report.notes
    assert "accepts nothing here: it knows runs by their environment and name" in note


def test_several_runs_of_a_name_have_the_rows_of_the_one_with_most(written, db):
    path, entries = written(a=("Pong", "n", ONE), b=("Pong", "n", TWO), c=("Pong", "n", ONE))
    assert [entry["rows"] for entry in entries] == [2]
    report = audit(
        nightly(db, d=("Pong", "n", TWO), e=("Pong", "n", TWO), f=("Pong", "n", [*TWO, 3, 3])), path
    )
    assert [finding.run_id for finding in report.accepted] == ["d", "e"]
    assert [(f.run_id, f.rows, f.accepted) for f in report] == [("f", 3, 2)]


def test_what_no_run_of_the_name_has_any_more_is_gone(written, db):
    path, _ = written(a=("Pong", "n", ONE))
    one_has_it = audit(nightly(db, b=("Pong", "n", [1]), c=("Pong", "n", ONE)), path)
    assert one_has_it.gone == ()
    (gone,) = audit(nightly(db, b=("Pong", "n", [1]), c=("Pong", "n", [1])), path).gone
    assert gone == Accepted(CHECK, None, 1, "Pong", "n")
    assert gone.where == "runs named n on Pong"
    assert audit(nightly(db, d=("Pong", "other", [1])), path).gone == ()


def test_a_run_that_states_neither_and_rows_of_no_run_are_known_by_id(written, db):
    _, entries = written(a=(None, None, ONE))
    assert entries == [{"check": CHECK, "run_id": "a", "rows": 1}]
    with open_for_writing(db) as con:
        con.execute("INSERT INTO raw.episodes (run_id) VALUES (NULL), ('stray')")
    path = db.with_suffix(".json")
    write_baseline(audit(db, select=["orphan_rows"]), path)
    entries = json.loads(path.read_text())["accepted"]
    assert {entry["run_id"] for entry in entries} == {None, "stray"}
    report = audit(db, path, select=["orphan_rows"])
    assert (report.findings, report.notes) == ((), ())


def test_it_can_know_runs_by_id(written, db):
    path, entries = written("run-id", monday=("Pong", "nightly", ONE))
    assert entries == [{"check": CHECK, "run_id": "monday", "rows": 1}]
    assert json.loads(path.read_text())["key"] == "run-id"
    assert audit(db, path).clean
    report = audit(nightly(db, tuesday=("Pong", "nightly", ONE)), path)
    assert [finding.run_id for finding in report] == ["tuesday"]
    assert "it knows runs by their id, and none" in report.notes[0]


def test_a_file_of_version_1_knows_runs_by_id(written, db):
    path, _ = written(monday=("Pong", "nightly", ONE))
    entry = {"check": CHECK, "run_id": "monday", "rows": 1}
    path.write_text(json.dumps({"rlaudit_baseline": 1, "accepted": [entry]}))
    assert audit(db, path).clean
    assert not audit(nightly(db, tuesday=("Pong", "nightly", ONE)), path).clean


def test_one_file_serves_several_logs(written, db, tmp_path):
    path, _ = written(a=("Pong", "n", TWO))
    other = nightly(tmp_path / "other.duckdb", b=("Pong", "n", ONE), c=("Pong", "m", ONE))
    report = audit([db, other], path)
    assert [finding.run_id for finding in report.accepted] == ["a", "b"]
    assert [finding.run_id for finding in report] == ["c"]


def test_of_a_log_that_cannot_be_read_it_says_nothing(written, tmp_path):
    path, _ = written(a=("Pong", "n", ONE))
    report = audit(tmp_path / "nowhere.duckdb", path)
    assert (len(report.problems), report.notes) == (1, ())


def test_a_check_that_is_not_there_is_said_with_the_nearest_name(written, db):
    path, _ = written(a=("Pong", "n", ONE))
    path.write_text(path.read_text().replace(CHECK, "duplicate_episode"))
    report = audit(db, path)
    assert [finding.check.name for finding in report] == [CHECK]
    note = "accepts findings of 'duplicate_episode', and no check is called so (did you mean"
    assert f"{note} 'duplicate_episodes'?)" in report.notes[0]


# --- files that are none -------------------------------------------------------------------------


def of(*entries, version=2, key="name", **more):
    return json.dumps({"rlaudit_baseline": version, "key": key, "accepted": list(entries), **more})


BY_ID = {"check": "x", "run_id": "r", "rows": 1}
BY_NAME = {"check": "x", "env_id": "e", "name": "n", "rows": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read the baseline"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is nested too deeply"),
        ("[1]", "is not a baseline"),
        ('{"results": []}', "is not a baseline"),
        ('{"rlaudit_baseline": 99, "accepted": []}', "has version 99"),
        ('{"rlaudit_baseline": "2", "accepted": []}', 'has version "2"'),
        ('{"rlaudit_baseline": true, "accepted": []}', "has version true"),
        ('{"rlaudit_baseline": 1}', "has no list of accepted findings"),
        ('{"rlaudit_baseline": 1, "accepted": [{"check": "x"}]}', "is no finding"),
        ('{"rlaudit_baseline": 1, "key": "name", "accepted": []}', "the unknown key 'key'"),
        ('{"rlaudit_baseline": 1, "accepted": [], "accepted": []}', "key 'accepted' twice"),
        (of(accept=1), "has the unknown key 'accept'"),
        (of(key="id"), 'the key of the baseline .* is "id"'),
        (of(key=None), "the key of the baseline .* is null"),
        ('{"rlaudit_baseline": 2, "accepted": []}', "the key of the baseline .* is null"),
        (of(BY_ID, BY_ID), "accepts x in run r twice"),
        (of(BY_NAME, {**BY_NAME, "rows": 7}), "accepts x in runs named n on e twice"),
        (of({**BY_NAME, "row": 7}), "has the unknown key 'row'"),
        (of({**BY_NAME, "run_id": "r"}), "has the unknown key"),
        (of(BY_NAME, key="run-id"), "has the unknown key 'env_id'"),
        (of("x"), "is no finding"),
        (of({"check": "x", "env_id": "e", "rows": 1}), "is no finding"),
        (of({**BY_NAME, "env_id": None, "name": None}), "cannot be meant"),
        (of({**BY_NAME, "name": 3}), "cannot be meant"),
        (of({**BY_NAME, "check": None}), "cannot be meant"),
        (of({**BY_ID, "rows": True}), "cannot be meant"),
        (of({**BY_ID, "rows": 0}), "cannot be meant"),
        (of({**BY_ID, "rows": "3"}), "cannot be meant"),
        (of({**BY_ID, "rows": 1.5}), "cannot be meant"),
    ],
)
def test_a_file_that_is_no_baseline_is_refused(log, tmp_path, content, message):
    path = tmp_path / "other.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match=message):
        audit(log, path)


def test_a_place_that_cannot_be_written_is_refused(log, tmp_path):
    with pytest.raises(UsageError, match="cannot write the baseline"):
        write_baseline(audit(log), tmp_path / "none" / "b.json")
