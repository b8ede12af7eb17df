"""What the audit tests: the list of checks, and one of them in words."""

from __future__ import annotations

import itertools
from dataclasses import asdict
from typing import TYPE_CHECKING

from rlaudit.render.summary import count
from rlaudit.render.terminal import console_for, print_indented, print_line
from rlaudit.render.values import json_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from rlaudit.auditing import Explanation
    from rlaudit.sqlfiles import CheckFile


def write_check_list(stream: TextIO, checks: Sequence[CheckFile]) -> None:
    """Write the checks under their families: name, severity and title."""
    console = console_for(stream)
    ordered = sorted(checks, key=lambda check: (check.family, check.name))
    for family, members in itertools.groupby(ordered, key=lambda check: check.family):
        print_line(console, family, "bold")
        found = list(members)
        width = max(len(check.name) for check in found)
        for check in found:
            before = f"{check.name:<{width}}  {check.severity:<7}  "
            style = "yellow" if check.severity == "warning" else ""
            print_indented(console, f"{before}{check.title}", style, hang=len(before))
        print_line(console)
    families = len({check.family for check in ordered})
    print_line(
        console,
        f"{count(len(ordered), 'check')} in {count(families, 'family', 'families')}; "
        "rlaudit audit --explain NAME says more of one",
    )


def write_explanation(stream: TextIO, explanation: Explanation, *, as_json: bool) -> None:
    """Write what a check tests, what it assumes, and how sure its verdict is."""
    if as_json:
        found = {**asdict(explanation), "path": str(explanation.path)}
        stream.write(json_text(found, indent=2) + "\n")
        return
    console = console_for(stream)
    style = "bold red" if explanation.severity == "error" else "bold yellow"
    print_line(console, f"{explanation.name} ({explanation.severity}, {explanation.family})", style)
    print_line(console, explanation.title)
    params = [
        f"{name} {kind} = {default}" + (f" ({bounds})" if bounds else "")
        for name, kind, default, bounds in explanation.params
    ]
    paragraphs = [
        ("why it matters", explanation.why),
        ("reads", ", ".join(explanation.reads)),
        ("applies where the log states", ", ".join(explanation.requires)),
        ("assumes", explanation.assumes),
        ("parameters", ", ".join(params)),
        ("threshold", explanation.threshold),
        ("false alarms", explanation.false_alarms),
        ("can be judged by new rows alone", _incremental(explanation)),
        ("likely a consequence, where one of these fails as well", ", ".join(explanation.after)),
        ("sources", explanation.cites),
        ("SQL", str(explanation.path)),
    ]
    for head, text in paragraphs:
        if text:
            print_line(console)
            print_line(console, head, "bold")
            print_indented(console, text, wrap=head != "SQL")


def _incremental(explanation: Explanation) -> str:
    by = explanation.incremental
    return f"yes, by {by}" if by else "no"
