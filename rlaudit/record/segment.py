"""What the log says of a run and of the process that works on it, as rows."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from uuid import uuid4

from rlaudit.config import config_hash
from rlaudit.store import batches

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

    from rlaudit.record.ledger import Ledger
    from rlaudit.records import RunInfo

State = Literal["running", "finished", "interrupted", "failed"]


class Progress(NamedTuple):
    """How far a run is; steps are agent steps over all environments."""

    env_step: int
    open_episodes: int = 0
    open_episode_steps: int = 0


@dataclass(frozen=True, slots=True)
class Resume:
    """The checkpoint that a new segment of a run goes on from; see ``raw.segments``."""

    segment_id: str
    step: int
    episode_id: int
    transition_id: int
    update_id: int


@dataclass(slots=True)
class Segment:
    """One process's part of a run.

    Attributes:
        run: what the run is.
        start_step: agent steps that were done before it.
        started_at: when it began.
        resume: the checkpoint that it goes on from; None if none.
        segment_id: its id.
        ordinal: its number among those of the run; None until the log has given it one.

    """

    run: RunInfo
    start_step: int
    started_at: datetime
    resume: Resume | None = None
    segment_id: str = field(default_factory=lambda: uuid4().hex)
    ordinal: int | None = None

    def run_rows(self, run_id: str) -> pa.Table:
        """Return the row of the run, which began with this segment."""
        row = self.run._asdict() | {"run_id": run_id, "config_hash": config_hash(self.run.config)}
        return batches.from_dicts("runs", [row | self.began()])

    def began(self) -> dict[str, Any]:
        """Return what tells the process: its host, its number, and when it began."""
        return {"host": socket.gethostname(), "pid": os.getpid(), "started_at": self.started_at}

    def row(
        self, run_id: str, state: State, progress: Progress, ledger: Ledger, now: datetime
    ) -> dict[str, Any]:
        """Return the row of this segment as it is ``now``."""
        resume = self.resume
        return {
            "run_id": run_id,
            "segment_id": self.segment_id,
            "ordinal": self.ordinal,
            "resumed_from": resume.segment_id if resume else None,
            "resume_step": resume.step if resume else None,
            "resume_episode_id": resume.episode_id if resume else None,
            "resume_transition_id": resume.transition_id if resume else None,
            "resume_update_id": resume.update_id if resume else None,
            "start_step": self.start_step,
            "end_step": progress.env_step,
            "open_episodes": progress.open_episodes,
            "open_episode_steps": progress.open_episode_steps,
            "state": state,
            "versions": self.run.versions,
            "heartbeat_at": now,
            "ended_at": None if state == "running" else now,
            **self.began(),
            **ledger.columns(),
        }
