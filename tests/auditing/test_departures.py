from __future__ import annotations

import io
import json

import pytest

from rlaudit.auditing import audit_log
from rlaudit.auditing.departures import departures_of
from rlaudit.auditing.results import AuditReport
from rlaudit.experiments.catalogue import CARTPOLE_PER
from rlaudit.experiments.conduct import plan_runs
from rlaudit.presets import PRESETS, resolve
from rlaudit.render.audit import write_audit

ARTICLE = {
    "sampling",
    "weight_population",
    "beta_anneal_episodes",
    "loss",
    "time_limit_is_terminal",
    "target_sync_agent_steps",
}


def settings_declared(log, runs=()):
    return {departure.setting: departure.runs for departure in departures_of(log.con, runs)}


@pytest.mark.parametrize(
    ("variant", "declared"),
    [
        ("baseline", {"time_limit_is_terminal", "target_sync_agent_steps"}),
        (
            "per",
            {
                "sampling",
                "importance_sampling",
                "time_limit_is_terminal",
                "target_sync_agent_steps",
            },
        ),
        ("per-is", ARTICLE),
        ("per-is-squared", ARTICLE - {"loss"}),
    ],
)
def test_the_articles_set_up_declares_its_departures(tiny_log, tmp_path, variant, declared):
    (planned,) = plan_runs(CARTPOLE_PER, tmp_path, seeds=1, variants=[variant])
    tiny_log.add_run("r1", planned.config.flat())
    assert set(settings_declared(tiny_log)) == declared


@pytest.mark.parametrize("preset", sorted(set(PRESETS) - {"cartpole-per"}))
def test_presets_of_the_papers_declare_none(tiny_log, preset):
    tiny_log.add_run("r1", resolve("CartPole-v1", atari=False, preset=preset).flat())
    assert settings_declared(tiny_log) == {}


def test_a_log_that_states_no_settings_declares_none(tiny_log):
    tiny_log.add_run("r1", {})
    tiny_log.add_run("r2")
    assert settings_declared(tiny_log) == {}


def test_runs_are_counted_or_chosen(tiny_log):
    settings = {"prioritized": True, "sampling": "independent"}
    for run_id in ("r1", "r2"):
        tiny_log.add_run(run_id, settings)
    tiny_log.add_run("r3", settings | {"importance_sampling": False})
    assert settings_declared(tiny_log) == {"sampling": 3, "importance_sampling": 1}
    assert settings_declared(tiny_log, ["r2"]) == {"sampling": 1}
    assert settings_declared(tiny_log, ["r1", "r2"]) == {"sampling": 2}


def test_an_audit_says_them_once_and_is_clean(log_file):
    path, writing = log_file
    with writing() as tiny:
        for run_id in ("r1", "r2"):
            tiny.add_run(run_id, {"time_limit_is_terminal": True, "max_episode_steps": 200})
    source = audit_log(path, [])
    report = AuditReport((source, source))
    assert report.clean
    shown = {}
    for fmt in ("table", "json", "markdown"):
        stream = io.StringIO()
        write_audit(stream, report, fmt)
        shown[fmt] = stream.getvalue()
    sentence = "the limit of 200 steps is learned from as an end of the game"
    assert shown["table"].count(sentence) == 1
    assert f"declared by time_limit_is_terminal in 4 runs: {sentence}" in shown["table"]
    assert sentence in shown["markdown"]
    assert json.loads(shown["json"])["sources"][0]["departures"][0]["runs"] == 2
