"""What is made harmless for each medium, read back as its readers read it."""

from __future__ import annotations

import io
import json
import re

import pyte
import pytest
from hostile_names import HOSTILE, NAMES
from hypothesis import given
from hypothesis import strategies as st
from media import assert_lines, is_seen, rendered, rows_of_csv, text_of_cell
from reports import finding, full_report
from rich.console import Console

from rlaudit.render.audit import write_audit
from rlaudit.render.harmless import (
    annotation,
    annotation_property,
    csv_cell,
    json_source,
    markdown,
    markdown_code,
    printable,
    printable_lines,
    sarif_message,
    shell_path,
    visible,
)
from rlaudit.render.rows import write_rows
from rlaudit.render.terminal import console_for, print_indented, print_line
from rlaudit.render.training import training_display

ANY_TEXT = st.text(st.characters() | st.sampled_from("=+-@'\"\t\r\n:#[]\\|`<>{}()! \u200b\ufeff"))
SGR = re.compile(r"\x1b\[[\d;]*m")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\x1b[31m", r"a\tb\x1b[31m"),
        ("\x9b1m\u202e\U000e0041\udcff", r"\u009b1m\u202e\U000e0041\udcff"),
        ("❤\ufe0f \u3164", r"❤\ufe0f \u3164"),
        ("日本 [red] é", "日本 [red] é"),
        ("::error::x", r"\u003a:error::x"),
        ("a ::error::x", "a ::error::x"),
        ("a ##[error]x ##vso[y]", r"a \u0023#[error]x \u0023#vso[y]"),
        ("## heading", "## heading"),
    ],
)
def test_a_line_for_people(text, shown):
    assert printable(text) == shown
    assert printable(shown) == shown


@given(ANY_TEXT)
def test_any_line_for_people_is_harmless(text):
    assert_lines(printable(text), keeps="")
    assert_lines(printable_lines(text), keeps="\n\t")
    assert all(is_seen(c) or c in "\n\t" for c in visible(text))


@given(ANY_TEXT)
def test_json_means_what_it_meant(text):
    source = json_source(json.dumps({text: [text]}, ensure_ascii=False, indent=1))
    assert_lines(source)
    assert json.loads(source) == {text: [text]}


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("'=1+1", "''=1+1"),
        (" \ufeff=1", "' \ufeff=1"),
        ("＝1", "'＝1"),  # noqa: RUF001
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0"),
        ("-1+SUM(A1)", "'-1+SUM(A1)"),
        *(
            (text, text)
            for text in (
                "", "a=1", "-0.5", "+1e-05", "-.5", "-inf", "-infinity", "-1 year -2 months",
                "-00:00:05", "'quoted'", "x\ny", "\x1b[31m", "a\u200bb", "[-1]", "日本\u3000語",
            )
        ),
        ("x\n::error::y", "x\n\\u003a:error::y"),
        ("##[error]\x1b", "\\u0023#[error]\\x1b"),
        ('{"a": "##[error]"}', '{"a": "\\u0023#[error]"}'),
    ],
)  # fmt: skip
def test_a_cell_of_csv(text, cell):
    assert csv_cell(text, on_terminal=False) == cell


@given(ANY_TEXT)
def test_a_cell_of_csv_gives_the_text_back(text):
    stream = io.StringIO()
    write_rows(stream, ["a"], [[text]], "csv")
    ((cell,),) = rows_of_csv(stream.getvalue())[1:] or [("",)]
    # Where a line would be a command it is shown as in a table.
    assert text_of_cell(cell) in (text, printable_lines(text))
    if not re.search("[:#]", text):
        assert text_of_cell(cell) == text


@pytest.mark.parametrize("fmt", ["table", "csv", "json", "jsonl", "markdown"])
def test_rows_on_a_terminal_command_nothing(terminal, fmt):
    write_rows(terminal, ["=1", "::error::x"], [[name, name] for name in NAMES], fmt)
    assert_lines(terminal.getvalue().replace("\r\n", "\n"), keeps="\n\t")


