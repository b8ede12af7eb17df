"""Values of every DuckDB type, at its ends and beyond Python's, and what is shown of each."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, NamedTuple


class Value(NamedTuple):
    """An expression in SQL, what Python gets for it, and what JSON has."""

    sql: str
    python: Any
    json: Any


def _text(sql, text):
    return Value(sql, text, text)


def _same(sql, value):
    return Value(sql, value, value)


_HUGE = 2**127 - 1
_NANOS = "2024-01-02 03:04:05.123456789"

VALUES = [
    _same("true", True),
    _same("NULL", None),
    *(
        _same(f"({value})::{type_}", value)
        for type_, low, high in (
            ("TINYINT", -(2**7), 2**7 - 1),
            ("SMALLINT", -(2**15), 2**15 - 1),
            ("INTEGER", -(2**31), 2**31 - 1),
            ("BIGINT", -(2**63), 2**63 - 1),
            ("HUGEINT", -_HUGE - 1, _HUGE),
            ("HUGEINT", -(10**38), 10**38 - 1),
            ("UTINYINT", 0, 2**8 - 1),
            ("USMALLINT", 0, 2**16 - 1),
            ("UINTEGER", 0, 2**32 - 1),
            ("UBIGINT", 0, 2**64 - 1),
            ("UHUGEINT", 0, 2**128 - 1),
            ("VARCHAR::BIGNUM", -5, 10**37),
        )
        for value in (low, high)
    ),
    _same(f"'{10**60}'::BIGNUM", 10**60),
    _text(f"'{'9' * 5000}'::BIGNUM", "9" * 5000),
    _same("0.1::DOUBLE", 0.1),
    _same("-0.0::DOUBLE", -0.0),
    _same("0.1::FLOAT", 0.10000000149011612),
    Value("'inf'::DOUBLE", float("inf"), "Infinity"),
    Value("'-inf'::FLOAT", float("-inf"), "-Infinity"),
    Value("1.50::DECIMAL(4, 2)", Decimal("1.50"), 1.5),
    Value(f"{'9' * 38}::DECIMAL(38, 0)", Decimal("9" * 38), 10**38 - 1),
    Value(f"'0.{'1' * 38}'::DECIMAL(38, 38)", Decimal(f"0.{'1' * 38}"), f"0.{'1' * 38}"),
    Value("DATE '0001-01-01'", date(1, 1, 1), "0001-01-01"),
    Value("DATE '9999-12-31'", date(9999, 12, 31), "9999-12-31"),
    _text("DATE '10000-01-01'", "10000-01-01"),
    _text("DATE '5881580-07-10'", "5881580-07-10"),
    _text("DATE '0044-03-15 (BC)'", "0044-03-15 (BC)"),
    _text("DATE 'infinity'", "infinity"),
    _text("DATE '-infinity'", "-infinity"),
    Value(
        "TIMESTAMP '9999-12-31 23:59:59.999999'",
        datetime(9999, 12, 31, 23, 59, 59, 999999),  # noqa: DTZ001 - DuckDB's has no zone
        "9999-12-31T23:59:59.999999",
    ),
    _text("TIMESTAMP '10000-01-01 00:00:00'", "10000-01-01 00:00:00"),
    _text("TIMESTAMP '0044-03-15 (BC) 00:00:00'", "0044-03-15 (BC) 00:00:00"),
    _text("TIMESTAMP '294247-01-10 04:00:54'", "294247-01-10 04:00:54"),
    *(
        _text(f"'{sign}infinity'::{type_}", f"{sign}infinity")
        for sign in ("", "-")
        for type_ in ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMPTZ")
    ),
    Value(
        "TIMESTAMP_S '2024-01-02 03:04:05'",
        datetime(2024, 1, 2, 3, 4, 5),  # noqa: DTZ001
        "2024-01-02T03:04:05",
    ),
    Value(
        "TIMESTAMP_MS '2024-01-02 03:04:05.123'",
        datetime(2024, 1, 2, 3, 4, 5, 123000),  # noqa: DTZ001
        "2024-01-02T03:04:05.123000",
    ),
    _text(f"TIMESTAMP_NS '{_NANOS}'", _NANOS),
    Value(
        "TIMESTAMPTZ '2024-01-02 03:04:05.5+02'",
        datetime(2024, 1, 2, 1, 4, 5, 500000, UTC),
        "2024-01-02T01:04:05.500000+00:00",
    ),
    _text("TIMESTAMPTZ '0044-03-15 (BC) 00:00:00+00'", "0044-03-15 (BC) 00:00:00+00"),
    Value("TIME '23:59:59.999999'", time(23, 59, 59, 999999), "23:59:59.999999"),
    _text("TIME '24:00:00'", "24:00:00"),
    _text("TIMETZ '12:00:00+02:30:15'", "12:00:00+02:30:15"),
    _text("TIMETZ '24:00:00-15:59:59'", "24:00:00-15:59:59"),
    _text("INTERVAL '14 months 3 days -5 us'", "1 year 2 months 3 days -00:00:00.000005"),
    _text("INTERVAL '-14 months'", "-1 year -2 months"),
    _text("INTERVAL '2147483647 months'", "178956970 years 7 months"),
    _text("'0101010'::BIT", "0101010"),
    Value(r"'\x00\xff'::BLOB", b"\x00\xff", "00ff"),
    _text("'00000000-0000-0000-0000-000000000001'::UUID", "00000000-0000-0000-0000-000000000001"),
    _text("'a'::ENUM('a', 'b')", "a"),
    _text("""'{"a": 1}'::JSON""", '{"a": 1}'),
    _text("union_value(n := 1)", "1"),
    _text("union_value(t := 'infinity'::TIMESTAMP)", "infinity"),
    _text("{'a': 'infinity'::TIMESTAMP}::VARIANT", "{'a': infinity}"),
    _text("'POINT (1 2)'::GEOMETRY", "POINT (1 2)"),
    _same("[]::INTEGER[]", []),
    _same("[[1], [], NULL]", [[1], [], None]),
    _same("array_value(1, NULL)", [1, None]),
    _same("[DATE '2024-01-01', DATE 'infinity']", ["2024-01-01", "infinity"]),
    Value("[DATE '2024-01-01', NULL]", [date(2024, 1, 1), None], ["2024-01-01", None]),
    _same("array_value(INTERVAL '1 month', NULL)", ["1 month", None]),
    _same("{'n': 1, 't': 'infinity'::TIMESTAMP}", {"n": 1, "t": "infinity"}),
    _same("""{'a "b"': TIMETZ '01:00:00+00'}""", {'a "b"': "01:00:00+00"}),
    _same("row(1, 'x')", {"element1": 1, "element2": "x"}),
    Value("MAP {1: 'a', 2: NULL}", [(1, "a"), (2, None)], [[1, "a"], [2, None]]),
    Value("MAP {[1, 2]: 3}", [([1, 2], 3)], [[[1, 2], 3]]),
    Value("MAP {'infinity'::TIMESTAMP: [2]}", [("infinity", [2])], [["infinity", [2]]]),
    _same("{'a': {'b': [[INTERVAL '1 day']]}}", {"a": {"b": [["1 day"]]}}),
    _text(f"{'[' * 40}1{']' * 40}", f"{'[' * 40}1{']' * 40}"),
]
