from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tomllib

import pytest

from rlaudit.cli import main
from rlaudit.store import open_for_reading

RLAUDIT = [sys.executable, "-m", "rlaudit"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
SMALL = ["--hidden-units", "16", "--batch-size", "16"]


def rlaudit(*arguments):
    return subprocess.run(
        [*RLAUDIT, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
        timeout=120,
    )


def started(*arguments):
    return subprocess.Popen(
        [*RLAUDIT, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )


def until_a_row_is_logged(trainer, db):
    """Query the log once a second, as a user would, until it holds updates."""
    while True:
        with pytest.raises(subprocess.TimeoutExpired):
            trainer.wait(timeout=1)
        found = rlaudit("sql", str(db), "SELECT count(*) FROM updates", "--format", "csv")
        if found.returncode == 0 and int(found.stdout.split()[1]) > 0:
            return


def complete(db):
    """Whether every update has its samples and every step its place, run by run."""
    with open_for_reading(db) as log:
        return log.con.sql(
            """
            SELECT s.run_id, s.state,
                   (SELECT sum(batch_size) FROM updates u WHERE u.run_id = s.run_id)
                   = (SELECT count(*) FROM samples x WHERE x.run_id = s.run_id) AS samples,
                   (SELECT coalesce(sum(length), 0) FROM episodes e WHERE e.run_id = s.run_id)
                   + s.open_episode_steps = s.end_step AS steps
            FROM segments s ORDER BY s.run_id
            """
        ).fetchall()


def test_list_presets_needs_no_environment(capsys):
    assert main(["train", "--list-presets"]) == 0
    assert capsys.readouterr().out.startswith("rainbow")


def test_show_config_is_toml_that_gives_the_same_config_again(capsys, tmp_path):
    assert main(["train", "cartpole", "--n-step", "5", "--no-double", "--show-config"]) == 0
    text = capsys.readouterr().out
    assert tomllib.loads(text)["n_step"] == 5
    file = tmp_path / "again.toml"
    file.write_text(text)
    assert main(["train", "cartpole", "--config", str(file), "--show-config"]) == 0
    assert capsys.readouterr().out == text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no environment is named"),
        (["breakot"], "did you mean 'breakout'?"),
        (["cartpole", "--preset", "rainbo"], "did you mean 'rainbow'?"),
        (["Pendulum-v1"], "discrete actions"),
        (["cartpole", "--n-step", "0"], "n_step must be at least 1, not 0"),
        (["cartpole", "--alpha", "1.5"], "alpha must be at most 1"),
        (["cartpole", "--batch-size", "9", "--capacity", "8"], "larger than the capacity 8"),
        (["cartpole", "--nosy", "off"], "--noisy"),
        (["cartpole", "--network", "nature"], "use network 'mlp'"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_none_is_not_touched(capsys, tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("not a database, but dear to me")
    assert main(["train", "cartpole", "--steps", "10", "--db", str(file)]) == 2
    assert "is not a DuckDB database" in capsys.readouterr().err
    assert file.read_text() == "not a database, but dear to me"


def test_a_run_id_that_exists_is_refused_and_nothing_is_lost(capsys, tmp_path):
    db = str(tmp_path / "a.duckdb")
    assert main(["train", "cartpole", "--steps", "20", "--db", db, "--run-id", "mine"]) == 0
    assert main(["train", "cartpole", "--steps", "20", "--db", db, "--run-id", "mine"]) == 2
    assert "'mine'" in capsys.readouterr().err
    assert [row[1:] for row in complete(db)] == [("finished", None, True)]


def test_training_without_its_packages_names_the_extra():
    hidden = "import sys; sys.modules['torch'] = None; from rlaudit.cli import main; "
    done = subprocess.run(
        [sys.executable, "-c", hidden + "sys.exit(main(['train', 'cartpole']))"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "error: training needs torch (pip install 'rlaudit[train]')\n"


def test_without_a_terminal_progress_is_plain_lines(tmp_path):
    done = rlaudit(
        "train", "cartpole", "--steps", "900", "--db", str(tmp_path / "a.duckdb"), *SMALL
    )
    assert done.returncode == 0
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0].startswith("step ")
    assert "\x1b" not in done.stderr
    assert lines[-1] == f"next: rlaudit audit {tmp_path / 'a.duckdb'}"


def test_no_log_writes_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "cartpole", "--steps", "30", "--no-log"]) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_ctrl_c_ends_the_run_with_its_log_complete(tmp_path):
    db = tmp_path / "a.duckdb"
    trainer = started("train", "cartpole", "--db", str(db), *SMALL)
    until_a_row_is_logged(trainer, db)
    trainer.send_signal(signal.SIGINT)
    _, err = trainer.communicate(timeout=60)
    assert trainer.returncode == 130
    assert "was interrupted after" in err
    assert "Traceback" not in err
    assert [row[1:] for row in complete(db)] == [("interrupted", True, True)]


def test_a_killed_run_is_shown_as_dead_and_its_log_stays_sound(tmp_path):
    db = tmp_path / "a.duckdb"
    trainer = started("train", "cartpole", "--db", str(db), *SMALL)
    until_a_row_is_logged(trainer, db)
    trainer.kill()
    trainer.communicate(timeout=60)
    runs = json.loads(rlaudit("runs", str(db), "--format", "json").stdout)
    assert [run["state"] for run in runs] == ["dead"]
    assert [row[2:] for row in complete(db)] == [(True, True)]
    assert rlaudit("check-duplicates", str(db)).returncode == 0


def test_two_trainers_and_a_reader_share_one_file(tmp_path):
    db = tmp_path / "b.duckdb"
    options = ["--steps", "3000", "--db", str(db), *SMALL]
    trainers = [started("train", "cartpole", "--seed", str(seed), *options) for seed in (1, 2)]
    answers = []
    for trainer in trainers:
        while trainer.poll() is None:
            found = rlaudit("sql", str(db), "SELECT count(*) FROM samples", "--format", "csv")
            # Only in the first moments there is no file yet.
            assert found.returncode == 0 or "does not exist" in found.stderr
            answers += [int(found.stdout.split()[1])] if found.returncode == 0 else []
    for trainer in trainers:
        _, err = trainer.communicate()
        assert trainer.returncode == 0, err
        assert "error" not in err
    assert answers == sorted(answers)
    assert len(answers) > 1
    assert [row[1:] for row in complete(db)] == [("finished", True, True)] * 2
    assert rlaudit("check-duplicates", str(db)).returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on a file's size")
def test_a_full_disk_ends_the_run_by_name_and_leaves_a_readable_log(tmp_path):
    db = tmp_path / "a.duckdb"
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000)); "
        "from rlaudit.cli import main; sys.exit(main())"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            limited,
            "train",
            "cartpole",
            "--steps",
            "9000",
            "--db",
            str(db),
            *SMALL,
        ],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
        timeout=120,
    )
    assert done.returncode == 2, done.stderr
    assert "kept in memory for now" in done.stderr
    assert "is complete only up to agent step" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(complete(db)) == 1
