"""Follow a log while others write it: short looks at it, and audits in a process beside.

A log that is open for reading cannot be written, so whoever follows one reads briefly and seldom:
:mod:`rlaudit.live.pace` says how seldom.
"""

from __future__ import annotations

from rlaudit.live.auditor import AuditFailedError, Auditor
from rlaudit.live.changes import FileState, file_state
from rlaudit.live.cheap import Part, RunFinding, audit_in_parts, is_cheap
from rlaudit.live.look import Detail, Look, PriorityPoint, take_look
from rlaudit.live.pace import Speeds, rest
from rlaudit.live.watched import Watched

__all__ = [
    "AuditFailedError",
    "Auditor",
    "Detail",
    "FileState",
    "Look",
    "Part",
    "PriorityPoint",
    "RunFinding",
    "Speeds",
    "Watched",
    "audit_in_parts",
    "file_state",
    "is_cheap",
    "rest",
    "take_look",
]
