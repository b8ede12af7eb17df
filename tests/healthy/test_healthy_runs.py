"""A dozen healthy runs, on which no check may find anything; study.py makes hundreds."""

from __future__ import annotations

import pytest
from false_alarms import Alarm, Audited, audit_log, report
from study import logs_of
from trials import make_log

from rlaudit.store import open_for_writing

CI = logs_of("ci")


@pytest.mark.parametrize("name", CI)
def test_the_audit_finds_nothing_in_a_healthy_run(name, tmp_path):
    made = make_log(tmp_path, CI[name])
    assert made["error"] == ""
    audited = audit_log(tmp_path / f"{name}.duckdb", [trial.name for trial in CI[name]])
    assert audited.alarms == ()
    assert audited.errors == ()
    assert len(audited.judged) > 20


def test_a_finding_in_any_of_the_runs_of_a_log_is_an_alarm(tmp_path):
    made = make_log(tmp_path, CI["ci-006"])
    path = tmp_path / "ci-006.duckdb"
    with open_for_writing(path) as con:
        con.execute("INSERT INTO raw.updates SELECT * FROM raw.updates WHERE update_id = 1")
    audited = audit_log(path, ["ci-006"])
    assert made["error"] == ""
    assert ("ci-006", "duplicate_update_ids") in {(a.run, a.check) for a in audited.alarms}


def test_a_log_must_hold_the_runs_of_the_plan(tmp_path):
    make_log(tmp_path, CI["ci-006"])
    audited = audit_log(tmp_path / "ci-006.duckdb", ["ci-006", "ci-099"])
    assert audited.errors == ("the log holds the runs ci-006",)


def test_the_report_counts_runs_and_not_findings():
    logs = [
        Audited(f"log-{n}", (f"run-{n}",), (), (), ("wrong_beta",), ("not_a_number",))
        for n in range(399)
    ]
    alarms = tuple(Alarm("run-x", check, "error", 3, "it is wrong") for check in ("a", "b"))
    logs.append(Audited("log-x", ("run-x",), alarms, (), ("a", "b"), ()))
    text = report(logs, missing=[], planned=400)
    assert "400 of 400 healthy runs in 400 logs: 1 with a finding, 0.25%" in text
    assert "95% interval 0.01% to 1.38%" in text
    assert "| run-x | `b` (error) | 3 | it is wrong |" in text
    assert "| `wrong_beta` | 399 | 0 |" in text
    assert "| `not_a_number` | 0 | 0 |" in text
    assert "logs not made" not in text


def test_the_report_names_what_is_missing():
    text = report([], missing=["final-007"], planned=400)
    assert "0 of 400 healthy runs" in text
    assert "1 logs not made, or ended in an error: final-007." in text
