"""What the log costs: training with it on against training with it off, in alternating pairs.

    python tests/bench/log_cost.py breakout --steps 6000 --pairs 5
    python tests/bench/log_cost.py cartpole --steps 20000 --pairs 5

    python tests/bench/log_cost.py breakout --device cuda

Each run is a process of its own with the same seed, so both do the same work. Prints the median of
the pairs' ratios of wall time, and the recorder's own CPU seconds, on both its threads, as a share
of the run's.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

CHILD = """
import json, sys, pathlib
from rlaudit.envs import resolve_env
from rlaudit.presets import resolve
from rlaudit.train import run_training
name, steps, db, device = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
env = resolve_env(name)
flags = {"steps": steps, "seed": 1, "device": device}
config = resolve(env.name, atari=env.is_atari, from_flags=flags, from_env=env.implied)
summary = run_training(config, pathlib.Path(db) if db else None)
print(json.dumps({
    "wall": summary.final.elapsed_seconds,
    "recorder": summary.recorder_cpu_seconds,
    "cpu": summary.process_cpu_seconds,
    "rows": sum(summary.rows_written.values()),
}))
"""


def run(env: str, steps: int, db: Path | None, device: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, env, str(steps), str(db or ""), device],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("env")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    options = parser.parse_args()
    ratios, shares = [], []
    print(f"{options.env}, {options.steps:,} steps, {platform.platform()}")
    with tempfile.TemporaryDirectory() as folder:
        for pair in range(options.pairs):
            # The second of a pair may find a warmer or a busier machine: take turns.
            order = [True, False] if pair % 2 == 0 else [False, True]
            result = {
                logged: run(
                    options.env,
                    options.steps,
                    Path(folder, f"{pair}.duckdb") if logged else None,
                    options.device,
                )
                for logged in order
            }
            on, off = result[True], result[False]
            ratios.append(on["wall"] / off["wall"])
            shares.append(on["recorder"] / on["cpu"])
            print(
                f"pair {pair + 1}: log on {on['wall']:.2f} s, off {off['wall']:.2f} s "
                f"({options.steps / off['wall']:,.0f} steps/s), "
                f"ratio {ratios[-1]:.4f}; recorder {on['recorder']:.2f} of {on['cpu']:.2f} CPU s "
                f"({shares[-1]:.2%}), {on['rows']:,.0f} rows",
                flush=True,
            )
    print(
        f"median ratio {statistics.median(ratios):.4f} "
        f"(from {min(ratios):.4f} to {max(ratios):.4f}), "
        f"median share of CPU {statistics.median(shares):.2%}"
    )


if __name__ == "__main__":
    main()
