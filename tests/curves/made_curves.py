"""Curves made by hand."""

from __future__ import annotations

import numpy as np

from rlaudit.curves import Curve


def curve(run_id, x, y, *, episodes=100, steps=None, **columns):
    x = np.asarray(x, dtype=np.float64)
    return Curve(
        run_id,
        x,
        np.asarray(y, dtype=np.float64),
        np.full(len(x), episodes),
        x.astype(np.int64) if steps is None else np.full(len(x), steps),
        **columns,
    )
