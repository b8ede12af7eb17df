"""Audit healthy logs, and count in how many of their runs anything was found."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

FOLDER = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]
from intervals import clopper_pearson  # noqa: E402
from proving import audit, sentences  # noqa: E402

from rlaudit.store import open_for_reading  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Alarm:
    """A check that found something in a healthy run."""

    run: str
    check: str
    severity: str
    rows: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Audited:
    """One log: its runs, what was found in them, and which checks judged it."""

    log: str
    runs: tuple[str, ...]
    alarms: tuple[Alarm, ...]
    errors: tuple[str, ...]
    judged: tuple[str, ...]
    not_applicable: tuple[str, ...]


def audit_log(path: Path, runs: Sequence[str]) -> Audited:
    """Run all checks over the log of ``runs``; that it holds just them is checked as well."""
    with open_for_reading(path) as log:
        found = sorted(r for (r,) in log.con.execute("SELECT run_id FROM runs").fetchall())
    errors = [] if found == sorted(runs) else [f"the log holds the runs {', '.join(found)}"]
    results = audit(path, limit=1000, threads=1)
    alarms = []
    for result in results:
        for run, rows in result.found.items():
            said = [
                sentence
                for sentence, example in zip(sentences(result), result.examples, strict=True)
                if example["run_id"] == run
            ]
            sentence = said[0] if said else ""
            alarms.append(Alarm(str(run), result.check.name, result.check.severity, rows, sentence))
    errors += [f"{r.check.name}: {r.message}" for r in results if r.status == "error"]
    return Audited(
        log=path.stem,
        runs=tuple(runs),
        alarms=tuple(alarms),
        errors=tuple(errors),
        judged=tuple(r.check.name for r in results if r.status in ("pass", "fail")),
        not_applicable=tuple(r.check.name for r in results if r.status == "not_applicable"),
    )


def report(audited: Sequence[Audited], *, missing: Sequence[str], planned: int) -> str:
    """Return the outcome as Markdown."""
    runs = [run for log in audited for run in log.runs]
    alarms = [alarm for log in audited for alarm in log.alarms]
    errors = [f"{log.log}: {error}" for log in audited for error in log.errors]
    flagged = {alarm.run for alarm in alarms}
    low, high = clopper_pearson(len(flagged), len(runs)) if runs else (0.0, 1.0)
    outcome = (
        f"{len(runs)} of {planned} healthy runs in {len(audited)} logs: {len(flagged)} with a "
        f"finding, {len(flagged) / max(len(runs), 1):.2%} (95% interval {low:.2%} to {high:.2%}, "
        "Clopper-Pearson)."
    )
    lines = [outcome, ""]
    if missing:
        more = ", ..." if len(missing) > 10 else ""
        named = ", ".join(missing[:10]) + more
        lines += [f"{len(missing)} logs not made, or ended in an error: {named}.", ""]
    lines += [f"- error: {error}" for error in errors]
    if alarms:
        lines += ["", "| run | check | rows | diagnosis |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {a.run} | `{a.check}` ({a.severity}) | {a.rows:,} | {a.sentence} |" for a in alarms
        ]
    return "\n".join([*lines, "", *_by_check(audited, alarms)]) + "\n"


def _by_check(audited: Sequence[Audited], alarms: Sequence[Alarm]) -> list[str]:
    """Return how many logs each check judged, and in how many runs it found something."""
    judged = Counter(name for log in audited for name in log.judged)
    idle = Counter(name for log in audited for name in log.not_applicable)
    found = Counter(check for _, check in {(alarm.run, alarm.check) for alarm in alarms})
    lines = ["| check | logs judged | runs with a finding |", "| --- | --- | --- |"]
    return lines + [
        f"| `{name}` | {judged[name]} | {found[name]} |" for name in sorted({*judged, *idle})
    ]
