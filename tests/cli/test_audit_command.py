from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys

import duckdb
import pytest

from rlaudit.cli import main
from rlaudit.sqlfiles import load_checks
from rlaudit.store import open_for_writing

STRATIFIED = {"sampling": "stratified", "replacement": True}

MINE = """\
-- name: few_steps
-- title: Episodes of a single step
-- severity: warning
-- reads: episodes
-- grain: run_id, episode_id
-- groups: episodes
-- diagnosis: episode {episode_id} of run {run_id} has one step
-- why: an environment that ends at once teaches nothing.

SELECT run_id, episode_id
FROM episodes
WHERE length = 1
"""


@pytest.fixture
def log(log_file):
    """The path of a log in which nothing is wrong, as far as the duplicates go."""
    path, writing = log_file
    with writing() as tiny:
        tiny.add_run("r1", STRATIFIED, host="h", pid=1)
        tiny.add("segments", run_id="r1", segment_id="s1", ordinal=0, state="finished")
        tiny.add(
            "episodes", run_id="r1", segment_id="s1", episode_id=[1, 2], end_step=[5, 9], length=1
        )
        tiny.add_batch(1, [*range(10, 20)])
    return path


@pytest.fixture
def bad(log):
    """The same log with an episode that is there three times."""
    with duckdb.connect(log) as con:
        for _ in range(2):
            con.execute("INSERT INTO raw.episodes FROM raw.episodes WHERE episode_id = 2 LIMIT 1")
    return log


@pytest.fixture
def mine(tmp_path):
    """A folder with a check of one's own, of severity warning, that the log fails."""
    folder = tmp_path / "mine" / "own"
    folder.mkdir(parents=True)
    (folder / "few_steps.sql").write_text(MINE)
    return folder.parent


@pytest.fixture
def run(capsys):
    """Audit the duplicates of a log: exit code, stdout, stderr."""

    def run(*args, select="duplicates"):
        chosen = ["--select", select] if select else []
        code = main(["audit", *map(str, args), *chosen])
        return code, *capsys.readouterr()

    return run


def test_a_clean_log_exits_0(run, log):
    code, out, err = run(log)
    assert (code, err) == (0, "")
    assert "over 1 run: " in out
    assert "nothing found" in out


def test_a_finding_is_named_and_exits_1(run, bad):
    code, out, err = run(bad)
    assert (code, err) == (1, "")
    assert "error: duplicate_episodes" in out
    assert "episode 2 of run r1 is logged 3 times" in out
    assert "1 error in 1 log" in out


def test_all_checks_run_if_none_is_selected(run, log):
    _, out, _ = run(log, "--format", "json", select=None)
    (source,) = json.loads(out)["sources"]
    assert [check["name"] for check in source["checks"]] == [c.name for c in load_checks()]


def test_checks_are_selected_and_left_out(run, bad):
    def names(*args, select):
        _, out, _ = run(bad, "--format", "json", *args, select=select)
        return [check["name"] for check in json.loads(out)["sources"][0]["checks"]]

    assert names(select="duplicate_run_ids") == ["duplicate_run_ids"]
    assert names("--select", "duplicate_samples", select="duplicate_run_ids") == [
        "duplicate_run_ids",
        "duplicate_samples",
    ]
    assert "duplicate_episodes" not in names("--ignore", "duplicate_*", select="duplicates")
    assert run(bad, "--ignore", "duplicate_episodes")[0] == 0


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--select", "duplicate_sample"], "did you mean 'duplicate_samples'?"),
        (["--select", "duplicates", "--ignore", "duplicates"], "no check is selected"),
        (["--run", "r2"], "did you mean 'r1'?"),
        (["--explain", "duplicate_samples"], "SOURCE has no meaning with --explain"),
        (["--no-baseline", "--baseline", "b.json"], "--baseline has no meaning with --no-baseline"),
        (["--run", "x", "--run", "r1", "--run", "y"], "no run has the id 'x' or 'y'"),
        (["--require", "duplicate_sample"], "did you mean 'duplicate_samples'?"),
        (["--select", "duplicate_samples", "--require", "noise"], "8 checks are required and not"),
        (["--ignore", "duplicate_samples", "--require", "duplicates"], "1 check is required and"),
        (["--select", "duplicate_samples", "--min-judged", "2"], "2 checks are to judge, and 1"),
        (["--min-judged", "-1"], "--min-judged"),
        (["--since-last"], "--since-last needs the last audit (name its file with --record)"),
        (["--fail-on", "warnings"], "--fail-on"),
        (["--format", "junt"], "did you mean 'junit'?"),
        (["--output", "x.dat"], "does not say which format to write"),
        (["--baseline", "nowhere.json"], "nowhere.json"),
        (["--memory-limit", "much"], "memory_limit cannot be 'much'"),
        (["--selct", "x"], "did you mean --select?"),
    ],
)
def test_a_wrong_option_is_one_line_and_exits_2(run, log, args, message):
    code, out, err = run(log, *args, select=None)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1


