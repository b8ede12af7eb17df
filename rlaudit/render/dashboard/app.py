"""The screen: it looks at the log now and then, and shows what looks and audits have found.

Nothing here waits for the log: looks are taken in a thread, audits in a process.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import App
from textual.binding import Binding
from textual.containers import Horizontal
from textual.widgets import Footer, Static
from textual.worker import WorkerFailed

from rlaudit.errors import RlauditError
from rlaudit.live import Auditor, Watched, file_state, rest, take_look
from rlaudit.render.dashboard.panes import Findings, PlotPane, RunTable
from rlaudit.render.dashboard.plot import Line
from rlaudit.render.dashboard.wording import curve_title, headline, priorities_title
from rlaudit.render.harmless import printable

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from rlaudit.live import Detail, FileState, Look
    from rlaudit.store import RunSummary

# A look holds the log for some tens of milliseconds, an audit for seconds.
_SHARE_OF_LOOKS, _SHARE_OF_AUDITS = 0.1, 0.25
_BETWEEN_AUDITS = 5.0
# A writer that has the log open is soon done; if not, the next look tries again.
_WAIT = 1.0
# A run whose process is gone writes nothing, and is dead all the same.
_LOOK_ANYWAY = 15.0


class Dashboard(App[None]):
    """Follows the log at ``path`` until someone quits.

    Args:
        path: the log.
        chosen: id of the run to show closely; the newest of those that are running, if None.
        every: least seconds between two looks.
        audits: whether to audit the runs that are shown or running.

    """

    TITLE = "rlaudit watch"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #status { height: auto; max-height: 3; }
    #status.problem { color: ansi_red; text-style: bold; }
    #runs { height: 1fr; min-height: 4; }
    #runs > .datatable--header { background: ansi_default; color: ansi_default; text-style: bold; }
    #headline { height: 1; background: ansi_blue; color: ansi_bright_white; }
    #plots { height: 2fr; min-height: 8; }
    #curve { width: 1fr; }
    #priorities { width: 1fr; margin-left: 2; }
    #findings { height: 1fr; min-height: 4; }
    #findings:focus { background-tint: $foreground 0%; }
    #findings-text { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "quit"),
        Binding("ctrl+c", "interrupt", show=False, priority=True),
        Binding("tab", "app.focus_next", "findings", priority=True),
        Binding("r", "look", "look now"),
    ]

    def __init__(
        self, path: Path, *, chosen: str | None = None, every: float = 2.0, audits: bool = True
    ) -> None:
        super().__init__()
        self.theme = "ansi-dark"
        self.interrupted = False
        """Whether a signal or Ctrl-C ended it."""
        self.failure: Exception | None = None
        """A bug that ended it."""
        self._path = path
        self._chosen = chosen
        self._every = every
        self._watched = Watched()
        self._auditor = Auditor(path) if audits else None
        self._auditing: str | None = None
        self._problem = ""
        self._note = ""
        self._audit_problem = ""
        self._seen: FileState | None = None
        self._loop_here: asyncio.AbstractEventLoop | None = None
        self._wish = asyncio.Event()
        self._looked = asyncio.Event()

    def compose(self) -> ComposeResult:
        """Put the parts on the screen."""
        yield Static(id="status")
        yield RunTable()
        yield Static(id="headline")
        with Horizontal(id="plots"):
            yield PlotPane("curve")
            yield PlotPane("priorities")
        yield Findings(id="findings")
        yield Footer()

    def interrupt_soon(self) -> None:
        """End as on Ctrl-C; may be called where a signal has interrupted anything."""
        self.interrupted = True  # which on_mount heeds if nothing runs yet
        if self._loop_here is not None:
            self._loop_here.call_soon_threadsafe(self.exit)

    def on_mount(self) -> None:
        """Begin to look."""
        self._loop_here = asyncio.get_running_loop()
        if self.interrupted:
            self.exit()
            return
        self.query_one(RunTable).focus()
        self._show()
        self.run_worker(self._follow())
        if self._auditor is not None:
            self.run_worker(self._audit(self._auditor))

    def on_unmount(self) -> None:
        """End the audit that is under way."""
        if self._auditor is not None:
            self._auditor.close()

    def on_data_table_row_highlighted(self) -> None:
        """Look closely at the run to which the cursor has moved."""
        run_id = self.query_one(RunTable).run_at_cursor()
        if run_id is not None and run_id != self._chosen:
            self._chosen = run_id
            self._show()
            self._wish.set()
            self._looked.set()

    def action_interrupt(self) -> None:
        """End as on Ctrl-C."""
        self.interrupted = True
        self.exit()

    def action_look(self) -> None:
        """Look at the log, changed or not."""
        self._wish.set()

    def _handle_exception(self, error: Exception) -> None:
        # Textual would print a traceback; the command line has one place for errors.
        self.failure = error.error if isinstance(error, WorkerFailed) else error  # type: ignore[assignment]
        super()._handle_exception(error)
        self._exit_renderables.clear()

    # --- looks ---------------------------------------------------------------------------------

    async def _follow(self) -> None:
        looked_at = 0.0
        while True:
            pause = self._every
            asked = self._wish.is_set()
            self._wish.clear()
            state = file_state(self._path)
            if asked or state != self._seen or time.monotonic() - looked_at > _LOOK_ANYWAY:
                pause = await self._look(state)
                looked_at = time.monotonic()
            try:
                await asyncio.wait_for(self._wish.wait(), pause)
            except TimeoutError:
                continue
            # Someone who runs through the list of runs wants the one at which they stop.
            await asyncio.sleep(0.1)

    async def _look(self, state: FileState) -> float:
        """Take a look and show it; return for how long to leave the log alone."""
        try:
            look = await asyncio.to_thread(take_look, self._path, self._chosen, wait=_WAIT)
        except RlauditError as error:
            # A whole path can fill the lines that there are.
            self._problem = str(error).replace(str(self._path), self._path.name)
            self._seen = None
            self._show()
            return self._every
        self._problem = ""
        self._seen = state
        if self._watched.take(look):
            self._note = f"other runs than before since {_clock(look.taken_at)} UTC"
            if self._auditor is not None:
                self._auditor.forget()
        self._choose(look)
        self._show()
        self._looked.set()
        return rest(look.seconds_open, share=_SHARE_OF_LOOKS, least=self._every)

    def _choose(self, look: Look) -> None:
        """Choose the first run of the list, unless one is chosen that is still there."""
        ids = [run.run_id for run in self._watched.runs]
        if self._chosen not in ids:
            self._chosen = ids[0] if ids else None
        if self._chosen is not None and (look.detail is None):
            self._wish.set()

    # --- audits --------------------------------------------------------------------------------

    async def _audit(self, auditor: Auditor) -> None:
        while True:
            run = self._watched.next_to_audit(self._chosen)
            if run is None or self._problem:
                self._looked.clear()
                await self._looked.wait()
                continue
            began = time.monotonic()
            self._auditing = run.run_id
            self._show()
            self._watched.begin_audit(run)
            try:
                async for part in auditor.audit(run.run_id):
                    self._watched.take_part(run.run_id, part)
                    self._show()
                self._audit_problem = ""
                self._watched.end_audit(run.run_id)
            except RlauditError as error:
                self._audit_problem = str(error)
            self._auditing = None
            self._show()
            seconds = time.monotonic() - began
            await asyncio.sleep(rest(seconds, share=_SHARE_OF_AUDITS, least=_BETWEEN_AUDITS))

    # --- the screen ----------------------------------------------------------------------------

    def _show(self) -> None:
        """Bring the screen up to date, unless it is being left."""
        if not self.is_running:
            return
        run = next((run for run in self._watched.runs if run.run_id == self._chosen), None)
        look = self._watched.look
        detail = look.detail if look else None
        if detail is not None and detail.run_id != self._chosen:
            detail = None
        status = self.query_one("#status", Static)
        status.set_class(bool(self._problem), "problem")
        status.update(Text(printable(self._status())))
        self.query_one(RunTable).show_runs(self._watched, self._chosen)
        line = f"{printable(run.run_id)}  {headline(self._watched, run, detail)}" if run else ""
        self.query_one("#headline", Static).update(Text(line, no_wrap=True, overflow="ellipsis"))
        self._show_plots(detail)
        self._show_findings(run)

    def _status(self) -> str:
        look, watched = self._watched.look, self._watched
        if self._problem:
            shown = f" Shown is what was read at {_clock(look.taken_at)} UTC." if look else ""
            return f"{self._problem}.{shown}"
        if look is None:
            return f"reading {self._path.name}"
        running = sum(run.state == "running" for run in watched.runs)
        runs = "1 run" if len(watched.runs) == 1 else f"{len(watched.runs):,} runs"
        parts = [self._path.name, f"{runs}, {running:,} running"]
        parts.append(f"read {_clock(look.taken_at)} UTC")
        if look.spooled:
            parts.append("part of it from the spool")
        if not watched.runs:
            parts.append("no run has begun yet")
        if self._note:
            parts.append(self._note)
        if look.incomplete:
            parts.append(f"incomplete: {look.incomplete}")
        return "  ".join(parts)

    def _show_plots(self, detail: Detail | None) -> None:
        curve, priorities = (
            self.query_one("#curve", PlotPane),
            self.query_one("#priorities", PlotPane),
        )
        if detail is None:
            curve.show("return: reading" if self._chosen else "")
            priorities.show("priorities: reading" if self._chosen else "")
            return
        curve.show(curve_title(detail), [Line(detail.curve, "blue")])
        points = detail.priorities
        priorities.show(
            priorities_title(detail),
            [
                Line([(p.env_step, p.p90) for p in points], "magenta"),
                Line([(p.env_step, p.p50) for p in points], "blue"),
                Line([(p.env_step, p.p10) for p in points], "cyan"),
            ],
        )

    def _show_findings(self, run: RunSummary | None) -> None:
        pane = self.query_one(Findings)
        if run is None or self._auditor is None:
            pane.show(["not audited (--no-audit)"] if run else [], [])
            return
        problems = [f"could not be run: {p}" for p in self._watched.problems(run.run_id)]
        lines = [self._audit_line(run), *problems, self._audit_problem]
        pane.show([line for line in lines if line], self._watched.findings(run.run_id))

    def _audit_line(self, run: RunSummary) -> str:
        done = self._watched.was_audited(run.run_id)
        if self._auditing == run.run_id:
            what = "reading what is new" if done else "reading"
        elif not done:
            what = "waiting for their turn"
        else:
            what = "" if self._watched.findings(run.run_id) else "nothing found"
        return f"cheap checks: {what}" if what else ""


def _clock(at: datetime) -> str:
    return f"{at:%H:%M:%S}"
