"""The README's reference tables, made from what they describe.

    python tests/readme_tables.py           # say which tables are out of date
    python tests/readme_tables.py --write   # bring them up to date

A table stands between ``<!-- NAME -->`` and ``<!-- end NAME -->``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from rlaudit.config import vocabulary
from rlaudit.presets import PRESETS
from rlaudit.sqlfiles import read_sql

README = Path(__file__).resolve().parent.parent / "README.md"


def settings_table() -> str:
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for setting in vocabulary().values():
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


TABLES = {"settings": settings_table, "presets": presets_table, "schema": schema_table}


def updated(readme: str) -> str:
    for name, make in TABLES.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end {name} -->)"
        if not re.search(pattern, readme, flags=re.DOTALL):
            raise SystemExit(f"README.md has no place for the table {name!r}")
        table = make()
        readme = re.sub(pattern, lambda m, t=table: f"{m[1]}{t}\n{m[2]}", readme, flags=re.DOTALL)
    return readme


if __name__ == "__main__":
    old = README.read_text(encoding="utf-8")
    new = updated(old)
    if "--write" in sys.argv:
        README.write_text(new, encoding="utf-8")
    elif new != old:
        sys.exit("README.md is out of date: run python tests/readme_tables.py --write")
