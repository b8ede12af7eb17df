"""Go on with a run from its newest checkpoint, as if it had never stopped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rlaudit.config import config_hash
from rlaudit.errors import CheckpointError, UsageError, did_you_mean
from rlaudit.stated_config import read_config
from rlaudit.store import open_for_reading, refuse_if_running
from rlaudit.train.checkpoint import Plan, default_folder, newest
from rlaudit.train.loading import load
from rlaudit.train.run import conduct

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rlaudit.config import TrainConfig
    from rlaudit.train.loading import Checkpoint
    from rlaudit.train.progress import Progress, Summary
    from rlaudit.train.watch import Watcher


def resume_training(
    run_id: str,
    db: Path,
    *,
    checkpoint_every: int | None = None,
    checkpoints: Path | None = None,
    watcher: Watcher | None = None,
    check_config: Callable[[TrainConfig], None] = lambda _: None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_note: Callable[[str], None] = lambda _: None,
) -> Summary:
    """Train on from the newest checkpoint of a run that was killed or interrupted, or failed.

    All that the run did after it is done again under the same ids; the log's views leave the first
    attempt out. The steps from there on are those of the run had it not stopped, provided that the
    same versions of the packages run on the same kind of machine with as many threads.

    Args:
        run_id: the run.
        db: the log that holds it.
        checkpoint_every: agent steps between two checkpoints; as before if None.
        checkpoints: folder of the checkpoints of all runs; beside the log if None.
        watcher: looks at the log while the run goes on, and may end it.
        check_config: gets the settings of the run and may raise, before anything is done.
        on_progress: called a few times a second.
        on_note: called with a sentence that a user should see.

    Raises:
        CheckpointError: there is no checkpoint, it is damaged or not of this run of the log.
        UsageError: the log has no such run, or the run is finished or still running.
        RlauditError: what :func:`~rlaudit.train.run.run_training` raises.
    """
    folder = checkpoints or default_folder(db)
    checkpoint = load(newest(folder, run_id))
    origin = checkpoint.origin
    origin.refuse_other_run(run_id, checkpoint.path)
    config = origin.settings()
    check_config(config)
    _refuse_unfit(run_id, db, checkpoint)
    every = origin.every if checkpoint_every is None else checkpoint_every
    return conduct(
        config,
        db,
        run_id=run_id,
        name=origin.name,
        plan=Plan(folder, every) if every else None,
        watcher=watcher,
        on_progress=on_progress,
        on_note=on_note,
        checkpoint=checkpoint,
    )


def _refuse_unfit(run_id: str, db: Path, checkpoint: Checkpoint) -> None:
    """Refuse a run that cannot be gone on with, and a checkpoint that is not of this log."""
    with open_for_reading(db) as log:
        runs = log.con.execute(
            "SELECT config, seed FROM raw.runs WHERE run_id = ?", [run_id]
        ).fetchall()
        if not runs:
            known = [str(row[0]) for row in log.con.sql("SELECT run_id FROM raw.runs").fetchall()]
            raise UsageError(f"{db} has no run {run_id!r}", hint=did_you_mean(run_id, known))
        refuse_if_running(log.con, run_id)
        segments = log.con.execute(
            "SELECT segment_id, state FROM raw.segments WHERE run_id = ? ORDER BY ordinal", [run_id]
        ).fetchall()
    config, seed = runs[0]
    path, origin = checkpoint.path, checkpoint.origin
    mine = json.loads(origin.config)
    stated = not read_config(config).problem
    if not stated or config_hash(config) != config_hash(origin.config) or seed != mine["seed"]:
        raise CheckpointError(
            f"the checkpoint {path} has other settings than run {run_id!r} in {db}"
        )
    if origin.segment_id not in {segment_id for segment_id, _ in segments}:
        raise CheckpointError(f"the checkpoint {path} is of another log than {db}")
    if segments[-1][1] == "finished":
        raise UsageError(f"run {run_id!r} is finished; there is nothing to resume")
