"""The DuckDB file that holds a log: open it, wait for it, create it, read it, spool beside it.

Two rules keep a log whole. Hold the file briefly: writers and readers exclude each other. And
never open a database file by other means (to hash or to copy it) in a process that may have it
open through DuckDB: POSIX then drops the process's lock on it.
"""

from __future__ import annotations

from rlaudit.store import load  # noqa: F401 - before any other imports DuckDB
from rlaudit.store.cage import engine, memory_limit_of, shut_off
from rlaudit.store.catalogue import tables_and_views
from rlaudit.store.connect import (
    Patience,
    attach_for_reading,
    open_for_writing,
    refuse_unwritable,
)
from rlaudit.store.exact import Exact, fetch_exact, unique_names
from rlaudit.store.failures import error_of, first_line
from rlaudit.store.log import Log, open_for_reading, relations, show_others
from rlaudit.store.processes import pid_alive
from rlaudit.store.runs import (
    RunState,
    RunSummary,
    list_runs,
    refuse_if_running,
    run_state,
)
from rlaudit.store.schema import SCHEMA_VERSION, TABLES, Layout, current_name, table_columns

__all__ = [
    "SCHEMA_VERSION",
    "TABLES",
    "Exact",
    "Layout",
    "Log",
    "Patience",
    "RunState",
    "RunSummary",
    "attach_for_reading",
    "current_name",
    "engine",
    "error_of",
    "fetch_exact",
    "first_line",
    "list_runs",
    "memory_limit_of",
    "open_for_reading",
    "open_for_writing",
    "pid_alive",
    "refuse_if_running",
    "refuse_unwritable",
    "relations",
    "run_state",
    "show_others",
    "shut_off",
    "table_columns",
    "tables_and_views",
    "unique_names",
]
