from __future__ import annotations

import csv
import json
from pathlib import Path

import duckdb
import pytest

from rlaudit.cli import main

FIXTURES = Path(__file__).parents[2] / "fixtures"
STRATIFIED = {"sampling": "stratified", "replacement": True}


@pytest.fixture
def clean_log(log_file):
    path, writing = log_file
    with writing() as log:
        log.add_run("r1", STRATIFIED, host="h", pid=1)
        log.add("segments", run_id="r1", segment_id="s1", ordinal=0, state="finished")
        log.add("episodes", run_id="r1", segment_id="s1", episode_id=[1, 2], end_step=[5, 9])
        log.add_batch(1, [*range(10, 20)])
    return path


def run(capsys, *args):
    code = main(["check-duplicates", *map(str, args)])
    out, err = capsys.readouterr()
    return code, out, err


def failing(out):
    return [c["name"] for c in json.loads(out)["checks"] if c["status"] == "fail"]


def test_a_clean_log_exits_0(capsys, clean_log):
    code, out, err = run(capsys, clean_log)
    assert (code, err) == (0, "")
    assert "duplicate_samples" in out
    assert "FAIL" not in out


@pytest.mark.parametrize(
    ("change", "name", "says"),
    [
        (
            "INSERT INTO raw.runs FROM raw.runs",
            "duplicate_run_ids",
            "run id r1 stands in raw.runs 2 times",
        ),
        (
            "INSERT INTO raw.episodes FROM raw.episodes WHERE episode_id = 2",
            "duplicate_episodes",
            "episode 2 of run r1 is logged 2 times",
        ),
        (
            "INSERT INTO raw.samples FROM raw.samples WHERE batch_index = 3",
            "duplicate_samples",
            "batch position 3 of update 1 of run r1 is logged 2",
        ),
        (
            "UPDATE raw.samples SET transition_id = 10 WHERE batch_index = 9",
            "impossible_repeats_stratified",
            "transition 10 stands 2 times in the batch of update 1 of run r1, at positions 0 to 9",
        ),
    ],
)
def test_what_is_put_into_a_log_is_named(capsys, clean_log, change, name, says):
    with duckdb.connect(clean_log) as con:
        con.execute(change)
    code, out, _ = run(capsys, clean_log, "--format", "json")
    assert (code, failing(out)) == (1, [name])
    code, out, _ = run(capsys, clean_log)
    assert code == 1
    assert says in out
    assert "showing 1 of 1" in out


def test_the_csv_has_a_line_a_check(capsys, clean_log):
    code, out, _ = run(capsys, clean_log, "--format", "csv")
    assert code == 0
    assert {row["status"] for row in csv.DictReader(out.splitlines())} == {
        "pass",
        "not_applicable",
    }


def test_output_goes_to_a_file_in_the_format_of_its_name(capsys, clean_log, tmp_path, monkeypatch):
    monkeypatch.setenv("RLAUDIT_FORMAT", "csv")
    code, out, _ = run(capsys, clean_log, "--output", tmp_path / "x.json")
    assert (code, out) == (0, "")
    assert json.loads((tmp_path / "x.json").read_text())["clean"] is True
    code, out, _ = run(capsys, clean_log)
    assert out.startswith("name,severity")


def test_a_run_can_be_chosen(capsys, clean_log):
    assert run(capsys, clean_log, "--run", "r1")[0] == 0
    code, out, err = run(capsys, clean_log, "--run", "r2")
    assert (code, out) == (2, "")
    assert err == "error: no run has the id 'r2' (did you mean 'r1'?)\n"


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl", "duckdb"])
def test_the_article_in_every_form(capsys, suffix):
    source = FIXTURES / f"example.{suffix}"
    args = (source, "--group-by", "group_id", "--value", "value")
    code, out, err = run(capsys, *args)
    assert (code, err) == (1, "")
    assert out.splitlines()[-2].split() == ["2", "3", "2"]
    assert out.splitlines()[-1] == "showing 1 of 1"
    _, out, _ = run(capsys, *args, "--format", "json")
    assert json.loads(out)["examples"] == [
        {"group": {"group_id": 2}, "value": {"value": 3}, "count": 2}
    ]


