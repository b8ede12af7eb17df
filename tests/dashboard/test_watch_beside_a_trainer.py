"""``rlaudit watch`` while a real trainer writes, which is to lose nothing and wait for nobody."""

from __future__ import annotations

import subprocess

import pytest
from terminal import rlaudit

from rlaudit.store import open_for_reading

SMALL = ["--hidden-units", "16", "--batch-size", "16", "--learning-starts", "200"]
LEDGER = "SELECT state, end_step, rows_offered, rows_written, rows_spooled, rows_dropped"


def train(db, run_id):
    command = rlaudit("train", "cartpole", *SMALL, "--steps", "6000", "--seed", "1", "--db", db)
    return subprocess.Popen(
        [*command, "--run-id", run_id], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def ledger(db, run_id):
    with open_for_reading(db) as log:
        rows = log.con.execute(f"{LEDGER} FROM segments WHERE run_id = ?", [run_id]).fetchall()
        events = log.con.execute("SELECT kind FROM events WHERE run_id = ?", [run_id]).fetchall()
    return rows, events


def contents(db, run_id):
    """What a run wrote, without the times of day and the ids that are its own."""
    own = "EXCLUDE (run_id, segment_id, ended_at)"
    with open_for_reading(db) as log:
        return [
            log.con.execute(
                f"SELECT * {own} FROM episodes WHERE run_id = ? ORDER BY ALL", [run_id]
            ).fetchall(),
            log.con.execute(
                "SELECT update_id, batch_index, transition_id, priority, td_error FROM samples "
                "WHERE run_id = ? ORDER BY ALL",
                [run_id],
            ).fetchall(),
        ]


@pytest.mark.slow
def test_a_trainer_that_is_watched_writes_the_same_rows_and_waits_for_nobody(db, terminal):
    with train(db, "alone") as alone:
        assert alone.wait(900) == 0
    opened = terminal(rlaudit("watch", db, "--run", "alone", "--every", "0.5"))
    opened.wait_for("1 run, 0 running")
    with train(db, "watched") as watched:
        opened.wait_for("2 runs, 1 running")
        opened.press(b"\x1b[A")  # the one that is running stands above
        opened.wait_for("watched  ")
        opened.wait_for(lambda screen: "of 6,000 steps" in screen and "steps/s  " in screen)
        opened.wait_for("priority 10 50 90%: ")
        opened.wait_for("watched  6,000 of 6,000 steps (100%)  finished")
        assert watched.wait(900) == 0
        narration = watched.stderr.read()
    opened.wait_for("cheap checks: nothing found")
    opened.press(b"q")
    assert opened.wait_for_end() == 0
    ((state, steps, offered, written, spooled, dropped),), events = ledger(db, "watched")
    assert (state, steps) == ("finished", 6000)
    assert offered == written
    assert set(spooled.values()) | set(dropped.values()) == {0}
    assert events == ledger(db, "alone")[1]
    assert "spool" not in narration
    assert not db.with_name(f"{db.name}.spool").exists()
    assert contents(db, "watched") == contents(db, "alone")
