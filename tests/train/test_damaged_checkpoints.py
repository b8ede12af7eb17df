"""Whatever happens to a checkpoint, it is refused by name, or the run goes on as it would have."""

from __future__ import annotations

import pytest
from damage import DAMAGES, Harness


@pytest.fixture(scope="module")
def harness(tmp_path_factory):
    return Harness(tmp_path_factory.mktemp("damaged"))


def test_every_kind_of_damage_is_survived(harness):
    tally = harness.run(len(DAMAGES), seed=0)
    assert tally.fatal == []
    assert tally.refused > 20
    assert tally.resumed >= 3


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_hundreds_of_damages_are_survived(harness, seed):
    tally = harness.run(10 * len(DAMAGES), seed)
    assert tally.fatal == []
