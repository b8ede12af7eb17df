from __future__ import annotations

import duckdb
import numpy as np
import pytest

from rlaudit.records import RunInfo, SampleRows, TransitionRow, UpdateRow


@pytest.fixture
def run():
    return RunInfo("a", "name", "env", '{"alpha": 0.5, "seed": 1}', seed=1)


@pytest.fixture
def rows():
    """Return the rows of one step: a transition, an update and its samples."""

    def of_step(step, batch=4):
        index = np.arange(batch)
        values = np.full(batch, step, np.float32)
        window = (1, step, step, 0, 1, step + 1, 2, 1.0, 1.0, 1, 1.0, 0.99, False, False)
        return (
            TransitionRow(step, step, 0, 0, *window),
            UpdateRow(step, step, step, step, 100, batch, 0.25),
            SampleRows(step, index, index + step, priority=values),
        )

    return of_step


@pytest.fixture
def query():
    """Return a function that reads a file as any DuckDB shell would, without our reader."""

    def ask(path, sql):
        with duckdb.connect(str(path), read_only=True) as con:
            return con.execute(sql).fetchall()

    return ask
