"""n-step windows that are summed, cut or marked wrongly, and ends that are learned wrongly."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from mutant import mutant

from rlaudit.envs.gym import GymnasiumEnvs
from rlaudit.replay import nstep
from rlaudit.replay.nstep import NStepWindows
from rlaudit.train.loop import TrainingLoop

if TYPE_CHECKING:
    import pytest

PUSH = NStepWindows.push
WINDOW = NStepWindows._window
STEP = GymnasiumEnvs.step
RESET = GymnasiumEnvs.reset
# Half of the episodes of an untrained CartPole are longer than this.
LIMITED = {"max_episode_steps": 20}
LIVES = {
    "env": "breakout",
    "preset": "data-efficient",
    "hidden_units": 8,
    "n_step": 3,
    "steps": 600,
    "update_period": 8,
}


def push_through(monkeypatch: pytest.MonkeyPatch, change) -> None:
    """Let ``change(step)`` be what the windows see of each step."""
    monkeypatch.setattr(
        NStepWindows, "push", lambda self, env_index, step: PUSH(self, env_index, change(step))
    )


def window_through(monkeypatch: pytest.MonkeyPatch, change) -> None:
    """Let ``change(self, window)`` be what is stored of each window."""
    monkeypatch.setattr(
        NStepWindows, "_window", lambda self, steps: change(self, WINDOW(self, steps))
    )


def loop_with(monkeypatch: pytest.MonkeyPatch, change) -> None:
    """Let the loop work by ``change(config)``, while the log states the config."""
    init = TrainingLoop.__init__

    def patched(self, config, *args, **kwargs):
        init(self, change(config), *args, **kwargs)

    monkeypatch.setattr(TrainingLoop, "__init__", patched)


def slide(self, env_index, step, *, is_end):
    """Do what ``push`` does, with another rule for when an episode ends, and refuse nothing."""
    steps = self._open[env_index]
    steps.append(step)
    if is_end:
        windows = [self._window(steps[first:]) for first in range(len(steps))]
        steps.clear()
        return windows
    if len(steps) < self.n_step:
        return []
    window = self._window(steps)
    del steps[0]
    return [window]


# --- windows that join what does not belong together ---


@mutant(
    bug=22,
    seen_in="CleanRL's rainbow",
    flagged_by="window_across_episodes",
    diagnosis="the first ended by truncation after 20 steps and its windows were not cut there",
    settings=LIMITED,
)
def windows_cross_truncations(monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue of open windows is emptied at a termination only."""
    monkeypatch.setattr(
        NStepWindows,
        "push",
        lambda self, env_index, step: slide(self, env_index, step, is_end=step.terminated),
    )


@mutant(
    bug=22,
    seen_in="BY571/DQN-Atari-Agents#8",
    flagged_by="window_across_episodes",
    diagnosis="its windows were not cut",
)
def windows_cross_all_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue of open windows is never emptied."""
    monkeypatch.setattr(
        NStepWindows,
        "push",
        lambda self, env_index, step: slide(self, env_index, step, is_end=False),
    )


@mutant(
    bug=23,
    seen_in="chainer/chainerrl#442",
    flagged_by="window_across_environments",
    diagnosis="the environments share one queue of open windows",
    settings={"num_envs": 4},
)
def one_window_for_all_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    """All environments share the queue of open windows of the first."""
    monkeypatch.setattr(
        NStepWindows,
        "push",
        lambda self, _, step: slide(self, 0, step, is_end=step.terminated or step.truncated),
    )


@mutant(
    bug=0,
    seen_in="an off-by-one in the length of the queue",
    flagged_by="wrong_window_length",
    diagnosis="sums 4 rewards where the config says n = 3",
)
def one_reward_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window is complete with n + 1 rewards."""
    init = NStepWindows.__init__
    monkeypatch.setattr(
        NStepWindows, "__init__", lambda self, n, gamma, envs: init(self, n + 1, gamma, envs)
    )


# --- sums and discounts ---


@mutant(
    bug=0,
    seen_in="CleanRL's rainbow on truncation",
    flagged_by="wrong_window_discount",
    diagnosis="it is gamma^3, as if the window had all n rewards",
)
def discount_of_a_full_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """The value at a window's end is discounted by gamma^n, however short the window is."""
    window_through(monkeypatch, lambda self, w: w._replace(discount=self.gamma**self.n_step))


@mutant(
    bug=0,
    seen_in="an off-by-one in the loop over rewards",
    flagged_by="wrong_reward_sum",
    diagnosis="the last reward is missing",
)
def last_reward_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sum leaves out the reward of the window's last step."""
    monkeypatch.setattr(
        nstep,
        "n_step_return",
        lambda rewards, gamma: (
            sum(gamma**i * r for i, r in enumerate(rewards[:-1])),
            gamma ** len(rewards),
        ),
    )


@mutant(
    bug=0,
    seen_in="a sum in place of a discounted sum",
    flagged_by="wrong_reward_sum",
    diagnosis="it is their undiscounted sum",
)
def rewards_undiscounted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rewards of a window are added up without gamma."""
    monkeypatch.setattr(
        nstep, "n_step_return", lambda rewards, gamma: (sum(rewards), gamma ** len(rewards))
    )


@mutant(
    bug=32,
    seen_in="y-kamiya, rewards in a uint8 array",
    flagged_by="wrong_clipped_reward",
    diagnosis="that is what an unsigned byte makes of it",
    may_fail=("wrong_episode_return",),
    settings={"env": "Acrobot-v1", "max_episode_steps": 100, "v_min": -100.0, "v_max": 0.0},
)
def rewards_in_unsigned_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rewards are stored in a type without a sign, so that -1 becomes 255."""

    def stored(step):
        as_byte = np.array(step.reward_clipped).astype(np.int64).astype(np.uint8)
        return step._replace(reward_clipped=float(as_byte))

    push_through(monkeypatch, stored)


