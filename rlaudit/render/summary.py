"""What an audit comes to, in a line, and what several formats say of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rlaudit.auditing import (
        AuditReport,
        CheckResult,
        Departure,
        Finding,
        SourceReport,
    )

# Names in a line: a study has thousands of runs.
MOST_NAMED = 3


def count(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun, such as ``1 row`` or ``2,000 rows``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def summary(report: AuditReport) -> str:
    """Return one sentence on the whole report."""
    errors = len(report.errors)
    warnings = len(report.findings) - errors
    parts = [
        *([count(errors, "error")] if errors else []),
        *([count(warnings, "warning")] if warnings else []),
    ]
    found = " and ".join(parts) or "nothing found"
    if report.shortfalls:
        found = f"too little was judged: {found}"
    logs = count(len(report.sources), "log")
    consequences = sum(bool(finding.follows) for finding in report.findings)
    extra = [
        *([f"{consequences} likely {_consequences(consequences)}"] if consequences else []),
        *([f"{count(len(report.accepted), 'finding')} accepted"] if report.accepted else []),
        *([count(len(report.problems), "problem")] if report.problems else []),
        coverage_line(report),
    ]
    return ", ".join([f"{found} in {logs}", *extra])


def coverage_line(report: AuditReport) -> str:
    """Return how many of the checks judged how many runs."""
    coverage = report.coverage
    of = f"{coverage.judged:,} of {count(coverage.checks, 'check')}"
    return f"{of} judged {count(coverage.runs, 'run')}"


def causes_first(result: CheckResult) -> tuple[bool, bool]:
    """Return what to sort by: consequences behind causes, and warnings behind errors."""
    return is_consequence(result), result.check.severity == "warning"


def is_consequence(result: CheckResult) -> bool:
    """Say whether all that a check found likely comes of what others found."""
    return all(finding.follows for finding in result.findings)


def consequence_line(finding: Finding) -> str:
    """Say of which other findings one is likely a consequence; "" if of none."""
    return f"likely a consequence of {' and '.join(finding.follows)}" if finding.follows else ""


def diagnosis_with_cause(finding: Finding) -> str:
    """Return the diagnosis of a finding, and of which others it is likely a consequence."""
    return "; ".join(filter(None, [finding.diagnosis, consequence_line(finding)]))


def _consequences(number: int) -> str:
    return "a consequence of another" if number == 1 else "consequences of others"


def source_summary(source: SourceReport) -> str:
    """Return how many checks said what of one log, over how many runs."""
    if not source.results:
        return f"{source.source}: could not be read"
    status = Counter[str](result.status for result in source.results)
    named = {
        "fail": "failed",
        "error": "with an error",
        "pass": "passed",
        "not_applicable": "not applicable",
    }
    parts = [f"{status[key]} {word}" for key, word in named.items() if status[key]]
    runs = count(len(runs_of(source)), "run")
    judged = status["pass"] + status["fail"]
    of = f"{judged:,} of {count(len(source.results), 'check')}"
    return f"{source.source}: {of} judged over {runs}: {', '.join(parts) or 'none could run'}"


def departure_line(departure: Departure) -> str:
    """Say which setting departs from the papers, how, and in how many runs."""
    runs = count(departure.runs, "run")
    return f"declared by {departure.setting} in {runs}: {departure.sentence}"


def setting_lines(sources: Iterable[SourceReport]) -> list[str]:
    """Say what is unclear in the settings of runs, each once for all of ``sources``."""
    found: dict[tuple[str, str], tuple[list[str], dict[str, None]]] = {}
    for note in (note for source in sources for note in source.unclear):
        runs, checks = found.setdefault((note.setting, note.sentence), ([], {}))
        runs += ["NULL" if run is None else run for run in note.runs]
        checks.update(dict.fromkeys(note.checks))
    return [
        f"{_runs_named(runs)}: {sentence}"
        + (f" (for lack of it not judged: {few(checks, 'check')})" if checks else "")
        for (_, sentence), (runs, checks) in sorted(found.items())
    ]


def _runs_named(runs: list[str]) -> str:
    return f"run {runs[0]}" if len(runs) == 1 else f"{len(runs):,} runs ({few(runs, 'run')})"


def few(names: Iterable[str], noun: str) -> str:
    """Return the first of ``names``, and how many more there are."""
    names = list(names)
    if len(names) <= MOST_NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:MOST_NAMED])} and {count(len(names) - MOST_NAMED, f'more {noun}')}"


def runs_of(source: SourceReport) -> set[str | None]:
    """Return the runs of which any check took notice."""
    return {
        run
        for result in source.results
        for runs in (result.judged, result.skipped)
        for run in runs
        if run is not None
    }


def by_reason(results: Iterable[CheckResult]) -> dict[str, list[str]]:
    """Return the names of the checks that could not judge all runs, by the reason."""
    found: dict[str, list[str]] = {}
    for result in results:
        if result.status != "error" and result.message:
            found.setdefault(result.message, []).append(result.check.name)
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def verdict_fields(result: CheckResult) -> dict[str, Any]:
    """Return what every JSON report says of one check."""
    check = result.check
    return {
        "name": check.name,
        "family": check.family,
        "title": check.title,
        "severity": check.severity,
        "status": result.status,
        "rows": result.rows,
        "groups": result.groups,
        "groups_are": check.groups,
        "wrong": result.wrong,
        "message": result.message,
    }
