from __future__ import annotations

import io
import itertools
import math

import pytest
from plotted_groups import TWO, group, plot

from rlaudit.errors import MissingExtraError
from rlaudit.render import extras
from rlaudit.render.text_plot import write_text_plot


def lines(plotted, encoding="utf-8"):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    write_text_plot(stream, plotted)
    stream.flush()
    return raw.getvalue().decode(encoding).splitlines()


def test_a_plot_with_its_table():
    found = lines(plot(group("g", [0, 50, 100], x=[100, 200, 300]), group("h", [100, 0, 0])))
    assert found[0] == "mean return of the last 100 training episodes"
    marks = {line.split("|")[0].strip() for line in found if "|" in line}
    assert {"0", "20", "40", "60", "80", "100"} <= marks
    axis = next(line for line in found if line.startswith("           | 0 "))
    assert axis.split() == ["|", "0", "50", "100", "150", "200", "250", "300"]
    assert found[-3].split() == ["group", "last", "episode", "mean", "95%", "interval"]
    assert found[-2].split() == ["•", "g", "(5", "seeds)", "300", "100", "none"]
    assert found[-1].split() == ["x", "h", "(5", "seeds)", "300", "0", "none"]


def test_points_stand_where_their_values_are_also_at_the_ends_of_both_axes():
    found = lines(plot(group("g", [0, 100], x=[100, 600])))
    top = found.index(next(line for line in found if line.startswith("       100 |")))
    bottom = next(line for line in found if line.startswith("         0 |"))
    # 13 columns of axis, then 60 columns for 600 episodes. The label is above the last row.
    assert found[top + 1].index("•") == 13 + 59
    assert bottom.index("•") == 13 + 10


def test_the_interval_at_the_end_stands_in_the_table():
    found = lines(TWO)
    assert found[-2].split()[-4:] == ["3", "2", "to", "4"]
    assert found[-1].split()[-2:] == ["1", "none"]


def test_everything_fits_into_80_columns():
    wide = plot(group("g" * 20, range(1, 200)), group("h", [1e9, 2e9, -3e9]), by="steps")
    assert max(map(len, lines(wide))) <= 80


def test_no_line_ends_in_blanks():
    assert [line for line in lines(TWO)[:-3] if line != line.rstrip()] == []


def test_a_stream_of_ascii_gets_ascii():
    found = lines(TWO, encoding="ascii")
    assert sum(line.count("x") for line in found[2:19]) == 2  # where they meet, o hides one
    assert sum(line.count("o") for line in found[3:19]) == 3
    assert found[-2].split()[:2] == ["x", "base"]
    assert found[-1].split()[:3] == ["o", "one", "run"]


@pytest.mark.parametrize(
    "values",
    [[7.0], [7.0] * 30, [1.0, math.nan, 3.0], [-1e12, 1e12], [1e-9, 3e-9], [-0.5, -0.25]],
)
def test_odd_values_are_drawn(values):
    found = lines(plot(group("g", values)))
    assert any("•" in line or "⠤" in line for line in found)
    assert max(map(len, found)) <= 80


def test_a_gap_is_left_blank():
    values = [5.0] * 20 + [math.nan] * 20 + [5.0] * 20
    found = lines(plot(group("g", values, x=range(1, 61))))
    row = next(line for line in found if line.startswith("         5 |"))
    drawn = [column for column, char in enumerate(row[13:]) if char != " "]
    assert max(b - a for a, b in itertools.pairwise(drawn)) > 15


def test_the_units_are_named():
    steps = [line.strip() for line in lines(plot(group("g", [1, 2]), by="steps"))]
    assert "agent steps" in steps
    assert any("last hour" in line for line in lines(plot(group("g", [1]), by="hours")))


def test_control_characters_reach_no_terminal():
    assert "\x1b" not in "".join(lines(plot(group("\x1b[31mred", [1, 2]), title="\x1b]0;x\x07")))


def test_without_the_extra_the_error_names_it(monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="a plot in the terminal needs plotille") as caught:
        write_text_plot(io.StringIO(), TWO)
    assert caught.value.hint == "pip install 'rlaudit[plot]'"
