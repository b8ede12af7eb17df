from __future__ import annotations

import json

import pytest

from rlaudit.cli import main

MINE = """\
-- name: {name}
-- title: The longest episodes
-- reads: episodes
-- reading: long ones are waits.
-- params: least BIGINT

SELECT run_id, episode_id, length FROM episodes WHERE length >= getvariable('least') ORDER BY 1, 2
"""


@pytest.fixture
def log(log_file):
    path, writing = log_file
    with writing() as log:
        log.add_run("r1")
        log.add("episodes", run_id="r1", episode_id=[1, 2, 3], length=[5, 12345, 30], phase="train")
        log.add("episodes", run_id="r2", episode_id=1, length=8)
    return str(path)


@pytest.fixture
def mine(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "longest.sql").write_text(MINE.format(name="longest"))
    return folder


def run(capsys, *args):
    code = main([str(arg) for arg in ("report", *args)])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_reports_are_listed_with_those_of_a_folder(capsys, mine):
    code, out, err = run(capsys, "list", "--reports", mine)
    assert (code, err) == (0, "")
    names = [line.split()[0] for line in out.splitlines() if line]
    assert {"longest", "return_curves", "runs"} <= set(names)
    assert "The longest episodes; -p least\n" in out
    assert "again and again; -p spans, updates_per_span\n" in out
    assert "The runs of a log: what each is, and how many episodes of each phase it has\n" in out
    code, out, err = run(capsys, "list", "--reports", mine, "--format", "json")
    (found,) = [row for row in json.loads(out) if row["name"] == "longest"]
    assert found["path"] == str(mine / "longest.sql")
    assert found["params"] == "least"


def test_a_file_with_a_mistake_is_told_and_the_others_listed(capsys, mine):
    (mine / "other.sql").write_text("-- nmae: other\n")
    code, out, err = run(capsys, "list", "--reports", mine)
    assert code == 2
    assert "longest" in out
    assert err == f"error: {mine / 'other.sql'}:1: unknown key 'nmae' (did you mean 'name'?)\n"


def test_the_sql_of_a_report_is_shown(capsys, mine):
    assert run(capsys, "show", "longest", "--reports", mine) == (0, MINE.format(name="longest"), "")
    code, out, _ = run(capsys, "show", "longest", "--reports", mine, "--full")
    assert code == 0
    assert out.startswith("-- longest: The longest episodes\nSET VARIABLE least = CAST(NULL AS")
    assert out.endswith("ORDER BY 1, 2;\n")


def test_a_report_is_run_in_each_format(capsys, log, mine, tmp_path):
    asked = ("run", "longest", log, "--reports", mine, "-p", "least=30")
    rows = [{"run_id": "r1", "episode_id": 2, "length": 12345}, {"run_id": "r1", "episode_id": 3,
            "length": 30}]  # fmt: skip
    code, out, err = run(capsys, *asked, "--format", "json")
    assert (code, json.loads(out), err) == (0, rows, "")
    code, out, err = run(capsys, *asked, "-o", tmp_path / "x.csv")
    assert (code, out, err) == (0, "", "")
    text = "run_id,episode_id,length\r\nr1,2,12345\r\nr1,3,30\r\n"
    assert (tmp_path / "x.csv").read_bytes().decode() == text


def test_a_table_says_with_which_parameters_it_was_made(capsys, log, mine):
    code, out, err = run(capsys, "run", "longest", log, "--reports", mine, "-p", "least=30")
    assert (code, err) == (0, "")
    assert out.startswith("The longest episodes\nwith -p least=30\n\nrun r1\n")
    _, out, _ = run(capsys, "run", "learning_curve", log, "-p", "block=2")
    assert out.splitlines()[:2] == [
        "Returns and lengths of successive blocks of episodes",
        "with -p block=2 -p phase=train",
    ]
    assert "A short run has more rows with -p block=10." in out
    _, out, _ = run(capsys, "run", "run_settings", log)
    assert "with" not in out


