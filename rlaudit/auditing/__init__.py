"""What the commands that read a log do; each returns data and prints nothing."""

from __future__ import annotations

from rlaudit.auditing.checks import CheckResult, Status, run_checks
from rlaudit.auditing.duplicates import DuplicatedValue, GroupDuplicates, Nulls, duplicates_in
from rlaudit.auditing.frames import OpenLog, open_log
from rlaudit.auditing.query import Rows, query

__all__ = [
    "CheckResult",
    "DuplicatedValue",
    "GroupDuplicates",
    "Nulls",
    "OpenLog",
    "Rows",
    "Status",
    "duplicates_in",
    "open_log",
    "query",
    "run_checks",
]
