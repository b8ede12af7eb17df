"""``rlaudit train --audit-every``: audits of the run so far, beside the training.

The command ``rlaudit watch`` is in :mod:`rlaudit.cli.dashboard`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlaudit.errors import DatabaseWriteError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

_SECONDS_BETWEEN_POLLS = 0.1


class LiveAudit:
    """Audits a run every so many steps in a process of its own, one at a time.

    Training goes on meanwhile: rows that cannot be written while the audit has the log open wait
    or go to its spool. Where an audit takes longer than the steps to the next, that one is left
    out. Each look reads what is new since the last where a check allows that, and thresholds
    that draw on chance are corrected for the number of looks.

    It has the methods of :class:`rlaudit.train.watch.Watcher`.

    Args:
        db: the log.
        every: agent steps between two audits.
        stop_on_error: end the run at a finding of severity error.
        on_note: called with each finding, once, and with what could not be done.
    """

    def __init__(
        self, db: Path, *, every: int, stop_on_error: bool, on_note: Callable[[str], None]
    ) -> None:
        self.looks = 0
        """Audits that came to an end."""
        self.findings = 0
        self.errors = 0
        """Findings of severity error."""
        self.stopped = False
        """Whether they are why the run ended."""
        self.incomplete = False
        """Whether the last audit could not do everything."""
        self._judged = ""
        self._db = db
        self._every = every
        self._stop_on_error = stop_on_error
        self._on_note = on_note
        self._look = 0
        self._periods: int | None = None
        self._step = 0
        self._said: set[tuple[str, ...]] = set()
        self._next_poll = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        # For what an audit says, and for the history from which the next one knows what was read.
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def step(self, env_step: int, flush: Callable[[], str]) -> str:
        """Begin an audit if one is due, and take in what the last one found."""
        if self._process is not None:
            now = time.monotonic()
            if now < self._next_poll:
                return ""
            self._next_poll = now + _SECONDS_BETWEEN_POLLS
            return "" if self._process.poll() is None else self._take_in(self._process)
        periods = env_step // self._every
        if self._periods is None:
            # A run that was resumed begins within a period.
            self._periods = (env_step - 1) // self._every
        if periods > self._periods:
            self._periods = periods
            self._begin(env_step, flush)
        return ""

    def finish(self, env_step: int, flush: Callable[[], str], stop: threading.Event) -> str:
        """Take in the audit that is under way, and do the last one."""
        problem = self._wait(stop)
        if problem or stop.is_set():
            return problem
        if self._step < env_step:
            self._begin(env_step, flush)
        return self._wait(stop)

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def summary(self) -> str:
        """Say what all audits together found."""
        found = "clean"
        if self.findings:
            found = f"{self.findings} findings, {self.errors} of severity error"
        elif self.incomplete or not self.looks:
            found = "nothing found"
        judged = f"; {self._judged} judged the run in the last" if self._judged else ""
        return f"audits: {self.looks} while the run went on, {found}{judged}"

    def _begin(self, env_step: int, flush: Callable[[], str]) -> None:
        try:
            run_id = flush()
        except DatabaseWriteError as error:
            self._on_note(f"no audit at step {env_step:,}: {error}")
            return
        self._step = env_step
        # As many looks as there could have been since the run began: a resumed one counts on.
        self._look = max(self._look + 1, env_step // self._every)
        options: dict[str, Any] = {
            "sources": str(self._db),
            "run": run_id,
            "look": self._look,
            "limit": 1,
            "record": str(self._file("audits.duckdb")),
            "since_last": True,
            "threads": 1,
        }
        command = [sys.executable, "-m", "rlaudit.cli.live_audit", json.dumps(options)]
        with self._file("out").open("wb") as out, self._file("err").open("wb") as err:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                # Ctrl-C is for the trainer, which ends its audit itself.
                start_new_session=True,
            )

    def _file(self, name: str) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(
                prefix="rlaudit-", ignore_cleanup_errors=True
            )
        return Path(self._folder.name) / name

    def _wait(self, stop: threading.Event) -> str:
        while self._process is not None:
            if self._process.poll() is not None:
                return self._take_in(self._process)
            if stop.wait(_SECONDS_BETWEEN_POLLS):
                return ""
        return ""

    def _take_in(self, ended: subprocess.Popen[bytes]) -> str:
        """Say what is new in the audit that has ended; return why the run is to end, if so."""
        self._process = None
        at = f"audit at step {self._step:,}"
        if ended.returncode != 0:
            said = self._file("err").read_text(errors="replace").strip().rsplit("\n", 1)[-1]
            self.incomplete = True
            self._on_note(f"{at} failed with exit code {ended.returncode}: {said}")
            return ""
        self.looks += 1
        found = json.loads(self._file("out").read_bytes())
        self.incomplete = bool(found["problems"])
        self._judged = found["judged"]
        for problem in found["problems"]:
            self._say(("problem", problem), f"{at}: {problem}")
        stop = ""
        for finding in found["findings"]:
            sentence = f"{finding['check']}: {finding['diagnosis']}"
            new = self._say(
                (finding["check"], str(finding["run_id"])),
                f"{at}: {finding['severity']} {sentence} ({finding['rows']:,} wrong rows)",
            )
            self.findings += new
            if new and finding["severity"] == "error":
                self.errors += 1
                stop = stop or f"{at} found {sentence}"
        self.stopped = self._stop_on_error and stop != ""
        return stop if self.stopped else ""

    def _say(self, key: tuple[str, ...], note: str) -> bool:
        """Pass on a note unless it was said before; return whether it was new."""
        if key in self._said:
            return False
        self._said.add(key)
        self._on_note(note)
        return True
