from __future__ import annotations

import io
import math

import pytest
from streams import Terminal

from rlaudit.auditing import Answer
from rlaudit.render.columns import cells_of, heading_of
from rlaudit.render.reports import write_answer
from rlaudit.sqlfiles import parse_report

NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "cells"),
    [
        ([1, 20, None], ["   1", "  20", "NULL"]),
        ([0.5, 12.25, 3.0], [" 0.5 ", "12.25", " 3   "]),
        ([0.123456, 1234.5678, 0.0], ["   0.1235", "1235     ", "   0     "]),
        ([123456.7], ["123457"]),
        ([9.99999], ["10"]),
        ([0.00001234, 0.5], ["1.234e-05", "      0.5"]),
        ([2.5e15, -1.5], ["2.5e+15", "-1.5"]),
        ([math.inf, NAN, 0.25], [" inf", " nan", "0.25"]),
        (["a", "bc"], ["a", "bc"]),
        ([True, None], ["true", "NULL"]),
        ([], []),
    ],
)
def test_figures_stand_point_over_point(values, cells):
    found = cells_of("x", values, digits=4)
    assert [text.strip() for text in found] == [text.strip() for text in cells]
    numeric = [t for t, v in zip(found, values, strict=True) if isinstance(v, float)]
    points = {t.index(".") for t in numeric if "." in t and "e" not in t}
    assert len(points) <= 1
    assert len({len(text) for text in found}) <= 1 or not numeric


def test_cells_are_padded_to_one_width():
    assert cells_of("x", [0.5, 12.25, 3.0]) == [" 0.5 ", "12.25", " 3   "]
    assert cells_of("x", [1, None, 1000], commas=True) == ["    1", " NULL", "1,000"]


@pytest.mark.parametrize("name", ["transition_id", "slot", "seed", "pid"])
def test_what_names_something_has_no_commas(name):
    assert cells_of(name, [123456], commas=True) == ["123456"]
    assert cells_of("steps", [123456, 1234567.0], commas=True) == ["  123,456", "1,234,567"]


@pytest.mark.parametrize(
    ("name", "width", "lines"),
    [
        ("share", 3, ["share"]),
        ("draws_a_transition", 7, ["draws_", "a_", "transition"]),
        ("draws_a_transition", 8, ["draws_a_", "transition"]),
        ("draws_a_transition", 18, ["draws_a_transition"]),
        ("a\nb", 3, [r"a\nb"]),
    ],
)
def test_a_name_is_broken_after_underscores(name, width, lines):
    assert heading_of(name, width) == lines


class Found(list):
    """Rows with columns, as a query gives them."""

    def __init__(self, columns, rows):
        super().__init__(rows)
        self.columns = columns


def written(columns, rows, tmp_path, stream=None, fmt="table"):
    header = "-- name: n\n-- title: What there is\n-- reads: runs\n-- reading: more is more.\n\n"
    report = parse_report(f"{header}SELECT 1", tmp_path / "n.sql")
    stream = stream or io.StringIO()
    write_answer(stream, Answer(report, Found(columns, rows), True, "", "", {}), fmt)
    return stream.getvalue()


def test_a_report_is_shown_run_by_run(tmp_path):
    rows = [("r1", 1000, 0.5, 7), ("r1", 2, 10.25, 8), ("r[2]\x1b", 3, None, 9)]
    columns = ("run_id", "to_step", "share", "draws_a_step")
    assert written(columns, rows, tmp_path) == (
        "What there is\n"
        "\n"
        "run r1\n"
        "                draws_a_\n"
        "to_step  share      step\n"
        "  1,000   0.5          7\n"
        "      2  10.25         8\n"
        "\n"
        "run r[2]\\x1b\n"
        "to_step       3\n"
        "share         NULL\n"
        "draws_a_step  9\n"
        "\n"
        "how to read it: more is more.\n"
    )


def test_a_row_a_run_is_one_table(tmp_path):
    lines = written(("run_id", "seed"), [("r1", 1), ("r2", 12)], tmp_path).splitlines()
    assert lines[2:5] == ["run_id  seed", "r1         1", "r2        12"]


def test_nothing_is_no_table(tmp_path):
    assert written(("run_id", "seed"), [], tmp_path) == "What there is\n"


@pytest.fixture
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    return Terminal()


def test_columns_that_a_terminal_has_no_room_for_follow_below(tmp_path, narrow):
    columns = ("run_id", "one", "two", "three", "four")
    word = "w" * 61  # with the id and two columns of 3 and 2 blanks between them, 80
    rows = [("r1", word, 2, 10**7, 4), ("r2", word, 12, 10**7, 10**7)]
    lines = written(columns, rows, tmp_path, narrow).splitlines()
    assert lines[2:9] == [
        f"run_id  one{'':58}  two",
        f"r1      {word}    2",
        f"r2      {word}   12",
        "",
        "run_id       three        four",
        "r1      10,000,000           4",
        "r2      10,000,000  10,000,000",
    ]
    assert f"run_id  one{'':58}  two       three" in written(columns, rows, tmp_path)


def test_a_column_that_is_too_wide_for_a_terminal_is_left_out_and_named(tmp_path, narrow):
    columns = ("run_id", "config", "seed")
    # Beside an id and two blanks there is room for 72.
    fits, wide = ([("r1", "x" * width, 1), ("r2", "", 2)] for width in (72, 73))
    assert "no room" not in written(columns, fits, tmp_path, narrow)
    text = written(columns, wide, tmp_path, Terminal())
    assert text.splitlines()[2:5] == ["run_id  seed", "r1         1", "r2         2"]
    assert "\nno room for config; --format csv has all columns\n" in text
    assert "no room" not in written(columns, wide, tmp_path)


def test_the_other_formats_are_exact(tmp_path):
    rows = [("r1", 1234567, 0.1234567890123)]
    text = written(("run_id", "steps", "share"), rows, tmp_path, fmt="csv")
    assert text == "run_id,steps,share\r\nr1,1234567,0.1234567890123\r\n"
