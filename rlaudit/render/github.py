"""Workflow commands of GitHub Actions: findings as annotations of the job that runs the audit.

GitHub keeps ten errors, ten warnings and ten notices of a step and drops the rest without a word.
What is beyond that is counted in a notice.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Literal

from rlaudit.render.harmless import annotation, annotation_property
from rlaudit.render.summary import count, diagnosis_with_cause, summary

if TYPE_CHECKING:
    from typing import TextIO

    from rlaudit.auditing import AuditReport, Finding
    from rlaudit.errors import Problem

Level = Literal["error", "warning", "notice"]

MOST = 10


def write_github(stream: TextIO, report: AuditReport) -> None:
    """Write one workflow command for each problem and finding, and a notice that sums up."""
    found = sorted(report.findings, key=lambda finding: bool(finding.follows))
    errors = itertools.chain(
        (_problem(problem) for problem in report.problems),
        (_finding(f) for f in found if f.check.severity == "error"),
    )
    warnings = (_finding(f) for f in found if f.check.severity == "warning")
    left_out = []
    for level, commands in (("errors", list(errors)), ("warnings", list(warnings))):
        stream.writelines(f"{command}\n" for command in commands[:MOST])
        if len(commands) > MOST:
            left_out.append(f"showing {MOST} of {len(commands):,} {level}")
    text = "; ".join([summary(report), *left_out])
    stream.write(_command("notice", {"title": "rlaudit"}, text) + "\n")


def _finding(finding: Finding) -> str:
    rows = count(finding.rows, "row")
    level: Level = "error" if finding.check.severity == "error" else "warning"
    return _command(
        level,
        {"title": f"rlaudit: {finding.check.name}"},
        f"{diagnosis_with_cause(finding)} ({rows}, {finding.source})",
        finding.check.why,
    )


def _problem(problem: Problem) -> str:
    where: dict[str, str] = {} if problem.path is None else {"file": str(problem.path)}
    if problem.line is not None:
        where["line"] = str(problem.line)
    hint = f" ({problem.hint})" if problem.hint else ""
    return _command(
        "error", {**where, "title": "rlaudit could not do it"}, f"{problem.message}{hint}"
    )


def _command(level: Level, properties: dict[str, str], *lines: str) -> str:
    stated = ",".join(f"{key}={annotation_property(value)}" for key, value in properties.items())
    return f"::{level} {stated}::{annotation(lines)}"
