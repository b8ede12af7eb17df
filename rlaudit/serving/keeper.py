"""Keep the page of a log up to date while someone looks at it.

It is made in a process of its own, which reads the whole log and audits it, so that the server
answers meanwhile and can end at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlaudit.live import file_state, rest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rlaudit.live import FileState

_PROGRAM = "rlaudit.cli.served_page"
# Who has the page open asks for its state every few seconds.
_SOMEONE_LOOKS = 30.0
# The page says which runs are dead, and a dead run changes nothing in its log.
_MAKE_ANYWAY = 60.0
_BETWEEN_LOOKS = 1.0
# Of the time, the log is open for pages at most this share.
_SHARE = 0.25


class PageKeeper:
    """Makes the page of the log at ``path``, and again when the log has changed.

    Args:
        path: the log, as the page is to call it.
        audit: whether the page shows an audit.
        judging: options of that audit, as JSON can write them; ``read_page`` has them.
        every: least seconds between two pages.

    Attributes:
        page: the newest page; None before the first.
        state: names the page; another one after each change, also across restarts of the server.
        problem: why there is no newer page; "" if all is well.

    """

    def __init__(
        self,
        path: Path,
        *,
        audit: bool = True,
        judging: Mapping[str, Any] | None = None,
        every: float = 5.0,
    ) -> None:
        self.page: bytes | None = None
        self.state = ""
        self.problem = ""
        self._path = path
        self._audit = audit
        self._judging = dict(judging or {})
        self._every = every
        self._began = secrets.token_hex(4)
        self._pages = 0
        self._asked_at = time.monotonic()

    def asked(self) -> None:
        """Note that someone looks."""
        self._asked_at = time.monotonic()

    async def keep(self) -> None:
        """Make pages until it is cancelled."""
        shown: FileState | None = None
        made_at = 0.0
        # For what the last audit found, and the history of audits, from which each knows how often
        # the log was looked at.
        with tempfile.TemporaryDirectory(prefix="rlaudit-", ignore_cleanup_errors=True) as folder:
            while True:
                now = file_state(self._path)
                began = time.monotonic()
                looked_at = began - self._asked_at < _SOMEONE_LOOKS
                old = now != shown or began - made_at > _MAKE_ANYWAY
                pause = _BETWEEN_LOOKS
                if looked_at and old:
                    shown = now if await self._make(Path(folder)) else None
                    made_at = time.monotonic()
                    pause = rest(made_at - began, share=_SHARE, least=self._every)
                await asyncio.sleep(pause)

    async def _make(self, folder: Path) -> bool:
        """Make the page; return whether it could be made."""
        state = f"{self._began}-{self._pages + 1}"
        options = {
            "path": str(self._path),
            "audit": self._audit,
            "judging": self._judging,
            "live": state,
            "folder": str(folder),
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", _PROGRAM, json.dumps(options)),
            stdin=asyncio.subprocess.PIPE,  # when it ends, the process does
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the server, which ends it
        )
        try:
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            assert process.stderr is not None  # noqa: S101 - and so was this
            page, said = await asyncio.gather(process.stdout.read(), process.stderr.read())
            code = await process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):  # it has ended
                process.kill()
            await process.communicate()  # closes its pipes
        if code != 0:
            last = said.decode(errors="replace").strip().rpartition("\n")[2]
            self.problem = last or f"the page could not be made: exit code {code}"
            return False
        self.page, self.state, self.problem = page, state, ""
        self._pages += 1
        return True