@pytest.mark.parametrize("width", [20, 80])
def test_a_table_on_a_terminal_moves_no_cursor_and_no_wrapped_line_commands(
    terminal, monkeypatch, width
):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    console = console_for(terminal)
    for text in (*NAMES, "word " * 3 + "::error::word ##[x]word " * 20):
        print_line(console, text)
        print_indented(console, text)
        write_rows(terminal, [text or "a", "b"], [[text, 1], ["x", 2]], "table")
    write_audit(terminal, full_report(), "table")
    plain = SGR.sub("", terminal.getvalue())
    assert_lines(plain)
    screen = pyte.Screen(400, plain.count("\n") + 1)
    pyte.Stream(screen).feed(terminal.getvalue().replace("\n", "\r\n"))
    assert screen.title == ""
    drawn = [line.rstrip() for line in screen.display]
    assert drawn == [line.rstrip() for line in plain.split("\n")]


MARKUP = st.sampled_from("\\`*_|~$<>&[](){}#+-.!@:/w")


@given(st.text(st.characters(exclude_characters='"') | MARKUP))
def test_any_text_is_text_in_markdown(text):
    shown = printable(text).strip(" ")
    assert rendered(f"| a |\n| --- |\n| {markdown(text)} |\n")[1:] == [("td_open", shown)]
    if shown:
        assert rendered(f"- {markdown(text)}\n") == [("paragraph_open", shown)]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_code_in_markdown(name):
    code = printable(name).replace("`", "'").replace("\\|", "\\\\x7c") or " "
    ((_, head), (_, cell)) = rendered(f"| a |\n| --- |\n| {markdown_code(name, in_table=True)} |\n")
    assert (head, cell) == ("a", code)
    assert rendered(f"- {markdown_code(name, in_table=False)}\n")[0][1] == (
        printable(name).replace("`", "'") or " "
    )


@given(ANY_TEXT)
def test_an_annotation_is_one_command(text):
    line = f"::error title={annotation_property(text)}::{annotation([text, text])}"
    assert "\n" not in line
    properties, _, message = line.removeprefix("::error ").partition("::")
    assert properties.partition("=")[2].count(",") == 0
    lines = message.replace("%0A", "\n").replace("%25", "%").split("\n")
    assert lines == [printable(text)] * 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{0} of {x}", "{{0}} of {{x}}"),
        ("[a](0) [b]", r"\[a\](0) \[b\]"),
        ("a list: [1, 2]", "a list: [1, 2]"),
    ],
)
def test_a_message_of_sarif(text, message):
    assert sarif_message(text) == message


@pytest.mark.parametrize("live", [True, False])
def test_what_a_training_run_says_commands_nothing(live):
    stream = io.StringIO()
    console = Console(
        file=stream, force_terminal=live, width=100, color_system=None, legacy_windows=False
    )
    with training_display(console) as display:
        for name in NAMES:
            display.note(f"{name}: {name}")
    assert_lines(re.sub(r"\x1b\[\??[\d;]*[A-Za-z]|\r", "", stream.getvalue()))
    assert HOSTILE["markup of Rich"] in stream.getvalue().replace("\n", " ")


@pytest.mark.parametrize("fmt", ["table", "markdown", "junit", "sarif", "github"])
def test_a_run_without_a_name_is_told_from_no_run(fmt):
    texts = []
    for run_id in ("", None):
        stream = io.StringIO()
        report = full_report()
        (result,) = (r for r in report.sources[0].results if r.status == "fail")
        object.__setattr__(result, "findings", (finding(run_id),))
        write_audit(stream, report, fmt)
        texts.append(stream.getvalue())
    assert texts[0] != texts[1]


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("logs/a.duckdb", "logs/a.duckdb"),
        ("a b; rm -rf ~", "'a b; rm -rf ~'"),
        ("-rf", "./-rf"),
        ("it's\x1b[2J", r"$'it\'s\x1b[2J'"),
        ("\udcff\x85\\", r"$'\xff\u0085\\'"),
        ("::error::x", r"$'\u003a:error::x'"),
    ],
)
def test_a_file_in_a_command_line(path, word):
    assert shell_path(path) == word
