"""One training run: builds its parts, drives the loop and hands what it does to the recorder."""

from __future__ import annotations

import math
import time
from collections import deque
from contextlib import nullcontext
from json import dumps
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from rlaudit.errors import DatabaseWriteError, UsageError
from rlaudit.record import Recorder
from rlaudit.records import EpisodeRow, EventRow
from rlaudit.train.build import build_loop
from rlaudit.train.checkpoint import Origin, Plan, default_folder, run_folder, save
from rlaudit.train.identity import new_run_id, run_info
from rlaudit.train.loading import restore
from rlaudit.train.progress import Progress, Summary, evaluation_line
from rlaudit.train.rows import evaluation_row, sample_rows, transition_row, update_row
from rlaudit.train.signals import stop_on_signal

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from rlaudit.config import TrainConfig
    from rlaudit.train.loading import Checkpoint
    from rlaudit.train.loop import TrainingLoop
    from rlaudit.train.ticks import Tick
    from rlaudit.train.watch import Watcher

EPISODES_IN_MEAN = 100
SECONDS_BETWEEN_REPORTS = 0.25
SPEED_WINDOW_SECONDS = 5.0
# Between two updates the processor's caches hold the network, and the code that makes rows takes
# 5 to 10 times as long as it does in a row. So rows of many ticks are made at once: a step of
# CartPole fell from 97 microseconds to 32.
TICKS_AT_ONCE = 32


def run_training(
    config: TrainConfig,
    db: Path | None,
    *,
    name: str | None = None,
    run_id: str | None = None,
    checkpoint_every: int = 0,
    checkpoints: Path | None = None,
    watcher: Watcher | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_note: Callable[[str], None] = lambda _: None,
) -> Summary:
    """Train as ``config`` says and log to ``db``, or nowhere if it is None.

    SIGINT and SIGTERM end the run after the step under way: the log is complete up to there.

    Args:
        config: all settings.
        db: the log.
        name: of the run, for people; the environment's if None.
        run_id: new in the log; made up if None.
        checkpoint_every: agent steps between two checkpoints; 0 saves none. One more is saved at
            the end, also of an interrupted run.
        checkpoints: folder for the checkpoints of all runs; beside the log if None.
        watcher: looks at the log while the run goes on, and may end it.
        on_progress: called a few times a second.
        on_note: called with a sentence that a user should see.

    Raises:
        RlauditError: if the run could not begin, something would corrupt the replay, or the log
            can no longer be written. A loss that is no number is in the summary.
    """
    name = name or config.env.env
    run_id = run_id or new_run_id(name.replace("/", "-"))
    plan = None
    if checkpoint_every:
        plan = Plan(_checkpoint_folder(checkpoints, db), checkpoint_every)
    return conduct(
        config,
        db,
        run_id=run_id,
        name=name,
        plan=plan,
        watcher=watcher,
        on_progress=on_progress,
        on_note=on_note,
    )


def conduct(
    config: TrainConfig,
    db: Path | None,
    *,
    run_id: str,
    name: str,
    plan: Plan | None,
    watcher: Watcher | None,
    on_progress: Callable[[Progress], None],
    on_note: Callable[[str], None],
    checkpoint: Checkpoint | None = None,
) -> Summary:
    """Run from the start, or from ``checkpoint``, to the end."""
    began_cpu = time.process_time()
    # Networks of a few thousand weights are slower on two threads than on one.
    torch.set_num_threads(1 if config.agent.network == "mlp" else torch.get_num_threads())
    loop = build_loop(config, for_log=db is not None)
    try:
        if checkpoint:
            restore(loop, checkpoint)
        recorder = None
        if db:
            recorder = Recorder(
                db,
                run_info(config, run_id, name),
                on_warning=on_note,
                start_step=loop.env_step,
                resume=checkpoint.origin.resume() if checkpoint else None,
            )
        with stop_on_signal() as stop, recorder or nullcontext():
            run = _Run(
                loop,
                recorder,
                run_id,
                name=name,
                plan=plan,
                watcher=watcher,
                on_progress=on_progress,
                on_note=on_note,
                began_cpu=began_cpu,
            )
            if checkpoint:
                run.go_on_from(checkpoint)
            return run.drive(stop)
    finally:
        if watcher:
            watcher.close()
        loop.close()


