from __future__ import annotations

import json
import shutil
from importlib.util import find_spec

import numpy as np
import pytest

from rlaudit.cli import main
from rlaudit.errors import EnvironmentSetupError
from rlaudit.store import open_for_reading, open_for_writing
from rlaudit.train import evaluate as evaluate_module

TRAIN = ["cartpole", "--hidden-units", "16", "--batch-size", "16", "--steps", "260", "--seed", "5"]
EVALUATED = ["--eval-every", "130", "--eval-episodes", "3", "--checkpoint-every", "130"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    db = tmp_path_factory.mktemp("trained") / "runs.duckdb"
    assert main(["train", *TRAIN, *EVALUATED, "--db", str(db), "--run-id", "r"]) == 0
    return db


@pytest.fixture
def db(trained, tmp_path):
    """A log with a finished run, its evaluations at 130 and 260, and its checkpoints there."""
    copy = tmp_path / "runs.duckdb"
    shutil.copy(trained, copy)
    shutil.copytree(f"{trained}.checkpoints", f"{copy}.checkpoints")
    return copy


def rows_of(db, query):
    with open_for_reading(db) as log:
        return log.con.sql(query).fetchall()


def evaluated(db, *options, episodes="4"):
    return main(["eval", "r", "--db", str(db), "--episodes", episodes, *options])


def test_games_are_played_and_logged_beside_those_of_the_run(db, capsys):
    everything = "SELECT count(*) FROM raw."
    tables = ("segments", "transitions", "updates", "samples")
    before = [rows_of(db, everything + table) for table in tables]
    own = rows_of(db, "SELECT * FROM episodes ORDER BY episode_id")
    folder = db.with_name("runs.duckdb.checkpoints") / "r" / "step-000000260"
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert evaluated(db) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("r, CartPole-v1, step-000000260\n4 games, of which 4 distinct")
    assert captured.err == f"logged to {db} under step 260\n"
    new = rows_of(
        db,
        """
        SELECT episode_id, phase, start_step, end_step, noise_draws, segment_id, seed, return_raw
        FROM episodes WHERE episode_id < 0 ORDER BY episode_id
        """,
    )
    assert [row[:5] for row in new] == [(i, "eval", 260, 260, 0) for i in (-4, -3, -2, -1)]
    assert rows_of(db, "SELECT * FROM episodes WHERE episode_id >= 0 ORDER BY episode_id") == own
    assert rows_of(db, "SELECT count(DISTINCT seed) FROM episodes") == [(len(own) + 4,)]
    ((text,),) = rows_of(
        db, f"SELECT detail FROM events WHERE segment_id = '{new[0][5]}' AND kind = 'evaluation'"
    )
    assert json.loads(text) == {
        "first_episode_id": -4,
        "episodes": 4,
        "distinct_trajectories": 4,
        "mean_return": np.mean([row[7] for row in new]),
        "checkpoint": "step-000000260",
        "epsilon": 0.001,
        "seed": 5,
    }
    assert [rows_of(db, everything + table) for table in tables] == before
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == files
    for command in ("audit", "check-duplicates"):
        assert main([command, str(db)]) == 0, capsys.readouterr().out


def test_the_same_games_are_logged_once_and_others_besides(db, capsys):
    assert evaluated(db) == 0
    first = capsys.readouterr()
    assert evaluated(db) == 0
    again = capsys.readouterr()
    assert again.out == first.out
    assert "the log has these games already; --seed plays others" in again.err
    assert evaluated(db, "--seed", "6") == 0
    assert evaluated(db, "--checkpoint", "130") == 0
    assert rows_of(
        db,
        "SELECT end_step, min(episode_id), max(episode_id) FROM episodes WHERE episode_id < 0 "
        "GROUP BY end_step ORDER BY 1",
    ) == [(130, -12, -9), (260, -8, -1)]
    assert main(["check-duplicates", str(db)]) == 0


def test_a_resume_from_before_the_checkpoint_keeps_its_evaluation(db, capsys):
    assert evaluated(db) == 0
    shutil.rmtree(db.with_name("runs.duckdb.checkpoints") / "r" / "step-000000260")
    with open_for_writing(db) as con:
        con.execute("UPDATE raw.segments SET state = 'interrupted'")
    assert main(["train", "--resume", "r", "--db", str(db)]) == 0
    assert rows_of(
        db,
        "SELECT end_step, episode_id < 0, count(*) FROM episodes WHERE phase = 'eval' "
        "GROUP BY ALL ORDER BY ALL",
    ) == [(130, False, 3), (260, False, 3), (260, True, 4)]
    assert rows_of(db, "SELECT count(*) FROM raw.episodes WHERE phase = 'eval'") == [(16,)]
    for command in ("audit", "check-duplicates"):
        assert main([command, str(db)]) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--no-log"], ""),
        (["--epsilon", "0.5"], "note: not logged: the run's own evaluations have epsilon 0.001\n"),
    ],
)
def test_what_is_not_to_be_logged_is_not(db, options, said, capsys):
    assert evaluated(db, *options) == 0
    assert capsys.readouterr().err == said
    assert rows_of(db, "SELECT count(*) FROM episodes WHERE episode_id < 0") == [(0,)]


