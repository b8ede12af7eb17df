"""The rows that a log is made of, as a trainer hands them to the recorder.

Each row type is one table of the schema ``raw`` (``sql/schema/raw.sql`` documents every column)
without ``run_id`` and ``segment_id``, which the recorder adds. A test holds the two together.
``None`` is SQL's NULL: the trainer has no such figure. NaN stays NaN: a NaN in a log is a finding.

Steps are agent steps over all environments, counted from 1: the k-th step of a run is step k.
``SampleRows`` is the one type that stands for many rows, those of one update, because it is
written most often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Phase = Literal["train", "eval"]


class EpisodeRow(NamedTuple):
    """One finished game, from reset to termination or truncation."""

    episode_id: int
    env_index: int
    phase: Phase
    start_step: int
    end_step: int
    length: int
    return_raw: float
    return_clipped: float
    terminated: bool
    truncated: bool
    lives_lost: int | None = None
    seed: int | None = None
    first_obs_hash: int | None = None
    action_hash: int | None = None
    observation_hash: int | None = None
    noise_draws: int | None = None


class TransitionRow(NamedTuple):
    """One stored transition: an n-step window from its first state to the state it bootstraps."""

    transition_id: int
    slot: int
    generation: int
    env_index: int
    episode_id: int
    episode_step: int
    env_step: int
    end_env_index: int
    end_episode_id: int
    end_episode_step: int
    action: int
    reward_raw: float
    reward_clipped: float
    n_rewards: int
    reward_sum: float
    discount: float
    terminated: bool
    truncated: bool
    priority: float | None = None
    obs_hash: int | None = None
    next_obs_hash: int | None = None
    noise_draw: int | None = None


class UpdateRow(NamedTuple):
    """One learner update."""

    update_id: int
    env_step: int
    last_transition_id: int
    buffer_size: int
    capacity: int
    batch_size: int
    loss: float
    alpha: float | None = None
    beta: float | None = None
    priority_total: float | None = None
    leaf_sum: float | None = None
    max_priority: float | None = None
    weight_normaliser: float | None = None
    sampling_attempts: int | None = None
    grad_norm: float | None = None
    q_mean: float | None = None
    noise_online: int | None = None
    noise_target: int | None = None
    noise_select: int | None = None
    target_synced: bool | None = None
    mass_error: float | None = None
    probe_batch_index: int | None = None
    probe_mass: float | None = None
    probe_obs_hash: int | None = None
    probe_stack_hash: int | None = None
    probe_frames: int | None = None
    probe_first_episode_id: int | None = None
    probe_first_step: int | None = None
    probe_last_episode_id: int | None = None
    probe_last_step: int | None = None
    elapsed_seconds: float | None = None


class SampleRows(NamedTuple):
    """The sampled transitions of one update, k of them; arrays have shape (k,)."""

    update_id: int
    batch_index: NDArray[np.integer]
    transition_id: NDArray[np.integer]
    slot: NDArray[np.integer] | None = None
    generation: NDArray[np.integer] | None = None
    generation_written: NDArray[np.integer] | None = None
    priority: NDArray[np.float32] | None = None
    weight_raw: NDArray[np.float32] | None = None
    weight: NDArray[np.float32] | None = None
    td_error: NDArray[np.float32] | None = None
    priority_new: NDArray[np.float32] | None = None


class EventRow(NamedTuple):
    """Something that happened once: a checkpoint, a resume, an interrupt, a NaN."""

    env_step: int
    kind: str
    detail: str | None = None


class RunInfo(NamedTuple):
    """What a run is; written once, when it starts."""

    run_id: str
    name: str
    env_id: str
    config: str
    seed: int | None = None
    source: str = "rlaudit"
    versions: str = "{}"
