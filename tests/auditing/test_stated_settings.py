"""Settings that are nearly understood: names, places and values, and configs that are none."""

from __future__ import annotations

import io
import json

import pytest
from checking import CHECKS

import rlaudit
from rlaudit.auditing import audit_log, run_checks
from rlaudit.auditing.results import AuditReport
from rlaudit.auditing.stated import nearest, setting_notes
from rlaudit.config import stated_terms
from rlaudit.presets import PRESETS, resolve
from rlaudit.render.audit import write_audit
from rlaudit.stated_config import read_config
from rlaudit.store import open_for_writing

KNOWN = frozenset(stated_terms()) | {"preset"}


def notes(log, config, *names):
    """Return what is said of the settings of one run, and which of the checks it turned off."""
    text = config if config is None or isinstance(config, str) else json.dumps(config)
    log.add("runs", run_id="r1", config=text)
    results = run_checks(log.con, [CHECKS[name] for name in names])
    return [(n.setting, n.sentence, n.checks) for n in setting_notes(log.con, results)]


def said(log, config):
    return [(setting, sentence) for setting, sentence, _ in notes(log, config)]


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_our_own_settings_are_understood(tiny_log, preset):
    assert said(tiny_log, resolve("CartPole-v1", atari=False, preset=preset).flat()) == []


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("nstep", "n_step"),
        ("n-step", "n_step"),
        ("N_STEP", "n_step"),
        ("n_steps", "n_step"),
        ("nStep", "n_step"),
        ("Gamma", "gamma"),
        (" gamma", "gamma"),
        ("gama", "gamma"),
        ("alhpa", "alpha"),
        ("prioritised", "prioritized"),
        ("weight_normalizer", "weight_normaliser"),
        ("batchSize", "batch_size"),
        ("bacth_size", "batch_size"),
        ("sticky_action", "sticky_actions"),
        ("target_sync_steps", "target_sync_agent_steps"),
        ("buffer_size", "capacity"),
        ("lr", "learning_rate"),
        ("prioritized_replay_alpha", "alpha"),
        ("train_freq", "update_period"),
        ("v-min", "v_min"),
    ],
)
def test_another_spelling_is_recognised(name, meant):
    assert nearest(name, KNOWN) == meant


OWN = (
    *("eps", "tau", "step", "envs", "beta1", "beta_2", "batch", "wandb_project", "log_every"),
    *(
        "eval_seed",
        "hidden_units_2",
        "epsilon",
        "num_workers",
        "env_name",
        "run_name",
        "",
        "é",
        "-",
    ),
)


@pytest.mark.parametrize("name", OWN)
def test_a_name_of_ones_own_is_nobodys_business(name):
    assert nearest(name, KNOWN) is None


def test_a_misspelt_name_is_said_with_the_checks_that_it_turns_off(tiny_log):
    tiny_log.add("transitions", run_id="r1", n_rewards=1, discount=0.9)
    found = notes(tiny_log, {"nstep": 3, "gamma": 0.9}, "wrong_window_length", "reset_step_stored")
    sentence = "nstep is not known; n_step looks like what is meant, and is not stated"
    assert found == [("n_step", sentence, ("wrong_window_length",))]


def test_a_second_spelling_counts_for_nothing_and_is_said_where_it_differs(tiny_log):
    sentence = "Gamma is 0.5 beside gamma, which is 0.9 and counts"
    assert said(tiny_log, {"gamma": 0.9, "Gamma": 0.5, "alpha": 1, "ALPHA": 1}) == [
        ("gamma", sentence)
    ]


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"replay": {"alpha": 0.6, "size": 9}}, "replay"),
        ({"agent": {"replay": {"ALPHA": 0.6}}}, "agent.replay"),
        ({"replay.alpha": 0.6}, "replay"),
        ({"replay/alpha": 0.6}, "replay"),
    ],
)
def test_a_setting_in_an_object_of_its_own_is_not_read(tiny_log, config, place):
    sentence = f"alpha stands in {place}, and only what stands at the top is read"
    assert said(tiny_log, config) == [("alpha", sentence)]


