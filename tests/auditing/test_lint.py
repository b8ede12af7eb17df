"""Lint, and the skeleton of a new check."""

from __future__ import annotations

import pytest
from own_checks import line_of, write_check

import rlaudit
from rlaudit.auditing import explain, lint_checks, new_check, script_of
from rlaudit.errors import UsageError
from rlaudit.sqlfiles import load_checks, sql_root


def test_our_own_checks_have_no_problems():
    assert [f"{p} ({p.hint})" for p in lint_checks(sql_root() / "checks")] == []


def test_a_sound_check_has_none(tmp_path):
    write_check(tmp_path)
    assert lint_checks(tmp_path) == []


ALPHA = {"params": "alpha DOUBLE = 0.01", "threshold": "t", "false_alarms": "1%"}
WITH_ALPHA = "SELECT run_id, name FROM runs WHERE random() < getvariable('alpha')"


@pytest.mark.parametrize(
    ("sql", "keys", "at", "message"),
    [
        (None, {"severity": "fatal"}, "-- severity", "unknown severity 'fatal'"),
        (None, {"why": None}, "-- name", "key 'why' is missing"),
        ("SELECT 1;\nSELECT 2", {}, "SELECT 2", "2 statements"),
        ("SELECT run_id, nmae\nFROM runs", {}, "nmae", '"nmae" not found'),
        ("SELECT run_id FROM runs", {}, "-- diagnosis", "names 'name', which is no column"),
        (None, {"params": "least BIGINT = 1"}, "-- params", "'least', which the SQL does not read"),
        (None, {"params": "least BIGINT = 0 from 1"}, "-- params", "default of 'least', is not at"),
        (None, {"needs": "run_settings"}, "-- needs", "'run_settings', which the SQL does not"),
        (
            "SELECT run_id, name\nFROM runs\nJOIN episodes USING (run_id)",
            {},
            "JOIN episodes",
            "reads episodes, which reads does not state",
        ),
        (None, {"reads": "runs, samples"}, "-- reads", "states samples, which the SQL does not"),
        (None, {"after": "run_id_shard"}, "-- after", "'run_id_shard', which is no check"),
        (None, {"after": "run_id_shared.no"}, "-- after", "and run_id_shared has no such column"),
        (None, {"after": "run_id_shared,a-b"}, "-- after", "after has 'a-b'"),
        (None, {"after": "faulty"}, "-- after", "consequence of itself: faulty after faulty"),
        (None, {"also_reads": "events"}, "-- also_reads", "states events, which the SQL does not"),
        (WITH_ALPHA, {**ALPHA, "threshold": None}, "-- params", "alpha and no threshold"),
        (WITH_ALPHA, {**ALPHA, "false_alarms": None}, "-- params", "alpha and no false_alarms"),
        (WITH_ALPHA, {**ALPHA, "incremental": "update_id"}, "-- incremental", "is incremental"),
        (
            "SELECT 'x' AS run_id, count(*) AS name FROM runs",
            {},
            "-- name",
            "returns 1 rows for a log that has none",
        ),
    ],
)
def test_each_fault_is_one_problem_with_its_line(tmp_path, sql, keys, at, message):
    path = write_check(tmp_path, "faulty", *([sql] if sql else []), **keys)
    (problem,) = lint_checks(tmp_path)
    assert (problem.path, problem.line) == (path, line_of(path, at))
    assert message in problem.message


def test_causes_that_go_in_a_circle_are_problems_of_all_on_it(tmp_path):
    for name, after in (("a", "b.name"), ("b", "run_id_shared, c"), ("c", "a"), ("d", "a")):
        write_check(tmp_path, name, after=after)
    assert [problem.message for problem in lint_checks(tmp_path)] == [
        "is a consequence of itself: a after b after c after a",
        "is a consequence of itself: b after c after a after b",
        "is a consequence of itself: c after a after b after c",
    ]


def test_a_bound_of_a_parameter_is_sound_and_explained(tmp_path):
    sql = WITH_ALPHA.replace("alpha", "share")
    write_check(tmp_path, sql=sql, params="share DOUBLE = 0.01 from 0 to 1")
    assert lint_checks(tmp_path) == []
    (check,) = load_checks(tmp_path)
    assert explain(check).params == (("share", "DOUBLE", "0.01", "from 0 to 1"),)
    assert "SET VARIABLE share = CAST(0.01 AS DOUBLE);  -- from 0 to 1\n" in script_of(check)


def test_a_table_that_need_not_have_rows_is_stated_in_also_reads(tmp_path):
    sql = "SELECT run_id, name FROM runs LEFT JOIN transitions USING (run_id)"
    write_check(tmp_path, sql=sql, also_reads="transitions")
    assert lint_checks(tmp_path) == []


def test_names_of_ctes_are_no_tables(tmp_path):
    write_check(tmp_path, sql="WITH episodes AS (FROM runs) SELECT run_id, name FROM episodes")
    assert lint_checks(tmp_path) == []


def test_a_new_check_passes_lint_runs_and_finds_nothing(tmp_path, log_file):
    path = new_check("my_check", tmp_path / "mine")
    assert path == tmp_path / "mine" / "my_check.sql"
    assert lint_checks(tmp_path / "mine") == []
    log, writing = log_file
    with writing() as tiny:
        tiny.add_run()
        tiny.add("updates", run_id="r1", update_id=[1, 2], loss=[0.5, 0.0])
    report = rlaudit.audit(log, checks_dirs=[tmp_path / "mine"], select=["my_check"])
    assert report.clean
    assert report.sources[0].results[0].status == "pass"
    with writing() as tiny:
        tiny.add("updates", run_id="r1", update_id=3, loss=-1.0)
    (finding,) = rlaudit.audit(log, checks_dirs=[tmp_path / "mine"], select=["my_check"])
    assert finding.diagnosis.startswith("update 3 of run r1 has the loss -1")


def test_a_check_that_is_there_is_not_overwritten(tmp_path):
    path = new_check("my_check", tmp_path)
    path.write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        new_check("my_check", tmp_path)
    assert path.read_text() == "mine"


@pytest.mark.parametrize("name", ["", "My_check", "a-b", "../a", "1st", "a.sql"])
def test_a_name_that_no_check_can_have_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="is no name for a check"):
        new_check(name, tmp_path)
    assert list(tmp_path.iterdir()) == []
