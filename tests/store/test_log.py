from __future__ import annotations

import duckdb
import pytest

from rlaudit.errors import DatabaseError, SchemaVersionError
from rlaudit.store import SCHEMA_VERSION, TABLES, open_for_reading, open_for_writing, schema


def test_a_duckdb_file_without_our_tables_is_no_log(db):
    with duckdb.connect(str(db)) as con:
        con.execute("CREATE TABLE example AS SELECT 1 AS group_id, 2 AS value")
    with pytest.raises(DatabaseError, match="has no rlaudit tables"), open_for_reading(db):
        pass
    with open_for_reading(db, require_log=False, others=True) as log:
        assert not log.is_log
        assert log.con.sql("SELECT group_id, value FROM example").fetchall() == [(1, 2)]


def test_every_table_and_view_of_a_log_can_be_queried(db):
    with open_for_writing(db):
        pass
    with open_for_reading(db) as log:
        assert log.incomplete is None
        for table in TABLES:
            assert log.con.sql(f"SELECT * FROM {table}").fetchall() == []
            assert log.con.sql(f"SELECT * FROM raw.{table}").fetchall() == []


def test_a_reader_cannot_write(db):
    with open_for_writing(db):
        pass
    with open_for_reading(db) as log, pytest.raises(duckdb.Error, match="read-only"):
        log.con.execute("DELETE FROM log.raw.runs")


def test_other_tables_live_beside_a_log_under_their_names(db):
    with duckdb.connect(str(db)) as con:
        con.execute('CREATE TABLE "my ""odd"" table" AS SELECT 7 AS "order"')
        con.execute('CREATE SCHEMA "実験"; CREATE TABLE "実験"."表" AS SELECT 8 AS x')
        con.execute("CREATE VIEW broken AS SELECT 1 AS i")
        con.execute("CREATE TABLE gone AS SELECT 1 AS i")
        con.execute("CREATE OR REPLACE VIEW broken AS SELECT * FROM gone; DROP TABLE gone")
    with open_for_writing(db):
        pass
    with open_for_reading(db, others=True) as log:
        assert log.con.sql('SELECT "order" FROM "my ""odd"" table"').fetchall() == [(7,)]
        assert log.con.sql('SELECT x FROM "実験"."表"').fetchall() == [(8,)]
        assert log.con.sql("SELECT * FROM samples").fetchall() == []
        with pytest.raises(duckdb.CatalogException, match="Table with name gone does not exist"):
            log.con.sql("SELECT * FROM broken")
    with open_for_reading(db) as log, pytest.raises(duckdb.CatalogException):
        log.con.sql('SELECT "order" FROM "my ""odd"" table"')


def test_a_macro_in_the_file_does_not_replace_a_built_in_function(db):
    with open_for_writing(db) as con:
        con.execute("INSERT INTO raw.runs (run_id) VALUES ('a'), ('b')")
    with duckdb.connect(str(db)) as con:
        con.execute("CREATE MACRO count(x) AS 99")
        con.execute("CREATE TABLE mine AS SELECT 1 AS i")
    with open_for_writing(db) as con:
        assert con.sql("SELECT count(run_id) FROM raw.runs").fetchall()[0] == (2,)
    with open_for_reading(db, others=True) as log:
        assert log.con.sql("SELECT count(run_id) FROM runs").fetchall()[0] == (2,)


def test_a_view_of_the_file_does_not_replace_ours(db):
    with open_for_writing(db) as con:
        con.execute("INSERT INTO raw.runs (run_id) VALUES ('a')")
        con.execute("CREATE OR REPLACE VIEW log.runs AS SELECT 1 AS forged")
        con.execute("CREATE TABLE log.mine AS SELECT 1 AS i")
    with open_for_reading(db, others=True) as log:
        assert log.con.sql("SELECT run_id FROM runs").fetchall() == [("a",)]


@pytest.mark.parametrize("statement", [
    "CREATE TABLE samples (i INTEGER)",
    "CREATE VIEW Episodes AS SELECT 1 AS i",
    "CREATE SCHEMA raw; CREATE TABLE raw.runs (i INTEGER)",
])  # fmt: skip
def test_a_name_that_is_taken_keeps_the_log_out(db, statement):
    with duckdb.connect(str(db)) as con:
        con.execute(statement)
    with (
        pytest.raises(DatabaseError, match="that is not rlaudit's") as caught,
        open_for_writing(db),
    ):
        pass
    assert statement.split()[2].lower() in str(caught.value) or "raw.runs" in str(caught.value)


@pytest.mark.parametrize("opener", [open_for_reading, open_for_writing])
def test_a_newer_schema_is_refused_with_both_versions(db, opener):
    with open_for_writing(db) as con:
        con.execute("INSERT INTO raw.schema_version VALUES (41, '9.9', NULL)")
    with (
        pytest.raises(SchemaVersionError, match=f"version 41.*version {SCHEMA_VERSION}"),
        opener(db),
    ):
        pass


def test_an_older_schema_is_migrated_step_by_step_for_a_writer(db, monkeypatch):
    with open_for_writing(db) as con:
        con.execute("INSERT INTO raw.runs (run_id) VALUES ('old')")
    steps = {
        "one.sql": "ALTER TABLE raw.events ADD COLUMN severity INTEGER",
        "two.sql": "UPDATE raw.runs SET name = 'migrated'",
    }
    read_sql = schema.read_sql
    monkeypatch.setattr(schema, "SCHEMA_VERSION", SCHEMA_VERSION + 2)
    monkeypatch.setattr(
        schema, "MIGRATIONS", {SCHEMA_VERSION: "one.sql", SCHEMA_VERSION + 1: "two.sql"}
    )
    monkeypatch.setattr(schema, "read_sql", lambda name: steps.get(name) or read_sql(name))
    with pytest.raises(SchemaVersionError, match="has log schema version 1"), open_for_reading(db):
        pass
    with open_for_writing(db) as con:
        assert con.sql("SELECT run_id, name FROM runs").fetchall() == [("old", "migrated")]
        assert con.sql("SELECT severity FROM events").fetchall() == []
    with open_for_writing(db) as con:
        versions = con.sql("SELECT version FROM raw.schema_version ORDER BY 1").fetchall()
    assert versions == [(SCHEMA_VERSION,), (SCHEMA_VERSION + 2,)]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DROP TABLE raw.samples", "lacks the table raw.samples"),
        ("ALTER TABLE raw.samples DROP COLUMN priority", "lacks the column raw.samples.priority"),
        ("DELETE FROM raw.schema_version", "raw.schema_version is empty"),
    ],
)
def test_a_log_with_a_gap_says_what_is_missing(db, statement, words):
    with open_for_writing(db) as con:
        con.execute("DROP VIEW samples")
        con.execute(statement)
    with pytest.raises(DatabaseError, match=words), open_for_reading(db):
        pass
