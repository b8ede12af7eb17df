"""Names that attack what shows them, each with what it is after."""

from __future__ import annotations

_LINK = "https://evil.example"
_CALC = "cmd|' /C calc'!A0"

HOSTILE = {
    # A spreadsheet that opens CSV.
    "formula": "=1+1",
    "formula that starts a program": f"={_CALC}",
    "formula by a plus": f"+1+{_CALC}",
    "formula by a minus": f"-2+3+{_CALC}",
    "formula by an at": f"@SUM(1+1)*{_CALC}",
    "formula behind a tab": "\t=1+1",
    "formula behind a carriage return": "\r=1+1",
    "formula behind a blank": " =1+1",
    "formula behind a quote": '"=1+1',
    "formula behind an apostrophe": "'=1+1",
    "formula in wide letters": "＝1+1",  # noqa: RUF001
    "formula behind a byte order mark": "\ufeff=1+1",
    "number": "-0.5",
    # A CI runner that reads the output of a job.
    "workflow command": "::error title=pwned::from a name",
    "workflow command behind blanks": "  ::set-env name=PATH::/tmp/evil",
    "workflow command on a line of its own": "x\n::add-mask::x",
    "workflow command behind a carriage return": "x\r::stop-commands::t",
    "workflow command behind what is not seen": "\u200b:\ufe0f:error::x",
    "workflow command behind a line separator": "x\u2028::error::x",
    "workflow command behind an underscore": "_::error::x",
    "workflow command of the older form": "in the middle ##[error]x",
    "command of Azure": "##vso[task.setvariable variable=PATH]/tmp/evil",
    "service message of TeamCity": "##teamcity[buildStatus text='x']",
    "line break of a workflow command": "100%0A::error::x%25",
    # A terminal.
    "clear the screen, set the title": "\x1b[2J\x1b]0;title\x07",
    "hyperlink": f"\x1b]8;;{_LINK}\x1b\\link\x1b]8;;\x1b\\",
    "control sequence in one character": "\x9b31mred",
    "backspaces": "good\b\b\b\bevil",
    "carriage return": "evil\rgood",
    "NUL": "before\0after",
    "delete": "a\x7fb",
    "line break": "a\nb",
    # A reader.
    "right to left": "abc\u202etxt.exe",
    "isolates": "\u2066a\u2069",
    "zero width": "a\u200bb\u200d",
    "tags": "a\U000e0041\U000e0042",
    "byte order mark": "a\ufeffb",
    "variation selectors": "a\ufe0f\U000e0101",
    "private characters": "a\ue000\U0010fffd",
    "letter that is drawn as nothing": "\u3164",
    "no character": "a\uffff",
    "blanks of other kinds": "日本\u3000語\u00a0x",
    "escape that is none": "\\x1b[31m",
    # HTML, XML and templates.
    "script": "<script>alert(1)</script>",
    "attribute": '"><img src=x onerror=alert(1)>',
    "end of a script": "</script></style></title><svg onload=alert(1)>",
    "template": "{{ 7 * 7 }}{% raw %}",
    "end of a section": "]]></system-out><testcase/>",
    "entities": "&lt;b&gt; &#60;b&#62; &amp;",
    "address that runs": "javascript:alert(1)",
    # Markdown, as GitHub reads it.
    "cells": "| a | b |\\| c \\",
    "emphasis": "`code` **bold** _em_ ~~gone~~ $x$",
    "link and picture": f"[link]({_LINK}) ![p]({_LINK}/p.png)",
    "references": f"@octocat fixes #1 GH-2 {_LINK} www.evil.example a@b.example",
    "comment": "<!-- hidden",
    "heading": "# heading",
    "list": "- [x] item",
    "numbered list": "1. item",
    "fence": "```",
    "tilde fence": "~~~",
    "rule": "---",
    "quotation": "> [!CAUTION]",
    "definition": f"[x]: {_LINK}",
    # SARIF, Rich, formats of Python, SQL, shells and paths.
    "placeholders": "{0} {{1}} {run_id}",
    "embedded link": "[text](0) [other](1)",
    "markup of Rich": f"[red]x[/] [link={_LINK}]y[/link] :warning:",
    "formats": "%s %(x)s {x!r}",
    "SQL": "'; DROP TABLE runs; --",
    "shell": "\"; rm -rf ~; $(id) `id` $HOME !x \\'",
    "option": "--run",
    "path": "../../etc/passwd",
    "null": "NULL",
    "empty": "",
    "long": "x" * 300,
}
NAMES = tuple(HOSTILE.values())
