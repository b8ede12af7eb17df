"""How long each report takes over a log.

    python tests/bench/synthetic_log.py --help            # makes a log of any size
    python tests/bench/report_speed.py synthetic.duckdb [REPORT...]

Wall time is that of a process that has the log open. CPU time is printed besides, because it says
more on a machine that does other work.
"""

from __future__ import annotations

import sys
import time

from rlaudit.auditing import all_reports, reporting
from rlaudit.store import open_for_reading


def main(path: str, *names: str) -> None:
    with open_for_reading(path) as log:
        for report in all_reports()[0]:
            if names and report.name not in names:
                continue
            given = {param.name: 1000 for param in report.params if param.required}
            wall, cpu = time.perf_counter(), time.process_time()
            # Each with shared tables of its own, as one that is asked alone.
            with reporting(log.con, [report]) as reporter:
                rows = reporter.frame(report.name, **given).height
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            print(
                f"{report.name:28} {wall:7.2f} s  {cpu:7.2f} s of CPU  {rows:6,} rows", flush=True
            )


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
