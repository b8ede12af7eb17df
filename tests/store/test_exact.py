from __future__ import annotations

import contextlib

import duckdb
import polars as pl
import pytest
from duckdb_values import VALUES

from rlaudit.store import Exact, fetch_exact

ids = [value.sql[:50] for value in VALUES]


@pytest.fixture(scope="module")
def con():
    with contextlib.closing(duckdb.connect()) as con:
        con.execute("SET TimeZone = 'UTC'")
        yield con


@pytest.mark.parametrize("value", VALUES, ids=ids)
def test_python_gets_each_value_or_its_text(con, value):
    query = f"SELECT {value.sql}, NULL"
    ((found, _),) = fetch_exact(con, query)
    ((by_arrow, _),) = (row for n, rows in Exact(con.sql(query)).batches(10) for row in rows(n))
    # A text shows the sign of a zero, and of what type a number is.
    assert repr(found) == repr(by_arrow) == repr(value.python)


@pytest.mark.parametrize("value", VALUES, ids=ids)
def test_a_frame_holds_each_value_or_its_text(con, value):
    frame = Exact(con.sql(f"SELECT {value.sql} AS v UNION ALL SELECT NULL")).frame()
    assert repr(frame)
    first, second = frame["v"]
    assert second is None
    ((text,),) = con.sql(f"SELECT CAST({value.sql} AS VARCHAR)").fetchall()
    if isinstance(first, str):
        assert first == text
    elif not isinstance(first, pl.Series | dict | list):
        assert first == value.python


def test_all_types_of_duckdb_come_through(con):
    relation = con.sql("FROM test_all_types()")
    texts = con.sql("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM test_all_types()").fetchall()
    rows = fetch_exact(con, "FROM test_all_types()")
    frame = Exact(relation).frame()
    assert frame.columns == relation.columns
    assert len(frame.rows()) == len(rows) == len(texts)
    for row, given, line in zip(rows, frame.rows(), texts, strict=True):
        for value, other, text in zip(row, given, line, strict=True):
            assert (value is None) == (text is None) == (other is None)
            if isinstance(value, str | int) and not isinstance(value, bool):
                assert str(value) == str(other) == text


def test_a_column_of_dates_is_text_only_where_one_needs_it(con):
    query = "SELECT unnest([DATE '2024-01-01', DATE '{}']) AS d"
    dates = Exact(con.sql(query.format("9999-12-31"))).frame()
    assert dates.schema == {"d": pl.Date}
    texts = Exact(con.sql(query.format("10000-01-01"))).frame()
    assert texts["d"].to_list() == ["2024-01-01", "10000-01-01"]
    first, second = fetch_exact(con, query.format("10000-01-01"))
    assert (first[0].isoformat(), second[0]) == ("2024-01-01", "10000-01-01")


def test_a_sum_is_an_integer_and_stays_a_number_in_a_frame(con):
    assert fetch_exact(con, "SELECT sum(range) FROM range(4)") == [(6,)]
    frame = Exact(con.sql("SELECT sum(range) AS s FROM range(4)")).frame()
    assert frame["s"].dtype.is_numeric()


def test_columns_may_be_many_and_have_any_names(con):
    relation = con.sql('SELECT 1 AS a, INTERVAL 1 DAY AS a, DATE \'infinity\' AS "a\nb", 2 AS "A"')
    assert Exact(relation).rows() == [(1, "1 day", "infinity", 2)]
    assert Exact(relation).frame().columns == ["a", "a_1", "a\nb", "A"]
    columns = ["NULL::TIME AS t"] * 200 + ["1 AS t"] * 1800
    wide = con.sql(f"SELECT {', '.join(columns)}")
    assert Exact(wide).frame().width == 2000
    assert Exact(wide).columns == ("t",) * 2000


@pytest.mark.parametrize(
    "statement",
    [
        "DESCRIBE SELECT DATE 'infinity' AS d",
        "SUMMARIZE SELECT DATE 'infinity' AS d",
        "EXPLAIN SELECT INTERVAL 1 DAY",
        "PRAGMA database_list",
        "SHOW TABLES",
        "CALL duckdb_types()",
        "VALUES (INTERVAL 1 DAY)",
        "SELECT INTERVAL 1 DAY WHERE false",
        "SELECT $d::TIMESTAMP_NS",
    ],
)
def test_results_of_any_statement_come_through(con, statement):
    parameters = {"d": "2024-01-01"} if "$" in statement else {}
    frame = Exact(con.sql(statement, params=parameters or None)).frame()
    assert len(fetch_exact(con, statement, parameters)) == frame.height


def test_a_batch_of_large_values_is_taken_apart(con):
    relation = con.sql("SELECT range AS i, repeat('x', 10_000) AS v FROM range(10_000) ORDER BY i")
    batches = [list(rows(count)) for count, rows in Exact(relation).batches(10_000)]
    assert max(map(len, batches)) < 2_000
    assert [row[0] for batch in batches for row in batch] == list(range(10_000))
