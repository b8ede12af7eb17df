"""What a check tests and how sure its verdict is, taken from its header."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlaudit.auditing.scripts import literal

if TYPE_CHECKING:
    from pathlib import Path

    from rlaudit.sqlfiles import CheckFile

EXACT = "none: no legal log can fail it"


@dataclass(frozen=True, slots=True)
class Explanation:
    """One check in words.

    ``params`` are (name, type, default as SQL writes it, bounds in words or ""). ``assumes`` and
    ``threshold`` are empty where the header has none; ``false_alarms`` never is: a check that
    states no rate is exact.
    """

    name: str
    family: str
    severity: str
    title: str
    why: str
    reads: tuple[str, ...]
    requires: tuple[str, ...]
    params: tuple[tuple[str, str, str, str], ...]
    assumes: str
    threshold: str
    false_alarms: str
    incremental: str | None
    after: tuple[str, ...]
    cites: str
    path: Path


def explain(check: CheckFile) -> Explanation:
    """Return what the header of ``check`` says, ready to be shown."""
    return Explanation(
        name=check.name,
        family=check.family,
        severity=check.severity,
        title=check.title,
        why=check.why,
        reads=check.reads,
        requires=tuple(str(requirement) for requirement in check.requires),
        params=tuple((p.name, p.type, literal(p.default), p.bounds) for p in check.params),
        assumes=check.assumes,
        threshold=check.threshold,
        false_alarms=check.false_alarms or EXACT,
        incremental=check.incremental,
        after=tuple(cause.check for cause in check.after),
        cites=check.cites,
        path=check.path,
    )
