"""Say where the SQL files are: in the checkout, or inside the installed package."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_CHECKOUT = _PACKAGE.parent


def sql_root() -> Path:
    """Return the folder ``sql/``.

    The checkout's own is taken first, so that an editable install never reads an old copy.
    """
    if (_CHECKOUT / "pyproject.toml").is_file() and (_CHECKOUT / "sql" / "schema").is_dir():
        return _CHECKOUT / "sql"
    return _PACKAGE / "sql"


def is_ours(path: Path) -> bool:
    """Say whether a SQL file comes with rlaudit; what others say runs in a process apart."""
    return path.is_relative_to(sql_root())


def read_sql(name: str) -> str:
    """Return the text of one file, named relative to ``sql/``, such as ``schema/raw.sql``."""
    return (sql_root() / name).read_text(encoding="utf-8")
