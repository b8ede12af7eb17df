"""Logs, results and runs that are called as nobody should call a file, in every output."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from hostile_log import write_check
from hostile_names import HOSTILE
from media import assert_lines, assert_page, assert_svg, assert_xml, json_of, rendered, rows_of_csv

from rlaudit.cli import main
from rlaudit.render.harmless import printable
from rlaudit.store import open_for_writing

ATTACKS = (
    "formula that starts a program",
    "workflow command behind blanks",
    "workflow command on a line of its own",
    "clear the screen, set the title",
    "attribute",
    "link and picture",
    "cells",
    "option",
)
# Of a path a slash cannot be a part.
NAMES = [HOSTILE[attack].replace("/", "_") + ".duckdb" for attack in ATTACKS]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with logs of these names, each with a run of its own, and one that is no log."""
    folder = tmp_path_factory.mktemp("logs")
    write_check(folder / "checks")
    (folder / "logs").mkdir()
    for number, name in enumerate(NAMES):
        run = f"r{number}"
        with open_for_writing(folder / "logs" / name) as con:
            con.execute("INSERT INTO raw.runs (run_id, name, env_id) VALUES (?, 'n', 'e')", [run])
            con.execute(
                "INSERT INTO raw.episodes (run_id, segment_id, episode_id, env_index, phase, "
                "start_step, end_step, length, return_raw) "
                "SELECT ?, 's', i, 0, 'train', i, i, 1, i FROM range(5) AS r(i)",
                [run],
            )
    return folder


@pytest.fixture
def run(capfd, made, monkeypatch):
    monkeypatch.chdir(made / "logs")

    def call(*words, code=0):
        assert main(list(words)) == code, capfd.readouterr().err
        out, err = capfd.readouterr()
        assert_lines(err)
        return out

    return call


READ = {
    "table": assert_lines,
    "json": json_of,
    "jsonl": assert_lines,
    "csv": rows_of_csv,
    "markdown": rendered,
    "junit": assert_xml,
    "sarif": json_of,
    "github": lambda out: [assert_lines(line.removeprefix("::")) for line in out.splitlines()],
    "svg": assert_svg,
}


@pytest.mark.parametrize("fmt", list(READ)[:-1])
def test_an_audit(run, made, fmt):
    own = ["--checks", str(made / "checks"), "--select", "hostile_check", "--format", fmt]
    out = run("audit", *own, "--", *NAMES, code=1)
    found = READ[fmt](out)
    if fmt == "json":
        assert {Path(source["source"]).name for source in found["sources"]} == set(NAMES)
    if fmt == "sarif":
        places = [artifact["location"]["uri"] for artifact in found["runs"][0]["artifacts"]]
        assert len(set(places)) == len(NAMES)
        assert all(place.isascii() and ":" not in place for place in places)
    if fmt == "junit":
        assert {suite.get("name") for suite in found} == set(map(printable, NAMES))


@pytest.mark.parametrize("fmt", ["table", "json", "jsonl", "csv", "markdown", "svg"])
def test_a_plot(run, fmt):
    READ[fmt](run("plot", ".", "--group-by", "source", "--format", fmt))


@pytest.mark.parametrize("fmt", ["table", "json", "csv"])
def test_a_comparison(run, fmt):
    READ[fmt](run("compare", "--format", fmt, "--", NAMES[0], NAMES[1]))


@pytest.mark.parametrize("name", NAMES)
def test_commands_of_one_log(run, made, name, tmp_path):
    run("runs", "--", name)
    report = json_of(run("check-duplicates", "--format", "json", "--", name))
    assert report["source"] == name
    page = tmp_path / f"{name}.html"
    run("report", "html", "--no-audit", "-o", str(page), "--", name)
    assert_page(page.read_text(encoding="utf-8"))
    csv = tmp_path / f"{name}.csv"
    assert run("sql", "-o", str(csv), "--", name, "FROM runs") == ""
    assert csv.exists()
    baseline = tmp_path / f"{name}.json"
    own = ["--checks", str(made / "checks"), "--select", "hostile_check"]
    run("baseline", "write", *own, "--output", str(baseline), "--", name)
    assert len(json.loads(baseline.read_text())["accepted"]) == 1
    # What is not there, and what is there already, is quoted.
    run("sql", "--", name + "-", "SELECT 1", code=2)
    run("audit", "--baseline", name, ".", code=2)


def test_the_command_that_shows_all_rows_names_the_log_for_a_shell(run, made):
    with open_for_writing(made / "logs" / "--two.duckdb") as con:
        con.execute("INSERT INTO raw.runs (run_id, name) VALUES ('a', '=1'), ('a', '::error::x')")
    own = ["--checks", str(made / "checks"), "--select", "hostile_check", "--limit", "1"]
    lines = run("audit", *own, "--", "--two.duckdb", code=1).splitlines()
    assert "  rlaudit audit ./--two.duckdb --select hostile_check --limit 0" in lines


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no such names either")
@pytest.mark.parametrize("fmt", list(READ)[:-1])
def test_a_name_that_is_no_text(capfd, tmp_path, monkeypatch, fmt):
    monkeypatch.chdir(tmp_path)
    (tmp_path / os.fsdecode(b"\xff\xfe.duckdb")).write_bytes(b"no database")
    code = main(["audit", ".", "--format", fmt])
    out, err = capfd.readouterr()
    assert code == 2
    assert_lines(err)
    assert "internal error" not in err
    assert "Traceback" not in err
    if out:
        READ[fmt](out)
