"""What a run says of itself while it trains, and when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rlaudit.records import EpisodeRow


class Progress(NamedTuple):
    """The state of a run at one moment."""

    env_step: int
    steps: int
    """Agent steps that the run is to take."""
    elapsed_seconds: float
    steps_per_second: float
    """Over the last few seconds."""
    episodes: int
    mean_return: float
    """Mean raw return of the last 100 training episodes; NaN before the first has ended."""
    updates: int
    loss: float
    """Mean over the updates since the last report; NaN if there was none."""
    rows_logged: int
    """Rows in the file or its spool."""


class Summary(NamedTuple):
    """How a run ended."""

    run_id: str
    state: str
    """finished, interrupted or failed."""
    final: Progress
    mean_length: float
    """Mean length of the last 100 training episodes in agent steps."""
    rows_written: Mapping[str, int]
    rows_spooled: Mapping[str, int]
    rows_dropped: Mapping[str, int]
    recorder_cpu_seconds: float
    process_cpu_seconds: float
    problem: str
    """What stopped the run, where it failed; empty otherwise."""


def evaluation_line(env_step: int, episodes: Sequence[EpisodeRow]) -> str:
    """Say what an evaluation found."""
    returns = [episode.return_raw for episode in episodes]
    return (
        f"evaluation at step {env_step:,}: mean return {sum(returns) / len(returns):.2f} over "
        f"{len(returns)} episodes, {min(returns):g} to {max(returns):g}"
    )
