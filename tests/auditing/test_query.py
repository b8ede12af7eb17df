from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from rlaudit.auditing import query
from rlaudit.errors import QueryError, UsageError
from rlaudit.store import engine, open_for_reading, shut_off


@pytest.fixture
def con():
    with engine() as con:
        shut_off(con)
        yield con


def run(con, sql, **options):
    with query(con, sql, **options) as rows:
        return rows, list(rows)


def test_rows_columns_and_totals(con):
    rows, found = run(con, "SELECT i, i * 2 AS twice FROM range(5) AS t(i)")
    assert rows.columns == ("i", "twice")
    assert found == [(0, 0), (1, 2), (2, 4), (3, 6), (4, 8)]
    assert (rows.shown, rows.total) == (5, 5)


@pytest.mark.parametrize(("limit", "shown"), [(3, 3), (0, 100_003), (100_003, 100_003)])
def test_rows_past_the_limit_are_counted(con, limit, shown):
    rows, found = run(con, "FROM range(100_003)", limit=limit)
    assert (len(found), rows.shown, rows.total) == (shown, shown, 100_003)


def test_a_script_gives_the_rows_of_its_last_statement(con):
    _, found = run(
        con,
        "SET VARIABLE x = 2; CREATE TABLE t AS SELECT 3 AS a; "
        "SELECT a * getvariable('x') FROM t; -- end",
    )
    assert found == [(6,)]


def test_a_statement_without_rows_gives_none(con):
    assert run(con, "SET VARIABLE x = 2")[1] == []


def test_a_python_variable_is_no_table(con):
    with pytest.raises(QueryError, match="statement"):
        run(con, "FROM statement")


def test_two_columns_of_one_name_are_both_given(con):
    rows, found = run(con, "SELECT 1 AS a, 2 AS a")
    assert (rows.columns, found) == (("a", "a"), [(1, 2)])


def test_large_sums_are_exact(con):
    _, found = run(con, "SELECT sum(9007199254740993) AS s")
    assert found == [(Decimal(9007199254740993),)]


@pytest.mark.parametrize(
    "sql",
    [
        "COPY (SELECT 1) TO '{path}'",
        "ATTACH '{path}'",
        "FROM read_csv('{path}')",
        "SELECT * FROM '{path}'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SET threads = 1",
        "RESET lock_configuration",
    ],
)
def test_a_query_reaches_nothing_outside(con, tmp_path, sql):
    path = tmp_path / "x.csv"
    path.write_text("a\n1\n")
    with pytest.raises(QueryError):
        run(con, sql.format(path=path))
    assert path.read_text() == "a\n1\n"


def test_a_log_cannot_be_changed(log_file):
    path, writing = log_file
    with writing() as log:
        log.add_run()
    for sql in ("DELETE FROM log.raw.runs", "DROP TABLE log.raw.runs", "DELETE FROM runs"):
        with open_for_reading(path) as log, pytest.raises(QueryError):
            run(log.con, sql)
    with open_for_reading(path) as log:
        assert run(log.con, "SELECT run_id FROM runs")[1] == [("r1",)]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT foo FROM (SELECT 1 AS fop)", r'"foo" not found .*"fop"'),
        ("SELECT 1\nFROM WHERE", r"syntax error at or near \"WHERE\"\nLINE 2"),
        ("  -- nothing", "the query is empty"),
        ("SELECT 'x'::INTEGER", "Could not convert"),
        ("SELECT 1 + 'x'", r"best candidate function .* casts\.\nLINE 1"),
        (
            "SELECT CASE WHEN i > 9_000_000 THEN error('late') END FROM range(9_100_000) t(i)",
            "late",
        ),
    ],
)
def test_what_duckdb_refuses_is_one_line(con, sql, message):
    with pytest.raises(QueryError, match=message) as caught:
        run(con, sql)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("sql", "note"),
    [
        ("SELECT 1\nFROM WHERE", "LINE 2: FROM WHERE\n             ^"),
        ("SELECT range,\n  foo\nFROM range(3)", "LINE 2:   foo\n          ^"),
        ("SELECT 1;\n\nSELECT 2 AS bar; -- ;\nSELECT 'ä;' AS a,\n  foo;\n",
         "LINE 5:   foo;\n          ^"),
        ("SET VARIABLE x = 1;\nSELECT foo\nFROM range(3);\nSELECT 2",
         "LINE 2: SELECT foo\n               ^"),
        ("SELECT $x,\n  foo", "LINE 2:   foo\n          ^"),
        ("FROM range(3);\nFROM nothing", "LINE 2: FROM nothing\n             ^"),
    ],
)  # fmt: skip
def test_the_line_that_is_wrong_is_shown(con, tmp_path, sql, note):
    given = {"x": 1} if "$x" in sql else {}
    with pytest.raises(QueryError) as caught:
        run(con, sql, params=given)
    assert caught.value.__notes__ == [note]
    with pytest.raises(QueryError) as caught:
        run(con, sql, params=given, file=tmp_path / "q.sql")
    line = note.split(":")[0].removeprefix("LINE ")
    assert str(caught.value).startswith(f"{tmp_path / 'q.sql'}:{line}: ")


