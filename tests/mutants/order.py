"""Ids, steps and slots that do not rise in the order of what they count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mutant import mutant

from rlaudit.record.recorder import Recorder
from rlaudit.replay import replay as replay_module
from rlaudit.replay.nstep import NStepWindows
from rlaudit.train.learning import Learner

if TYPE_CHECKING:
    import pytest


@mutant(
    bug=0,
    seen_in="an invariant: slots are reused in ring order",
    flagged_by="slots_out_of_ring_order",
    diagnosis="where a ring of 500 slots puts it into slot 499, generation 0",
    # Samples count the generations of a whole ring, and a slot is overwritten too early.
    may_fail=("drawn_slot_unlike_stored", "priority_total_unlike_ledger"),
)
def ring_one_slot_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The write head goes round one slot before the end of the ring."""

    def too_early(transition_id, capacity):
        return divmod(transition_id, capacity - 1)

    monkeypatch.setattr(replay_module, "divmod", too_early, raising=False)


@mutant(
    bug=0,
    seen_in="an invariant: ids rise with steps",
    flagged_by="transitions_out_of_order",
    diagnosis="and is stored after step",
)
def last_windows_stored_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """The windows that an episode's end completes are stored with the newest first."""
    push = NStepWindows.push

    def push_backwards(self, env_index, step):
        return push(self, env_index, step)[::-1]

    monkeypatch.setattr(NStepWindows, "push", push_backwards)


@mutant(
    bug=0,
    seen_in="an invariant: ids rise with steps",
    flagged_by="updates_out_of_order",
    diagnosis="its agent step falls from 510 to 0",
    may_fail=(
        "target_sync_off_schedule",
        "update_before_learning_starts",
        "wrong_beta",
        "wrong_replay_ratio",
    ),
)
def step_counter_overflows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The step of an update is kept in nine bits."""
    update = Learner.update

    def wrap(self, env_step, episodes):
        made = update(self, env_step, episodes)
        return made._replace(env_step=made.env_step % 512)

    monkeypatch.setattr(Learner, "update", wrap)


@mutant(
    bug=0,
    seen_in="an invariant: episode ids rise with steps",
    flagged_by="episodes_out_of_order",
    diagnosis="steps or ids were counted again",
    # The transitions name their episodes as the loop does.
    may_fail=("missing_steps",),
)
def episode_ids_count_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Episodes are numbered from the last one down when they are logged."""
    append = Recorder.append

    def renumber(self, row):
        is_episode = hasattr(row, "return_raw")
        append(self, row._replace(episode_id=1_000 - row.episode_id) if is_episode else row)

    monkeypatch.setattr(Recorder, "append", renumber)
