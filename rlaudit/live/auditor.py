"""Audits of one run after another in a process of their own.

In this process an audit would hold up whatever else it does, and could not be ended halfway.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rlaudit.errors import RlauditError
from rlaudit.live.cheap import Part

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

_PROGRAM = "rlaudit.cli.dashboard_audit"
# One line holds all findings of a family, each with a sentence or two.
_LONGEST_LINE = 1 << 24


class AuditFailedError(RlauditError):
    """The process of an audit ended without saying that it had done its work."""


class Auditor:
    """Audits runs of one log, one at a time; each audit of a run reads what is new since its last.

    Args:
        source: the log.

    """

    def __init__(self, source: Path) -> None:
        self._source = source
        self._folder = tempfile.TemporaryDirectory(prefix="rlaudit-", ignore_cleanup_errors=True)
        self._process: Process | None = None

    async def audit(self, run_id: str) -> AsyncIterator[Part]:
        """Give what the cheap checks find in a run, some of them after the others.

        Raises :class:`AuditFailedError` if the process of the audit fails.
        """
        options = {
            "source": str(self._source),
            "run_id": run_id,
            "record": str(Path(self._folder.name) / "audits.duckdb"),
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", _PROGRAM, json.dumps(options)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LONGEST_LINE,
            # Ctrl-C is for the parent, which ends its audit itself.
            start_new_session=True,
        )
        self._process = process
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        assert process.stderr is not None  # noqa: S101 - and so was this
        try:
            async for line in process.stdout:
                yield Part.from_dict(json.loads(line))
            said = (await process.stderr.read()).decode(errors="replace").strip()
            code = await process.wait()
        finally:
            self._end(process)
        if code != 0:
            reason = said.rpartition("\n")[2] or f"exit code {code}"
            raise AuditFailedError(f"the audit of {run_id} failed: {reason}")

    def forget(self) -> None:
        """Read runs from their beginning again, as another log now stands under the name."""
        self.close()
        self._folder = tempfile.TemporaryDirectory(prefix="rlaudit-", ignore_cleanup_errors=True)

    def close(self) -> None:
        """End the process, if there is one, and delete what it wrote."""
        if self._process is not None:
            self._end(self._process)
        self._folder.cleanup()

    def _end(self, process: Process) -> None:
        self._process = None
        with contextlib.suppress(ProcessLookupError):  # it has ended
            process.kill()
