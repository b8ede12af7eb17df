"""Time ``check-duplicates`` as a whole process: Parquet, CSV, JSON lines, and a log.

Run it on a quiet machine: ``python tests/bench/duplicates.py [FOLDER]``. The files (0.7 GB) are
made in FOLDER, a temporary one if none is given, and are used again where they are there already.
Printed are seconds of wall time, the best and the median of five; for text also CPU seconds and
their ratio to DuckDB's own reader with sniffed types, which takes turns with ours.
"""

from __future__ import annotations

import os
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

TEXT_ROWS = 5_000_000
TEXT = f"""
    SELECT 'run' || range % 60 AS run, range // 60 AS step, random() AS loss
    FROM range({TEXT_ROWS})
"""
PLAIN = """
import sys, duckdb
duckdb.sql(f"SELECT run, step FROM '{sys.argv[1]}' GROUP BY ALL HAVING count(*) > 1").fetchall()
"""

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
    for suffix in ("csv", "jsonl"):
        file = folder / f"text.{suffix}"
        if not file.exists():
            form = "CSV" if suffix == "csv" else "JSON"
            duckdb.sql(f"COPY ({TEXT}) TO '{file}' (FORMAT {form})")
        report_text(file)
    log = folder / "bench.duckdb"
    if not log.exists():
        with open_for_writing(log) as con:
            con.execute(LOG)
    report(f"log of {UPDATES * BATCH:,} samples", [str(log)])


OURS = [sys.executable, "-c", "from rlaudit.cli import main; main()", "check-duplicates"]


def report(name: str, args: list[str]) -> None:
    """Print how long ``rlaudit check-duplicates`` takes with ``args``."""
    seconds = [timed([*OURS, *args])[0] for _ in range(5)]
    print(f"{name:<28}best {min(seconds):5.2f} s  median {statistics.median(seconds):5.2f} s")


def report_text(file: Path) -> None:
    """Print what it costs to find no duplicates in ``file``, beside DuckDB's own reader."""
    args = [str(file), "--group-by", "run", "--value", "step"]
    pairs = [
        (timed([*OURS, *args]), timed([sys.executable, "-c", PLAIN, str(file)])) for _ in range(5)
    ]
    wall, cpu = (statistics.median(ours[i] for ours, _ in pairs) for i in (0, 1))
    ratio = statistics.median(ours[1] / plain[1] for ours, plain in pairs)
    name = f"{TEXT_ROWS:,} rows of {file.suffix[1:]}"
    print(f"{name:<28}median {wall:.2f} s, {cpu:.2f} s of CPU, {ratio:.2f} times plain DuckDB's")


def timed(command: list[str]) -> tuple[float, float]:
    """Return the seconds of wall time and of CPU that ``command`` takes."""
    start, before = time.perf_counter(), os.times()
    subprocess.run(command, check=True, capture_output=True)
    after = os.times()
    used = after.children_user - before.children_user
    used += after.children_system - before.children_system
    return time.perf_counter() - start, used


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as made:
            main(Path(made))
