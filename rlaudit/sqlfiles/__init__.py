"""Find, parse and check the files in ``sql/``; what they contain is the tool's knowledge."""

from __future__ import annotations

from rlaudit.sqlfiles.find import load_checks, load_shared, read_checks, read_reports
from rlaudit.sqlfiles.locate import is_ours, read_sql, sql_root
from rlaudit.sqlfiles.model import (
    FOUND,
    Cause,
    CheckFile,
    Param,
    ParamValue,
    QueryFile,
    ReportFile,
    Requirement,
    Severity,
    SharedFile,
)
from rlaudit.sqlfiles.parse import parse_check, parse_report, parse_shared, read_text
from rlaudit.sqlfiles.statement import verify_statement
from rlaudit.sqlfiles.text import (
    parameters_read,
    quoted_name,
    statement_of,
    tables_named,
    without_comments,
)

__all__ = [
    "FOUND",
    "Cause",
    "CheckFile",
    "Param",
    "ParamValue",
    "QueryFile",
    "ReportFile",
    "Requirement",
    "Severity",
    "SharedFile",
    "is_ours",
    "load_checks",
    "load_shared",
    "parameters_read",
    "parse_check",
    "parse_report",
    "parse_shared",
    "quoted_name",
    "read_checks",
    "read_reports",
    "read_sql",
    "read_text",
    "sql_root",
    "statement_of",
    "tables_named",
    "verify_statement",
    "without_comments",
]
