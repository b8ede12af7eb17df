from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaudit.render.values import as_text, human, json_text, machine
from rlaudit.store import unique_names

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "true"),
        (12345678, "12345678"),
        (0.1 + 0.2, "0.3"),
        (1234567.0, "1.23457e+06"),
        (NAN, "nan"),
        (-math.inf, "-inf"),
        (datetime(2026, 1, 2, 3, 4, 5, 678), "2026-01-02 03:04:05"),  # noqa: DTZ001 - as DuckDB gives
        ("a\tb\x1b[31m", r"a\tb\x1b[31m"),
        ("日本 [red]", "日本 [red]"),
        ([1, None], "[1, null]"),
    ],
)
def test_values_for_people(value, text):
    assert human(value) == text


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (NAN, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (Decimal(2**70), 2**70),
        (Decimal("1.50"), 1.5),
        (Decimal("0.1234567890123456789"), "0.1234567890123456789"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        (date(2026, 1, 2), "2026-01-02"),
        (b"\x01\xff", "01ff"),
        ({"a": (1, NAN)}, {"a": [1, "NaN"]}),
        (True, True),
        ("日本", "日本"),
    ],
)
def test_values_for_programs(value, found):
    assert machine(value) == found
    assert type(machine(value)) is type(found)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_keeps_all_its_digits(value):
    assert json.loads(json_text({"x": value})) == {"x": value}
    assert float(as_text(value)) == value


def test_a_csv_cell():
    assert [as_text(v) for v in (None, "a", 1, True, [1, "x"])] == [
        "",
        "a",
        "1",
        "true",
        '[1, "x"]',
    ]


def test_repeated_names_are_told_apart():
    assert unique_names(["a", "b", "a", "a_1", "a"]) == ["a", "b", "a_1", "a_1_1", "a_2"]