def test_an_object_may_have_common_words_and_what_the_top_states_as_well(tiny_log):
    inner = {"alpha": 0.6, "seed": 1, "steps": 5, "env": "x", "list": [{"gamma": 1}]}
    assert said(tiny_log, {"alpha": 0.5, "eval": inner}) == []


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"sampling": "stratify"}, "sampling cannot be 'stratify' (did you mean 'stratified'?)"),
        ({"gamma": "0.99"}, "gamma must be a number, not '0.99'"),
        ({"alpha": None}, "alpha is null, which states nothing"),
        ({"alpha": 1.5}, "alpha must be at most 1, not 1.5"),
        ({"n_step": 3.0}, "n_step must be a whole number, not 3.0"),
        ({"n_step": True}, "n_step must be a whole number, not True"),
        ({"batch_size": [32]}, "batch_size must be a whole number, not [32]"),
        ({"prioritized": "true"}, "prioritized must be true or false, not 'true'"),
        ({"double": 1}, "double must be true or false, not 1"),
        (
            {"noisy": True},
            "noisy must be a text, not True (one of off, factorised, independent)",
        ),
        ({"gamma": float("nan")}, "gamma must be a finite number, not nan"),
        ({"v_max": float("inf")}, "v_max must be a finite number, not inf"),
    ],
)
def test_a_value_that_cannot_be_meant_is_said(tiny_log, settings, sentence):
    assert said(tiny_log, settings) == [(next(iter(settings)), sentence)]


def test_values_that_can_be_meant_are_not(tiny_log):
    assert said(tiny_log, {"gamma": 1, "network": "resnet", "mine": float("nan"), "x": None}) == []


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (None, "the config is NULL, so no setting is known"),
        ("{}", "the config is empty, so no setting is known"),
        ("null", "the config is null and not a JSON object, so no setting is known"),
        ("[1]", "the config is a list and not a JSON object, so no setting is known"),
        ("7", "the config is a number and not a JSON object, so no setting is known"),
        ("true", "the config is true or false and not a JSON object, so no setting is known"),
        ('"{}"', "the config is a text and not a JSON object, so no setting is known"),
    ],
)
def test_a_config_that_states_nothing_is_said(tiny_log, config, sentence):
    assert said(tiny_log, config) == [("", sentence)]


def test_of_a_key_that_stands_there_twice_the_first_counts_as_in_sql(tiny_log):
    text = '{"alpha": 0.5, "mine": 1, "alpha": 0.6, "mine": 2, "inner": {"beta": 1, "beta": 2}}'
    sentence = "alpha stands there 2 times, as 0.5 and 0.6; the first counts"
    assert said(tiny_log, text) == [("alpha", sentence)]
    read = tiny_log.con.execute("SELECT config ->> '$.alpha' FROM raw.runs").fetchall()
    assert float(read[0][0]) == read_config(text).settings["alpha"] == 0.5


def test_runs_are_gathered_or_chosen(tiny_log):
    for run_id in ("r1", "r2", "r3"):
        tiny_log.add_run(run_id, {"nstep": 3} if run_id != "r3" else {"n_step": 3})
    assert [note.runs for note in setting_notes(tiny_log.con, [])] == [("r1", "r2")]
    assert [note.runs for note in setting_notes(tiny_log.con, [], ["r2"])] == [("r2",)]
    assert setting_notes(tiny_log.con, [], ["r3"]) == ()


def test_an_audit_says_them_once_in_every_format_that_has_a_place(log_file):
    path, writing = log_file
    with writing() as tiny:
        for run_id in ("r1", "r2", "r3", "r4"):
            tiny.add_run(run_id, {"nstep": 3})
        tiny.add("transitions", run_id="r1", n_rewards=1)
    source = audit_log(path, [CHECKS["wrong_window_length"]])
    shown = {}
    for fmt in ("table", "json", "markdown"):
        stream = io.StringIO()
        write_audit(stream, AuditReport((source,)), fmt)
        shown[fmt] = stream.getvalue()
    line = (
        "4 runs (r1, r2, r3 and 1 more run): nstep is not known; n_step looks like what is meant, "
        "and is not stated (for lack of it not judged: wrong_window_length)"
    )
    assert shown["table"].count(line) == 1
    assert shown["markdown"].count("- " + line) == 1
    (note,) = json.loads(shown["json"])["sources"][0]["unclear"]
    assert (note["setting"], note["runs"]) == ("n_step", ["r1", "r2", "r3", "r4"])
    assert note["checks"] == ["wrong_window_length"]


@pytest.mark.parametrize("text", ["hello", "", "{'alpha': 0.5}"])
def test_a_config_that_is_no_json_costs_no_other_run_its_audit(db, text):
    with open_for_writing(db) as con:
        con.execute("ALTER TABLE raw.runs ALTER config TYPE VARCHAR")
        con.execute(
            "INSERT INTO raw.runs (run_id, config) VALUES ('r1', ?), ('r2', '{\"alpha\": 0.5}')",
            [text],
        )
        con.execute("INSERT INTO raw.updates (run_id, alpha) VALUES ('r1', 0.9), ('r2', 0.9)")
    report = rlaudit.audit(db, select=["wrong_alpha"])
    assert report.problems == ()
    assert [finding.run_id for finding in report] == ["r2"]
    (note,) = report.sources[0].unclear
    assert note.sentence == "the config is a text and not a JSON object, so no setting is known"
    assert (note.runs, note.checks) == (("r1",), ("wrong_alpha",))
