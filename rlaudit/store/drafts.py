"""Names of files that are not finished, and which of them nobody will finish.

A file is written under such a name and renamed. Its name tells the machine and the process, so that
what a killed process left can be told from what another one is writing.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
from typing import TYPE_CHECKING
from uuid import uuid4

from rlaudit.store.processes import pid_alive

if TYPE_CHECKING:
    from pathlib import Path

# What DuckDB writes beside a draft that is a database has one more suffix.
_DRAFT = re.compile(r"\..+\.(?P<host>[0-9a-f]{8})-(?P<pid>\d+)-[0-9a-f]{32}\.draft(\.\w+)?")
# A draft is written within seconds.
_OLD_SECONDS = 3600.0


def draft_of(path: Path) -> Path:
    """Return a new name beside ``path``, under which its content is written."""
    return path.with_name(f".{path.name}.{_host()}-{os.getpid()}-{uuid4().hex}.draft")


def is_left_over(name: str, age: float | None) -> bool:
    """Say whether ``name`` is that of a draft which nobody will finish.

    ``age`` is the seconds since it was last written, None if it is gone. It decides where the
    process cannot be asked about, such as on another machine.
    """
    found = _DRAFT.fullmatch(name)
    if not found:
        return False
    alive = pid_alive(int(found["pid"])) if found["host"] == _host() else None
    if alive is not None:
        return not alive
    return age is not None and age > _OLD_SECONDS


def _host() -> str:
    return hashlib.blake2b(socket.gethostname().encode(), digest_size=4).hexdigest()
