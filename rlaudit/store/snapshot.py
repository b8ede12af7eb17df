"""A copy of a log that is being written, so that who reads it at length keeps no writer waiting.

The copy is made while the log is held for reading, so it is whole.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from rlaudit.store import commits, spool
from rlaudit.store.files import Files, utc_now

if TYPE_CHECKING:
    from collections.abc import Iterator

# A recorder gives a sign every ten seconds or so.
_RECENT_SECONDS = 60.0
# Free space that the copy needs, as a multiple of its size.
_ROOM = 1.5
# Runs in a process of its own: POSIX drops all locks of a process on a file as soon as it closes
# any handle on it, and this process may have the log open elsewhere.
_COPY = """
import json, os, shutil, sys
for source, target in json.load(sys.stdin):
    os.makedirs(os.path.dirname(target), exist_ok=True)
    try:
        shutil.copy2(source, target)  # with its time
    except FileNotFoundError:
        pass
"""


def is_being_written(path: Path) -> bool:
    """Say whether a recorder seems to be at work on the log at ``path``."""
    files = Files()
    changed = files.changed_at(commits.commits_file(path))
    now = utc_now().replace(tzinfo=UTC).timestamp()
    recent = changed is not None and now - changed < _RECENT_SECONDS
    return recent or bool(spool.list_entries(files, path))


@contextlib.contextmanager
def copied(path: Path) -> Iterator[Path | None]:
    """Give a copy of the log at ``path``, with what lies beside it, in a folder of its own.

    The log must be held for reading until this gives the copy. None if there is no room for one.
    """
    sources = [
        path,
        path.with_name(f"{path.name}.wal"),
        commits.commits_file(path),
        *spool.list_entries(Files(), path),
    ]
    size = sum(Files().size(source) for source in sources)
    with tempfile.TemporaryDirectory(prefix="rlaudit-", ignore_cleanup_errors=True) as folder:
        if shutil.disk_usage(folder).free < _ROOM * size:
            yield None
            return
        pairs = [
            (str(source), str(Path(folder, source.relative_to(path.parent)))) for source in sources
        ]
        done = subprocess.run(  # noqa: S603 - our own program over these paths
            [sys.executable, "-I", "-S", "-c", _COPY],
            input=json.dumps(pairs).encode(),
            check=False,
            capture_output=True,
        )
        yield Path(folder, path.name) if done.returncode == 0 else None
