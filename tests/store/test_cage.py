"""What a log that someone else made cannot do to whoever opens it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import psutil
import pytest
from hostile_logs import TABLES, changing, honest, leaking, replace_by_view

from rlaudit.errors import DatabaseError, UsageError
from rlaudit.store import attach_for_reading, cage, list_runs, open_for_reading, open_for_writing

OPENERS = [open_for_reading, open_for_writing]
DUCKDB_2 = not duckdb.__version__.startswith("1.")


@pytest.fixture
def canary(tmp_path):
    path = tmp_path / "canary.txt"
    path.write_text("canary 5d1f")
    return path


def refused(path, opener=open_for_reading, **options):
    """Return what ``opener`` says of ``path``, on one line."""
    with pytest.raises(DatabaseError) as caught, opener(path, **options):
        pass
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert caught.value.hint
    return message


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("table", TABLES)
def test_a_view_in_the_place_of_a_table_is_refused(db, canary, opener, table):
    with changing(honest(db)) as con:
        replace_by_view(con, table, leaking(table, canary))
    assert f"raw.{table} is a view" in refused(db, opener)


@pytest.mark.parametrize("opener", OPENERS)
def test_a_computed_column_is_refused(db, opener):
    with changing(honest(db)) as con:
        con.execute("DROP TABLE raw.events")
        con.execute(
            "CREATE TABLE raw.events (run_id VARCHAR, segment_id VARCHAR, happened_at TIMESTAMP, "
            "env_step BIGINT, kind VARCHAR AS (CAST(list_sum(range(env_step)) AS VARCHAR)), "
            "detail JSON)"
        )
    assert "raw.events has a column that is computed" in refused(db, opener)


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("ALTER TABLE raw.runs ALTER name SET DEFAULT 'forged'", "a column with a default"),
        ("CREATE INDEX i ON raw.runs (repeat(run_id, 9))", "an index or a constraint"),
        ("CREATE UNIQUE INDEX i ON raw.runs (run_id)", "an index or a constraint"),
        ("ALTER TABLE raw.runs ADD PRIMARY KEY (run_id)", "an index or a constraint"),
        (
            "CREATE OR REPLACE TABLE raw.spool_folded (file TEXT CHECK (1), folded_at TIMESTAMP)",
            "an index or a constraint",
        ),
        pytest.param(
            "CREATE TRIGGER t AFTER INSERT ON raw.runs REFERENCING NEW TABLE AS n "
            "FOR EACH STATEMENT INSERT INTO raw.events (run_id) SELECT run_id FROM n",
            "a trigger",
            marks=pytest.mark.skipif(not DUCKDB_2, reason="DuckDB 1 has no triggers"),
        ),
    ],
)
def test_what_would_run_or_refuse_rows_as_they_are_written_keeps_writers_out(db, statement, what):
    with changing(db) as con:  # a file that rlaudit makes is too old for triggers
        con.execute("CREATE TABLE mine AS SELECT 1 AS i")
    with changing(honest(db)) as con:
        con.execute(statement)
    assert what in refused(db, open_for_writing)
    with open_for_reading(db) as log:
        assert [run.run_id for run in list_runs(log)] == ["r1", "r2"]


def test_words_of_sql_in_quotes_are_no_default(db):
    with changing(honest(db)) as con:
        con.execute("""ALTER TABLE raw.runs ADD COLUMN "GENERATED ALWAYS AS DEFAULT(" INTEGER""")
    with open_for_writing(db) as con:
        assert con.sql("SELECT count(*) FROM raw.runs").fetchall() == [(2,)]


def test_a_writer_uses_no_function_of_the_file(db):
    with changing(honest(db)) as con:
        for schema in ("main", "raw"):
            con.execute(f"CREATE MACRO {schema}.max(x) AS 41")
            con.execute(f"CREATE MACRO {schema}.count(x) AS 0")
            con.execute(f"CREATE MACRO {schema}.now() AS '1999-01-01'::TIMESTAMPTZ")
            con.execute(f'CREATE MACRO {schema}."+"(a, b) AS 0')
        con.execute("CREATE MACRO duckdb_tables() AS TABLE SELECT 1 AS forged")
        con.execute("CREATE MACRO duckdb_views() AS TABLE SELECT 1 AS forged")
        con.execute("CREATE TYPE json AS ENUM ('forged')")
    with open_for_writing(db) as con:
        con.execute("INSERT INTO raw.runs (run_id, config) VALUES ('r3', '{}'::JSON)")
        found = con.sql("SELECT max(1), count(run_id), 1 + 1, year(now()) > 2000 FROM raw.runs")
        assert found.fetchall() == [(1, 3, 2, True)]
    with open_for_reading(db, others=True) as log:
        found = log.con.sql("SELECT max(1), count(run_id), 1 + 1, year(now()) > 2000 FROM runs")
        assert found.fetchall() == [(1, 3, 2, True)]


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("CREATE MACRO min(x) AS (FROM read_text('{canary}') SELECT content)", "function 'min'"),
        ("CREATE MACRO range(x) AS TABLE FROM read_text('{canary}')", "function 'range'"),
        ("CREATE TYPE json AS ENUM ('a')", "type 'json'"),
    ],
)
def test_no_log_is_added_beside_names_that_hide_those_of_duckdb(db, canary, statement, what):
    with changing(db) as con:
        con.execute("CREATE TABLE mine AS SELECT 1 AS i")
        con.execute(statement.format(canary=canary))
    assert what in refused(db, open_for_writing)


def test_views_of_the_file_are_not_used_for_ours(db, canary):
    with changing(honest(db)) as con:
        for view in ("runs", "segments", "episodes", "samples", "raw.segment_cuts"):
            con.execute(f"CREATE OR REPLACE VIEW {view} AS FROM read_text('{canary}')")
    with open_for_reading(db, others=True) as log:
        assert [run.name for run in list_runs(log)] == ["one", "two"]
        assert log.con.sql("SELECT count(*) FROM raw.segment_cuts").fetchall() == [(0,)]


def test_other_views_of_the_file_reach_no_other_file(db, canary):
    with changing(honest(db)) as con:
        con.execute(f"CREATE VIEW leak AS FROM read_text('{canary}')")
        con.execute(f"CREATE MACRO leak_of(x) AS (FROM read_text('{canary}') SELECT content)")
    with open_for_reading(db, others=True) as log:
        for sql in ("FROM leak", "SELECT leak_of(1)", "FROM log.leak"):
            with pytest.raises(duckdb.PermissionException, match="canary"):
                log.con.sql(sql).fetchall()


def test_a_schema_of_the_file_is_not_taken_for_one_of_ours(db):
    with changing(honest(db)) as con:
        for schema in ("shared", "rlaudit_spool", "log", "memory", "system", "temp"):
            con.execute(f"CREATE SCHEMA runs.{schema}")
            con.execute(f"CREATE TABLE runs.{schema}.runs AS SELECT 'forged' AS run_id")
    with open_for_reading(db, others=True) as log:
        log.con.execute("CREATE SCHEMA shared; CREATE TABLE shared.runs AS SELECT 'ours' AS a")
        assert log.con.sql("SELECT a FROM shared.runs").fetchall() == [("ours",)]
        assert [run.run_id for run in list_runs(log)] == ["r1", "r2"]


@pytest.mark.parametrize("statement", [
    "FROM read_text('{canary}')",
    "FROM '{canary}'",
    "FROM glob('{canary}')",
    "ATTACH '{canary}' AS other",
    "COPY (SELECT 1) TO '{canary}'",
    "SET enable_external_access = true",
    "SET allowed_paths = ['{canary}']",
    "SET memory_limit = '1TB'",
    "RESET lock_configuration",
    "LOAD httpfs",
    "INSTALL httpfs",
])  # fmt: skip
@pytest.mark.parametrize("opener", [attach_for_reading, open_for_writing])
def test_nothing_leads_out_of_a_connection(db, canary, opener, statement):
    honest(db)
    with opener(db) as con, pytest.raises(duckdb.Error):
        con.execute(statement.format(canary=canary))
    assert canary.read_text() == "canary 5d1f"


# Bounds


def bound_of(con):
    sql = "SELECT parse_formatted_bytes(current_setting('memory_limit'))"
    return con.execute(sql).fetchall()[0][0]


@pytest.mark.parametrize("opener", [attach_for_reading, open_for_writing])
@pytest.mark.parametrize(("free", "share"), [(1_000_000_000, 700_000_000), (0, 1 << 28)])
def test_a_connection_takes_a_share_of_what_is_free(db, monkeypatch, opener, free, share):
    honest(db)
    with contextlib.closing(duckdb.connect()) as con:
        own = bound_of(con)
    for available, bound in ((free, share), (10**18, own)):
        memory = psutil.virtual_memory()._replace(available=available)
        monkeypatch.setattr(psutil, "virtual_memory", lambda memory=memory: memory)
        with opener(db) as con:
            assert bound_of(con) == pytest.approx(bound, rel=0.01)


LARGE = (
    "CREATE TEMP TABLE large AS SELECT hash(i) AS a, hash(i + 1) AS b, hash(i + 2) AS c "
    "FROM range(4_000_000) t(i)"
)


def spilled_to(con):
    """Let ``con`` spill, and return the folder to which it does."""
    con.execute(LARGE)
    folder = Path(con.sql("SELECT current_setting('temp_directory')").fetchall()[0][0])
    assert list(folder.iterdir())
    return folder


def test_a_reader_spills_into_a_folder_of_its_own(db):
    honest(db)
    with open_for_reading(db, memory_limit="64MB", threads=1) as log:
        assert bound_of(log.con) == pytest.approx(64_000_000, rel=0.01)
        folder = spilled_to(log.con)
        assert os.name != "posix" or folder.stat().st_mode & 0o077 == 0
        assert db.parent not in folder.parents
    assert not folder.exists()


def test_a_writer_spills_beside_the_log_and_leaves_nothing(db, monkeypatch):
    honest(db)
    monkeypatch.setattr(cage, "memory_bound", lambda _con: 1 << 26)
    with open_for_writing(db) as con:
        assert spilled_to(con).parent == db.parent
    assert [found.name for found in db.parent.iterdir()] == [db.name]


@pytest.mark.parametrize("limits", [{"memory_limit": "much"}, {"threads": 0}])
def test_a_bound_that_makes_no_sense_is_refused(db, limits):
    honest(db)
    with pytest.raises(UsageError, match="cannot be"), open_for_reading(db, **limits):
        pass


# What would be waited for for ever is tried in a process that can be ended.

OPEN = """
import sys
from rlaudit.errors import DatabaseError, UsageError
from rlaudit.store import attach_for_reading, list_runs, open_for_reading, open_for_writing
for path in sys.argv[1:]:
    for opener in (attach_for_reading, open_for_reading, open_for_writing):
        try:
            with opener(path) as opened:
                print(len(list_runs(opened)) if opener is open_for_reading else "opened")
        except DatabaseError as error:
            print(error)
