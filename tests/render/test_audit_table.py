from __future__ import annotations

import io
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from reports import CHECKS, as_warning, clean_report, example, finding, full_report
from rich.console import Console

from rlaudit.auditing import Accepted, AuditReport, CheckResult, Finding, SourceReport, explain
from rlaudit.render.audit import write_audit
from rlaudit.render.audit_table import MOST_LOGS, MOST_RUNS
from rlaudit.render.auditing import audit_display
from rlaudit.render.check_files import write_check_list, write_explanation


def piped(report):
    stream = io.StringIO()
    write_audit(stream, report, "table")
    return stream.getvalue()


def on(terminal, report):
    write_audit(terminal, report, "table")
    return terminal.getvalue()


def report_of(*findings, name="a.duckdb"):
    """Return a report of one log in which one check fails with ``findings``."""
    runs = tuple(f.run_id for f in findings)
    result = CheckResult(findings[0].check, "fail", judged=runs, findings=findings)
    return AuditReport((SourceReport(name, Path(name).absolute(), (result,)),))


def test_a_healthy_log_is_a_few_calm_lines(terminal):
    assert on(terminal, clean_report()).splitlines() == [
        "a.duckdb: 1 of 2 checks judged over 1 run: 1 passed, 1 not applicable",
        "  nothing found",
        "",
        "not judged",
        "  config.sampling is stratified: excess_repeats_uniform",
    ]


def test_a_finding_says_all_that_one_needs():
    lines = piped(report_of(finding(rows=120))).splitlines()
    assert lines[:4] == [
        "a.duckdb: 1 of 1 check judged over 1 run: 1 failed",
        "",
        "error: duplicate_samples",
        "  run r1: 120 rows",
    ]
    assert lines[4] == f"  {finding().diagnosis}"
    assert lines[6].split() == ["update_id", "batch_index", "obsolete_in", "copies", "transitions"]
    assert [line.split()[1] for line in lines[7:9]] == ["3", "4"]
    assert lines[9:11] == [
        "  showing 2 of 120 rows; all of them:",
        "  rlaudit audit a.duckdb --select duplicate_samples --limit 0",
    ]
    assert lines[11].startswith("  why it matters: a sample row that is counted twice")
    assert lines[12].startswith("  sources: DLR-RM/stable-baselines3#852")
    assert lines[14] == "1 error in 1 log, 1 of 1 check judged 1 run"


def test_the_command_for_the_rest_can_be_pasted_into_a_shell():
    text = piped(report_of(finding("it's", rows=120), finding("r2"), name="my runs.duckdb"))
    command = "rlaudit audit 'my runs.duckdb' --select duplicate_samples --limit 0 --run "
    assert f"""  {command}'it'"'"'s'\n""" in text


def test_what_is_shown_in_full_is_not_said_to_be_a_part():
    assert "showing" not in piped(report_of(finding(rows=2)))


def test_nothing_is_wrapped_or_cut_in_a_file():
    wide = {**example(3), "obsolete_in": "x" * 200}
    found = Finding(CHECKS["duplicate_samples"], "a.duckdb", "r1", 1, "word " * 60, (wide,))
    text = piped(report_of(found))
    assert "x" * 200 in text
    assert "  " + ("word " * 60).rstrip() in text
    assert "\x1b" not in text


def test_on_a_terminal_every_line_fits_and_what_is_left_out_is_said(terminal):
    many = {"run_id": "r1", "update_id": 7, **{f"column_{n}": "y" * 30 for n in range(9)}}
    found = Finding(CHECKS["duplicate_samples"], "a.duckdb", "r1", 1, "word " * 60, (many,))
    lines = on(terminal, report_of(found)).splitlines()
    assert max(map(len, lines)) <= 80
    assert "y" * 23 + "…" in "".join(lines)
    left_out = next(line for line in lines if "columns not shown" in line)
    assert "column_8" in " ".join(lines[lines.index(left_out) :])
    assert "column_0" not in left_out


def test_the_command_names_the_run_unless_it_is_the_only_one_of_the_log():
    (source,) = report_of(finding("r1", rows=9)).sources
    assert "--run" not in piped(AuditReport((source,)))
    assert "--limit 0 --run r1\n" in piped(AuditReport((replace(source, chosen=("r1",)),)))
    assert "--limit 0 --run r1\n" in piped(report_of(finding("r1", rows=9), finding("r2")))


def test_a_long_command_is_broken_on_a_terminal_so_that_a_shell_reads_it_as_one(terminal):
    name = f"logs of {'x' * 90}.duckdb"
    runs = finding("breakout-20261122-160208-24466ffa", rows=9), finding("r2")
    lines = on(terminal, report_of(*runs, name=name)).splitlines()
    at = lines.index("  rlaudit audit \\")
    assert lines[at + 1 : at + 4] == [
        f"      '{name}' \\",
        "      --select duplicate_samples --limit 0 \\",
        "      --run breakout-20261122-160208-24466ffa",
    ]
    listing = "rlaudit() { printf '%s\\n' \"$@\"; }"
    script = "\n".join([listing, *lines[at : at + 4]])
    words = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert words.stdout.splitlines() == [
        "audit", name, "--select", "duplicate_samples", "--limit", "0",
        "--run", "breakout-20261122-160208-24466ffa",
    ]  # fmt: skip


