"""The served page in a headless Chromium."""

from __future__ import annotations

import pytest

from rlaudit.store import open_for_writing

_DEADLINE = 120_000


@pytest.fixture
def log(log_file):
    path, writing = log_file
    with writing() as rows:
        for number in range(60):
            rows.add_run(f"run-{number:02}", config={"seed": number})
    return path


def test_a_newer_page_is_loaded_with_switches_and_place_as_they_were(
    log_file, log, served, chromium
):
    server = served(log, "--port", "0", "--no-audit", "--every", "1")
    server.wait_until(lambda: server.ask()[0] == 200)
    page = chromium.new_page(viewport={"width": 800, "height": 600})
    errors = []
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(server.url)
    page.wait_for_selector("text=run-59")
    page.check("#scheme-dark")
    page.evaluate("scrollTo(0, 700)")
    before = page.evaluate("document.documentElement.dataset.state")
    _, writing = log_file
    with writing() as rows:
        rows.add_run("run-60")
    page.wait_for_function(
        "before => document.documentElement.dataset.state !== before", arg=before, timeout=60_000
    )
    page.wait_for_selector("text=run-60")
    assert page.is_checked("#scheme-dark")
    assert page.evaluate("scrollY") == 700
    log.unlink()
    page.wait_for_selector("text=This is what was read last.", timeout=60_000)
    server.process.terminate()
    page.wait_for_selector("text=rlaudit serve does not answer", timeout=60_000)
    page.close()
    # The browser says itself that it could not reach a server that has ended.
    assert [text for text in errors if "ERR_CONNECTION_REFUSED" not in text] == []


def test_it_says_what_happened_to_the_log_and_follows_it_again(
    log, served, chromium, held, tmp_path
):
    """The log is deleted; then another one is in its place, which its writer holds for a while."""
    server = served(log, "--port", "0", "--no-audit", "--every", "1")
    page = chromium.new_page()
    # Opened before there is a page, of which the browser is told to ask again.
    page.goto(server.url)
    page.wait_for_selector("text=run-59", timeout=_DEADLINE)
    alarm = page.locator("#main > .alert")
    assert not alarm.is_visible()
    log.unlink()
    alarm.filter(has_text=f"This is what was read last. {log} does not exist").wait_for(
        timeout=_DEADLINE
    )
    assert page.locator("text=run-59").first.is_visible()
    other = tmp_path / "other.duckdb"
    with open_for_writing(other) as con:
        con.execute("INSERT INTO raw.runs (run_id) VALUES ('another')")
    with held(other) as holder:
        other.replace(log)
        alarm.filter(has_text=f"is held open by process {holder.pid}").wait_for(timeout=_DEADLINE)
    page.wait_for_selector("text=another", timeout=_DEADLINE)
    assert page.locator("text=run-59").count() == 0
    assert not alarm.is_visible()
    page.close()