@pytest.mark.parametrize(("nulls", "code"), [("ignore", 0), ("equal", 1), ("report", 1)])
def test_the_policies_for_nulls(capsys, tmp_path, nulls, code):
    source = tmp_path / "t.csv"
    source.write_text("g,v\n1,1\n1,\n1,\n")
    args = (source, "--group-by", "g", "--value", "v", "--nulls", nulls)
    assert run(capsys, *args)[0] == code
    if nulls == "ignore":
        assert run(capsys, *args[:-2])[0] == code


def test_columns_are_listed_with_commas_or_one_by_one(capsys, tmp_path):
    source = tmp_path / "t.csv"
    source.write_text('a,"b,c",d\n1,2,3\n1,2,3\n')
    for groups in (["--group-by", 'a,"b,c"'], ["--group-by", "a", "--group-by", '"b,c"']):
        code, out, _ = run(capsys, source, *groups, "--value", "d", "--format", "json")
        assert code == 1
        assert json.loads(out)["group_by"] == ["a", "b,c"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--group-by", "group_id"], "--value is missing (it names what must not repeat"),
        (["--table", "x"], "--table has no meaning with the checks of a log"),
        (["--nulls", "equal"], "--nulls has no meaning with the checks of a log"),
        (["--all-null", "equal"], "--all-null has no meaning with the checks of a log"),
        (["--input-format", "csv"], "--input-format has no meaning with the checks of a log"),
        (["--group-by", "a,", "--value", "b"], "--group-by has an empty column name"),
        (["--group-by", "grp", "--value", "value"], "has no column 'grp'"),
        (["--group-by", "a", "--value", "b", "--run", "r"], "--run has no meaning with --value"),
        (["--nulls", "same"], "'same' is not one of"),
        (["--format", "xml"], "unknown format 'xml'"),
        (["--format", "markdown"], "unknown format 'markdown'"),
        (["--output", "x.dat"], "does not say which format"),
        (["--format", "parquet"], "name a file: -o found.parquet"),
        (
            ["--output", "/nowhere/x.json", "--group-by", "group_id", "--value", "value"],
            "cannot write /nowhere/x.json",
        ),
        (["--limit", "-1"], "Invalid value for '--limit'"),
        (["--gruop-by", "a"], "No such option: --gruop-by (did you mean --group-by?)"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_2(capsys, args, message):
    code, out, err = run(capsys, FIXTURES / "example.csv", *args)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1


def make(path, kind):
    if kind == "text":
        path.write_text("no database, but long enough to be looked at as one " * 100)
    elif kind == "empty":
        path.touch()
    elif kind == "folder":
        path.mkdir()
    elif kind == "other":
        with duckdb.connect(path) as con:
            con.execute("CREATE TABLE t AS SELECT 1 AS a")
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("text", "is not a DuckDB database"),
        ("empty", "is empty"),
        ("folder", "is a folder"),
        ("missing", "does not exist"),
        ("other", "has no rlaudit tables"),
    ],
)
@pytest.mark.parametrize("command", [["check-duplicates"], ["runs"], ["sql"]])
def test_what_is_no_log_is_one_line_and_exit_2(capsys, tmp_path, command, kind, message):
    path = make(tmp_path / "x.duckdb", kind)
    code = main([*command, str(path), *(["SELECT 1"] if command == ["sql"] else [])])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_a_log_of_a_newer_schema_is_refused(capsys, clean_log):
    with duckdb.connect(clean_log) as con:
        con.execute("UPDATE raw.schema_version SET version = 999")
    code, out, err = run(capsys, clean_log)
    assert (code, out) == (2, "")
    assert "999" in err


def test_a_log_without_rows_is_not_clean(capsys, log_file):
    path, writing = log_file
    with writing():
        pass
    code, out, err = run(capsys, path)
    assert code == 2
    assert "n/a" in out
    assert "could be checked" in err


def test_a_locked_log_names_its_holder(capsys, clean_log, held, monkeypatch):
    monkeypatch.setenv("RLAUDIT_WAIT", "0")
    with held(clean_log) as holder:
        code, out, err = run(capsys, clean_log)
    assert (code, out) == (2, "")
    assert str(holder.pid) in err


def test_several_runs_can_be_chosen_and_are_named(capsys, clean_log):
    with duckdb.connect(clean_log) as con:
        for run_id in ("r2", "r3"):
            for table in ("runs", "segments", "episodes", "updates", "samples"):
                con.execute(
                    f"INSERT INTO raw.{table} SELECT * REPLACE (? AS run_id) FROM raw.{table} "
                    "WHERE run_id = 'r1'",
                    [run_id],
                )
    chosen = ("--run", "r3", "--run", "r1", "--run", "r3")
    code, out, _ = run(capsys, clean_log, *chosen)
    assert code == 0
    assert " of 11 checks judged 2 runs: r1, r3; " in out
    _, out, _ = run(capsys, clean_log, *chosen, "--format", "json")
    report = json.loads(out)
    assert (report["run"], report["runs"]) == (None, ["r3", "r1"])
    assert report["coverage"]["runs"] == ["r1", "r3"]
    _, out, _ = run(capsys, clean_log, *chosen, "--format", "csv")
    judged = {row["judged"] for row in csv.DictReader(out.splitlines())}
    assert judged == {'["r1", "r3"]', "[]"}
    code, out, err = run(capsys, clean_log, "--run", "r9", "--run", "r1", "--run", "x")
    assert (code, out) == (2, "")
    assert "no run has the id 'r9' or 'x'" in err


def test_a_column_alone_must_be_unique_in_the_table(capsys, tmp_path):
    source = tmp_path / "t.csv"
    source.write_text("id,x\n12345678901234567890,1\n12345678901234567891,1\n")
    assert run(capsys, source, "--value", "id")[0] == 0
    code, out, _ = run(capsys, source, "--value", "x")
    assert code == 1
    assert out.splitlines()[0].endswith("t.csv: x within the table")
    assert "groups" not in out


def test_a_value_is_shown_as_it_stands_in_the_file(capsys, tmp_path):
    source = tmp_path / "t.csv"
    source.write_text("x,y\n12345678901234567890,0.10000000000000000001\n" * 2)
    for fmt in ("table", "csv", "json", "jsonl"):
        code, out, _ = run(capsys, source, "--value", "x,y", "--format", fmt)
        assert code == 1
        assert "12345678901234567890" in out
        assert "0.10000000000000000001" in out


@pytest.mark.parametrize("text", ["x\n", "x,y\n,1\n,2\n"])
def test_where_nothing_was_compared_the_exit_code_is_2(capsys, tmp_path, text):
    source = tmp_path / "t.csv"
    source.write_text(text)
    code, out, err = run(capsys, source, "--value", "x")
    assert code == 2
    assert "duplicated values                    0" in out
    assert "was compared" in err


@pytest.mark.parametrize("name", ["found.parquet", "found.jsonl", "found.csv"])
def test_found_values_and_checks_as_files_of_rows(capsys, tmp_path, clean_log, name):
    source, target = tmp_path / "t.csv", tmp_path / name
    source.write_text("count,y\n1,2026-01-01T00:00:00Z\n1,2026-01-01T00:00:00Z\n5,\n")
    assert run(capsys, source, "--group-by", "count", "--value", "y", "-o", target) == (1, "", "")
    rows = duckdb.sql(f"SELECT COLUMNS(*)::VARCHAR FROM '{target}'").fetchall()
    assert [cell[:10] for cell in rows[0]] == ["1", "2026-01-01", "2"]
    assert duckdb.sql(f"FROM '{target}'").columns == ["count", "y", "count_1"]
    target.unlink()
    assert run(capsys, clean_log, "-o", target)[0] == 0
    assert duckdb.sql(
        f"SELECT DISTINCT status FROM '{target}' WHERE status != 'not_applicable'"
    ).fetchall() == [("pass",)]


@pytest.mark.parametrize("how", ["itself", "a link", "by a pattern"])
def test_a_result_is_not_written_over_what_is_looked_into(capsys, tmp_path, how):
    source = tmp_path / "t.csv"
    source.write_text("x\n1\n1\n")
    target = source
    if how == "a link":
        target = tmp_path / "other.csv"
        target.symlink_to(source)
    asked = tmp_path / "*.csv" if how == "by a pattern" else source
    code, out, err = run(capsys, asked, "--value", "x", "-o", target)
    assert (code, out) == (2, "")
    assert "is a file that is looked into" in err
    assert source.read_text() == "x\n1\n1\n"


def test_a_result_is_not_written_over_a_database(capsys, clean_log):
    before = clean_log.read_bytes()
    code, _, err = run(capsys, clean_log, "--format", "csv", "-o", clean_log)
    assert code == 2
    assert "over which no result is written" in err
    assert clean_log.read_bytes() == before
