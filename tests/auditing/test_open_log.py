from __future__ import annotations

import polars as pl
import pytest

import rlaudit
from rlaudit.errors import DatabaseError, QueryError, UsageError
from rlaudit.store import open_for_writing


@pytest.fixture
def path(log_file):
    path, writing = log_file
    with writing() as log:
        log.add_run("r1")
        log.add("episodes", run_id="r1", episode_id=[1, 2, 3], return_raw=[1.0, None, 3.0])
    return path


def test_a_query_gives_a_frame(path):
    with rlaudit.open(path) as log:
        frame = log.sql("SELECT episode_id, return_raw FROM episodes ORDER BY 1").pl()
    expected = pl.DataFrame({"episode_id": [1, 2, 3], "return_raw": [1.0, None, 3.0]})
    assert frame.equals(expected)


def test_several_queries_can_be_asked_of_one_open_log(path):
    with rlaudit.open(path) as log:
        assert log.sql("SELECT count(*) AS n FROM episodes").fetchall() == [(3,)]
        assert log.sql("SELECT count(*) AS n FROM runs").pl()["n"].to_list() == [1]
        assert log.incomplete is None


def test_what_duckdb_refuses_is_a_query_error(path):
    with rlaudit.open(path) as log:
        with pytest.raises(QueryError, match="episods"):
            log.sql("SELECT * FROM episods")
        with pytest.raises(QueryError):
            log.sql("COPY episodes TO 'out.csv'")
        assert log.sql("SELECT 1 AS one").fetchall() == [(1,)]


def test_a_query_takes_bound_values(path):
    with rlaudit.open(path) as log:
        text = "SELECT episode_id FROM episodes WHERE episode_id >= $least ORDER BY 1"
        assert log.sql(text, least=2).fetchall() == [(2,), (3,)]
        text = "SELECT getvariable('name') AS name, $least AS least"
        result = log.sql(text, least=None, name="x'; --")
        assert (result.fetchall(), result.columns, len(result)) == ([("x'; --", None)],
                ["name", "least"], 1)  # fmt: skip
        with pytest.raises(UsageError, match=r"parameter \$least has no value"):
            log.sql("SELECT $least")
        with pytest.raises(UsageError, match="reads no parameter 'leats'") as caught:
            log.sql("SELECT $least", least=1, leats=2)
        assert caught.value.hint == "did you mean 'least'?"


def test_a_log_serves_one_query_without_a_with(path):
    """Nothing refers to it afterwards, so that a writer need not wait."""
    assert rlaudit.open(path).sql("SELECT count(*) AS n FROM runs").pl()["n"].item() == 1
    with open_for_writing(path, wait=0):
        pass
    log = rlaudit.open(path)
    log.close()
    with open_for_writing(path, wait=0):
        pass


def test_a_report_gives_its_rows_and_says_what_it_leaves_out(path, tmp_path):
    with rlaudit.open(path) as log:
        found = log.report("learning_curve", block=2)
        assert found.pl().select("run_id", "from_episode", "mean_return").rows() == [
            ("r1", 1, 1.0),
            ("r1", 3, 3.0),
        ]
        assert (found.note, len(found)) == ("", 2)
        assert log.report("evaluations", runs=["r1"]).note.startswith("no run was evaluated")
        with pytest.raises(UsageError, match="no run has the id 'r2'"):
            log.report("learning_curve", runs=["r2"])
        with pytest.raises(UsageError, match="no parameter 'blok'"):
            log.report("learning_curve", blok=2)
        (tmp_path / "mine.sql").write_text(
            "-- name: mine\n-- title: t\n-- reads: runs\n\nSELECT run_id FROM runs"
        )
        assert log.report("mine", reports=[tmp_path]).fetchall() == [("r1",)]
        # A query shuts the connection off from files; a report works all the same.
        log.sql("SELECT 1")
        assert log.report("draws_against_priority").note == "samples has no rows"


def test_a_file_that_is_no_log_is_refused(tmp_path):
    with pytest.raises(DatabaseError, match="does not exist"), rlaudit.open(tmp_path / "no.duckdb"):
        pass


def test_an_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'opne'"):
        rlaudit.opne  # noqa: B018 - the look-up is what is tested
