"""Data quality and experiment-log analytics for replay-based reinforcement learning.

import rlaudit

frame = rlaudit.open("runs.duckdb").sql("SELECT update_id, beta, loss FROM updates").pl()

with rlaudit.open("runs.duckdb") as log:
    late = log.sql("SELECT * FROM episodes WHERE end_step > $step", step=10_000).pl()
    ages = log.report("sample_ages").pl()

report = rlaudit.audit("runs.duckdb")
assert report.clean, str(report)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rlaudit.version import __version__

if TYPE_CHECKING:
    from rlaudit.auditing import audit
    from rlaudit.auditing import open_log as open  # noqa: A004 - rlaudit.open, as gzip.open

__all__ = ["__version__", "audit", "open"]


def __getattr__(name: str) -> Any:
    # Imported when asked for: the command line must start without DuckDB and Polars.
    if name == "open":
        from rlaudit.auditing import open_log  # noqa: PLC0415

        return open_log
    if name == "audit":
        from rlaudit.auditing import audit  # noqa: PLC0415

        return audit
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
