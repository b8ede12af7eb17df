"""Every report comes to an end, and says so where it has no rows, whatever a log holds."""

from __future__ import annotations

import json
import re

import pytest
from small_replay import KEYS, REPORTS, answer, fill

from rlaudit.auditing import reporting
from rlaudit.sqlfiles import sql_root

SETTINGS = sorted(
    {
        key
        for folder in ("reports", "shared")
        for path in (sql_root() / folder).glob("*.sql")
        for key in re.findall(r"config ->> '\$\.(\w+)'", path.read_text(encoding="utf-8"))
    }
)
NEEDED = {"transition_id": 1}


def empty_ones(log):
    """The reports without rows, each with what it says of that."""
    found = {}
    with reporting(log.con, list(REPORTS.values())) as reporter:
        for name, report in REPORTS.items():
            given = {param.name: NEEDED[param.name] for param in report.params if param.required}
            with reporter.answer(name, given) as answered:
                if not list(answered.rows):
                    found[name] = answered.why_empty
    return found


def episodes(log, *returns):
    for number, value in enumerate(returns):
        end = 10 * (number + 1)
        log.add("episodes", **KEYS, episode_id=number, end_step=end, length=10, return_raw=value)


def test_a_log_without_rows_has_no_answers_and_each_report_says_why(tiny_log):
    assert all(empty_ones(tiny_log).values())
    assert set(empty_ones(tiny_log)) == set(REPORTS)


def test_a_run_without_episodes_is_listed_and_said_to_have_none(tiny_log):
    tiny_log.add_run()
    said = empty_ones(tiny_log)
    assert set(REPORTS) - set(said) == {
        "log_size", "run_results", "run_settings", "runs", "seeds_and_hosts",
    }  # fmt: skip
    assert said["learning_curve"] == said["return_curves"] == "episodes has no rows"


@pytest.mark.parametrize("returns", [(7.0,), (7.0, 7.0, 7.0)], ids=["one", "equal"])
def test_one_episode_and_equal_returns_are_a_curve(tiny_log, returns):
    tiny_log.add_run()
    episodes(tiny_log, *returns)
    assert not {"learning_curve", "return_by_step", "episode_endings"} & set(empty_ones(tiny_log))
    ((_, _, _, last_step, *figures),) = answer(tiny_log, "learning_curve")
    assert (last_step, figures) == (10 * len(returns), [7.0, 7.0, 7.0, 10.0, 0])
    assert answer(tiny_log, "return_curves", "mean_return", block=1)[-1] == (7.0,)


def test_figures_of_which_none_is_finite_end_no_report(tiny_log):
    fill(tiny_log)
    odd = "CASE rowid % 3 WHEN 0 THEN 'inf' WHEN 1 THEN '-inf' ELSE 'nan' END"
    floats = tiny_log.con.sql(
        "SELECT table_name, column_name FROM duckdb_columns() "
        "WHERE schema_name = 'raw' AND data_type IN ('FLOAT', 'DOUBLE')"
    ).fetchall()
    for table, column in floats:
        tiny_log.con.execute(f"UPDATE raw.{table} SET {column} = {odd}")
    assert "learning_curve" not in empty_ones(tiny_log)


@pytest.mark.parametrize("value", ["word", "NaN", 1e300, [1]], ids=str)
def test_settings_that_mean_something_else_end_no_report(tiny_log, value):
    """Another's trainer may give a setting of ours a meaning of its own."""
    fill(tiny_log, config=dict.fromkeys(SETTINGS, value))
    tiny_log.add_run("r2", dict.fromkeys(SETTINGS, "otherwise"))
    tiny_log.add("segments", **KEYS, ordinal=0)
    tiny_log.add("events", **KEYS, env_step=1, kind="checkpoint",
                 detail=json.dumps({"seconds": value}))  # fmt: skip
    assert "config_differences" not in empty_ones(tiny_log)
