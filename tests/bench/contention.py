"""How long writers and readers of one log wait for each other, and whether every row is stored.

    python tests/bench/contention.py [--writers 8] [--readers 4] [--seconds 300]
        [--flush-seconds 1] [--updates-per-second 100]

Each writer is a process with a recorder, each reader one that opens the log again and again: all
but the last count the samples of each run, the last one runs all checks. A writer's wait is that
of a flush, from when the rows were handed over to when they are in the log or its spool; a
trainer's is that of one call that hands rows over. A reader's wait is that for the file; the time
that opening takes holds the reading of the spool as well.

Exit code 1 if a row that was offered is not in the log at the end.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recorder_cost import BATCH, make_rows

from rlaudit.errors import RlauditError
from rlaudit.record import Recorder
from rlaudit.records import RunInfo
from rlaudit.store import Patience, open_for_reading

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.queues import Queue


def write(db: Path, number: int, args: argparse.Namespace, told: Queue[Any]) -> None:
    """Record updates as ``args`` say, and tell what was waited for."""
    import numpy as np  # noqa: PLC0415 - in the process that needs it

    rng = np.random.default_rng(number)
    rows = [make_rows(step, rng) for step in range(100)]
    run = RunInfo(f"writer-{number}", "contention", "env", "{}")
    recorder = Recorder(db, run, flush_seconds=args.flush_seconds)
    deliver, flushes = recorder._writer.deliver, []

    def timed(*arguments: Any) -> None:
        began = time.monotonic()
        deliver(*arguments)
        flushes.append(time.monotonic() - began)

    recorder._writer.deliver = timed  # type: ignore[method-assign] # measured where it happens
    began, step, longest_call = time.monotonic(), 0, 0.0
    while time.monotonic() - began < args.seconds:
        step += 1
        transition, update, samples = rows[step % 100]
        before = time.perf_counter()
        recorder.append(transition._replace(transition_id=step))
        recorder.append(update._replace(update_id=step))
        recorder.extend(samples._replace(update_id=step))
        recorder.progress(step, 0, 0)
        longest_call = max(longest_call, time.perf_counter() - before)
        recorder.check()
        time.sleep(max(0.0, began + step / args.updates_per_second - time.monotonic()))
    ending = time.monotonic()
    ledger = recorder.close("finished")
    told.put(
        {
            "writer": number,
            "updates": step,
            "flushes": flushes,
            "longest_call": longest_call,
            "close": time.monotonic() - ending,
            "spooled_at_the_end": sum(ledger.spooled.values()),
        }
    )


def read(db: Path, number: int, seconds: float, audits: bool, told: Queue[Any]) -> None:
    """Open the log again and again for ``seconds``, and tell how long that took each time."""
    from rlaudit.auditing import run_checks  # noqa: PLC0415 - in the process that needs it
    from rlaudit.sqlfiles import read_checks, sql_root  # noqa: PLC0415

    checks = read_checks(sql_root() / "checks")[0]
    began, waits, took, wrong, seen = time.monotonic(), [], [], 0, 0
    while time.monotonic() - began < seconds:
        slept: list[float] = []
        before = time.monotonic()
        try:
            with open_for_reading(db, wait=Patience(120.0, _noting(slept))) as log:
                took.append(time.monotonic() - before)
                if audits:
                    run_checks(log.con, checks)
                counted = log.con.sql("SELECT count(*) FROM samples").fetchall()[0][0]
            wrong += counted < seen  # rows that were seen are gone: never
            seen = counted
        except RlauditError as error:
            print(f"reader {number}: {error}", file=sys.stderr)
            wrong += 1
        waits.append(sum(slept))
    told.put({"reader": number, "audits": audits, "waits": waits, "took": took, "wrong": wrong})


def _noting(slept: list[float]) -> Callable[[float], None]:
    def sleep(seconds: float) -> None:
        before = time.monotonic()
        time.sleep(seconds)
        slept.append(time.monotonic() - before)

    return sleep


def main() -> int:
    """Run writers and readers and print what they waited for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--readers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--flush-seconds", type=float, default=1.0)
    parser.add_argument("--updates-per-second", type=float, default=100.0)
    args = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    told: Queue[Any] = context.Queue()
    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "runs.duckdb"
        Recorder(db, RunInfo("first", "contention", "env", "{}")).close("finished")
        processes = [
            context.Process(target=write, args=(db, n, args, told)) for n in range(args.writers)
        ]
        processes += [
            context.Process(target=read, args=(db, n, args.seconds, n == args.readers - 1, told))
            for n in range(args.readers)
        ]
        for process in processes:
            process.start()
        answers = [told.get(timeout=args.seconds + 300) for _ in processes]
        for process in processes:
            process.join()
        Recorder(db, RunInfo("last", "contention", "env", "{}")).close("finished")
        with open_for_reading(db) as log:
            stored = dict(log.con.sql("SELECT run_id, count(*) FROM samples GROUP BY 1").fetchall())
            incomplete = log.incomplete
        left = sorted(path.name for path in db.parent.iterdir())
    writers = [answer for answer in answers if "writer" in answer]
    missing = {
        answer["writer"]: answer["updates"] * BATCH - stored.get(f"writer-{answer['writer']}", 0)
        for answer in writers
    }
    flushes = [seconds for answer in writers for seconds in answer["flushes"]]
    print(
        json.dumps(
            {
                "flushes": len(flushes),
                "flush_median": statistics.median(flushes),
                "flush_longest": max(flushes),
                "call_longest": max(answer["longest_call"] for answer in writers),
                "close_longest": max(answer["close"] for answer in writers),
                "rows_spooled_at_the_end": sum(a["spooled_at_the_end"] for a in writers),
                "readers": [
                    {
                        "audits": answer["audits"],
                        "opened": len(answer["took"]),
                        "wrong": answer["wrong"],
                        "wait_median": statistics.median(answer["waits"]),
                        "wait_longest": max(answer["waits"]),
                        "open_median": statistics.median(answer["took"] or [0.0]),
                        "open_longest": max(answer["took"] or [0.0]),
                    }
                    for answer in answers
                    if "reader" in answer
                ],
                "samples_offered": sum(answer["updates"] for answer in writers) * BATCH,
                "samples_missing": sum(missing.values()),
                "incomplete": incomplete,
                "files_left": left,
            },
            indent=1,
        )
    )
    return 1 if any(missing.values()) or incomplete else 0


if __name__ == "__main__":
    sys.exit(main())
