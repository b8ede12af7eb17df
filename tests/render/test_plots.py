from __future__ import annotations

import math
import re
import struct

import pytest
from plotted_groups import TWO, group, plot

from rlaudit.errors import MissingExtraError
from rlaudit.render import extras, plots
from rlaudit.render.plots import COLOURS, chart, label, picture, what_is_shown


def svg(plotted):
    return picture(plotted, "svg").decode()


def texts(plotted):
    return re.findall(r"<t(?:ext|span)[^>]*>([^<]+)</t", svg(plotted))


def test_a_png_has_two_pixels_a_unit():
    data = picture(TWO, "png")
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    # The plot itself is 640 by 360; axes, title and legend come on top.
    assert 1280 < width < 1600
    assert 720 < height < 1200


def test_a_picture_says_what_it_shows():
    found = texts(TWO)
    assert "mean return of the last 100 training episodes" in found
    assert "training episodes" in found
    assert "mean over seeds, with 95% bootstrap intervals over seeds" in found
    assert "base (5 seeds)" in found
    assert "one run (1 seed)" in found


def test_title_and_caption_stand_above():
    found = texts(plot(group("g", [1, 2]), title="CartPole", caption="by Wang et al."))
    assert "CartPole" in found
    assert "by Wang et al." in found


def test_pictures_repeat():
    assert picture(TWO, "png") == picture(TWO, "png")


def test_groups_differ_in_colour_and_in_dashes():
    text = svg(plot(*(group(str(i), [i, i + 1], runs=1) for i in range(6))))
    lines = re.findall(r'<path[^>]*stroke="(#\w+)"[^>]*stroke-dasharray="([^"]+)"', text)
    assert {colour.upper() for colour, _ in lines} == set(COLOURS[:6])
    assert len({dash for _, dash in lines}) == 6


def test_more_groups_than_colours_are_drawn():
    names = [f"group {i}" for i in range(20)]
    found = texts(plot(*(group(name, [1, 2]) for name in names)))
    assert all(f"{name} (5 seeds)" in found for name in names)


def test_a_band_is_drawn_only_where_there_is_an_interval():
    spec = chart(TWO).to_dict()
    (area,) = (layer for layer in spec["layer"] if layer["mark"]["type"] == "area")
    assert (area["encoding"]["y"]["field"], area["encoding"]["y2"]["field"]) == ("low", "high")
    (rows,) = spec["datasets"].values()
    assert [row["low"] for row in rows] == [0, 1, 2, None, None, None]


def test_text_from_a_log_is_shown_as_it_is_and_commands_nothing():
    hostile = plot(group("<script>alert(1)</script>\x1b[31m\x00", [1, 2]), title="a\x1bb")
    text = svg(hostile)
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[31m\\x00 (5 seeds)" in text
    assert "\x1b" not in text
    assert picture(hostile, "png")


@pytest.mark.parametrize(
    "drawn",
    [
        group("one point", [7.0]),
        group("one point with an interval", [7.0], low=[6.0], high=[8.0]),
        group("all equal", [7.0] * 50),
        group("a gap", [1.0, math.nan, 3.0]),
        group("huge", [1e300, -1e300]),
        group("tiny", [1e-300, 2e-300]),
        group("many", range(200)),
    ],
    ids=lambda drawn: drawn.name,
)
def test_odd_groups_are_drawn(drawn):
    assert f"{drawn.name} (5 seeds)" in texts(plot(drawn))


def test_long_names_are_cut_and_stay_apart():
    names = ["x" * 1_000_000 + end for end in "ab"]
    drawn = plot(*(group(name, [1, 2]) for name in names), title="t" * 1_000_000)
    assert len(svg(drawn)) < 100_000
    labels = next(iter(chart(drawn).to_dict()["datasets"].values()))
    assert {row["group"] for row in labels} == {"x" * 200 + "…", "x" * 200 + "…_1"}


def test_a_gap_breaks_the_line():
    whole = svg(plot(group("g", [1.0, 2.0, 3.0, 4.0, 5.0])))
    broken = svg(plot(group("g", [1.0, 2.0, math.nan, 4.0, 5.0])))
    line = r'"line mark" d="([^"]+)"'
    assert [re.findall(line, text)[0].count("M") for text in (whole, broken)] == [1, 2]


def test_the_legend_says_how_many_seeds_remain():
    assert label(group("g", [1, 2], count=[5, 5])) == "g (5 seeds)"
    assert label(group("g", [1, 2], count=[5, 3])) == "g (5 to 3 seeds)"


def test_what_is_shown_is_said():
    one, five = group("a", [1], runs=1), group("b", [1])
    assert what_is_shown(plot(one)) == "one run, so no interval"
    assert what_is_shown(plot(one, one)) == "one run each, so no interval"
    assert what_is_shown(plot(one, five, statistic="iqm")) == (
        "interquartile mean over seeds, with 95% bootstrap intervals over seeds"
    )


@pytest.mark.parametrize("missing", ["altair", "vl_convert"])
def test_without_the_extra_the_error_names_it(monkeypatch, missing):
    find = extras.find_spec
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == missing else find(name))
    with pytest.raises(MissingExtraError, match=f"needs {missing}") as caught:
        plots.picture(TWO, "png")
    assert caught.value.hint == "pip install 'rlaudit[plot]'"
