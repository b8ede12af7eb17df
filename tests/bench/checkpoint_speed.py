"""How long a full Atari replay takes to save and to resume from, and how much memory.

    python tests/bench/checkpoint_speed.py [--transitions 1000000] [--played 100000]
        [--env breakout]

The replay is filled by playing at random, and then with copies of what was played: a frame comes
again after 700 MB, and the compressor looks back over 32 KiB. Its priorities are random numbers,
as those of a run are to a compressor. Saving is what a run does between two steps.
Resuming is done by a new process, and timed from the built loop to the restored one: check sums,
nets, replay and the games that were open. Seconds are of the clock and, in brackets, of the
processor; memory is the most that was resident.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rlaudit.presets import resolve
from rlaudit.replay.frames import NO_FRAME, FrameStore
from rlaudit.train.build import build_loop
from rlaudit.train.checkpoint import Origin, save
from rlaudit.train.loading import load, restore

if TYPE_CHECKING:
    from rlaudit.train.loop import TrainingLoop

NUM_ENVS = 8


def loop_of(env: str, transitions: int) -> TrainingLoop:
    """Return a loop of Rainbow's size that plays at random and never learns."""
    return build_loop(
        resolve(
            env,
            atari=True,
            from_flags={
                "capacity": transitions,
                "steps": transitions + NUM_ENVS * 10,
                "learning_starts": 2 * transitions,
                "num_envs": NUM_ENVS,
                "noisy": "off",
                "epsilon_greedy_start": 1.0,
                "epsilon_greedy_end": 1.0,
                "device": "cpu",
            },
        ),
        for_log=False,
    )


def fill(loop: TrainingLoop, played: int) -> None:
    """Play, fill the replay with copies of it, and give every transition a priority of its own."""
    replay, store, rng = loop.replay, loop.replay.store, np.random.default_rng(0)
    assert isinstance(store, FrameStore)
    # A copy has a few frames more than transitions, for which the ring must have room.
    most_copies = max(1, (store.ring_size - replay.capacity) // (6 * NUM_ENVS))
    played = max(played, -(-replay.capacity // most_copies))
    ticks = loop.ticks()
    windows = []
    while loop.env_step < min(played, loop.config.schedule.steps - NUM_ENVS):
        windows += [window for window, _ in next(ticks).stored]
    frames, episodes = store.next_id, loop.episodes_begun
    copy = 0
    while replay.size < replay.capacity:
        copy += 1
        copied = windows[: replay.capacity - replay.size]
        for frame in range(1 + max(max(w.frame_id, w.next_frame_id) for w in copied)):
            previous = int(store._previous[frame])
            store.add(
                store._frames[frame],
                previous if previous == NO_FRAME else previous + copy * frames,
                int(store._env_index[frame]),
                int(store._episode_id[frame]) + copy * episodes,
                int(store._episode_step[frame]),
            )
        for window in copied:
            following = window.next_frame_id
            replay.add(
                window._replace(
                    frame_id=window.frame_id + copy * frames,
                    next_frame_id=following if following == NO_FRAME else following + copy * frames,
                )
            )
    for slots in np.array_split(np.arange(replay.capacity), -(-replay.capacity // 1000)):
        replay.update_priorities(slots, rng.exponential(size=len(slots)))


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self.began = time.perf_counter(), time.process_time()

    def __str__(self) -> str:
        clock, cpu = time.perf_counter() - self.began[0], time.process_time() - self.began[1]
        return f"{clock:7.1f} s ({cpu:.1f})"


def peak_gb() -> float:
    """Return the most memory that this process has had resident, in GB."""
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def measure_save(env: str, transitions: int, played: int, folder: Path) -> None:
    """Fill a replay and save it under ``folder``."""
    loop = loop_of(env, transitions)
    watch = Stopwatch()
    fill(loop, played)
    print(f"filled   {watch}   peak {peak_gb():.2f} GB", flush=True)
    origin = Origin(
        run_id="r",
        name="r",
        segment_id="s",
        config=loop.config.to_json(),
        every=1,
        env_step=loop.env_step,
        episode_id=loop.last_episode_id,
        transition_id=loop.replay.last_transition_id,
        update_id=-1,
    )
    watch = Stopwatch()
    _, size = save(folder, origin, {"loop": loop.state(), "recent": []}, loop.agent.state())
    print(
        f"saved    {watch}   peak {peak_gb():.2f} GB   {size / 1e6:,.0f} MB, where the replay has "
        f"{loop.replay.nbytes / 1e6:,.0f} MB"
    )
    loop.close()


def measure_load(env: str, transitions: int, path: Path) -> None:
    """Restore a loop from the checkpoint at ``path``."""
    loop = loop_of(env, transitions)
    before = peak_gb()
    watch = Stopwatch()
    checkpoint = load(path)
    checked = str(watch)
    restore(loop, checkpoint)
    print(
        f"resumed  {watch}   peak {peak_gb():.2f} GB, {before:.2f} GB before; of it check sums and "
        f"nets {checked.strip()}; open games of {[e.length for e in loop.running]} steps"
    )
    loop.close()


def main() -> None:
    """Measure, in two processes: memory that one has had counts in those that it starts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transitions", type=int, default=1_000_000)
    parser.add_argument(
        "--played", type=int, default=100_000, help="steps at least; the rest copies"
    )
    parser.add_argument("--env", default="breakout")
    parser.add_argument("--folder", type=Path, help="where to write; a temporary folder if absent")
    parser.add_argument("--step", choices=["save", "load"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step == "save":
        measure_save(options.env, options.transitions, options.played, options.folder)
    elif options.step == "load":
        (path,) = options.folder.iterdir()
        measure_load(options.env, options.transitions, path)
    else:
        print(f"{options.transitions:,} transitions of {options.env}", flush=True)
        given = ["--transitions", str(options.transitions), "--played", str(options.played)]
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            for step in ("save", "load"):
                again = [sys.executable, __file__, "--env", options.env, "--folder", folder]
                subprocess.run([*again, *given, "--step", step], check=True)


if __name__ == "__main__":
    main()
