"""Accept the findings of today, so that later audits show only new ones.

A baseline is a JSON file that one can read and review: the version of its format, and for each
accepted finding its check, run and number of wrong rows. A finding with more rows than that is
shown again.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlaudit.auditing.results import Accepted, AuditReport, CheckResult, SourceReport
from rlaudit.config import load_json
from rlaudit.errors import UsageError
from rlaudit.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    Baseline = Mapping[tuple[str, str | None], int]
    """The accepted wrong rows by check and run."""

BASELINE_VERSION = 1
_KEY = "rlaudit_baseline"


def write_baseline(report: AuditReport, path: str | Path) -> int:
    """Write all findings of ``report``, accepted ones included, and return their number.

    Raises :class:`UsageError` if the file cannot be written.
    """
    accepted: dict[tuple[str, str | None], int] = {}
    for finding in (*report.findings, *report.accepted):
        key = (finding.check.name, finding.run_id)
        # A run may stand in two logs: the same check accepts as many rows in either.
        accepted[key] = max(finding.rows, accepted.get(key, 0))
    content = {
        _KEY: BASELINE_VERSION,
        "rlaudit_version": __version__,
        "accepted": [
            {"check": check, "run_id": run_id, "rows": rows}
            for (check, run_id), rows in sorted(accepted.items(), key=str)
        ],
    }
    try:
        Path(path).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write the baseline {path}: {error.strerror}", hint="choose another place"
        ) from error
    return len(accepted)


def read_baseline(path: str | Path) -> Baseline:
    """Return what a baseline accepts; :class:`UsageError` if the file is none."""
    try:
        content = load_json(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"cannot read the baseline {path}: {error.strerror}",
            hint="rlaudit baseline write makes one",
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"the baseline {path} is no text", hint="rlaudit baseline write makes one"
        ) from error
    except ValueError as error:
        raise UsageError(
            f"the baseline {path} {error}", hint="rlaudit baseline write makes one"
        ) from error
    if not isinstance(content, dict) or _KEY not in content:
        raise UsageError(f"{path} is not a baseline", hint="rlaudit baseline write makes one")
    if content[_KEY] != BASELINE_VERSION:
        raise UsageError(
            f"the baseline {path} has version {content[_KEY]}; rlaudit {__version__} reads version "
            f"{BASELINE_VERSION}",
            hint="write it anew, or upgrade rlaudit",
        )
    return dict(_entry(entry, path) for entry in _entries(content, path))


def apply_baseline(report: AuditReport, baseline: Baseline) -> AuditReport:
    """Return ``report`` without what ``baseline`` accepts, and with what it accepts in vain."""
    sources = tuple(_hide(source, baseline) for source in report.sources)
    judged = {
        (result.check.name, run_id)
        for source in report.sources
        for result in source.results
        for run_id in result.judged
    }
    found = {(finding.check.name, finding.run_id) for finding in report.findings}
    gone = tuple(
        Accepted(check, run_id, rows)
        for (check, run_id), rows in baseline.items()
        if (check, run_id) in judged - found
    )
    return replace(report, sources=sources, gone=gone)


def _hide(source: SourceReport, baseline: Baseline) -> SourceReport:
    return replace(source, results=tuple(_split(result, baseline) for result in source.results))


def _split(result: CheckResult, baseline: Baseline) -> CheckResult:
    if result.status != "fail":
        return result
    shown, hidden = [], []
    for finding in result.findings:
        rows = baseline.get((result.check.name, finding.run_id), 0)
        if finding.rows <= rows:
            hidden.append(finding)
        else:
            shown.append(replace(finding, accepted=rows))
    return replace(
        result,
        status="fail" if shown else "pass",
        findings=tuple(shown),
        accepted=tuple(hidden),
    )


def _entries(content: dict[str, Any], path: str | Path) -> list[Any]:
    entries = content.get("accepted")
    if not isinstance(entries, list):
        raise UsageError(f"the baseline {path} has no list of accepted findings", hint="write anew")
    return entries


def _entry(entry: object, path: str | Path) -> tuple[tuple[str, str | None], int]:
    match entry:
        case {"check": str(check), "run_id": str() | None as run_id, "rows": int(rows)}:
            return (check, run_id), rows
    raise UsageError(
        f"the baseline {path} has an entry that is no finding: {json.dumps(entry)}",
        hint="an entry has check, run_id and rows",
    )
