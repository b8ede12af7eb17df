"""What the loop did, as the rows that a log is made of."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from rlaudit.records import EventRow, SampleRows, TransitionRow, UpdateRow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rlaudit.config import ReplayConfig
    from rlaudit.records import EpisodeRow
    from rlaudit.replay.nstep import Window
    from rlaudit.replay.replay import Stored
    from rlaudit.train.ticks import Evaluation, Update


def transition_row(window: Window, stored: Stored) -> TransitionRow:
    """Return a stored window as a row."""
    return TransitionRow(
        transition_id=stored.transition_id,
        slot=stored.slot,
        generation=stored.generation,
        env_index=window.state.env_index,
        episode_id=window.state.episode_id,
        episode_step=window.state.episode_step,
        env_step=window.env_step,
        end_env_index=window.next_state.env_index,
        end_episode_id=window.next_state.episode_id,
        end_episode_step=window.next_state.episode_step,
        action=window.action,
        reward_raw=window.reward_raw,
        reward_clipped=window.reward_clipped,
        n_rewards=window.n_rewards,
        reward_sum=window.reward_sum,
        discount=window.discount,
        terminated=window.terminated,
        truncated=window.truncated,
        priority=stored.priority,
        obs_hash=window.obs_hash,
        next_obs_hash=window.next_obs_hash,
        noise_draw=window.noise_draw,
    )


def sample_rows(update: Update) -> SampleRows:
    """Return the batch of one update as rows; its k arrays have shape (k,)."""
    batch, written = update.batch, update.written
    return SampleRows(
        update_id=update.update_id,
        batch_index=_positions(len(batch.slots)),
        transition_id=batch.transition_ids,
        slot=batch.slots,
        generation=batch.generations,
        generation_written=written.generations if written else None,
        priority=batch.priorities,
        weight_raw=batch.weights_raw,
        weight=batch.weights,
        td_error=update.learned.td_errors,
        priority_new=written.leaves if written else None,
    )


@cache
def _positions(batch_size: int) -> NDArray[np.int64]:
    return np.arange(batch_size)


def update_row(update: Update, config: ReplayConfig, elapsed_seconds: float) -> UpdateRow:
    """Return one update as a row."""
    batch, learned, look = update.batch, update.learned, update.look
    prioritized = config.prioritized
    row = UpdateRow(
        update_id=update.update_id,
        env_step=update.env_step,
        last_transition_id=update.last_transition_id,
        buffer_size=update.buffer_size,
        capacity=config.capacity,
        batch_size=len(batch.slots),
        loss=learned.loss,
        alpha=config.alpha if prioritized else None,
        beta=batch.beta,
        priority_total=batch.priority_total,
        leaf_sum=update.leaf_sum,
        max_priority=update.max_priority,
        weight_normaliser=batch.weight_normaliser,
        sampling_attempts=batch.attempts,
        grad_norm=learned.grad_norm,
        q_mean=learned.q_mean,
        noise_online=learned.noise_online,
        noise_target=learned.noise_target,
        noise_select=learned.noise_select,
        target_synced=update.target_synced,
        mass_error=learned.mass_error,
        elapsed_seconds=elapsed_seconds,
    )
    if look is None:
        return row
    probe = look.probe
    return row._replace(
        probe_batch_index=probe.batch_index,
        probe_mass=probe.mass,
        probe_obs_hash=look.obs_hash,
        probe_stack_hash=look.stack_hash,
        probe_frames=probe.frames,
        probe_first_episode_id=probe.first_episode_id,
        probe_first_step=probe.first_step,
        probe_last_episode_id=probe.last_episode_id,
        probe_last_step=probe.last_step,
    )


def evaluation_row(env_step: int, evaluation: Evaluation) -> EventRow:
    """Return an evaluation as an event; its episodes are rows of their own."""
    episodes = evaluation.episodes
    detail = {
        "first_episode_id": evaluation.first_episode_id,
        "episodes": len(episodes),
        "distinct_trajectories": distinct_trajectories(episodes),
        "mean_return": float(np.mean([episode.return_raw for episode in episodes])),
        "updates_before": evaluation.updates_before,
        "updates_after": evaluation.updates_after,
        "transitions_before": evaluation.transitions_before,
        "transitions_after": evaluation.transitions_after,
    }
    return EventRow(env_step, "evaluation", json.dumps(detail))


def distinct_trajectories(episodes: list[EpisodeRow]) -> int:
    """Return how many sequences of observations and actions ``episodes`` are."""
    return len({(episode.observation_hash, episode.action_hash) for episode in episodes})
