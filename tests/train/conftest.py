from __future__ import annotations

import shutil

import pytest
from small_checkpoints import loop_of, saved


@pytest.fixture(scope="session")
def _at_steps_50_and_60(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    loop = loop_of()
    for tick in loop.ticks():
        if tick.env_step in (50, 60):
            saved(folder, loop)
        if tick.env_step == 60:
            return folder
    return None


@pytest.fixture
def at_step_60(_at_steps_50_and_60, tmp_path):
    """A checkpoint of run r at step 60 of :func:`loop_of`, and one of step 50 beside it."""
    shutil.copytree(_at_steps_50_and_60, tmp_path, dirs_exist_ok=True)
    return tmp_path / "r" / "step-000000060"
