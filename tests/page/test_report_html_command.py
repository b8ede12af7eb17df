from __future__ import annotations

import re

import pytest
from page_logs import add_run

from rlaudit.cli import main

OWN_CHECK = """\
-- name: any_run
-- title: A log with a run
-- severity: error
-- reads: runs
-- grain: run_id
-- groups: runs
-- diagnosis: run {run_id} is there
-- why: it is a test.

SELECT run_id FROM runs
"""


@pytest.fixture
def log(log_file):
    path, writing = log_file
    with writing() as tiny:
        add_run(tiny.con, "good")
    return path


def run(capsys, *arguments):
    code = main(["report", "html", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_page_is_written_without_a_word_on_stdout(capsys, log, tmp_path):
    target = tmp_path / "page.html"
    code, out, err = run(capsys, log, "-o", target, "--no-audit")
    assert (code, out) == (0, "")
    assert err == f"wrote {target}, 0.1 MB\n"
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_its_name_is_report_html_and_findings_are_no_failure(capsys, log, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, _ = run(capsys, log, "--run", "good")
    assert code == 0
    assert 'class="check error"' in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_audit_is_of_the_chosen_runs(capsys, log_file, tmp_path):
    """Broken runs draw one transition twice at one place of a batch; the healthy one does not."""
    path, writing = log_file
    with writing() as tiny:
        for number, run_id in enumerate(("broken", "healthy", "left out"), start=1):
            add_run(tiny.con, run_id, started=f"2026-01-0{number}")
        tiny.con.execute(
            "INSERT INTO raw.samples FROM raw.samples WHERE update_id = 7 AND run_id != 'healthy'"
        )

    def findings(*runs):
        target = tmp_path / "page.html"
        chosen = [part for each in runs for part in ("--run", each)]
        code, _, err = run(capsys, path, "-o", target, *chosen)
        assert code == 0, err
        page = target.read_text(encoding="utf-8")
        assert "left out" not in page
        section = re.search(r'<section id="findings".*?</section>', page, re.DOTALL)[0]
        return section, "duplicate_samples</h3>" in section

    section, found = findings("healthy")
    assert not found
    assert "over 1 run:" in section
    section, found = findings("healthy", "broken")
    assert found
    assert "over 2 runs:" in section
    assert "<strong>run broken, 4 rows</strong>" in section


def test_a_projects_checks_and_baseline_count(capsys, log, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "any_run.sql").write_text(OWN_CHECK, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(
        '[tool.rlaudit]\nchecks = ["checks"]\nbaseline = "accepted.json"\n', encoding="utf-8"
    )

    def headings():
        assert run(capsys, log)[0] == 0
        page = (tmp_path / "report.html").read_text(encoding="utf-8")
        section = re.search(r'<section id="findings".*?</section>', page, re.DOTALL)[0]
        return set(re.findall(r"(\w+)</h3>", section))

    accept = ["baseline", "write", str(log), "--output", "accepted.json"]
    assert main([*accept, "--ignore", "any_run"]) == 0
    assert headings() == {"any_run"}
    assert main(accept) == 0
    assert headings() == set()


def test_what_could_not_be_done_stands_on_the_page_and_on_stderr(capsys, log_file, tmp_path):
    path, writing = log_file
    with writing():
        pass
    code, out, err = run(capsys, path, "-o", tmp_path / "page.html")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("error: nothing in")
    assert "Could not be done: nothing in" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_bad_input_is_one_line_and_leaves_no_page(capsys, log, tmp_path, held):
    target = tmp_path / "page.html"
    (tmp_path / "other.txt").write_text("no database")
    cases = (
        ([tmp_path / "none.duckdb"], "does not exist"),
        ([tmp_path / "other.txt"], "not a DuckDB database"),
        ([tmp_path], "is a folder"),
        ([log, "--run", "goo"], "did you mean 'good'?"),
    )
    for arguments, message in cases:
        code, out, err = run(capsys, *arguments, "-o", target)
        assert (code, out) == (2, "")
        assert err.startswith("error: ")
        assert message in err
        assert err.count("\n") == 1
    with held(log):
        code, out, err = run(capsys, log, "-o", target, "--wait", "0")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "is being written" in err or "held" in err or "locked" in err
    assert not target.exists()
    code, _, err = run(capsys, log, "--no-audit", "-o", tmp_path / "no" / "page.html")
    assert code == 2
    assert "cannot write" in err.splitlines()[-1]
