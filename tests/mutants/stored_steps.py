"""Steps that are lost on their way to replay or log, and states that are rebuilt wrongly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from mutant import mutant

from rlaudit.record.recorder import Recorder
from rlaudit.records import EpisodeRow, TransitionRow
from rlaudit.replay import frames
from rlaudit.replay.frames import NO_FRAME, _FrameRing
from rlaudit.replay.nstep import NStepWindows
from rlaudit.replay.replay import Replay
from rlaudit.train.episodes import RunningEpisode
from rlaudit.train.loop import TrainingLoop

if TYPE_CHECKING:
    import pytest

PUSH = NStepWindows.push
FINISH = RunningEpisode.finish
APPEND = Recorder.append
FRAMES = {
    "env": "breakout",
    "preset": "data-efficient",
    "hidden_units": 8,
    "n_step": 3,
    "capacity": 200,
    "steps": 800,
    "update_period": 2,
}


# --- steps ---


@mutant(
    bug=0,
    seen_in="conservation of steps",
    flagged_by="missing_steps",
    diagnosis="are not stored",
)
def windows_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every fiftieth window is lost before it reaches the replay."""

    def push(self, env_index, step):
        self.made = getattr(self, "made", 0)
        kept = []
        for window in PUSH(self, env_index, step):
            self.made += 1
            if self.made % 50:
                kept.append(window)
        return kept

    monkeypatch.setattr(NStepWindows, "push", push)


@mutant(
    bug=0,
    seen_in="Sutton and Barto 2018, eq. 7.1",
    flagged_by="missing_tail_windows",
    diagnosis="the windows that are open when an episode ends are dropped and not cut short",
)
def tail_windows_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """At an episode's end only the window with all n rewards is stored."""

    def push(self, env_index, step):
        return [w for w in PUSH(self, env_index, step) if w.n_rewards == self.n_step]

    monkeypatch.setattr(NStepWindows, "push", push)


@mutant(
    bug=0,
    seen_in="conservation of transitions",
    flagged_by="missing_transition_ids",
    diagnosis="are not in the log",
    may_fail=("missing_steps", "drawn_transition_unknown"),
)
def transition_rows_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorder loses every fiftieth transition without counting it."""

    def append(self, row):
        if not (isinstance(row, TransitionRow) and row.transition_id % 50 == 49):
            APPEND(self, row)

    monkeypatch.setattr(Recorder, "append", append)


@mutant(
    bug=0,
    seen_in="conservation of steps",
    flagged_by="unaccounted_agent_steps",
    diagnosis="belong to no episode",
    settings={"max_episode_steps": 20},
)
def truncated_episodes_not_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only episodes that terminate are reported."""

    def append(self, row):
        if not (isinstance(row, EpisodeRow) and row.truncated):
            APPEND(self, row)

    monkeypatch.setattr(Recorder, "append", append)


@mutant(
    bug=0,
    seen_in="conservation of steps",
    flagged_by="wrong_episode_length",
    diagnosis="with 1 environments that is",
    may_fail=("missing_tail_windows", "unaccounted_agent_steps"),
)
def reset_counted_as_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """An episode's length counts its observations and not its actions."""

    def finish(self, **ends):
        row = FINISH(self, **ends)
        return row._replace(length=row.length + 1)

    monkeypatch.setattr(RunningEpisode, "finish", finish)


