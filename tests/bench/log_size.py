"""How large a log becomes: bytes a row of raw.samples, in used blocks.

    python tests/bench/log_size.py [--rows 2000000] [--flush-rows 20000 60000 100000]

Rows are written the way a trainer writes them: 32 samples an update, ids and slots drawn from a
full replay of a million transitions, five random float32 columns, and a flush every so many rows.
Used blocks are those that the table's column segments name in pragma_storage_info; a block is
counted once, however many segments share it.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from rlaudit.record import Recorder
from rlaudit.records import RunInfo, SampleRows
from rlaudit.store import attach_for_reading

BATCH = 32
CAPACITY = 1_000_000


def write(path: Path, rows: int, flush_rows: int) -> None:
    """Record ``rows`` samples with a flush about every ``flush_rows``."""
    rng = np.random.default_rng(0)
    index = np.arange(BATCH)
    until_flush = flush_rows
    with Recorder(path, RunInfo("bench", "bench", "bench", "{}"), flush_seconds=3600) as recorder:
        for update_id in range(rows // BATCH):
            newest = CAPACITY + 4 * update_id
            ids = rng.integers(newest - CAPACITY, newest, BATCH)
            td_error = np.abs(rng.standard_normal(BATCH, np.float32))
            priority, weight_raw = rng.random((2, BATCH), np.float32)
            generation = ids // CAPACITY
            weight, priority_new = weight_raw / weight_raw.max(), (td_error + 1e-4) ** 0.6
            drawn = (ids, ids % CAPACITY, generation, generation, priority)
            recorder.extend(
                SampleRows(update_id, index, *drawn, 3 * weight_raw, weight, td_error, priority_new)
            )
            recorder.progress(4 * update_id, 0, 0)
            until_flush -= BATCH
            if until_flush <= 0:
                recorder.flush()
                until_flush = int(flush_rows * rng.uniform(0.5, 1.5))


def measure(path: Path) -> tuple[int, int, int]:
    """Return (rows, bytes in used blocks of raw.samples, bytes of the file)."""
    with attach_for_reading(path) as con:
        con.execute("USE log")
        segments = con.execute(
            "SELECT block_id, additional_block_ids FROM pragma_storage_info('raw.samples')"
        ).fetchall()
        (block_size,) = con.execute(
            "SELECT block_size FROM pragma_database_size() WHERE database_name = 'log'"
        ).fetchall()[0]
        (rows,) = con.execute("SELECT count(*) FROM raw.samples").fetchall()[0]
    blocks = {block for first, more in segments for block in (first, *(more or ()))}
    blocks -= {None, -1}
    return rows, len(blocks) * block_size, path.stat().st_size


def main() -> None:
    """Print a line for each size of flush."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--flush-rows", type=int, nargs="+", default=[20_000, 60_000, 100_000])
    options = parser.parse_args()
    for flush_rows in options.flush_rows:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bench.duckdb"
            write(path, options.rows, flush_rows)
            rows, used, size = measure(path)
        print(
            f"{rows} rows in flushes of about {flush_rows}: {used / rows:.2f} bytes a row in used "
            f"blocks; the whole file {size / rows:.2f}"
        )


if __name__ == "__main__":
    main()
