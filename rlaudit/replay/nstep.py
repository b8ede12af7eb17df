"""n-step returns and the windows of steps that they are summed over.

A window begins at every step. It sums up to n rewards and bootstraps from the state after the last
of them (Sutton 1988; Hessel et al. 2018, "Multi-step learning"). At an episode's end no further
reward comes: the windows that are still open are kept, shorter, each with its own discount. No
window joins two episodes or two environments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rlaudit.errors import CheckpointError, ReplayError

if TYPE_CHECKING:
    from collections.abc import Sequence


class StateTags(NamedTuple):
    """Where a state comes from."""

    env_index: int
    episode_id: int
    episode_step: int  # agent steps since the reset; 0 for the reset observation


class Step(NamedTuple):
    """One step of one environment, with all that a log wants to know of it."""

    state: StateTags  # the state that was acted from
    next_state: StateTags  # the state that the action led to, an episode's last one included
    frame_id: int  # newest frame of the state
    next_frame_id: int  # newest frame of the next state, -1 if it is not stored (a terminal one)
    action: int
    reward_raw: float  # as the environment gave it
    reward_clipped: float  # as it is learned from
    terminated: bool  # nothing is bootstrapped: the game ended, or a life if lives count as ends
    truncated: bool  # a limit ended the episode
    env_step: int  # agent step of the run
    noise_draw: int | None = None  # noise draw that chose the action
    obs_hash: int | None = None
    next_obs_hash: int | None = None


class Window(NamedTuple):
    """Up to n steps as one transition: what is stored, and both ends as the steps name them."""

    state: StateTags
    next_state: StateTags
    frame_id: int
    next_frame_id: int
    action: int
    reward_raw: float  # of the first step alone, as is reward_clipped
    reward_clipped: float
    n_rewards: int
    reward_sum: float  # sum of gamma^i times the clipped rewards
    discount: float  # gamma^n_rewards
    terminated: bool
    truncated: bool
    env_step: int
    noise_draw: int | None
    obs_hash: int | None
    next_obs_hash: int | None


def n_step_return(rewards: Sequence[float], gamma: float) -> tuple[float, float]:
    """Return the discounted sum of ``rewards`` and the discount of what follows them.

    Sum over i of gamma^i r_i, and gamma^n for n rewards: the target is the sum plus that discount
    times the value of the state reached (Sutton 1988; Hessel et al. 2018, "Multi-step learning").
    """
    total = 0.0
    for power, reward in enumerate(rewards):
        total += gamma**power * reward
    return total, gamma ** len(rewards)


class NStepWindows:
    """The open windows of ``num_envs`` environments."""

    def __init__(self, n_step: int, gamma: float, num_envs: int) -> None:
        if n_step < 1:
            raise ReplayError(f"windows of {n_step} rewards", hint="n_step must be 1 or more")
        self.n_step = n_step
        self.gamma = gamma
        self._open: list[list[Step]] = [[] for _ in range(num_envs)]

    def push(self, env_index: int, step: Step) -> list[Window]:
        """Add one step and return the windows that it completes, oldest first.

        None while fewer than n rewards are known, then one for each step; at a termination (also
        one that only the learner sees, at a lost life) or truncation all that are open.

        Raises:
            ReplayError: the step is of another environment, or does not begin at the state that
                the step before it in the same window led to. Nothing is added then.
        """
        steps = self._open[env_index]
        if step.state.env_index != env_index:
            raise ReplayError(
                f"a step of environment {step.state.env_index} was given to the windows of "
                f"environment {env_index}"
            )
        if steps and step.state != steps[-1].next_state:
            raise ReplayError(
                f"a window cannot join {steps[-1].next_state} and {step.state}",
                hint="push every step of an episode, and mark its last one",
            )
        steps.append(step)
        if step.terminated or step.truncated:
            windows = [self._window(steps[first:]) for first in range(len(steps))]
            steps.clear()
            return windows
        if len(steps) < self.n_step:
            return []
        window = self._window(steps)
        del steps[0]
        return [window]

    def pending(self, env_index: int) -> int:
        """Return how many steps of an environment have no complete window yet."""
        return len(self._open[env_index])

    def state(self) -> list[list[dict[str, Any]]]:
        """Return the steps of the open windows, by environment, as JSON can hold them."""
        return [
            [
                {**step._asdict(), "state": list(step.state), "next_state": list(step.next_state)}
                for step in steps
            ]
            for steps in self._open
        ]

    def load_state(self, state: list[list[dict[str, Any]]]) -> None:
        """Go on from what :meth:`state` returned, with as many environments.

        Raises:
            CheckpointError: there are more or fewer environments.
        """
        if len(state) != len(self._open):
            raise CheckpointError(
                f"it has windows of {len(state)} environments, the run has {len(self._open)}"
            )
        self._open = [
            [
                Step(
                    **{
                        **step,
                        "state": StateTags(*step["state"]),
                        "next_state": StateTags(*step["next_state"]),
                    }
                )
                for step in steps
            ]
            for steps in state
        ]

    def _window(self, steps: list[Step]) -> Window:
        first, last = steps[0], steps[-1]
        reward_sum, discount = n_step_return([s.reward_clipped for s in steps], self.gamma)
        return Window(
            state=first.state,
            next_state=last.next_state,
            frame_id=first.frame_id,
            next_frame_id=last.next_frame_id,
            action=first.action,
            reward_raw=first.reward_raw,
            reward_clipped=first.reward_clipped,
            n_rewards=len(steps),
            reward_sum=reward_sum,
            discount=discount,
            terminated=last.terminated,
            truncated=last.truncated,
            env_step=first.env_step,
            noise_draw=first.noise_draw,
            obs_hash=first.obs_hash,
            next_obs_hash=last.next_obs_hash,
        )
