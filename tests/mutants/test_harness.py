"""The harness itself: a wrong declaration is noticed, a patch never outlives its run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from proving import config_of
from verdicts import CONTROL, BrokenMutantError, run_mutant

from rlaudit.errors import ReplayError
from rlaudit.record import Recorder
from rlaudit.replay.replay import Replay

FEW_STEPS = {"steps": 300}


def twice(monkeypatch):
    """Hand every batch over twice."""
    extend = Recorder.extend

    def extend_twice(self, rows):
        extend(self, rows)
        extend(self, rows)

    monkeypatch.setattr(Recorder, "extend", extend_twice)


BATCHES_TWICE = replace(
    CONTROL,
    name="batches_recorded_twice",
    flagged_by="duplicate_samples",
    diagnosis="is logged 2 times",
    settings=FEW_STEPS,
    apply=twice,
)


@pytest.fixture(scope="module")
def verdict(tmp_path_factory):
    return run_mutant(BATCHES_TWICE, tmp_path_factory.mktemp("log") / "runs.duckdb")


def test_the_check_that_is_meant_flags_the_bug(verdict):
    assert verdict.flagged
    assert verdict.rows > 100
    assert verdict.agent_steps == 300
    assert not verdict.died


def test_a_failing_check_must_be_declared(verdict):
    other = replace(verdict, mutant=replace(BATCHES_TWICE, flagged_by="duplicate_update_ids"))
    assert any("duplicate_update_ids does not fail: pass" in p for p in other.problems)
    assert "duplicate_samples fails and is not declared" in other.problems
    declared = replace(BATCHES_TWICE, may_fail=frozenset(verdict.undeclared))
    assert replace(verdict, mutant=declared).problems == []


def test_the_diagnosis_is_part_of_the_verdict(verdict):
    other = replace(verdict, mutant=replace(BATCHES_TWICE, diagnosis="three rows"))
    assert not other.flagged
    assert any("does not say 'three rows'" in problem for problem in other.problems)


def test_a_check_that_does_not_exist_is_a_problem(verdict):
    other = replace(verdict, mutant=replace(BATCHES_TWICE, flagged_by="no_such_check"))
    assert "no check is called no_such_check" in other.problems


def test_a_patch_does_not_outlive_its_run(tmp_path):
    before = Recorder.extend
    run_mutant(BATCHES_TWICE, tmp_path / "runs.duckdb", steps=200)
    assert Recorder.extend is before


def test_a_run_that_dies_of_its_bug_is_audited(tmp_path):
    def stop(monkeypatch):
        sample = Replay.sample

        def sample_until_full(self, env_step, *done):
            if env_step > 150:
                raise ReplayError("the last slot cannot be drawn")
            return sample(self, env_step, *done)

        monkeypatch.setattr(Replay, "sample", sample_until_full)

    mutant = replace(CONTROL, settings=FEW_STEPS, apply=stop)
    verdict = run_mutant(mutant, tmp_path / "runs.duckdb")
    assert verdict.died == "ReplayError: the last slot cannot be drawn"
    assert 100 < verdict.agent_steps < 160


@pytest.mark.parametrize(
    ("method", "error"),
    [("add", TypeError("takes 1 argument")), ("__init__", ReplayError("nothing begins"))],
)
def test_a_patch_that_does_not_fit_or_leaves_no_log_is_broken(tmp_path, method, error):
    def raise_it(*_):
        raise error

    mutant = replace(
        CONTROL,
        settings=FEW_STEPS,
        apply=lambda monkeypatch: monkeypatch.setattr(Replay, method, raise_it),
    )
    with pytest.raises(BrokenMutantError, match=str(error)):
        run_mutant(mutant, tmp_path / "runs.duckdb")


def test_settings_become_a_configuration_as_on_the_command_line():
    config = config_of({"env": "cartpole", "preset": "cartpole", "steps": 700})
    assert config.schedule.steps == 700
    assert config.replay.beta_anneal_steps == 700
    assert config.env.env == "CartPole-v1"
