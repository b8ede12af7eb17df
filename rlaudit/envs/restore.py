"""Open episodes are restored by reseeding their environment and repeating their actions.

Neither ALE's vector environment nor Gymnasium's has a state to save. Both are deterministic from
the seed of a reset on, sticky actions and no-op starts included, whatever was played before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from rlaudit.envs.base import VectorEnvironment


class Repeated(NamedTuple):
    """One step of an episode that is played again; its reset has no action."""

    env_index: int
    action: int | None
    observation: NDArray[np.generic]
    reward: float
    lives: int | None
    ended: bool


def repeat_episodes(
    env: VectorEnvironment, seeds: Sequence[int], actions: Sequence[Sequence[int]]
) -> Iterator[Repeated]:
    """Play the episode of each environment again; all are where they were when this ends.

    The environments step together and the episodes differ in length, so the longest begins first
    and the others are reset in time to end with it. What they do until then is not given out.

    Args:
        env: the environments; one seed and one sequence of actions for each.
        seeds: what each was reset with.
        actions: what was done since.
    """
    longest = max(len(taken) for taken in actions)
    starts = [longest - len(taken) for taken in actions]
    begin = np.array([start == 0 for start in starts])
    yield from _reset(env, begin, np.ones_like(begin), seeds)
    for time in range(longest):
        chosen = [
            taken[time - start] if time >= start else 0
            for taken, start in zip(actions, starts, strict=True)
        ]
        step = env.step(np.array(chosen, np.int64))
        ended = step.terminated | step.truncated
        for i, start in enumerate(starts):
            if time >= start:
                yield Repeated(
                    i,
                    chosen[i],
                    step.observations[i],
                    float(step.rewards[i]),
                    int(step.lives[i]) if step.lives is not None else None,
                    bool(ended[i]),
                )
        begin = np.array([start == time + 1 for start in starts])
        # An environment whose turn has not come may end, and must be reset to be stepped.
        waiting = ended & np.array([start > time + 1 for start in starts])
        if (begin | waiting).any():
            yield from _reset(env, begin, begin | waiting, seeds)


def _reset(
    env: VectorEnvironment, begin: NDArray[np.bool_], mask: NDArray[np.bool_], seeds: Sequence[int]
) -> Iterator[Repeated]:
    """Reset the environments of ``mask``; give out the first observations of those of ``begin``."""
    observations, lives = env.reset(mask, [seeds[int(i)] for i in np.flatnonzero(mask)])
    for i in np.flatnonzero(begin):
        left = int(lives[i]) if lives is not None else None
        yield Repeated(int(i), None, observations[i], 0.0, left, ended=False)