def test_no_log_is_one_line_and_exits_2(run):
    code, out, err = run()
    assert (code, out) == (2, "")
    assert err == "error: no log is named (name a DuckDB file or a folder of them)\n"


def test_a_log_without_rows_is_not_clean(run, log_file):
    path, writing = log_file
    with writing():
        pass
    code, out, err = run(path)
    assert code == 2
    assert "not applicable" in out
    assert err.count("\n") == 1
    assert "error: " in err


def test_what_can_be_judged_is_shown_beside_what_cannot(run, bad, tmp_path):
    nothing = tmp_path / "text.duckdb"
    nothing.write_text("no database, but long enough to be looked at as one " * 100)
    code, out, err = run(bad, nothing)
    assert code == 2
    assert "error: duplicate_episodes" in out
    assert f"{nothing}: could not be read" in out
    assert err.startswith("error: ")
    assert str(nothing) in err
    assert err.count("\n") == 1


NOT_DUCKDB = (
    "is not a DuckDB database (rlaudit train writes a log into one; of other files, "
    "rlaudit check-duplicates reads CSV, Parquet and JSON)"
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [(None, "does not exist (check the path)"), ("step,reward\n" * 500, NOT_DUCKDB)],
)
def test_a_single_log_that_cannot_be_read_is_one_line(run, tmp_path, text, reason):
    file = tmp_path / "steps.csv"
    if text is not None:
        file.write_text(text)
    assert run(file) == (2, "", f"error: {file} {reason}\n")
    # Programs get their object all the same, and a file never stays empty.
    assert json.loads(run(file, "--format", "json")[1])["problems"][0]["source"] == str(file)
    run(file, "--output", tmp_path / "report.txt")
    assert (tmp_path / "report.txt").read_text() == f"{file}: could not be read\n"


def test_an_audit_loads_no_frames(log):
    code = f"""
import sys
from rlaudit.cli import main
assert main(["audit", {str(log)!r}, "--select", "duplicates"]) == 0
sys.exit(str({{"torch", "polars", "pyarrow", "numpy", "textual"}} & set(sys.modules)))
"""
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert found.stderr == "set()\n"


