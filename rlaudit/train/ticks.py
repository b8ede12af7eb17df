"""What a step of the training loop brings to whoever drives it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rlaudit.agent.agent import Learned
    from rlaudit.records import EpisodeRow
    from rlaudit.replay.nstep import Window
    from rlaudit.replay.replay import Batch, PriorityWrite, Probe, Stored


class Look(NamedTuple):
    """One position of a batch: how it was drawn, and hashes of its state as it was rebuilt."""

    probe: Probe
    obs_hash: int
    """Of the state's newest frame."""
    stack_hash: int
    """Of the whole state."""


class Update(NamedTuple):
    """One learner update and what the replay was when its batch was drawn."""

    update_id: int
    env_step: int
    last_transition_id: int
    buffer_size: int
    max_priority: float | None
    leaf_sum: float | None
    batch: Batch
    """Without its observations, which are large and have been learned from."""
    learned: Learned
    look: Look | None
    """At another batch position in each update; None where nothing is logged."""
    written: PriorityWrite | None
    """None under uniform replay, and where the errors could not be priorities."""
    target_synced: bool
    problem: str
    """Why the errors could not be written back; empty if all is well."""


class Evaluation(NamedTuple):
    """One evaluation, and what training had done when it began and when it was over.

    The counts are read off the loop and the replay, so that a trainer that learns or stores while
    it evaluates shows it.
    """

    first_episode_id: int
    episodes: list[EpisodeRow]
    updates_before: int
    updates_after: int
    transitions_before: int
    transitions_after: int


class Tick(NamedTuple):
    """What one step of all environments brought.

    While an evaluation goes on there is a tick after each of its steps, so that whoever drives
    the loop can stop it. They bring nothing but the last one's ``evaluation``.
    """

    env_step: int
    """Agent steps done, this tick's included."""
    stored: list[tuple[Window, Stored]]
    finished: list[EpisodeRow]
    updates: list[Update]
    open_episode_steps: int
    """Agent steps in the episodes under way."""
    evaluation: Evaluation | None = None
