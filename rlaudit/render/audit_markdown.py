"""A report as Markdown in GitHub's form, short enough for a comment on a pull request.

A comment holds 65,536 characters: findings are shown up to a number, and what is beyond is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rlaudit.render.harmless import markdown, markdown_code
from rlaudit.render.summary import (
    by_reason,
    count,
    departure_line,
    diagnosis_with_cause,
    setting_lines,
    source_summary,
    summary,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from rlaudit.auditing import AuditReport, Finding

MOST = 50


def write_markdown(stream: TextIO, report: AuditReport) -> None:
    """Write a heading, a table of findings, what could not be done, and what was not judged."""
    stream.writelines(f"{line}\n" for line in _document(report))


def _document(report: AuditReport) -> Iterator[str]:
    yield f"### rlaudit: {summary(report)}"
    if report.findings:
        yield from _table(report)
        yield from _reasons(report)
    if report.accepted:
        yield ""
        yield f"{count(len(report.accepted), 'finding')} accepted by the baseline."
    yield from _list(
        "Accepted, and no longer there",
        [f"{_code(g.check)} in {_code(g.where)}" for g in report.gone],
    )
    yield from _list(
        "Could not be done",
        [markdown(f"{p} ({p.hint})" if p.hint else str(p)) for p in report.problems],
    )
    yield from _list(
        "Settings that are not understood",
        [markdown(line) for line in setting_lines(report.sources)],
    )
    yield ""
    yield "<details><summary>What was judged</summary>"
    yield ""
    for source in report.sources:
        yield f"- {markdown(source_summary(source))}"
        if source.incomplete:
            yield f"  - incomplete: {markdown(source.incomplete)}"
        for departure in source.departures:
            yield f"  - {markdown(departure_line(departure))}"
        for reason, names in by_reason(source.results).items():
            yield f"  - {markdown(reason)}: {', '.join(_code(name) for name in names)}"
    yield ""
    yield "</details>"


def _table(report: AuditReport) -> Iterator[str]:
    several = len(report.sources) > 1
    shown = sorted(report.findings, key=lambda finding: bool(finding.follows))[:MOST]
    yield ""
    yield f"| | check |{' log |' if several else ''} run | rows | diagnosis |"
    yield f"| --- | --- |{' --- |' if several else ''} --- | ---: | --- |"
    for finding in shown:
        log = f" {_cell(finding.source)} |" if several else ""
        run = "NULL" if finding.run_id is None else finding.run_id
        diagnosis = markdown(diagnosis_with_cause(finding))
        yield (
            f"| {finding.check.severity} | {_cell(finding.check.name)} |{log} "
            f"{_cell(run)} | {finding.rows:,} | {diagnosis} |"
        )
    if len(shown) < len(report.findings):
        yield ""
        yield f"Showing {len(shown):,} of {len(report.findings):,} findings."


def _reasons(report: AuditReport) -> Iterator[str]:
    checks: dict[str, Finding] = {finding.check.name: finding for finding in report.findings}
    yield ""
    yield "<details><summary>Why it matters</summary>"
    yield ""
    for name, finding in checks.items():
        # As code: otherwise a comment would leave a mark at each issue of others that is cited.
        cites = f" ({_code(finding.check.cites)})" if finding.check.cites else ""
        yield f"- {_code(name)}: {markdown(finding.check.why)}{cites}"
    yield ""
    yield "</details>"


def _list(head: str, items: list[str]) -> Iterator[str]:
    if not items:
        return
    yield ""
    yield f"{head}:"
    yield ""
    yield from (f"- {item}" for item in items[:MOST])
    if len(items) > MOST:
        yield f"- showing {MOST} of {len(items):,}"


def _code(text: str) -> str:
    return markdown_code(text, in_table=False)


def _cell(text: str) -> str:
    return markdown_code(text, in_table=True)
