from __future__ import annotations

import html
import re

import pytest
from page_logs import add_run, copy_run

from rlaudit.render.page import page_html, read_page
from rlaudit.store import open_for_writing


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A page of 500 failed runs, each with findings."""
    folder = tmp_path_factory.mktemp("many")
    with open_for_writing(folder / "runs.duckdb") as con:
        add_run(con, "first", state="failed")
        copy_run(con, 499)
    path = folder / "report.html"
    path.write_text(page_html(read_page(folder / "runs.duckdb")), encoding="utf-8")
    return path


def test_a_page_of_500_runs_is_bounded_and_says_what_it_leaves_out(file):
    assert file.stat().st_size < 5_000_000
    page = html.unescape(file.read_text(encoding="utf-8"))
    for said in (
        "500 runs: 500 failed.",
        "showing 100 of 500 runs, the newest",
        "showing 12 of 500 runs, the newest; rlaudit report html --run ID chooses others",
        "showing 10 of 500 runs",
        "cart (500 seeds)",
    ):
        assert said in page
    assert page.count('type="checkbox" id="show-') == 12 + 2
    assert re.search(r"run-498</td>", page)
    # Of runs with the same finding, those that are drawn are named.
    assert page.count('<li class="run-') == page.count("showing 10 of 500 runs") * 10
    assert 'class="run-other"' not in page


def test_a_page_of_500_runs_is_usable_on_a_phone(chromium, file):
    page = chromium.new_page(viewport={"width": 390, "height": 800})
    page.goto(file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("checkbox", name="run-498").uncheck()
    assert page.locator("#replay > section").locator("visible=true").count() == 11
    page.close()
