"""Every option of every command, given twice."""

from __future__ import annotations

import pytest
import typer.main

from rlaudit.cli import main
from rlaudit.cli.app import build_app
from rlaudit.cli.group import commands_of

COMMANDS = commands_of(typer.main.get_command(build_app([])))
TWO_WORDS = ("checks", "baseline", "report")


def words_of(name):
    first, _, rest = name.partition("-")
    return [first, rest] if first in TWO_WORDS and rest else [name]


def options(*, lists):
    return [
        pytest.param(name, param, id=f"{name} {param.name}")
        for name, command in COMMANDS.items()
        for param in command.params
        if param.param_type_name == "option" and param.multiple == lists
    ]


def once(option, spelling, value="1"):
    return [spelling] if option.is_flag else [spelling, value]


def test_there_are_options_to_try():
    assert len(options(lists=False)) > 150
    assert len(options(lists=True)) > 20


@pytest.mark.parametrize(("command", "option"), options(lists=False))
def test_an_option_of_one_value_is_not_given_twice(capsys, command, option):
    spellings = [*option.opts, *option.secondary_opts]
    for second in spellings:
        words = [*once(option, spellings[0]), *once(option, second, "2")]
        assert main([*words_of(command), *words]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err == (
            f"error: {'/'.join(spellings)} is given twice (it takes one value: keep one of them)\n"
        )


@pytest.mark.parametrize(("command", "option"), options(lists=True))
def test_an_option_of_several_values_may_be_given_twice(capsys, command, option):
    words = [*once(option, option.opts[0], "a=1"), *once(option, option.opts[-1], "b=2")]
    main([*words_of(command), *words])  # it lacks arguments, or its values make no sense
    assert "is given twice" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["-o", "a.csv", "--output", "b.csv"],
        ["-oa.csv", "--output=b.csv"],
        ["-oa.csv", "-oa.csv"],
        ["--output=a.csv", "x.duckdb", "-o", "a.csv"],
        ["--output", "--output", "--output", "a.csv"],
    ],
)
def test_all_forms_of_an_option_count(capsys, words):
    assert main(["runs", *words]) == 2
    assert "--output/-o is given twice" in capsys.readouterr().err


def test_all_that_is_repeated_is_named(capsys):
    assert main(["train", "--seed=1", "--log", "--seed", "1", "--no-log", "--seed=2"]) == 2
    assert capsys.readouterr().err == (
        "error: --seed is given 3 times and --log/--no-log is given twice "
        "(each takes one value: keep one of them)\n"
    )


def test_what_is_no_second_value_is_left_alone(capsys, monkeypatch):
    # The environment, a word behind --, the value of another option, and what drops no value.
    monkeypatch.setenv("RLAUDIT_WAIT", "1")
    for words in (
        ["runs", "--wait", "0", "nowhere"],
        ["runs", "--wait", "0", "--", "--wait"],
        ["plot", "--title", "--lives", "--lives", "nowhere"],
        ["--debug", "runs", "nowhere", "--debug", "--debug"],
    ):
        assert main(words) == 2
        assert "does not exist" in capsys.readouterr().err
    assert main(["runs", "--help", "--wait", "1", "--wait", "2", "--help"]) == 0


def test_debug_may_be_a_value_and_a_file(capsys):
    assert main(["train", "cartpole", "--name", "--debug", "--show-config"]) == 0
    assert main(["audit", "--", "--debug"]) == 2
    assert "--debug does not exist" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["checks", "lint", "mine", "--checks", "more"], "--checks has no meaning with DIR"),
        (["report", "html", "x", "--no-audit", "--ignore", "a"], "--ignore has no meaning with"),
        (["serve", "x", "--no-audit", "--require", "a"], "--require has no meaning with"),
        (["plot", "x", "--phase", "eval", "--window", "5"], "--window has no meaning with"),
        (["compare", "x", "--phase", "eval", "--window", "5"], "--window has no meaning with"),
        (["plot", "x", "--format", "csv", "--title", "t"], "--title has no meaning with"),
        (["reproduce", "--seeds", "2"], "--seeds has no meaning with the list of experiments"),
        (
            ["reproduce", "cartpole-per", "--from", "x", "--seeds", "2", "--jobs", "1"],
            "--seeds and --jobs have no meaning with --from",
        ),
        (["train", "--list-presets", "--seed", "2"], "--seed has no meaning with --list-presets"),
        (["train", "cartpole", "--no-log", "--db", "x"], "--db has no meaning with --no-log"),
        (["train", "--resume", "r", "--show-config"], "--show-config has no meaning with --resume"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(capsys, words, message):
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
