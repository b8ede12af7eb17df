from __future__ import annotations

import json
import tomllib

import pytest

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
    assert "--seed" in capsys.readouterr().err
