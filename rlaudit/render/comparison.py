"""A comparison of two groups of runs.

The JSON object has ``measure`` (what a final return is, in words), ``statistic`` (mean, iqm),
``difference`` (B minus A), ``difference_interval`` and ``probability_of_improvement_interval``
(``[low, high]``, 95%, or null), ``probability_of_improvement``, ``resamples``, ``warnings``,
``notes`` (what was left out), ``a`` and ``b``, each with ``name``, ``seeds``, ``centre``,
``interval`` and ``runs``: ``run_id``, ``seed``, ``final_return``, ``episodes`` (it is the mean of)
and ``step`` (agent steps done). CSV has one line a run: its group, and the keys of ``runs``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from rich.text import Text

from rlaudit.render.harmless import printable
from rlaudit.render.rows import write_csv
from rlaudit.render.terminal import console_for, plain_table, print_line
from rlaudit.render.text_plot import interval_text
from rlaudit.render.values import human, json_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from rlaudit.curves import Comparison, FinalGroup, FinalReturn, Interval

CompareFormat = Literal["table", "json", "csv"]

_RUN_COLUMNS = ("run_id", "seed", "final_return", "episodes", "step")


def write_comparison(
    stream: TextIO, found: Comparison, fmt: CompareFormat, *, caption: str = ""
) -> None:
    """Write ``found`` to ``stream``; ``caption`` is a line for people."""
    if fmt == "json":
        stream.write(json_text(_as_object(found), indent=2) + "\n")
    elif fmt == "csv":
        rows = [[group.name, *_run(f)] for group in (found.a, found.b) for f in group.finals]
        write_csv(stream, ("group", *_RUN_COLUMNS), rows)
    else:
        _write_table(stream, found, caption)


def _as_object(found: Comparison) -> dict[str, Any]:
    return {
        "measure": str(found.measure),
        "statistic": found.statistic,
        "difference": found.difference,
        "difference_interval": found.interval,
        "probability_of_improvement": found.probability,
        "probability_of_improvement_interval": found.probability_interval,
        "resamples": found.resamples,
        "warnings": found.warnings,
        "notes": found.notes,
        "a": _group(found.a),
        "b": _group(found.b),
    }


def _group(group: FinalGroup) -> dict[str, Any]:
    return {
        "name": group.name,
        "seeds": len(group.finals),
        "centre": group.centre,
        "interval": group.interval,
        "runs": [dict(zip(_RUN_COLUMNS, _run(f), strict=True)) for f in group.finals],
    }


def _run(final: FinalReturn) -> list[Any]:
    return [final.run_id, final.seed, final.value, final.episodes, final.step]


def _write_table(stream: TextIO, found: Comparison, caption: str) -> None:
    console = console_for(stream)
    print_line(console, f"final return: {_final_return(found)}", "bold")
    if caption:
        print_line(console, caption)
    table = plain_table()
    table.add_column("")
    table.add_column("group", overflow="fold")
    middle = "iqm" if found.statistic == "iqm" else "mean"
    for name in ("seeds", "agent steps", middle, "95% interval"):
        table.add_column(name, justify="right", no_wrap=True)
    for letter, group in (("A", found.a), ("B", found.b)):
        table.add_row(
            letter,
            Text(printable(group.name)),
            f"{len(group.finals)}",
            _range([final.step for final in group.finals]),
            _short(group.centre),
            _interval(group.interval),
        )
    console.print(table)
    print_line(console)
    rows = [
        ("B minus A", found.difference, found.interval),
        ("probability of improvement", found.probability, found.probability_interval),
    ]
    for name, value, interval in rows:
        ends = f"95% interval {_interval(interval)}" if interval else "no interval from one seed"
        print_line(console, f"{name:<27}{_short(value):>8}   {ends}")
    seeds = f"{len(found.a.finals)} and {len(found.b.finals)} seeds"
    drawn = f", {found.resamples:,} bootstrap resamples" if found.interval else ""
    print_line(console, f"rests on {seeds}{drawn}")


def _final_return(found: Comparison) -> str:
    if found.measure.phase == "train":
        return str(found.measure)
    counts = [final.episodes for group in (found.a, found.b) for final in group.finals]
    return f"{found.measure}, the last of each run ({_range(counts)} episodes)"


def _range(numbers: Sequence[int]) -> str:
    least, most = min(numbers), max(numbers)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _short(value: float) -> str:
    return human(float(f"{value:.4g}"))


def _interval(interval: Interval | None) -> str:
    return interval_text(*interval) if interval else "none"
