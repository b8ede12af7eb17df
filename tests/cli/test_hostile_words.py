"""Texts that no user means, as the value of every option and argument of every command."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import typer

from rlaudit.cli import main
from rlaudit.cli.app import build_app
from rlaudit.cli.group import commands_of

WORDS = ["", "a\rb", "a\n\x1b[31m", "a\0b", "\udcff", "9" * 5000, "1e999", "x=" + "9" * 5000]
# These go on until they are ended, or make many runs.
LONG = ("watch", "serve", "reproduce")
COMMANDS = {
    name: command
    for name, command in commands_of(typer.main.get_command(build_app([]))).items()
    if name not in LONG
}


def lines_of(name, command, log):
    """Give command lines with half of the texts in the place of each option and argument."""
    words = (
        name.split("-", 1) if name.partition("-")[0] in ("report", "baseline", "checks") else [name]
    )
    known = {"query": "FROM runs", "run_id": "r1", "name": "runs", "check": "duplicate_run_ids"}
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    usual = {p.name: known.get(p.name, log) for p in arguments}
    still = ["--show-config"] if name == "train" else []
    parameters = [p for p in command.params if not getattr(p, "is_flag", False)]
    for number, parameter in enumerate(parameters):
        for word in WORDS[number % 2 :: 2]:
            if parameter in arguments:
                yield [*words, *still, "--", *(usual | {parameter.name: word}).values()]
            else:
                yield [*words, *still, f"{parameter.opts[0]}={word}", "--", *usual.values()]


@pytest.mark.parametrize("name", COMMANDS)
def test_no_text_ends_a_command_in_a_bug(capsys, log_file, tmp_path, monkeypatch, name):
    path, writing = log_file
    with writing() as log:
        log.add_run("r1")
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    tried = 0
    for line in lines_of(name, COMMANDS[name], str(path)):
        code = main(line)
        err = capsys.readouterr().err
        assert code in (0, 1, 2), line
        assert "internal error" not in err, line
        assert "Traceback" not in err, line
        tried += 1
    assert tried >= len(WORDS) // 2


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["sql", "LOG", "FROM range(20000)", "--limit", "0"], 0),
        (["sql", "LOG", "FROM range(200000)", "--limit", "0", "--format", "jsonl"], 0),
        (["sql", "LOG", "SELECT 1"], 0),
        (["runs", "LOG", "--limit", "0", "--format", "json"], 0),
        (["report", "run", "runs", "LOG", "--limit", "0"], 0),
        (["audit", "LOG", "--format", "json"], 1),
        (["check-duplicates", "LOG"], 1),
        (["check-duplicates", "LOG", "--table=runs", "--group-by=env_id", "--value=name"], 1),
    ],
)
def test_a_reader_that_leaves_costs_no_exit_code(log_file, words, code):
    path, writing = log_file
    with writing() as log:
        log.con.execute(
            "INSERT INTO raw.runs (run_id, name, env_id) "
            "SELECT 'r' || range // 2, repeat('n', 50), 'e' FROM range(2000)"
        )
    line = [sys.executable, "-m", "rlaudit", *(str(path) if w == "LOG" else w for w in words)]
    read, write = os.pipe()
    with subprocess.Popen(line, stdout=write, stderr=subprocess.PIPE) as process:
        os.close(write)
        os.read(read, 1)
        os.close(read)
        assert (process.stderr.read(), process.wait()) == (b"", code)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")  # noqa: PTH110
@pytest.mark.parametrize("words", [["checks", "list"], ["--help"], ["train", "--list-presets"]])
def test_a_full_disk_behind_stdout_is_named(words):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        line = [sys.executable, "-m", "rlaudit", *words]
        result = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert "No space left on device" in result.stderr
    assert len(result.stderr.splitlines()) == 1
