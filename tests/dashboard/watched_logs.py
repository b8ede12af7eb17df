"""Logs to be watched."""

from __future__ import annotations

from datetime import datetime, timedelta

BEGAN = datetime(2026, 11, 1)  # noqa: DTZ001 - UTC without a zone, as in the log


def add_run(rows, run_id, *, minutes=0, returns=(), length=10, steps=1000):
    """Add a finished run that has trained for one episode of ``length`` a return."""
    at = BEGAN + timedelta(minutes=minutes)
    rows.add_run(run_id, config={"steps": steps}, started_at=at)
    rows.add(
        "segments",
        run_id=run_id,
        segment_id=f"s-{run_id}",
        state="finished",
        end_step=length * len(returns),
        **dict.fromkeys(("started_at", "heartbeat_at", "ended_at"), at),
    )
    for number, value in enumerate(returns):
        rows.add(
            "episodes",
            run_id=run_id,
            segment_id=f"s-{run_id}",
            episode_id=number,
            phase="train",
            end_step=length * (number + 1),
            length=length,
            return_raw=value,
        )