def test_a_checkpoint_needs_no_log_if_nothing_is_logged(db, tmp_path, capsys):
    folder = db.with_name("runs.duckdb.checkpoints") / "r" / "step-000000130"
    absent = tmp_path / "absent.duckdb"
    options = ["--checkpoint", str(folder), "--no-log", "--format", "json"]
    assert main(["eval", "r", "--db", str(absent), "--episodes", "2", *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["env_step"], found["episodes"], found["human_normalised"]) == (130, 2, None)
    returns = [game["return_raw"] for game in found["games"]]
    assert found["mean_return"] == np.mean(returns)
    assert [found["lowest_return"], found["highest_return"]] == sorted(returns)
    assert not absent.exists()


def test_csv_has_a_line_a_game(db, capsys):
    assert evaluated(db, "--no-log", "--format", "csv") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "env_index,length,return_raw,terminated,truncated,lives_lost,seed"
    assert len(lines) == 5


def test_games_that_are_all_the_same_are_called_so(db, capsys, monkeypatch):
    monkeypatch.setattr(evaluate_module, "distinct_trajectories", lambda _: 1)
    assert evaluated(db, "--no-log") == 0
    captured = capsys.readouterr()
    assert "4 games, of which 1 distinct" in captured.out
    assert "warning: 4 games are 1 different ones" in captured.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["q"], "has no checkpoint of run 'q' (known: r)"),
        (["r", "--checkpoint", "7"], "no checkpoint of step 7 (there are those of 130 and 260)"),
        (["r", "--checkpoint", "nowhere"], "the checkpoint nowhere cannot be used"),
        (["r", "--video", "a.avi"], "a.avi is neither .mp4 nor .gif"),
        (["r", "--video", "nowhere/a.gif"], "the folder nowhere does not exist"),
        (["r", "--device", "abacus"], "unknown device 'abacus'"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(db, words, message, capsys):
    assert main(["eval", *words, "--db", str(db)]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert (captured.out, captured.err.count("\n")) == ("", 1)


def test_a_checkpoint_of_another_run_is_refused(db, capsys):
    folder = db.with_name("runs.duckdb.checkpoints") / "r" / "step-000000260"
    assert main(["eval", "q", "--checkpoint", str(folder), "--db", str(db)]) == 2
    assert "is of run 'r', not 'q'" in capsys.readouterr().err


def test_a_log_without_the_run_is_refused_when_the_games_are_written(db, tmp_path, capsys):
    folder = db.with_name("runs.duckdb.checkpoints") / "r" / "step-000000260"
    other = tmp_path / "other.duckdb"
    assert main(["train", *TRAIN[:-4], "--steps", "20", "--db", str(other), "--run-id", "s"]) == 0
    capsys.readouterr()
    words = ["eval", "r", "--checkpoint", str(folder), "--db", str(other), "--episodes", "1"]
    assert main(words) == 2
    assert "has no run 'r'" in capsys.readouterr().err


def test_a_video_shows_the_games_as_fast_as_they_are(db, tmp_path, capsys):
    pil = pytest.importorskip("PIL.Image")
    target = tmp_path / "a.gif"
    options = ["--no-log", "--video", str(target), "--format", "json"]
    assert evaluated(db, *options, episodes="1") == 0
    captured = capsys.readouterr()
    assert "50 pictures a second" in captured.err
    (game,) = json.loads(captured.out)["games"]
    with pil.open(target) as video:
        assert video.size == (600, 400)
        played = 0
        for i in range(video.n_frames):
            video.seek(i)
            played += video.info["duration"]
    # The start, and what each step led to, for 20 ms each.
    assert played == 20 * (game["length"] + 1)


def test_a_video_ends_after_a_while_and_shows_what_was_played(db):
    path = evaluate_module.find_checkpoint("r", db, None)
    found = evaluate_module.evaluate_checkpoint("r", path, episodes=2, epsilon=0.0, seed=1)
    steps = sum(episode.length for episode in found.episodes)
    rate, pictures = evaluate_module.film_games(found, seconds=60.0)
    assert (rate, len(list(pictures))) == (50.0, steps + 2)
    _, pictures = evaluate_module.film_games(found, seconds=0.1)
    assert len(list(pictures)) == 5
    episode = found.episodes[0]._replace(return_raw=-1.0)
    wrong = found._replace(episodes=(episode, *found.episodes[1:]))
    with pytest.raises(EnvironmentSetupError, match=r"returned \d+ instead of -1"):
        list(evaluate_module.film_games(wrong, seconds=60.0)[1])


def test_a_missing_package_is_named_with_its_extra_before_anything_is_played(
    db, monkeypatch, capsys
):
    monkeypatch.setattr(
        "rlaudit.render.extras.find_spec", lambda name: None if name == "av" else find_spec(name)
    )
    monkeypatch.setattr(evaluate_module, "load_agent", None)
    assert evaluated(db, "--video", "a.mp4") == 2
    assert capsys.readouterr().err == (
        "error: writing .mp4 needs av (pip install 'rlaudit[video]')\n"
    )
