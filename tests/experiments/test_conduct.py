from __future__ import annotations

import shutil
import signal
import subprocess
import sys

import pytest
import toy

from rlaudit.auditing import audit
from rlaudit.errors import DatabaseError, UsageError
from rlaudit.experiments.collect import collect
from rlaudit.experiments.conduct import conduct, is_finished, plan_runs
from rlaudit.store import list_runs, open_for_reading, open_for_writing


def episodes_of(log, run_id):
    with open_for_reading(log) as opened:
        return opened.con.execute(
            "SELECT episode_id, phase, start_step, end_step, length, return_raw, seed "
            "FROM episodes WHERE run_id = ? ORDER BY episode_id",
            [run_id],
        ).fetchall()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    runs = plan_runs(toy.TOY, folder, seeds=2)
    states = []
    return folder, runs, conduct(runs, jobs=2, on_state=states.append), states


def test_every_run_is_made_into_a_log_of_its_own(made):
    _, runs, state, states = made
    assert (state.planned, state.done, state.failed) == (4, 4, [])
    assert states[0].done == 0
    for planned in runs:
        with open_for_reading(planned.log) as log:
            (run,) = list_runs(log)
        assert (run.run_id, run.state, run.steps) == (planned.run_id, "finished", 400)


def test_what_is_finished_is_not_made_again(made, monkeypatch):
    _, runs, *_ = made
    before = [planned.log.stat().st_mtime_ns for planned in runs]
    monkeypatch.setattr("rlaudit.experiments.conduct.make_run", None)
    assert conduct(runs, jobs=1).done == 4
    assert [planned.log.stat().st_mtime_ns for planned in runs] == before


def test_a_folder_of_other_settings_is_refused(made):
    folder, *_ = made
    others = plan_runs(toy.TOY, folder, seeds=2, scale={"steps": 500})
    with pytest.raises(UsageError, match="other settings"):
        conduct(others, jobs=1)


def test_a_setting_of_a_later_version_leaves_finished_runs_finished(made, tmp_path):
    planned = plan_runs(toy.TOY, tmp_path, seeds=1)[0]
    planned.log.parent.mkdir(parents=True)
    shutil.copy(made[1][0].log, planned.log)
    with open_for_writing(planned.log) as con:
        con.execute(
            "UPDATE raw.runs SET config = json_merge_patch(config, '{\"eval_epsilon\":null}')"
        )
    assert is_finished(planned)
    with open_for_writing(planned.log) as con:
        con.execute("UPDATE raw.runs SET config = json_merge_patch(config, '{\"unheard_of\":1}')")
    with pytest.raises(UsageError, match="other settings"):
        is_finished(planned)


def test_a_log_that_cannot_be_read_is_refused_and_not_made_again(tmp_path):
    planned = plan_runs(toy.TOY, tmp_path, seeds=1)[0]
    planned.log.parent.mkdir(parents=True)
    planned.log.write_bytes(b"no database at all, but somebody's" * 1000)
    with pytest.raises(DatabaseError, match="seed-001"):
        conduct([planned], jobs=1)
    assert planned.log.read_bytes().startswith(b"no database")


def test_what_a_killed_run_left_of_an_empty_log_is_not_finished(tmp_path):
    planned = plan_runs(toy.TOY, tmp_path, seeds=1)[0]
    planned.log.parent.mkdir(parents=True)
    planned.log.touch()
    assert not is_finished(planned)


def test_the_gathered_log_holds_the_episodes_and_nothing_of_the_machine(made):
    folder, runs, *_ = made
    into = folder / "episodes.duckdb"
    assert collect(runs[:3], into) == 3
    assert collect(runs, into) == 4
    for planned in runs:
        episodes = episodes_of(planned.log, planned.run_id)
        assert episodes
        assert episodes_of(into, planned.run_id) == episodes
    with open_for_reading(into) as log:
        assert log.con.execute("SELECT count(*), count(host) FROM runs").fetchall() == [(4, 0)]
        assert log.con.execute("SELECT count(*) FROM samples").fetchall() == [(0,)]
        hashes = "SELECT phase, count(action_hash) FROM episodes GROUP BY phase ORDER BY phase"
        assert log.con.execute(hashes).fetchall() == [("eval", 4 * 3), ("train", 0)]
    report = audit(into)
    assert report.clean, str(report)


def test_a_run_that_fails_is_named_and_the_others_are_made(tmp_path):
    good = plan_runs(toy.TOY, tmp_path, seeds=1, variants=["small"])
    bad = plan_runs(
        toy.TOY,
        tmp_path,
        seeds=1,
        variants=["large"],
        scale={"learning_rate": 1e30, "max_grad_norm": 0.0},
    )
    state = conduct([*bad, *good], jobs=1)
    assert state.done == 1
    (failed,) = state.failed
    assert failed.startswith("large 1: ")
    assert "not a finite number" in failed
    assert not is_finished(bad[0])


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM that a process can catch")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_experiment_leaves_no_process_and_its_next_call_goes_on(tmp_path, how):
    command = [sys.executable, toy.__file__, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert any(int(line) > 0 for line in process.stdout)
        process.send_signal(how)
        # Its processes have inherited the pipe, so this ends when the last of them does.
        process.communicate(timeout=60)
    runs = plan_runs(toy.TOY, tmp_path, seeds=2, scale=toy.LONG)
    begun = [planned for planned in runs if planned.log.exists()]
    assert 0 < len(begun) < 4
    assert not any(is_finished(planned) for planned in runs)
    assert conduct(begun, jobs=2).done == len(begun)
    for planned in begun:
        with open_for_reading(planned.log) as log:
            assert [(run.state, run.steps) for run in list_runs(log)] == [("finished", 2_000)]
