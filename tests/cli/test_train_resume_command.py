from __future__ import annotations

import pytest

from rlaudit.cli import main
from rlaudit.store import open_for_reading, open_for_writing

SMALL = ["--hidden-units", "16", "--batch-size", "16", "--steps", "260"]


@pytest.fixture
def killed(db):
    """A log with a run that looks killed, with its checkpoint at step 200."""
    options = ["--db", str(db), "--run-id", "r", "--checkpoint-every", "200"]
    assert main(["train", "cartpole", *SMALL, *options]) == 0
    last = db.with_name("runs.duckdb.checkpoints") / "r" / "step-000000260"
    for file in last.iterdir():
        file.unlink()
    last.rmdir()
    with open_for_writing(db) as con:
        con.execute("UPDATE raw.segments SET state = 'running', heartbeat_at = '2020-01-01'")
    return db


@pytest.mark.parametrize(
    "options",
    [[], ["cartpole", "--hidden-units", "16", "--preset", "cartpole"], ["CartPole-v1"]],
    ids=["plain", "options that agree", "environment that agrees"],
)
def test_a_run_is_resumed_to_its_end(killed, options, capsys):
    assert main(["train", *options, "--resume", "r", "--db", str(killed)]) == 0
    err = capsys.readouterr().err
    assert "resumed from step 200" in err
    assert "run r finished after 260 steps" in err
    with open_for_reading(killed) as log:
        found = log.con.sql("SELECT ordinal, start_step, end_step, state FROM segments").fetchall()
    assert sorted(found)[1] == (1, 200, 260, "finished")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--n-step", "5"], "n_step is 3 in run r, and 5 is asked for"),
        (["--no-double"], "double is True in run r, and False is asked for"),
        (["--preset", "dqn"], "preset is 'cartpole' in run r"),
        (["breakout"], "env is 'CartPole-v1' in run r, and 'breakout' is asked for"),
        (["--name", "x"], "--name has no meaning with --resume"),
        (["--run-id", "x"], "--run-id has no meaning with --resume"),
        (["--no-log"], "--no-log has no meaning with --resume"),
    ],
)
def test_what_contradicts_the_run_is_refused_in_one_line(killed, options, message, capsys):
    capsys.readouterr()
    assert main(["train", *options, "--resume", "r", "--db", str(killed)]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    with open_for_reading(killed) as log:
        assert log.con.sql("SELECT count(*) FROM segments").fetchall() == [(1,)]


def test_a_file_of_settings_is_compared_and_the_projects_defaults_are_not(
    killed, capsys, tmp_path, monkeypatch
):
    (tmp_path / "mine.toml").write_text("alpha = 0.9\n")
    resume = ["train", "--resume", "r", "--db", str(killed)]
    assert main([*resume, "--config", str(tmp_path / "mine.toml")]) == 2
    assert "alpha is 0.5 in run r, and 0.9 is asked for" in capsys.readouterr().err
    (tmp_path / "pyproject.toml").write_text("[tool.rlaudit.train]\nalpha = 0.9\n")
    monkeypatch.chdir(tmp_path)
    assert main(resume) == 0


def test_a_run_that_does_not_exist_is_named(killed, capsys):
    assert main(["train", "--resume", "q", "--db", str(killed)]) == 2
    assert "has no checkpoint of run 'q' (known: r)" in capsys.readouterr().err


def test_checkpoints_need_a_log(capsys):
    assert main(["train", "cartpole", *SMALL, "--no-log", "--checkpoint-every", "9"]) == 2
    assert "checkpoints are kept beside the log" in capsys.readouterr().err
