from __future__ import annotations

import contextlib
import math

import duckdb
import pytest

from rlaudit.errors import SqlFileError
from rlaudit.sqlfiles import (
    Param,
    Requirement,
    parameters_read,
    parse_report,
    read_reports,
    sql_root,
    verify_statement,
)

HEADER = "-- name: longest\n-- title: The longest episodes\n-- reads: episodes\n"


def report(tmp_path, keys="", sql="SELECT run_id FROM episodes"):
    return parse_report(f"{HEADER}{keys}\n{sql}\n", tmp_path / "longest.sql")


def test_every_report_of_ours_can_be_used():
    found, problems = read_reports()
    assert [str(problem) for problem in problems] == []
    assert len(found) == len(list((sql_root() / "reports").rglob("*.sql"))) > 0


@pytest.mark.parametrize("report", read_reports()[0], ids=lambda report: report.name)
def test_a_report_of_ours_is_one_select_that_reads_what_it_states(report):
    with contextlib.closing(duckdb.connect()) as con:
        verify_statement(report, con)
    assert {param.name for param in report.params} == set(parameters_read(report.sql))


def test_a_header_is_read_as_data(tmp_path):
    keys = (
        "-- question: which episodes are long?\n"
        "-- reading: long ones are waits.\n"
        "-- empty: no episode is long\n"
        "-- also_reads: runs\n"
        "-- requires: episodes.length, config.env = a | b\n"
        "-- params: least BIGINT, phase VARCHAR = 'train', top DOUBLE = NULL\n"
        "-- cites: nobody\n"
    )
    sql = "SELECT run_id FROM episodes WHERE getvariable('least') < 1"
    found = report(tmp_path, keys, sql)
    assert (found.name, found.title) == ("longest", "The longest episodes")
    assert found.question == "which episodes are long?"
    assert (found.reading, found.empty) == ("long ones are waits.", "no episode is long")
    assert (found.reads, found.also_reads, found.needs) == (("episodes",), ("runs",), ())
    assert found.requires == (
        Requirement("episodes", "length"),
        Requirement("config", "env", ("a", "b")),
    )
    assert found.params == (
        Param("least", "BIGINT", None, required=True),
        Param("phase", "VARCHAR", "train"),
        Param("top", "DOUBLE", None),
    )
    assert (found.cites, found.lines["empty"]) == ("nobody", 6)


def test_a_number_may_have_bounds(tmp_path):
    keys = (
        "-- params: spans BIGINT = 20 from 1 to 1000, top BIGINT from 0,\n"
        "--     share DOUBLE = 1e-3 to 0.5, phase VARCHAR = 'x from 1 to 2',\n"
        "--     most BIGINT = NULL from 5\n"
    )
    found = report(tmp_path, keys).params
    assert found == (
        Param("spans", "BIGINT", 20, least=1, most=1000),
        Param("top", "BIGINT", None, required=True, least=0),
        Param("share", "DOUBLE", 0.001, most=0.5),
        Param("phase", "VARCHAR", "x from 1 to 2"),
        Param("most", "BIGINT", None, least=5),
    )
    bounds = ["from 1 to 1000", "at least 0", "at most 0.5", "", "at least 5"]
    assert [param.bounds for param in found] == bounds
    spans, _, share, phase, most = found
    assert [spans.allows(value) for value in (0, 1, 1000, 1001)] == [False, True, True, False]
    assert [share.allows(value) for value in (-9.0, 0.5, 0.51, math.nan, math.inf)] == [
        True, True, False, False, False
    ]  # fmt: skip
    assert phase.allows("x")
    assert most.allows(None)


@pytest.mark.parametrize(
    ("keys", "sql", "message", "hint"),
    [
        ("-- severity: error\n", "SELECT 1", "4: unknown key 'severity'", "known"),
        ("-- empyt: x\n", "SELECT 1", "4: unknown key 'empyt'", "did you mean 'empty'?"),
        ("-- params: a WORD = 1\n", "SELECT 1", "4: parameter 'a' has the type WORD", ""),
        ("-- params: a BIGINT = x\n", "SELECT 1", "4: 'x', the default of 'a', is no BIGINT", ""),
        ("-- params: a\n", "SELECT 1", "4: params has 'a'", "write name TYPE = default"),
        (
            "-- params: a BIGINT = 1 form 2\n",
            "SELECT 1",
            "4: '1 form 2', the default of 'a', is no BIGINT",
            "",
        ),
        (
            "-- params: a BIGINT = 1 from x\n",
            "SELECT 1",
            "4: 'x', the least value of 'a', is no",
            "",
        ),
        ("-- params: a BIGINT = 1 from NULL\n", "SELECT 1", "4: 'NULL', the least value of", ""),
        ("-- params: a DOUBLE = 1 to x\n", "SELECT 1", "4: 'x', the most value of 'a', is no", ""),
        (
            "-- params: a BIGINT = 0 from 1\n",
            "SELECT 1",
            "4: 0, the default of 'a', is not at le",
            "",
        ),
        (
            "-- params: a BIGINT = 5 to 4\n",
            "SELECT 1",
            "4: 5, the default of 'a', is not at most",
            "",
        ),
        ("-- params: a BIGINT from 2 to 1\n", "SELECT 1", "4: no value of 'a' is from 2 to 1", ""),
        ("-- params: a VARCHAR = 'x' from 1\n", "SELECT 1", "4: 'a' has bounds and is VARCHAR", ""),
        ("-- reads: x\n", "SELECT 1", "4: key 'reads' stands on line 3 already", "keep one"),
        ("", "SELECT getvariable('a')", "5: reads the parameter 'a'", "add '-- params: a"),
        ("", "\nFROM shared.draws", "6: reads shared.draws, which needs does not state", "add it"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path, keys, sql, message, hint):
    with pytest.raises(SqlFileError) as caught:
        report(tmp_path, keys, sql)
    assert str(caught.value).startswith(f"{tmp_path / 'longest.sql'}:{message}")
    assert hint in caught.value.hint


def test_reports_of_several_folders_are_put_together_and_mistakes_told(tmp_path):
    good = f"{HEADER}\nSELECT run_id FROM episodes\n"
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "longest.sql").write_text(good)
    (tmp_path / "b" / "deep").mkdir(parents=True)
    (tmp_path / "b" / "deep" / "longest.sql").write_text(good)
    (tmp_path / "b" / "other.sql").write_text(good)
    (tmp_path / "b" / "needy.sql").write_text(
        good.replace("longest", "needy").replace("reads: ", "needs: drawz\n-- reads: ")
    )
    found, problems = read_reports(tmp_path / "a", tmp_path / "b", tmp_path / "c")
    assert [(r.name, r.path.parent.name) for r in found] == [("longest", "a")]
    told = {problem.message for problem in problems}
    assert told == {
        f"the name 'longest' is taken by {tmp_path / 'a' / 'longest.sql'}",
        "name is 'longest' and the file's is 'other'",
        "needs 'drawz', which is no file in sql/shared",
        "no such folder",
    }
