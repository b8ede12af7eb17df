from __future__ import annotations

import math

import pytest

from rlaudit.render.dashboard.plot import Line, draw
from rlaudit.render.dashboard.wording import shortened, shortened_end


def rows(*points, columns=40, height=9):
    return draw([Line(points, "blue")], columns, height, "steps").plain.split("\n")


def test_the_axes_are_labelled_with_round_numbers():
    found = rows((0, 0.0), (100, 10.0))
    assert len(found) == 9
    assert found[0].startswith("10 ")
    assert found[7].startswith(" 0 ")
    assert found[8] == "   0" + "steps".center(33) + "100"


def test_a_line_that_rises_ends_above_where_it_began():
    found = rows((0, 0.0), (100, 10.0))
    assert found[0].rstrip()[-1] != " "
    assert len(found[0].rstrip()) > len(found[7].rstrip())


@pytest.mark.parametrize("gap", [None, math.nan, math.inf, -math.inf, 1e308])
def test_what_cannot_be_drawn_is_a_gap(gap):
    whole = rows((0, 1.0), (50, 1.0), (100, 1.0))
    broken = rows((0, 1.0), (50, gap), (100, 1.0))
    assert sum(map(len, "".join(whole).split())) > sum(map(len, "".join(broken).split()))


@pytest.mark.parametrize(
    "value", [0.0, 1.0, -3.5, 1e-300, 1e17, -1e299], ids=lambda value: f"{value:g}"
)
def test_values_that_are_all_equal_are_drawn(value):
    assert any(character > "\u2800" for character in "".join(rows((0, value), (9, value))))


@pytest.mark.parametrize(("columns", "height"), [(0, 0), (5, 9), (40, 2), (1, 1)])
def test_without_room_it_is_empty(columns, height):
    assert rows((0, 0.0), (100, 10.0), columns=columns, height=height) == [""]


def test_without_a_point_it_is_empty():
    assert rows() == rows((0, math.nan)) == [""]


def test_the_middle_of_an_id_gives_way():
    assert shortened("breakout-20261122-8-24466ffa", 11) == "break…66ffa"
    assert shortened("short", 11) == "short"
    assert shortened("a\x1bb", 11) == "a\\x1bb"
    # Each of these takes two columns; what no whole one fits into is blank.
    assert shortened("日本語の名前", 8) == "日 …名前"
    assert shortened_end("a long title", 6) == "a lon…"
