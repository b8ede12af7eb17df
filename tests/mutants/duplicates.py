"""Rows that are logged or stored twice under one key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mutant import mutant

from rlaudit.record import Recorder
from rlaudit.records import EpisodeRow, TransitionRow, UpdateRow

if TYPE_CHECKING:
    import pytest

APPEND, EXTEND = Recorder.append, Recorder.extend


def append_twice(monkeypatch: pytest.MonkeyPatch, kind: type) -> None:
    """Record each row of one kind twice."""

    def append(self, row):
        APPEND(self, row)
        if isinstance(row, kind):
            APPEND(self, row)

    monkeypatch.setattr(Recorder, "append", append)


@mutant(
    bug=43,
    seen_in="DLR-RM/stable-baselines3#852",
    flagged_by="duplicate_episodes",
    diagnosis="is logged 2 times (distinct versions: 1)",
    may_fail=("unaccounted_agent_steps",),
)
def episode_lines_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The monitor of the environment is attached twice, and each writes the episode."""
    append_twice(monkeypatch, EpisodeRow)


@mutant(
    bug=24,
    seen_in="Shmuma/ptan#25",
    flagged_by="duplicate_transition_ids",
    diagnosis="is stored 2 times (distinct steps: 1)",
    may_fail=("duplicate_stored_steps",),
)
def transition_rows_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each transition is logged when it is stored and when its step ends."""
    append_twice(monkeypatch, TransitionRow)


@mutant(
    bug=42,
    seen_in="wandb/wandb#6728",
    flagged_by="duplicate_update_ids",
    diagnosis="is logged 2 times (distinct processes: 1)",
    # Twice the updates, and each copy of the target net comes twice at one step.
    may_fail=("target_sync_off_schedule", "wrong_replay_ratio"),
)
def update_rows_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each update is logged before and after its write-back."""
    append_twice(monkeypatch, UpdateRow)


@mutant(
    bug=43,
    seen_in="DLR-RM/stable-baselines3#852",
    flagged_by="duplicate_samples",
    diagnosis="is logged 2 times (distinct transitions: 1), where one position is one draw",
    may_fail=("batch_rows_unlike_size",),
)
def every_tenth_batch_recorded_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch is handed over again when the hand-over is taken to have failed."""

    def extend(self, rows):
        EXTEND(self, rows)
        if rows.update_id % 10 == 9:
            EXTEND(self, rows)

    monkeypatch.setattr(Recorder, "extend", extend)
