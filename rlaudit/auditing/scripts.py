"""Write a check or a report as a script that runs in any DuckDB shell which has the log open.

The shared tables that it needs are built in a database in memory that is attached as
``shared``, since a log that is open read-only takes no temporary table in a schema.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from rlaudit.sqlfiles import load_shared, quoted_name, statement_of
from rlaudit.unseen import is_unseen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rlaudit.sqlfiles import CheckFile, Param, ParamValue, QueryFile, ReportFile, SharedFile


def script_of(
    check: CheckFile, run: str | None = None, *, every_run: bool = False, spooled: bool = False
) -> str:
    """Return SQL whose last statement gives all the wrong rows of ``check`` in one run.

    ``every_run`` leaves out the restriction to a run; otherwise ``run`` None means the rows that
    name no run. ``spooled`` says that the log has rows which a DuckDB shell does not see.

    Raises :class:`SqlFileError` if a shared file that it needs cannot be used.
    """
    only = "" if every_run else f"WHERE run_id IS NOT DISTINCT FROM {literal(run)}\n"
    lines = [f"-- {check.name}: {check.title}"]
    if spooled:
        lines.append("-- Some rows are in the spool: rlaudit sql sees them, a shell does not.")
    lines += [
        *_set_up(check, only),
        "SELECT * FROM (",
        statement_of(check.sql),
        ")",
        f"{only}ORDER BY {', '.join(map(quoted_name, check.grain))};",
    ]
    return "\n".join(lines) + "\n"


def script_of_report(report: ReportFile) -> str:
    """Return SQL whose last statement gives the rows of ``report`` for all runs.

    A parameter without a default is set to NULL, for the user to fill in.

    Raises :class:`SqlFileError` if a shared file that it needs cannot be used.
    """
    lines = [f"-- {report.name}: {report.title}", *_set_up(report), statement_of(report.sql)]
    return "\n".join(lines) + ";\n"


def _set_up(file: QueryFile, only: str = "") -> list[str]:
    """Return the statements that set the parameters of ``file`` and build what it needs.

    ``only`` is a condition on the rows of the shared tables.
    """
    lines = [_setting(param) for param in file.params]
    shared = tables_needed(file, load_shared())
    if shared:
        lines.append("ATTACH IF NOT EXISTS ':memory:' AS shared (READ_WRITE);")
    for needed in shared:
        if needed.error is not None:
            raise needed.error
        lines += [
            f"CREATE OR REPLACE {needed.kind} shared.{needed.name} AS",
            "SELECT * FROM (",
            statement_of(needed.sql),
            ")",
            f"{only};",
        ]
    return lines


def _setting(param: Param) -> str:
    said = ", ".join(filter(None, ("fill in" if param.required else "", param.bounds)))
    setting = f"SET VARIABLE {param.name} = CAST({literal(param.default)} AS {param.type});"
    return f"{setting}  -- {said}" if said else setting


def tables_needed(
    file: QueryFile | SharedFile, shared: Mapping[str, SharedFile]
) -> list[SharedFile]:
    """Return the shared tables that ``file`` needs, each after those that it needs itself."""
    found: dict[str, SharedFile] = {}
    for name in file.needs:
        for needed in tables_needed(shared[name], shared):
            found[needed.name] = needed
        found[name] = shared[name]
    return list(found.values())


def literal(value: ParamValue) -> str:
    """Return ``value`` as SQL writes it."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # SQL ends at a NUL, and what a reader does not see has no place in a script.
        parts = [
            " || ".join(f"chr({ord(c)})" for c in part) if hidden else _quoted("".join(part))
            for hidden, part in itertools.groupby(value, is_unseen)
        ]
        return parts[0] if len(parts) == 1 else f"({' || '.join(parts)})" if parts else "''"
    return repr(value)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
