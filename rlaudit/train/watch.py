"""What may look at a run's log while the run goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable


class Watcher(Protocol):
    """Looks at the log of a run now and then, without making the training wait.

    ``flush`` brings all rows so far into the log and returns the id that the run has in it; it
    raises :class:`~rlaudit.errors.DatabaseWriteError` where neither the log nor its spool takes
    them. What is returned says why the run is to end; an empty text lets it go on.
    """

    def step(self, env_step: int, flush: Callable[[], str]) -> str:
        """Come by after a step of training."""

    def finish(self, env_step: int, flush: Callable[[], str], stop: threading.Event) -> str:
        """Look once more after the last step, and wait for what is found until ``stop`` is set."""

    def close(self) -> None:
        """Give up what is under way; called at the end, however the run ended."""
