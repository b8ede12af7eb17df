"""Fill a log by the real replay, without environments or a network.

Transitions come from episodes of random length, in bursts as an n-step window makes them, and
their errors shrink and jump when they are replayed, so priorities adapt as they do in training.
A run of 4,000 updates takes about a second.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rlaudit.config import ReplayConfig
from rlaudit.replay.nstep import StateTags, Window
from rlaudit.replay.replay import Replay


class NoObservations:
    """A store that holds nothing."""

    nbytes = 0

    def hold(self, *_, **__):
        """Keep nothing."""

    def stacks(self, frame_ids):
        """Return nothing for each frame."""
        return np.empty((len(frame_ids), 0), np.float32)

    def problems(self):
        """Find none."""
        return []


# Terminal, so that the replay asks for no next state.
WINDOW = Window(
    state=StateTags(0, 0, 0),
    next_state=StateTags(0, 0, 1),
    frame_id=0,
    next_frame_id=-1,
    action=0,
    reward_raw=0.0,
    reward_clipped=0.0,
    n_rewards=1,
    reward_sum=0.0,
    discount=0.99,
    terminated=True,
    truncated=False,
    env_step=0,
    noise_draw=None,
    obs_hash=None,
    next_obs_hash=None,
)
DELAY = 3


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """One run; ``tail`` is the shape of the Pareto errors, the smaller the more unequal."""

    sampling: str = "stratified"
    replacement: bool = True
    capacity: int = 1_000
    batch_size: int = 32
    alpha: float = 0.5
    insert_priority: str = "running-max"
    num_envs: int = 1
    update_period: int = 1
    learning_starts: int = 100
    updates: int = 400
    tail: float = 2.0
    seed: int = 0

    @property
    def config(self):
        """The replay's part of the settings."""
        prioritized = self.sampling != "uniform"
        return ReplayConfig(
            capacity=self.capacity,
            batch_size=self.batch_size,
            n_step=DELAY,
            prioritized=prioritized,
            sampling=self.sampling,
            replacement=self.replacement,
            alpha=self.alpha,
            insert_priority=self.insert_priority,
            importance_sampling=prioritized,
        )


class _Episodes:
    """How many windows each step completes: none at an episode's start, several at its end."""

    def __init__(self, num_envs, rng):
        self._rng = rng
        self._open = [0] * num_envs

    def completed(self):
        """Take one step in every environment."""
        count = 0
        for env_index, windows in enumerate(self._open):
            if self._rng.random() < 0.03:
                count += windows + 1
                self._open[env_index] = 0
            elif windows < DELAY - 1:
                self._open[env_index] += 1
            else:
                count += 1
        return count


def simulate(log, run_id="r1", *, logged_transitions=True, **settings):
    """Run a :class:`Simulation` with ``settings`` and add it to ``log`` as ``run_id``."""
    run = Simulation(**settings)
    replay_rng, error_rng, episode_rng = (
        np.random.default_rng(child) for child in np.random.SeedSequence(run.seed).spawn(3)
    )
    config = run.config
    replay = Replay(config, NoObservations(), replay_rng)
    episodes = _Episodes(run.num_envs, episode_rng)
    stored, updates, samples = [], [], []
    scale = {}
    env_step = 0
    while len(updates) < run.updates:
        stored += [(env_step, *replay.add(WINDOW)) for _ in range(episodes.completed())]
        env_step += run.num_envs
        due = (env_step - run.learning_starts) // run.update_period
        while len(updates) < min(due, run.updates) and replay.size >= run.batch_size:
            batch = replay.sample(env_step)
            updates.append((len(updates), env_step, replay.last_transition_id, replay.size, batch))
            samples.append((batch, _learn(replay, batch, scale, error_rng, run.tail)))
    _write(log, run, run_id, (stored if logged_transitions else [], updates, samples))