# --- ends ---


@mutant(
    bug=28,
    seen_in="DLR-RM/stable-baselines3#284",
    flagged_by="truncation_as_termination",
    diagnosis="which a limit truncated there and which did not terminate",
    settings=LIMITED,
)
def truncation_learned_as_termination(monkeypatch: pytest.MonkeyPatch) -> None:
    """The replay stores one flag, terminated or truncated, and bootstraps where it is not set."""
    push_through(
        monkeypatch,
        lambda step: step._replace(terminated=step.terminated or step.truncated, truncated=False),
    )


@mutant(
    bug=28,
    seen_in="instadeepai/flashbax#3",
    flagged_by="termination_at_step_limit",
    diagnosis="terminate exactly at the limit of 20 steps",
    settings=LIMITED,
)
def limit_reported_as_termination(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old step API: one flag done, which says nothing of why the episode ended."""

    def step(self, actions):
        taken = STEP(self, actions)
        done = taken.terminated | taken.truncated
        return taken._replace(terminated=done, truncated=np.zeros_like(done))

    monkeypatch.setattr(GymnasiumEnvs, "step", step)


@mutant(
    bug=28,
    seen_in="instadeepai/flashbax#3; DLR-RM/stable-baselines3#284",
    flagged_by="reset_observation_bootstrapped",
    diagnosis="the environment was reset before its last observation was stored",
    settings=LIMITED,
)
def reset_observation_as_successor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Same-step autoreset: an ended episode's last observation is the next one's first."""

    def step(self, actions):
        taken = STEP(self, actions)
        ended = taken.terminated | taken.truncated
        if not ended.any():
            return taken
        self.resets = getattr(self, "resets", 0) + 1
        observations, _ = RESET(self, ended, [self.resets] * int(ended.sum()))
        return taken._replace(observations=observations)

    def reset(self, mask, seeds):
        if not hasattr(self, "begun"):
            self.begun = True
            self.shown, lives = RESET(self, mask, seeds)
            return self.shown, lives
        return self.last.observations, None

    def remember(self, actions):
        self.last = step(self, actions)
        return self.last

    monkeypatch.setattr(GymnasiumEnvs, "step", remember)
    monkeypatch.setattr(GymnasiumEnvs, "reset", reset)


@mutant(
    bug=29,
    seen_in="vwxyzjn/cleanrl#499",
    flagged_by="reset_step_stored",
    diagnosis="the step in which the environment resets itself is stored as a real one",
)
def autoreset_step_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Next-step autoreset: the step after an end ignores its action and returns a reset."""

    def step(self, actions):
        ended = getattr(self, "ended", np.zeros(self.num_envs, dtype=bool))
        if ended.any():
            self.resets = getattr(self, "resets", 0) + 1
            observations, _ = RESET(self, ended, [self.resets] * int(ended.sum()))
            none = np.zeros(self.num_envs, dtype=bool)
            self.last = self.last._replace(
                observations=observations, rewards=np.zeros(1), terminated=none, truncated=none
            )
        else:
            self.last = STEP(self, actions)
        self.ended = self.last.terminated | self.last.truncated
        return self.last

    def reset(self, mask, seeds):
        if not hasattr(self, "last"):
            return RESET(self, mask, seeds)
        return self.last.observations, None

    monkeypatch.setattr(GymnasiumEnvs, "step", step)
    monkeypatch.setattr(GymnasiumEnvs, "reset", reset)


@mutant(
    bug=0,
    seen_in="a done flag that is read after the reset",
    flagged_by="terminal_not_stored",
    diagnosis="where the game terminated, and is not terminated itself",
)
def terminations_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The windows are cut at an end, and their flag is not set."""

    def without(_, window):
        if not window.terminated:
            return window
        # The replay refuses a window that bootstraps from a state which is not stored.
        return window._replace(terminated=False, next_frame_id=window.frame_id)

    window_through(monkeypatch, without)


@mutant(
    bug=24,
    seen_in="google/dopamine#228",
    flagged_by="duplicate_stored_steps",
    diagnosis="is stored 2 times",
)
def terminal_stored_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """An episode's last transition is added again when the episode is closed."""

    def push(self, env_index, step):
        windows = PUSH(self, env_index, step)
        return windows + windows[-1:] if step.terminated else windows

    monkeypatch.setattr(NStepWindows, "push", push)


@mutant(
    bug=24,
    seen_in="google/dopamine#228",
    flagged_by="terminal_inside_episode",
    diagnosis="each lost life is learned from as an end, and the config says otherwise",
    settings=LIVES,
)
def lost_lives_always_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost life is stored as a termination although the config leaves lives alone."""
    loop_with(
        monkeypatch,
        lambda config: replace(config, env=replace(config.env, terminal_on_life_loss=True)),
    )


@mutant(
    bug=31,
    seen_in="chainer/chainerrl#567, #465",
    flagged_by="lost_life_not_terminal",
    diagnosis="where terminal_on_life_loss makes each lost life one",
    settings={**LIVES, "terminal_on_life_loss": True},
)
def lost_lives_never_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The flag terminal_on_life_loss has no effect."""
    loop_with(
        monkeypatch,
        lambda config: replace(config, env=replace(config.env, terminal_on_life_loss=False)),
    )
