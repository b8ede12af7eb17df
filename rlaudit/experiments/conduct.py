"""Make the runs of an experiment on all cores, each into a log of its own.

What is finished is left as it is, so a stopped experiment goes on where it stopped: a run with a
checkpoint from there, another from its start.
"""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from typing import TYPE_CHECKING

from rlaudit.config import build, config_hash
from rlaudit.envs import resolve_env
from rlaudit.errors import EXIT_FAILED, ConfigError, RlauditError, UsageError
from rlaudit.experiments.plan import Planned, State
from rlaudit.stated_config import read_config
from rlaudit.store import list_runs, open_for_reading
from rlaudit.train import resume_training, run_training
from rlaudit.train.checkpoint import default_folder, run_folder
from rlaudit.train.signals import stop_on_signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from multiprocessing.queues import SimpleQueue
    from multiprocessing.synchronize import Event
    from pathlib import Path

    from rlaudit.experiments.plan import Experiment
    from rlaudit.train.progress import Progress

_SECONDS_BETWEEN_REPORTS = 0.5


def plan_runs(
    experiment: Experiment,
    folder: Path,
    *,
    seeds: int,
    variants: Sequence[str] = (),
    scale: Mapping[str, object] | None = None,
) -> list[Planned]:
    """Return the runs of an experiment, seed by seed, so that a part of it is a fair part.

    Raises:
        UsageError: if the experiment has no variant of a name.
        ConfigError: if ``scale``, settings for all runs, does not fit.
    """
    env = resolve_env(experiment.env)
    chosen = experiment.chosen(variants)
    return [
        Planned(
            name=experiment.run_name(variant),
            variant=variant.name,
            seed=seed,
            config=experiment.config(
                variant, seed, scale or {}, atari=env.is_atari, implied=env.implied
            ),
            log=folder / variant.name / f"seed-{seed:03d}.duckdb",
            checkpoint_every=experiment.checkpoint_every,
        )
        for seed in range(1, seeds + 1)
        for variant in chosen
    ]


def is_finished(planned: Planned) -> bool:
    """Say whether the run's log is there and finished.

    Raises:
        UsageError: if the log is of a run with other settings.
        DatabaseError: if it cannot be read: another process has it open, or it is no log. It is
            left as it is.
    """
    if not planned.log.exists() or not planned.log.stat().st_size:
        return False
    with open_for_reading(planned.log) as log:
        configs = log.con.execute("SELECT config FROM runs").fetchall()
        states = [run.state for run in list_runs(log)]
    if any(_config_hash(config) != planned.config_hash for (config,) in configs):
        raise UsageError(
            f"{planned.log} is of a run with other settings",
            hint="name another folder, or ask for the settings that it was begun with",
        )
    return states == ["finished"]


def _config_hash(config: str | None) -> str | None:
    """Hash a log's settings as this version knows them; one that did not exist has its default."""
    settings = dict(read_config(config).settings)
    if "preset" not in settings:
        return None
    try:
        return config_hash(build(settings.pop("preset"), settings).to_json())
    except ConfigError:
        return None


def conduct(
    runs: Sequence[Planned], *, jobs: int, on_state: Callable[[State], None] = lambda _: None
) -> State:
    """Make the runs that are not finished, ``jobs`` at a time.

    SIGINT and SIGTERM end the runs under way after their step, and then return; what is missing
    is made by the next call. A run that fails does not stop the others.

    Raises:
        UsageError: if a log is of a run with other settings.
    """
    wanted = [planned for planned in runs if not is_finished(planned)]
    return _Conduct(runs, wanted, on_state).drive(jobs)


