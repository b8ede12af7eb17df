from __future__ import annotations

import polars as pl
import pytest

import rlaudit
from rlaudit.errors import DatabaseError, QueryError


@pytest.fixture
def path(log_file):
    path, writing = log_file
    with writing() as log:
        log.add_run("r1")
        log.add("episodes", run_id="r1", episode_id=[1, 2, 3], return_raw=[1.0, None, 3.0])
    return path


def test_a_query_gives_a_frame(path):
    with rlaudit.open(path) as log:
        frame = log.sql("SELECT episode_id, return_raw FROM episodes ORDER BY 1")
    expected = pl.DataFrame({"episode_id": [1, 2, 3], "return_raw": [1.0, None, 3.0]})
    assert frame.equals(expected)


def test_several_queries_can_be_asked_of_one_open_log(path):
    with rlaudit.open(path) as log:
        assert log.sql("SELECT count(*) AS n FROM episodes")["n"].to_list() == [3]
        assert log.sql("SELECT count(*) AS n FROM runs")["n"].to_list() == [1]
        assert log.incomplete is None


def test_what_duckdb_refuses_is_a_query_error(path):
    with rlaudit.open(path) as log:
        with pytest.raises(QueryError, match="episods"):
            log.sql("SELECT * FROM episods")
        with pytest.raises(QueryError):
            log.sql("COPY episodes TO 'out.csv'")
        assert log.sql("SELECT 1 AS one")["one"].to_list() == [1]


def test_a_file_that_is_no_log_is_refused(tmp_path):
    with pytest.raises(DatabaseError, match="does not exist"), rlaudit.open(tmp_path / "no.duckdb"):
        pass


def test_an_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'opne'"):
        rlaudit.opne  # noqa: B018 - the look-up is what is tested
