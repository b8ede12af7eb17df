"""A user's own checks and reports in a child: the same results, and limits that hold."""

from __future__ import annotations

import datetime as dt
import sys

import pytest
from duckdb_values import VALUES
from own_checks import SQL, write_check

import rlaudit
from rlaudit.auditing import lint_checks, run_checks
from rlaudit.errors import SqlFileError, UsageError
from rlaudit.sqlfiles import load_checks
from rlaudit.store import batches, open_for_reading, open_for_writing, spool
from rlaudit.store.files import Files

# Calls of one function, which DuckDB cannot interrupt.
ENDLESS = "length(repeat('x', 4_000_000_000 + length(run_id)))"
VALUES_OF_RUNS = ", ".join(f"{value.sql} AS v{number}" for number, value in enumerate(VALUES))
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows ends processes without signals")


@pytest.fixture
def path(tmp_path):
    """A log with two runs, one of which is called bad."""
    path = tmp_path / "runs.duckdb"
    with open_for_writing(path) as con:
        con.execute("INSERT INTO raw.runs (run_id, name) VALUES ('r1', 'bad'), ('r2', 'good')")
    return path


@pytest.fixture
def own(tmp_path):
    write_check(tmp_path / "checks")
    return tmp_path / "checks"


def audit(path, own, **options):
    options.setdefault("select", ["checks"])
    (source,) = rlaudit.audit(path, checks_dirs=[own], **options).sources
    return source


def test_a_check_has_the_result_in_a_child_that_it_has_without_one(path, own):
    """With examples of every type, of which some are no values of Python's."""
    write_check(own, "values", f"SELECT run_id, {VALUES_OF_RUNS} FROM runs", diagnosis="{v0}")
    write_check(own, "broken", "SELECT run_id, nosuch FROM runs")
    write_check(own, "idle", SQL, requires="config.n_step")
    with open_for_reading(path) as log:
        checks = load_checks(own)
        expected = run_checks(log.con, checks, source=str(path))
    found = audit(path, own).results
    assert {result.status for result in found} == {"fail", "error", "not_applicable"}
    assert repr(list(found)) == repr(expected)


def test_results_stand_in_the_order_of_the_checks_and_know_their_causes(path, own):
    write_check(own / "a_family", "a_name", SQL, after="bad_name, identical_runs")
    results = audit(path, own, select=[]).results
    names = [result.check.name for result in results]
    assert names == [check.name for check in sorted((r.check for r in results), key=_by_family)]
    assert [f.follows for r in results if r.check.name == "a_name" for f in r.findings] == [
        ("bad_name",)
    ]


def _by_family(check):
    return check.family, check.name


@pytest.mark.parametrize(
    ("expression", "options", "message"),
    [
        (ENDLESS, {"timeout": 0.3}, "the query did not finish within 0.3 s"),
        (
            "SELECT len(list(range)) FROM range(20_000_000)",
            {"memory_limit": "64MB", "threads": 1},
            "Out of Memory Error",
        ),
        (
            "length(repeat(repeat('x', 1000), 2_000_000))",
            {"memory_limit": "64MB", "timeout": 0},
            "the query needs more than the 61 MiB of memory that it may take",
        ),
    ],
)
def test_a_check_that_takes_too_much_is_an_error_and_the_others_are_judged(
    path, own, expression, options, message
):
    greedy = write_check(own, "greedy", f"SELECT run_id, ({expression}) AS name FROM runs")
    write_check(own, "other_name", SQL)
    source = audit(path, own, **options)
    (problem,) = source.problems
    assert (problem.path, problem.line, problem.check) == (greedy, 1, "greedy")
    assert message in problem.message
    statuses = {result.check.name: result.status for result in source.results}
    assert statuses == {"bad_name": "fail", "greedy": "error", "other_name": "fail"}


@posix
def test_a_check_that_ends_its_process_costs_no_result_of_ours(path, own):
    """What is logged to a file cannot be written, so all fails that follows, and at last DuckDB."""
    logs = "SELECT run_id, Success AS name FROM runs, enable_logging(storage = 'file', "
    write_check(own, "logs", f"{logs} storage_path = 'x')")
    write_check(own, "logs_again", f"{logs} storage_path = 'x')")
    write_check(own, "other_name", SQL)
    found = {result.check.name: result for result in audit(path, own, select=[]).results}
    for name in ("logs", "logs_again"):
        assert found[name].status == "error"
        assert f'{name}.sql:1: Permission Error: Cannot access directory "x"' in found[name].message
    assert found["other_name"].status == found["bad_name"].status == "fail"
    assert found["duplicate_run_ids"].status == "pass"
    assert lint_checks(own) == []


