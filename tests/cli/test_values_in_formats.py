"""Values of every DuckDB type through every format of every command that shows a user's rows."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from duckdb_values import VALUES

import rlaudit
from rlaudit.cli import main

FORMATS = {"json": "json", "jsonl": "jsonl", "csv": "csv", "markdown": "md", "table": "txt"}
# What stands alone in a cell of a table, which ends at two spaces.
SHOWN = [value for value in VALUES if len(str(value.json)) < 100]
QUERY = f"SELECT {', '.join(f'{value.sql} AS v{i}' for i, value in enumerate(SHOWN))}"


@pytest.fixture
def log(log_file):
    path, writing = log_file
    with writing() as log:
        log.add_run("r1")
    return str(path)


def cell(value, null):
    """Return the text of a value in a format that has no types."""
    if value.json is None:
        return null
    return value.json if isinstance(value.json, str) else json.dumps(value.json)


def cells_of(text, fmt):
    """Return the values of the only row of ``text``, which one of the formats wrote."""
    if fmt == "json":
        return list(json.loads(text)[0].values())
    if fmt == "jsonl":
        return list(json.loads(text).values())
    if fmt == "csv":
        return list(csv.reader(io.StringIO(text, newline="")))[1]
    if fmt == "markdown":
        return text.splitlines()[2][2:-2].split(" | ")
    lines = text.splitlines()
    starts = [found.start() for found in re.finditer(r"(?<!\S)v\d+", lines[0])]
    assert len(starts) == len(SHOWN)
    return [part.strip() for part in re.split(r"\s{2,}", lines[1].strip())]


def expected(fmt):
    if fmt.startswith("json"):
        return [value.json for value in SHOWN]
    return [cell(value, "" if fmt == "csv" else "NULL") for value in SHOWN]


def assert_shown(text, fmt):
    found = cells_of(text, fmt)
    if fmt == "table":  # where figures and times are rounded
        exact = [i for i, v in enumerate(SHOWN) if v.python == v.json and isinstance(v.json, str)]
        assert len(found) == len(SHOWN)
        assert len(exact) > 30
        assert [found[i] for i in exact] == [SHOWN[i].json for i in exact]
    else:
        assert list(map(repr, found)) == list(map(repr, expected(fmt)))


@pytest.mark.parametrize("fmt", FORMATS)
def test_sql_shows_each_type_on_stdout_and_in_a_file(capsys, log, tmp_path, fmt):
    assert main(["sql", log, QUERY, "--format", fmt]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert_shown(out, fmt)
    file = tmp_path / f"x.{FORMATS[fmt]}"
    assert main(["sql", log, QUERY, "-o", str(file)]) == 0
    assert file.read_bytes().decode().splitlines() == out.splitlines()


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_report_of_ones_own_shows_each_type(capsys, log, tmp_path, fmt):
    (tmp_path / "own.sql").write_text(
        f"-- name: own\n-- title: Own\n-- question: What?\n-- reads: runs\n\n{QUERY} FROM runs\n",
        encoding="utf-8",
    )
    code = main(["report", "run", "own", log, "--reports", str(tmp_path), "--format", fmt])
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    if fmt == "table":
        assert "178956970 years 7 months" in out
    else:
        assert_shown(out, fmt)


@pytest.mark.parametrize(
    "fmt", ["table", "json", "jsonl", "csv", "markdown", "junit", "sarif", "github"]
)
def test_a_finding_of_ones_own_shows_each_type(capsys, log, tmp_path, fmt):
    # DuckDB 1.5 makes no table of a struct without names, and the audit says so.
    columns = [f"{v.sql} AS v{i}" for i, v in enumerate(SHOWN) if not v.sql.startswith("row(")]
    fields = " ".join(f"{{{column.rpartition(' ')[2]}}}" for column in columns)
    (tmp_path / "own.sql").write_text(
        "-- name: own\n-- title: Own\n-- severity: error\n-- reads: runs\n-- grain: run_id\n"
        f"-- groups: runs\n-- diagnosis: found {fields}\n-- why: it is wrong\n\n"
        f"SELECT run_id, {', '.join(columns)} FROM runs\n",
        encoding="utf-8",
    )
    history = str(tmp_path / "history.duckdb")
    own = ["--checks", str(tmp_path), "--select", "own", "--record", history]
    code = main(["audit", log, *own, "--format", fmt])
    out, err = capsys.readouterr()
    # The run of this log states no settings, which the formats for programs say on stderr.
    note = "note: run r1: the config is NULL, so no setting is known\n"
    assert (code, err.replace(note, "")) == (1, "")
    assert "178956970 years 7 months" in out
    if fmt == "json":
        (finding,) = json.loads(out)["findings"]
        (example,) = finding["examples"]
        del example["run_id"]
        wanted = [value.json for value in SHOWN if not value.sql.startswith("row(")]
        assert list(map(repr, example.values())) == list(map(repr, wanted))


@pytest.mark.parametrize("run_id", ["DATE 'infinity'", "[1, 2]", "MAP {1: 2}", "INTERVAL 1 DAY"])
def test_a_finding_of_a_run_id_of_another_type_has_its_text(capsys, log, tmp_path, run_id):
    (tmp_path / "own.sql").write_text(
        "-- name: own\n-- title: Own\n-- severity: error\n-- reads: runs\n-- grain: run_id\n"
        f"-- groups: runs\n-- diagnosis: found\n-- why: it is wrong\n\nSELECT {run_id} AS run_id\n",
        encoding="utf-8",
    )
    code = main(["audit", log, "--checks", str(tmp_path), "--select", "own", "--format", "json"])
    out, err = capsys.readouterr()
    assert (code, err) == (1, "")
    (finding,) = json.loads(out)["findings"]
    assert finding["run_id"] in ("infinity", "[1, 2]", "{1=2}", "1 day")


def test_python_gets_each_type_by_open(log):
    with rlaudit.open(log) as opened:
        result = opened.sql(QUERY)
    (row,) = result.fetchall()
    assert repr(result)
    assert len(row) == len(SHOWN) == result.pl().width
    for found, value in zip(row, SHOWN, strict=True):
        if isinstance(value.python, str):
            assert found == value.python


def test_all_types_of_duckdb_are_shown_in_each_format(capsys, log):
    for fmt in FORMATS:
        assert main(["sql", log, "FROM test_all_types()", "--format", fmt]) == 0
        assert capsys.readouterr().err == ""
