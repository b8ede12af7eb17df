"""Human-normalised scores of Atari games: 0 is random play, 1 a human tester.

The scores are those of Wang et al. 2016 ("Dueling Network Architectures for Deep Reinforcement
Learning", arXiv 1511.06581, appendix, from up to 30 no-op starts), which most work since then
divides by; those of Mnih et al. 2015 differ slightly. They hold for the raw return of whole games.
"""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from rlaudit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rlaudit.curves.model import Curve, Measure

SCORES_SOURCE = "scores of random play and of a human tester: Wang et al. 2016, no-op starts"

_ID = re.compile(r"(?:ALE/)?(?P<game>[A-Z]\w*?)(?:NoFrameskip|Deterministic)?-v\d+")


class Scores(NamedTuple):
    """What two players reach in one game."""

    random: float
    human: float


@cache
def scores() -> dict[str, Scores]:
    """Return the scores of 57 games by ALE's name, such as ``ms_pacman``."""
    text = files("rlaudit.curves").joinpath("atari_scores.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {row["game"]: Scores(float(row["random"]), float(row["human"])) for row in rows}


def game_of(env_id: str) -> str | None:
    """Return ALE's name of the game that an environment is, or None if it is none with scores.

    ``breakout``, ``ALE/Breakout-v5`` and ``BreakoutNoFrameskip-v4`` are all ``breakout``.
    """
    found = _ID.fullmatch(env_id)
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", found["game"]).lower() if found else env_id
    return name if name in scores() else None


def human_normalised(curves: Iterable[Curve], measure: Measure) -> tuple[list[Curve], Measure]:
    """Return ``curves`` with (return - random) / (human - random) in place of the return.

    Raises:
        UsageError: for a run of another environment, and for returns of lives or clipped ones.

    """
    if measure.lives or measure.clipped:
        raise UsageError(
            "human-normalised scores are of the raw return of whole games",
            hint="leave out --lives and --clipped",
        )
    found = []
    for curve in curves:
        game = game_of(curve.env_id)
        if game is None:
            raise UsageError(
                f"run {curve.run_id} is of {curve.env_id!r}, and human scores are known for 57 "
                "Atari games only",
                hint="leave out --normalised, or choose runs with --run",
            )
        random, human = scores()[game]
        found.append(replace(curve, y=(curve.y - random) / (human - random)))
    return found, replace(measure, normalised=True)
