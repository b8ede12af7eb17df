"""Reports as a whole: parameters, runs, shared tables, and what is said where there is nothing."""

from __future__ import annotations

import contextlib
import json
import math

import duckdb
import polars as pl
import pytest

from rlaudit.auditing import all_reports, find_report, reporting, script_of_report
from rlaudit.auditing.values import guess, pairs
from rlaudit.errors import SqlFileError, UsageError
from rlaudit.sqlfiles import parse_report, read_sql
from rlaudit.store import open_for_reading, open_for_writing

REPORTS = all_reports()[0]

LONGEST = """\
-- name: longest
-- title: The longest episodes
-- reads: episodes
-- requires: episodes.length
-- empty: no episode is as long
-- params: least BIGINT from 0, share DOUBLE = 0.5 from 0 to 1, phase VARCHAR = 'train',
--     all_of_them BOOLEAN = false, most BIGINT = NULL

SELECT run_id, episode_id, getvariable('share') AS share, getvariable('most') AS most
FROM episodes
WHERE (length >= getvariable('least') AND phase = getvariable('phase'))
    OR getvariable('all_of_them')
ORDER BY run_id, episode_id
"""


@pytest.fixture
def longest(tmp_path):
    return parse_report(LONGEST, tmp_path / "longest.sql")


@pytest.fixture
def log(tiny_log):
    tiny_log.add_run("r1")
    tiny_log.add_run("r2")
    tiny_log.add_run("it's")
    tiny_log.add(
        "episodes",
        run_id=["r1", "r1", "r2", "it's"],
        episode_id=[1, 2, 1, 7],
        phase="train",
        length=[5, 9, None, 30],
    )
    return tiny_log


def rows(log, report, runs=(), **given):
    with reporting(log.con, [report], runs=runs) as reporter:
        with reporter.answer(report.name, given) as answer:
            found = list(answer.rows)
        return [row[:2] for row in found], answer


def test_parameters_are_bound(log, longest):
    assert rows(log, longest, least=9)[0] == [("it's", 7), ("r1", 2)]
    assert rows(log, longest, least="9")[0] == [("it's", 7), ("r1", 2)]
    assert rows(log, longest, least=9, phase="x'; DROP TABLE raw.episodes; --")[0] == []
    with reporting(log.con, [longest]) as reporter:
        frame = reporter.frame("longest", least=30, share=1)
    assert frame.equals(
        pl.DataFrame({"run_id": ["it's"], "episode_id": [7], "share": [1.0], "most": [None]}),
    )


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ({}, "report longest needs the parameter 'least'", "--param least=..., a whole number"),
        ({"lest": 1}, "report longest has no parameter 'lest'", "did you mean 'least'?"),
        ({"least": "ten"}, "parameter least is 'ten', which is not a whole number", "BIGINT"),
        ({"least": "1.5"}, "parameter least is '1.5', which is not a whole number", "BIGINT"),
        ({"least": 1.5}, "parameter least is 1.5, which is not a whole number", "BIGINT"),
        ({"least": True}, "parameter least is True, which is not a whole number", "BIGINT"),
        ({"least": 2**63}, "which is not a whole number", "BIGINT"),
        ({"least": None}, "parameter least is None", "BIGINT"),
        ({"least": 1, "share": "a"}, "parameter share is 'a', which is not a number", "DOUBLE"),
        ({"least": 1, "phase": 3}, "parameter phase is 3, which is not text", "VARCHAR"),
        ({"least": 1, "all_of_them": "yes"}, "which is not true or false", "BOOLEAN"),
        ({"least": 1, "most": "NULL"}, "which is not a whole number", "BIGINT"),
        ({"least": -1}, "parameter least is -1, but must be at least 0", ""),
        (
            {"least": 1, "share": "1.01"},
            "parameter share is 1.01, but must be from 0 to 1",
            "without it, it is 0.5",
        ),
        ({"least": 1, "share": math.nan}, "parameter share is nan, but must be from 0 to 1", "0.5"),
    ],
)
def test_a_wrong_parameter_is_named(log, longest, given, message, hint):
    with pytest.raises(UsageError) as caught:
        rows(log, longest, **given)
    assert message in str(caught.value)
    assert hint in caught.value.hint


def test_a_null_is_a_value_where_the_default_is_one(log, longest):
    with reporting(log.con, [longest]) as reporter:
        assert reporter.frame("longest", least=30, most=None)["most"].to_list() == [None]
        assert reporter.frame("longest", least=30, most=4)["most"].to_list() == [4]


