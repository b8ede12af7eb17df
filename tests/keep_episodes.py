"""Keep the runs, segments and episodes of logs as a small log, which figures are made from.

python tests/keep_episodes.py breakout.duckdb fixtures/breakout.duckdb
"""

from __future__ import annotations

import sys
from pathlib import Path

from rlaudit.experiments.collect import add_episodes
from rlaudit.store import open_for_writing


def main(*logs: Path, into: Path) -> None:
    """Write ``into`` anew."""
    into.unlink(missing_ok=True)
    with open_for_writing(into) as target:
        for log in logs:
            add_episodes(log, target)


if __name__ == "__main__":
    *logs, into = map(Path, sys.argv[1:])
    main(*logs, into=into)
