"""Carry out the healthy runs of one log: train, interrupt, kill and resume as the plan says."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from rlaudit.record import Recorder
from rlaudit.train import resume_training, run_training
from rlaudit.train import run as run_module

FOLDER = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]
from proving import config_of  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plan import Trial

    from rlaudit.train import Progress, Summary

    _Train = Callable[..., Summary]

# A run of a few seconds that is killed must have been written by then.
_FLUSH_SECONDS = 0.2
# Of a run that is resumed; the first comes before any run of the plan is stopped.
_CHECKPOINTS = 5
_KILLED = """
import sys
sys.path[:0] = {path!r}
from trials import kill_yourself
kill_yourself({set_name!r}, {name!r}, {log!r}, {checkpoints!r})
"""


def make_log(folder: Path, trials: Sequence[Trial]) -> dict[str, Any]:
    """Make the log that ``trials`` share and return what the study keeps of it.

    A run that ends in an error leaves the error in the result, and is neither repeated nor
    replaced.
    """
    torch.set_num_threads(1)
    log_path = folder / f"{trials[0].log}.duckdb"
    log_path.unlink(missing_ok=True)
    started = time.perf_counter()
    error = ""
    try:
        for trial in trials:
            carry_out(trial, log_path)
    except Exception as problem:  # noqa: BLE001 - whatever it is, the study reports it
        error = f"{trial.name}: {type(problem).__name__}: {problem}"
    return {
        "log": trials[0].log,
        "runs": [asdict(trial) for trial in trials],
        "seconds": round(time.perf_counter() - started, 2),
        "error": error,
    }


def carry_out(trial: Trial, log_path: Path) -> None:
    """Make one run of the plan, to its end or to where the plan leaves it."""
    with tempfile.TemporaryDirectory() as made:
        checkpoints = Path(made)
        stop_at = int(trial.part * trial.settings["steps"])
        if trial.course == "whole":
            _drive(_beginning(trial, log_path))
        elif trial.course == "interrupted":
            _drive(_beginning(trial, log_path), at=stop_at, then=_interrupt)
        elif trial.course == "killed":
            _train_and_kill(trial, log_path, checkpoints)
        elif trial.course == "resumed":
            _drive(_beginning(trial, log_path, checkpoints), at=stop_at, then=_interrupt)
            _drive(_rest(trial, log_path, checkpoints))
        elif trial.course == "resumed-twice":
            _drive(_beginning(trial, log_path, checkpoints), at=stop_at // 2, then=_interrupt)
            _drive(_rest(trial, log_path, checkpoints), at=stop_at, then=_interrupt)
            _drive(_rest(trial, log_path, checkpoints))
        else:
            _train_and_kill(trial, log_path, checkpoints)
            _drive(_rest(trial, log_path, checkpoints))


def _beginning(trial: Trial, log_path: Path, checkpoints: Path | None = None) -> _Train:
    every = trial.settings["steps"] // _CHECKPOINTS if checkpoints else 0
    return functools.partial(
        run_training,
        config_of(trial.settings),
        log_path,
        name=trial.name,
        run_id=trial.name,
        checkpoint_every=every,
        checkpoints=checkpoints,
    )


def _rest(trial: Trial, log_path: Path, checkpoints: Path) -> _Train:
    return functools.partial(resume_training, trial.name, log_path, checkpoints=checkpoints)


def _drive(
    train: _Train,
    *,
    at: int | None = None,
    then: Callable[[], None] = lambda: None,
    flush_seconds: float = 10.0,
) -> None:
    """Train, and at step ``at`` call ``then``."""
    pending = [at] if at is not None else []

    def on_progress(progress: Progress) -> None:
        if pending and progress.env_step >= pending[0]:
            pending.clear()
            then()

    with pytest.MonkeyPatch.context() as monkeypatch, warnings.catch_warnings():
        warnings.simplefilter("error")
        # Gymnasium's own advice on some environments' spaces is none of a run's business.
        warnings.filterwarnings("ignore", module="gymnasium")
        if at is not None:
            # Progress is told by the clock as a rule; here, after every step.
            monkeypatch.setattr(run_module, "SECONDS_BETWEEN_REPORTS", 0.0)
            recorder = functools.partial(Recorder, flush_seconds=flush_seconds)
            monkeypatch.setattr(run_module, "Recorder", recorder)
        train(on_progress=on_progress)
    if pending:
        raise RuntimeError(f"the run ended before step {pending[0]}")


def _interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def _train_and_kill(trial: Trial, log_path: Path, checkpoints: Path) -> None:
    """Train in a process of its own, which ends itself as ``kill -9`` does."""
    program = _KILLED.format(
        path=[str(FOLDER), str(FOLDER.parent)],
        set_name=trial.name.rpartition("-")[0],
        name=trial.name,
        log=str(log_path),
        checkpoints=str(checkpoints),
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    if done.returncode != -signal.SIGKILL:
        raise RuntimeError(
            f"the run was not killed but ended with {done.returncode}: {done.stderr}"
        )


def kill_yourself(set_name: str, name: str, log: str, checkpoints: str) -> None:
    """Carry out one run of the plan up to its part, and die."""
    from plan import trials  # noqa: PLC0415 - the path is known only now

    torch.set_num_threads(1)
    trial = next(trial for trial in trials(set_name) if trial.name == name)
    _drive(
        _beginning(trial, Path(log), Path(checkpoints)),
        at=int(trial.part * trial.settings["steps"]),
        then=lambda: os.kill(os.getpid(), signal.SIGKILL),
        flush_seconds=_FLUSH_SECONDS,
    )


def digest_of(trials: Sequence[Trial]) -> str:
    """Return the plan of a log as a text that two equal plans share."""
    return json.dumps([asdict(trial) for trial in trials], sort_keys=True)
