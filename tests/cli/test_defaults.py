from __future__ import annotations

import json
import tomllib

import pytest

from rlaudit import files
from rlaudit.cli import main


@pytest.fixture
def project(tmp_path, monkeypatch):
    def write(text):
        (tmp_path / "pyproject.toml").write_text(text)
        below = tmp_path / "runs"
        below.mkdir(exist_ok=True)
        monkeypatch.chdir(below)

    return write


def shown(capsys, *arguments):
    assert main(["train", "cartpole", "--show-config", *arguments]) == 0
    return tomllib.loads(capsys.readouterr().out)


def test_the_nearest_pyproject_sets_defaults_for_a_command(project, capsys):
    project("[tool.rlaudit.train]\nnum-envs = 3\nalpha = 0.7\n")
    config = shown(capsys)
    assert (config["num_envs"], config["alpha"]) == (3, 0.7)


def test_option_environment_and_file_come_before_it(project, capsys, monkeypatch, tmp_path):
    project("[tool.rlaudit.train]\nnum-envs = 3\nalpha = 0.7\nseed = 5\ngamma = 0.9\n")
    monkeypatch.setenv("RLAUDIT_ALPHA", "0.8")
    file = tmp_path / "run.toml"
    file.write_text("seed = 6")
    config = shown(capsys, "--num-envs", "4", "--config", str(file))
    assert (config["num_envs"], config["alpha"]) == (4, 0.8)
    assert (config["seed"], config["gamma"]) == (6, 0.9)


def test_a_key_of_the_table_itself_holds_for_every_command_that_has_it(project, capsys):
    project('[tool.rlaudit]\nformat = "json"\nseed = 9\n')
    assert shown(capsys)["seed"] == 9
    assert main(["sql", "nowhere.duckdb", "SELECT 1"]) == 2
    assert "nowhere.duckdb does not exist" in capsys.readouterr().err


def test_format_is_the_option_of_that_name(project, capsys, tmp_path):
    project('[tool.rlaudit.check-duplicates]\nformat = "json"\n')
    table = tmp_path / "t.csv"
    table.write_text("g,v\n1,2\n")
    arguments = ["check-duplicates", str(table), "--group-by", "g", "--value", "v"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["clean"] is True


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[tool.rlaudit.trian]\nseed = 1\n", "names no command", "'train'"),
        ("[tool.rlaudit.train]\nnum-env = 1\n", "num-env in [tool.rlaudit.train]", "'num-envs'"),
        ("[tool.rlaudit\n", "is not TOML", ""),
    ],
)
def test_a_mistake_in_it_is_named_with_the_file(project, capsys, text, message, hint):
    project(text)
    assert main(["train", "cartpole", "--show-config"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "pyproject.toml" in error
    assert hint in error


def test_a_value_of_the_wrong_type_is_refused(project, capsys):
    project('[tool.rlaudit.train]\nseed = "many"\n')
    assert main(["train", "cartpole", "--show-config"]) == 2
    says = "seed in [tool.rlaudit.train] must be a whole number, not 'many'"
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("called", [["runs"], ["audit"], ["sql"], ["train"], ["checks", "list"]])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[tool.rlaudit]\nignor = ["x"]',
            "ignor in [tool.rlaudit] is no option of any command (did",
        ),
        ('[tool.rlaudit]\nfailon = "warn"', "did you mean 'fail-on'?"),
        ('[tool.rlaudit]\nbaselin = "b"', "did you mean 'baseline'?"),
        ("[tool.rlaudit]\ntrain = 3", "train in [tool.rlaudit] is no option of any command"),
        (
            '[tool.rlaudit]\nfail_on = "warn"\nfail-on = "warn"',
            "fail_on and fail-on in [tool.rlaudit] are one option (keep one)",
        ),
        (
            '[tool.rlaudit.audit]\nfail_on = "warn"\nfail-on = "warn"',
            "fail_on and fail-on in [tool.rlaudit.audit] are one option (keep one)",
        ),
        ("[tool.rlaudit.eval]\nepisode = 3", "did you mean 'episodes'?"),
        ('[tool.rlaudit.eval]\nfamily = "x"', "(other commands have such an option)"),
        ('[tool.rlaudit.baseline-write]\noutput = "x"', "(it is called baseline here)"),
        ("[tool.rlaudit.adit]", "[tool.rlaudit.adit] names no command (did you mean 'audit'?)"),
        ("[tool.rlaudit.checks.list]", "([tool.rlaudit.checks-list] is one)"),
        ("[tool.rlaudit.audit.select]", "select in [tool.rlaudit.audit] must be a text or a list"),
        ("[tool.rlaudit]\nwait = '3'", "wait in [tool.rlaudit] must be a number, not '3'"),
        ("[tool.rlaudit]\nwait = true", "must be a number, not true"),
        ("[tool.rlaudit]\nwait = [3]", "must be a number, not [3]"),
        ("[tool.rlaudit]\nlimit = 2.5", "must be a whole number, not 2.5"),
        ("[tool.rlaudit]\nno-baseline = 'yes'", "must be true or false, not 'yes'"),
        ("[tool.rlaudit]\nselect = [['x']]", "must be a text or a list of them, not [['x']]"),
        ("[tool.rlaudit]\nselect = [1]", "must be a text or a list of them, not [1]"),
        ('[tool.rlaudit]\nbaseline = ["a", "b"]', "must be a text, not ['a', 'b']"),
        ("[[tool.rlaudit]]\nwait = 3", "tool.rlaudit is [{'wait': 3}], and must be a table"),
        ("[tool]\nrlaudit = 3", "tool.rlaudit is 3, and must be a table"),
        ("[tool]\nrlaudit = {wat = 3}", "wat in [tool.rlaudit] is no option of any command"),
        ('[tool."rlaudit"]\nwat = 3', "wat in [tool.rlaudit] is no option of any command"),
    ],
)
def test_what_no_command_understands_is_refused_by_every_command(
    project, capsys, text, message, called
):
    project(text)
    assert main([*called, "nowhere"] if called != ["checks", "list"] else called) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert "pyproject.toml: " in err
    assert message in err
    assert err.count("\n") == 1


