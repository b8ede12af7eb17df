"""Add an evaluation of a checkpoint to the log of the run that saved it.

It belongs to no process of the run: its rows name a segment of their own that ``raw.segments``
does not have, so no resume makes them obsolete and no ledger counts them. Its episodes have ids
below 0, which no trainer gives, and so it can be added while the run goes on.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from rlaudit.errors import UsageError, did_you_mean
from rlaudit.record.rows import now_us
from rlaudit.store import batches, fold, open_for_writing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rlaudit.records import EpisodeRow


def add_evaluation(
    path: Path,
    run_id: str,
    env_step: int,
    episodes: Sequence[EpisodeRow],
    detail: Mapping[str, Any],
    *,
    wait: float = 10.0,
) -> bool:
    """Write ``episodes`` and an event of ``detail``, in one transaction.

    Args:
        path: the log.
        run_id: the run.
        env_step: agent steps of the checkpoint, under which the games are logged.
        episodes: the games; their ids are replaced.
        detail: what the event says besides the id of the first game.
        wait: seconds to wait for others who hold the file.

    Returns:
        False if games of these seeds were added at this step before; nothing is written then.

    Raises:
        UsageError: the log has no such run.
        DatabaseError: what :func:`~rlaudit.store.open_for_writing` raises.
    """
    with open_for_writing(path, wait=wait) as con:
        con.execute("BEGIN")
        if not fold.run_exists(con, run_id):
            known = [str(row[0]) for row in con.sql("SELECT run_id FROM raw.runs").fetchall()]
            raise UsageError(f"{path} has no run {run_id!r}", hint=did_you_mean(run_id, known))
        mine = [run_id, env_step, [episode.seed for episode in episodes]]
        if con.execute(
            "SELECT 1 FROM raw.episodes WHERE run_id = ? AND end_step = ? AND episode_id < 0 "
            "AND seed IN (SELECT unnest(?)) LIMIT 1",
            mine,
        ).fetchall():
            return False
        lowest = con.execute(
            "SELECT least(min(episode_id), 0) FROM raw.episodes WHERE run_id = ?", [run_id]
        ).fetchall()[0][0]
        first = (lowest or 0) - len(episodes)
        ids = {"run_id": run_id, "segment_id": uuid4().hex}
        now = now_us()
        rows = [
            {**episode._asdict(), "episode_id": first + i, "ended_at": now}
            for i, episode in enumerate(episodes)
        ]
        event = {
            "happened_at": now,
            "env_step": env_step,
            "kind": "evaluation",
            "detail": json.dumps({"first_episode_id": first, **detail}),
        }
        for table, given in (("episodes", rows), ("events", [event])):
            batches.insert(con, f"raw.{table}", batches.from_dicts(table, given), ids)
        con.execute("COMMIT")
    return True
