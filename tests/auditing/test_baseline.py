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
    assert content["rlaudit_baseline"] == 1
    assert content["accepted"] == [{"check": CHECK, "run_id": "r1", "rows": 1}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read the baseline"),
        ("{", "is not JSON"),
        ("[1]", "is not a baseline"),
        ('{"results": []}', "is not a baseline"),
        ('{"rlaudit_baseline": 99, "accepted": []}', "has version 99"),
        ('{"rlaudit_baseline": 1}', "has no list of accepted findings"),
        ('{"rlaudit_baseline": 1, "accepted": [{"check": "x"}]}', "an entry that is no finding"),
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