"""


def opened(*paths):
    """Return three lines for each of ``paths``: attached, opened for reading, and for writing."""
    command = [sys.executable, "-c", OPEN, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    lines = done.stdout.splitlines()
    assert len(lines) == 3 * len(paths)
    return lines


def test_what_takes_for_ever_is_not_begun(db, tmp_path):
    endless = honest(db).rename(tmp_path / "endless.duckdb")
    with changing(endless) as con:
        replace_by_view(con, "samples", "SELECT s.* FROM raw.samples_0 s, range(1_000_000_000_000)")
    doubled = honest(db).rename(tmp_path / "doubled.duckdb")
    with changing(doubled) as con:
        con.execute("CREATE VIEW v0 AS SELECT 1 AS i")
        for number in range(12):
            con.execute(f"CREATE VIEW v{number + 1} AS FROM v{number} UNION ALL FROM v{number}")
        # From here on to bind one takes longer than anyone waits.
        con.execute("CREATE OR REPLACE VIEW v0 AS " + " UNION ALL ".join(["SELECT 1 AS i"] * 900))
    lines = opened(endless, doubled)
    assert "raw.samples is a view" in lines[1]
    assert "raw.samples is a view" in lines[2]
    assert lines[3:] == ["opened", "2", "opened"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipes_and_devices_are_refused_at_once(db, tmp_path):
    pipe = tmp_path / "pipe.duckdb"
    os.mkfifo(pipe)
    link = tmp_path / "link.duckdb"
    link.symlink_to("/dev/zero")
    read = honest(db).rename(tmp_path / "read.duckdb")
    source = tmp_path / "rows.csv"
    source.write_text("a\n1\n")
    with changing(read) as con:
        con.execute(f"CREATE VIEW other AS FROM read_csv('{source}')")
    source.unlink()
    os.mkfifo(source)
    with_wal = honest(db).rename(tmp_path / "with_wal.duckdb")
    os.mkfifo(tmp_path / "with_wal.duckdb.wal")
    lines = opened(pipe, link, read, with_wal)
    assert all("is a pipe or a device" in line for line in lines[:6])
    assert lines[6:9] == ["opened", "2", "opened"]
    assert all(f"{with_wal}.wal is a link, a pipe or a device" in line for line in lines[9:])
    assert pipe.is_fifo()


@pytest.mark.parametrize("suffix", [".wal", ".wal.checkpoint", ".wal.recovery"])
@pytest.mark.parametrize("opener", OPENERS)
def test_a_link_in_the_place_of_the_write_ahead_log_is_refused(db, canary, opener, suffix):
    honest(db)
    try:
        db.with_name(db.name + suffix).symlink_to(canary)
    except OSError:
        pytest.skip("no links here")
    assert f"{db}{suffix} is a link" in refused(db, opener)
    assert canary.read_text() == "canary 5d1f"


@pytest.mark.parametrize("opener", OPENERS)
def test_odd_names_and_links_to_logs_are_opened(tmp_path, opener):
    odd = honest(tmp_path / 'it\'s [a] "log"; --.duckdb')
    link = tmp_path / "link.duckdb"
    link.symlink_to(odd)
    for path in (odd, link):
        with opener(path):
            pass
    assert sorted(found.name for found in tmp_path.iterdir()) == sorted([odd.name, link.name])
