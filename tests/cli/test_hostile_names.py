"""Every output of every command, over a log in which all that one can choose attacks it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hostile_log import COLUMNS, write_check, write_log, write_report
from hostile_names import HOSTILE, NAMES
from media import (
    assert_commands_nothing,
    assert_lines,
    assert_page,
    assert_svg,
    assert_xml,
    is_seen,
    json_of,
    rendered,
    rows_of_csv,
    text_of_cell,
)

from rlaudit.auditing import audit, reporting
from rlaudit.cli import main
from rlaudit.cli.served_page import served_page
from rlaudit.render.audit_table import command
from rlaudit.render.harmless import printable, printable_lines
from rlaudit.render.page import page_html, read_page
from rlaudit.sqlfiles import quoted_name
from rlaudit.store import open_for_reading

ROW_FORMATS = ["table", "json", "jsonl", "csv", "markdown"]
COMMANDS_OF_RUNNERS = [name for what, name in HOSTILE.items() if "ommand" in what or "##" in name]
OWN_COMMAND = re.compile(r"::(error|warning|notice) [^:]*::.*")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a log, and with a check, a report and a table of one's own."""
    folder = tmp_path_factory.mktemp("hostile")
    write_log(folder / "runs.duckdb")
    write_check(folder / "checks")
    write_report(folder / "reports")
    twice = [*NAMES, *NAMES]
    columns = dict.fromkeys((*COLUMNS[:5], "v"), twice)
    pq.write_table(pa.table(columns), folder / "values.parquet")
    return folder


@pytest.fixture
def run(capsys, made, monkeypatch):
    """Run a command in that folder; what it wrote to stdout. What it narrates is harmless."""
    monkeypatch.chdir(made)

    def call(*words, code=0):
        assert main(list(words)) == code, capsys.readouterr().err
        out, err = capsys.readouterr()
        assert_lines(err)
        return out

    return call


def is_shown(cell, name):
    """Say whether a cell of CSV gives the name back, or shows it where it would be a command."""
    return text_of_cell(cell) == (printable_lines(name) if name in COMMANDS_OF_RUNNERS else name)


def assert_harmless(fmt, out):
    if fmt == "csv":
        rows_of_csv(out)
    elif fmt == "markdown":
        rendered(out)
    else:
        assert_lines(out)


def assert_rows(fmt, out, *, names=NAMES, position=0):
    """Find ``names`` in one column of rows in any of the five formats."""
    if fmt == "table":
        assert_lines(out)
        for name in names:
            assert printable(name) in out
        return
    if fmt == "csv":
        cells = [row[position] for row in rows_of_csv(out)[1:]]
        assert len(cells) == len(names)
        assert all(any(is_shown(cell, name) for cell in cells) for name in names)
        return
    if fmt == "markdown":
        table = rendered(out)
        heads = sum(kind == "th_open" for kind, _ in table)
        cells = [text for kind, text in table if kind == "td_open"][position::heads]
        assert sorted(cells) == sorted(printable(name).strip() for name in names)
        return
    found = json_of(out) if fmt == "json" else [json_of(line) for line in out.splitlines()]
    assert_lines(out)
    assert sorted(list(row.values())[position] for row in found) == sorted(names)


@pytest.mark.parametrize("fmt", ROW_FORMATS)
def test_runs(run, fmt):
    assert_rows(fmt, run("runs", "runs.duckdb", "--format", fmt))


@pytest.mark.parametrize("fmt", ROW_FORMATS)
def test_sql(run, fmt):
    columns = ", ".join(f"name AS {quoted_name(column)}" for column in COLUMNS)
    query = f"SELECT name, {columns}, versions, [name] AS list FROM runs"
    out = run("sql", "runs.duckdb", query, "--format", fmt)
    assert_rows(fmt, out)
    if fmt == "csv":
        head, *rows = rows_of_csv(out)
        assert all(is_shown(cell, name) for cell, name in zip(head[1:], COLUMNS, strict=False))
        lists = [json.loads(row[-1])[0] for row in rows]
        assert sorted(lists) == sorted(NAMES)
    if fmt == "json":
        assert set(json_of(out)[0]) >= set(COLUMNS)


@pytest.mark.parametrize("fmt", ROW_FORMATS)
def test_a_report_of_ones_own(run, fmt):
    own = ["--reports", "reports", "--format", fmt]
    assert_rows(fmt, run("report", "run", "hostile_report", "runs.duckdb", *own))
    listed = run("report", "list", *own)
    assert_harmless(fmt, listed)


@pytest.mark.parametrize("fmt", ROW_FORMATS)
@pytest.mark.parametrize("name", ["run_settings", "config_differences"])
def test_our_own_reports(run, fmt, name):
    assert_harmless(fmt, run("report", "run", name, "runs.duckdb", "--format", fmt))


