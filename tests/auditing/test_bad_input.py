"""What is wrong with a check file or a log is one problem, and everything else is still judged."""

from __future__ import annotations

import shutil

import duckdb
import pytest
from checking import STRATIFIED
from own_checks import SQL, line_of, write_check

import rlaudit
from rlaudit.sqlfiles import find, sql_root
from rlaudit.store import open_for_writing


@pytest.fixture
def path(tmp_path):
    """A log with one run, which is called bad."""
    path = tmp_path / "runs.duckdb"
    with open_for_writing(path) as con:
        con.execute("INSERT INTO raw.runs (run_id, name, config) VALUES ('r1', 'bad', '{}')")
    return path


@pytest.fixture
def own(tmp_path):
    """A folder with one good check, which finds that run."""
    write_check(tmp_path / "checks")
    return tmp_path / "checks"


def one_problem(path, own, broken):
    """Audit with a broken check file, and return the one problem that there must be.

    The good check beside it must have had its result.
    """
    report = rlaudit.audit(path, checks_dirs=[own], select=["bad_name", broken.stem])
    assert [finding.diagnosis for finding in report] == ["run r1 is called bad"]
    (problem,) = report.problems
    assert not report.clean
    assert problem.path == broken
    assert "\n" not in str(problem)
    return problem


def test_a_typo_in_a_header(path, own):
    broken = write_check(own, "broken", titel="x")
    problem = one_problem(path, own, broken)
    assert problem.line == line_of(broken, "titel")
    assert problem.message == "unknown key 'titel'"
    assert problem.hint == "did you mean 'title'?"


def test_a_missing_parameter(path, own):
    sql = "SELECT run_id, name\nFROM runs\nWHERE length(name) < getvariable('lest')"
    broken = write_check(own, "broken", sql, params="least BIGINT = 3")
    problem = one_problem(path, own, broken)
    assert problem.line == line_of(broken, "getvariable")
    assert problem.message == "reads the parameter 'lest', which params does not state"
    assert problem.hint == "did you mean 'least'?"


def test_a_shared_table_that_needs_does_not_state(path, own):
    broken = write_check(own, "broken", "SELECT run_id, 1 AS name\nFROM shared.run_settings")
    problem = one_problem(path, own, broken)
    assert problem.line == line_of(broken, "shared.run_settings")
    assert problem.message == "reads shared.run_settings, which needs does not state"


def test_a_shared_table_that_does_not_exist(path, own):
    broken = write_check(own, "broken", needs="run_setings")
    problem = one_problem(path, own, broken)
    assert problem.line == line_of(broken, "needs")
    assert problem.hint == "did you mean 'run_settings'?"


def test_a_second_statement(path, own):
    broken = write_check(own, "broken", f"{SQL};\n\nSELECT 2 AS second")
    problem = one_problem(path, own, broken)
    assert problem.line == line_of(broken, "second")
    assert problem.message == "2 statements where there must be one SELECT"


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("DELETE FROM raw.runs", "DELETE"),
        ("DROP TABLE raw.runs", "DROP"),
        ("INSERT INTO raw.runs (run_id) VALUES ('x')", "INSERT"),
        ("COPY (SELECT 1) TO 'x.csv'", "COPY"),
    ],
)
def test_a_statement_that_writes(path, own, statement, kind):
    broken = write_check(own, "broken", statement)
    problem = one_problem(path, own, broken)
    assert problem.line == line_of(broken, statement)
    assert problem.message == f"the statement is {kind} and not a SELECT"
    with duckdb.connect(path, read_only=True) as con:
        assert con.execute("SELECT count(*) FROM runs").fetchall() == [(1,)]


def test_a_name_used_twice(path, own):
    broken = write_check(own / "more", "bad_name", "SELECT run_id, 'other' AS name FROM runs")
    problem = one_problem(path, own, broken)
    assert problem.line == 1
    assert problem.message == f"the name 'bad_name' is taken by {own / 'bad_name.sql'}"


def test_a_name_that_is_one_of_ours(path, own):
    broken = write_check(own, "duplicate_run_ids")
    problem = one_problem(path, own, broken)
    assert "the name 'duplicate_run_ids' is taken by" in problem.message


def test_a_column_that_the_log_lacks(path, own):
    broken = write_check(own, "broken", "SELECT\n    run_id,\n    nmae AS name\nFROM runs")
    problem = one_problem(path, own, broken)
    assert problem.line == line_of(broken, "nmae")
    assert 'Referenced column "nmae" not found' in problem.message
    assert "name" in problem.hint


