"""What a run paces by its episodes: the warm-up, epsilon, and when it is over."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from rlaudit.agent.agent import epsilon_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rlaudit.config import ScheduleConfig
    from rlaudit.records import EpisodeRow

EPISODES_IN_WINDOW = 100
"""Of the mean length that ends a run; absent ones count as episodes of no step."""


class Pace:
    """Counts training episodes, by the steps at which they began.

    With ``random_warm_up``, actions are random until an episode begins with more than
    ``learning_starts`` agent steps done. The episodes before it are in the window of the mean
    length, and not in :attr:`counted`.
    """

    def __init__(self, config: ScheduleConfig) -> None:
        self.counted = 0
        """Episodes that ended, without those of a random warm-up."""
        self.warming_up = config.random_warm_up
        self._config = config
        self._lengths: deque[int] = deque(maxlen=EPISODES_IN_WINDOW)

    def begin(self, steps_before: int) -> None:
        """Take in that an episode begins with ``steps_before`` agent steps done."""
        if steps_before > self._config.learning_starts:
            self.warming_up = False

    def finish(self, episodes: Iterable[EpisodeRow]) -> None:
        """Take in the training episodes that have ended."""
        for episode in episodes:
            self._lengths.append(episode.length)
            in_warm_up = episode.start_step - 1 <= self._config.learning_starts
            self.counted += not (self._config.random_warm_up and in_warm_up)

    def is_over(self, env_step: int) -> bool:
        """Say whether there is no further step to train after ``env_step``."""
        config = self._config
        return (
            env_step >= config.steps
            or 0 < config.episodes <= self.counted
            or 0 < config.stop_at_mean_length <= sum(self._lengths) / EPISODES_IN_WINDOW
        )

    def epsilon(self, env_step: int) -> float:
        """Return the share of random actions in the step after ``env_step``."""
        config = self._config
        if self.warming_up:
            return 1.0
        if config.epsilon_greedy_schedule == "per-episode":
            return config.epsilon_greedy_start / (self.counted + 1.001)
        return epsilon_at(
            max(0, env_step - config.learning_starts),
            config.epsilon_greedy_start,
            config.epsilon_greedy_end,
            config.epsilon_greedy_steps,
        )

    def state(self) -> dict[str, Any]:
        """Return what the counting goes on from."""
        return {
            "counted": self.counted,
            "warming_up": self.warming_up,
            "lengths": list(self._lengths),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` returned."""
        self.counted = state["counted"]
        self.warming_up = state["warming_up"]
        self._lengths.extend(state["lengths"])
