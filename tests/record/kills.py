"""Kill recorders at moments that they do not choose, and count what their logs have lost.

    python tests/record/kills.py [COUNT] [SEED]

A kill is survived if the log opens and says that nothing is missing, has each run up to the end of
a step and at least up to the last flush that its process was told of, and if the next recorder
takes in what lies in the spool and leaves nothing beside the log.
"""

from __future__ import annotations

import collections
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from rlaudit.record import Recorder
from rlaudit.records import RunInfo
from rlaudit.store import open_for_reading

BATCH = 32
KILLS_OF_A_LOG = 10

# Records until it is killed, and says which steps are stored.
RECORD = """
import sys, threading, time
import numpy as np
from rlaudit.record import Recorder
from rlaudit.records import RunInfo, SampleRows, TransitionRow, UpdateRow

path, run_id, flush_seconds, rows_a_flush = sys.argv[1:]
INDEX = np.arange(32)
recorder = Recorder(path, RunInfo(run_id, "name", "env", "{}"), flush_seconds=float(flush_seconds))
print("began", flush=True)
step = 0
while True:
    for _ in range(int(rows_a_flush)):
        step += 1
        window = (1, step, step, 0, 1, step + 1, 2, 1.0, 1.0, 1, 1.0, 0.99, False, False)
        recorder.append(TransitionRow(step, step, 0, 0, *window))
        recorder.append(UpdateRow(step, step, step, step, 100, 32, 0.5))
        recorder.extend(SampleRows(step, INDEX, INDEX + step, priority=INDEX.astype(np.float32)))
        recorder.progress(step, 0, 0)
    recorder.flush()
    print(step, flush=True)
"""

# Reads the log now and then, so that recorders have to use the spool.
HOLD = """
import duckdb, sys, time
while True:
    try:
        with duckdb.connect(sys.argv[1], read_only=True):
            time.sleep(3)
    except duckdb.Error:
        pass
    time.sleep(0.01)
"""


def start(script: str, *arguments: object) -> subprocess.Popen:
    """Return a process that runs ``script``."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def kill_one(db: Path, run_id: str, chance: random.Random) -> int:
    """Record into ``db`` until a kill, and return the last step that was said to be stored."""
    options = chance.choice([0.02, 0.2, 3600]), chance.choice([1, 20, 300])
    with start(RECORD, db, run_id, *options) as process:
        assert process.stdout.readline() == "began\n"
        flushes = chance.randrange(4)
        stored = [int(process.stdout.readline()) for _ in range(flushes)]
        # Somewhere between two signs of life: a flush takes some 50 ms.
        with_delay = chance.random() * 0.1
        try:
            process.wait(with_delay)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        stored += [int(line) for line in process.stdout.read().split()]
    return stored[-1] if stored else 0


def wrong(db: Path, stored: dict[str, int]) -> str:
    """Say what is wrong with a log whose processes were told that steps were ``stored``."""
    with open_for_reading(db) as log:
        if log.incomplete:
            return log.incomplete
        runs = log.con.sql(
            "SELECT r.run_id, any_value(s.end_step), "
            "any_value(s.rows_written['samples'] + s.rows_spooled['samples']) "
            "FROM runs AS r JOIN segments AS s USING (run_id) GROUP BY ALL"
        ).fetchall()
        counts = {}
        for table in ("transitions", "updates", "samples"):
            found = f"SELECT run_id, count(*) FROM raw.{table} GROUP BY ALL"
            counts[table] = dict(log.con.sql(found).fetchall())
        twice = log.con.sql(
            "SELECT count(*) FROM (FROM samples SELECT run_id, update_id, batch_index "
            "GROUP BY ALL HAVING count(*) > 1)"
        ).fetchall()[0][0]
    if twice:
        return f"{twice} samples twice"
    if {run_id for run_id, *_ in runs} != set(stored):
        return f"runs {sorted(run_id for run_id, *_ in runs)} and not {sorted(stored)}"
    for run_id, end_step, ledger in runs:
        steps = counts["updates"].get(run_id, 0)
        if steps < stored[run_id]:
            return f"{run_id}: {stored[run_id]} steps were stored and {steps} are there"
        there = (counts["transitions"].get(run_id, 0), counts["samples"].get(run_id, 0))
        if (*there, end_step, ledger) != (steps, BATCH * steps, steps, BATCH * steps):
            return f"{run_id}: {steps} updates, and {there}, {end_step}, {ledger}"
    return ""


def kill_recorders(count: int, seed: int) -> collections.Counter:
    """Kill ``count`` recorders and return how often what became of their logs."""
    chance = random.Random(seed)
    results: collections.Counter = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        for first in range(0, count, KILLS_OF_A_LOG):
            place = Path(folder, str(first))
            place.mkdir()
            db = place / "runs.duckdb"
            stored: dict[str, int] = {}
            contended = first // KILLS_OF_A_LOG % 2 == 1
            if contended:
                Recorder(db, RunInfo("first", "name", "env", "{}")).close("finished")
                stored["first"] = 0
            holder = start(HOLD, db) if contended else None
            for number in range(first, min(first + KILLS_OF_A_LOG, count)):
                run_id = f"run-{number}"
                stored[run_id] = kill_one(db, run_id, chance)
                spooled = any(place.glob("*.spool/*.parquet"))
                said = wrong(db, stored)
                kind = "while spooling" if spooled else "while writing to the file"
                results[f"WRONG: {said}" if said else f"survived, {kind}"] += 1
            if holder is not None:
                holder.kill()
                holder.communicate()
            Recorder(db, RunInfo("last", "name", "env", "{}")).close("finished")
            stored["last"] = 0
            left = {path.name for path in place.iterdir()} - {db.name, f"{db.name}.commits"}
            if said := wrong(db, stored) or ", ".join(left):
                results[f"WRONG afterwards: {said}"] += 1
    return results


def main() -> int:
    """Kill recorders and print what became of their logs."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    results = kill_recorders(count, seed)
    for word, times in sorted(results.items()):
        print(f"{times:>4}  {word}")
    return 1 if any(word.startswith("WRONG") for word in results) else 0


if __name__ == "__main__":
    sys.exit(main())
