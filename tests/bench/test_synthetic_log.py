from __future__ import annotations

import pytest
from proving import audit, sentences
from synthetic_log import copy_run, make_log

from rlaudit.store import open_for_reading, table_columns


@pytest.fixture(scope="module")
def log_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("synthetic") / "runs.duckdb"
    make_log(path, transitions=8_000, capacity=3_000)
    return path


def rows_of(path, query):
    with open_for_reading(path) as log:
        return log.con.execute(query).fetchall()


def test_the_audit_finds_nothing(log_path):
    results = audit(log_path)
    assert [sentences(r)[0] for r in results if r.status == "fail"] == []
    assert [r.message for r in results if r.status == "error"] == []


def test_it_has_the_rows_of_a_run_of_that_length(log_path):
    updates, samples, transitions = rows_of(
        log_path,
        "SELECT (SELECT count(*) FROM updates), (SELECT count(*) FROM samples), "
        "(SELECT count(*) FROM transitions)",
    )[0]
    assert updates == (8_000 - 1_600) // 4
    assert samples == 32 * updates
    assert 7_990 < transitions <= 8_000


@pytest.mark.parametrize("table", ["episodes", "transitions", "samples", "updates"])
def test_every_column_is_filled(log_path, table):
    counts = ", ".join(f"count({column})" for column in table_columns()[table])
    found = rows_of(log_path, f"SELECT {counts} FROM raw.{table}")[0]
    empty = [name for name, n in zip(table_columns()[table], found, strict=True) if not n]
    assert empty == []


def test_the_same_seed_makes_the_same_log(tmp_path, log_path):
    make_log(tmp_path / "again.duckdb", transitions=8_000, capacity=3_000)
    query = "SELECT sum(hash(transition_id, priority, td_error, batch_index)) FROM samples"
    assert rows_of(tmp_path / "again.duckdb", query) == rows_of(log_path, query)


def test_copies_of_a_run_are_runs_of_their_own(tmp_path):
    path = tmp_path / "runs.duckdb"
    make_log(path, transitions=2_400, capacity=1_000)
    copy_run(path, "synthetic-0", 3)
    counts = rows_of(path, "SELECT run_id, count(*) FROM samples GROUP BY run_id ORDER BY run_id")
    assert counts == [
        ("synthetic-0", 6_400),
        ("synthetic-0-copy-1", 6_400),
        ("synthetic-0-copy-2", 6_400),
    ]
    # That they are copies is the one thing to be said of them.
    found = [r.check.name for r in audit(path) if r.status in ("fail", "error")]
    assert found == ["identical_runs"]
