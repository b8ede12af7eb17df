from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from rlaudit.auditing.scripts import tables_needed
from rlaudit.errors import SqlFileError
from rlaudit.sqlfiles import (
    load_checks,
    load_shared,
    parse_shared,
    read_sql,
    sql_root,
    verify_statement,
)

CHECK = """\
-- name: {name}
-- title: t
-- severity: error
-- reads: raw.runs
-- grain: run_id
-- groups: runs
-- needs: {needs}
-- diagnosis: run {{run_id}} is bad
-- why: w

SELECT run_id FROM raw.runs
"""
SHARED = "-- name: {name}\n-- title: t\n-- reads: raw.runs\n{needs}\nSELECT run_id FROM raw.runs\n"


def write(folder, name, needs="run_settings"):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.sql"
    path.write_text(CHECK.format(name=name, needs=needs))
    return path


def test_checks_are_found_in_folders_and_sorted_by_family(tmp_path):
    write(tmp_path / "b", "one")
    write(tmp_path / "a", "two")
    write(tmp_path / "b", "another")
    found = load_checks(tmp_path)
    assert [(c.family, c.name) for c in found] == [("a", "two"), ("b", "another"), ("b", "one")]


def test_one_name_in_two_folders_is_refused(tmp_path):
    write(tmp_path / "a", "one")
    write(tmp_path / "b", "one")
    with pytest.raises(
        SqlFileError, match=r"b.one\.sql:1: the name 'one' is taken by .*a.one\.sql"
    ):
        load_checks(tmp_path / "a", tmp_path / "b")


def test_an_unknown_shared_table_is_refused_with_the_nearest(tmp_path):
    write(tmp_path, "one", needs="run_setting")
    with pytest.raises(SqlFileError, match="needs 'run_setting'") as caught:
        load_checks(tmp_path)
    assert caught.value.hint == "did you mean 'run_settings'?"


def test_a_folder_without_checks_is_refused(tmp_path):
    with pytest.raises(SqlFileError, match=r"no \.sql file"):
        load_checks(tmp_path)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "one.sql").write_bytes(b"\xff\xfe")
    with pytest.raises(SqlFileError, match=r"one\.sql:1: cannot be read"):
        load_checks(tmp_path)


def test_shared_tables_come_after_those_they_need(tmp_path):
    for name, needs in [("a", "-- needs: b\n"), ("b", "-- needs: c\n"), ("c", "")]:
        (tmp_path / f"{name}.sql").write_text(SHARED.format(name=name, needs=needs))
    assert list(load_shared(tmp_path)) == ["c", "b", "a"]


def test_a_shared_table_that_needs_itself_cannot_be_used(tmp_path):
    for name, needs in [("a", "-- needs: b\n"), ("b", "-- needs: a\n"), ("c", "")]:
        (tmp_path / f"{name}.sql").write_text(SHARED.format(name=name, needs=needs))
    found = load_shared(tmp_path)
    assert "needs itself, by way of a > b" in str(found["a"].error)
    assert found["c"].error is None


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("-- nmae: b\n", "b.sql:1: unknown key 'nmae'"),
        (SHARED.format(name="b", needs="-- needs: nosuch\n"), "b.sql:1: needs 'nosuch'"),
    ],
)
def test_a_shared_file_with_a_mistake_cannot_be_used_and_the_others_can(tmp_path, header, message):
    (tmp_path / "a.sql").write_text(SHARED.format(name="a", needs=""))
    (tmp_path / "b.sql").write_text(header)
    (tmp_path / "c.sql").write_text(SHARED.format(name="c", needs="-- needs: b\n"))
    found = load_shared(tmp_path)
    assert found["a"].error is None
    assert message in str(found["b"].error)
    unusable = [file.name for file in tables_needed(found["c"], found) if file.error]
    assert unusable or found["c"].error


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT 1; SELECT 2", r"a\.sql:1: 2 statements"),
        ("-- nothing", r"a\.sql:1: no statements"),
        ("DROP TABLE x", r"a\.sql:1: the statement is DROP"),
        ("-- name: a\n\nSELECT 1\nFROM WHERE", r"a\.sql:4: Parser Error"),
    ],
)
def test_anything_but_one_select_is_refused(sql, message):
    shared = parse_shared(SHARED.format(name="a", needs=""), Path("a.sql"))
    with duckdb.connect() as con, pytest.raises(SqlFileError, match=message):
        verify_statement(replace(shared, sql=sql), con)


def test_listing_checks_needs_no_duckdb():
    code = "import sys, rlaudit.sqlfiles as s; s.load_checks(); sys.exit('duckdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def all_files():
    return [*load_checks(), *load_shared().values()]


def test_every_sql_file_of_a_check_or_shared_table_is_found():
    found = {file.path for file in all_files()}
    there = {p for part in ("checks", "shared") for p in (sql_root() / part).rglob("*.sql")}
    assert found == there
    assert len(there) >= 13


@pytest.mark.parametrize("file", all_files(), ids=lambda file: file.name)
def test_every_file_runs_in_a_plain_shell(file):
    """As the script that it is: parameters set as literals, needed tables made, then the file."""
    with duckdb.connect() as con:
        con.execute(read_sql("schema/raw.sql"))
        con.execute(read_sql("schema/views.sql"))
        con.execute("CREATE SCHEMA shared")
        verify_statement(file, con)
        for needed in tables_needed(file, load_shared()):
            con.execute(f"CREATE TABLE shared.{needed.name} AS {needed.sql}")
        for param in getattr(file, "params", ()):
            con.execute(f"SET VARIABLE {param.name} = {param.default!r}::{param.type}")
        result = con.execute(file.sql)
        columns = [column[0] for column in result.description]
        assert result.fetchall() == []
        if hasattr(file, "grain"):
            file.check_columns(columns)
