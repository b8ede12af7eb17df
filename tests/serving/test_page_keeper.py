"""When ``rlaudit serve`` makes a page, and when it audits the log for it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pytest

from rlaudit.cli.served_page import served_page
from rlaudit.serving import PageKeeper, page_app

DEADLINE = 180.0


@pytest.fixture
def make(log, tmp_path):
    """Make a page; return its text and the number of audits so far."""
    folder = tmp_path / "kept"
    folder.mkdir()

    def made(*, audit=True):
        page = served_page(log, folder, audit=audit, judging={}, live="1-1")
        history = folder / "audits.duckdb"
        if not history.exists():
            return page, 0
        with contextlib.closing(duckdb.connect(history, read_only=True)) as con:
            return page, con.execute("SELECT count(*) FROM audits").fetchall()[0][0]

    return made


def test_a_log_is_audited_once_for_each_state_of_it(make, log_file):
    _, writing = log_file
    with writing() as rows:
        rows.add_run("first", name="twin")
    first, audits = make()
    assert audits == 1
    assert "duplicate_run_ids</h3>" in first
    again, audits = make()
    assert audits == 1
    assert "duplicate_run_ids</h3>" in again
    with writing() as rows:
        rows.add_run("second")
    changed, audits = make()
    assert audits == 2
    assert "over 2 runs:" in changed


def test_what_could_not_be_audited_is_tried_again(make, log_file, held, monkeypatch):
    """The log is locked once it has been read for the rest of the page."""
    path, _ = log_file
    read = sys.modules["rlaudit.render.page.data"].audit_logs

    def locked(*args, **options):
        with held(path):
            return read(*args, **options | {"wait": 0})

    monkeypatch.setattr("rlaudit.render.page.data.audit_logs", locked)
    assert "Could not be done: " in make()[0]
    monkeypatch.undo()
    page, audits = make()
    assert "Could not be done: " not in page
    assert audits == 2


def test_without_an_audit_none_is_kept(make):
    assert "was not audited" in make(audit=False)[0]
    assert make()[1] == 1
    assert "was not audited" in make(audit=False)[0]


def test_one_page_is_made_at_a_time_whoever_asks(log):
    """Ten requests come while it is made, which ends when all of them are answered."""
    begun, answered, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
    began_with = []

    class Watched(PageKeeper):
        async def _make(self, _folder):
            began_with.append(begun.is_set())
            begun.set()
            await answered.wait()
            self.page, self.state = b"made", "1-1"
            ended.set()
            return True

    kept = Watched(log)
    app = page_app(kept, lambda _: True)

    async def ask():
        sent = []

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"here")]}
        await app(scope, None, send)
        return sent[0]["status"]

    async def main():
        keeping = asyncio.create_task(kept.keep())
        await begun.wait()
        assert await asyncio.gather(*(ask() for _ in range(10))) == [503] * 10
        answered.set()
        await ended.wait()
        assert await asyncio.gather(*(ask() for _ in range(10))) == [200] * 10
        keeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await keeping

    # In a thread: the browser of other tests has a loop running in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(asyncio.wait_for(main(), DEADLINE))).result()
    assert began_with == [False]