def audited(run, fmt, *more, code=1):
    own = ["--checks", "checks", "--select", "hostile_check", *more]
    return run("audit", "runs.duckdb", *own, "--format", fmt, code=code)


def test_an_audit_as_a_table(run):
    out = audited(run, "table", "--limit", "0")
    assert_lines(out)
    assert f"  run {printable(HOSTILE['formula behind a tab'])}: 1 row" in out.splitlines()


def test_an_audit_as_json(run):
    found = json_of(audited(run, "json"))["findings"]
    assert {finding["run_id"] for finding in found} == set(NAMES)
    lines = [json_of(line) for line in audited(run, "jsonl").splitlines()]
    assert {line["run_id"] for line in lines} == set(NAMES)


def test_an_audit_as_csv(run):
    head, *rows = rows_of_csv(audited(run, "csv"))
    cells = [row[head.index("run_id")] for row in rows]
    assert all(any(is_shown(cell, name) for cell in cells) for name in NAMES)


def test_an_audit_as_markdown(run):
    blocks = rendered(audited(run, "markdown"))
    cells = [text for kind, text in blocks if kind == "td_open"]
    assert len(cells) == 50 * 5
    shown = {printable(name).replace("`", "'").replace("\\|", "\\\\x7c") for name in NAMES} | {" "}
    assert set(cells[2::5]) <= shown


def test_an_audit_as_junit(run):
    root = assert_xml(audited(run, "junit"))
    (case,) = root.iter("testcase")
    assert case.get("classname").startswith("rlaudit.[family](x) ")
    (failure,) = case
    assert len(failure.text.splitlines()) == len(NAMES) + 2


def test_an_audit_as_sarif(run):
    (report,) = json_of(audited(run, "sarif"))["runs"]
    assert {result["properties"]["run_id"] for result in report["results"]} == set(NAMES)
    (rule,) = report["tool"]["driver"]["rules"]
    for text in [r["message"]["text"] for r in report["results"]] + [rule["help"]["text"]]:
        # In SARIF {0} is the place of an argument, and [text](0) a link.
        assert not re.search(r"(?<!\{)\{(\{\{)*\d", text)
        assert not re.search(r"(?<!\\)\[[^\]]*(?<!\\)\]\(", text)
    paragraphs = rule["help"]["markdown"].split("\n\n")
    rendered("\n\n".join(paragraph.partition("** ")[2] for paragraph in paragraphs))


def test_an_audit_as_workflow_commands(run):
    out = audited(run, "github")
    assert {c for c in out if not is_seen(c)} == {"\n"}
    lines = out.splitlines()
    assert len(lines) == 11
    assert all(OWN_COMMAND.fullmatch(line) for line in lines)


@pytest.mark.parametrize("fmt", ["table", "json"])
def test_an_explanation(run, fmt):
    own = ["--checks", "checks", "--format", fmt]
    assert_lines(run("audit", "--explain", "hostile_check", *own))


@pytest.mark.parametrize("by", ["name", "run-id"])
def test_a_baseline_knows_every_run_again(run, tmp_path, by):
    file = str(tmp_path / "baseline.json")
    own = ["--checks", "checks", "--select", "hostile_check"]
    run("baseline", "write", "runs.duckdb", *own, "--output", file, "--by", by)
    report = json_of(audited(run, "json", "--baseline", file, code=0))
    assert (len(report["accepted"]), report["findings"], report["gone"]) == (len(NAMES), [], [])


def test_what_is_gone_is_named_in_every_format(run, tmp_path):
    file = tmp_path / "baseline.json"
    own = ["--checks", "checks", "--select", "hostile_check"]
    run("baseline", "write", "runs.duckdb", *own, "--output", str(file))
    content = json.loads(file.read_text())
    content["accepted"] = [{**entry, "check": "duplicate_run_ids"} for entry in content["accepted"]]
    file.write_text(json.dumps(content))
    words = ["audit", "runs.duckdb", "--select", "duplicate_run_ids", "--baseline", str(file)]
    assert_lines(run(*words))
    rendered(run(*words, "--format", "markdown"))


@pytest.mark.parametrize("fmt", ["table", "json", "jsonl", "csv"])
def test_duplicates_in_a_log(run, fmt):
    out = run("check-duplicates", "runs.duckdb", "--format", fmt)
    if fmt == "csv":
        head, *rows = rows_of_csv(out)
        assert set(json.loads(rows[0][head.index("judged")])) == set(NAMES)
    else:
        assert_lines(out)