def test_runs_that_lack_what_is_required_are_left_out_and_named(log, longest):
    found, answer = rows(log, longest, least=0, all_of_them="true")
    assert found == [("it's", 7), ("r1", 1), ("r1", 2)]
    assert answer.note == "not applicable to 1 of 3 runs: episodes.length has no values"


def test_only_the_runs_that_are_asked_for_are_read(log, longest):
    assert rows(log, longest, runs=["it's"], least=0)[0] == [("it's", 7)]
    assert rows(log, longest, runs=["it's", "r1"], least=9)[0] == [("it's", 7), ("r1", 2)]
    with pytest.raises(UsageError, match="no run has the id 'r3'"):
        rows(log, longest, runs=["r3"], least=9)
    # The log is whole again afterwards.
    assert len(log.con.sql("FROM runs").fetchall()) == 3


def test_a_report_over_raw_tables_shows_only_the_runs_that_are_asked_for(log, tmp_path):
    text = LONGEST.replace("episodes\n", "raw.episodes\n").replace(": episodes.", ": raw.episodes.")
    report = parse_report(text, tmp_path / "longest.sql")
    assert rows(log, report, runs=["r1", "r2"], least=0)[0] == [("r1", 1), ("r1", 2)]
    assert rows(log, report, runs=["r1"], least=0)[0] == [("r1", 1), ("r1", 2)]


def test_why_there_is_nothing_is_said(log, longest, tiny_log):
    assert rows(log, longest, least=99)[1].why_empty == "no episode is as long (with least = 99)"
    only = rows(log, longest, runs=["r2"], least=1)[1]
    assert (only.applies, only.why_empty) == (False, "episodes.length has no values")
    tiny_log.con.execute("DELETE FROM raw.episodes")
    assert rows(tiny_log, longest, least=1)[1].why_empty == "episodes has no rows"


def test_shared_tables_are_built_for_the_runs_in_sight(log, tmp_path):
    header = "-- name: n\n-- title: t\n-- reads: episodes\n-- needs: run_settings\n\n"
    report = parse_report(f"{header}FROM shared.run_settings ORDER BY 1", tmp_path / "n.sql")
    assert [row[0] for row in rows(log, report)[0]] == ["it's", "r1", "r2"]
    assert [row[0] for row in rows(log, report, runs=["r1"])[0]] == ["r1"]


def test_sql_that_duckdb_refuses_is_named_with_its_line(log, tmp_path):
    broken = LONGEST.replace("SELECT run_id,", "SELECT run,")
    with pytest.raises(SqlFileError, match=r"longest\.sql:9: Binder Error.*run"):
        rows(log, parse_report(broken, tmp_path / "longest.sql"), least=1)
    two = parse_report(f"{LONGEST};\nSELECT 1", tmp_path / "longest.sql")
    with pytest.raises(SqlFileError, match=r"longest\.sql:15: 2 statements"):
        rows(log, two, least=1)
    late = LONGEST.replace("episode_id,", "error('no ' || episode_id),")
    with pytest.raises(SqlFileError, match=r"longest\.sql:1: .*no "):
        rows(log, parse_report(late, tmp_path / "longest.sql"), least=1)


def test_an_unknown_report_is_named_with_the_nearest():
    with pytest.raises(UsageError, match="no report is called 'return_curve'") as caught:
        find_report("return_curve")
    assert caught.value.hint == "did you mean 'return_curves'?"


def test_a_folder_that_is_not_there_is_named_where_a_report_is_missing(tmp_path):
    with pytest.raises(UsageError, match="no report is called 'mine'") as caught:
        find_report("mine", [tmp_path / "none"])
    assert caught.value.hint == f"{tmp_path / 'none'}:1: no such folder"
    assert find_report("runs", [tmp_path / "none"]).name == "runs"


def test_a_report_with_a_mistake_is_told_where_it_is(tmp_path):
    (tmp_path / "mine.sql").write_text("-- nmae: mine\n")
    with pytest.raises(UsageError, match=r"mine\.sql:1: unknown key 'nmae'"):
        find_report("mine", [tmp_path])


