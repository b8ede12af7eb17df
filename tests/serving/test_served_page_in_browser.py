"""The served page in a headless Chromium."""

from __future__ import annotations

import pytest


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