@pytest.mark.parametrize(
    ("sql", "hint"),
    [
        ("SELECT 1 AS a,\n  2 AS at,\n  at\nFROM range(3)", "at is a word of SQL: as a name it is"),
        ("SELECT max(left)\nFROM range(3)", 'left is a word of SQL: as a name it is written "le'),
        ("SELECT at, 1 FROM range(3)", 'at is a word of SQL: as a name it is written "at"'),
        ("SELECT 1 +, 2", ""),
        ("SELECT foo bar FROM baz WHERE", ""),
        ("SELECT 1 foo bar, 2", ""),
        ("SELECT 'a long text that is longer than DuckDB shows of a line, so that it cuts', at, 1",
         ""),
    ],
)  # fmt: skip
def test_a_word_of_sql_that_is_used_as_a_name_is_told(con, sql, hint):
    with pytest.raises(QueryError, match="syntax error") as caught:
        run(con, sql)
    assert caught.value.hint.startswith(hint)
    assert bool(caught.value.hint) == bool(hint)


def test_no_line_is_shown_of_text_that_the_user_did_not_write(con):
    """DuckDB shows SELECT CAST('x' AS INTEGER), which it made of the query."""
    with pytest.raises(QueryError, match=r"^q\.sql: Conversion Error") as caught:
        run(con, "SELECT 1;\nSELECT 'x'::INTEGER", file=Path("q.sql"))
    assert not hasattr(caught.value, "__notes__")


@pytest.mark.parametrize(
    "sql",
    ["DELETE FROM samples", "TRUNCATE raw.samples", "UPDATE runs SET name = 'x'",
     "INSERT INTO raw.runs (run_id) VALUES ('x')", "DROP TABLE raw.runs",
     "ALTER TABLE raw.runs ADD COLUMN x INTEGER", "SELECT 1; DELETE FROM runs; SELECT 2"],
)  # fmt: skip
def test_what_would_change_a_log_is_told_that_it_is_only_read(log_file, sql):
    path, writing = log_file
    with writing() as log:
        log.add_run("r1")
    said = r"^[A-Z]+ would change the log, which is open for reading only$"
    with open_for_reading(path) as log, pytest.raises(QueryError, match=said):
        run(log.con, sql)
    with open_for_reading(path) as log:
        script = "CREATE TABLE mine AS FROM runs; DELETE FROM mine; SELECT count(*) FROM mine"
        assert run(log.con, script)[1] == [(0,)]
    with open_for_reading(path) as log, pytest.raises(QueryError, match="smaples does not exist"):
        run(log.con, "DELETE FROM smaples")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT sum(a.range * b.range) FROM range(10_000_000) a, range(10_000_000) b",
        "SELECT a.range FROM range(1_000_000) a, range(1_000_000) b",
    ],
)
def test_a_long_query_is_stopped(con, sql):
    with pytest.raises(QueryError, match=r"did not finish within 0\.2 s") as caught:
        run(con, sql, timeout=0.2)
    assert "--timeout" in caught.value.hint


def test_no_timeout_sets_none(con):
    assert run(con, "SELECT 1", timeout=0)[1] == [(1,)]


@pytest.mark.parametrize("options", [{"timeout": -1}, {"limit": -1}])
def test_negative_bounds_are_refused(con, options):
    with pytest.raises(UsageError):
        run(con, "SELECT 1", **options)


def test_what_the_reader_of_rows_raises_is_left_alone(con):
    def write():
        with query(con, "FROM range(3)") as rows:
            for _ in rows:
                raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        write()


@pytest.mark.parametrize(
    "sql", ["COPY (SELECT 1) TO 'a'", "COPY runs TO 'a'", "EXPORT DATABASE 'a'"]
)
def test_what_writes_files_is_refused_before_it_runs(con, sql):
    with pytest.raises(QueryError, match="would write a file"), query(con, sql):
        pass
