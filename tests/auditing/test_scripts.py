"""A check as a script: it runs in a plain DuckDB that has the log open, and shows the same rows."""

from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path

import duckdb
import pytest
from checking import STRATIFIED
from own_checks import check_text, write_check

import rlaudit
from rlaudit.auditing import explain, script_of
from rlaudit.auditing.scripts import literal, tables_needed
from rlaudit.cli import main
from rlaudit.sqlfiles import load_checks, load_shared, parse_check
from rlaudit.store import batches, spool
from rlaudit.store.files import Files

CHECKS = {check.name: check for check in load_checks()}


def run_script(path, script):
    """Run a script as a shell does that has ``path`` open read-only; return the last rows."""
    with duckdb.connect(path, read_only=True) as con:
        for statement in con.extract_statements(script):
            result = con.execute(statement)
        return [column[0] for column in result.description], result.fetchall()


@pytest.fixture
def log(log_file):
    """A log of two runs, in which both drew transition 5 at positions 0 and 3 of one batch."""
    path, writing = log_file
    with writing() as log:
        for run in ("r1", "r'2"):
            log.add_run(run, STRATIFIED)
            log.add_batch(1, [5, 6, 7, 5], run_id=run)
    return path


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    from rlaudit.store import open_for_writing  # noqa: PLC0415 - only this fixture

    path = tmp_path_factory.mktemp("empty") / "runs.duckdb"
    with open_for_writing(path):
        pass
    return path


@pytest.mark.parametrize("check", CHECKS.values(), ids=lambda check: check.name)
def test_the_script_of_every_check_runs_in_a_plain_shell(empty, check):
    columns, rows = run_script(empty, script_of(check, every_run=True))
    assert rows == []
    check.check_columns(columns)


def test_the_query_of_a_finding_shows_its_rows_and_no_others(log):
    report = rlaudit.audit(log, select=["impossible_repeats_stratified"])
    assert [finding.run_id for finding in report] == ["r'2", "r1"]
    for finding in report:
        columns, rows = run_script(log, finding.query)
        assert [dict(zip(columns, row, strict=True)) for row in rows] == list(finding.examples)
        assert len(rows) == 1


def test_the_script_of_all_runs_shows_the_rows_of_all(log):
    check = CHECKS["impossible_repeats_stratified"]
    _, rows = run_script(log, script_of(check, every_run=True))
    assert sorted(row[0] for row in rows) == ["r'2", "r1"]


def test_a_header_adds_no_statement_to_a_script(log, tmp_path):
    grain = 'run_id, x"; DROP TABLE raw.runs; --'
    sql = 'SELECT run_id, 1 AS "x""; DROP TABLE raw.runs; --" FROM runs'
    check = parse_check(
        check_text(grain=grain, sql=sql, diagnosis="{run_id}"), Path("bad_name.sql")
    )
    script = script_of(check, every_run=True)
    with duckdb.connect() as con:
        assert len(con.extract_statements(script)) == 1
    assert [row[0] for row in run_script(log, script)[1]] == ["r'2", "r1"]
    write_check(tmp_path / "own", grain=grain, sql=sql, diagnosis="{run_id}")
    report = rlaudit.audit(log, checks_dirs=[tmp_path / "own"], select=["bad_name"])
    assert (len(report), report.problems) == (2, ())


def test_a_script_runs_twice_in_one_shell(log):
    script = script_of(CHECKS["impossible_repeats_stratified"], "r1")
    assert run_script(log, script * 2) == run_script(log, script)


def test_the_query_of_rows_without_a_run_shows_these(log_file):
    path, writing = log_file
    with writing() as log:
        log.add("episodes", run_id=[None, None, "r1"], episode_id=[1, 1, 1])
    (finding,) = rlaudit.audit(path, select=["duplicate_episodes"])
    assert finding.run_id is None
    assert len(run_script(path, finding.query)[1]) == 1


def test_the_query_over_a_spool_says_where_its_rows_are_seen(log, capsys, monkeypatch):
    """Rows that wait beside the file are judged, and rlaudit sql shows them by the same query."""
    rows = [{"run_id": "r1", "segment_id": "s1", "update_id": 9} for _ in range(2)]
    segment = {"run_id": "r1", "segment_id": "s1", "rows_offered": {}, "rows_written": {}}
    tables = {
        "updates": batches.from_dicts("updates", rows),
        "segments": batches.from_dicts("segments", [{**segment, "rows_spooled": {}}]),
    }
    began = dt.datetime(2026, 1, 2)  # noqa: DTZ001 - the log's times have no zone
    spool.write_entry(Files(), log, spool.entry_name(began, "a", 0), tables)
    (finding,) = rlaudit.audit(log, select=["duplicate_update_ids"])
    assert "spool: rlaudit sql sees them, a shell does not" in finding.query
    assert run_script(log, finding.query)[1] == []
    monkeypatch.setattr("sys.stdin", io.StringIO(finding.query))
    assert main(["sql", str(log), "-", "--format", "json"]) == 0
    assert [row["update_id"] for row in json.loads(capsys.readouterr().out)] == [9]


def test_without_a_spool_nothing_is_said_of_one(log):
    for finding in rlaudit.audit(log, select=["impossible_repeats_stratified"]):
        assert "spool" not in finding.query


@pytest.mark.parametrize("end", [";", " ; -- done", "\n-- done\n;\n", ""])
def test_the_end_of_a_file_may_be_a_comment_or_a_semicolon(log, tmp_path, end):
    sql = f"SELECT run_id, 'x;--' AS name FROM runs{end}"
    write_check(tmp_path, "ends", sql)
    report = rlaudit.audit(log, checks_dirs=[tmp_path], select=["ends"])
    assert report.problems == ()
    assert run_script(log, report.findings[0].query)[1] == [("r'2", "x;--")]


def test_needed_tables_come_before_those_that_need_them():
    shared = load_shared()
    for check in CHECKS.values():
        names = [file.name for file in tables_needed(check, shared)]
        for name in names:
            needed = names.index(name)
            assert all(names.index(other) < needed for other in shared[name].needs)
        assert set(check.needs) <= set(names)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "NULL"), (True, "true"), (3, "3"), (6.7e-4, "0.00067"), ("a'b", "'a''b'")],
)
def test_values_are_written_as_sql(value, text):
    assert literal(value) == text


def test_an_explanation_says_what_the_header_says():
    check = CHECKS["duplicate_run_ids"]
    said = explain(check)
    assert said.false_alarms == "none: no legal log can fail it"
    assert (said.title, said.why, said.cites) == (check.title, check.why, check.cites)
    said = explain(CHECKS["impossible_repeats_stratified"])
    assert ("tolerance", "DOUBLE", "0.002", "at least 0") in said.params
    assert "config.sampling = stratified" in said.requires
