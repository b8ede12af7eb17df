"""A few updates of prioritized replay as rows that a test may spoil before they are written.

It is written without the package's replay, from Schaul et al. 2016, so that a check and the replay
cannot be wrong in the same way.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from checking import result_of

CONFIG = {
    "prioritized": True,
    "sampling": "independent",
    "replacement": True,
    "alpha": 0.5,
    "priority_epsilon": 1e-6,
    "insert_priority": "running-max",
    "importance_sampling": True,
    "beta_annealing": True,
    "beta_start": 0.4,
    "beta_anneal_steps": 100,
    "weight_normaliser": "batch",
    "loss": "huber",
    "num_envs": 1,
}
PER_STEP = 2


class PrioritizedRun:
    """A sound run; ``transitions``, ``updates`` and ``samples`` are lists of rows (dicts).

    Before each update two transitions are stored. Drawn are random ones (the checks of priorities
    and weights do not care which), the first of them twice if ``copies`` is set. ``first`` is the
    leaf that enters before any priority was written.
    """

    def __init__(
        self, *, updates=30, batch=8, capacity=20, seed=0, copies=False, first=1.0, **config
    ):
        self.config = {**CONFIG, "capacity": capacity, "batch_size": batch, **config}
        self.transitions, self.updates, self.samples = [], [], []
        self.segments = [{"segment_id": "s1", "ordinal": 0}]
        self.leaves = {}
        self.largest = first
        self._rng = np.random.default_rng(seed)
        for update_id in range(updates):
            for _ in range(PER_STEP + batch * (update_id == 0)):
                self._store()
            self._update(update_id, batch, copies=copies)

    def _store(self):
        transition_id, capacity = len(self.transitions), self.config["capacity"]
        priority = self.largest
        if self.config["insert_priority"] == "live-max":
            priority = float(max(self.leaves.values(), default=1.0))
        self.leaves.pop(transition_id - capacity, None)
        self.leaves[transition_id] = np.float32(priority)
        self.transitions.append(
            {
                "transition_id": transition_id,
                "slot": transition_id % capacity,
                "generation": transition_id // capacity,
                "env_step": transition_id + 1,
                "priority": float(self.leaves[transition_id]),
            }
        )

    def _update(self, update_id, k, *, copies):
        config, step = self.config, len(self.transitions)
        size = len(self.leaves)
        total = float(sum(np.float64(leaf) for leaf in self.leaves.values()))
        drawn = self._rng.choice(list(self.leaves), k, replace=False)
        if copies:
            drawn[1] = drawn[0]
        beta = config["beta_start"]
        if config["beta_annealing"]:
            beta += (1 - beta) * min(1, step / config["beta_anneal_steps"])
        priorities = np.array([self.leaves[i] for i in drawn], np.float32)
        if config["importance_sampling"]:
            raw = ((size * priorities.astype(np.float64) / total) ** -beta).astype(np.float32)
        else:
            raw, beta = np.ones(k, np.float32), None
        weights = raw / raw.max()
        errors = self._rng.normal(0, 2, k).astype(np.float32)
        if config["loss"] == "cross-entropy":
            errors = abs(errors)
        size_of = abs(errors.astype(np.float64)) + config["priority_epsilon"]
        new = (size_of ** config["alpha"]).astype(np.float32)
        entry = float(
            self.largest
            if config["insert_priority"] == "running-max"
            else max(self.leaves.values())
        )
        self.updates.append(
            {
                "update_id": update_id,
                "env_step": step,
                "last_transition_id": step - 1,
                "buffer_size": size,
                "capacity": config["capacity"],
                "batch_size": k,
                "loss": self._loss(errors, weights),
                "alpha": config["alpha"],
                "beta": beta,
                "priority_total": total,
                "leaf_sum": total if update_id % 10 == 0 else None,
                "max_priority": entry,
                "weight_normaliser": float(raw.max()),
            }
        )
        for position, transition_id in enumerate(int(i) for i in drawn):
            self.samples.append(
                {
                    "update_id": update_id,
                    "batch_index": position,
                    "transition_id": transition_id,
                    "slot": transition_id % config["capacity"],
                    "generation": transition_id // config["capacity"],
                    "generation_written": transition_id // config["capacity"],
                    "priority": float(priorities[position]),
                    "weight_raw": float(raw[position]),
                    "weight": float(weights[position]),
                    "td_error": float(errors[position]),
                    "priority_new": float(new[position]),
                }
            )
            self.leaves[transition_id] = new[position]
            self.largest = max(self.largest, float(new[position]))

    def _loss(self, errors, weights):
        size = abs(errors)
        losses = {
            "abs": size,
            "squared": size * size / 2,
            "huber": np.where(size <= 1, size * size / 2, size - np.float32(0.5)),
            # The divergence and, for the entropy of the target, 1.
            "cross-entropy": size + 1,
        }
        return float((weights * losses[self.config["loss"]]).mean(dtype=np.float32))

    def batch(self, update_id):
        """Return the sample rows of one update."""
        return [row for row in self.samples if row["update_id"] == update_id]

    def draws_of(self, transition_id):
        """Return the sample rows of one transition, in order."""
        return [row for row in self.samples if row["transition_id"] == transition_id]

    def redrawn(self, from_update=1):
        """Return two rows of one transition that follow each other, in different updates."""
        for row in self.samples:
            if row["update_id"] < from_update:
                continue
            draws = self.draws_of(row["transition_id"])
            at = draws.index(row)
            if at and draws[at - 1]["update_id"] < row["update_id"]:
                return draws[at - 1], row
        raise AssertionError("no transition was drawn twice")

    def resume_at(self, update_id):
        """Let a second process, resumed from a checkpoint before ``update_id``, write the rest."""
        last = next(row for row in self.updates if row["update_id"] == update_id - 1)
        stored = last["last_transition_id"]
        self.segments.append(
            {
                "segment_id": "s2",
                "ordinal": 1,
                "resumed_from": "s1",
                "resume_step": last["env_step"],
                "resume_update_id": update_id - 1,
                "resume_transition_id": stored,
            }
        )
        for row in self.updates + self.samples:
            row["segment_id"] = "s1" if row["update_id"] < update_id else "s2"
        for row in self.transitions:
            row["segment_id"] = "s1" if row["transition_id"] <= stored else "s2"

    def write(self, log, run_id="r1"):
        """Write all rows to a TinyLog."""
        log.add_run(run_id, self.config)
        for table in ("segments", "transitions", "updates", "samples"):
            rows = [{"segment_id": "s1", **row} for row in getattr(self, table)]
            names = list(dict.fromkeys(name for row in rows for name in row))
            # TinyLog.add takes a millisecond a row.
            log.con.register(
                "rows_of_run",
                pa.table({name: [row.get(name) for row in rows] for name in names}),
            )
            log.con.execute(
                f"INSERT INTO raw.{table} (run_id, {', '.join(names)}) "
                f"SELECT '{run_id}', {', '.join(names)} FROM rows_of_run"
            )
            log.con.unregister("rows_of_run")
        return log


def said(log, name):
    """Return what a check that must fail says of its first row."""
    result = result_of(log, name)
    assert result.status == "fail", (result.status, result.message)
    return result.diagnosis(result.examples[0])


def passes(log, name):
    """Hold that a check applies and passes."""
    result = result_of(log, name)
    assert result.status == "pass", result.message or result.diagnosis(result.examples[0])
    return True
