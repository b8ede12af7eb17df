from __future__ import annotations

import io
import json

import pytest

from rlaudit.cli import main

SLOW = "SELECT sum(a.range * b.range) FROM range(9999999) a, range(9999999) b"


@pytest.fixture
def log(log_file):
    path, writing = log_file
    with writing() as log:
        log.add_run("r1", name="[red]first", env_id="CartPole-v1", started_at="2026-01-01")
        log.add_run("r2", name="second", env_id="CartPole-v1", started_at="2026-01-02")
        log.add(
            "segments",
            run_id=["r1", "r2"],
            segment_id=["s1", "s2"],
            ordinal=0,
            state="finished",
            end_step=[100, 200],
        )
        log.add(
            "episodes",
            run_id="r1",
            segment_id="s1",
            episode_id=[1, 2],
            phase="train",
            length=[10, 20],
            return_raw=[10.0, 21.0],
        )
    return str(path)


def run(capsys, *args):
    code = main(list(args))
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize(
    ("fmt", "text"),
    [
        ("json", '[\n  {"run_id": "r1", "x": 1.5},\n  {"run_id": "r2", "x": 1.5}\n]\n'),
        ("jsonl", '{"run_id": "r1", "x": 1.5}\n{"run_id": "r2", "x": 1.5}\n'),
        ("csv", "run_id,x\r\nr1,1.5\r\nr2,1.5\r\n"),
        ("markdown", "| run_id | x |\n| --- | --- |\n| r1 | 1.5 |\n| r2 | 1.5 |\n"),
    ],
)
def test_each_format_on_stdout_and_in_a_file(capsys, log, tmp_path, fmt, text):
    sql = "SELECT run_id, 1.5 AS x FROM runs ORDER BY run_id"
    assert run(capsys, "sql", log, sql, "--format", fmt) == (0, text, "")
    file = tmp_path / f"x.{'md' if fmt == 'markdown' else fmt}"
    assert run(capsys, "sql", log, sql, "--output", str(file)) == (0, "", "")
    assert file.read_bytes().decode() == text


def test_a_table_shows_text_from_the_log_as_it_is(capsys, log):
    code, out, _ = run(capsys, "sql", log, "SELECT name FROM runs ORDER BY run_id")
    assert code == 0
    assert [line.strip() for line in out.splitlines()] == ["name", "[red]first", "second"]