@mutant(
    bug=29,
    seen_in="vwxyzjn/cleanrl#499",
    flagged_by="steps_beyond_episode",
    diagnosis="go on after their end",
    may_fail=(
        "wrong_episode_length",
        "unaccounted_agent_steps",
        "terminal_not_stored",
        "impossible_episodes",
    ),
)
def last_step_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An episode is counted up to the step before its end, which is stored all the same."""

    def finish(self, **ends):
        row = FINISH(self, **ends)
        return row._replace(length=row.length - 1)

    monkeypatch.setattr(RunningEpisode, "finish", finish)


@mutant(
    bug=0,
    seen_in="conservation of rewards",
    flagged_by="wrong_episode_return",
    diagnosis="reports a raw return of",
)
def return_not_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    """The return of an episode goes on from the one before."""
    init = RunningEpisode.__init__
    last = [0.0]

    def begin(self, **kwargs):
        init(self, **kwargs)
        self.return_raw = last[0]

    def finish(self, **ends):
        row = FINISH(self, **ends)
        last[0] = row.return_raw
        return row

    monkeypatch.setattr(RunningEpisode, "__init__", begin)
    monkeypatch.setattr(RunningEpisode, "finish", finish)


# --- observations ---


@mutant(
    bug=25,
    seen_in="ray-project/ray#18358",
    flagged_by="inconsistent_observations",
    diagnosis="it is the observation of step",
    may_fail=("wrong_sampled_state",),
)
def observations_are_views(monkeypatch: pytest.MonkeyPatch) -> None:
    """The observation before a step is a view of the buffer that the step writes to."""
    take = TrainingLoop._take

    def shifted(self, *args):
        step = take(self, *args)
        return step._replace(obs_hash=step.next_obs_hash)

    monkeypatch.setattr(TrainingLoop, "_take", shifted)


@mutant(
    bug=25,
    seen_in="ray-project/ray#18358",
    flagged_by="wrong_sampled_state",
    diagnosis="it was overwritten in place",
)
def stored_observations_share_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every tenth stored observation shares its memory with the next one."""
    add = _FrameRing.add

    def overwrite(self, observation, *tags):
        frame_id = add(self, observation, *tags)
        if frame_id % 10 == 0 and frame_id:
            self._frames[(frame_id - 1) % self.ring_size] = observation
        return frame_id

    monkeypatch.setattr(_FrameRing, "add", overwrite)


@mutant(
    bug=0,
    seen_in="an index that is one off",
    flagged_by="wrong_sampled_state",
    diagnosis="the state that was rebuilt for it is step",
)
def states_one_step_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The replay looks up the frame that was stored before the transition's own."""
    add = Replay.add

    def shifted(self, window):
        return add(self, window._replace(frame_id=max(0, window.frame_id - 1)))

    monkeypatch.setattr(Replay, "add", shifted)


@mutant(
    bug=0,
    seen_in="frames freed while a transition needs them",
    flagged_by="stored_state_changed",
    diagnosis="frames of it were overwritten while it could be drawn",
    may_fail=("wrong_sampled_state",),
    settings={"capacity": 100, "steps": 1_000, "update_period": 1},
)
def stored_states_fade(monkeypatch: pytest.MonkeyPatch) -> None:
    """A normaliser works in place: each batch changes the states that were drawn for it."""
    stacks = _FrameRing._rebuild

    def fade(self, frame_ids):
        rebuilt = stacks(self, frame_ids)
        self._frames[np.asarray(frame_ids) % self.ring_size] *= np.float32(0.99)
        return rebuilt

    monkeypatch.setattr(_FrameRing, "_rebuild", fade)


# --- frame stacks ---


def forget_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let frames be overwritten and read whatever needs them, in a ring without spare room."""

    def ids_of(self, frame_ids):
        ids = np.empty((len(frame_ids), self.stack), np.int64)
        current = np.asarray(frame_ids, np.int64)
        for position in range(self.stack - 1, -1, -1):
            ids[:, position] = current
            current = np.where(
                current == NO_FRAME, NO_FRAME, self._previous[current % self.ring_size]
            )
        return ids

    monkeypatch.setattr(frames, "ring_size", lambda capacity, **_: capacity)
    monkeypatch.setattr(_FrameRing, "hold", lambda *_, **__: None)
    monkeypatch.setattr(_FrameRing, "_is_stored", lambda *_: True)
    monkeypatch.setattr(_FrameRing, "_stack_ids", ids_of)


@mutant(
    bug=26,
    seen_in="Kaixhin/Rainbow 9cb5f59",
    flagged_by="wrong_frame_stack",
    diagnosis="so the stack straddles the write head",
    may_fail=("wrong_sampled_state", "stored_state_changed"),
    settings=FRAMES,
)
def stacks_across_the_write_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ring of frames has no room for the stacks of the oldest transitions."""
    forget_what_is_needed(monkeypatch)


@mutant(
    bug=27,
    seen_in="google/dopamine#213",
    flagged_by="wrong_frame_stack",
    diagnosis="it straddles the truncation between the two, where no boundary was stored",
    settings={**FRAMES, "max_episode_steps": 30},
)
def stacks_across_truncations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a termination ends an episode in the store, so stacks reach back over a truncation."""
    add = _FrameRing.add

    def linked(self, observation, previous_id, *tags):
        before = self.next_id - 1
        return add(self, observation, before if previous_id == NO_FRAME else previous_id, *tags)

    monkeypatch.setattr(_FrameRing, "_check_predecessor", lambda *_: None)
    monkeypatch.setattr(_FrameRing, "add", linked)
