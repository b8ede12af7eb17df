"""The part of the page that shows what the audit found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rlaudit.render.audit_table import command, example_columns
from rlaudit.render.page.tables import shown, table
from rlaudit.render.summary import (
    by_reason,
    causes_first,
    consequence_line,
    count,
    departure_line,
    setting_lines,
    source_summary,
    summary,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rlaudit.auditing import AuditReport, CheckResult, Finding, SourceReport

MOST_CHECKS = 40
MOST_RUNS = 10
# It may hold values of the log, and the end says what is to be mended.
MOST_OF_A_DIAGNOSIS = 2_000


def findings_view(report: AuditReport, numbers: Mapping[str, int]) -> dict[str, Any]:
    """Return what the page says of ``report``; ``numbers`` are those of the runs it draws."""
    found = [
        (source, result)
        for source in report.sources
        for result in source.results
        if result.findings
    ]
    found.sort(key=lambda each: causes_first(each[1]))
    checks = [_check(source, result, numbers) for source, result in found[:MOST_CHECKS]]
    rest = [result.check.name for _, result in found[MOST_CHECKS:]]
    more = f"showing {len(checks)} of {len(found)} checks with findings; the others: "
    errors = sum(result.check.severity == "error" for _, result in found)
    return {
        "summary": f"{_capital(summary(report))}.",
        "sources": [shown(source_summary(source)) for source in report.sources],
        "problems": [shown(f"{p} ({p.hint})" if p.hint else str(p)) for p in report.problems],
        "checks": checks,
        "errors": errors,
        "warnings": len(found) - errors,
        "more": more + ", ".join(rest) if rest else "",
        "judged": list(_judged(report)),
    }


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _check(source: SourceReport, result: CheckResult, numbers: Mapping[str, int]) -> dict[str, Any]:
    check = result.check
    # The runs that the page draws come first.
    listed = sorted(result.findings, key=lambda found: found.run_id not in numbers)[:MOST_RUNS]
    first = listed[0]
    note = ""
    if len(listed) < len(result.findings):
        note = f"showing {len(listed)} of {count(len(result.findings), 'run')}"
    examples = None
    if first.examples:
        rows = [dict(example) for example in first.examples]
        columns = example_columns(result, rows)
        of = f"showing {len(rows):,} of {count(first.rows, 'row')}"
        examples = table(columns, ([row[key] for key in columns] for row in rows), note=of)
    return {
        "name": check.name,
        "severity": check.severity,
        "title": check.title,
        "findings": [_finding(finding, numbers) for finding in listed],
        "note": note,
        "examples": examples,
        "examples_of": f" of run {shown(first.run_id)}" if len(listed) > 1 else "",
        "why": check.why,
        "cites": check.cites,
        "command": command(source, first),
        "query": first.query,
    }


def _finding(finding: Finding, numbers: Mapping[str, int]) -> dict[str, str]:
    run = "no run" if finding.run_id is None else f"run {shown(finding.run_id)}"
    number = numbers.get(finding.run_id or "")
    return {
        "css": "run-other" if number is None else f"run-{number}",
        "where": f"{run}, {count(finding.rows, 'row')}",
        "follows": consequence_line(finding),
        "diagnosis": shown(finding.diagnosis, MOST_OF_A_DIAGNOSIS),
    }


def _judged(report: AuditReport) -> Iterator[str]:
    for line in setting_lines(report.sources)[:MOST_CHECKS]:
        yield f"setting not understood, {shown(line)}"
    for source in report.sources:
        for departure in source.departures:
            yield shown(departure_line(departure))
        for reason, names in by_reason(source.results).items():
            yield f"not judged, {shown(reason)}: {', '.join(names)}"
