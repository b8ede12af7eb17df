from __future__ import annotations

import csv
import io
import json

import pytest
from streams import Terminal

from rlaudit.render.rows import write_rows
from rlaudit.render.terminal import console_for, print_line, print_rows

COLUMNS = ("name", "loss", "n")
ROWS = [("[red]a|b", 0.1234567890123, 10), ("second, line", None, 2000)]


def written(fmt, columns=COLUMNS, rows=ROWS):
    stream = io.StringIO()
    write_rows(stream, columns, iter(rows), fmt)
    return stream.getvalue()


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of 80 columns without colours."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    return Terminal()


def test_json_is_an_array_of_objects():
    assert json.loads(written("json")) == [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]
    assert json.loads(written("json", rows=[])) == []


def test_jsonl_is_one_object_a_line():
    lines = written("jsonl").splitlines()
    assert [json.loads(line)["loss"] for line in lines] == [0.1234567890123, None]


def test_csv_is_quoted_and_exact():
    rows = list(csv.reader(io.StringIO(written("csv"))))
    assert rows == [
        list(COLUMNS),
        ["[red]a|b", "0.1234567890123", "10"],
        ["second, line", "", "2000"],
    ]


def test_markdown_escapes_what_would_end_a_cell():
    lines = written("markdown").splitlines()
    assert lines == [
        "| name | loss | n |",
        "| --- | --- | --- |",
        r"| [red]a\|b | 0.1234567890123 | 10 |",
        "| second, line | NULL | 2000 |",
    ]


def test_columns_of_one_name_both_stay():
    assert json.loads(written("json", ("a", "a"), [(1, 2)])) == [{"a": 1, "a_1": 2}]


def test_a_table_aligns_numbers_and_shows_text_as_it_is():
    head, first, second = written("table").splitlines()
    assert first.startswith("[red]a|b ")
    assert "0.123457 " in first
    assert head.rstrip().endswith("n")
    assert first.rstrip().endswith("  10")
    assert len(first.rstrip()) == len(second.rstrip())


def test_what_is_no_terminal_gets_lines_of_any_length():
    text = "word " * 100
    assert [len(line.rstrip()) for line in written("table", ("a",), [(text,)]).splitlines()][
        1
    ] == 499
    stream = io.StringIO()
    print_line(console_for(stream), text)
    assert stream.getvalue() == text + "\n"


def test_forced_colours_in_a_pipe_wrap_nothing(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    assert len(written("table", ("a",), [("x" * 300,)]).splitlines()) == 2
    assert "\x1b[1m" in written("table")


def test_no_color_is_honoured(monkeypatch):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    print_line(console_for(stream), "wrong", "red")
    assert "\x1b[31m" not in stream.getvalue()
    monkeypatch.delenv("NO_COLOR")
    stream = Terminal()
    print_line(console_for(stream), "wrong", "red")
    assert "\x1b[31m" in stream.getvalue()


def test_a_table_that_fits_stays_a_table(terminal):
    print_rows(console_for(terminal), COLUMNS, ROWS)
    assert len(terminal.getvalue().splitlines()) == 3


def test_a_table_too_wide_for_the_terminal_is_shown_row_by_row(terminal):
    columns = [f"column_{i}" for i in range(12)]
    print_rows(console_for(terminal), columns, [range(12), range(12)])
    lines = terminal.getvalue().splitlines()
    assert lines[:2] == ["row 1", "  column_0   0"]
    assert len(lines) == 2 * 13
    assert max(map(len, lines)) <= 80