def test_what_another_command_understands_is_left_alone(project, capsys):
    project(
        '[tool.rlaudit]\nchecks = ["a", "b"]\nfail_on = "warn"\nnum-envs = 2\nrun = ["r"]\n'
        "audit = false\nwait = 3\n[tool.rlaudit.train]\nseed = 1\n[tool.rlaudit.checks-list]\n"
    )
    assert main(["runs", "nowhere"]) == 2
    assert "does not exist" in capsys.readouterr().err
    assert main(["watch", "nowhere"]) == 2
    assert "run in [tool.rlaudit] must be a text, not ['r']" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_named(tmp_path, monkeypatch, capsys):
    path = tmp_path / "pyproject.toml"
    monkeypatch.chdir(tmp_path)
    path.write_bytes(b"# \xe9\n[tool.rlaudit]\nwait = 3\n")
    assert main(["runs", "nowhere"]) == 2
    assert f"{path} is not UTF-8, as TOML must be" in capsys.readouterr().err
    # A file that says nothing of rlaudit is none of its business.
    path.write_bytes(b"# \xe9\n[project\n")
    assert main(["runs", "nowhere"]) == 2
    assert "nowhere does not exist" in capsys.readouterr().err

    def denied(_name, _flags):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "_open_at_once", denied)
    assert main(["runs", "nowhere"]) == 2
    assert f"cannot read {path}: Permission denied" in capsys.readouterr().err


def test_a_variable_that_is_not_read_is_said(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("RLAUDIT_FAILON", "RLAUDIT_BASELINE", "RLAUDIT_HOME", "RLAUDIT_N_STEP"):
        monkeypatch.setenv(name, "1")
    assert main(["runs", "nowhere"]) == 2
    assert capsys.readouterr().err.splitlines()[:-1] == [
        "warning: RLAUDIT_BASELINE is not read: no variable sets --baseline, a pyproject.toml does",
        "warning: RLAUDIT_FAILON is not read (did you mean RLAUDIT_FAIL_ON?)",
    ]
