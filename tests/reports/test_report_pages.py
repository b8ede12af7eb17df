"""What the documents show of reports is what they print."""

from __future__ import annotations

import re

import pytest
from readme_tables import EXAMPLE, README, REPORTS, ROOT

import rlaudit
from rlaudit.cli import main
from rlaudit.sqlfiles import read_reports


def test_the_readme_shows_what_a_report_prints(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    found = re.findall(
        r"^\$ rlaudit (report run \S+ fixtures/.*)\n([^`]*)```",
        README.read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    assert found
    for words, shown in found:
        assert main(words.split()) == 0
        # Lines are wrapped in the README, and elsewhere at most by a terminal.
        assert shown.split() == capsys.readouterr().out.split()


def test_the_report_that_is_shown_as_a_whole_works(tmp_path):
    (text,) = re.findall(
        r"```sql\n(-- name: long_waits\n[^`]*)```", REPORTS.read_text(encoding="utf-8")
    )
    (tmp_path / "long_waits.sql").write_text(text)
    log = rlaudit.open(EXAMPLE)
    found = log.report("long_waits", reports=[tmp_path], least=100).fetchall()
    assert found
    assert min(waited for _, _, waited in found) >= 100
    assert log.report("long_waits", reports=[tmp_path]).note == "nothing waited that long"


def test_there_are_ten_worked_queries():
    page = REPORTS.read_text(encoding="utf-8")
    assert [int(n) for n in re.findall(r"^### (\d+)\. ", page, flags=re.MULTILINE)] == [
        *range(1, 11)
    ]
    assert len(re.findall(r"```\n\n```text\n[^`]+```", page)) == 10


@pytest.mark.parametrize("report", read_reports()[0], ids=lambda report: report.name)
def test_a_report_of_ours_says_what_it_answers(report):
    assert report.question.endswith("?")
    assert not report.title.endswith(".")
