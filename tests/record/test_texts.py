"""Texts that no log can hold: each costs its own row at most, and never those beside it."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from steps import NEVER, counts, give

from rlaudit.errors import UsageError
from rlaudit.record import Recorder
from rlaudit.record.texts import as_json
from rlaudit.records import EventRow

HALF = "\ud800"  # half of a surrogate pair, as file names that are not UTF-8 have it


@pytest.mark.parametrize(
    "offer",
    [
        lambda recorder: recorder.append(EventRow(1, 5)),
        lambda recorder: recorder.append(EventRow(1, HALF)),
        lambda recorder: recorder.append(EventRow(1, "test", 5)),
        lambda recorder: recorder.extend_columns("events", 2, {"kind": ["one"]}),
        lambda recorder: recorder.extend_columns("events", 2, {"kind": ["one", 2]}),
        lambda recorder: recorder.extend_columns("events", 2, {"kind": ["one", HALF]}),
        lambda recorder: recorder.extend_columns("events", 1, {"kind": 5}),
        lambda recorder: recorder.extend_columns("events", -1, {"kind": "one"}),
        lambda recorder: recorder.extend_columns("events", 1.0, {"kind": "one"}),
    ],
)
def test_what_is_no_text_is_refused_and_costs_no_other_row(db, run, rows, offer, query):
    with Recorder(db, run, flush_seconds=NEVER) as recorder:
        give(recorder, rows, [1])
        with pytest.raises((TypeError, ValueError, UsageError)):
            offer(recorder)
        recorder.append(EventRow(2, "good"))
    assert counts(query, db) == (1, 1, 4)
    assert query(db, "SELECT kind FROM raw.events") == [("good",)]


def test_details_that_are_not_json_become_texts_of_it(db, run, query):
    given = ["loss was NaN", HALF, '"\\ud800"', "[" * 5000, '{"a": NaN}', None]
    with Recorder(db, run, flush_seconds=NEVER) as recorder:
        for detail in given:
            recorder.append(EventRow(1, "one", detail))
        recorder.extend_columns(
            "events", len(given), {"kind": np.ma.array(["two"] * 6, mask=[0] * 5 + [1]),
                                   "detail": given},
        )  # fmt: skip
    stored = query(db, "SELECT detail FROM raw.events ORDER BY kind NULLS LAST")
    assert stored[:6] == stored[6:]
    assert [detail for (detail,) in stored[:6]] == [
        '"loss was NaN"', '"\\\\ud800"', '"\\"\\\\ud800\\""', f'"{"[" * 5000}"', '{"a": NaN}', None,
    ]  # fmt: skip
    assert query(db, "SELECT count(kind) FROM raw.events") == [(11,)]


@pytest.fixture(scope="module")
def con():
    with duckdb.connect() as con:
        yield con


@given(text=st.text() | st.text('\\ud8"0[]{}:,NaIfityn-1e.+ \ud83d\ude00'))
def test_duckdb_reads_every_detail(con, text):
    con.execute("SELECT CAST(? AS JSON)", [as_json(text)])


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("run_id", None, "None is no text"),
        ("name", HALF, "surrogates not allowed"),
        ("config", '{"a": "\\ud800"}', "has half a surrogate pair"),
        ("config", {"a": 1}, "{'a': 1} is no text"),
        ("seed", "one", "is 'one', which is no integer of 64 bits"),
        ("seed", 2**63, "no integer of 64 bits"),
    ],
)
def test_run_info_that_cannot_be_stored_is_refused_by_name(db, run, field, value, message):
    with pytest.raises(UsageError, match=rf"RunInfo\.{field} .*{message}"):
        Recorder(db, run._replace(**{field: value}))
    assert not db.exists()