@pytest.mark.parametrize("fmt", ["table", "json", "jsonl", "csv", "parquet"])
def test_duplicates_in_a_table_of_hostile_columns(run, tmp_path, fmt):
    columns = ",".join(f'"{column.replace(chr(34), chr(34) * 2)}"' for column in COLUMNS[:5])
    words = ["check-duplicates", "values.parquet", "--value", "v", "--group-by", columns]
    words += ["--limit", "0"]
    if fmt == "parquet":
        run(*words, "-o", str(tmp_path / "found.parquet"), code=1)
        found = pq.read_table(tmp_path / "found.parquet")
        assert set(found["v"].to_pylist()) == set(NAMES)
        assert found.column_names[:5] == list(COLUMNS[:5])
        return
    out = run(*words, "--format", fmt, code=1)
    if fmt == "csv":
        head, *rows = rows_of_csv(out)
        assert [text_of_cell(cell) for cell in head[:5]] == list(COLUMNS[:5])
        assert all(any(is_shown(row[5], name) for row in rows) for name in NAMES)
    else:
        assert_lines(out)
    if fmt == "json":
        found = {example["value"]["v"] for example in json_of(out)["examples"]}
        assert found == set(NAMES) - {"-0.5"} | {-0.5} or found == set(NAMES)


@pytest.mark.parametrize("fmt", ROW_FORMATS)
def test_a_plot(run, fmt):
    out = run("plot", "runs.duckdb", "--group-by", "name", "--format", fmt)
    assert_harmless(fmt, out)
    if fmt == "table":
        assert all(printable(name) in out for name in NAMES)


@pytest.mark.parametrize("first", range(0, len(NAMES), 25))
def test_a_plot_as_svg(run, first):
    # A legend has room for 30 groups, and of a long name for the beginning.
    names = [name for name in NAMES[first : first + 25] if "\0" not in name]
    chosen = [word for name in names for word in ("--run", name)]
    title = HOSTILE["script"] + HOSTILE["right to left"]
    words = ["plot", "runs.duckdb", "--group-by", "name", *chosen, "--title", title]
    texts = "".join(assert_svg(run(*words, "--format", "svg")).itertext())
    assert all(printable(name)[:20].strip() in texts for name in [*names, title])


def test_a_plot_as_a_picture(run, tmp_path):
    file = tmp_path / "curves.png"
    run("plot", "runs.duckdb", "--group-by", "name", "-o", str(file))
    assert file.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("fmt", ["table", "json", "csv"])
@pytest.mark.parametrize("which", ["formula", "workflow command", "script", "markup of Rich"])
def test_a_comparison(run, fmt, which):
    words = ["--a", f"name={HOSTILE[which]}", "--b", "name=-0.5", "--format", fmt]
    assert_harmless(fmt, run("compare", "runs.duckdb", *words))


@pytest.mark.parametrize("fmt", ROW_FORMATS)
def test_the_list_of_checks(run, fmt):
    assert_harmless(fmt, run("checks", "list", "--checks", "checks", "--format", fmt))


@pytest.mark.parametrize(
    "words",
    [
        ["checks", "show", "hostile_check", "--checks", "checks"],
        ["report", "show", "hostile_report", "--reports", "reports"],
    ],
)
def test_the_sql_of_a_file_stays_what_it_is(run, made, words):
    for more in ([], ["--full"]):
        script = run(*words, *more)
        assert_commands_nothing(script, ends="\n\r")
        with duckdb.connect(str(made / "runs.duckdb"), read_only=True) as con:
            found = con.execute(script)
            columns = [column[0] for column in found.description]
            assert {row[0] for row in found.fetchall()} == set(NAMES)
        # But for what a comment parts.
        parted = [name for name in COLUMNS if "##" in name or "\n::" in name]
        assert set(columns) - {"run_id", "env_id", "one"} >= set(COLUMNS) - set(parted)


def test_the_query_of_a_finding_finds_its_run(made):
    checks = str(made / "checks")
    report = audit(made / "runs.duckdb", checks_dirs=[checks], select=["hostile_check"])
    with duckdb.connect(str(made / "runs.duckdb"), read_only=True) as con:
        con.execute("SET TimeZone = 'UTC'")
        for finding in report.findings:
            where = finding.query.rpartition("WHERE ")[2]
            assert {c for c in where if not is_seen(c)} <= {"\n"}
            condition = where.partition("\nORDER BY")[0]
            found = con.execute(f"SELECT run_id FROM runs WHERE {condition}").fetchall()
            assert found == [(finding.run_id,)]


def test_a_report_in_a_failed_assertion(made):
    report = audit(made / "runs.duckdb", checks_dirs=[made / "checks"], select=["hostile_check"])
    assert {c for c in str(report) if not is_seen(c)} == {"\n"}
    assert len(str(report).splitlines()) == len(NAMES) + 2