def test_a_value_outside_the_bounds_is_refused_by_name(capsys, log):
    asked = ("run", "draws_over_time", log, "-p")
    said = "error: parameter spans is {}, but must be from 1 to 1000000 (without it, it is 48)\n"
    assert run(capsys, *asked, "spans=-4") == (2, "", said.format(-4))
    assert run(capsys, *asked, "spans=1000000000") == (2, "", said.format(1000000000))
    _, out, _ = run(capsys, "show", "draws_over_time")
    assert "spans BIGINT = 48 from 1 to 1000000\n" in out


def test_only_the_runs_that_are_named_are_shown(capsys, log, mine):
    asked = ("run", "longest", log, "--reports", mine, "-p", "least=0", "--format", "csv")
    assert run(capsys, *asked, "--run", "r2") == (0, "run_id,episode_id,length\r\nr2,1,8\r\n", "")
    assert len(run(capsys, *asked, "--run", "r2", "--run", "r1")[1].splitlines()) == 5
    code, out, err = run(capsys, *asked, "--run", "r3")
    assert (code, out, err) == (2, "", "error: no run has the id 'r3' (did you mean 'r2'?)\n")


def test_rows_past_the_limit_are_announced(capsys, log, mine):
    asked = ("run", "longest", log, "--reports", mine, "-p", "least=0", "--format", "csv")
    code, out, err = run(capsys, *asked, "--limit", "2")
    assert (code, len(out.splitlines())) == (0, 3)
    assert err == "showing 2 of 4 rows (--limit 0 shows all)\n"


def test_an_answer_without_rows_says_why(capsys, log, mine):
    code, out, err = run(capsys, "run", "longest", log, "--reports", mine, "-p", "least=99999",
                         "--format", "json")  # fmt: skip
    assert (code, out) == (0, "[]\n")
    assert err == "no rows: nothing in the log matches (with least = 99999)\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["longest"], "error: report longest needs the parameter 'least'"),
        (["longest", "-p", "least=x"], "error: parameter least is 'x', which is not a whole"),
        (["longest", "-p", "lest=1"], "(did you mean 'least'?)"),
        (["longest", "-p", "least"], "error: 'least' sets no parameter (write NAME=VALUE)"),
        (["longst"], "error: no report is called 'longst' (did you mean 'longest'?)"),
        (["longest", "--format", "xml"], "error: unknown format 'xml'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(capsys, log, mine, args, message):
    name, *rest = args
    code, out, err = run(capsys, "run", name, log, "--reports", mine, *rest)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["sample_ages", "LOG"], "command of rlaudit report (rlaudit report run sample_ages LOG)"),
        (["sample_age", "LOG", "-p", "a='b c'"], "(rlaudit report run sample_ages LOG -p 'a="),
        (["lst"], "error: No such command 'lst'"),
        (["run", "LOG", "sample_ages"],
         "LOG is a file and sample_ages a report, which comes first (rlaudit report run sample"),
        (["run", "replay_histogram", "LOG", "-param", "bars=3"],
         "error: -param is read as -p aram (write --param or -p, then NAME=VALUE)"),
        (["run", "LOG", "LOG"], "error: no report is called 'LOG'"),
        (["run", "sample_ages"], "error: Missing argument 'LOG' (see rlaudit report run --help)"),
    ],
)  # fmt: skip
def test_a_slip_is_told_with_the_command_that_was_meant(capsys, log, args, said):
    code, out, err = run(capsys, *(log if arg == "LOG" else arg for arg in args))
    assert (code, out) == (2, "")
    missing = "Missing argument" in said
    assert (said if missing else said.replace("LOG", log)) in err
    assert err.count("\n") == 1


def test_a_project_names_its_folder_of_reports(capsys, log, mine, monkeypatch):
    (mine.parent / "pyproject.toml").write_text('[tool.rlaudit]\nreports = ["mine"]\n')
    below = mine.parent / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    code, out, _ = run(capsys, "run", "longest", log, "-p", "least=30", "--format", "csv")
    assert (code, len(out.splitlines())) == (0, 3)
    code, out, _ = run(capsys, "show", "longest")
    assert (code, out) == (0, MINE.format(name="longest"))
