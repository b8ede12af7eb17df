"""Every kind of value in every format, against the same question asked in plain Python.

Python reads the texts: two are one value if their fractions, instants or truth values are equal,
whichever it is that every text of the column can be read as.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections import Counter
from datetime import UTC, datetime
from fractions import Fraction

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rlaudit.auditing import duplicates_in

MAX = 2**63 - 1

# The texts of a column, by what they are an example of.
COLUMNS = {
    "integers": ["1", "2", "2", "3", "-1"],
    "20 digits": ["12345678901234567890", "12345678901234567891", "12345678901234567890"],
    "around 64 bits": [str(MAX - 1), str(MAX), str(MAX + 1), str(MAX + 1)],
    "around 64 bits, no repeat": [str(MAX - 1), str(MAX), str(MAX + 1)],
    "around -64 bits": [str(-MAX - 1), str(-MAX - 2), str(-MAX), str(-MAX - 1)],
    "unsigned 64 bits": [str(2**64 - 1), str(2**64), str(2**64 - 2)],
    "around 128 bits": [str(2**127 - 1), str(2**127), str(2**127 + 1), str(2**127)],
    "300 digits": ["9" * 300, "9" * 299 + "8", "9" * 300],
    "2^53 + 1 beside a fraction": ["9007199254740993", "9007199254740992", "1.5"],
    "16 digits beside a fraction": ["9007199254740993", "1.5", "9007199254740993"],
    "decimals of 17 digits": ["0.12345678901234567", "0.12345678901234568"],
    "decimals of 30 digits": [
        "0.123456789012345678901234567890",
        "0.123456789012345678901234567891",
    ],
    "the digits behind a float": ["0.1", "0.1000000000000000055511151231257827", "0.1"],
    "one and 1.0": ["1", "1.0", "2"],
    "zeros behind the point": ["0.5", "0.50", "0.500", "5.00"],
    "exponents": ["1e3", "1000", "1E+3", "1e-3", "0.001", "100e-5"],
    "huge exponents": ["1e400", "1e401", "1e400", "-1e400"],
    "tiny exponents": ["1e-400", "0", "1e-400", "2e-400"],
    "signed zeros": ["0", "-0", "0.0", "-0.0", "1"],
    "floats as Python writes them": ["0.1", "1e-05", "0.1", "1e+16", "3.0", "1e-05"],
    "plus signs": ["+1", "1", "+2"],
    "no figure before the point": [".5", "0.5", "5.", "5"],
    "leading zeros": ["007", "7", "07", "007"],
    "all with leading zeros": ["001", "002", "001"],
    "not a number": ["nan", "NaN", "1.5"],
    "infinities": ["inf", "-inf", "Infinity", "1.0"],
    "a late text": [*map(str, range(200)), "x", "1.0", "x"],
    "texts with exponents": ["1e5", "100000", "a7f3", "1e5"],
    "digits of other scripts": ["\u0661", "1", "\u0661"],
    "thousands": ["1,000", "1000", "1,000"],
    "underscores": ["1_000", "1000"],
    "hexadecimal": ["0x10", "16", "0x10"],
    "booleans": ["true", "True", "FALSE"],
    "booleans beside numbers": ["true", "True", "1"],
    "letters": ["a", "b", "a", "A"],
    "case": ["Run", "run", "RUN"],
    "blanks": ["a", "a ", " a", "a"],
    "inner blanks": ["a b", "a  b", "a b"],
    "accents composed and not": ["\u00e9", "e\u0301", "\u00e9"],
    "emoji and scripts": ["🚀", "走", "🚀", "א"],
    "delimiters": ["a,b", "a;b", "a\tb", "a|b", "a,b"],
    "quotes": ['say "a"', "say 'a'", 'say "a"', '"'],
    "line breaks": ["a\nb", "a\r\nb", "a\nb", "a b"],
    "words for nothing": ["NULL", "null", "NA", "None", "NULL"],
    "long texts": ["x" * 100_000, "x" * 99_999 + "y", "x" * 100_000],
    "markup": ["=1+1", "<b>", "::error::", "=1+1"],
    "identifiers": ["1b4e28ba-2fa1", "1B4E28BA-2fa1", "1b4e28ba-2fa1"],
    "dates": ["2026-01-01", "2026-01-02", "2026-01-01"],
    "no dates": ["2026-02-30", "2026-02-30", "2026-13-01"],
    "dates of another order": ["01/02/2026", "1/2/2026", "01/02/2026"],
    "dates and times": ["2026-01-01", "2026-01-01 00:00:00", "2026-01-01T00:00", "2026-01-02"],
    "times in one zone": ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"],
    "times in two zones": [
        "2026-01-01T12:00:00Z",
        "2026-01-01T13:00:00+01:00",
        "2026-01-01T12:30Z",
    ],
    "times with and without a zone": ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00"],
    "decimals of a second": ["2026-01-01 00:00:00.5", "2026-01-01 00:00:00.500000"],
    "nanoseconds": [f"2026-01-01T00:00:00.00000000{n}" for n in (1, 2, 1)],
    "nanoseconds, no repeat": [f"2026-01-01T00:00:00.00000000{n}Z" for n in (1, 2, 3)],
    "times of day": ["12:00:00", "12:00:00.0", "12:00:01"],
    "a time and a text": ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00+00:00", "soon"],
    "half a minute": ["2026-01-01T12:00.5", "2026-01-01T12:00:00.5"],
    "half past midnight": ["2026-01-01T24:00:00.5", "2026-01-02T00:00:00.5"],
    "no offsets": ["2026-01-01T12:00+00:99", "2026-01-01T10:21Z"],
    "exponents of 20 digits": ["1e99999999999999999999", "1", "a", "1.5e-9223372036854775808"],
    "years of five digits": ["10000-01-01", "9999-12-31", "10000-01-01"],
    "one row": ["1"],
    "all alike": ["7", "7", "7"],
}

# A larger exponent is that of no number, and Python would write all of its zeros.
_NUMBER = re.compile(
    r" *[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)(e[+-]?\d{1,9})? *", re.ASCII | re.IGNORECASE
)
_NO_FIGURE = {"nan": "nan", "inf": "inf", "infinity": "inf", "-inf": "-inf", "-infinity": "-inf"}
_JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


def as_number(text):
    if text.strip(" ").lower() in _NO_FIGURE:
        return _NO_FIGURE[text.strip(" ").lower()]
    return Fraction(text.strip(" ")) if _NUMBER.fullmatch(text) else None


def as_instant(text):
    """Read a time with any number of decimals: the second in UTC, and the fraction."""
    found = re.fullmatch(
        r"(\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?=(\.\d+)?))?)?)(\.\d+)?(Z|[+-]\d\d:[0-5]\d)?",
        text,
    )
    if found and found[2] != found[3]:
        return None  # a part of a minute
    try:
        at = datetime.fromisoformat(found[1] + (found[4] or ""))
    except (TypeError, ValueError):
        return None
    fraction = Fraction(found[3] or "0")
    return (
        (at.astimezone(UTC).replace(tzinfo=None), fraction, True)
        if at.tzinfo
        else (at, fraction, False)
    )


def as_clock(text):
    found = re.fullmatch(r"(\d\d:\d\d:\d\d)(\.\d+)?", text)
    return found and (found[1], Fraction(found[2] or "0"))


def as_truth(text):
    return {"true": True, "false": False}.get(text.lower())


def repeats(texts, *readings):
    """Return the sets of texts that are one value and stand more than once, with their counts."""
    for reading in readings:
        values = [reading(text) for text in texts]
        if None not in values:
            break
    else:
        values = texts
    counts = Counter(values)
    return {
        frozenset(t for t, v in zip(texts, values, strict=True) if v == value): count
        for value, count in counts.items()
        if count > 1
    }


def as_csv(texts, delimiter=",", end="\n", quoting=csv.QUOTE_MINIMAL, header=True):
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting)
    if header:
        writer.writerow(["run", "value", "loss"])
    writer.writerows(["a", text, "0.5"] for text in texts)
    return file.getvalue().encode()


def as_lines(texts, token=json.dumps):
    return "".join(f'{{"run": "a", "value": {token(text)}, "x": 1}}\n' for text in texts).encode()


def as_tokens(texts):
    """Return lines in which what JSON can write as a number is one; None if it can nowhere."""
    if not any(map(_JSON_NUMBER.fullmatch, texts)):
        return None
    return as_lines(texts, lambda t: t if _JSON_NUMBER.fullmatch(t) else json.dumps(t))


def zstd(data):
    return pa.Codec("zstd").compress(data, asbytes=True)


FORMATS = {
    "csv": ("t.csv", as_csv),
    "csv with ;": ("t.csv", lambda t: as_csv(t, ";")),
    "csv with |": ("t.csv", lambda t: as_csv(t, "|")),
    "csv with CRLF": ("t.csv", lambda t: as_csv(t, end="\r\n")),
    "csv in quotes": ("t.csv", lambda t: as_csv(t, quoting=csv.QUOTE_ALL)),
    "csv without a header": ("t.csv", lambda t: as_csv(t, header=False)),
    "csv with a byte-order mark": ("t.csv", lambda t: b"\xef\xbb\xbf" + as_csv(t)),
    "csv.gz": ("t.csv.gz", lambda t: gzip.compress(as_csv(t))),
    "csv.zst": ("t.csv.zst", lambda t: zstd(as_csv(t))),
    "tsv": ("t.tsv", lambda t: as_csv(t, "\t")),
    "jsonl": ("t.jsonl", as_lines),
    "jsonl with numbers": ("t.jsonl", as_tokens),
    "ndjson.gz": ("t.ndjson.gz", lambda t: gzip.compress(as_lines(t))),
    "json, an array": ("t.json", lambda t: b"[" + b",".join(as_lines(t).splitlines()) + b"]"),
    "json, indented": ("t.json", lambda t: as_lines(t).replace(b', "', b',\n "')),
}


def examples_of(found):
    return {example.value[0]: example.count for example in found.examples}


def same_text(value, text):
    if isinstance(value, bool):
        return str(value).lower() == text.lower()
    return str(value) == text


def check(found, expected):
    assert found.duplicated_values == len(expected)
    assert found.extra_rows == sum(expected.values()) - len(expected)
    left = dict(expected)
    for example in found.examples:
        texts = next(t for t in left if any(same_text(example.value[0], text) for text in t))
        assert example.count == left.pop(texts)


CASES = [
    pytest.param(column, form, id=f"{column} in {form}")
    for column in COLUMNS
    for form in FORMATS
    if FORMATS[form][1](COLUMNS[column]) is not None
]


def test_there_are_at_least_300_combinations():
    assert len(CASES) + len(TYPED) * 2 >= 300


@pytest.mark.parametrize(("column", "form"), CASES)
def test_texts_of_a_file_are_compared_without_loss(tmp_path, column, form):
    texts = COLUMNS[column]
    name, write = FORMATS[form]
    (tmp_path / name).write_bytes(write(texts))
    names = ("column0", "column1") if "without" in form else ("run", "value")
    found = duplicates_in(str(tmp_path / name), names[:1], names[1:], limit=0)
    assert (found.rows, found.rows_skipped) == (len(texts), 0)
    if "json" not in form:
        readings = (as_number, as_instant, as_clock, as_truth)
    elif form == "jsonl with numbers":
        # A number and a string are never one value; a column of numbers has no strings.
        readings = (as_number,) if all(map(_JSON_NUMBER.fullmatch, texts)) else (as_mixed,)
    else:
        readings = (as_instant, as_clock)
    check_json = form == "jsonl with numbers" and readings == (as_mixed,)
    expected = repeats(texts, *readings)
    if check_json:
        assert Counter(e.count for e in found.examples) == Counter(expected.values())
    else:
        check(found, expected)


def as_mixed(text):
    if not _JSON_NUMBER.fullmatch(text):
        return "string", text
    number = as_number(text)
    return "number", text if number is None else number


# Columns of typed files: DuckDB's type, the texts, and what Python reads them as.
TYPED = {
    "BIGINT": (["1", "2", "1", str(MAX), str(MAX - 1)], as_number),
    "HUGEINT": ([str(MAX + 1), str(MAX + 2), str(MAX + 1)], as_number),
    "UBIGINT": ([str(2**64 - 1), str(2**64 - 2), str(2**64 - 1)], as_number),
    "DECIMAL(38, 20)": (["0.12345678901234567891", "0.12345678901234567892", "1.50"], as_number),
    "DOUBLE": (["0.1", "0.2", "0.1", "nan", "nan"], as_number),
    "FLOAT": (["0.1", "0.2", "0.1"], as_number),
    "VARCHAR": (["1", "1.0", "01", "a", "a"], str),
    "BOOLEAN": (["true", "false", "true"], as_truth),
    "DATE": (["2026-01-01", "2026-01-01", "2026-01-02"], as_instant),
    "TIMESTAMP": (["2026-01-01 00:00:00.000001", "2026-01-01 00:00:00.000002"], as_instant),
    "TIMESTAMP_NS": ([f"2026-01-01 00:00:00.00000000{n}" for n in (1, 2, 1)], as_instant),
    "TIMESTAMPTZ": (["2026-01-01 12:00:00+00:00", "2026-01-01 13:00:00+01:00"], as_instant),
    "TIME": (["12:00:00", "12:00:00", "12:00:01"], as_clock),
    "INTERVAL": (["1 month", "30 days", "1 day", "24 hours", "1 month"], str),
    "UUID": (["1b4e28ba-2fa1-11d2-883f-0016d3cca427"] * 2, str),
    "BLOB": (["a", "b", "a"], str),
    "VARCHAR[]": (["[a, b]", "[a]", "[a, b]"], str),
    "STRUCT(a INTEGER, b VARCHAR)": (["{'a': 1, 'b': x}", "{'a': 1, 'b': y}"], str),
    "MAP(VARCHAR, INTEGER)": (["{a=1}", "{a=2}", "{a=1}"], str),
}  # fmt: skip


@pytest.mark.parametrize(
    ("type_", "suffix"),
    [
        (type_, suffix)
        for type_ in TYPED
        for suffix in ("duckdb", "parquet")
        # Parquet has no such integers: DuckDB writes floats.
        if (type_, suffix) != ("HUGEINT", "parquet")
    ],
)
def test_values_of_a_typed_file_are_compared_by_their_type(tmp_path, type_, suffix):
    texts, reading = TYPED[type_]
    path = tmp_path / f"t.{suffix}"
    with duckdb.connect(path if suffix == "duckdb" else ":memory:") as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(f"CREATE TABLE t(run VARCHAR, value {type_})")
        con.executemany(f"INSERT INTO t VALUES ('a', CAST(? AS {type_}))", [[t] for t in texts])
        if suffix == "parquet":
            con.execute(f"COPY t TO '{path}'")
    found = duplicates_in(str(path), ["run"], ["value"], limit=0)
    expected = repeats(texts, reading)
    assert Counter(e.count for e in found.examples) == Counter(expected.values())
    assert found.rows == len(texts)


@pytest.mark.parametrize("first", ["csv", "parquet of BIGINT", "parquet of VARCHAR", "jsonl"])
@pytest.mark.parametrize("second", ["csv", "parquet of DOUBLE", "jsonl"])
def test_files_of_different_types_meet_as_texts(tmp_path, first, second):
    """A float could not tell the three integers from each other."""
    for position, (kind, values) in enumerate(
        [(first, [2**53 + 1, 2**53 + 2]), (second, [1.5, 2.5])]
    ):
        path = tmp_path / f"{position}.{kind.split(' ')[0]}"
        if kind == "csv":
            path.write_text("run,value\n" + "".join(f"a,{value}\n" for value in values))
        elif kind == "jsonl":
            path.write_text("".join(f'{{"run": "a", "value": {v}}}\n' for v in values))
        else:
            arrow = {"BIGINT": pa.int64(), "DOUBLE": pa.float64(), "VARCHAR": pa.string()}[
                kind[11:]
            ]
            cells = list(map(str, values)) if kind.endswith("VARCHAR") else values
            pq.write_table(pa.table({"run": ["a"] * 2, "value": pa.array(cells, arrow)}), path)
    pattern = f"{tmp_path}/*"
    assert duplicates_in(pattern, ["run"], ["value"]).clean
    (tmp_path / "third.csv").write_text("run,value\na,9007199254740993.0\n")
    found = duplicates_in(pattern, ["run"], ["value"])
    assert [(example.count, str(example.value[0])[:16]) for example in found.examples] == [
        (2, "9007199254740993")
    ]
