from __future__ import annotations

import csv
import io
import json

from rlaudit.auditing import CheckResult, DuplicatedValue, Finding, GroupDuplicates
from rlaudit.render.checks import write_checks
from rlaudit.render.groups import write_groups
from rlaudit.sqlfiles import load_checks

CHECKS = {check.name: check for check in load_checks()}
EXAMPLE = {
    "run_id": "[red]r1",
    "episode_id": 7,
    "obsolete_in": None,
    "copies": 2,
    "versions": 1,
    "segments": 1,
    "first_end_step": 10,
    "last_end_step": 20,
}
RESULTS = [
    CheckResult(CHECKS["duplicate_run_ids"], "pass", rows=2, groups=2),
    CheckResult(
        CHECKS["duplicate_episodes"],
        "fail",
        rows=12_345_678,
        groups=12_345_600,
        findings=(Finding(CHECKS["duplicate_episodes"], "a", "[red]r1", 78, "", (EXAMPLE,)),),
    ),
    CheckResult(CHECKS["excess_repeats_uniform"], "not_applicable", message="config.x is y"),
    CheckResult(CHECKS["duplicate_samples"], "error", message="out of memory"),
]
FOUND = GroupDuplicates(
    source="t.parquet",
    table="t.parquet",
    group_by=("a", "b"),
    value=("c",),
    nulls="report",
    all_null="report",
    rows=1_000,
    null_groups=2,
    null_values=3,
    null_rows=0,
    bad_groups=1,
    duplicated_values=12,
    extra_rows=24,
    examples=(DuplicatedValue((1, "x"), (None,), 3),),
)


def checks_in(fmt, stream=None):
    stream = stream or io.StringIO()
    write_checks(stream, RESULTS, fmt, source="runs.duckdb", runs=(), incomplete=None)
    return stream.getvalue()


def groups_in(fmt):
    stream = io.StringIO()
    write_groups(stream, FOUND, fmt)
    return stream.getvalue()


def test_the_table_of_checks_fits_80_columns_with_one_row_a_check(terminal):
    lines = checks_in("table", terminal).splitlines()
    assert [line.split()[0] for line in lines[1:5]] == [result.check.name for result in RESULTS]
    assert [line.split()[-1] for line in lines[1:5]] == ["pass", "FAIL", "n/a", "ERROR"]
    assert lines[2].split()[1:4] == ["12,345,600", "episodes", "78"]
    assert max(len(line.rstrip()) for line in lines) <= 80


def test_every_check_has_a_row_that_fits_80_columns(terminal):
    results = [
        CheckResult(
            check,
            "fail",
            groups=99_999_999,
            findings=(Finding(check, "a", "r1", 99_999, ""),),
        )
        for check in CHECKS.values()
        if check.family == "duplicates"
    ]
    write_checks(terminal, results, "table", source="x", runs=(), incomplete=None)
    lines = terminal.getvalue().splitlines()[: len(results) + 1]
    assert all(line.rstrip().endswith("FAIL") for line in lines[1:])
    assert max(len(line.rstrip()) for line in lines) <= 80


def test_a_failing_check_is_explained_with_its_examples():
    text = checks_in("table")
    assert "duplicate_episodes: 78 wrong of 12,345,600 episodes" in text
    assert "episode 7 of run [red]r1 is logged 2 times (distinct versions: 1)" in text
    assert "showing 1 of 78" in text
    assert f"why it matters: {RESULTS[1].check.why}" in text
    assert "excess_repeats_uniform: not applicable, config.x is y" in text
    assert "duplicate_samples: out of memory" in text


def test_the_json_of_checks_has_its_documented_keys():
    report = json.loads(checks_in("json"))
    assert list(report) == [
        "source", "run", "runs", "clean", "incomplete", "coverage", "checks",
    ]  # fmt: skip
    assert report["coverage"] == {
        "checks": 4,
        "judged": 2,
        "not_applicable": 1,
        "errors": 1,
        "runs": report["coverage"]["runs"],
    }
    assert (report["source"], report["run"], report["clean"]) == ("runs.duckdb", None, False)
    check = report["checks"][1]
    assert list(check) == [
        "name", "family", "title", "severity", "status", "rows", "groups", "groups_are", "wrong",
        "message", "diagnosis", "judged", "why", "shown", "examples",
    ]  # fmt: skip
    assert check["examples"] == [EXAMPLE]
    assert (check["status"], check["wrong"], check["shown"]) == ("fail", 78, 1)
    assert report["checks"][0]["diagnosis"] is None


def test_the_csv_of_checks_has_a_line_each():
    rows = list(csv.DictReader(io.StringIO(checks_in("csv"))))
    assert [row["status"] for row in rows] == ["pass", "fail", "not_applicable", "error"]
    assert rows[1]["wrong"] == "78"
    assert rows[1]["diagnosis"].startswith("episode 7 of run [red]r1")


def test_the_json_of_groups_has_its_documented_keys():
    found = json.loads(groups_in("json"))
    assert found == {
        "source": "t.parquet",
        "table": "t.parquet",
        "group_by": ["a", "b"],
        "value": ["c"],
        "nulls": "report",
        "all_null": "report",
        "notes": [],
        "clean": False,
        "rows": 1000,
        "rows_skipped": 5,
        "null_groups": 2,
        "null_values": 3,
        "null_rows": 0,
        "bad_groups": 1,
        "duplicated_values": 12,
        "extra_rows": 24,
        "shown": 1,
        "examples": [{"group": {"a": 1, "b": "x"}, "value": {"c": None}, "count": 3}],
    }


def test_the_csv_of_groups_has_a_line_a_value():
    assert groups_in("csv") == "a,b,c,count\r\n1,x,,3\r\n"


def test_the_table_of_groups_gives_all_figures():
    text = groups_in("table")
    for figure in ("1,000", "12", "24", "showing 1 of 12"):
        assert figure in text
    assert "NULL in a, b: 2 rows; NULL in c only: 3 rows" in text
