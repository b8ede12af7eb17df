from __future__ import annotations

import math

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaudit import records
from rlaudit.record import Columns
from rlaudit.record.columns import check_columns, column_names

ROW_TYPES = {
    "episodes": (records.EpisodeRow, [], ["ended_at"]),
    "transitions": (records.TransitionRow, [], []),
    "updates": (records.UpdateRow, [], []),
    "samples": (records.SampleRows, [], []),
    "events": (records.EventRow, ["happened_at"], []),
}


@pytest.mark.parametrize("table", ROW_TYPES)
def test_the_fields_of_the_row_types_are_the_columns_of_the_schema(table):
    row_type, before, after = ROW_TYPES[table]
    assert list(column_names(table)) == [*before, *row_type._fields, *after]


def test_the_fields_of_run_info_are_columns_of_runs():
    assert set(records.RunInfo._fields) < {"run_id", *column_names("runs")}


def stored(columns):
    return [tuple(row.values()) for row in columns.to_arrow().to_pylist()]


def same(a, b):
    """Equal, where NaN equals NaN and nothing else, None included."""
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a):
        return math.isnan(b)
    return a == b and (a is None) == (b is None)


float32 = st.floats(width=32)
VALUES = {
    "BIGINT": st.integers(-(2**63), 2**63 - 1),
    "INTEGER": st.integers(-(2**31), 2**31 - 1),
    "UBIGINT": st.integers(0, 2**64 - 1),
    "DOUBLE": st.floats(),
    "FLOAT": float32,
    "BOOLEAN": st.booleans(),
    "VARCHAR": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
}


def row_of(table):
    kinds = Columns(table, 0)._kinds
    values = (VALUES.get(kind, st.just("{}")) for kind in kinds if kind != "TIMESTAMP")
    return st.tuples(*(value | st.none() for value in values))


@pytest.mark.parametrize("table", ["transitions", "updates"])
@given(data=st.data())
def test_appended_rows_come_out_as_they_went_in(table, data):
    rows = data.draw(st.lists(row_of(table), max_size=6))
    columns = Columns(table, 6)
    for row in rows:
        columns.append(row)
    out = stored(columns)
    assert len(out) == len(rows)
    for ours, theirs in zip(rows, out, strict=True):
        assert all(map(same, ours, theirs)), (ours, theirs)


@given(
    blocks=st.lists(
        st.tuples(
            st.integers(0, 5),
            st.sampled_from(["array", "scalar", "null", "masked"]),
            st.lists(float32 | st.none(), min_size=5, max_size=5),
        ),
        max_size=6,
    )
)
def test_extended_rows_equal_a_list_of_rows(blocks):
    columns = Columns("samples", 40)
    model = []
    for count, form, values in blocks:
        present = [0.0 if value is None else value for value in values[:count]]
        if form == "array":
            given, expected = np.array(present, np.float32), present
        elif form == "scalar":
            given, expected = np.float32(2.5), [2.5] * count
        elif form == "null":
            given, expected = None, [None] * count
        else:
            mask = [value is None for value in values[:count]]
            given = np.ma.MaskedArray(np.array(present, np.float32), mask)
            expected = values[:count]
        by_name = {"update_id": 7, "priority": given}
        columns.extend(count, [by_name.get(name) for name in columns.names])
        model += expected
    out = [row[columns.names.index("priority")] for row in stored(columns)]
    assert len(out) == len(model)
    assert all(map(same, model, out)), (model, out)


def test_null_nan_and_large_hashes_stay_what_they_are():
    columns = Columns("transitions", 3)
    row = dict.fromkeys(columns.names, 0)
    for priority, obs_hash in [(math.nan, 2**64 - 1), (None, 2**63), (0.5, None)]:
        columns.append([*(row | {"priority": priority, "obs_hash": obs_hash}).values()])
    with duckdb.connect() as con:
        con.register("batch", columns.to_arrow())
        out = con.sql("SELECT priority IS NULL, isnan(priority), obs_hash FROM batch").fetchall()
    assert out == [(False, True, 2**64 - 1), (True, None, 2**63), (False, False, None)]


@pytest.mark.parametrize(
    ("position", "value", "error"),
    [
        (20, "no number", TypeError),  # next_obs_hash
        (20, -1, (ValueError, TypeError)),
        (20, 2**64, (ValueError, TypeError)),
        (19, 1.5, TypeError),  # obs_hash
    ],
)
def test_a_row_that_does_not_fit_leaves_no_trace(position, value, error):
    columns = Columns("transitions", 2)
    good = [1] * len(columns.names)
    bad = [None] * len(columns.names)
    bad[position] = value
    with pytest.raises(error):
        columns.append(bad)
    with pytest.raises(ValueError, match="shorter"):
        columns.append(good[:-1])
    columns.append(good)
    assert stored(columns) == [tuple(good)]


def test_a_block_that_does_not_fit_leaves_no_trace():
    columns = Columns("samples", 4)
    with pytest.raises(ValueError, match="broadcast"):
        columns.extend(2, [None, None, np.arange(3), *[None] * 8])
    columns.extend(2, [1] * 11)
    assert stored(columns) == [(1,) * 11] * 2


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"prioity": 1}, "no column 'prioity'"),
        ({"run_id": "x"}, "no column 'run_id'"),
        ({"slot": np.arange(3)}, r"shape \(3,\), not \(2,\)"),
        ({"slot": np.array([0.5, 1.0])}, "float64, which int32 cannot hold"),
        ({"weight": np.array([1j, 2j])}, "complex128, which float32 cannot hold"),
    ],
)
def test_bulk_columns_are_checked_by_name_shape_and_type(columns, message):
    with pytest.raises(ValueError, match=message):
        check_columns("samples", 2, columns)


def test_bulk_hashes_may_come_as_signed_integers():
    checked = check_columns("transitions", 2, {"obs_hash": np.array([-1, 5])})
    columns = Columns("transitions", 2)
    columns.extend(2, [checked.get(name) for name in columns.names])
    assert [row[columns.names.index("obs_hash")] for row in stored(columns)] == [2**64 - 1, 5]
