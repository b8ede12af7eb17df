"""What an evaluation of a checkpoint found.

The JSON object has ``run_id``, ``env``, ``checkpoint``, ``env_step``, ``episodes``, ``epsilon``,
``seed``, ``distinct_trajectories``, ``mean_return``, ``mean_return_interval`` (``[low, high]`` or
null), ``median_return``, ``lowest_return``, ``highest_return``, ``mean_length``, ``truncated``
(games that a limit ended), ``human_normalised`` (null where no human score is known) and
``games``: one object a game. CSV has one line a game.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from rich.text import Text

from rlaudit.render.rows import write_csv
from rlaudit.render.terminal import console_for, plain_table, print_line
from rlaudit.render.values import human, json_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from rlaudit.records import EpisodeRow

EvaluationFormat = Literal["table", "json", "csv"]

_GAME = ("env_index", "length", "return_raw", "terminated", "truncated", "lives_lost", "seed")


class EvaluationReport(NamedTuple):
    """The figures of one evaluation; see the module."""

    run_id: str
    env: str
    checkpoint: str
    env_step: int
    episodes: int
    epsilon: float
    seed: int
    distinct_trajectories: int
    mean_return: float
    mean_return_interval: tuple[float, float] | None
    median_return: float
    lowest_return: float
    highest_return: float
    mean_length: float
    truncated: int
    human_normalised: float | None


def write_evaluation(
    stream: TextIO,
    report: EvaluationReport,
    games: Sequence[EpisodeRow],
    fmt: EvaluationFormat,
    *,
    caption: str = "",
) -> None:
    """Write ``report`` on ``games``; ``caption`` is a line for people."""
    rows = [[getattr(game, name) for name in _GAME] for game in games]
    if fmt == "csv":
        write_csv(stream, _GAME, rows)
    elif fmt == "json":
        found = report._asdict() | {"games": [dict(zip(_GAME, row, strict=True)) for row in rows]}
        stream.write(json_text(found, indent=2) + "\n")
    else:
        _write_table(stream, report, caption)


def _write_table(stream: TextIO, report: EvaluationReport, caption: str) -> None:
    console = console_for(stream)
    print_line(console, f"{report.run_id}, {report.env}, {report.checkpoint}")
    print_line(
        console,
        f"{report.episodes} game{'s' * (report.episodes > 1)}, of which "
        f"{report.distinct_trajectories} distinct; epsilon "
        f"{report.epsilon:g}, noise off, seed {report.seed}",
    )
    table = plain_table()
    table.show_header = False
    for _ in range(3):
        table.add_column()
    for name, value, remark in _lines(report):
        table.add_row(Text(name), Text(value, justify="right"), Text(remark))
    console.print(table)
    if caption:
        print_line(console, caption)


def _lines(report: EvaluationReport) -> list[tuple[str, str, str]]:
    def shown(value: Any) -> str:
        return human(value)

    interval = report.mean_return_interval
    mean_remark = (
        f"{interval[0]:.2f} to {interval[1]:.2f}, 95% bootstrap interval over games"
        if interval
        else "one game has no interval"
    )
    lines = [
        ("mean return", f"{report.mean_return:.2f}", mean_remark),
        (
            "median return",
            shown(report.median_return),
            f"{report.lowest_return:g} to {report.highest_return:g}",
        ),
        ("mean length", f"{report.mean_length:,.1f}", "agent steps"),
    ]
    if report.truncated:
        lines.append(("cut", f"{report.truncated:,}", "games that a step limit ended"))
    if report.human_normalised is not None:
        lines.append(
            ("human-normalised", f"{report.human_normalised:.3f}", "0 is random play, 1 a human")
        )
    return lines
