"""An experiment of seconds, for tests and for the processes that they start."""

from __future__ import annotations

import sys
from pathlib import Path

from rlaudit.experiments.conduct import conduct, plan_runs
from rlaudit.experiments.plan import Experiment, Variant

TOY = Experiment(
    name="toy",
    title="Toy",
    source="nobody",
    env="CartPole-v1",
    preset="gymnasium",
    variants=(
        Variant("small", "8 units", {"hidden_units": 8}),
        Variant("large", "16 units", {"hidden_units": 16}),
    ),
    seeds=2,
    settings={
        "steps": 400,
        "learning_starts": 100,
        "capacity": 500,
        "batch_size": 4,
        "eval_every": 400,
        "eval_episodes": 3,
    },
)

# Long enough for a test to stop it.
LONG = {"steps": 2_000}

if __name__ == "__main__":
    runs = plan_runs(TOY, Path(sys.argv[1]), seeds=2, scale=LONG)
    conduct(runs, jobs=2, on_state=lambda state: print(len(state.running), flush=True))  # noqa: T201 - a test reads it
