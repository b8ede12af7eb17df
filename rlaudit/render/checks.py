"""Results of checks: a table with diagnoses for people, JSON, or one line of CSV a check.

The JSON object has these keys, and later versions only add to them:

- ``source``: the file; ``run``: the run id that ``--run`` chose, or null if it chose none or
  several; ``runs``: all that it chose, empty if all runs were looked at
- ``coverage``: ``checks``, ``judged`` (that judged at least one run), ``not_applicable``,
  ``errors``, and ``runs`` (the ids of those that at least one check judged)
- ``clean``: true if no check of severity error failed; ``incomplete``: what of the log could not
  be read, or null
- ``checks``: an array of objects, of which JSON lines have one a line, with ``name``, ``family``,
  ``title``, ``severity`` (error or warning), ``status`` (pass, fail, not_applicable or error),
  ``rows`` (scanned in the first table), ``groups`` (how many were judged), ``groups_are`` (what
  they are, in the plural), ``wrong`` (how many of them are), ``message`` (why it does not apply,
  or to which runs, or how it failed; "" if there is nothing to say), ``diagnosis`` (a sentence on
  the first example, or null), ``judged`` (run ids), ``why`` (why it matters), ``shown`` (how many
  examples follow) and
  ``examples`` (an array of objects, one key a column of the check's result; ``copies`` or
  ``draws`` is the count)
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

from rich.text import Text

from rlaudit.render.rows import as_parquet, write_csv
from rlaudit.render.summary import count, verdict_fields
from rlaudit.render.terminal import console_for, plain_table, print_line
from rlaudit.render.values import as_text, json_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from rich.console import Console

    from rlaudit.auditing import CheckResult

CheckFormat = Literal["table", "json", "jsonl", "csv"]

_MOST_RUNS = 5
"""Run ids in a line; the JSON has them all."""

_CSV_COLUMNS = (
    "name", "severity", "status", "rows", "groups", "groups_are", "wrong", "message", "diagnosis",
    "judged",
)  # fmt: skip


def write_checks(
    stream: TextIO,
    results: Sequence[CheckResult],
    fmt: CheckFormat,
    *,
    source: str,
    runs: Sequence[str],
    incomplete: str | None,
) -> None:
    """Write ``results`` to ``stream`` in the format ``fmt``."""
    if fmt == "table":
        _write_table(stream, results)
        return
    objects = [_as_object(result) for result in results]
    if fmt == "csv":
        write_csv(stream, _CSV_COLUMNS, _cells(objects))
        return
    if fmt == "jsonl":
        stream.writelines(json_text(found) + "\n" for found in objects)
        return
    report = {
        "source": source,
        "run": runs[0] if len(runs) == 1 else None,
        "runs": list(runs),
        "clean": not any(r.status == "fail" and r.check.severity == "error" for r in results),
        "incomplete": incomplete,
        "coverage": _coverage(results),
        "checks": objects,
    }
    stream.write(json_text(report, indent=2) + "\n")


def checks_as_parquet(results: Sequence[CheckResult]) -> bytes:
    """Return the lines of the CSV format as a Parquet file."""
    return as_parquet(_CSV_COLUMNS, _cells([_as_object(result) for result in results]))


def _cells(objects: Sequence[dict[str, Any]]) -> list[list[Any]]:
    return [[*(o[key] for key in _CSV_COLUMNS[:-1]), as_text(o["judged"])] for o in objects]


def _coverage(results: Sequence[CheckResult]) -> dict[str, Any]:
    status = Counter[str](result.status for result in results)
    runs = {run for result in results for run in result.judged}
    return {
        "checks": len(results),
        "judged": status["pass"] + status["fail"],
        "not_applicable": status["not_applicable"],
        "errors": status["error"],
        "runs": sorted(runs, key=str),
    }


def _as_object(result: CheckResult) -> dict[str, Any]:
    return {
        **verdict_fields(result),
        "diagnosis": result.diagnosis(result.examples[0]) if result.examples else None,
        "judged": list(result.judged),
        "why": result.check.why,
        "shown": len(result.examples),
        "examples": [dict(example) for example in result.examples],
    }


def _write_table(stream: TextIO, results: Sequence[CheckResult]) -> None:
    console = console_for(stream)
    table = plain_table()
    table.add_column("check", no_wrap=True)
    table.add_column("groups", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("wrong", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for result in results:
        verdict, style = _verdict(result)
        judged = result.status in ("pass", "fail")
        table.add_row(
            Text(result.check.name),
            Text(f"{result.groups:,}" if judged else ""),
            Text(result.check.groups if judged else ""),
            Text(f"{result.wrong:,}" if judged else ""),
            Text(verdict, style=style),
        )
    console.print(table)
    print_line(console)
    print_line(console, _coverage_line(results))
    for result in results:
        if result.status == "fail":
            _write_findings(console, result)
    notes = [result for result in results if result.message]
    if notes:
        print_line(console)
    for result in notes:
        print_line(console, f"{result.check.name}: {_note(result)}")


def _coverage_line(results: Sequence[CheckResult]) -> str:
    """Say how many checks judged which runs, a few of them by name."""
    found = _coverage(results)
    others = [
        f"{found[key]} {word}"
        for key, word in (("not_applicable", "not applicable"), ("errors", "with an error"))
        if found[key]
    ]
    runs = ["no run" if run is None else run for run in found["runs"]]
    more = f" and {len(runs) - _MOST_RUNS:,} more" if len(runs) > _MOST_RUNS else ""
    where = f"{count(len(runs), 'run')}: {', '.join(runs[:_MOST_RUNS])}{more}"
    of = f"{found['judged']} of {count(found['checks'], 'check')}"
    return "; ".join([f"{of} judged {where}", *others])


def _write_findings(console: Console, result: CheckResult) -> None:
    print_line(console)
    print_line(
        console,
        f"{result.check.name}: {result.wrong:,} wrong of {result.groups:,} {result.check.groups}",
        "bold",
    )
    for example in result.examples:
        print_line(console, f"- {result.diagnosis(example)}")
    print_line(console, f"showing {len(result.examples):,} of {result.wrong:,}")
    print_line(console, f"why it matters: {result.check.why}", "dim")


def _verdict(result: CheckResult) -> tuple[str, str]:
    if result.status == "fail":
        return ("FAIL", "bold red") if result.check.severity == "error" else ("warn", "yellow")
    return {
        "pass": ("pass", "green"),
        "not_applicable": ("n/a", "dim"),
        "error": ("ERROR", "bold red"),
    }[result.status]


def _note(result: CheckResult) -> str:
    if result.status == "not_applicable":
        return f"not applicable, {result.message}"
    return result.message
