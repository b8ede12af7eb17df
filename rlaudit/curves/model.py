"""What is asked of logs, and the curves that come out of them, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

Axis = Literal["episodes", "steps", "hours"]
Phase = Literal["train", "eval"]


@dataclass(frozen=True, slots=True)
class Measure:
    """What the values of curves are.

    Attributes:
        phase: whether episodes of training or of evaluation were played.
        window: training episodes that one value is the mean of.
        lives: an episode is one life and not a whole game.
        clipped: the returns are sums of clipped rewards.
        normalised: the returns are human-normalised.
        label: what they are in words, where they are no returns.

    """

    phase: Phase = "train"
    window: int = 100
    lives: bool = False
    clipped: bool = False
    normalised: bool = False
    label: str = ""

    def __str__(self) -> str:
        """Say it in words, such as ``mean return of the last 100 training episodes``."""
        if self.label:
            return self.label
        kind = "human-normalised return" if self.normalised else "return"
        kind = f"clipped {kind}" if self.clipped else kind
        if self.phase == "eval":
            return f"mean {kind} of an evaluation"
        one, many = ("life", "lives") if self.lives else ("training episode", "training episodes")
        if self.window == 1:
            return f"{kind} of each {one}"
        return f"mean {kind} of the last {self.window} {many}"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be read out of logs; None leaves the choice to what they hold.

    Attributes:
        by: what the curves run over.
        phase: training episodes or evaluations. None takes evaluations where every run has some
            and ``by`` is not ``episodes``.
        window: training episodes of one mean. None takes 100, or fewer if no run has as many.
        lives: count one life as an episode, as the articles on Breakout do.
        clipped: sum up clipped rewards instead of the environment's own.
        runs: ids of the runs that are meant; all if empty.

    """

    by: Axis = "episodes"
    phase: Phase | None = None
    window: int | None = None
    lives: bool = False
    clipped: bool = False
    runs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Curve:
    """One run: ``y`` (points,) over rising ``x`` (points,).

    ``x`` counts episodes (or lives), agent steps or hours of work; ``episodes`` (points,) is the
    number of episodes that each value is the mean of, and ``steps`` (points,) the agent step.
    ``config`` holds the settings of the run by name, and is empty where the log does not state
    them.
    """

    run_id: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    episodes: NDArray[np.int64]
    steps: NDArray[np.int64]
    source: str = ""
    name: str = ""
    env_id: str = ""
    seed: int | None = None
    config_hash: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_episodes(
        cls,
        run_id: str,
        returns: Sequence[float],
        *,
        window: int = 100,
        seed: int | None = None,
    ) -> Curve:
        """Return the mean of each ``window`` of ``returns``, those of one run's episodes in order.

        Episodes after the last whole window are left out.
        """
        blocks = len(returns) // window
        means = np.asarray(returns[: blocks * window], dtype=np.float64).reshape(blocks, window)
        x = window * np.arange(1.0, blocks + 1)
        counts = np.full(blocks, window)
        return cls(run_id, x, means.mean(axis=1), counts, np.zeros(blocks, np.int64), seed=seed)