def test_the_query_is_read_from_stdin(capsys, log, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT count(*) AS n\nFROM runs;\n"))
    assert run(capsys, "sql", log, "-", "--format", "csv") == (0, "n\r\n2\r\n", "")


def test_the_query_is_read_from_a_file(capsys, log, tmp_path):
    file = tmp_path / "x.sql"
    file.write_text("SELECT count(*) AS n FROM runs;")
    assert run(capsys, "sql", log, "-f", str(file), "--format", "csv") == (0, "n\r\n2\r\n", "")


def test_values_are_bound_in_either_form(capsys, log):
    sql = """
        SET VARIABLE two = $n + 1;
        SELECT $n AS n, getvariable('two') AS two, $name AS name, getvariable('X') AS x
    """
    asked = ("-p", "n=1", "-p", "name=r1'; DROP TABLE runs; --", "-p", "x='2'")
    code, out, err = run(capsys, "sql", log, sql, *asked, "--format", "json")
    assert (code, err) == (0, "")
    assert json.loads(out) == [{"n": 1, "two": 2, "name": "r1'; DROP TABLE runs; --", "x": "2"}]


def test_rows_past_the_limit_are_announced_on_stderr(capsys, log):
    code, out, err = run(capsys, "sql", log, "FROM range(1500)", "--format", "csv")
    assert (code, len(out.splitlines())) == (0, 1001)
    assert err == "showing 1,000 of 1,500 rows (--limit 0 shows all)\n"
    code, out, err = run(capsys, "sql", log, "FROM range(1500)", "--format", "csv", "--limit", "0")
    assert (code, len(out.splitlines()), err) == (0, 1501, "")


def test_a_file_gets_all_rows(capsys, log, tmp_path):
    file = tmp_path / "x.csv"
    assert run(capsys, "sql", log, "FROM range(1500)", "--output", str(file)) == (0, "", "")
    assert len(file.read_text().splitlines()) == 1501


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["DELETE FROM runs"], "error: DELETE would change the log, which is open for rea"),
        (["COPY runs TO 'x.csv'"], "error: COPY would write a file, which a query cannot"),
        ([SLOW, "--timeout", "0.1"], "did not finish within 0.1 s (--timeout SECONDS"),
        (["SELECT 1", "--limit", "-1"], "Invalid value for '--limit'"),
        (["SELECT 1", "--format", "jso"], "unknown format 'jso' (did you mean 'json'?)"),
        ([], "error: no query is given (QUERY, - for standard input, or --file FILE)"),
        (["SELECT 1", "-f", "x.sql"], "error: both QUERY and --file give SQL (keep one"),
        (["-f", "none.sql"], "error: cannot read none.sql: No such file or directory"),
        (["SELECT $n"], "error: the query's parameter $n has no value (give it one: -p n=VALUE)"),
        (["SELECT ?"], "error: the query has a parameter without a name (write $NAME)"),
        (["SELECT $step", "-p", "stpe=1"], "-p step=VALUE; the query does not read 'stpe')"),
        (["SELECT getvariable('step')", "-p", "stpe=1"], "(did you mean 'step'?)"),
        (["SELECT $n", "-p", "n=1", "-p", "x=1"], "error: the query reads no parameter 'x'"),
        (["SELECT $x", "-param", "x=1"], "error: -param is read as -p aram (write --param or -p"),
        (["SELECT 1", "-p", "x"], "error: 'x' sets no parameter (write NAME=VALUE)"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_one_line_and_exit_2(capsys, log, args, message):
    code, out, err = run(capsys, "sql", log, *args)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_sql_that_is_wrong_is_told_with_its_line(capsys, log, tmp_path):
    code, out, err = run(capsys, "sql", log, "SELECT *\nFROM smaples")
    assert (code, out) == (2, "")
    assert err == (
        "error: Catalog Error: Table with name smaples does not exist! "
        'Did you mean "samples"?\nLINE 2: FROM smaples\n             ^\n'
    )
    file = tmp_path / "own.sql"
    file.write_text("SELECT run_id,\n    name AS at, at\nFROM runs\n")
    code, out, err = run(capsys, "sql", log, "-f", str(file))
    assert (code, out) == (2, "")
    first, *excerpt = err.splitlines()
    assert first.startswith(f"error: {file}:3: Parser Error: syntax error at or near ")
    assert excerpt == ["LINE 3: FROM runs", "        ^"]


def test_runs_are_listed(capsys, log):
    code, out, err = run(capsys, "runs", log, "--format", "json")
    assert (code, err) == (0, "")
    first, second = json.loads(out)
    assert first == {
        "run_id": "r1",
        "name": "[red]first",
        "env_id": "CartPole-v1",
        "state": "finished",
        "steps": 100,
        "episodes": 2,
        "mean_return": 15.5,
        "rows": first["rows"],
    }
    assert (second["run_id"], second["mean_return"]) == ("r2", None)
    code, out, _ = run(capsys, "runs", log)
    assert code == 0
    assert out.splitlines()[1].split()[:4] == ["r1", "[red]first", "CartPole-v1", "finished"]


def test_the_list_of_runs_is_bounded(capsys, log):
    code, out, err = run(capsys, "runs", log, "--limit", "1", "--format", "csv")
    assert code == 0
    assert [line.split(",")[0] for line in out.splitlines()] == ["run_id", "r2"]
    assert err == "showing 1 of 2 runs (--limit 0 lists all)\n"


def test_a_query_that_fails_leaves_the_file_as_it_was(capsys, log, tmp_path):
    file = tmp_path / "out" / "x.csv"
    file.parent.mkdir()
    file.write_text("earlier")
    code, _, err = run(capsys, "sql", log, SLOW, "--timeout", "0.1", "--output", str(file))
    assert (code, file.read_text()) == (2, "earlier")
    assert "did not finish" in err
    assert list(file.parent.iterdir()) == [file]


def test_a_folder_is_no_place_for_output(capsys, log, tmp_path):
    code, _, err = run(capsys, "sql", log, "SELECT 1", "--format", "csv", "--output", str(tmp_path))
    assert code == 2
    assert f"cannot write {tmp_path}" in err
