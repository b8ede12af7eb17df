from __future__ import annotations

import json

import pytest

from rlaudit.cli import main
from rlaudit.experiments.catalogue import EXPERIMENTS
from rlaudit.experiments.plan import Experiment, Variant

TOY = Experiment(
    name="toy",
    title="Toy",
    source="nobody",
    env="CartPole-v1",
    preset="gymnasium",
    variants=(Variant("only", "the only one", {"hidden_units": 8}, published=7),),
    seeds=1,
    # The first episode reaches 1 percent of the mean's window.
    settings={"stop_at_mean_length": 0.01, "steps": 400, "learning_starts": 100},
)


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    monkeypatch.setitem(EXPERIMENTS, "toy", TOY)


def test_without_a_name_it_lists_the_experiments(capsys):
    assert main(["reproduce"]) == 0
    assert "cartpole-per" in capsys.readouterr().out


def test_an_unknown_name_is_refused(capsys):
    assert main(["reproduce", "cartpole-pre"]) == 2
    assert "cartpole-per" in capsys.readouterr().err


def test_it_makes_the_runs_and_reports_them(tmp_path, capsys):
    folder = tmp_path / "toy"
    assert main(["reproduce", "toy", "--folder", str(folder), "--jobs", "1"]) == 0
    shown = capsys.readouterr()
    assert "1 of 1 runs are finished" in shown.err
    assert "the only one  7          1 of 1  1" in shown.out

    out = tmp_path / "result.json"
    log = str(folder / "episodes.duckdb")
    assert main(["reproduce", "toy", "--from", log, "-o", str(out)]) == 0
    (row,) = json.loads(out.read_text(encoding="utf-8"))
    assert (row["variant"], row["solved"], row["mean"]) == ("the only one", 1, 1.0)


def test_a_log_that_is_missing_is_one_line(tmp_path, capsys):
    assert main(["reproduce", "toy", "--from", str(tmp_path / "no.duckdb")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