def test_a_consequence_stands_behind_its_cause_and_says_so():
    cause = finding(check="duplicate_transition_ids")
    follower = finding(check="duplicate_episodes", follows=("duplicate_transition_ids",))
    warning = replace(finding(), check=as_warning(finding().check))
    results = tuple(
        CheckResult(f.check, "fail", judged=("r1",), findings=(f,))
        for f in (follower, warning, cause)
    )
    text = piped(AuditReport((SourceReport("a.duckdb", Path("a.duckdb"), results),)))
    heads = [line for line in text.splitlines() if line.startswith(("error", "warning"))]
    assert heads == [
        "error: duplicate_transition_ids",
        "warning: duplicate_samples",
        "error: duplicate_episodes",
    ]
    assert (
        "error: duplicate_episodes\n  run r1: 2 rows\n"
        "  likely a consequence of duplicate_transition_ids\n"
    ) in text
    # Not of the consequence, which is no fault of its own.
    assert text.count("why it matters") == 2
    assert "2 errors and 1 warning in 1 log, 1 likely a consequence of another, 3 of 3 " in text


def test_a_check_that_follows_from_another_in_some_runs_keeps_its_place_and_reasons():
    follower = finding("r2", check="duplicate_episodes", follows=("duplicate_samples",))
    text = piped(report_of(finding(check="duplicate_episodes"), follower))
    assert text.count("likely a consequence of duplicate_samples") == 1
    assert text.count("why it matters") == 1


def test_the_first_runs_of_a_check_stand_for_all():
    text = piped(report_of(*(finding(f"r{n}") for n in range(MOST_RUNS + 3))))
    assert text.count("is logged 2 times") == MOST_RUNS
    assert f"showing {MOST_RUNS} of {MOST_RUNS + 3} runs (--format json has them all)" in text
    assert "error: duplicate_samples in 6 of 6 runs\n" in text
    assert "rows of run r0:" in text
    assert text.count("why it matters") == 1
    assert "6 errors in 1 log" in text


def test_errors_come_before_warnings():
    late = finding(check="duplicate_transition_ids")
    early = finding(check="duplicate_episodes")
    early = replace(early, check=as_warning(early.check))
    results = tuple(
        CheckResult(f.check, "fail", judged=("r1",), findings=(f,)) for f in (early, late)
    )
    text = piped(AuditReport((SourceReport("a.duckdb", Path("a.duckdb"), results),)))
    assert text.index("error: duplicate_transition_ids") < text.index("warning: duplicate_episodes")
    assert "1 error and 1 warning in 1 log" in text


def test_reasons_are_said_once_for_all_logs_that_share_them():
    sources = tuple(clean_report(f"{n}.duckdb").sources[0] for n in range(5))
    text = piped(AuditReport(sources))
    assert text.count("config.sampling is stratified") == 1
    assert "not judged in 0.duckdb, 1.duckdb, 2.duckdb and 2 more logs" in text
    assert "nothing found in 5 logs" in text


def test_a_study_of_many_healthy_logs_is_bounded():
    sources = tuple(clean_report(f"{n}.duckdb").sources[0] for n in range(MOST_LOGS + 5))
    bad = report_of(finding(), name="bad.duckdb").sources
    text = piped(AuditReport((*sources, *bad)))
    assert text.count("  nothing found") == MOST_LOGS
    assert f"showing {MOST_LOGS} of 25 logs in which nothing was found" in text
    assert "bad.duckdb: 1 of 1 check judged over 1 run: 1 failed" in text


def test_a_log_that_cannot_be_read_is_named():
    assert "b.duckdb: could not be read\n" in piped(full_report())
    assert "2 errors in 2 logs, 1 finding accepted, 3 problems" in piped(full_report())


def test_the_baseline_is_accounted_for():
    text = piped(full_report())
    assert "1 finding accepted by the baseline, not shown" in text
    assert "  duplicate_run_ids in run r9 (4 rows)" in text
    assert ": 120 rows, of which 3 accepted" in text
    gone = tuple(Accepted("duplicate_run_ids", f"r{n}", 1) for n in range(MOST_LOGS + 1))
    text = piped(AuditReport(clean_report().sources, gone=gone))
    assert f"showing {MOST_LOGS} of 21" in text


def test_the_list_of_checks_fits_80_columns_and_misses_none(terminal):
    write_check_list(terminal, list(CHECKS.values()))
    lines = terminal.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    words = {line.split()[0] for line in lines if line.startswith("  ") and line.strip()}
    assert set(CHECKS) <= words
    families = {check.family for check in CHECKS.values()}
    assert {line for line in lines if line in families} == families


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_every_check_can_be_explained(terminal, name):
    write_explanation(terminal, explain(CHECKS[name]), as_json=False)
    *lines, path = terminal.getvalue().splitlines()
    assert lines[0].startswith(f"{name} (")
    assert max(map(len, lines)) <= 80
    assert path.endswith(f"{name}.sql")
    for head in ("why it matters", "reads", "false alarms", "can be judged by new rows alone"):
        assert head in lines


def test_progress_is_shown_on_a_terminal_only(monkeypatch):
    for is_terminal in (True, False):
        stream = io.StringIO()
        console = Console(file=stream, force_terminal=is_terminal, width=60, color_system=None)
        monkeypatch.setenv("TERM", "xterm")
        with audit_display(console) as show:
            show(3, 58, "duplicate_samples", "a.duckdb")
            show(58, 58, "", "a.duckdb")
        assert ("check 4 of 58" in stream.getvalue()) is is_terminal
        assert bool(stream.getvalue()) is is_terminal
