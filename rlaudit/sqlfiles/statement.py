"""Judge the SQL of a file: it must be one SELECT.

The only module of this package that needs DuckDB, which it imports when it is called: listing
checks and their headers stays fast.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rlaudit.errors import SqlFileError
from rlaudit.sqlfiles.text import first_line, second_line

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from rlaudit.sqlfiles.model import QueryFile, SharedFile

_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)


def verify_statement(file: QueryFile | SharedFile, con: DuckDBPyConnection) -> None:
    """Raise :class:`SqlFileError` unless the file holds exactly one SELECT statement.

    Any connection serves: the text is parsed, and nothing is run.
    """
    import duckdb  # noqa: PLC0415 - see the module's docstring

    try:
        statements = con.extract_statements(file.sql)
    except duckdb.Error as error:
        found = _LINE.search(str(error))
        line = found[1] if found else "1"
        reason = str(error).splitlines()[0]
        raise SqlFileError(f"{file.path}:{line}: {reason}") from error
    if not statements:
        raise SqlFileError(f"{file.path}:1: no statements where there must be one SELECT")
    if statements[0].type != duckdb.StatementType.SELECT:
        kind = statements[0].type.name
        line = first_line(file.sql)
        raise SqlFileError(f"{file.path}:{line}: the statement is {kind} and not a SELECT")
    if len(statements) > 1:
        line = second_line(file.sql)
        raise SqlFileError(
            f"{file.path}:{line}: {len(statements)} statements where there must be one SELECT"
        )
