"""A checkpoint of a few kilobytes, and its header changed so that it vouches for what is there."""

from __future__ import annotations

import json

from rlaudit.presets import resolve
from rlaudit.train.build import build_loop
from rlaudit.train.checkpoint import Origin, file_facts, run_folder, save, sum_of

SMALL = {
    "hidden_units": 8,
    "num_atoms": 5,
    "batch_size": 8,
    "capacity": 100,
    "learning_starts": 40,
    "update_period": 2,
    "target_sync_agent_steps": 30,
    "steps": 400,
    "seed": 2,
}


def loop_of(**flags):
    config = resolve("CartPole-v1", atari=False, from_flags={**SMALL, **flags})
    return build_loop(config, for_log=True)


def origin_of(loop, run_id="r"):
    return Origin(
        run_id=run_id,
        name="mine",
        segment_id="s",
        config=loop.config.to_json(),
        every=100,
        **loop.reached(),
    )


def saved(folder, loop, run_id="r"):
    state = {"loop": loop.state(), "recent": []}
    path, _ = save(run_folder(folder, run_id), origin_of(loop, run_id), state, loop.agent.state())
    return path


def edited(path, change):
    """Change the header, and let it vouch for the files as they are now."""
    header = json.loads((path / "checkpoint.json").read_text())
    change(header)
    header.pop("blake2b", None)
    for name in header["files"]:
        header["files"][name] = file_facts(path / name)
    if header["format"] > 1:
        header["blake2b"] = sum_of(header)
    (path / "checkpoint.json").write_text(json.dumps(header))
