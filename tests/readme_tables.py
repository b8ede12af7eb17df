"""The reference tables of the README and of those in sql/, made from what they describe.

    python tests/readme_tables.py           # say which tables are out of date
    python tests/readme_tables.py --write   # bring them up to date

A table stands between ``<!-- NAME -->`` and ``<!-- end NAME -->``. A block ``text`` behind a block
``sql`` is what the query prints over fixtures/cartpole.duckdb; its parameters stand in its first
line, ``-- -p NAME=VALUE``.
"""

from __future__ import annotations

import io
import itertools
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rlaudit.auditing import query
from rlaudit.auditing.values import guess, pairs
from rlaudit.config import stated_terms, vocabulary
from rlaudit.presets import PRESETS
from rlaudit.render.rows import write_rows
from rlaudit.sqlfiles import load_checks, read_reports, read_sql
from rlaudit.store import open_for_reading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rlaudit.config import Setting

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
CHECKS = ROOT / "sql" / "checks" / "README.md"
REPORTS = ROOT / "sql" / "reports" / "README.md"
EXAMPLE = ROOT / "fixtures" / "cartpole.duckdb"

_WORKED = re.compile(r"(```sql\n([^`]*)```\n\n```text\n)[^`]*(```)")


def settings_table() -> str:
    return _table_of("setting", vocabulary().values())


def terms_table() -> str:
    return _table_of("term", [s for s in stated_terms().values() if not s.part])


def _table_of(what: str, settings: Iterable[Setting]) -> str:
    rows = [f"| {what} | default | meaning |", "|---|---|---|"]
    for setting in settings:
        choices = f" ({', '.join(setting.choices)})" if setting.choices else ""
        default = setting.default
        shown = str(default).lower() if isinstance(default, bool) else f"{default}"
        rows.append(f"| `{setting.name}` | {shown} | {setting.doc}{choices} |")
    return "\n".join(rows)


def presets_table() -> str:
    rows = ["| preset | what it is |", "|---|---|"]
    rows += [f"| `{name}` | {preset.doc} |" for name, preset in PRESETS.items()]
    return "\n".join(rows)


def schema_table() -> str:
    """Columns as ``sql/schema/raw.sql`` declares and comments them."""
    rows = ["| table | grain | columns |", "|---|---|---|"]
    for grain, table, body in re.findall(
        r"^-- One row (.+?)\.\nCREATE TABLE raw\.(\w+) \((.*?)^\);",
        read_sql("schema/raw.sql"),
        flags=re.DOTALL | re.MULTILINE,
    ):
        columns = re.findall(r"^    (\w+) ", body, flags=re.MULTILINE)
        names = ", ".join(f"`{c}`" for c in columns if c not in {"run_id", "segment_id"})
        rows.append(f"| `{table}` | one row {' '.join(grain.split())} | {names} |")
    return "\n".join(rows)


def checks_table() -> str:
    """One table a family: each check with its file, and whether chance can fail it."""
    lines = []
    for family, checks in itertools.groupby(load_checks(), key=lambda check: check.family):
        lines += [f"## {family}", "", "| check | severity | chance | title |", "|---|---|---|---|"]
        for check in checks:
            chance = "yes" if any(param.name == "alpha" for param in check.params) else ""
            link = f"[`{check.name}`]({check.path.relative_to(CHECKS.parent).as_posix()})"
            title = check.title.replace("|", "\\|")
            lines.append(f"| {link} | {check.severity} | {chance} | {title} |")
        lines.append("")
    return "\n".join(lines[:-1])


def reports_table() -> str:
    lines = ["| report | question | parameters |", "|---|---|---|"]
    for report in read_reports()[0]:
        link = f"[`{report.name}`]({report.path.relative_to(REPORTS.parent).as_posix()})"
        params = ", ".join(f"`{param.name}`" for param in report.params)
        asked = (report.question or report.title).replace("|", "\\|")
        lines.append(f"| {link} | {asked} | {params} |")
    return "\n".join(lines)


def worked(found: re.Match[str]) -> str:
    """Return a block of SQL and the block below it, which is what it prints."""
    sql = found[2]
    given = pairs(re.findall(r"-p (\S+)", sql.splitlines()[0]))
    stream = io.StringIO()
    with (
        open_for_reading(EXAMPLE) as log,
        query(log.con, sql, {name: guess(text) for name, text in given.items()}) as rows,
    ):
        write_rows(stream, rows.columns, rows, "table")
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    return found[1] + "\n".join(lines) + "\n" + found[3]


DOCUMENTS = {
    README: {
        "settings": settings_table,
        "terms": terms_table,
        "presets": presets_table,
        "schema": schema_table,
    },
    CHECKS: {"checks": checks_table},
    REPORTS: {"reports": reports_table},
}


def updated(document: Path) -> str:
    """Return the text of ``document`` with its tables as they should be."""
    text = document.read_text(encoding="utf-8")
    for name, make in DOCUMENTS[document].items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end {name} -->)"
        if not re.search(pattern, text, flags=re.DOTALL):
            raise SystemExit(f"{document} has no place for the table {name!r}")
        table = make()
        text = re.sub(pattern, lambda m, t=table: f"{m[1]}{t}\n{m[2]}", text, flags=re.DOTALL)
    return _WORKED.sub(worked, text)


if __name__ == "__main__":
    late = [path for path in DOCUMENTS if updated(path) != path.read_text(encoding="utf-8")]
    if "--write" in sys.argv:
        for path in late:
            path.write_text(updated(path), encoding="utf-8")
    elif late:
        names = " and ".join(str(path.relative_to(ROOT)) for path in late)
        sys.exit(f"{names}: out of date, run python tests/readme_tables.py --write")
