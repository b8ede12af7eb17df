"""The parts of the screen: the list of runs, the plots and the findings of the chosen run."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import DataTable, Static

from rlaudit.render.dashboard.plot import draw
from rlaudit.render.dashboard.wording import found, shortened, shortened_end, speed
from rlaudit.render.harmless import printable
from rlaudit.render.values import human

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.binding import BindingType
    from textual.events import Resize

    from rlaudit.live import RunFinding, Watched
    from rlaudit.render.dashboard.plot import Line
    from rlaudit.store import RunSummary

# Each with the blank before it; the run's id has what is left.
_WIDTHS = {
    "state": 12,
    "steps": 10,
    "steps/s": 8,
    "episodes": 9,
    "return": 9,
    "findings": 9,
}
_LEAST_ID = 8
_SCROLL_BAR = 2
_COLOURS = {"running": "green", "dead": "red", "failed": "red", "interrupted": "yellow"}


class RunTable(DataTable[Text]):
    """All runs, one a line; the cursor stands on the chosen one, whatever is added or ends."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "cursor_up", "choose a run", key_display="↑↓"),
        Binding("down", "cursor_down", show=False),
        # Across the columns, where Textual has them, there is nothing to choose.
        Binding("home", "scroll_top", show=False),
        Binding("end", "scroll_bottom", show=False),
        Binding("j", "cursor_down", show=False),
        Binding("k", "cursor_up", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="runs", cursor_type="row", cell_padding=0, zebra_stripes=False)
        self._shown: list[tuple[str, tuple[str, ...]]] = []
        self._room = 0

    def on_resize(self, event: Resize) -> None:
        """Give the ids what room there is."""
        room = max(_LEAST_ID, event.size.width - sum(_WIDTHS.values()) - _SCROLL_BAR)
        if room != self._room:
            self._room = room
            chosen = self.run_at_cursor()
            self.clear(columns=True)
            self.add_column("run", width=room, key="run")
            for name, width in _WIDTHS.items():
                head = Text(f" {name}") if name == "state" else Text(f"{name:>{width}}")
                self.add_column(head, width=width, key=name)
            shown, self._shown = self._shown, []
            self._fill(shown, chosen)

    def show_runs(self, watched: Watched, chosen: str | None) -> None:
        """Show the runs that are known, with the cursor on ``chosen``."""
        self._fill([(run.run_id, _cells(watched, run)) for run in watched.runs], chosen)

    def run_at_cursor(self) -> str | None:
        """Return the id of the run that the cursor stands on; None if there are none."""
        row = self.cursor_row
        return self._shown[row][0] if 0 <= row < len(self._shown) else None

    def _fill(self, rows: list[tuple[str, tuple[str, ...]]], chosen: str | None) -> None:
        chosen = chosen if chosen is not None else self.run_at_cursor()
        before, self._shown = self._shown, rows
        if not self._room:
            return
        ids = [run_id for run_id, _ in rows]
        if ids != [run_id for run_id, _ in before] or self.row_count != len(rows):
            top = self.scroll_y
            self.clear()
            for run_id, cells in rows:
                self.add_row(*self._texts(run_id, cells), key=run_id)
            if chosen in ids:
                self.move_cursor(row=ids.index(chosen), scroll=False)
            self.scroll_to(y=top, animate=False)
            return
        for row, ((run_id, cells), (_, old)) in enumerate(zip(rows, before, strict=True)):
            if cells != old:
                for column, text in enumerate(self._texts(run_id, cells)):
                    self.update_cell_at((row, column), text)  # type: ignore[arg-type]

    def _texts(self, run_id: str, cells: tuple[str, ...]) -> list[Text]:
        state, *others = cells
        texts = [
            Text(shortened(run_id, self._room)),
            Text(f" {state}", style=_COLOURS.get(state, "")),
        ]
        numbers = zip(others, list(_WIDTHS.values())[1:], strict=True)
        return texts + [Text(f"{text:>{width}}") for text, width in numbers]


def _cells(watched: Watched, run: RunSummary) -> tuple[str, ...]:
    mean = "" if run.mean_return is None else human(float(f"{run.mean_return:.5g}"))
    return (
        run.state,
        f"{run.steps:,}",
        speed(watched, run),
        f"{run.episodes:,}",
        mean,
        found(watched, run),
    )


class PlotPane(Widget):
    """A title and curves under it, as large as there is room."""

    def __init__(self, id_: str) -> None:
        super().__init__(id=id_)
        self._title = ""
        self._lines: Sequence[Line] = ()

    def show(self, title: str, lines: Sequence[Line] = ()) -> None:
        """Show other curves."""
        self._title, self._lines = title, lines
        self.refresh()

    def render(self) -> Text:
        """Return what stands in the pane at its present size."""
        columns, rows = self.size
        text = Text(no_wrap=True, overflow="crop")
        text.append(shortened_end(self._title, columns) + "\n", style="bold")
        text.append_text(draw(self._lines, columns, rows - 1, "agent steps"))
        return text


class Findings(VerticalScroll):
    """What the cheap checks say of the chosen run."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_up", "scroll", key_display="↑↓"),
        Binding("down", "scroll_down", show=False),
    ]

    def compose(self) -> list[Static]:
        """Put in the text, which may be longer than the pane."""
        return [Static(id="findings-text")]

    def show(self, lines: Sequence[str], findings: Sequence[RunFinding]) -> None:
        """Show ``lines`` and below them what was found."""
        text = Text()
        for line in lines:
            text.append(f"{printable(line)}\n", style="dim")
        for finding in findings:
            colour = "red" if finding.severity == "error" else "yellow"
            text.append(f"{finding.severity} {finding.check}", style=f"bold {colour}")
            rows = "row" if finding.rows == 1 else "rows"
            text.append(f"  {finding.rows:,} wrong {rows}\n")
            text.append(f"  {printable(finding.diagnosis)}\n")
        text.rstrip()
        self.query_one(Static).update(text)