def test_a_table_that_the_log_lacks(path, own):
    broken = write_check(own, "broken", "SELECT run_id, name\nFROM games")
    problem = one_problem(path, own, broken)
    assert problem.line == line_of(broken, "FROM games")
    assert "Table with name games does not exist" in problem.message


def test_a_table_in_the_header_that_the_log_lacks(path, own):
    broken = write_check(own, "broken", reads="run")
    problem = one_problem(path, own, broken)
    assert problem.line == line_of(broken, "-- reads")
    assert problem.message == "reads run, which this log does not have"
    assert problem.hint == "did you mean 'runs'?"


def test_a_required_column_that_the_log_lacks(path, own):
    broken = write_check(own, "broken", requires="runs.nmae")
    problem = one_problem(path, own, broken)
    assert problem.line == line_of(broken, "-- requires")
    assert problem.message == "requires runs.nmae, and runs has no such column"


def test_a_diagnosis_without_its_column(path, own):
    broken = write_check(own, "broken", "SELECT run_id FROM runs")
    problem = one_problem(path, own, broken)
    assert problem.line == line_of(broken, "-- diagnosis")
    assert problem.check == "broken"


def test_a_value_that_does_not_convert(path, own):
    broken = write_check(own, "broken", "SELECT run_id, name::INTEGER AS name FROM runs")
    problem = one_problem(path, own, broken)
    assert "Could not convert string 'bad'" in problem.message


def test_a_file_that_is_no_text(path, own):
    broken = own / "broken.sql"
    broken.write_bytes(b"-- name: broken\xff\xfe")
    assert "cannot be read" in one_problem(path, own, broken).message


def test_a_folder_of_checks_that_is_not_there(path, own, tmp_path):
    report = rlaudit.audit(path, checks_dirs=[own, tmp_path / "none"], select=["bad_name"])
    (problem,) = report.problems
    assert (problem.path, problem.message) == (tmp_path / "none", "no such folder")
    assert len(report.findings) == 1


def test_a_users_own_table_can_be_read_and_required(path, own):
    with open_for_writing(path) as con:
        con.execute("CREATE SCHEMA log.extra")
        con.execute("CREATE TABLE log.extra.notes AS SELECT 'r1' AS run_id, 'poor' AS name")
        con.execute("CREATE TABLE log.words AS SELECT 'r1' AS run_id, NULL::VARCHAR AS word")
        con.execute("CREATE TABLE log.no_runs AS SELECT 1 AS x")
    write_check(
        own,
        "own_table",
        "SELECT * FROM extra.notes",
        reads="extra.notes",
        requires="extra.notes.name",
    )
    write_check(own, "own_column", "SELECT * FROM words", reads="words", requires="words.word")
    write_check(own, "other_table", "SELECT run_id FROM no_runs", reads="no_runs")
    report = rlaudit.audit(
        path, checks_dirs=[own], select=["own_table", "own_column", "other_table"]
    )
    by_name = {result.check.name: result for result in report.sources[0].results}
    assert by_name["own_table"].findings[0].diagnosis == "run r1 is called poor"
    assert by_name["own_column"].message == "words.word has no values"
    assert "reads no_runs, which has no column run_id" in by_name["other_table"].message


# Our own shared tables


@pytest.fixture
def batch_repeats(tmp_path, monkeypatch):
    """That shared file, in a copy of the folder which is used in the place of ours."""
    shutil.copytree(sql_root() / "shared", tmp_path / "sql" / "shared")
    monkeypatch.setattr(find, "sql_root", lambda: tmp_path / "sql")
    return tmp_path / "sql" / "shared" / "batch_repeats.sql"


