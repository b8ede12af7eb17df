"""What the commands that read a log do; each returns data and prints nothing."""

from __future__ import annotations

from rlaudit.auditing.audits import audit, audit_log
from rlaudit.auditing.baseline import write_baseline
from rlaudit.auditing.checks import run_checks
from rlaudit.auditing.duplicates import DuplicatedValue, GroupDuplicates, Nulls, duplicates_in
from rlaudit.auditing.explain import Explanation, explain
from rlaudit.auditing.frames import OpenLog, Result, open_log
from rlaudit.auditing.history import record_audit
from rlaudit.auditing.lint import lint_checks
from rlaudit.auditing.query import Rows, query
from rlaudit.auditing.reporting import Answer, Reporter, all_reports, find_report, reporting
from rlaudit.auditing.results import (
    Accepted,
    AuditReport,
    CheckResult,
    Departure,
    Finding,
    RunSnapshot,
    SettingNote,
    SourceReport,
    Status,
)
from rlaudit.auditing.scripts import script_of, script_of_report
from rlaudit.auditing.selecting import select_checks
from rlaudit.auditing.settings import settings_of
from rlaudit.auditing.skeleton import new_check

__all__ = [
    "Accepted",
    "Answer",
    "AuditReport",
    "CheckResult",
    "Departure",
    "DuplicatedValue",
    "Explanation",
    "Finding",
    "GroupDuplicates",
    "Nulls",
    "OpenLog",
    "Reporter",
    "Result",
    "Rows",
    "RunSnapshot",
    "SettingNote",
    "SourceReport",
    "Status",
    "all_reports",
    "audit",
    "audit_log",
    "duplicates_in",
    "explain",
    "find_report",
    "lint_checks",
    "new_check",
    "open_log",
    "query",
    "record_audit",
    "reporting",
    "run_checks",
    "script_of",
    "script_of_report",
    "select_checks",
    "settings_of",
    "write_baseline",
]