def _checkpoint_folder(folder: Path | None, db: Path | None) -> Path:
    if folder is not None:
        return folder
    if db is None:
        raise UsageError(
            "checkpoints are kept beside the log, and none is written",
            hint="log the run, or name a folder for its checkpoints",
        )
    return default_folder(db)


class _Run:
    """Joins the loop to a recorder and keeps the figures that a run is followed by."""

    def __init__(
        self,
        loop: TrainingLoop,
        recorder: Recorder | None,
        run_id: str,
        *,
        name: str,
        plan: Plan | None,
        watcher: Watcher | None,
        on_progress: Callable[[Progress], None],
        on_note: Callable[[str], None],
        began_cpu: float,
    ) -> None:
        self._loop = loop
        self._recorder = recorder
        self._run_id = run_id
        self._name = name
        self._plan = plan
        self._watcher = watcher
        self._saved_at = loop.env_step
        self._on_progress = on_progress
        self._on_note = on_note
        self._started = time.perf_counter()
        self._began_cpu = began_cpu
        self._recent: deque[EpisodeRow] = deque(maxlen=EPISODES_IN_MEAN)
        self._losses: list[float] = []
        self._speed: deque[tuple[float, int]] = deque([(self._started, loop.env_step)])
        self._next_report = self._started
        self._waiting: list[tuple[float, Tick]] = []

    def drive(self, stop: threading.Event) -> Summary:
        """Run the loop to its end, or to the first step after ``stop`` is set."""
        state: Literal["finished", "interrupted", "failed"] = "finished"
        problem = ""
        try:
            for tick in self._loop.ticks():
                self._follow(tick)
                problem = next((u.problem for u in tick.updates if u.problem), "")
                if problem:
                    state = "failed"
                    self._event("nan", {"message": problem})
                    break
                if stop.is_set():
                    state = "interrupted"
                    self._event("interrupt")
                    break
                problem = self._look()
                if problem:
                    state = "failed"
                    break
                self._save_if_due()
        finally:
            # Also when the loop ends in an error: the log shows what led to it.
            self._record()
        if state == "finished" and self._watcher:
            problem = self._look(until=stop)
            state = "failed" if problem else "interrupted" if stop.is_set() else "finished"
        if state != "failed":
            self._save_if_due(at_end=True)
        if self._recorder:
            self._recorder.close(state)
        return self._summary(state, problem)

    def _follow(self, tick: Tick) -> None:
        self._recent.extend(tick.finished)
        self._losses.extend(update.learned.loss for update in tick.updates)
        if tick.evaluation:
            self._on_note(evaluation_line(tick.env_step, tick.evaluation.episodes))
        now = time.perf_counter()
        due = now >= self._next_report
        if self._recorder:
            self._waiting.append((now - self._started, tick))
            if due or len(self._waiting) >= TICKS_AT_ONCE:
                self._record()
        if due:
            self._report(now)

    def _record(self) -> None:
        """Hand over the rows of the ticks that wait."""
        recorder = self._recorder
        if recorder is None:
            return
        config = self._loop.config.replay
        for elapsed, tick in self._waiting:
            for window, stored in tick.stored:
                recorder.append(transition_row(window, stored))
            for episode in tick.finished:
                recorder.append(episode)
            if tick.evaluation:
                for episode in tick.evaluation.episodes:
                    recorder.append(episode)
                recorder.append(evaluation_row(tick.env_step, tick.evaluation))
            for update in tick.updates:
                recorder.append(update_row(update, config, elapsed))
                recorder.extend(sample_rows(update))
        if self._waiting:
            # The last whole tick, and not the loop itself: an error may have left it in the next.
            tick = self._waiting[-1][1]
            recorder.progress(tick.env_step, len(self._loop.running), tick.open_episode_steps)
            self._waiting.clear()
        recorder.check()

    def _look(self, *, until: threading.Event | None = None) -> str:
        """Let the watcher look at the log; return why the run is to end, or nothing.

        With ``until`` it is the last look, which is waited for unless the event is set before.
        """
        watcher, step = self._watcher, self._loop.env_step
        if watcher is None:
            return ""
        if until is None:
            found = watcher.step(step, self._flush)
        else:
            found = watcher.finish(step, self._flush, until)
        if found:
            self._event("audit", {"message": found})
        return found

    def _flush(self) -> str:
        """Bring all rows so far into the log, and return the run's id in it."""
        self._record()
        if self._recorder is None:
            return self._run_id
        self._recorder.flush()
        return self._recorder.run_id

    def _event(self, kind: str, detail: dict[str, Any] | None = None) -> None:
        if self._recorder:
            text = dumps(detail) if detail else None
            self._recorder.append(EventRow(self._loop.env_step, kind, text))

    def go_on_from(self, checkpoint: Checkpoint) -> None:
        """Take over what the run that saved ``checkpoint`` was followed by."""
        self._recent.extend(EpisodeRow(*row) for row in checkpoint.state["recent"])
        origin = checkpoint.origin
        self._event("resume", {"checkpoint": checkpoint.path.name, "segment": origin.segment_id})
        self._on_note(f"resumed from step {origin.env_step:,}")

    def _save_if_due(self, *, at_end: bool = False) -> None:
        """Save a checkpoint between two steps; before an evaluation that is due there, too."""
        plan, step = self._plan, self._loop.env_step
        if plan is None:
            return
        if step > self._saved_at if at_end else step // plan.every > self._saved_at // plan.every:
            self._save(plan.folder, plan.every)

    def _save(self, folder: Path, every: int) -> None:
        """Save a checkpoint; where the disk does not take it, say so and go on training."""
        loop = self._loop
        self._saved_at = loop.env_step
        began = time.perf_counter()
        state = {"loop": loop.state(), "recent": [list(episode) for episode in self._recent]}
        try:
            run_id = self._flush()
            origin = self._origin(run_id, every)
            path, size = save(run_folder(folder, run_id), origin, state, loop.agent.state())
        except (DatabaseWriteError, OSError) as error:
            self._on_note(f"no checkpoint at step {loop.env_step:,}: {error}")
            return
        seconds = round(time.perf_counter() - began, 3)
        self._event("checkpoint", {"folder": path.name, "bytes": size, "seconds": seconds})

    def _origin(self, run_id: str, every: int) -> Origin:
        loop = self._loop
        return Origin(
            run_id=run_id,
            name=self._name,
            segment_id=self._recorder.segment_id if self._recorder else None,
            config=loop.config.to_json(),
            every=every,
            **loop.reached(),
        )

    def _report(self, now: float) -> None:
        self._next_report = now + SECONDS_BETWEEN_REPORTS
        self._speed.append((now, self._loop.env_step))
        while now - self._speed[0][0] > SPEED_WINDOW_SECONDS:
            self._speed.popleft()
        self._on_progress(self._progress())
        self._losses.clear()

    def _progress(self) -> Progress:
        loop, recorder = self._loop, self._recorder
        now = time.perf_counter()
        since, step = self._speed[0]
        returns = [episode.return_raw for episode in self._recent]
        return Progress(
            env_step=loop.env_step,
            steps=loop.config.schedule.steps,
            elapsed_seconds=now - self._started,
            steps_per_second=(loop.env_step - step) / max(now - since, 1e-9),
            episodes=loop.episodes_finished,
            mean_return=float(np.mean(returns)) if returns else math.nan,
            updates=loop.learner.updates_done,
            loss=float(np.mean(self._losses)) if self._losses else math.nan,
            rows_logged=recorder.rows_logged if recorder else 0,
        )

    def _summary(self, state: str, problem: str) -> Summary:
        recorder = self._recorder
        lengths = [episode.length for episode in self._recent]
        return Summary(
            # Another one than was asked for, if that was taken while the file was locked.
            run_id=recorder.run_id if recorder else self._run_id,
            state=state,
            final=self._progress(),
            mean_length=float(np.mean(lengths)) if lengths else math.nan,
            rows_written=recorder.written if recorder else {},
            rows_spooled=recorder.spooled if recorder else {},
            rows_dropped=recorder.dropped if recorder else {},
            recorder_cpu_seconds=recorder.cpu_seconds if recorder else 0.0,
            process_cpu_seconds=time.process_time() - self._began_cpu,
            problem=problem,
        )
