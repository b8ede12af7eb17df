from __future__ import annotations

import csv
import io
import json

import pytest

from rlaudit.cli import main
from rlaudit.store import open_for_writing


@pytest.fixture
def log(log_file):
    """Two settings with two seeds each; runs of n_step 1 return 1 and 3, of n_step 3 5 and 7."""
    path, writing = log_file
    with writing() as log:
        for number, n_step in enumerate((1, 1, 3, 3)):
            run_id = f"r{number}"
            log.add_run(
                run_id,
                {"n_step": n_step},
                name="cart",
                env_id="CartPole-v1",
                config_hash=f"h{n_step}",
                seed=number,
                started_at=f"2026-01-0{number + 1}",
            )
            log.add(
                "episodes",
                run_id=run_id,
                episode_id=list(range(20)),
                phase="train",
                end_step=list(range(10, 210, 10)),
                return_raw=float(2 * number + 1),
                terminated=True,
            )
    return str(path)


def run(capsys, *args):
    code = main([str(arg) for arg in args])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_plot_in_the_terminal(capsys, log):
    code, out, err = run(capsys, "plot", log)
    assert code == 0
    assert "mean return of the last 2 training episodes" in out
    assert "n_step=1 (2 seeds)" in out
    assert "n_step=3 (2 seeds)" in out
    assert max(map(len, out.splitlines())) <= 80
    assert err == (
        "note: no run has 100 episodes yet, the longest has 20: each mean is over 2 (--window)\n"
    )


def test_the_numbers_that_are_drawn(capsys, log):
    code, out, err = run(capsys, "plot", log, "--window", 10, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert (code, err) == (0, "")
    assert [(r["group"], r["x"], r["centre"], r["low"], r["high"], r["runs"]) for r in rows] == [
        ("n_step=1", "10.0", "2.0", "1.0", "3.0", "2"),
        ("n_step=1", "20.0", "2.0", "1.0", "3.0", "2"),
        ("n_step=3", "10.0", "6.0", "5.0", "7.0", "2"),
        ("n_step=3", "20.0", "6.0", "5.0", "7.0", "2"),
    ]


def test_a_single_run_has_no_interval_in_json(capsys, log):
    options = ("--window", 20, "--run", "r1", "--statistic", "iqm", "--format", "json")
    code, out, _ = run(capsys, "plot", log, *options)
    assert code == 0
    assert json.loads(out) == [
        {
            "group": "cart",
            "by": "episodes",
            "x": 20,
            "centre": 3,
            "low": None,
            "high": None,
            "runs": 1,
            "statistic": "iqm",
            "measure": "mean return of the last 20 training episodes",
        }
    ]


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<svg")])
def test_pictures_by_the_suffix(capsys, log, tmp_path, suffix, start):
    file = tmp_path / f"curves.{suffix}"
    code, out, _ = run(capsys, "plot", log, "--by", "steps", "-o", file)
    assert (code, out) == (0, "")
    assert file.read_bytes().startswith(start)
    assert list(tmp_path.glob(".curves*")) == []


def test_groups_are_chosen(capsys, log):
    code, out, _ = run(capsys, "plot", log, "--group-by", "run", "--window", 20, "--format", "csv")
    assert code == 0
    assert [line.split(",")[0] for line in out.splitlines()] == ["group", "r0", "r1", "r2", "r3"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--format", "png"], "a PNG is no text for a terminal (name a file: -o curves.png)"),
        (["-o", "x.pdf"], "the name x.pdf does not say which format to write"),
        (["--run", "r9"], "no run has the id 'r9' (did you mean 'r"),
        (["--group-by", "nstep"], "no run has the setting 'nstep' (did you mean 'n_step'?)"),
        (["--by", "hours"], "its episodes have no times"),
        (["--phase", "eval", "--by", "steps"], "no run has a finished evaluation episode"),
        (["--normalised"], "human scores are known for 57 Atari games only"),
        (["--window", "21"], "no run has 21 training episodes, the longest has 20 (--window)"),
    ],
)
def test_what_cannot_be_drawn_is_one_line_and_exit_2(capsys, log, args, message):
    code, out, err = run(capsys, "plot", log, *args)
    assert (code, out) == (2, "")
    assert message in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_human_normalised_scores_name_their_source(capsys, log_file):
    path, writing = log_file
    with writing() as log:
        log.add_run("r1", env_id="breakout")
        log.add("episodes", run_id="r1", episode_id=0, end_step=10, return_raw=30.5)
    code, out, _ = run(capsys, "plot", path, "--normalised")
    assert code == 0
    assert "human-normalised return of each training episode" in out
    assert "Wang et al. 2016" in out
    code, out, _ = run(capsys, "plot", path, "--normalised", "--format", "json")
    assert json.loads(out)[0]["centre"] == 1.0


def test_a_log_with_two_settings_is_compared_without_a_choice(capsys, log):
    code, out, err = run(capsys, "compare", log)
    assert code == 0
    assert out.splitlines()[0] == "final return: mean return of the last 2 training episodes"
    assert "A  n_step=1      2          200     2        1 to 3" in out
    assert "B  n_step=3      2          200     6        5 to 7" in out
    assert "B minus A                         4   95% interval 2 to 6" in out
    assert "probability of improvement        1   95% interval 1 to 1" in out
    assert "rests on 2 and 2 seeds, 10,000 bootstrap resamples" in out
    assert "warning: group n_step=1 has 2 seeds: a bootstrap interval over so few" in err


def test_a_comparison_as_json(capsys, log):
    options = ("--window", 20, "--a", "n_step=3", "--b", "run=r0", "--format", "json")
    code, out, err = run(capsys, "compare", log, *options)
    found = json.loads(out)
    assert code == 0
    assert (found["difference"], found["difference_interval"]) == (-5, None)
    assert found["probability_of_improvement"] == 0
    assert found["measure"] == "mean return of the last 20 training episodes"
    assert found["b"] == {
        "name": "run=r0",
        "seeds": 1,
        "centre": 1,
        "interval": None,
        "runs": [{"run_id": "r0", "seed": 0, "final_return": 1, "episodes": 20, "step": 200}],
    }
    assert "warning: group run=r0 is one run, r0: the difference has no interval" in err


def test_two_logs_are_two_groups(capsys, log, log_file, tmp_path):
    path, _ = log_file
    other = tmp_path / "other"
    other.mkdir()
    (other / "copy.duckdb").write_bytes(path.read_bytes())
    with open_for_writing(other / "copy.duckdb") as con:
        con.execute("UPDATE raw.runs SET host = 'another'")  # else it is the same log twice
    code, out, _ = run(capsys, "compare", log, other, "--format", "csv")
    assert code == 0
    assert [tuple(line.split(",")[:2]) for line in out.splitlines()[1:]] == [
        *((log, f"r{i}") for i in range(4)),
        *((str(other), f"r{i}") for i in range(4)),
    ]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--a", "n_step=1"], "--b is missing: two groups are compared (for example: rlaudit"),
        (["--run", "r0"], "these are runs of the same settings (choose with --a and --b"),
        (["--a", "n_step=1", "--b", "n_step=2"], "no run has n_step=2 (known: 1, 3)"),
        (["--a", "n_step=1", "--b", "run=r0"], "run r0 is in both groups"),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_exit_2(capsys, log, args, message):
    code, out, err = run(capsys, "compare", log, *args)
    assert (code, out) == (2, "")
    assert message in err
