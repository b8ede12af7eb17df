"""A report as SARIF 2.1.0, which code hosts show as alerts.

Rules are the checks that ran. A result is a finding, one for each check and run; a finding that a
baseline accepts is a suppressed result. Its place is the log file, relative to the working folder
if it is below it. ``partialFingerprints`` are made of check and run, so that an alert stays the
same one from audit to audit. What could not be done is a notification of the invocation.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from rlaudit.render.harmless import markdown, printable, sarif_message
from rlaudit.render.values import json_text
from rlaudit.version import __version__

if TYPE_CHECKING:
    from typing import TextIO

    from rlaudit.auditing import AuditReport, Finding, SourceReport
    from rlaudit.errors import Problem
    from rlaudit.sqlfiles import CheckFile

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def write_sarif(stream: TextIO, report: AuditReport) -> None:
    """Write ``report`` as one SARIF run."""
    checks = {result.check.name: result.check for s in report.sources for result in s.results}
    positions = {name: position for position, name in enumerate(checks)}
    run = {
        "tool": {
            "driver": {
                "name": "rlaudit",
                "version": __version__,
                "rules": [_rule(check) for check in checks.values()],
            }
        },
        "invocations": [
            {
                "executionSuccessful": not report.problems,
                "toolExecutionNotifications": [_notification(p) for p in report.problems],
            }
        ],
        "artifacts": [{"location": _place(source.path)} for source in report.sources],
        "results": [
            result
            for source in report.sources
            for check in source.results
            for result in (
                *(_result(source, finding, positions) for finding in check.findings),
                *(_suppressed(source, finding, positions) for finding in check.accepted),
            )
        ],
        "columnKind": "unicodeCodePoints",
        "properties": {"coverage": report.coverage._asdict()},
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    stream.write(json_text(log, indent=2) + "\n")


def _rule(check: CheckFile) -> dict[str, Any]:
    paragraphs = [
        ("Why it matters", check.why),
        ("Assumes", check.assumes),
        ("Threshold", check.threshold),
        ("False alarms", check.false_alarms),
        ("Sources", check.cites),
    ]
    stated = [(head, text) for head, text in paragraphs if text]
    return {
        "id": check.name,
        "shortDescription": {"text": sarif_message(check.title)},
        "fullDescription": {"text": sarif_message(check.why)},
        "help": {
            "text": "\n\n".join(f"{head}: {sarif_message(text)}" for head, text in stated),
            "markdown": "\n\n".join(f"**{head}.** {markdown(text)}" for head, text in stated),
        },
        "defaultConfiguration": {"level": check.severity},
        "properties": {
            "tags": ["rlaudit", check.family],
            "family": check.family,
            "reads": list(check.reads),
            "sql": f"{check.family}/{check.path.name}",
        },
    }


def _result(source: SourceReport, finding: Finding, positions: dict[str, int]) -> dict[str, Any]:
    run = finding.run_id
    key = f"{finding.check.name}\0{run or ''}"
    fingerprint = hashlib.sha256(key.encode()).hexdigest()[:32]
    plain = finding.to_dict()
    return {
        "ruleId": finding.check.name,
        "ruleIndex": positions[finding.check.name],
        "level": finding.check.severity,
        "message": {"text": sarif_message(finding.diagnosis)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": _place(source.path),
                    # A log has no lines; code scanning takes no result without one.
                    "region": {"startLine": 1},
                },
                "logicalLocations": [
                    {"name": "no run" if run is None else printable(run), "kind": "training run"}
                ],
            }
        ],
        "partialFingerprints": {
            "checkAndRun/v1": fingerprint,
            # The one fingerprint by which GitHub tells alerts apart.
            "primaryLocationLineHash": f"{fingerprint}:1",
        },
        "properties": {
            "run_id": run,
            "rows": finding.rows,
            "accepted": finding.accepted,
            "examples": plain["examples"],
            "query": plain["query"],
        },
    }


def _suppressed(
    source: SourceReport, finding: Finding, positions: dict[str, int]
) -> dict[str, Any]:
    suppression = {"kind": "external", "justification": "accepted by the baseline"}
    return {**_result(source, finding, positions), "suppressions": [suppression]}


def _notification(problem: Problem) -> dict[str, Any]:
    hint = f" ({problem.hint})" if problem.hint else ""
    found: dict[str, Any] = {
        "level": "error",
        "message": {"text": sarif_message(f"{problem.message}{hint}")},
    }
    if problem.path is not None:
        region: dict[str, Any] = {} if problem.line is None else {"startLine": problem.line}
        place: dict[str, Any] = {"artifactLocation": _place(problem.path)}
        found["locations"] = [{"physicalLocation": place | ({"region": region} if region else {})}]
    elif problem.source:
        place = {"artifactLocation": _place(Path(problem.source))}
        found["locations"] = [{"physicalLocation": place}]
    if problem.check:
        found["associatedRule"] = {"id": problem.check}
    return found


def _place(path: Path) -> dict[str, str]:
    """Return where a file is: relative to the working folder if it is below it."""
    absolute = path.absolute()
    try:
        relative = absolute.relative_to(Path.cwd())
    except ValueError:
        return {"uri": absolute.as_uri()}
    return {"uri": quote(os.fsencode(relative.as_posix()))}
