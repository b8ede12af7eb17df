"""A report as JUnit XML, which CI systems show as tests: one case for each check of each log.

A check fails its case if it found something of at least the severity that fails the command; what
is below that stands in the output of a case that passes. A check that does not apply is skipped.
Written for the schema of Jenkins's xUnit plugin (junit-10.xsd).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from rlaudit.render.harmless import printable
from rlaudit.render.summary import count, coverage_line, source_summary

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from rlaudit.auditing import AuditReport, CheckResult, Finding
    from rlaudit.errors import Problem
    from rlaudit.sqlfiles import Severity


def write_junit(stream: TextIO, report: AuditReport, fail_on: Severity = "error") -> None:
    """Write ``report`` as one test suite for each log, and one for what else could not be done."""
    root = Element("testsuites", name="rlaudit")
    for source in report.sources:
        suite = _suite(root, source.source)
        for result in source.results:
            _case_of(suite, result, fail_on)
        in_results = {result.problem for result in source.results}
        _problems(suite, [p for p in source.problems if p not in in_results])
        SubElement(suite, "system-out").text = printable(source_summary(source))
    if report.check_problems:
        _problems(_suite(root, "check files"), report.check_problems)
    if report.shortfalls:
        suite = _suite(root, "coverage")
        _problems(suite, report.shortfalls)
        SubElement(suite, "system-out").text = printable(coverage_line(report))
    for suite in root:
        _count(suite)
    for key in ("tests", "failures", "errors"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    indent(root)
    stream.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    ElementTree(root).write(stream, encoding="unicode")
    stream.write("\n")


def _suite(root: Element, name: str) -> Element:
    return SubElement(root, "testsuite", name=printable(name))


def _count(suite: Element) -> None:
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", str(len(suite.findall("testcase/error"))))
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))


def _case_of(suite: Element, result: CheckResult, fail_on: Severity) -> None:
    check = result.check
    named = {"name": check.name, "classname": f"rlaudit.{check.family}"}
    case = SubElement(suite, "testcase", {key: printable(value) for key, value in named.items()})
    if result.status == "not_applicable":
        SubElement(case, "skipped", message=printable(result.message))
    elif result.status == "error":
        problem = result.problem
        _error(case, result.message if problem is None else _sentence(problem))
    elif result.findings and fail_on in ("warning", check.severity):
        _failure(case, result)
    else:
        _remarks(case, result)


def _failure(case: Element, result: CheckResult) -> None:
    first, *others = result.findings
    more = f" (and {count(len(others), 'more run')})" if others else ""
    failure = SubElement(
        case, "failure", message=printable(first.diagnosis + more), type=result.check.severity
    )
    failure.text = _text([*_sentences(result.findings), "", f"why it matters: {result.check.why}"])


def _remarks(case: Element, result: CheckResult) -> None:
    lines = [f"warning: {line}" for line in _sentences(result.findings)]
    lines += [f"accepted: {line}" for line in _sentences(result.accepted)]
    if result.message:
        lines.append(result.message)
    if lines:
        SubElement(case, "system-out").text = _text(lines)


def _text(lines: Sequence[str]) -> str:
    return "\n".join(map(printable, lines))


def _sentences(findings: Sequence[Finding]) -> list[str]:
    return [f"{finding.diagnosis} ({count(finding.rows, 'row')})" for finding in findings]


def _problems(suite: Element, problems: Sequence[Problem]) -> None:
    for number, problem in enumerate(problems, start=1):
        name = problem.check or problem.place or f"problem {number}"
        case = SubElement(suite, "testcase", name=printable(name), classname="rlaudit")
        _error(case, _sentence(problem))


def _error(case: Element, message: str) -> None:
    SubElement(case, "error", message=printable(message))


def _sentence(problem: Problem) -> str:
    return f"{problem} ({problem.hint})" if problem.hint else str(problem)
