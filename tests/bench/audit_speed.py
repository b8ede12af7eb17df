"""Time ``rlaudit audit`` as a whole process, on two cores and in 4 GiB.

    python tests/bench/audit_speed.py [--folder FOLDER] [--sizes 1.2 12] [--repeat 5]
    python tests/bench/audit_speed.py --log FILE [--by-check]

Without ``--log`` it makes the logs that it needs with ``synthetic_log.py``: of 1.2M and 12M sample
rows by default; ``--sizes 1.2 12 120`` adds ten runs of 12M (10 GB of disk, and minutes). Logs in
FOLDER are used again. Printed are the median wall time, the CPU time, the peak memory of the
process (its resident set, as the kernel counted it), and the time for a million rows.

The process gets two of the machine's cores (where the platform can say so), and its address space
is limited to 4 GiB by RLIMIT_AS, which is more severe than 4 GiB of memory: what is reserved and
never touched counts too. DuckDB does not know of that limit, so a log of 120M rows needs
``--memory 0 --memory-limit 2GiB``: then queries spill, and the peak is what was used.
``--by-check`` shows the CPU seconds of each check and of each shared table, in this process with
DuckDB held to two threads and 4 GiB.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from synthetic_log import copy_run, make_log

from rlaudit.auditing.audits import audit_log
from rlaudit.auditing.shared import SharedTables
from rlaudit.sqlfiles import load_checks
from rlaudit.store import open_for_reading

GIB = 2**30
CORES = 2
_COMMAND = "import sys; from rlaudit.cli import main; sys.exit(main())"
# Agent steps of a run by its millions of samples: 32 samples every 4 steps.
_STEPS = {1.2: 150_000, 12.0: 1_500_000, 120.0: 1_500_000}
_COPIES = {120.0: 10}


@dataclass(frozen=True, slots=True)
class Timed:
    """One run of the command."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    exit_code: int


def time_audit(log: Path, memory_gib: float, memory_limit: str | None) -> Timed:
    """Run ``rlaudit audit`` over ``log`` in a process of its own."""

    def hold() -> None:
        if memory_gib:
            size = int(memory_gib * GIB)
            resource.setrlimit(resource.RLIMIT_AS, (size, size))
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])

    bound = ["--memory-limit", memory_limit] if memory_limit else []
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMAND, "audit", str(log), "--format", "json", *bound],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hold,  # noqa: PLW1509 - this process has one thread
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        print(f"exit code {process.returncode}: {said.strip()}", file=sys.stderr)
    # Kilobytes, but bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return Timed(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * unit, process.returncode)


def log_of_size(folder: Path, millions: float) -> Path:
    """Return a log with so many million sample rows, made if it is not there."""
    path = folder / f"synthetic-{millions:g}M.duckdb"
    if not path.exists():
        steps = _STEPS[millions]
        draft = path.with_suffix(".part")
        draft.unlink(missing_ok=True)
        # Rainbow's capacity; a smaller log wraps around as often as the large one.
        make_log(draft, transitions=steps, capacity=steps * 2 // 3)
        copy_run(draft, "synthetic-0", _COPIES.get(millions, 1))
        draft.rename(path)
    return path


def samples_in(log: Path) -> int:
    """Return how many sample rows a log has."""
    with open_for_reading(log) as opened:
        return int(opened.con.execute("SELECT count(*) FROM raw.samples").fetchall()[0][0])


def report(log: Path, repeat: int, memory_gib: float, memory_limit: str | None) -> None:
    """Print how long the command takes on ``log``."""
    timed = [time_audit(log, memory_gib, memory_limit) for _ in range(repeat)]
    wall = statistics.median(t.wall_seconds for t in timed)
    cpu = statistics.median(t.cpu_seconds for t in timed)
    peak = max(t.peak_bytes for t in timed)
    rows = samples_in(log)
    codes = sorted({t.exit_code for t in timed})
    print(
        f"{rows:>13,} samples  {wall:7.2f} s wall (best {min(t.wall_seconds for t in timed):.2f}, "
        f"worst {max(t.wall_seconds for t in timed):.2f})  {cpu:7.2f} s CPU  "
        f"{peak / GIB:5.2f} GiB  {1e6 * wall / max(rows, 1):5.2f} s per million  "
        f"exit {', '.join(map(str, codes))}",
        flush=True,
    )


def report_by_check(log: Path, least: float) -> None:
    """Print the seconds of each check and of each shared table, the slowest first.

    CPU seconds, of all threads: on a busy machine they hardly change, and the wall time does.
    """
    shared: dict[str, float] = {}
    create = SharedTables._create

    def timed_create(tables: SharedTables, file: Any) -> None:
        began = time.process_time()
        create(tables, file)
        shared[f"shared.{file.name}"] = time.process_time() - began

    points: list[tuple[str, float, float]] = []

    def note(_done: int, _checks: int, name: str, _source: str) -> None:
        points.append((name, time.process_time(), sum(shared.values())))

    checks = load_checks()
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(SharedTables, "_create", timed_create)
        wall, cpu = time.perf_counter(), time.process_time()
        result = audit_log(log, checks, on_progress=note, threads=CORES, memory_limit="4GiB")
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    seconds = dict(shared)
    for (name, began, before), (_, ended, after) in itertools.pairwise(points):
        seconds[name] = ended - began - (after - before)
    status = {r.check.name: r.status for r in result.results}
    print(
        f"{log}: {samples_in(log):,} samples, {len(checks)} checks, {wall:.2f} s wall, "
        f"{cpu:.2f} s CPU, of it {sum(shared.values()):.2f} s for {len(shared)} shared tables"
    )
    for name, took in sorted(seconds.items(), key=lambda item: -item[1]):
        if took >= least:
            print(f"{took:8.3f}  {name:<48} {status.get(name, '')}")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where the logs are; a temporary one if absent")
    parser.add_argument("--sizes", type=float, nargs="+", choices=_STEPS, default=[1.2, 12.0])
    parser.add_argument("--log", type=Path, help="time this log instead")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--memory", type=float, default=4.0, help="GiB; 0 for no limit")
    parser.add_argument("--memory-limit", help="for the command's option of that name")
    parser.add_argument("--by-check", action="store_true", help="and of which checks it is made")
    parser.add_argument("--least", type=float, default=0.05, help="seconds of a check to be shown")
    options = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as made:
        folder = options.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        logs = [options.log] if options.log else [log_of_size(folder, s) for s in options.sizes]
        for log in logs:
            if options.by_check:
                report_by_check(log, options.least)
            if options.repeat:
                report(log, options.repeat, options.memory, options.memory_limit)


if __name__ == "__main__":
    main()