def test_progress_names_each_check_once_with_what_is_done(path, own):
    write_check(own, "slow", f"SELECT run_id, {ENDLESS} AS name FROM runs")
    seen = []
    audit(
        path,
        own,
        select=["checks", "duplicate_run_ids"],
        timeout=0.3,
        on_progress=lambda done, total, check, _: seen.append((done, total, check)),
    )
    names = ["duplicate_run_ids", "bad_name", "slow", ""]
    assert seen == [(done, 3, name) for done, name in enumerate(names)]


def test_a_check_sees_the_rows_that_ours_see_while_a_writer_adds_others(path, own):
    """What it sees more would be counted again by the next audit that reads what is new."""
    write_check(own, "losses", "SELECT run_id, loss AS name FROM updates", reads="updates")

    def put(ordinal, update_id):
        ids = {"run_id": "r1", "segment_id": "aa"}
        rows = [{**ids, "update_id": update_id, "loss": 0.5}]
        segment = {**ids, "state": "running", "rows_offered": {}, "rows_written": {}}
        tables = {
            "updates": batches.from_dicts("updates", rows),
            "segments": batches.from_dicts("segments", [segment]),
        }
        began = dt.datetime(2026, 1, 2)  # noqa: DTZ001 - the log's times have no zone
        spool.write_entry(Files(), path, spool.entry_name(began, "aa", ordinal), tables)

    def write(done, _total, check, _source):
        if check == "duplicate_run_ids":
            put(1, 2)
            assert done == 0

    put(0, 1)
    select = ["losses", "duplicate_run_ids"]
    report = audit(path, own, select=select, on_progress=write)
    assert [finding.rows for finding in report.findings] == [1]
    assert [finding.rows for finding in audit(path, own, select=select).findings] == [2]


def test_a_log_that_only_the_child_cannot_read_is_a_problem_of_the_own_checks(path, own):
    def replace(_done, _total, check, _source):
        if check == "duplicate_run_ids":
            path.rename(path.with_name("moved.duckdb"))

    source = audit(path, own, select=["bad_name", "duplicate_run_ids"], on_progress=replace)
    (problem,) = source.problems
    assert "does not exist" in problem.message
    assert [result.status for result in source.results] == ["error", "pass"]


@pytest.mark.parametrize("timeout", [-1, float("nan")])
def test_a_time_limit_that_makes_no_sense_is_refused(path, own, timeout):
    with pytest.raises(UsageError, match="--timeout"):
        audit(path, own, timeout=timeout)


# Reports


def report(folder, sql, **keys):
    """Write the report mine into ``folder``."""
    header = {"name": "mine", "title": "t", "reads": "runs", **keys}
    lines = [f"-- {key}: {value}" for key, value in header.items()]
    (folder / "mine.sql").write_text("\n".join([*lines, "", sql]), encoding="utf-8")


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT run_id, {VALUES_OF_RUNS} FROM runs ORDER BY 1",
        f"SELECT run_id, {VALUES_OF_RUNS} FROM runs WHERE false",
        "SELECT run_id, repeat(run_id, 5000) AS text FROM runs, range(10_000) ORDER BY 1, range",
    ],
)
def test_a_report_has_the_frame_in_a_child_that_a_query_has_without_one(path, tmp_path, sql):
    report(tmp_path, sql)
    with rlaudit.open(path) as log:
        expected = log.sql(sql).pl()
        found = log.report("mine", reports=[tmp_path]).pl()
    assert found.schema == expected.schema
    assert found.equals(expected)


def test_a_report_that_takes_too_long_is_ended_and_leaves_the_log_open(path, tmp_path):
    report(tmp_path, f"SELECT run_id, {ENDLESS} AS n FROM runs")
    with rlaudit.open(path) as log:
        with pytest.raises(SqlFileError) as caught:
            log.report("mine", reports=[tmp_path], timeout=0.3)
        at = tmp_path / "mine.sql"
        assert str(caught.value) == f"{at}:1: the query did not finish within 0.3 s"
        assert log.sql("SELECT count(*) FROM runs").fetchall() == [(2,)]


def test_a_report_is_given_its_parameters_and_runs_in_a_child(path, tmp_path):
    report(tmp_path, "SELECT run_id, getvariable('n') AS n FROM runs", params="n BIGINT from 1")
    with rlaudit.open(path) as log:
        found = log.report("mine", reports=[tmp_path], runs=["r2"], n=7)
        assert found.fetchall() == [("r2", 7)]
        with pytest.raises(UsageError, match="parameter n is 0, but must be at least 1"):
            log.report("mine", reports=[tmp_path], n=0)
        with pytest.raises(UsageError, match="no run has the id 'r3'"):
            log.report("mine", reports=[tmp_path], runs=["r3"], n=7)
