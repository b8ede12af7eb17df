"""Runs can be told apart by readers who see fewer colours."""

from __future__ import annotations

import itertools
import re
from importlib.resources import files

import numpy as np
import pytest

from rlaudit.render.page.charts import colour, dash
from rlaudit.render.page.data import MOST_DRAWN

# Machado, Oliveira and Fernandes 2009, severity 1.0; on linear RGB.
_SEEN = {
    "all": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = np.array([0.9505, 1.0, 1.089])


def lab(text, seen):
    """Return a colour of CSS in CIE L*a*b*, as it is seen."""
    rgb = np.array([int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    x, y, z = _XYZ @ np.clip(_SEEN[seen] @ linear, 0, 1) / _WHITE
    fx, fy, fz = (np.cbrt(v) if v > 216 / 24389 else v * 841 / 108 + 4 / 29 for v in (x, y, z))
    return np.array([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("seen", _SEEN)
def test_runs_that_look_alike_in_colour_differ_in_dashes(scheme, seen):
    """A difference of 10 in L*a*b* is seen at a glance; 2.3 is the least that is seen at all."""
    css = files("rlaudit.render.page").joinpath("page.css").read_text(encoding="utf-8")
    known = {name: pair for name, *pair in re.findall(r"(--run-\d): .*?\((#\w+), (#\w+)\)", css)}
    assert len(known) == 7
    styles = [
        (
            lab(known[colour(number).removeprefix("var(").removesuffix(")")][scheme], seen),
            dash(number),
        )
        for number in range(MOST_DRAWN)
    ]
    pairs = itertools.combinations(styles, 2)
    same_dashes = [np.linalg.norm(a - b) for (a, one), (b, other) in pairs if one == other]
    assert len(same_dashes) == 6
    assert min(same_dashes) > 10
