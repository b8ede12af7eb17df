"""The table of all mutants: which check flags each, by how many rows, after how many steps."""

# ruff: noqa: T201 - a command prints its result

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bugs import BUGS
from mutant import TINY, Mutant
from verdicts import FOLDER, BrokenMutantError, Verdict, family_of, load_mutants, run_mutant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

TABLE = FOLDER / "README.md"
_FEWEST_STEPS = 125
_COLUMNS = ("mutant", "bug", "what is wrong", "flagged by", "rows", "steps needed")
_BUG_COLUMNS = ("bug", "what it is", "seen in", "mutants")
_HEAD = f"""\
# Mutants

Each is a bug, put into the running trainer by a patch of a few lines. A short training run
follows, and an audit of its log with all checks. `flagged by` is the check that is meant for the
bug: it fails with the diagnosis that the mutant declares, and no check fails that the mutant does
not declare. `rows` are the rows that this check found. `steps needed` are the agent steps of the
shortest run that it flags, where runs of {_FEWEST_STEPS} steps, twice as many and so on are tried;
the steps before learning starts count. `bug` is a number of the list [below](#the-bugs), `-` a bug
that no report describes.

Written by `python tests/mutants/harness.py table --write`;
`python tests/mutants/harness.py run NAME` shows one mutant with all that the audit says.
"""


class Row(NamedTuple):
    """One mutant's line of the table, or why it has none."""

    name: str
    cells: tuple[str, ...]
    problems: list[str]


def make_table(*, write: bool, jobs: int) -> int:
    """Run all mutants, print the table or write it, and return an exit code."""
    names = list(load_mutants())
    rows = []
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for done, row in enumerate(pool.map(_row, names), start=1):
            rows.append(row)
            print(f"{done} of {len(names)}: {row.name}", file=sys.stderr, flush=True)
            for problem in row.problems:
                print(f"    {problem}", file=sys.stderr)
    bad = [row.name for row in rows if row.problems]
    text = _document(load_mutants(), rows)
    if bad:
        print(f"not as declared: {', '.join(bad)}", file=sys.stderr)
    if write and not bad:
        TABLE.write_text(text, encoding="utf-8")
    else:
        print(text)
    return 1 if bad else 0


def _document(mutants: Mapping[str, Mutant], rows: Iterable[Row]) -> str:
    modules = defaultdict(list)
    for row in rows:
        if row.cells:
            modules[mutants[row.name].apply.__module__].append(row)
    reports, names = defaultdict(list), defaultdict(list)
    for name, mutant in mutants.items():
        reports[mutant.bug] += mutant.seen_in.split("; ")
        names[mutant.bug].append(f"`{name}`")
    lines = [_HEAD]
    for module, of_module in modules.items():
        family = family_of(mutants[of_module[0].name])
        about = (sys.modules[module].__doc__ or "").strip()
        cells = [row.cells for row in of_module]
        lines += [f"## {family}", "", about, "", *_table(_COLUMNS, cells), ""]
    known = [
        (str(bug), about, "; ".join(dict.fromkeys(reports[bug])), ", ".join(names[bug]))
        for bug, about in BUGS.items()
    ]
    return "\n".join((*lines, "## The bugs", "", *_table(_BUG_COLUMNS, known), ""))


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [_line(columns), _line("---" for _ in columns), *(_line(row) for row in rows)]


def _row(name: str) -> Row:
    mutant = load_mutants()[name]
    with tempfile.TemporaryDirectory() as folder:
        try:
            verdict = run_mutant(mutant, Path(folder, "whole.duckdb"))
        except BrokenMutantError as error:
            return Row(name, (), [f"broken: {error}"])
        steps = _steps_needed(mutant, verdict, Path(folder))
    return Row(name, _cells(verdict, steps), verdict.problems)


def _steps_needed(mutant: Mutant, whole: Verdict, folder: Path) -> int | None:
    """Return how many steps the shortest run has that is flagged; None if none is."""
    for steps in _ladder({**TINY, **mutant.settings}["steps"]):
        path = folder / f"{steps}.duckdb"
        try:
            verdict = run_mutant(mutant, path, only=mutant.flagged_by, steps=steps)
        except BrokenMutantError:
            continue  # so few steps that the patch finds nothing to change
        if verdict.flagged:
            return verdict.agent_steps
    return whole.agent_steps if whole.flagged else None


def _ladder(most: int) -> Iterator[int]:
    steps = _FEWEST_STEPS
    while steps < most:
        yield steps
        steps *= 2


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(verdict: Verdict, steps_needed: int | None) -> tuple[str, ...]:
    mutant = verdict.mutant
    return (
        f"`{mutant.name}`",
        str(mutant.bug or "-"),
        mutant.about.replace("|", "\\|"),
        f"`{mutant.flagged_by}`",
        f"{verdict.rows:,}",
        "-" if steps_needed is None else f"{steps_needed:,}",
    )


def written_rows() -> dict[str, str]:
    """Return mutant and check of each line of the table as it was last written."""
    found = {}
    text, _, _ = TABLE.read_text(encoding="utf-8").partition("## The bugs")
    for line in text.splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            found[cells[0].strip("`")] = cells[3].strip("`")
    return found
