"""Write-backs to slots that were filled anew since the draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mutant import mutant

from rlaudit.errors import ReplayError
from rlaudit.replay.replay import Probe, Replay

if TYPE_CHECKING:
    import pytest

SAMPLE = Replay.sample
PROBE = Replay.probe


@mutant(
    bug=37,
    seen_in="vwxyzjn/cleanrl#511; ray-project/ray#6534; pytorch/rl#4041",
    flagged_by="write_back_after_overwrite",
    diagnosis="was stored in between and got the error of another",
    may_fail=(
        # The batch is as old as the update before: so are its priorities, and its total.
        "priority_not_as_written",
        "priority_total_unlike_ledger",
        "wrong_raw_weight",
        "wrong_beta",
        "transition_not_in_buffer",
    ),
    settings={"capacity": 200, "steps": 1_500},
)
def batches_prefetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch is drawn one update ahead, and its slots are written when it was learned from."""
    ready = {}

    def sample(self, *done):
        batch = ready.get(id(self)) or SAMPLE(self, *done)
        ready[id(self)] = SAMPLE(self, *done)
        return batch

    def probe(self, batch, batch_index):
        try:
            return PROBE(self, batch, batch_index)
        except ReplayError:
            # Frames that are gone meanwhile; the batch has its own copy.
            return Probe(batch_index, None, 1, 0, 0, 0, 0)

    monkeypatch.setattr(Replay, "sample", sample)
    monkeypatch.setattr(Replay, "probe", probe)
