from __future__ import annotations

import csv
import json

import duckdb
import pytest

from rlaudit.auditing import open_log
from rlaudit.cli import main
from rlaudit.sqlfiles import load_checks, read_sql

CHECKS = {check.name: check for check in load_checks()}


@pytest.fixture
def run(capsys):
    def run(*args):
        code = main(["checks", *map(str, args)])
        return code, *capsys.readouterr()

    return run


def test_every_check_is_listed_under_its_family(run):
    code, out, err = run("list")
    assert (code, err) == (0, "")
    for check in CHECKS.values():
        assert f"{check.name} " in out
        assert check.title in out
    assert f"{len(CHECKS)} checks in " in out


def test_the_list_is_data_in_other_formats(run):
    _, out, _ = run("list", "--format", "json")
    rows = json.loads(out)
    assert {row["name"] for row in rows} == set(CHECKS)
    assert list(rows[0]) == ["name", "family", "severity", "title", "path"]
    _, out, _ = run("list", "--format", "csv")
    assert len(list(csv.DictReader(out.splitlines()))) == len(CHECKS)
    assert run("list", "--format", "markdown")[1].startswith("| name | family |")


def test_a_family_can_be_listed(run):
    _, out, _ = run("list", "--family", "duplicates", "--format", "json")
    assert {row["family"] for row in json.loads(out)} == {"duplicates"}
    code, out, err = run("list", "--family", "duplicate")
    assert (code, out) == (2, "")
    assert "did you mean 'duplicates'?" in err


def test_a_check_is_shown_as_it_stands(run):
    check = CHECKS["duplicate_samples"]
    assert run("show", check.name) == (0, check.path.read_text(), "")
    code, out, err = run("show", "duplicate_sample")
    assert (code, out) == (2, "")
    assert (
        err == "error: no check is called 'duplicate_sample' (did you mean 'duplicate_samples'?)\n"
    )


@pytest.mark.parametrize("name", ["duplicate_samples", "excess_repeats_stratified"])
def test_in_full_a_check_runs_in_any_duckdb(run, name):
    code, out, err = run("show", name, "--full")
    assert (code, err) == (0, "")
    with duckdb.connect() as con:
        con.execute(read_sql("schema/raw.sql"))
        con.execute(read_sql("schema/views.sql"))
        assert con.execute(out).fetchall() == []


def test_our_own_checks_are_sound(run):
    code, out, err = run("lint")
    assert (code, out) == (0, "")
    assert err.endswith("files, nothing wrong\n")


def test_lint_names_file_and_line(run, tmp_path):
    text = CHECKS["duplicate_samples"].path.read_text()
    (tmp_path / "one.sql").write_text(text.replace("name: duplicate_samples", "name: one"))
    (tmp_path / "two.sql").write_text(text.replace("-- severity: error", "-- severity: bad"))
    code, out, err = run("lint", tmp_path)
    assert (code, err) == (1, "")
    assert f"{tmp_path / 'two.sql'}:3: " in out
    assert "one.sql" not in out


def test_lint_of_no_folder_is_a_finding_of_its_own(run, tmp_path):
    code, out, err = run("lint", tmp_path / "nowhere")
    assert code in (1, 2)
    assert "nowhere" in out + err
    assert (out + err).count("\n") == 1


def test_a_file_that_is_no_check_is_named_beside_the_list(run, tmp_path):
    (tmp_path / "broken.sql").write_text("SELECT 1\n")
    code, out, err = run("list", "--checks", tmp_path)
    assert code == 2
    assert "duplicate_samples" in out
    assert err.startswith(f"error: {tmp_path / 'broken.sql'}:1: ")
    assert run("show", "broken", "--checks", tmp_path)[0] == 2


def test_a_new_check_works_and_finds_nothing(run, log_file, tmp_path, capsys):
    folder = tmp_path / "mine"
    code, out, err = run("new", "short_episodes", "--dir", folder)
    assert code == 0
    path = tmp_path / out.strip()
    assert path.is_file()
    assert path.is_relative_to(folder)
    assert f"--checks {folder} --select short_episodes" in err
    assert run("lint", folder)[:2] == (0, "")
    log, writing = log_file
    with writing() as tiny:
        tiny.add_run("r1", {})
        tiny.add("episodes", run_id="r1", segment_id="s1", episode_id=1, length=5)
        tiny.add_batch(1, [1, 2])
        tiny.con.execute("UPDATE raw.updates SET loss = 0.5")
    arguments = ["audit", str(log), "--checks", str(folder), "--select", "short_episodes"]
    assert main([*arguments, "--format", "json"]) == 0
    (source,) = json.loads(capsys.readouterr().out)["sources"]
    assert [check["status"] for check in source["checks"]] == ["pass"]
    code, out, err = run("new", "short_episodes", "--dir", folder)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "name", ["Short", "short-episodes", "1st", "../x", "", "duplicate_samples"]
)
def test_a_check_has_a_name_that_is_one(run, tmp_path, name):
    code, out, err = run("new", name, "--dir", tmp_path)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert list(tmp_path.iterdir()) == []


def test_a_new_check_goes_where_the_project_keeps_its_checks(run, tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text('[tool.rlaudit]\nchecks = ["replay/checks", "x"]\n')
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert run("new", "short_episodes")[0] == 0
    (path,) = tmp_path.rglob("short_episodes.sql")
    assert path.is_relative_to(tmp_path / "replay" / "checks")


def test_a_log_is_untouched_by_an_audit(log_file, capsys):
    path, writing = log_file
    with writing() as tiny:
        tiny.add_run("r1", {})
    before = path.read_bytes()
    main(["audit", str(path), "--select", "duplicates"])
    capsys.readouterr()
    assert path.read_bytes() == before
    with open_log(path) as log:
        assert log.sql("SELECT count(*) AS n FROM runs").pl()["n"].item() == 1