def _learn(replay, batch, scale, rng, tail):
    """Give each sampled transition an error and write it back; return what was written."""
    ids = batch.transition_ids.tolist()
    fresh = rng.pareto(tail, len(ids)) + 0.05
    errors = np.array([0.8 * scale.get(i, f) + 0.2 * f for i, f in zip(ids, fresh, strict=True)])
    scale.update(zip(ids, errors.tolist(), strict=True))
    if replay.priority_total is None:
        return None
    return replay.update_priorities(batch.slots, errors)


def _write(log, run, run_id, rows):
    stored, updates, samples = rows
    base = {"run_id": run_id, "segment_id": f"s-{run_id}"}
    stated = {name: getattr(run.config, name) for name in run.config.__dataclass_fields__} | {
        "num_envs": run.num_envs,
        "seed": run.seed,
    }
    log.add_run(run_id, json.loads(json.dumps(stated)))
    log.add("segments", **base, ordinal=0, state="finished")
    if stored:
        step, ids, slots, generations, priorities = zip(*stored, strict=True)
        insert_rows(
            log,
            "transitions",
            base,
            env_step=step,
            transition_id=ids,
            slot=slots,
            generation=generations,
            priority=pa.array(priorities, pa.float32()),
        )
    ids, steps, last, sizes, batches = zip(*updates, strict=True)
    positions = [i % run.batch_size for i in ids]
    masses = [
        None if b.masses is None else float(b.masses[j])
        for b, j in zip(batches, positions, strict=True)
    ]
    insert_rows(
        log,
        "updates",
        base,
        update_id=ids,
        env_step=steps,
        last_transition_id=last,
        buffer_size=sizes,
        capacity=[run.capacity] * len(ids),
        batch_size=[len(b.slots) for b in batches],
        priority_total=pa.array([b.priority_total for b in batches], pa.float64()),
        sampling_attempts=[b.attempts for b in batches],
        probe_batch_index=positions,
        probe_mass=pa.array(masses, pa.float64()),
    )
    insert_rows(log, "samples", base, **_sample_columns(ids, samples))


def _sample_columns(ids, samples):
    drawn = [batch for batch, _ in samples]
    columns = {
        "update_id": np.repeat(ids, [len(batch.slots) for batch in drawn]),
        "batch_index": np.concatenate([np.arange(len(batch.slots)) for batch in drawn]),
        "transition_id": np.concatenate([batch.transition_ids for batch in drawn]),
        "slot": np.concatenate([batch.slots for batch in drawn]),
        "generation": np.concatenate([batch.generations for batch in drawn]),
    }
    if drawn[0].priorities is not None:
        columns["priority"] = np.concatenate([batch.priorities for batch in drawn])
        columns["priority_new"] = np.concatenate([written.leaves for _, written in samples])
    return columns


def insert_rows(log, table, base, **columns):
    """Add rows given as columns: a thousand times as fast as TinyLog.add."""
    rows = pa.table({name: columns[name] for name in columns})
    log.con.register("simulated_rows", rows)
    names = ", ".join(columns)
    log.con.execute(
        f"INSERT INTO raw.{table} (run_id, segment_id, {names}) "
        f"SELECT '{base['run_id']}', '{base['segment_id']}', {names} FROM simulated_rows"
    )
    log.con.unregister("simulated_rows")


def varied(seed, **settings):
    """Return settings of a healthy run, chosen by ``seed`` from all that a sampler meets."""
    rng = np.random.default_rng([seed, 1])
    chosen = {
        "sampling": str(rng.choice(["stratified", "independent", "uniform"])),
        "capacity": int(rng.choice([300, 1_000, 3_000, 20_000])),
        "batch_size": int(rng.choice([16, 32, 64])),
        "alpha": float(rng.choice([0.5, 0.6, 0.8, 1.0])),
        "insert_priority": str(rng.choice(["running-max", "live-max"])),
        "num_envs": int(rng.choice([1, 4, 16])),
        "update_period": int(rng.choice([1, 2, 4])),
        "tail": float(rng.choice([1.5, 2.0, 4.0])),
        "seed": seed,
    }
    if chosen["sampling"] == "uniform":
        chosen["replacement"] = bool(rng.random() < 0.5)
    return {**chosen, **settings}