def test_a_page(run, made):
    run("report", "html", "runs.duckdb", "--no-audit", "-o", "plain.html")
    assert_page((made / "plain.html").read_text(encoding="utf-8"))
    found = audit("runs.duckdb", checks_dirs=["checks"], select=["hostile_check"], limit=5)
    (made / "served").mkdir(exist_ok=True)
    page = served_page(Path("runs.duckdb"), made / "served", audit=False, judging={}, live="x-1")
    assert_page(page)
    assert_page(page_html(read_page("runs.duckdb", audit=found)))


def test_every_run_can_be_chosen_by_its_id(run, made):
    given = [name for name in NAMES if "\0" not in name]
    chosen = [word for name in given for word in ("--run", name)]
    words = ["run_settings", "runs.duckdb", *chosen, "--format", "json"]
    assert {row["run_id"] for row in json_of(run("report", "run", *words))} == set(given)
    # A program can be given no NUL; Python can.
    with (
        open_for_reading(made / "runs.duckdb") as log,
        reporting(log.con, runs=[HOSTILE["NUL"]]) as reporter,
        reporter.answer("run_settings") as answer,
    ):
        assert [row[0] for row in answer.rows] == [HOSTILE["NUL"]]


@pytest.mark.skipif(sys.platform == "win32", reason="bash reads the commands")
def test_a_shell_reads_the_command_of_a_finding_as_it_is_meant(made):
    checks = str(made / "checks")
    report = audit(made / "runs.duckdb", checks_dirs=[checks], select=["hostile_check"])
    (source,) = report.sources
    commands = [command(source, finding) for finding in report.findings]
    for line in commands:
        assert_lines(line, keeps="")
    script = "\n".join(["rlaudit() { printf '%s\\0' \"${@:7}\"; }", *commands])
    shown = subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout
    words = shown.decode().split("\0")
    given = [name for finding in report.findings if "\0" not in (name := finding.run_id)]
    expected = [word for name in given for word in ("--run", name)]
    assert [word for word in words if word] == [word for word in expected if word]


@pytest.mark.parametrize(
    "words",
    [
        ["runs", "--", "NAME"],
        ["sql", "runs.duckdb", "--", "NAME"],
        ["audit", "runs.duckdb", "--run=NAME-"],
        ["audit", "runs.duckdb", "--select=NAME-"],
        ["audit", "--explain=NAME-"],
        ["report", "run", "--", "NAME-", "runs.duckdb"],
        ["report", "run", "sample_ages", "runs.duckdb", "-p", "NAME=1"],
        ["checks", "show", "--", "NAME-"],
        ["checks", "new", "--", "NAME-"],
        ["plot", "runs.duckdb", "--group-by=NAME-"],
        ["compare", "runs.duckdb", "--a=NAME-", "--b=NAME-"],
        ["check-duplicates", "values.parquet", "--value=NAME-"],
        ["train", "--show-config", "--", "NAME-"],
        ["runs", "runs.duckdb", "--format=NAME-"],
        ["watch", "runs.duckdb", "--run=NAME-"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_an_error_that_quotes_a_name_is_one_harmless_line(capsys, made, monkeypatch, words):
    monkeypatch.chdir(made)
    for name in (HOSTILE["workflow command"], HOSTILE["markup of Rich"], "\n".join(NAMES)):
        code = main([word.replace("NAME", name) for word in words])
        out, err = capsys.readouterr()
        assert (code, out) == (2, ""), name
        assert_lines(err)
        assert err.startswith("error: ")
        assert "internal error" not in err


def test_a_run_is_trained_evaluated_and_resumed_under_a_hostile_id(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_id = "::error::../" + "\n".join(name for name in NAMES if "\0" not in name)
    small = ["--hidden-units", "16", "--batch-size", "16", "--steps", "60"]
    own = [f"--run-id={run_id}", f"--name={run_id}", "--checkpoint-every", "30"]
    assert main(["train", "cartpole", *small, *own, "--audit-every", "60"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert_lines(err)
    assert printable(f"run {run_id} finished after 60 steps") in err.splitlines()
    for fmt, read in {"table": assert_lines, "json": json_of, "csv": rows_of_csv}.items():
        words = ["--episodes", "1", "--no-log", "--format", fmt, "--", run_id]
        assert main(["eval", *words]) == 0
        out, err = capsys.readouterr()
        read(out)
        assert_lines(err)
    assert main(["train", f"--resume={run_id}"]) == 2
    assert main(["train", "cartpole", *small, *own]) == 2
    assert main(["eval", "--checkpoint", "7", "--", run_id]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert_lines(err)
    assert len([line for line in err.splitlines() if line.startswith("error: ")]) == 3
    folders = [path for path in tmp_path.rglob("*") if path.is_dir()]
    assert all(path.name.isprintable() for path in folders)
    assert {path.parent.name for path in tmp_path.rglob("step-*") if path.is_dir()} == {
        next(iter((tmp_path / "runs.duckdb.checkpoints").iterdir())).name
    }