def test_a_folder_and_several_files_say_which_is_which(run, bad, tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    shutil.copy(bad, folder / "copy.duckdb")
    with open_for_writing(folder / "copy.duckdb") as con:
        con.execute("UPDATE raw.runs SET host = 'another'")  # else it is the same log twice
    code, out, _ = run(folder, bad, "--format", "json")
    assert code == 1
    sources = [finding["source"] for finding in json.loads(out)["findings"]]
    assert sources == [str(folder / "copy.duckdb"), str(bad)]
    _, out, _ = run(folder, bad)
    assert f"{folder / 'copy.duckdb'}: " in out
    assert "2 errors in 2 logs" in out


def test_a_broken_check_of_ones_own_stops_no_other(run, bad, mine):
    file = mine / "own" / "typo.sql"
    file.write_text(MINE.replace("name: few_steps", "name: typo").replace("-- why", "-- wy"))
    code, out, err = run(bad, "--checks", mine, "--select", "few_steps")
    assert code == 2
    assert "error: duplicate_episodes" in out
    assert "warning: few_steps" in out
    assert err.startswith(f"error: {file}:8: ")
    assert "why" in err
    assert err.count("\n") == 1


def test_a_check_whose_query_fails_stops_no_other(run, bad, mine):
    file = mine / "own" / "typo.sql"
    file.write_text(
        MINE.replace("name: few_steps", "name: typo").replace("length = 1", "lngth = 1")
    )
    code, out, err = run(bad, "--checks", mine, "--select", "few_steps,typo")
    assert code == 2
    assert "error: duplicate_episodes" in out
    assert "1 with an error" in out
    assert str(file) in err
    assert "lngth" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(("fail_on", "code"), [("error", 0), ("warn", 1)])
def test_severity_decides_the_exit_code(run, log, mine, fail_on, code):
    args = (log, "--checks", mine, "--fail-on", fail_on)
    found, out, err = run(*args, select="few_steps")
    assert (found, err) == (code, "")
    assert "warning: few_steps" in out
    _, out, _ = run(*args, "--format", "junit", select="few_steps")
    assert ("<failure" in out) is (code == 1)


def test_a_run_can_be_chosen(run, bad):
    with duckdb.connect(bad) as con:
        con.execute("UPDATE raw.episodes SET run_id = 'r0'")
    assert run(bad, "--run", "r1", select="duplicate_run_ids")[0] == 0
    code, out, _ = run(bad, "--run", "r0")
    assert code == 1
    assert "episode 2 of run r0" in out


@pytest.mark.parametrize(("limit", "shown"), [("1", 1), ("0", 7)])
def test_examples_are_bounded(run, log, limit, shown):
    with duckdb.connect(log) as con:
        con.execute("INSERT INTO raw.samples FROM raw.samples WHERE batch_index < 7")
    code, out, _ = run(log, "--limit", limit, "--format", "json")
    finding = next(f for f in json.loads(out)["findings"] if f["check"] == "duplicate_samples")
    assert (code, finding["rows"], finding["shown"]) == (1, 7, shown)
    _, out, _ = run(log, "--limit", limit)
    assert ("showing 1 of 7 rows; all of them:" in out) is (shown == 1)


def test_the_query_of_a_finding_shows_its_rows(run, bad):
    _, out, _ = run(bad, "--format", "json")
    query = json.loads(out)["findings"][0]["query"]
    with duckdb.connect(bad, read_only=True) as con:
        rows = con.sql(query).fetchall()
    assert len(rows) == 1
    assert rows[0][:2] == ("r1", 2)


SUFFIXES = {
    ".json": lambda text: json.loads(text)["findings"],
    ".jsonl": lambda text: [json.loads(line) for line in text.splitlines()],
    ".csv": lambda text: list(csv.DictReader(text.splitlines())),
    ".md": lambda text: text.startswith("### rlaudit: 1 error in 1 log"),
    ".xml": lambda text: text.startswith("<?xml") and "<failure" in text,
    ".sarif": lambda text: json.loads(text)["runs"][0]["results"],
    ".sarif.json": lambda text: json.loads(text)["runs"][0]["results"],
    ".txt": lambda text: "error: duplicate_episodes" in text,
}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_is_written_in_the_format_of_its_name(run, bad, tmp_path, suffix):
    path = tmp_path / f"report{suffix}"
    code, out, err = run(bad, "--output", path)
    assert (code, out, err) == (1, "", "")
    assert SUFFIXES[suffix](path.read_text())


def test_a_check_is_explained_without_a_log(capsys):
    assert main(["audit", "--explain", "excess_repeats_stratified"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("excess_repeats_stratified (error, duplicates)\n")
    assert "alpha DOUBLE = " in out
    assert "config.sampling = stratified" in out
    arguments = ["--explain", "excess_repeats_stratified", "--format", "json"]
    assert main(["audit", *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "excess_repeats_stratified"


def test_a_baseline_accepts_what_is_there_today(run, bad, tmp_path, capsys):
    path = tmp_path / "accepted.json"
    assert main(["baseline", "write", str(bad), "--output", str(path)]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "accepted in" in err
    code, out, err = run(bad, "--baseline", path)
    assert (code, err) == (0, "")
    assert "accepted by the baseline, not shown" in out
    assert run(bad, "--no-baseline")[0] == 1
    with duckdb.connect(bad) as con:
        con.execute("DELETE FROM raw.episodes WHERE episode_id = 2")
        con.execute("INSERT INTO raw.runs FROM raw.runs")
    code, out, _ = run(bad, "--baseline", path)
    assert code == 1
    assert "error: duplicate_run_ids" in out
    assert "accepted by the baseline and no longer there" in out
    assert "  duplicate_episodes in run r1 (1 row)" in out


def test_no_baseline_is_written_from_half_an_audit(capsys, bad, tmp_path):
    path = tmp_path / "accepted.json"
    missing = tmp_path / "missing.duckdb"
    assert main(["baseline", "write", str(bad), str(missing), "--output", str(path)]) == 2
    assert not path.exists()
    assert "missing.duckdb" in capsys.readouterr().err


def test_results_are_recorded_and_only_what_is_new_is_read(run, log, tmp_path, capsys):
    record = tmp_path / "audits.duckdb"
    assert run(log, "--record", record)[0] == 0
    with duckdb.connect(log) as con:
        con.execute("INSERT INTO raw.runs FROM raw.runs")
    assert run(log, "--record", record, "--since-last")[0] == 1
    query = "SELECT status FROM history WHERE check_name = 'duplicate_run_ids' ORDER BY audited_at"
    assert main(["sql", str(record), query, "--format", "csv"]) == 0
    assert capsys.readouterr().out.split() == ["status", "pass", "fail"]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Write a pyproject.toml and work in a folder below it."""

    def write(text):
        (tmp_path / "pyproject.toml").write_text(text)
        below = tmp_path / "below"
        below.mkdir()
        monkeypatch.chdir(below)

    return write


def test_a_project_states_its_checks_selection_severity_and_baseline(
    run, bad, mine, project, capsys
):
    project(
        "[tool.rlaudit]\n"
        'checks = ["mine"]\n'
        'select = ["few_steps", "duplicates"]\n'
        'ignore = "duplicate_run_ids"\n'
        'fail-on = "warn"\n'
        'baseline = "accepted.json"\n'
    )
    code, out, err = run(bad, select=None)
    assert (code, out) == (2, "")
    assert "accepted.json" in err
    assert main(["baseline", "write", str(bad)]) == 0
    assert (mine.parent / "accepted.json").is_file()
    capsys.readouterr()
    code, out, _ = run(bad, "--format", "json", select=None)
    assert code == 0
    names = [check["name"] for check in json.loads(out)["sources"][0]["checks"]]
    assert "few_steps" in names
    assert "duplicate_run_ids" not in names
    code, out, _ = run(bad, "--no-baseline", select="few_steps")
    assert code == 1
    assert "warning: few_steps" in out


def test_workflow_commands_are_for_github(run, bad):
    code, out, _ = run(bad, "--format", "github")
    assert code == 1
    assert out.startswith("::error title=rlaudit%3A duplicate_episodes::episode 2 of run r1")


def test_an_interrupt_exits_130(run, log, monkeypatch):
    def stop(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("rlaudit.auditing.audit", stop)
    assert run(log)[0] == 130


def test_a_locked_log_names_its_holder(run, log, held):
    with held(log) as holder:
        code, _, err = run(log, "--wait", "0")
    assert code == 2
    assert str(holder.pid) in err
    assert err.count("\n") == 1


def test_what_explains_a_check_does_nothing_else(capsys):
    assert main(["audit", "--explain", "duplicate_sample"]) == 2
    assert "did you mean 'duplicate_samples'?" in capsys.readouterr().err
    for option in (["--limit", "3"], ["--fail-on", "warn"], ["--run", "r"], ["--since-last"]):
        assert main(["audit", "--explain", "duplicate_samples", *option]) == 2
        assert f"{option[0]} has no meaning with --explain" in capsys.readouterr().err
    assert main(["audit", "--explain", "duplicate_samples", "--format", "csv"]) == 2
    assert "--explain has no format csv" in capsys.readouterr().err


def test_an_audit_says_how_much_it_judged(run, log):
    _, out, _ = run(log)
    assert f"{log}: 6 of 11 checks judged over 1 run: 6 passed, 5 not applicable" in out
    _, out, _ = run(log, "--format", "json")
    report = json.loads(out)
    assert report["coverage"] == {
        "checks": 11, "judged": 6, "not_applicable": 5, "errors": 0, "runs": 1,
    }  # fmt: skip
    assert report["floor"] == {"required": [], "min_judged": 0, "met": True}
    assert "6 of 11 checks judged 1 run" in run(log, "--format", "github")[1]
    assert "6 of 11 checks judged 1 run" in run(log, "--format", "markdown")[1]
    assert '"judged": 6' in run(log, "--format", "sarif")[1]
    assert "6 of 11 checks judged over 1 run" in run(log, "--format", "junit")[1]


UNMET = (
    "1 of 2 required checks judged no run: config.sampling is stratified: excess_repeats_uniform"
)


@pytest.mark.parametrize(
    ("fmt", "shown"),
    [
        ("table", UNMET),
        ("json", '"met": false'),
        ("jsonl", UNMET),
        ("csv", UNMET),
        ("markdown", "### rlaudit: too little was judged: nothing found in 1 log"),
        ("junit", 'errors="1"'),
        ("sarif", '"executionSuccessful": false'),
        ("github", "::error title=rlaudit could not do it::" + UNMET),
    ],
)
def test_a_floor_that_is_not_reached_is_no_pass_in_any_format(run, log, fmt, shown):
    wanted = ("--require", "excess_repeats_uniform,duplicate_samples", "--format", fmt)
    code, out, err = run(log, *wanted)
    assert code == 2
    assert shown in out
    assert UNMET in err


def test_a_floor_that_is_reached_changes_nothing(run, log):
    assert run(log, "--require", "duplicate_samples", "--min-judged", "6")[0] == 0
    code, _, err = run(log, "--min-judged", "7")
    assert code == 2
    assert "6 of 11 checks judged a run, most of the others because " in err
    assert "(--min-judged asks for 7)" in err


def test_a_floor_of_the_project_holds_for_whole_audits(run, log, tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text(
        '[tool.rlaudit.audit]\nselect = "duplicates"\nrequire = ["duplicates"]\nmin-judged = 9\n'
    )
    monkeypatch.chdir(tmp_path)
    code, _, err = run(log, select=None)
    assert code == 2
    assert "5 of 11 required checks judged no run" in err
    assert "(--min-judged asks for 9)" in err
    code, _, err = run(log, select="duplicate_samples")
    assert code == 0
    assert err.startswith("note: require and min-judged of the pyproject.toml is not applied")


def test_a_check_that_failed_has_judged_nothing(run, log, mine):
    text = MINE.replace("name: few_steps", "name: typo").replace("length = 1", "lngth = 1")
    (mine / "own" / "typo.sql").write_text(text)
    code, _, err = run(log, "--checks", mine, "--require", "typo", select="own")
    assert code == 2
    assert "1 of 1 required check judged no run: it failed: typo" in err
