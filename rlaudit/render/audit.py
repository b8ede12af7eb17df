"""Reports of audits in eight formats; this module has those for programs.

**json** is one object, to which later versions only add keys:

- ``clean``: true if everything could be judged and nothing of severity error was found
- ``coverage``: ``checks`` (selected), ``judged`` (that judged at least one run of one log),
  ``not_applicable`` and ``errors`` (of the others), and ``runs`` (that at least one check judged)
- ``floor``: ``required`` (checks by name), ``min_judged``, and ``met``: whether each required check
  and at least so many checks judged a run
- ``sources``: an array with ``source`` (as it was named), ``path``, ``incomplete`` (what of the
  log could not be read, or null), ``look`` (which look at a growing log it is, from 1; null for
  the only one), ``departures`` (from the papers, which the settings declare: ``setting``,
  ``sentence`` and ``runs``), ``unclear`` (settings that are not understood: ``setting``, "" for all
  of them, ``sentence``, ``runs`` (run ids) and ``checks``, which need it and could not judge all
  of these runs) and ``checks``: objects with ``name``, ``family``, ``title``,
  ``severity`` (error or warning), ``status`` (pass, fail, not_applicable or error),
  ``rows`` (scanned in its first table), ``groups`` (how many were judged), ``groups_are`` (what
  they are, in the plural), ``judged`` (run ids), ``skipped`` (objects with ``run_id`` and
  ``reason``), ``wrong`` (rows that findings are made of), ``accepted`` (rows that the baseline
  accepts) and ``message``
- ``findings``: an array with ``check``, ``family``, ``severity``, ``source``, ``run_id``, ``rows``,
  ``diagnosis``, ``accepted``, ``follows`` (the failing checks of which it is likely a
  consequence), ``title``, ``why``, ``cites``, ``shown`` (how many examples follow), ``examples``
  (objects, one key a column of the check's result) and ``query`` (SQL for any DuckDB shell that
  has the log open, whose last statement gives all the rows)
- ``accepted``: findings that the baseline accepts, in the same form
- ``gone``: what the baseline accepts and no longer occurs: ``check``, ``rows``, and ``run_id``, or
  ``env_id`` and ``name`` of the runs; the others are null
- ``problems``: what could not be done: ``message``, ``hint``, ``path`` and ``line`` (of the SQL
  file that is at fault, or null), ``check`` and ``source`` ("" where it concerns none)
- ``notes``: what was left out on purpose, and required checks that judged some of the runs only

**jsonl** and **csv** have one line for each check and run, passes included, with ``source``,
``run_id``, ``check``, ``family``, ``severity``, ``status`` (pass, fail, accepted, not_applicable or
error), ``rows`` (that are wrong), ``diagnosis`` and ``message``; jsonl also ``examples`` and
``query``. What could not be done is a line of status error.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from rlaudit.render.audit_markdown import write_markdown
from rlaudit.render.audit_table import write_table
from rlaudit.render.github import write_github
from rlaudit.render.junit import write_junit
from rlaudit.render.rows import write_csv
from rlaudit.render.sarif import write_sarif
from rlaudit.render.summary import verdict_fields
from rlaudit.render.values import json_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from rlaudit.auditing import AuditReport, CheckResult, Finding
    from rlaudit.errors import Problem
    from rlaudit.sqlfiles import Severity

AuditFormat = Literal["table", "json", "jsonl", "csv", "markdown", "junit", "sarif", "github"]

_LINE = (
    "source", "run_id", "check", "family", "severity", "status", "rows", "diagnosis", "message",
)  # fmt: skip


def write_audit(
    stream: TextIO, report: AuditReport, fmt: AuditFormat, *, fail_on: Severity = "error"
) -> None:
    """Write ``report`` to ``stream`` in the format ``fmt``.

    ``fail_on`` is the least severity that fails a test case of JUnit.
    """
    match fmt:
        case "table":
            write_table(stream, report)
        case "json":
            stream.write(json_text(_as_object(report), indent=2) + "\n")
        case "jsonl":
            stream.writelines(json_text(line) + "\n" for line in _lines(report))
        case "csv":
            write_csv(stream, _LINE, ([line[key] for key in _LINE] for line in _lines(report)))
        case "markdown":
            write_markdown(stream, report)
        case "junit":
            write_junit(stream, report, fail_on)
        case "sarif":
            write_sarif(stream, report)
        case "github":
            write_github(stream, report)


def _as_object(report: AuditReport) -> dict[str, Any]:
    return {
        "clean": report.clean,
        "coverage": report.coverage._asdict(),
        "floor": {
            "required": list(report.floor.required),
            "min_judged": report.floor.min_judged,
            "met": report.floor.met_by(report.sources),
        },
        "sources": [
            {
                "source": source.source,
                "path": str(source.path),
                "incomplete": source.incomplete,
                "look": source.look,
                "departures": [departure._asdict() for departure in source.departures],
                "unclear": [note._asdict() for note in source.unclear],
                "checks": [_check(result) for result in source.results],
            }
            for source in report.sources
        ],
        "findings": [_finding(finding) for finding in report.findings],
        "accepted": [_finding(finding) for finding in report.accepted],
        "gone": [asdict(gone) for gone in report.gone],
        "problems": [_problem(problem) for problem in report.problems],
        "notes": list(report.notes),
    }


def _check(result: CheckResult) -> dict[str, Any]:
    return {
        **verdict_fields(result),
        "judged": list(result.judged),
        "skipped": [{"run_id": run, "reason": why} for run, why in result.skipped.items()],
        "accepted": sum(finding.rows for finding in result.accepted),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    plain = finding.to_dict()
    return {
        **{key: value for key, value in plain.items() if key not in ("examples", "query")},
        "shown": len(finding.examples),
        "examples": plain["examples"],
        "query": plain["query"],
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "message": problem.message,
        "hint": problem.hint,
        "path": None if problem.path is None else str(problem.path),
        "line": problem.line,
        "check": problem.check,
        "source": problem.source,
    }


def _lines(report: AuditReport) -> Iterator[dict[str, Any]]:
    for source in report.sources:
        for result in source.results:
            yield from (dict(_line(source.source, result), **more) for more in _by_run(result))
    for problem in report.problems:
        message = f"{problem} ({problem.hint})" if problem.hint else str(problem)
        yield {
            **dict.fromkeys(_LINE),
            "source": problem.source or None,
            "check": problem.check or None,
            "status": "error",
            "message": message,
            "examples": [],
            "query": None,
        }


def _line(source: str, result: CheckResult) -> dict[str, Any]:
    return {
        "source": source,
        "run_id": None,
        "check": result.check.name,
        "family": result.check.family,
        "severity": result.check.severity,
        "status": result.status,
        "rows": 0,
        "diagnosis": None,
        "message": "",
        "examples": [],
        "query": None,
    }


def _by_run(result: CheckResult) -> Iterator[dict[str, Any]]:
    """Give what sets the line of each run apart; a check that failed has its line as a problem."""
    if result.status == "error":
        return
    reported = {finding.run_id for finding in (*result.findings, *result.accepted)}
    for status, findings in (("fail", result.findings), ("accepted", result.accepted)):
        for finding in findings:
            yield {
                "run_id": finding.run_id,
                "status": status,
                "rows": finding.rows,
                "diagnosis": finding.diagnosis,
                "examples": finding.to_dict()["examples"],
                "query": finding.query,
            }
    for run in result.judged:
        if run not in reported:
            yield {"run_id": run, "status": "pass"}
    for run, reason in result.skipped.items():
        yield {"run_id": run, "status": "not_applicable", "message": reason}
    if not (reported or result.judged or result.skipped):
        yield {"message": result.message}