class _Conduct:
    def __init__(
        self, runs: Sequence[Planned], wanted: Sequence[Planned], on_state: Callable[[State], None]
    ) -> None:
        self._wanted = wanted
        self._on_state = on_state
        self._planned = len(runs)
        self._done = len(runs) - len(wanted)
        self._progress: dict[str, tuple[int, int]] = {}
        self._failed: list[str] = []

    def drive(self, jobs: int) -> State:
        context = get_context("spawn")
        reports: SimpleQueue[tuple[str, int, int]] = context.SimpleQueue()
        stopping = context.Event()
        pool = ProcessPoolExecutor(
            jobs, mp_context=context, initializer=_begin_worker, initargs=(reports, stopping)
        )
        with stop_on_signal() as stop, _one_thread_each(), pool:
            left = {pool.submit(make_run, planned): planned for planned in self._wanted}
            while left:
                self._on_state(self._state())
                ended, _ = wait(left, _SECONDS_BETWEEN_REPORTS, return_when=FIRST_COMPLETED)
                while not reports.empty():
                    name, step, steps = reports.get()
                    self._progress[name] = step, steps
                for future in ended:
                    self._end(left.pop(future), None if future.cancelled() else future.result())
                if stop.is_set() and not stopping.is_set():
                    stopping.set()
                    for future in left:
                        future.cancel()
        return self._state()

    def _end(self, planned: Planned, outcome: str | None) -> None:
        self._progress.pop(_name(planned), None)
        if outcome == "finished":
            self._done += 1
        elif outcome not in (None, "interrupted"):
            self._failed.append(f"{_name(planned)}: {outcome}")

    def _state(self) -> State:
        return State(
            planned=self._planned,
            done=self._done,
            share=(self._done + sum(step / steps for step, steps in self._progress.values()))
            / self._planned,
            running=[f"{name}: {step:,}" for name, (step, _) in sorted(self._progress.items())],
            failed=self._failed,
        )


def _name(planned: Planned) -> str:
    return f"{planned.variant} {planned.seed}"


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let the processes that begin inside use one thread each: as many runs as cores is faster."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


class _Worker:
    """What a process of the pool knows."""

    reports: SimpleQueue[tuple[str, int, int]]
    stopping: Event
    orphaned = threading.Event()
    is_training = False


def _begin_worker(reports: SimpleQueue[tuple[str, int, int]], stopping: Event) -> None:
    _Worker.reports, _Worker.stopping = reports, stopping
    # Ctrl-C in a terminal goes to the whole process group, and the parent decides what it means.
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the command's end, which may be a kill: a pool's processes would wait for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
    _Worker.orphaned.set()
    if not _Worker.is_training:
        os._exit(EXIT_FAILED)


def make_run(planned: Planned) -> str:
    """Make one run, or go on with it; return its state, or what went wrong."""
    if _Worker.stopping.is_set():
        return "interrupted"  # it was handed out before the stop, and had not begun
    _Worker.is_training = True
    outcome = _train(planned)
    _Worker.is_training = False
    if _Worker.orphaned.is_set():
        os._exit(EXIT_FAILED)
    return outcome


def _train(planned: Planned) -> str:
    def report(progress: Progress) -> None:
        if _Worker.orphaned.is_set() or _Worker.stopping.is_set():
            signal.raise_signal(signal.SIGTERM)  # ends the run after the step under way
        else:
            _Worker.reports.put((_name(planned), progress.env_step, progress.steps))

    try:
        if run_folder(default_folder(planned.log), planned.run_id).exists():
            summary = resume_training(planned.run_id, planned.log, on_progress=report)
        else:
            _remove(planned.log)
            planned.log.parent.mkdir(parents=True, exist_ok=True)
            summary = run_training(
                planned.config,
                planned.log,
                name=planned.name,
                run_id=planned.run_id,
                checkpoint_every=planned.checkpoint_every,
                on_progress=report,
            )
    except RlauditError as error:
        return f"{error}{f' ({error.hint})' if error.hint else ''}"
    return summary.problem or summary.state


def _remove(log: Path) -> None:
    """Remove what a stopped run without a checkpoint has left."""
    for path in log.parent.glob(f"{log.name}*"):
        if path.is_file():
            path.unlink()
