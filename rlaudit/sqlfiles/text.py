"""The SQL of a file without its header and comments: what it reads, and what it is."""

from __future__ import annotations

import re

# A comment that does not end goes to the end of the text: else each /* of it would be followed up.
_COMMENT_OR_QUOTED = re.compile(
    r"""--[^\n]*|/\*.*?(?:\*/|\Z)|'(?:[^']|'')*'|"(?:[^"]|"")*\"""", re.DOTALL
)
_PARAMETER = re.compile(r"""\bgetvariable\s*\(\s*'([^']*)'\s*\)""", re.IGNORECASE)
_TABLE = re.compile(r"""\b(raw|shared)\s*\.\s*"?(\w+)"?""", re.IGNORECASE)


def without_comments(sql: str) -> str:
    """Return ``sql`` with each character of its comments replaced by a blank."""

    def blank(found: re.Match[str]) -> str:
        text = found[0]
        return re.sub(r"[^\n]", " ", text) if text.startswith(("--", "/*")) else text

    return _COMMENT_OR_QUOTED.sub(blank, sql)


def quoted_name(name: str) -> str:
    """Return ``name`` as an SQL identifier, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'


def first_line(sql: str) -> int:
    """Return the line on which the first statement begins; 1 if there is none."""
    return _line_of_code(sql, 0)


def second_line(sql: str) -> int:
    """Return the line on which the second statement begins; 1 if there is none."""
    # Comments and quoted texts alike: a semicolon in one of them ends nothing.
    bare = _COMMENT_OR_QUOTED.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), sql)
    return _line_of_code(sql, bare.find(";") + 1)


def _line_of_code(sql: str, start: int) -> int:
    code = without_comments(sql)
    found = re.compile(r"[^\s;]").search(code, start)
    return sql.count("\n", 0, found.start()) + 1 if found else 1


def statement_of(sql: str) -> str:
    """Return the one statement of a file: without its header and without a semicolon."""
    # Not splitlines(): what else it takes for the end of a line ends no comment and no text in SQL.
    lines = sql.split("\n")
    while lines and (lines[0].startswith("--") or not lines[0].strip()):
        del lines[0]
    kept = "\n".join(lines)
    end = len(without_comments(kept).rstrip().rstrip(";").rstrip())
    return kept[:end]


def parameters_read(sql: str) -> dict[str, int]:
    """Return the names that ``sql`` passes to ``getvariable``, each with its first line."""
    code = without_comments(sql)
    found: dict[str, int] = {}
    for match in _PARAMETER.finditer(code):
        found.setdefault(match[1].lower(), code.count("\n", 0, match.start()) + 1)
    return found


def tables_named(sql: str, schema: str) -> dict[str, int]:
    """Return the tables that ``sql`` names in ``schema`` (raw or shared), with the first line."""
    code = without_comments(sql)
    found: dict[str, int] = {}
    for match in _TABLE.finditer(code):
        if match[1].lower() == schema:
            found.setdefault(match[2].lower(), code.count("\n", 0, match.start()) + 1)
    return found
