from __future__ import annotations

from collections import Counter
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaudit.auditing import DuplicatedValue, duplicates_in
from rlaudit.errors import DatabaseError, DatabaseLockedError, UsageError

FIXTURES = Path(__file__).parents[2] / "fixtures"


def find(source, group_by=("group_id",), value=("value",), **options):
    return duplicates_in(str(source), group_by, value, **options)


@pytest.fixture
def table(tmp_path):
    """Return a function that writes columns to a Parquet file."""

    def write(columns, name="t.parquet"):
        pq.write_table(pa.table(columns), tmp_path / name)
        return tmp_path / name

    return write


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl", "duckdb"])
def test_the_table_of_the_article(suffix):
    found = find(FIXTURES / f"example.{suffix}")
    assert found.examples == (DuplicatedValue((2,), (3,), 2),)
    assert (found.bad_groups, found.duplicated_values, found.extra_rows) == (1, 1, 1)
    assert (found.rows, found.rows_skipped) == (6, 0)
    assert not found.clean


PAIRS = [
    # pairs (group, value); bad groups under ignore, equal and report; clean under report
    ([(1, 1), (1, None)], 0, 0, False),
    ([(None, 1), (None, 2)], 0, 0, False),
    ([(1, None), (1, None)], 0, 1, False),
    ([(None, 1), (None, 1)], 0, 1, False),
    ([(None, None), (None, None)], 0, 1, False),
    ([(1, 1), (1, 1), (1, None)], 1, 1, False),
    ([(1, 1), (1, 2)], 0, 0, True),
]


@pytest.mark.parametrize(("pairs", "without_nulls", "with_nulls", "clean"), PAIRS)
def test_each_policy_for_nulls(table, pairs, without_nulls, with_nulls, clean):
    source = table({"group_id": [g for g, _ in pairs], "value": [v for _, v in pairs]})
    ignored, equal, reported = (find(source, nulls=n) for n in ("ignore", "equal", "report"))
    assert (ignored.bad_groups, ignored.clean) == (without_nulls, not without_nulls)
    assert (equal.bad_groups, equal.clean) == (with_nulls, not with_nulls)
    assert (reported.bad_groups, reported.clean) == (without_nulls, clean)
    null_groups = sum(group is None for group, _ in pairs)
    nulls = sum(None in pair for pair in pairs)
    for found in (ignored, equal, reported):
        assert (found.null_groups, found.null_values) == (null_groups, nulls - null_groups)
        assert found.rows == len(pairs)
    assert (ignored.rows_skipped, equal.rows_skipped) == (nulls, 0)


@settings(max_examples=25, deadline=None)
@given(
    pairs=st.lists(
        st.tuples(st.one_of(st.none(), st.integers(0, 3)), st.one_of(st.none(), st.integers(0, 3))),
        max_size=30,
    ),
    equal=st.booleans(),
)
def test_counts_agree_with_counting_by_hand(tmp_path_factory, pairs, equal):
    source = tmp_path_factory.mktemp("t") / "t.parquet"
    columns = {"group_id": [g for g, _ in pairs], "value": [v for _, v in pairs]}
    schema = pa.schema({"group_id": pa.int64(), "value": pa.int64()})
    pq.write_table(pa.table(columns, schema=schema), source)
    counted = Counter(pair for pair in pairs if equal or None not in pair)
    repeated = {pair: count for pair, count in counted.items() if count > 1}
    found = find(source, nulls="equal" if equal else "ignore", limit=0)
    assert {(*e.group, *e.value): e.count for e in found.examples} == repeated
    assert found.duplicated_values == len(repeated)
    assert found.bad_groups == len({group for group, _ in repeated})
    assert found.extra_rows == sum(repeated.values()) - len(repeated)


@pytest.mark.parametrize(
    "name", ["group", "order", "with space", 'a "quote"', "日本語", "c0", "COPIES"]
)
def test_any_name_of_a_column_works(table, name):
    source = table({name: [1, 1, 2], "select": [5, 5, 5], "copies": [1, 2, 3]})
    found = find(source, [name], ["select"])
    assert found.examples == (DuplicatedValue((1,), (5,), 2),)


@pytest.mark.parametrize("name", ["table", "my table", 'a "quote"', "日本語"])
def test_any_name_of_a_table_works(tmp_path, name):
    source = tmp_path / "x.duckdb"
    quoted = '"' + name.replace('"', '""') + '"'
    with duckdb.connect(source) as con:
        con.execute(f"CREATE TABLE {quoted} AS SELECT 1 AS g, 2 AS v FROM range(3)")
        con.execute("CREATE TABLE other AS SELECT 1 AS g, 2 AS v")
    found = find(source, ["g"], ["v"], table=name)
    assert found.examples == (DuplicatedValue((1,), (2,), 3),)


def test_groups_and_values_of_several_columns(table):
    source = table({"a": [1, 1, 1, 2], "b": [1, 1, 2, 1], "c": [7, 7, 7, 7], "d": [8, 8, 8, 8]})
    found = find(source, ["a", "b"], ["c", "d"])
    assert found.examples == (DuplicatedValue((1, 1), (7, 8), 2),)


def test_a_glob_reads_all_its_files(table, tmp_path):
    table({"group_id": [1, 2], "value": [1, 1]}, "one.parquet")
    table({"value": [1, 2], "group_id": [1, 2]}, "two.parquet")
    found = find(f"{tmp_path}/*.parquet")
    assert (found.rows, found.examples) == (4, (DuplicatedValue((1,), (1,), 2),))


