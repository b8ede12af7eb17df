"""Whether a process of this machine is there."""

from __future__ import annotations

import os


def pid_alive(pid: int) -> bool | None:
    """Say whether a process of this machine exists; None where asking is not safe."""
    if os.name != "posix":
        return None  # on Windows os.kill ends the process, whatever the signal
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
