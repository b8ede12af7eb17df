from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import typer.main

from rlaudit.cli import main
from rlaudit.cli.app import build_app
from rlaudit.version import __version__

FIXTURE = Path(__file__).parents[2] / "fixtures" / "example.csv"
GENERIC = ["check-duplicates", str(FIXTURE), "--group-by", "group_id", "--value", "value"]


TOP = typer.main.get_command(build_app([])).commands


def commands():
    """All commands, those under another as "checks list"."""
    found = {}
    for name, command in TOP.items():
        found[name] = command
        for below, subcommand in getattr(command, "commands", {}).items():
            found[f"{name} {below}"] = subcommand
    return found


def python(code, **env):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
    )


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["sql", "--help"],
        ["audit", "--help"],
        ["checks", "list", "--help"],
        ["baseline", "--help"],
        ["check-duplicates", "--help"],
        ["plot", "--help"],
        ["compare", "--help"],
        ["watch", "--help"],
        ["serve", "--help"],
        ["--version"],
    ],
)
def test_help_loads_nothing_heavy(args):
    code = f"""
import sys
from rlaudit.cli import main
assert main({args!r}) == 0
heavy = {{
    "torch", "polars", "duckdb", "numpy", "pyarrow", "gymnasium", "altair", "plotille",
    "vl_convert", "textual", "rich", "uvicorn"
}} & set(sys.modules)
print(heavy, file=sys.stderr)
sys.exit(bool(heavy))
"""
    result = python(code)
    assert result.returncode == 0, result.stderr
    assert result.stdout


def test_auditing_never_loads_torch():
    code = f"""
import sys
from rlaudit.cli import main
assert main({GENERIC!r}) == 1
sys.exit("torch" in sys.modules)
"""
    assert python(code).returncode == 0


def test_the_version_is_printed(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"rlaudit {__version__}\n"


def test_no_command_shows_help_on_stderr_and_exits_2(capsys):
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "check-duplicates" in err


def test_a_misspelt_command_is_offered(capsys):
    assert main(["check-duplicate"]) == 2
    assert "Did you mean 'check-duplicates'?" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_and_option_is_documented(name):
    command = commands()[name]
    assert command.help
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{name} {parameter.name}"


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_helps(capsys, name):
    assert main([*name.split(), "--help"]) == 0
    assert f"rlaudit {name}" in capsys.readouterr().out


def broken_by(monkeypatch, error):
    def fail(*_args, **_options):
        raise error

    monkeypatch.setattr("rlaudit.auditing.duplicates_in", fail)


def test_an_unexpected_error_is_one_line(capsys, monkeypatch):
    broken_by(monkeypatch, ZeroDivisionError("division\nby zero"))
    assert main(GENERIC) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "error: internal error, ZeroDivisionError: division by zero "
        "(a bug in rlaudit; --debug shows where)\n"
    )


def test_debug_shows_the_traceback_wherever_it_stands(capsys, monkeypatch):
    broken_by(monkeypatch, ZeroDivisionError("x"))
    for args in (["--debug", *GENERIC], [*GENERIC, "--debug"]):
        assert main(args) == 2
        assert "Traceback" in capsys.readouterr().err
    monkeypatch.setenv("RLAUDIT_DEBUG", "1")
    assert main(GENERIC) == 2
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_exits_130(capsys, monkeypatch):
    broken_by(monkeypatch, KeyboardInterrupt())
    assert main(GENERIC) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_an_interruption_while_packages_are_read_is_no_traceback(monkeypatch, capsys):
    class Interrupted(ModuleType):
        def __getattr__(self, name):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "rlaudit.cli.app", Interrupted("rlaudit.cli.app"))
    assert main(["--version"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_message_cannot_command_the_terminal(capsys):
    assert main(["runs", "no\x1b[31m\nfile"]) == 2
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert err.count("\n") == 1


def test_a_reader_that_leaves_is_no_complaint(tmp_path):
    wide = tmp_path / "t.csv"
    wide.write_text("g,v\n" + "1,1\n2,2\n" * 2)
    code = f"""
import sys
from rlaudit.cli import main
sys.stdout.close()
import os
read, write = os.pipe()
os.close(read)
os.dup2(write, 1)
sys.stdout = os.fdopen(1, "w")
sys.exit(main(["check-duplicates", {str(wide)!r}, "--group-by", "g", "--value", "v"]))
"""
    result = python(code)
    assert (result.returncode, result.stderr) == (1, "")


def test_a_group_alone_shows_its_help_on_stderr_and_exits_2(capsys):
    assert main(["checks"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "lint" in err


def test_a_misspelt_subcommand_is_offered(capsys):
    assert main(["checks", "lst"]) == 2
    assert "Did you mean 'list'?" in capsys.readouterr().err


def test_the_list_of_commands_shows_each_summary_in_full(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for arguments in (["--help"], *([name, "--help"] for name in ("checks", "baseline", "report"))):
        assert main(arguments) == 0
        assert "..." not in capsys.readouterr().out.split("Commands:")[1]


def test_commands_stand_in_the_order_of_use():
    assert list(TOP) == [
        "train", "eval", "reproduce", "audit", "check-duplicates", "plot", "compare", "sql", "runs",
        "watch", "serve", "checks", "baseline", "report",
    ]  # fmt: skip


def test_a_docstring_is_one_line_a_paragraph():
    for command in commands().values():
        for paragraph in inspect.cleandoc(command.help).split("\n\n"):
            assert "\n" not in paragraph
