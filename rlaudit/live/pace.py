"""How often to read a log that others write, and how fast its runs are."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from rlaudit.store import RunSummary

# A run's speed is that of its last minute: it changes when learning begins.
_WINDOW = timedelta(seconds=60)


def rest(seconds: float, *, share: float, least: float) -> float:
    """Return how long to leave a log alone after it was open for ``seconds``.

    At least ``least`` seconds, and so long that it is open for a ``share`` of the time at most.
    """
    return max(least, seconds * (1 / share - 1))


class Speeds:
    """Agent steps per second of runs, from the heartbeats that successive looks have seen."""

    def __init__(self) -> None:
        self._marks: dict[str, deque[tuple[datetime, int]]] = {}

    def add(self, runs: Iterable[RunSummary]) -> None:
        """Take in what a look has seen of ``runs``; others are forgotten."""
        seen: dict[str, deque[tuple[datetime, int]]] = {}
        for run in runs:
            if run.state == "running" and run.heartbeat_at is not None:
                seen[run.run_id] = self._with(run.run_id, run.heartbeat_at, run.steps)
        self._marks = seen

    def of(self, run_id: str) -> float | None:
        """Return the speed of a run over its last minute; None before its second heartbeat."""
        marks = self._marks.get(run_id)
        if marks is None or len(marks) < 2:
            return None
        (began, first), (ended, last) = marks[0], marks[-1]
        return (last - first) / (ended - began).total_seconds()

    def _with(self, run_id: str, at: datetime, steps: int) -> deque[tuple[datetime, int]]:
        marks = self._marks.get(run_id, deque())
        if marks and (steps < marks[-1][1] or at < marks[-1][0]):
            marks = deque()  # resumed from an earlier step, or another run of this id
        if not marks or at > marks[-1][0]:
            marks.append((at, steps))
        while len(marks) > 2 and at - marks[1][0] >= _WINDOW:
            marks.popleft()
        return marks