@pytest.mark.parametrize(
    ("change", "at", "message"),
    [
        (("-- title:", "-- titel:"), "-- titel", "unknown key 'titel'"),
        (("-- needs: batch_shapes", "-- needs: nosuch"), None, "needs 'nosuch', which is no file"),
        (
            ("    s.update_id,", "    s.nosuch,"),
            "s.nosuch",
            'does not have a column named "nosuch"',
        ),
        (("WITH batches AS (", "WITH batches ("), "SELECT", "syntax error"),
        (("WITH batches", "SELECT 1;\nWITH batches"), "WITH", "2 statements where there must be"),
        (("max(s.priority) ", "max(error('too hot')) "), None, "too hot"),
    ],
)
def test_a_shared_table_that_fails_fails_what_needs_it_and_nothing_else(
    log_file, batch_repeats, change, at, message
):
    text = batch_repeats.read_text(encoding="utf-8")
    assert change[0] in text
    batch_repeats.write_text(text.replace(*change, 1), encoding="utf-8")
    path, writing = log_file
    with writing() as log:
        log.add_run("r1", STRATIFIED)
        for _ in range(2):
            log.add_batch(1, [5, 6, 7, 5])
    select = ["duplicate_update_ids", "duplicate_samples", "impossible_repeats_stratified"]
    report = rlaudit.audit(
        path, select=[*select, "excess_repeats_stratified"], record=path.with_name("h.duckdb")
    )
    (problem,) = report.problems
    assert problem.path == batch_repeats
    assert problem.line == (line_of(batch_repeats, at) if at else 1)
    assert message in problem.message
    assert "\n" not in str(problem)
    assert {result.check.name: result.status for result in report.sources[0].results} == {
        "duplicate_update_ids": "fail",
        "duplicate_samples": "fail",
        "impossible_repeats_stratified": "error",
        "excess_repeats_stratified": "error",
    }
    assert all(finding.query for finding in report)


# Logs


def both(path, own, other):
    """Audit a bad log together with a good one, whose result must be there; return the problem."""
    report = rlaudit.audit([other, path], checks_dirs=[own], select=["bad_name"])
    assert [finding.diagnosis for finding in report] == ["run r1 is called bad"]
    (problem,) = report.problems
    assert problem.source == str(other)
    assert "\n" not in str(problem)
    return problem


def test_a_log_that_is_not_there(path, own, tmp_path):
    assert "does not exist" in both(path, own, tmp_path / "none.duckdb").message


def test_an_empty_file(path, own, tmp_path):
    (tmp_path / "empty.duckdb").touch()
    assert "is empty" in both(path, own, tmp_path / "empty.duckdb").message


def test_a_log_without_rows(path, own, tmp_path):
    with open_for_writing(tmp_path / "fresh.duckdb"):
        pass
    message = both(path, own, tmp_path / "fresh.duckdb").message
    assert "nothing in" in message
    assert "could be judged: runs has no rows" in message


def test_another_file(path, own, tmp_path):
    other = tmp_path / "other.duckdb"
    other.write_text("this is text\n" * 100)
    assert "is not a DuckDB database" in both(path, own, other).message


def test_a_database_of_other_tables(path, own, tmp_path):
    with duckdb.connect(tmp_path / "other.duckdb") as con:
        con.execute("CREATE TABLE runs AS SELECT 'r1' AS run_id, 'bad' AS name")
    assert "has no rlaudit tables" in both(path, own, tmp_path / "other.duckdb").message


@pytest.mark.parametrize("version", [0, 99])
def test_another_schema_version(path, own, tmp_path, version):
    other = tmp_path / "other.duckdb"
    with open_for_writing(other) as con:
        con.execute("UPDATE raw.schema_version SET version = ?", [version])
    assert f"schema version {version}" in both(path, own, other).message


@pytest.mark.parametrize("kept", [0.2, 0.6])
def test_a_truncated_log(path, own, tmp_path, kept):
    other = tmp_path / "cut.duckdb"
    with open_for_writing(other) as con:
        con.execute(
            "INSERT INTO raw.runs (run_id, name) "
            "SELECT 'r' || range, md5(range::VARCHAR) FROM range(200_000)"
        )
    whole = other.read_bytes()
    other.write_bytes(whole[: int(len(whole) * kept)])
    assert "is damaged or cut short" in both(path, own, other).message
    (problem,) = rlaudit.audit(other, select=["duplicates"]).problems
    assert "is damaged or cut short" in problem.message


def test_a_log_that_another_process_writes(path, own, tmp_path, held):
    other = tmp_path / "other.duckdb"
    with open_for_writing(other):
        pass
    with held(other) as process:
        report = rlaudit.audit([other, path], checks_dirs=[own], select=["bad_name"], wait=0)
    (problem,) = report.problems
    assert f"process {process.pid}" in problem.message
    assert len(report.findings) == 1


def test_half_of_a_run(path, own):
    """A run whose process was killed after its first flush, before any update."""
    with open_for_writing(path) as con:
        con.execute(
            "INSERT INTO raw.segments (run_id, segment_id, ordinal, state) "
            "VALUES ('r1', 's1', 0, 'running')"
        )
    report = rlaudit.audit(path, checks_dirs=[own])
    assert report.problems == ()
    assert [finding.check.name for finding in report] == ["bad_name"]
    statuses = {result.status for result in report.sources[0].results}
    assert statuses == {"pass", "fail", "not_applicable"}
