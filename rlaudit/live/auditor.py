"""Audits of one run after another in a process of their own.

In this process an audit would hold up whatever else it does, and could not be ended halfway.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rlaudit.errors import RlauditError
from rlaudit.live.cheap import Part

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_PROGRAM = "rlaudit.cli.dashboard_audit"


class AuditFailedError(RlauditError):
    """The process of an audit ended without saying that it had done its work."""


class Auditor:
    """Audits runs of one log, one at a time; each audit of a run reads what is new since its last.

    Args:
        source: the log.

    """

    def __init__(self, source: Path) -> None:
        self._source = source
        self._folder = _folder()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    async def audit(self, run_id: str) -> AsyncIterator[Part]:
        """Give what the cheap checks find in a run, some of them after the others.

        Raises :class:`AuditFailedError` if the process of the audit fails.
        """
        process = self._begin(run_id)
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        # In threads, which closing ends at once: pipes of asyncio outlive a loop that is left.
        try:
            while line := await asyncio.to_thread(process.stdout.readline):
                yield Part.from_dict(json.loads(line))
        except ValueError as error:  # half a line, or a pipe that was closed meanwhile
            raise AuditFailedError(f"the audit of {run_id} was ended") from error
        code = await asyncio.to_thread(process.wait)
        if code != 0:
            said = self._said.read_text(errors="replace").strip().rpartition("\n")[2]
            raise AuditFailedError(f"the audit of {run_id} failed: {said or f'exit code {code}'}")

    def forget(self) -> None:
        """Read runs from their beginning again, as another log now stands under the name."""
        self._end()
        self._folder = _folder()

    def close(self) -> None:
        """End the audit under way and delete what audits wrote; there is none after this."""
        self._closed = True
        self._end()

    @property
    def _said(self) -> Path:
        return Path(self._folder.name) / "stderr"

    def _begin(self, run_id: str) -> subprocess.Popen[bytes]:
        self._end_process()
        if self._closed:
            raise AuditFailedError("no audit begins any more")
        options = {
            "source": str(self._source),
            "run_id": run_id,
            "record": str(Path(self._folder.name) / "audits.duckdb"),
        }
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", _PROGRAM, json.dumps(options)],
                stdin=subprocess.PIPE,  # when it ends, so does the audit
                stdout=subprocess.PIPE,
                stderr=said,
                # Ctrl-C is for the parent, which ends its audit itself.
                start_new_session=True,
            )
        return self._process

    def _end(self) -> None:
        self._end_process()
        self._folder.cleanup()

    def _end_process(self) -> None:
        if self._process is not None:
            self._process.kill()
            # Waits for it, and closes its pipes.
            with self._process:
                pass
            self._process = None


def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="rlaudit-", ignore_cleanup_errors=True)
