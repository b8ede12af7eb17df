from __future__ import annotations

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaudit.errors import DatabaseError, Problem, SqlFileError
from rlaudit.sqlfiles import (
    load_checks,
    load_shared,
    parameters_read,
    read_checks,
    statement_of,
    tables_named,
    without_comments,
)
from rlaudit.sqlfiles.text import first_line, second_line


@pytest.mark.parametrize(
    ("sql", "left"),
    [
        ("SELECT 1 -- one", "SELECT 1       "),
        ("SELECT /* a\nb */ 1", "SELECT     \n     1"),
        ("SELECT '-- no comment', 1 -- one", "SELECT '-- no comment', 1       "),
        ("SELECT 'it''s -- no', 1", "SELECT 'it''s -- no', 1"),
        ('SELECT "a--b"', 'SELECT "a--b"'),
    ],
)
def test_comments_are_blanked_and_texts_are_not(sql, left):
    assert without_comments(sql) == left


@given(st.text(alphabet="a'\"-/*\n ;", max_size=30))
def test_blanking_keeps_every_position_and_line(sql):
    left = without_comments(sql)
    assert len(left) == len(sql)
    assert [i for i, c in enumerate(left) if c == "\n"] == [
        i for i, c in enumerate(sql) if c == "\n"
    ]


@pytest.mark.parametrize(
    ("sql", "statement"),
    [
        ("-- name: a\n\n-- why\nSELECT 1;\n", "SELECT 1"),
        ("SELECT 1 -- one", "SELECT 1"),
        ("SELECT 1 -- one;\n;\n-- two\n", "SELECT 1"),
        ("SELECT ';'", "SELECT ';'"),
        # Only a line feed ends a comment, and a text of SQL has every other character.
        *(
            (f"-- why{end}\nSELECT 'a{end}b'\n-- what{end}DROP TABLE runs", f"SELECT 'a{end}b'")
            for end in "\v\f\x1c\x1d\x1e\x85\u2028\u2029"
        ),
    ],
)
def test_a_statement_stands_without_header_and_semicolon(sql, statement):
    assert statement_of(sql) == statement


def test_the_statement_of_every_file_fits_into_parentheses():
    with duckdb.connect() as con:
        for file in (*load_checks(), *load_shared().values()):
            assert len(con.extract_statements(f"SELECT * FROM (\n{statement_of(file.sql)}\n)")) == 1


@pytest.mark.parametrize(
    ("sql", "first", "second"),
    [
        ("SELECT 1", 1, 1),
        ("-- a;\n\nSELECT ';'\n;\n-- b\nSELECT 2", 3, 6),
        ("/* a;\n */ SELECT 1;;\n;DROP TABLE t", 2, 3),
    ],
)
def test_the_lines_of_two_statements(sql, first, second):
    assert (first_line(sql), second_line(sql)) == (first, second)


def test_names_that_sql_reads_are_found_with_their_lines():
    sql = (
        "-- getvariable('no') and shared.no\nSELECT getvariable('a'),\n"
        " GetVariable ( 'b' ), 'shared.\"none\"'\nFROM raw.samples JOIN shared.lives USING (x),\n"
        'shared . "clock"'
    )
    assert parameters_read(sql) == {"a": 2, "b": 3}
    assert tables_named(sql, "raw") == {"samples": 4}
    assert tables_named(sql, "shared")["lives"] == 4
    assert tables_named(sql, "shared")["clock"] == 5


def test_a_problem_takes_the_place_from_an_error():
    error = SqlFileError("checks/a.sql:12: unknown key 'x'", hint="did you mean 'y'?")
    problem = Problem.of(error, check="a", source="runs.duckdb")
    assert (str(problem.path), problem.line) == ("checks/a.sql", 12)
    assert (problem.message, problem.hint) == ("unknown key 'x'", "did you mean 'y'?")
    assert str(problem) == str(error)


def test_a_problem_with_a_log_has_no_place():
    problem = Problem.of(DatabaseError("a:12: cannot\n  be read"))
    assert (problem.path, problem.line, problem.place) == (None, None, "")
    assert str(problem) == "a:12: cannot be read"


def test_reading_checks_gives_the_good_and_what_is_wrong_with_the_others(tmp_path):
    good = next(check for check in load_checks() if check.name == "duplicate_run_ids")
    (tmp_path / "duplicate_run_ids.sql").write_text(good.sql)
    (tmp_path / "one.sql").write_text("-- nmae: one\n")
    (tmp_path / "two.sql").write_text("SELECT 1\n")
    checks, problems = read_checks(tmp_path)
    assert [check.name for check in checks] == ["duplicate_run_ids"]
    assert [(p.path.name, p.line) for p in problems] == [("one.sql", 1), ("two.sql", 1)]
    with pytest.raises(SqlFileError, match=r"one\.sql:1: unknown key 'nmae'"):
        load_checks(tmp_path)
