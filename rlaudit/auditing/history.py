"""Append results of audits to a DuckDB file, so that one can see when a check began to fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rlaudit.auditing.results import AuditReport


def record_audit(report: AuditReport, path: str | Path, *, wait: float = 10.0) -> list[str]:
    """Append the results of ``report`` and return the id of the audit of each source.

    Raises:
        DatabaseError: if ``path`` is no such file, is locked past ``wait`` seconds, or cannot be
            written.

    """
    raise NotImplementedError
