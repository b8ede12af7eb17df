"""Write a check as a script that runs in any DuckDB shell which has the log open.

The shared tables that the check needs are built in a database in memory that is attached as
``shared``, since a log that is open read-only takes no temporary table in a schema.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rlaudit.sqlfiles import load_shared, statement_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rlaudit.sqlfiles import CheckFile, ParamValue, SharedFile


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
        f"SET VARIABLE {param.name} = CAST({literal(param.default)} AS {param.type});"
        for param in check.params
    ]
    shared = tables_needed(check, load_shared())
    if shared:
        lines.append("ATTACH IF NOT EXISTS ':memory:' AS shared (READ_WRITE);")
    for file in shared:
        if file.error is not None:
            raise file.error
        lines += [
            f"CREATE OR REPLACE {file.kind} shared.{file.name} AS",
            "SELECT * FROM (",
            statement_of(file.sql),
            ")",
            f"{only};",
        ]
    lines += [
        "SELECT * FROM (",
        statement_of(check.sql),
        ")",
        f"{only}ORDER BY {', '.join(check.grain)};",
    ]
    return "\n".join(lines) + "\n"


def tables_needed(
    file: CheckFile | SharedFile, shared: Mapping[str, SharedFile]
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
        return "'" + value.replace("'", "''") + "'"
    return repr(value)
