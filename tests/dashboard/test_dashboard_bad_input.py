"""What the screen of ``rlaudit watch`` says when something is odd; nothing ends it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from hostile_names import NAMES
from media import is_seen
from terminal import DEADLINE
from watched_logs import add_run

from rlaudit.render.dashboard.app import Dashboard
from rlaudit.render.harmless import printable


def screen(app):
    """What stands on the screen, with one blank where there are several and where a line ends."""
    strips = app.screen._compositor.render_strips()
    return " ".join(" ".join(strip.text for strip in strips).split())


async def until(app, pilot, condition):
    met = condition if callable(condition) else lambda text: condition in text
    end = time.monotonic() + DEADLINE
    while not met(screen(app)):
        assert time.monotonic() < end, f"never seen on\n{screen(app)}"
        await pilot.pause()


@pytest.fixture
def watching():
    """Run a scenario over a dashboard, and see that no bug ended it."""

    def run(path, scenario, *, size=(80, 24), **options):
        app = Dashboard(path, **{"every": 0.05, "audits": False, **options})

        async def whole():
            async with app.run_test(size=size) as pilot:
                await scenario(lambda condition: until(app, pilot, condition), pilot)

        # In a thread: the browser of other tests has a loop running in this one.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, whole()).result()
        assert app.failure is None

    return run


def test_a_log_without_runs_is_said_and_the_first_run_appears(log_file, watching):
    path, writing = log_file
    with writing():
        pass

    async def scenario(sees, _):
        await sees("0 runs, 0 running")
        await sees("no run has begun yet")
        with writing() as rows:
            add_run(rows, "early")
        await sees("early")
        await sees("return: no episode has ended yet")

    watching(path, scenario)


def test_a_locked_log_is_said_with_who_holds_it_and_shown_when_it_is_free(log_file, watching, held):
    path, writing = log_file
    with writing() as rows:
        add_run(rows, "one", returns=[1.0])
    holding = contextlib.ExitStack()
    holder = holding.enter_context(held(path))

    async def scenario(sees, _):
        with holding:
            await sees("runs.duckdb is held open by process")
            await sees(f"process {holder.pid}")
        await sees(lambda text: "held open" not in text and "one 10 of 1,000 steps" in text)

    watching(path, scenario)


def test_a_deleted_log_is_said_and_another_in_its_place_is_shown(log_file, watching):
    path, writing = log_file
    with writing() as rows:
        add_run(rows, "old", returns=[1.0])

    async def scenario(sees, _):
        await sees("old")
        path.unlink()
        await sees("does not exist. Shown is what was read at")
        await sees("old")
        with writing() as rows:
            add_run(rows, "new", returns=[1.0])
        await sees(lambda text: "new " in text and "old" not in text)
        await sees("other runs than before since")

    watching(path, scenario)


@pytest.mark.parametrize("data", [b"", b"no database, but text that is long enough to be read"])
def test_a_file_that_is_no_log_any_more_is_said(log_file, watching, data):
    path, writing = log_file
    with writing() as rows:
        add_run(rows, "old", returns=[1.0])

    async def scenario(sees, _):
        await sees("old")
        path.unlink()
        path.write_bytes(data)
        await sees("is empty" if not data else "is not a DuckDB database")
        await sees("old")

    watching(path, scenario)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e308])
def test_returns_that_are_no_figures_are_counted_and_the_others_drawn(log_file, watching, value):
    path, writing = log_file
    with writing() as rows:
        add_run(rows, "odd", returns=[1.0, 2.0, value, 3.0])

    async def scenario(sees, _):
        await sees("return, each episode: 3")
        if value != 1e308:
            await sees("1 not finite")
        await sees(lambda text: any("\u2800" < character <= "\u28ff" for character in text))

    watching(path, scenario)


def test_of_500_runs_any_can_be_chosen(log_file, watching):
    path, writing = log_file
    with writing() as rows:
        for number in range(500):
            add_run(rows, f"run-{number:03}", minutes=number)

    async def scenario(sees, pilot):
        await sees("500 runs, 0 running")
        await sees("run-499 0 of 1,000 steps")
        await pilot.press("down", "j", "j", "up")
        await sees("run-497 0 of 1,000 steps")
        await pilot.press("end")
        await sees("run-000 0 of 1,000 steps")
        with writing() as rows:
            add_run(rows, "run-500", minutes=500)
        await sees("501 runs, 0 running")
        await sees("run-000 0 of 1,000 steps")

    watching(path, scenario)


def test_what_a_run_is_called_cannot_command_the_screen(log_file, watching):
    path, writing = log_file
    with writing() as rows:
        add_run(rows, "[red]a[/nonsense]\x1b[2J", returns=[1.0])

    async def scenario(sees, _):
        await sees("[red]a[/nonsense]\\x1b[2J 10 of 1,000 steps")

    watching(path, scenario)


@pytest.fixture
def hostile_log(log_file):
    path, writing = log_file
    with writing() as rows:
        for minutes, name in enumerate(NAMES):
            add_run(rows, name, minutes=minutes, returns=[1.0])
    return path


HARMLESS = [" ".join(printable(name).split())[:40] for name in NAMES]


def test_no_name_commands_the_table_or_hides_in_it(hostile_log, watching):
    async def scenario(sees, pilot):
        await sees(lambda text: all(name in text for name in HARMLESS))
        assert_harmless(pilot.app)

    watching(hostile_log, scenario, size=(160, 6 * len(NAMES)))


def test_no_name_commands_what_is_shown_of_its_run(hostile_log, watching):
    async def scenario(sees, pilot):
        for name in reversed(HARMLESS):
            await sees(f"{name} 10 of 1,000 steps" if len(name) < 40 else name)
            assert_harmless(pilot.app)
            await pilot.press("down")

    watching(hostile_log, scenario, size=(160, 50))


def assert_harmless(app):
    # The plots are drawn in dots, some of which are none.
    assert all(is_seen(c) or "\u2800" <= c <= "\u28ff" for c in screen(app))


def test_runs_of_which_a_trainer_said_next_to_nothing_are_shown(log_file, watching):
    path, writing = log_file
    with writing() as rows:
        add_run(rows, "dated", returns=[1.0])
        rows.add_run("undated", name=None, env_id=None)
        rows.add_run(None)
        rows.add("episodes", run_id="undated", episode_id=0, end_step=10, return_raw=4.0)
        now = datetime.now(UTC).replace(tzinfo=None)
        here = {"state": "running", "heartbeat_at": now, "host": socket.gethostname()}
        rows.add("segments", run_id="undated", segment_id="s", **here)

    async def scenario(sees, _):
        await sees("2 runs, 1 running")
        await sees("undated running 0 1 4 dated finished 10 1 1")

    watching(path, scenario)


def test_priorities_that_are_no_figures_are_counted_where_a_title_is_not_cut(log_file, watching):
    path, writing = log_file
    odd = [float("nan"), float("inf"), float("-inf"), 0.25]
    with writing() as rows:
        add_run(rows, "odd")
        rows.add("updates", run_id="odd", update_id=0, env_step=10)
        rows.add("samples", run_id="odd", update_id=0, priority=odd)

    async def scenario(sees, _):
        await sees("priority, 3 not finite: 0.25 0.25 0.25")

    watching(path, scenario)


def test_the_chosen_run_stays_chosen_when_the_terminal_is_resized(log_file, watching):
    path, writing = log_file
    with writing() as rows:
        for number in range(20):
            add_run(rows, f"run-{number:02}", minutes=number)

    async def scenario(sees, pilot):
        await sees("run-19 0 of 1,000 steps")
        await pilot.press("down", "down")
        await sees("run-17 0 of 1,000 steps")
        for size in ((60, 20), (30, 8), (120, 40)):
            await pilot.resize_terminal(*size)
            await sees("run-17 0 of 1,000 steps")

    watching(path, scenario)


def test_a_run_id_that_two_runs_share_is_one_line(log_file, watching):
    path, writing = log_file
    with writing() as rows:
        add_run(rows, "twin", returns=[1.0])
        add_run(rows, "twin", minutes=1)

    async def scenario(sees, _):
        await sees("1 run, 0 running")
        await sees("twin 10 of 1,000 steps")

    watching(path, scenario)


def test_findings_appear_with_their_diagnosis(log_file, watching):
    path, writing = log_file
    with writing() as rows:
        add_run(rows, "twin", returns=[1.0])
        rows.add("runs", run_id="twin", config=None)

    async def scenario(sees, _):
        await sees("error duplicate_run_ids 1 wrong row")

    watching(path, scenario, audits=True)


def test_an_audit_that_fails_is_said_and_tried_again(log_file, watching, monkeypatch):
    path, writing = log_file
    with writing() as rows:
        add_run(rows, "one", returns=[1.0])
    monkeypatch.setattr("rlaudit.live.auditor._PROGRAM", "rlaudit.no_such_program")

    async def scenario(sees, _):
        await sees("the audit of one failed")

    watching(path, scenario, audits=True)