@pytest.fixture(scope="module")
def odd_log():
    """Rows of keys alone, of NULLs, of infinities and of NaN, and configs that are none."""
    with contextlib.closing(duckdb.connect()) as con:
        con.execute(read_sql("schema/raw.sql"))
        con.execute(read_sql("schema/views.sql"))
        fill_with_oddities(con)
        yield con


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    path = tmp_path_factory.mktemp("empty") / "runs.duckdb"
    with open_for_writing(path):
        pass
    return path


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
class TestOurs:
    """What holds for each report that comes with rlaudit."""

    def test_it_says_of_which_run_each_row_is(self, empty, report):
        first = "env_id" if report.name == "config_differences" else "run_id"
        with open_for_reading(empty) as log, reporting(log.con, [report]) as reporter:
            frame = reporter.frame(report.name, **needed(report))
        assert frame.columns[0] == first
        assert frame.is_empty()

    def test_its_script_runs_in_a_plain_shell(self, empty, report):
        script = script_of_report(report)
        with duckdb.connect(empty, read_only=True) as con:
            for statement in con.extract_statements(script * 2):
                result = con.execute(statement)
            assert result.fetchall() == []

    def test_it_outlasts_a_log_of_another_trainer(self, odd_log, report):
        with reporting(odd_log, [report]) as reporter:
            reporter.frame(report.name, **needed(report))
        with reporting(odd_log, [report], runs=["nan"]) as reporter:
            found = reporter.frame(report.name, **needed(report))
        if "run_id" in found.columns:
            assert set(found["run_id"]) <= {"nan"}

    def test_its_numbers_have_bounds_that_are_kept(self, odd_log, report):
        for param in report.params:
            if param.type != "BIGINT" or param.required:
                continue
            with reporting(odd_log, [report]) as reporter:
                for value in (param.least, param.most or 2**63 - 1):
                    reporter.frame(report.name, **{param.name: value})
                for value in (param.least - 1, *([param.most + 1] if param.most else [])):
                    with pytest.raises(UsageError, match=f"{param.name} is {value}, but must be"):
                        reporter.frame(report.name, **{param.name: value})


def needed(report):
    """Values for the parameters of a report that have no default."""
    values = {"BIGINT": 1, "DOUBLE": 1.0, "VARCHAR": "train", "BOOLEAN": True}
    return {param.name: values[param.type] for param in report.params if param.required}


def fill_with_oddities(con):
    """Add runs whose figures are all NULL, NaN, infinite, 0 or below, and rows without a run."""
    odd = {"null": None, "nan": math.nan, "inf": math.inf, "-inf": -math.inf, "0": 0.0, "-1": -1.0}
    for run, value in odd.items():
        config = json.dumps([1]) if run == "null" else None
        con.execute("INSERT INTO raw.runs (run_id, config) VALUES (?, ?)", [run, config])
        for table in ("segments", "episodes", "transitions", "updates", "samples", "events"):
            columns = con.execute(
                "SELECT column_name, data_type FROM duckdb_columns() "
                "WHERE schema_name = 'raw' AND table_name = ?",
                [table],
            ).fetchall()
            row = {}
            for column, kind in columns if run != "null" else []:
                if kind in ("FLOAT", "DOUBLE"):
                    row[column] = value
                elif kind in ("INTEGER", "BIGINT"):
                    row[column] = int(value) if math.isfinite(value) else 1
            names = ", ".join(["run_id", *row])
            marks = ", ".join("?" * (len(row) + 1))
            con.executemany(
                f"INSERT INTO raw.{table} ({names}) VALUES ({marks})",
                [[of_run, *row.values()] for of_run in (run, run, None)],
            )


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", 5), ("-5", -5), ("0.5", 0.5), ("1e3", 1000.0), (".5", 0.5), ("true", True),
     ("False", False), ("abc", "abc"), ("", ""), ("'5'", "5"), ("'it''s'", "it's"), ("5s", "5s"),
     ("2026-01-01", "2026-01-01"), ("nan", "nan")],
)  # fmt: skip
def test_a_value_is_taken_for_what_it_looks_like(text, value):
    assert guess(text) == value
    assert type(guess(text)) is type(value)


def test_pairs_are_taken_apart_at_the_first_equals_sign():
    assert pairs(["a=1", " b =x=y", "c="]) == {"a": "1", "b": "x=y", "c": ""}
    for text in ("a", "=1", "a b=1", ""):
        with pytest.raises(UsageError, match="sets no parameter"):
            pairs([text])
    with pytest.raises(UsageError, match="'a' is given twice"):
        pairs(["a=1", "a=2"])
