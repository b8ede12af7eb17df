"""Time ``check-duplicates`` as a whole process: 10M rows of Parquet, and a log of 12M samples.

Run it on a quiet machine: ``python tests/bench/duplicates.py [FOLDER]``. The files (250 MB) are
made in FOLDER, a temporary one if none is given, and are used again where they are there already.
Printed are seconds of wall time, the best and the median of five.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from rlaudit.store import open_for_writing

ROWS = 10_000_000
UPDATES = 375_000
BATCH = 32

TABLES = {
    # The grouping columns of a table decide how fast it is: few large groups, or many small ones
    # in order or at random.
    "100-groups": f"SELECT range % 100 AS group_id, range // 100 AS value FROM range({ROWS})",
    "1M-groups": f"SELECT range // 10 AS group_id, range % 10 AS value FROM range({ROWS})",
    "1M-groups-shuffled": (
        f"SELECT (hash(range) % 1_000_000)::BIGINT AS group_id, range AS value FROM range({ROWS})"
    ),
}

LOG = f"""
    INSERT INTO raw.runs (run_id, env_id, config) VALUES
        ('bench', 'breakout', '{{"sampling": "stratified", "replacement": true}}');
    INSERT INTO raw.segments (run_id, segment_id, ordinal, state)
        VALUES ('bench', 's', 0, 'finished');
    INSERT INTO raw.episodes (run_id, segment_id, episode_id, end_step)
        SELECT 'bench', 's', range, 500 * range FROM range(3000);
    INSERT INTO raw.transitions
        (run_id, segment_id, transition_id, env_index, episode_id, episode_step)
        SELECT 'bench', 's', range + 1, 0, range // 500, range % 500
        FROM range(4 * {UPDATES} + 2000);
    INSERT INTO raw.updates (run_id, segment_id, update_id, batch_size, priority_total)
        SELECT 'bench', 's', range + 1, {BATCH}, 4 * range + 2000 FROM range({UPDATES});
    INSERT INTO raw.samples
        (run_id, segment_id, update_id, batch_index, transition_id, priority, weight, td_error)
        SELECT
            'bench', 's', i // {BATCH} + 1, i % {BATCH},
            ((i % {BATCH} + random()) / {BATCH} * (4 * (i // {BATCH}) + 2000))::BIGINT,
            1, random(), random()
        FROM range({UPDATES} * {BATCH}) AS t(i);
"""


def main(folder: Path) -> None:
    """Make what is missing in ``folder`` and time the commands over it."""
    for name, query in TABLES.items():
        file = folder / f"{name}.parquet"
        if not file.exists():
            duckdb.sql(query).write_parquet(str(file))
        report(name, [str(file), "--group-by", "group_id", "--value", "value"])
    log = folder / "bench.duckdb"
    if not log.exists():
        with open_for_writing(log) as con:
            con.execute(LOG)
    report(f"log of {UPDATES * BATCH:,} samples", [str(log)])


def report(name: str, args: list[str]) -> None:
    """Print how long ``rlaudit check-duplicates`` takes with ``args``."""
    command = [sys.executable, "-c", "from rlaudit.cli import main; main()"]
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([*command, "check-duplicates", *args], check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    print(f"{name:<28}best {min(seconds):5.2f} s  median {statistics.median(seconds):5.2f} s")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as made:
            main(Path(made))
