"""What recording costs: the trainer's thread for each update, and the background thread.

    python tests/bench/recorder_cost.py [--updates 20000] [--updates-per-second 400]

An update is one UpdateRow, one TransitionRow and 32 samples. The first figures are taken with the
background thread idle. The last are of a paced run with flushes every five seconds, where a
large part is what each flush costs however few rows it brings.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from rlaudit.record import Recorder
from rlaudit.records import RunInfo, SampleRows, TransitionRow, UpdateRow

BATCH = 32


def make_rows(step: int, rng: np.random.Generator) -> tuple[TransitionRow, UpdateRow, SampleRows]:
    """Return rows as full as a trainer's, with values as random as a trainer's."""
    ids = rng.integers(0, 1_000_000, BATCH)
    floats = rng.random((5, BATCH), np.float32)
    window = (3, step // 500, step % 500, step, 3, step // 500, step % 500 + 3)
    transition = TransitionRow(
        step, step % 1_000_000, 0, *window, 2, 1.0, 1.0, 3, 2.9701, 0.970299,
        terminated=False, truncated=False, priority=1.5,
        obs_hash=int(rng.integers(2**63)), next_obs_hash=int(rng.integers(2**63)), noise_draw=step,
    )  # fmt: skip
    update = UpdateRow(
        step, 4 * step, step, step, 1_000_000, BATCH, float(rng.random()), 0.5, 0.4,
        float(1000 * rng.random()), None, 1.5, 0.3, BATCH, float(rng.random()),
        float(rng.random()), step, step, step, False, 1e-7, 5, float(rng.random()),
        int(rng.integers(2**63)), int(rng.integers(2**63)), 4, 17, 100, 17, 103, 12.5,
    )  # fmt: skip
    index = np.arange(BATCH)
    zeros = np.zeros(BATCH, np.int32)
    return transition, update, SampleRows(step, index, ids, ids, zeros, zeros, *floats)


def handing_over(recorder: Recorder, updates: int) -> dict[str, float]:
    """Return microseconds of the trainer's thread for each kind of call."""
    rng = np.random.default_rng(0)
    rows = [make_rows(step, rng) for step in range(1000)]
    seconds = dict.fromkeys(("transition", "update", "32 samples", "progress"), 0.0)
    for step in range(updates):
        transition, update, samples = rows[step % 1000]
        t0 = time.perf_counter()
        recorder.append(transition)
        t1 = time.perf_counter()
        recorder.append(update)
        t2 = time.perf_counter()
        recorder.extend(samples)
        t3 = time.perf_counter()
        recorder.progress(step, 1, 1)
        t4 = time.perf_counter()
        for name, spent in zip(seconds, (t1 - t0, t2 - t1, t3 - t2, t4 - t3), strict=True):
            seconds[name] += spent
    return {name: 1e6 * spent / updates for name, spent in seconds.items()}


def paced(recorder: Recorder, updates: int, per_second: float) -> float:
    """Offer ``updates`` at a trainer's pace; return the recorder's CPU seconds for them."""
    rng = np.random.default_rng(1)
    rows = [make_rows(step, rng) for step in range(1000)]
    before = recorder.cpu_seconds
    began = time.perf_counter()
    for step in range(updates):
        ahead = step / per_second - (time.perf_counter() - began)
        if ahead > 0.01:
            time.sleep(ahead)  # a trainer's pace is what is measured
        for row in rows[step % 1000][:2]:
            recorder.append(row)  # type: ignore[arg-type]  # a transition and an update
        recorder.extend(rows[step % 1000][2])
        recorder.progress(step, 1, 1)
    recorder.flush()
    return recorder.cpu_seconds - before


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=20_000)
    parser.add_argument("--updates-per-second", type=float, default=400.0)
    options = parser.parse_args()
    run = RunInfo("handing-over", "bench", "bench", "{}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.duckdb"
        with Recorder(path, run, flush_seconds=3600) as recorder:
            cost = handing_over(recorder, min(options.updates, 10_000))
            background = recorder.cpu_seconds
            recorder.flush()
            background = recorder.cpu_seconds - background
        samples = BATCH * min(options.updates, 10_000)
        for name, microseconds in cost.items():
            print(f"{name:>12}: {microseconds:6.2f} us")
        print(f"  one update: {sum(cost.values()):6.2f} us of the trainer's thread")
        print(
            f"background, one flush of all: {1e6 * background / samples:.2f} CPU s per 1M samples"
        )
        with Recorder(path, run._replace(run_id="paced")) as recorder:
            began = time.perf_counter()
            cpu = paced(recorder, options.updates, options.updates_per_second)
            wall = time.perf_counter() - began
        print(
            f"paced, {options.updates / wall:.0f} updates/s: both threads "
            f"{1e6 * cpu / (BATCH * options.updates):.2f} CPU s per 1M samples, "
            f"{100 * cpu / wall:.2f} % of one core"
        )


if __name__ == "__main__":
    main()
