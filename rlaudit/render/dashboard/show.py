"""Run the screen, and see that every end but ``kill -9`` leaves the terminal as it was."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

from rlaudit.render.extras import require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def show_dashboard(
    path: Path, *, chosen: str | None = None, every: float = 2.0, audits: bool = True
) -> bool:
    """Show the log at ``path`` until someone quits; return False if it was interrupted.

    The arguments are those of :class:`~rlaudit.render.dashboard.app.Dashboard`. Raises
    :class:`MissingExtraError` without the extra ``watch``.
    """
    for package in ("textual", "plotille"):
        require(package, doing="rlaudit watch", extra="watch")
    from rlaudit.render.dashboard.app import Dashboard  # noqa: PLC0415 - an extra

    app = Dashboard(path, chosen=chosen, every=every, audits=audits)
    with _ended_by_signals(app.interrupt_soon):
        # Without the mouse a terminal lets people select text as they are used to.
        app.run(mouse=False)
    if app.failure is not None:
        raise app.failure
    return not app.interrupted


@contextlib.contextmanager
def _ended_by_signals(end: Callable[[], object]) -> Iterator[None]:
    """Call ``end`` on the signals that would kill the process with the screen still up."""
    names = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
    before = {
        number: signal.signal(number, lambda *_: end())
        for number in (getattr(signal, name, None) for name in names)
        if number is not None
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
