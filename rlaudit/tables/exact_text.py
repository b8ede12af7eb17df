"""When two texts of a file are one value.

A CSV file states no types. Two equal texts are one value; two different texts are one only if
every text of their column is of one kind, whose spellings can be told apart without loss:

- ``number``: 1, 1.0, +1 and 1e0 are one number, compared by their decimal digits, however many. A
  text with a leading zero (007) is none, because its zeros would be lost. NaN equals NaN.
- ``time``: dates and times of day in ISO 8601 form, with as many decimals of a second as there
  are. With an offset they are instants: 2026-01-01T12:00Z and 2026-01-01T13:00+01:00 are one.
- ``clock``: 12:00:00 and 12:00:00.0.
- ``boolean``: true, True and TRUE.

Of JSON each value states whether it is a string or a number. Where a column has both it is of the
kind ``json``: the strings stand in quotes, and what is not is compared as a number if it is one.

A column with a text of no kind, or with texts of two kinds, is compared text by text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Kind = Literal["integer", "number", "time", "clock", "boolean", "json"]

KINDS: tuple[Kind, ...] = ("integer", "number", "time", "clock", "boolean")
"""The kinds that texts are looked at for, the narrowest first.

``integer`` is a number of 64 bits in its shortest form.
"""

_SPACE = " *"
_NUMBER = rf"{_SPACE}[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d{{1,9}})?{_SPACE}"
_NO_FIGURE = rf"{_SPACE}[+-]?(nan|inf|infinity){_SPACE}"
_TIME = (
    rf"{_SPACE}(\d{{4}}-\d{{2}}-\d{{2}})(?:[Tt ]((?:[01]\d|2[0-3]):\d{{2}}(?::\d{{2}})?)(\.\d+)?"
    rf" ?(?:([Zz]|UTC)|([+-])([01]\d|2[0-3]):?([0-5]\d)?)?)?{_SPACE}"
)
_TIME_PARTS = "['day', 'clock', 'fraction', 'utc', 'sign', 'hours', 'minutes']"
_CLOCK = rf"{_SPACE}(\d{{2}}:\d{{2}}:\d{{2}})(\.\d+)?{_SPACE}"
# The form in which exact_number writes a number that has few enough digits.
_PLAIN_NUMBER = r"(0|-?[1-9]\d*|-?(0|[1-9]\d*)\.\d*[1-9])"
_LONGEST_PLAIN = 1000

_MACROS = f"""
    CREATE OR REPLACE TEMP MACRO plain_number(sign, digits, power) AS CASE
        WHEN digits = '' THEN '0'
        -- Not zeros without bound for 1e999999999.
        WHEN abs(power) + length(digits) > {_LONGEST_PLAIN} THEN sign || digits || 'e' || power
        WHEN power >= 0 THEN sign || digits || repeat('0', power)
        WHEN length(digits) + power > 0
            THEN sign || left(digits, length(digits) + power) || '.' || right(digits, -power)
        ELSE sign || '0.' || repeat('0', -power - length(digits)) || digits
    END;
    CREATE OR REPLACE TEMP MACRO number_of_digits(sign, digits, power) AS plain_number(
        sign, rtrim(digits, '0'), power + length(digits) - length(rtrim(digits, '0'))
    );
    CREATE OR REPLACE TEMP MACRO number_of_parts(parts) AS number_of_digits(
        replace(parts.sign, '+', ''),
        ltrim(parts.whole || parts.part, '0'),
        coalesce(TRY_CAST(parts.power AS BIGINT), 0) - length(parts.part)
    );
    CREATE OR REPLACE TEMP MACRO exact_number(t) AS CASE
        WHEN length(t) <= {_LONGEST_PLAIN} AND regexp_full_match(t, '{_PLAIN_NUMBER}') THEN t
        WHEN regexp_full_match(t, '{_NO_FIGURE}', 'i') THEN
            CASE WHEN contains(lower(t), 'nan') THEN 'nan'
            WHEN contains(t, '-') THEN '-inf' ELSE 'inf' END
        ELSE number_of_parts(regexp_extract(
            trim(t), '^([+-]?)(\\d*)\\.?(\\d*)(?:[eE]([+-]?\\d+))?$',
            ['sign', 'whole', 'part', 'power']
        ))
    END;
    CREATE OR REPLACE TEMP MACRO time_of_parts(parts) AS
        (
            -- 12:00.5 is half a minute in ISO 8601, and no form that is read here.
            TRY_CAST(
                if(parts.fraction != '' AND length(parts.clock) < 8, NULL, parts.day)
                || ' ' || if(parts.clock = '', '00:00', parts.clock)
                || if(length(parts.clock) = 8, '', ':00') AS TIMESTAMP
            )
            - to_minutes(if(parts.sign = '-', -1, 1) * (
                60 * coalesce(TRY_CAST(parts.hours AS BIGINT), 0)
                + coalesce(TRY_CAST(parts.minutes AS BIGINT), 0)
            ))
        )
        || rtrim(rtrim(parts.fraction, '0'), '.')
        || if(parts.utc = '' AND parts.sign = '', '', 'Z');
    CREATE OR REPLACE TEMP MACRO exact_time(t) AS
        time_of_parts(regexp_extract(t, '^{_TIME}$', {_TIME_PARTS}));
    CREATE OR REPLACE TEMP MACRO exact_clock(t) AS
        regexp_extract(t, '{_CLOCK}', 1)
        || rtrim(rtrim(regexp_extract(t, '{_CLOCK}', 2), '0'), '.');
"""

_IS = {
    # Casting back is half the price of a regular expression.
    "integer": "CAST(TRY_CAST({0} AS BIGINT) AS VARCHAR) IS NOT DISTINCT FROM {0}",
    "number": (
        f"regexp_full_match({{0}}, '{_NUMBER}') OR regexp_full_match({{0}}, '{_NO_FIGURE}', 'i')"
    ),
    "time": f"regexp_full_match({{0}}, '{_TIME}') AND exact_time({{0}}) IS NOT NULL",
    "clock": (
        f"regexp_full_match({{0}}, '{_CLOCK}') "
        f"AND TRY_CAST(regexp_extract({{0}}, '{_CLOCK}', 1) AS TIME) IS NOT NULL"
    ),
    "boolean": "lower({0}) IN ('true', 'false')",
    "json": "true",
}
_KEY = {
    "integer": "CAST({0} AS BIGINT)",
    "number": "exact_number({0})",
    "time": "exact_time({0})",
    "clock": "exact_clock({0})",
    "boolean": "lower({0})",
    "json": f"CASE WHEN {_IS['number']} THEN exact_number({{0}}) ELSE {{0}} END",
}


def define_macros(con: DuckDBPyConnection) -> None:
    """Give ``con`` what the expressions of this module call."""
    con.execute(_MACROS)


def is_of(kind: Kind, column: str) -> str:
    """Return the condition that the text in ``column`` is of ``kind``; NULL is of every kind."""
    condition = _IS[kind].replace("{0}", column)
    return f"({column} IS NULL OR coalesce({condition}, false))"


def key_of(kind: Kind | None, column: str) -> str:
    """Return what is equal for texts of ``kind`` in ``column`` that are one value."""
    return column if kind is None else _KEY[kind].replace("{0}", column)