def test_a_file_whose_name_looks_like_a_glob_is_read(table):
    source = table({"group_id": [1, 1], "value": [1, 1]}, "t[1].parquet")
    assert find(source).bad_groups == 1


def test_a_view_of_a_log_can_be_asked(log_file):
    path, writing = log_file
    with writing() as log:
        log.add("episodes", run_id="r1", episode_id=[1, 2, 2])
    for name in ("episodes", "raw.episodes", "main.episodes"):
        found = find(path, ["run_id"], ["episode_id"], table=name)
        assert found.examples == (DuplicatedValue(("r1",), (2,), 2),)


def test_examples_are_bounded_and_in_order(table):
    source = table({"group_id": [3, 3, 1, 1, 2, 2], "value": [1] * 6})
    found = find(source, limit=2)
    assert [example.group for example in found.examples] == [(1,), (2,)]
    assert found.duplicated_values == 3


def test_a_late_text_in_a_csv_column_of_numbers_is_read(tmp_path):
    rows = "".join(f"1,{i}\n" for i in range(30_000))
    (tmp_path / "t.csv").write_text(f"group_id,value\n{rows}1,x\n1,x\n")
    found = find(tmp_path / "t.csv")
    assert found.examples == (DuplicatedValue((1,), ("x",), 2),)


@pytest.mark.parametrize(
    ("source", "columns", "message", "hint"),
    [
        ("example.csv", (["group"], ["value"]), "no column 'group'", "did you mean 'group_id'?"),
        ("example.csv", (["value"], ["value"]), "'value' is named twice", "not both"),
        ("nothing.csv", (["a"], ["b"]), "no file matches", "check the path"),
        ("nothing*.parquet", (["a"], ["b"]), "no file matches", "check the pattern"),
        (".", (["a"], ["b"]), "folder", "name the file"),
        ("nothing.duckdb", (["a"], ["b"]), "does not exist", "check the path"),
    ],
)
def test_bad_input_is_named(source, columns, message, hint):
    with pytest.raises((UsageError, DatabaseError), match=message) as caught:
        find(FIXTURES / source, *columns)
    assert hint in caught.value.hint


def test_a_table_for_a_data_file_is_refused():
    with pytest.raises(UsageError, match="is one table"):
        find(FIXTURES / "example.csv", table="example")


def test_a_file_that_is_not_what_its_suffix_says_is_refused(tmp_path):
    (tmp_path / "t.parquet").write_text("no Parquet")
    with pytest.raises(DatabaseError, match=r"cannot read .*t\.parquet"):
        find(tmp_path / "t.parquet")


def test_one_of_several_tables_must_be_chosen(tmp_path):
    source = tmp_path / "x.duckdb"
    with duckdb.connect(source) as con:
        con.execute("CREATE TABLE first AS SELECT 1 AS g")
        con.execute("CREATE SCHEMA s; CREATE TABLE s.second AS SELECT 1 AS g")
    with pytest.raises(UsageError, match=r"has 2 tables: first, s\.second"):
        find(source, ["g"], ["v"])
    with pytest.raises(UsageError, match="no table 'fist'") as caught:
        find(source, ["g"], ["v"], table="fist")
    assert caught.value.hint == "did you mean 'first'?"


def test_a_locked_file_is_named_with_its_holder(tmp_path, held):
    source = tmp_path / "x.duckdb"
    with held(source) as holder, pytest.raises(DatabaseLockedError, match=str(holder.pid)):
        find(source, wait=0)


ROWS = [(1, 1), (1, None), (None, None), (None, None), (2, None)]


@pytest.mark.parametrize(
    ("nulls", "all_null", "skipped", "reported", "duplicated"),
    [
        ("ignore", None, 4, 0, 0),
        ("equal", None, 0, 0, 1),
        ("report", None, 4, 4, 0),
        ("equal", "ignore", 2, 0, 0),
        ("equal", "report", 2, 2, 0),
        ("ignore", "equal", 2, 0, 1),
        ("ignore", "report", 4, 2, 0),
        ("report", "ignore", 4, 2, 0),
        ("report", "equal", 2, 2, 1),
    ],
)
def test_rows_of_nothing_but_nulls_have_a_policy_of_their_own(  # noqa: PLR0917
    table, nulls, all_null, skipped, reported, duplicated
):
    source = table({"group_id": [g for g, _ in ROWS], "value": [v for _, v in ROWS]})
    found = find(source, nulls=nulls, all_null=all_null)
    assert (found.rows, found.null_groups, found.null_values, found.null_rows) == (5, 2, 2, 2)
    assert (found.rows_skipped, found.rows_reported) == (skipped, reported)
    assert found.duplicated_values == duplicated
    assert found.clean is not bool(reported or duplicated)


def test_a_value_without_a_group_must_be_unique_in_the_whole_table(table):
    source = table({"group_id": [1, 2, 3], "value": [7, 7, 8]})
    found = find(source, (), ("value",))
    assert found.examples == (DuplicatedValue((), (7,), 2),)
    assert (found.bad_groups, found.duplicated_values, found.extra_rows) == (1, 1, 1)
    assert find(source, (), ("group_id",)).clean
    with pytest.raises(UsageError, match="no column is named"):
        find(source, ("group_id",), ())
