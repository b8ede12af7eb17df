"""Keep the runs, segments and episodes of a log as a small log, which figures are made from.

python tests/keep_episodes.py breakout.duckdb fixtures/breakout.duckdb
"""

from __future__ import annotations

import sys
from pathlib import Path

from rlaudit.experiments.collect import add_episodes
from rlaudit.store import open_for_writing


def main(log: Path, into: Path) -> None:
    """Write ``into`` anew."""
    into.unlink(missing_ok=True)
    with open_for_writing(into) as target:
        add_episodes(log, target)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
