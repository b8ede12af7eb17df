"""A report for people: what was found first, then what was not judged.

Findings stand under their check, one for each run; consequences of others stand last. On a
terminal lines are wrapped and examples show as many columns as fit; elsewhere nothing is wrapped or
cut. Problems are left to stderr, except for a floor of coverage that is not reached.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from rlaudit.auditing import Departure
from rlaudit.render.harmless import shell_path, shell_word
from rlaudit.render.summary import (
    by_reason,
    causes_first,
    consequence_line,
    count,
    departure_line,
    few,
    is_consequence,
    runs_of,
    setting_lines,
    source_summary,
    summary,
)
from rlaudit.render.terminal import console_for, print_indented, print_line, print_sample

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from rich.console import Console

    from rlaudit.auditing import AuditReport, CheckResult, Finding, SourceReport

# A bug is mostly in all runs of a log: the first few show it, and the rest is in the JSON.
MOST_RUNS = 3
# Logs without findings: a study has thousands of them.
MOST_LOGS = 20
# Some cites tell how a figure was derived; --explain has them in full.
_LONGEST_CITE = 240


def write_table(stream: TextIO, report: AuditReport) -> None:
    """Write what was found in each log, then what did not apply, then what was accepted."""
    console = console_for(stream)
    quiet = 0
    for number, source in enumerate(report.sources):
        if source.findings or source.problems:
            if number:
                print_line(console)
        else:
            quiet += 1
            if quiet > MOST_LOGS:
                continue
        _write_source(console, source, enough=not report.shortfalls)
    if quiet > MOST_LOGS:
        print_line(console, f"showing {MOST_LOGS} of {quiet:,} logs in which nothing was found")
    if report.findings:
        print_line(console)
    if report.findings or report.shortfalls or len(report.sources) > 1:
        print_line(console, summary(report), "bold")
        for problem in report.shortfalls:
            print_indented(console, str(problem), "bold red")
        if report.findings:
            print_line(
                console, "the SQL that shows all rows of a finding: --format json, key query", "dim"
            )
    _write_departures(console, report.sources)
    _write_unclear(console, report.sources)
    _write_not_judged(console, report.sources)
    _write_baseline(console, report)


def _write_source(console: Console, source: SourceReport, *, enough: bool) -> None:
    print_line(console, source_summary(source), "bold" if source.results else "bold red")
    if not source.findings and not source.problems:
        print_line(console, "  nothing found", "green" if enough else "")
    found = [result for result in source.results if result.findings]
    for result in sorted(found, key=causes_first):
        _write_check(console, source, result)


def _write_check(console: Console, source: SourceReport, result: CheckResult) -> None:
    check = result.check
    style = "bold red" if check.severity == "error" else "bold yellow"
    print_line(console)
    several = len(result.judged) > 1
    where = f" in {len(result.findings)} of {count(len(result.judged), 'run')}" if several else ""
    print_line(console, f"{check.severity}: {check.name}{where}", style)
    shown = result.findings[:MOST_RUNS]
    for finding in shown:
        _write_finding(console, finding)
    if len(shown) < len(result.findings):
        of = count(len(result.findings), "run")
        print_indented(console, f"showing {len(shown)} of {of} (--format json has them all)")
    first = shown[0]
    if first.examples:
        rows = [dict(example) for example in first.examples]
        print_line(console)
        if len(result.findings) > 1:
            print_indented(console, f"rows of run {first.run_id}:")
        hidden = print_sample(console, example_columns(result, rows), rows)
        _write_rest(console, source, first, hidden)
    if is_consequence(result):
        # What is to be said of it on its own would lead away from the cause.
        return
    print_indented(console, f"why it matters: {check.why}", "dim")
    if check.cites:
        print_indented(console, f"sources: {_cites(console, result)}", "dim")


def _write_finding(console: Console, finding: Finding) -> None:
    run = "no run" if finding.run_id is None else f"run {finding.run_id}"
    more = f", of which {finding.accepted:,} accepted" if finding.accepted else ""
    print_indented(console, f"{run}: {count(finding.rows, 'row')}{more}", "bold")
    if finding.follows:
        print_indented(console, consequence_line(finding), "bold")
    print_indented(console, finding.diagnosis)


def example_columns(result: CheckResult, rows: Sequence[dict[str, object]]) -> list[str]:
    """Return the columns to show, those that identify a row first; the run stands above them."""
    named = dict.fromkeys([*result.check.grain, *rows[0]])
    named.pop("run_id", None)
    # Long, and of use to few: behind the others, where a terminal may have no room for it.
    if "segment_id" in named:
        named["segment_id"] = named.pop("segment_id")
    return [name for name in named if name in rows[0]] or list(rows[0])


def _write_rest(
    console: Console, source: SourceReport, finding: Finding, hidden: Sequence[str]
) -> None:
    if len(finding.examples) < finding.rows:
        of = f"{len(finding.examples):,} of {count(finding.rows, 'row')}"
        print_indented(console, f"showing {of}; all of them:")
        width = console.width if console.file.isatty() else None
        for line in _broken(_words(source, finding), width):
            print_indented(console, line, wrap=False)
    if hidden:
        print_indented(console, f"columns not shown: {', '.join(hidden)}", "dim")


def command(source: SourceReport, finding: Finding) -> str:
    """Return the command that shows all rows of ``finding``."""
    return " ".join(_words(source, finding))


def _words(source: SourceReport, finding: Finding) -> list[str]:
    """Return the words of the command as a shell reads them, an option and its value as one."""
    words = ["rlaudit", "audit", shell_path(source.source)]
    words += [f"--select {shell_word(finding.check.name)}", "--limit 0"]
    only_one = not source.chosen and len(runs_of(source)) == 1
    # No program can be given a NUL: then the command shows the rows of all runs.
    if finding.run_id is not None and not only_one and "\0" not in finding.run_id:
        words.append(f"--run {shell_word(finding.run_id)}")
    return words


def _broken(words: Sequence[str], width: int | None) -> list[str]:
    """Join ``words`` to lines that fit, indented and with a backslash at the end of all but one.

    A shell reads them as one command. A word that is too long for a line stands on one by itself.
    """
    lines: list[str] = []
    for word in words:
        # Two blanks before the line and two characters behind it.
        if lines and (width is None or len(lines[-1]) + 1 + len(word) <= width - 4):
            lines[-1] += f" {word}"
        else:
            lines.append(f"    {word}" if lines else word)
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]


def _cites(console: Console, result: CheckResult) -> str:
    cites = result.check.cites
    if len(cites) <= _LONGEST_CITE or not console.file.isatty():
        return cites
    begun = cites[:_LONGEST_CITE].rsplit(" ", 1)[0]
    return f"{begun} ... (rlaudit audit --explain {result.check.name})"


def _write_departures(console: Console, sources: Sequence[SourceReport]) -> None:
    """Write what runs depart in from the papers on purpose, once for all logs."""
    found: dict[tuple[str, str], int] = {}
    for departure in (d for source in sources for d in source.departures):
        of = departure.setting, departure.sentence
        found[of] = found.get(of, 0) + departure.runs
    if found:
        print_line(console)
        print_line(console, "departures from the papers that the settings declare", "bold")
    for (setting, sentence), runs in sorted(found.items()):
        print_indented(console, departure_line(Departure(setting, sentence, runs)), hang=2)


def _write_unclear(console: Console, sources: Sequence[SourceReport]) -> None:
    """Write which settings of runs are not understood, once for all logs."""
    lines = setting_lines(sources)
    if lines:
        print_line(console)
        print_line(console, "settings that are not understood", "bold")
    for line in lines[:MOST_LOGS]:
        print_indented(console, line, hang=2)
    if len(lines) > MOST_LOGS:
        print_indented(console, f"showing {MOST_LOGS} of {len(lines):,}")


def _write_not_judged(console: Console, sources: Sequence[SourceReport]) -> None:
    """Write each reason with its checks, once for all logs in which it is the same."""
    reasons = [(source.source, by_reason(source.results)) for source in sources]
    distinct: list[tuple[dict[str, list[str]], list[str]]] = []
    for name, found in reasons:
        same = next((names for known, names in distinct if known == found), None)
        if same is not None:
            same.append(name)
        elif found:
            distinct.append((found, [name]))
    for found, names in distinct:
        print_line(console)
        where = "" if len(sources) == 1 else f" in {few(names, 'log')}"
        print_line(console, f"not judged{where}", "bold")
        for reason, checks in found.items():
            print_indented(console, f"{reason}: {', '.join(checks)}", hang=2)


def _write_baseline(console: Console, report: AuditReport) -> None:
    if report.accepted or report.gone:
        print_line(console)
    if report.accepted:
        accepted = count(len(report.accepted), "finding")
        print_line(console, f"{accepted} accepted by the baseline, not shown")
    if report.gone:
        print_line(console, "accepted by the baseline and no longer there:", "bold")
        for gone in itertools.islice(report.gone, MOST_LOGS):
            print_indented(console, f"{gone.check} in {gone.where} ({count(gone.rows, 'row')})")
        if len(report.gone) > MOST_LOGS:
            print_indented(console, f"showing {MOST_LOGS} of {len(report.gone):,}")
        print_indented(console, "rlaudit baseline write takes them out")
