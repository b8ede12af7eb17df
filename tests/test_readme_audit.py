"""What the README says of the audit, run as it stands there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import duckdb
import pytest
import yaml
from readme_tables import README

from rlaudit.cli import main
from rlaudit.render.audit import AuditFormat

SECTION = README.read_text(encoding="utf-8").split("\n### Audit\n", 1)[1].split("\n### ", 1)[0]


def block(language):
    (found,) = re.findall(rf"```{language}\n(.*?)```", SECTION, flags=re.DOTALL)
    return found


@pytest.fixture
def project(tmp_path, monkeypatch, log_file):
    """A folder with a log in ``runs``, in which to work."""
    path, writing = log_file
    with writing() as log:
        log.add_run("r1", {"sampling": "stratified", "replacement": True}, host="h", pid=1)
        log.add("segments", run_id="r1", segment_id="s1", ordinal=0, state="finished")
        log.add("episodes", run_id="r1", segment_id="s1", episode_id=[1, 2], length=[1, 5])
    (tmp_path / "runs").mkdir()
    path.rename(tmp_path / "runs" / "night.duckdb")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_format_stands_in_its_table():
    formats = set(re.findall(r"`(\w+)`", SECTION.split("| format |")[1].split("\n\n")[0]))
    assert formats >= set(AuditFormat.__args__)


@pytest.mark.usefixtures("project")
def test_every_key_of_the_json_is_described(capsys):
    main(["audit", "runs", "--format", "json", "--select", "duplicates"])
    report = json.loads(capsys.readouterr().out)
    (source,) = report["sources"]
    for key in (*report, *source, *source["checks"][0]):
        assert f"`{key}`" in SECTION, key


def test_the_check_works(project, capsys):
    folder = project / "checks"
    folder.mkdir()
    (folder / "short_episodes.sql").write_text(block("sql"))
    assert main(["checks", "lint", "checks"]) == 0
    arguments = ["audit", "runs", "--checks", "checks", "--select", "short_episodes"]
    assert main([*arguments, "--fail-on", "warn"]) == 1
    assert "episode 1 of run r1 has 1 steps, one of 1 such episodes" in capsys.readouterr().out


def test_the_settings_are_understood(project, capsys):
    text = block("toml")
    (project / "pyproject.toml").write_text(text)
    (project / "checks").mkdir()
    (project / "checks" / "short_episodes.sql").write_text(block("sql"))
    named = tomllib.loads(text)["tool"]["rlaudit"]
    arguments = ["--select", "short_episodes", "--select", named["ignore"][0]]
    assert main(["audit", "runs", *arguments, "--no-baseline"]) == 1
    assert (project / named["audit"]["record"]).is_file()
    assert main(["baseline", "write", "runs", *arguments]) == 0
    assert (project / named["baseline"]).is_file()
    capsys.readouterr()
    assert main(["audit", "runs", *arguments, "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [finding["check"] for finding in report["accepted"]] == ["short_episodes"]
    names = {check["name"] for check in report["sources"][0]["checks"]}
    assert named["ignore"][0] not in names


@pytest.mark.usefixtures("project")
def test_the_history_can_be_asked_when_a_check_began_to_fail(capsys):
    (query,) = re.findall(r'rlaudit sql audits\.duckdb "(.*?)"', SECTION, flags=re.DOTALL)
    assert main(["audit", "runs", "--record", "audits.duckdb", "--select", "duplicates"]) == 0
    capsys.readouterr()
    assert main(["sql", "audits.duckdb", query]) == 0
    assert capsys.readouterr().out.split() == ["check_name", "run_id", "since"]


def test_the_pytest_recipe_passes_and_fails(project, monkeypatch):
    def only_duplicates(source):
        return audit(source, select=["duplicates"])

    names = {}
    exec(block("python"), names)
    audit = names["rlaudit"].audit
    monkeypatch.setattr("rlaudit.audit", only_duplicates, raising=False)
    (recipe,) = [value for name, value in names.items() if name.startswith("test_")]
    recipe()
    with duckdb.connect(project / "runs" / "night.duckdb") as con:
        con.execute("INSERT INTO raw.runs FROM raw.runs")
    with pytest.raises(AssertionError, match=r"run id r1 stands in raw\.runs 2 times"):
        recipe()


@pytest.mark.skipif(shutil.which("bash") is None, reason="GitHub runs these lines in bash")
def test_the_workflow_runs(project):
    workflow = yaml.safe_load(block("yaml"))
    (job,) = workflow["jobs"].values()
    lines = [step["run"] for step in job["steps"] if "run" in step]
    ours = [line for line in lines if line.startswith("rlaudit ")]
    assert [line for line in lines if line not in ours] == ["pip install rlaudit"]
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "GITHUB_STEP_SUMMARY": str(project / "summary.md"),
    }
    for line in ours:
        done = subprocess.run(
            ["bash", "-c", line], env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode in (0, 1), done.stderr
    assert (project / "summary.md").read_text().startswith("### rlaudit: ")
    (uploaded,) = [
        step["with"]["sarif_file"] for step in job["steps"] if "sarif" in str(step.get("uses"))
    ]
    assert json.loads((project / uploaded).read_text())["version"] == "2.1.0"
