"""Findings that are called consequences of others."""

from __future__ import annotations

import pytest
from own_checks import write_check

from rlaudit.auditing import run_checks
from rlaudit.auditing.consequences import with_causes
from rlaudit.sqlfiles import load_checks


@pytest.fixture
def follows(tiny_log, tmp_path):
    """Return a function that judges runs of some names by two checks and says who follows whom.

    The check bad_name finds runs called bad or worse, and says of worse that it is; the check
    any_name finds every run and has the key ``after`` that is asked for.
    """
    for run_id, name in (("r1", "bad"), ("r2", "worse"), ("r3", "good")):
        tiny_log.add_run(run_id, {}, name=name)

    def judge(after):
        sql = "SELECT run_id, name, name = 'worse' AS is_worse FROM runs WHERE name <> 'good'"
        write_check(tmp_path, sql=sql)
        write_check(tmp_path, "any_name", "SELECT run_id, name FROM runs", after=after)
        checks = load_checks(tmp_path)
        results = {r.check.name: r for r in run_checks(tiny_log.con, checks)}
        assert [f.follows for f in results["bad_name"].findings] == [(), ()]
        return {f.run_id: f.follows for f in results["any_name"].findings}

    return judge


@pytest.mark.parametrize(
    ("after", "runs"),
    [(None, []), ("bad_name", ["r1", "r2"]), ("bad_name.is_worse", ["r2"]), ("absent", [])],
)
def test_a_finding_follows_where_its_cause_fails_in_the_same_run(follows, after, runs):
    found = follows(after)
    assert found == {run: ("bad_name",) if run in runs else () for run in ("r1", "r2", "r3")}


def test_what_passes_stays_as_it_is(tiny_log, tmp_path):
    write_check(tmp_path, after="absent")
    tiny_log.add_run("r1", {}, name="good")
    results = run_checks(tiny_log.con, load_checks(tmp_path))
    assert with_causes(results) == results
    assert results[0].status == "pass"
