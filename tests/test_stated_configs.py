"""What a log may hold as the config of a run, and every command that reads it."""

from __future__ import annotations

import json

import pytest

from rlaudit.cli import main
from rlaudit.stated_config import load_json, read_config

DEEP = "[" * 100_000 + "]" * 100_000
LONG = "9" * 6_000


@pytest.mark.parametrize(
    ("text", "settings", "problem"),
    [
        (None, {}, "the config is NULL"),
        ('{"alpha": 0.5}', {"alpha": 0.5}, ""),
        (f'{{"alpha": {LONG}, "n": 3}}', {"alpha": LONG, "n": 3}, ""),
        ('{"alpha": 0.5, "alpha": 0.6}', {"alpha": 0.5}, ""),
        ('{"alpha": 1e999}', {"alpha": float("inf")}, ""),
        ('{"alpha": "\\ud800"}', {"alpha": "\ud800"}, ""),
        (DEEP, {}, "the config is nested too deeply to be read"),
        (f'{{"alpha": {DEEP}}}', {}, "the config is nested too deeply to be read"),
        ("[1]", {}, "the config is a list and not a JSON object"),
        ("null", {}, "the config is null and not a JSON object"),
        (LONG, {}, "the config is a text and not a JSON object"),
        ("", {}, "the config is not JSON: Expecting value: line 1 column 1 (char 0)"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_config_is_read_or_said_to_be_unreadable(text, settings, problem):
    stated = read_config(text)
    assert stated.settings == settings
    assert stated.problem == (f"{problem}, so no setting is known" if problem else "")


def test_of_a_repeated_key_the_first_value_counts_and_all_are_known():
    stated = read_config('{"alpha": 0.5, "alpha": 0.6, "n": 3}')
    assert (stated.settings, stated.repeated) == ({"alpha": 0.5, "n": 3}, {"alpha": [0.5, 0.6]})


def test_any_json_is_a_value_or_a_value_error():
    assert load_json(f"[{LONG}, -{LONG}, 5]") == [LONG, f"-{LONG}", 5]
    for text in (DEEP, "", "{", b"\xff"):
        with pytest.raises(ValueError, match="is "):
            load_json(text)


@pytest.mark.parametrize(
    "config",
    [DEEP, f'{{"alpha": {DEEP}}}', f'{{"steps": {LONG}}}', LONG, '{"alpha": 1, "alpha": 2}', "[1]"],
    ids=["deep", "deep value", "long value", "long", "twice", "list"],
)
def test_no_config_ends_a_command_in_a_bug(capsys, log_file, tmp_path, config):
    path, writing = log_file
    with writing() as log:
        log.con.execute("INSERT INTO raw.runs (run_id, config) VALUES ('r1', ?)", [config])
        log.add("episodes", run_id="r1", phase="train", episode_id=1, return_raw=1.0, end_step=[9])
    log = str(path)
    page = str(tmp_path / "p.html")
    for words in (
        ["audit", log, "--format", "json"],
        ["check-duplicates", log],
        ["runs", log],
        ["sql", log, "FROM runs", "--format", "json"],
        ["report", "run", "config_differences", log],
        ["report", "run", "run_settings", log],
        ["report", "html", log, "-o", page],
        ["plot", log, "--format", "json", "--window", "1"],
        ["compare", log, "--by", "name"],
        ["baseline", "write", log, "--output", str(tmp_path / "b.json")],
    ):
        code = main(words)
        err = capsys.readouterr().err
        assert code in (0, 1, 2)
        assert "internal error" not in err, words


def test_a_baseline_that_is_nested_too_deeply_is_named(capsys, log_file, tmp_path):
    path, writing = log_file
    with writing() as log:
        log.add_run("r1")
    file = tmp_path / "b.json"
    file.write_text(DEEP)
    assert main(["audit", str(path), "--baseline", str(file)]) == 2
    assert f"the baseline {file} is nested too deeply to be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    "run_id", ["a\0b", "a\rb", "a\nb", "\x1b[31m", "", "   ", "'\"`|<]]>", "\u202ex", "x" * 100_000]
)
def test_no_run_id_ends_a_command_in_a_bug(capsys, log_file, tmp_path, run_id):
    path, writing = log_file
    with writing() as log:
        for _ in range(2):
            log.add_run(run_id, name=run_id, env_id=run_id)
        log.add(
            "episodes", run_id=run_id, phase="train", episode_id=1, return_raw=1.0, end_step=[9]
        )
        log.add("events", run_id=run_id, kind=run_id, detail=json.dumps(run_id))
    log = str(path)
    history = str(tmp_path / "history.duckdb")
    for words in (
        ["audit", log, "--format", "json", "--record", history],
        ["audit", log, "--record", history, "--since-last", "--format", "junit"],
        ["audit", log, "--run", run_id],
        ["check-duplicates", log, "--run", run_id],
        ["runs", log, "--format", "csv"],
        ["report", "run", "runs", log, "--run", run_id, "--format", "markdown"],
        ["report", "html", log, "-o", str(tmp_path / "p.html"), "--run", run_id],
        ["plot", log, "--format", "json", "--window", "1", "--run", run_id],
        ["baseline", "write", log, "--output", str(tmp_path / "b.json"), "--run", run_id],
    ):
        code = main(words)
        out, err = capsys.readouterr()
        assert code in (0, 1), (words, err)
        if words[:2] == ["audit", log] and "json" in words:
            (found,) = [f for f in json.loads(out)["findings"] if f["check"] == "duplicate_run_ids"]
            assert found["run_id"] == run_id


@pytest.mark.parametrize("when", ["infinity", "-infinity", "10000-01-01", "0044-03-15 (BC)"])
def test_no_time_ends_a_command_in_a_bug(capsys, log_file, tmp_path, when):
    path, writing = log_file
    with writing() as log:
        log.con.execute("INSERT INTO raw.runs (run_id, started_at) VALUES ('r1', ?)", [when])
        log.con.execute(
            "INSERT INTO raw.segments (run_id, segment_id, state, heartbeat_at) "
            "VALUES ('r1', 's1', 'running', ?)",
            [when],
        )
    page = tmp_path / "p.html"
    assert main(["report", "html", str(path), "-o", str(page)]) == 0
    assert main(["sql", str(path), "SELECT started_at FROM runs", "--format", "csv"]) == 0
    assert when in capsys.readouterr().out
    assert main(["runs", str(path), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["state"] == "dead"
