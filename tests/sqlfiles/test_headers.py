from __future__ import annotations

from pathlib import Path

import pytest

from rlaudit.errors import SqlFileError
from rlaudit.sqlfiles import Param, Requirement, parse_check, parse_shared

GOOD = """\
-- name: odd_steps
-- title: Odd steps
-- severity: warning
-- reads: raw.updates, raw.runs
-- grain: run_id, update_id
-- groups: updates = raw.updates
-- needs: run_settings
-- requires: config.sampling = stratified | independent, config.alpha, updates.beta
-- params: alpha DOUBLE = 6.7e-4, least BIGINT = 10, word VARCHAR = 'a b', on BOOLEAN = true
-- diagnosis: update {update_id} of run {run_id}
--     is odd
-- why: odd steps
--     cost twice
-- cites: a paper

-- not: a key, because the header has ended
SELECT run_id, update_id FROM raw.updates
"""
PATH = Path("checks/steps/odd_steps.sql")


def parse(text, path=PATH):
    return parse_check(text, path)


def without(key):
    lines = GOOD.splitlines(keepends=True)
    start = next(i for i, line in enumerate(lines) if line.startswith(f"-- {key}:"))
    end = start + 1
    while lines[end].startswith("--     "):
        end += 1
    return "".join(lines[:start] + lines[end:])


def test_a_header_becomes_data():
    check = parse(GOOD)
    assert (check.name, check.family, check.severity) == ("odd_steps", "steps", "warning")
    assert check.reads == ("raw.updates", "raw.runs")
    assert check.grain == ("run_id", "update_id")
    assert (check.groups, check.counted) == ("updates", "raw.updates")
    assert check.needs == ("run_settings",)
    assert check.requires == (
        Requirement("config", "sampling", ("stratified", "independent")),
        Requirement("config", "alpha"),
        Requirement("updates", "beta"),
    )
    assert check.params == (
        Param("alpha", "DOUBLE", 6.7e-4),
        Param("least", "BIGINT", 10),
        Param("word", "VARCHAR", "a b"),
        Param("on", "BOOLEAN", True),
    )
    assert check.diagnosis == "update {update_id} of run {run_id} is odd"
    assert check.placeholders == ("update_id", "run_id")
    assert check.why == "odd steps cost twice"
    assert check.sql == GOOD


@pytest.mark.parametrize("key", ["needs", "requires", "params", "cites"])
def test_optional_keys_may_be_left_out(key):
    assert parse(without(key)).name == "odd_steps"


@pytest.mark.parametrize(
    "key", ["name", "title", "severity", "reads", "grain", "groups", "diagnosis", "why"]
)
def test_a_required_key_must_be_there(key):
    with pytest.raises(SqlFileError, match=rf"odd_steps\.sql:1: key '{key}' is missing"):
        parse(without(key))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("-- cites: a", "-- citse: a", r":14: unknown key 'citse'"),
        ("-- cites: a", "-- why: a", r":14: key 'why' stands on line 12 already"),
        ("-- cites: a paper", "-- cites:", r":14: key 'cites' has no value"),
        ("-- cites: a paper", "-- a free comment", r":14: not a line of a header"),
        ("-- cites: a paper", "--  cites: a", r":14: not a line of a header"),
        ("-- name: odd_steps", "-- name: even_steps", r":1: name is 'even_steps'"),
        ("-- name: odd_steps", "--     a\n-- name: odd_steps", r":1: a continuation with no key"),
        ("severity: warning", "severity: fatal", r":3: unknown severity 'fatal'"),
        ("-- cites: a paper", "-- scope: run", r":14: scope is 'run'"),
        ("grain: run_id, update_id", "grain: update_id", r":5: .*not run_id"),
        ("grain: run_id, update_id", "grain: run_id, run_id", r":5: grain names 'run_id' twice"),
        ("raw.updates, raw.runs", "raw.updates,, raw.runs", r":4: reads has an empty entry"),
        ("config.alpha", "alpha", r":8: requires has 'alpha'"),
        ("updates.beta", "updates.beta = 1", r":8: requires has 'updates.beta = 1'"),
        ("least BIGINT = 10", "least BIGINT", r":9: params has 'least BIGINT'"),
        ("least BIGINT = 10", "least INT = 10", r":9: parameter 'least' has the type INT"),
        ("least BIGINT = 10", "least BIGINT = x", r":9: 'x', the default of 'least', is no BIGINT"),
        ("'a b'", "a b", r":9: 'a b', the default of 'word', is no VARCHAR"),
        ("least BIGINT", "alpha BIGINT", r":9: params names 'alpha' twice"),
        ("{run_id}", "{}", r":10: the brace '\{\}'"),
        ("{run_id}", "{run_id", r":10: the brace '\{'"),
    ],
)
def test_a_broken_header_is_refused_with_file_and_line(old, new, message):
    assert old in GOOD
    with pytest.raises(SqlFileError, match=r"odd_steps\.sql" + message):
        parse(GOOD.replace(old, new, 1))


@pytest.mark.parametrize("end", "\v\f\x1c\x1d\x1e\x85\u2028\u2029")
def test_a_key_begins_on_a_line_of_its_own(end):
    check = parse(GOOD.replace("Odd steps", f"Odd{end}-- severity: error"))
    assert check.severity == "warning"
    assert check.title == f"Odd{end}-- severity: error"


def test_the_nearest_key_is_offered():
    with pytest.raises(SqlFileError) as caught:
        parse(GOOD.replace("-- cites", "-- citse"))
    assert caught.value.hint == "did you mean 'cites'?"


def test_a_default_may_be_null():
    check = parse(GOOD.replace("least BIGINT = 10", "least BIGINT = NULL"))
    assert check.params[1] == Param("least", "BIGINT", None)


def test_a_diagnosis_must_be_filled_from_columns_of_the_result():
    check = parse(GOOD)
    check.check_columns(["run_id", "update_id"])
    with pytest.raises(SqlFileError, match=r"odd_steps\.sql:10: .*'update_id'") as caught:
        check.check_columns(["run_id", "update_idx"])
    assert caught.value.hint == "did you mean 'update_idx'?"


def test_a_shared_table_has_a_header_of_its_own():
    text = "-- name: clock\n-- title: Time\n-- reads: raw.updates\n\nSELECT 1 AS run_id\n"
    table = parse_shared(text, Path("clock.sql"))
    assert (table.reads, table.kind) == (("raw.updates",), "TABLE")
    assert parse_shared("-- kind: view\n" + text, Path("clock.sql")).kind == "VIEW"
    with pytest.raises(SqlFileError, match=r"clock\.sql:1: kind is 'table'"):
        parse_shared("-- kind: table\n" + text, Path("clock.sql"))
    with pytest.raises(SqlFileError, match=r":1: unknown key 'severity'"):
        parse_shared("-- severity: error\n" + text, Path("clock.sql"))
