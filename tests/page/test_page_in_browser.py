"""The page as a reader meets it: in a headless Chromium, opened as a file."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from page_logs import add_run

from rlaudit.render.page import page_html, read_page
from rlaudit.store import open_for_writing

HOSTILE = '</script><script>alert(1)</script><img src=x onerror="alert(2)">'
OTHER = {"env": "CartPole-v1", "n_step": 3}

# The contrast of each text with what is behind it, by the formula of WCAG 2.
_CONTRASTS = """() => {
  const light = (c) => c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4;
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const luminance = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = canvas.getImageData(0, 0, 1, 1).data;
    return 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (colour !== "rgba(0, 0, 0, 0)") return colour;
    }
    return "white";
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const text = luminance(element.closest("svg") ? style.fill : style.color);
    const behind = luminance(ground(element));
    const ratio = (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05);
    found.push([ratio, walker.currentNode.data.trim()]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A page of two runs with findings in both: impossible repeats, and what the log lacks."""
    folder = tmp_path_factory.mktemp("page")
    with open_for_writing(folder / "runs.duckdb") as con:
        add_run(con, HOSTILE, name=HOSTILE)
        add_run(con, "second", config=OTHER, returned="e * 2", started="2026-01-02", state="failed")
        con.execute("INSERT INTO raw.samples FROM raw.samples WHERE update_id = 7 LIMIT 3")
        con.execute("INSERT INTO raw.samples FROM raw.samples WHERE run_id = 'second' LIMIT 1")
    path = folder / "report.html"
    path.write_text(page_html(read_page(folder / "runs.duckdb")), encoding="utf-8")
    return path


@pytest.fixture
def visit(chromium, file):
    """Open the page with options of a browser context; it may load and complain of nothing."""
    unwanted, asked, asked_for = [], [], set()
    with contextlib.ExitStack() as stack:

        def opened(path=file, **options):
            context = stack.enter_context(contextlib.closing(chromium.new_context(**options)))
            page = context.new_page()
            page.on("console", lambda message: unwanted.append(message.text))
            page.on("pageerror", lambda error: unwanted.append(str(error)))
            page.on("dialog", lambda dialog: unwanted.append(dialog.message))
            page.on("request", lambda request: asked.append(request.url))
            page.goto(path.as_uri())
            asked_for.add(path.as_uri())
            return page

        yield opened
        assert unwanted == []
        assert set(asked) == asked_for


def shown(page, selector):
    """Return how many elements are there to be seen."""
    return page.locator(selector).locator("visible=true").count()


def test_every_plot_is_drawn_and_described(visit):
    page = visit()
    plots = page.locator(".plot").locator("visible=true").all()
    # One of both runs, and four of each.
    assert len(plots) == 1 + 2 * 4
    for plot in plots:
        assert len(plot.get_attribute("aria-label")) > 60
        box = plot.locator("svg").bounding_box()
        assert min(box["width"], box["height"]) > 100
        assert plot.locator(".role-mark path").count() > 0
    lines = [page.locator(f"#curves .wide .run_{i}_marks path").get_attribute("d") for i in (0, 1)]
    assert lines[0] != lines[1]
    assert min(map(len, lines)) > 100


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_bars_of_what_is_overwritten_are_paler_and_outlined(visit, scheme):
    page = visit(color_scheme=scheme)
    bars = page.locator("#replay .run-0 .plot").nth(1).locator(".mark-rect path")
    styles = bars.evaluate_all(
        "all => all.map((e) => getComputedStyle(e)).map((s) => [s.fill, s.stroke, s.fillOpacity])"
    )
    fills, strokes, opacities = (set(values) for values in zip(*styles, strict=True))
    assert len(fills) == 1
    assert strokes == fills
    assert opacities == {"1", "0.25"}


def test_text_from_the_log_is_shown_as_it_is(visit):
    page = visit()
    assert page.locator("#runs tbody tr").first.locator("td").all_inner_texts()[:2] == [HOSTILE] * 2
    assert page.locator("#replay h3").first.inner_text().strip() == HOSTILE
    assert page.locator("script").count() == 1
    assert page.locator("img").count() == 0


def test_a_run_can_be_hidden_and_shown_again(visit):
    page = visit()
    parts = ("#curves .wide .run_1_marks", "#replay .run-1", "#findings .run-1")
    before = [shown(page, part) for part in parts]
    assert min(before) > 0
    others = shown(page, "#replay .run-0"), shown(page, "#findings .run-0")
    page.get_by_role("checkbox", name="second").uncheck()
    assert [shown(page, part) for part in parts] == [0, 0, 0]
    assert (shown(page, "#replay .run-0"), shown(page, "#findings .run-0")) == others
    # No check stands there without a finding.
    assert shown(page, ".check") == shown(page, ".check:has(.run-0)")
    page.get_by_role("checkbox", name="second").check()
    assert [shown(page, part) for part in parts] == before


def test_findings_can_be_chosen_by_severity(visit):
    page = visit()
    errors, warnings = shown(page, ".check.error"), shown(page, ".check.warning")
    assert min(errors, warnings) > 0
    both = errors + warnings
    count = page.locator("#count")
    assert count.inner_text() == f"showing {both} of {both} checks with findings"
    page.get_by_role("checkbox", name="errors").uncheck()
    assert (shown(page, ".check.error"), shown(page, ".check.warning")) == (0, warnings)
    assert count.inner_text() == f"showing {warnings} of {both} checks with findings"


def test_a_finding_has_its_diagnosis_rows_and_query(visit):
    page = visit()
    check = page.locator(".check", has_text="duplicate_samples").first
    assert "is logged 2 times" in check.locator("li").first.inner_text()
    assert check.locator("table").first.locator("tbody tr").count() > 0
    check.locator("summary").click()
    assert "SELECT" in check.locator("pre").inner_text()


def test_a_query_is_copied(visit):
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    check = page.locator(".check").first
    check.locator("summary").click()
    check.get_by_role("button", name="Copy").click()
    check.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == check.locator("pre").inner_text()


def test_it_can_be_operated_by_keyboard(visit):
    page = visit()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the report"
    reached = {"Skip to the report"}
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        if page.evaluate("document.activeElement.id") == "show-1":
            break
    assert {"scheme-system", "A", "DIV", "show-0", "show-1"} <= reached
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Space")
    assert shown(page, "#replay .run-1") == 0
    page.locator("#curves summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("#curves table").is_visible()


def test_each_control_heading_and_table_says_what_it_is(visit):
    page = visit()
    for box in page.locator("input").all():
        assert box.evaluate("e => e.labels[0].textContent.trim()")
    headings = page.locator("h1, h2, h3, h4")
    levels = headings.evaluate_all("all => all.map((e) => Number(e.tagName[1]))")
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))
    assert "" not in [text.strip() for text in headings.all_text_contents()]
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))
    for link in page.locator("nav a").all():
        assert page.locator(link.get_attribute("href")).count() == 1
    assert page.locator("th:not([scope])").count() == 0
    assert page.locator(".scroll:not([aria-label]), .scroll:not([tabindex='0'])").count() == 0
    assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_scrolls_in_one_direction_only(visit, width):
    page = visit(viewport={"width": width, "height": 700}, has_touch=True, is_mobile=True)
    for summary in page.locator("summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert shown(page, ".wide") == 0
    assert shown(page, "#curves .narrow svg") == 1
    # Letters of the plots are no smaller than 9 pixels there.
    scales = page.locator("#replay .plot svg").evaluate_all(
        "all => all.map((e) => e.getBoundingClientRect().width / e.viewBox.baseVal.width)"
    )
    assert min(scales) * 12 >= 8 if width == 320 else min(scales) * 12 >= 9


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_in_both_schemes(visit, scheme):
    page = visit(color_scheme=scheme)
    for summary in page.locator("summary").all():
        summary.click()
    contrasts = page.evaluate(_CONTRASTS)
    assert len(contrasts) > 300
    assert [found for found in contrasts if found[0] < 4.5] == []


def test_the_scheme_follows_the_system_until_it_is_chosen(visit):
    page = visit(color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.get_by_role("radio", name="light").check()
    light = page.evaluate(ground)
    assert (light, dark) == ("rgb(255, 255, 255)", "rgb(18, 22, 27)")
    axis = page.locator("#curves .wide .role-axis-label text").first
    assert axis.evaluate("e => getComputedStyle(e).fill") == "rgb(27, 31, 36)"


def test_choices_last_while_the_page_is_loaded_anew(visit):
    page = visit(color_scheme="light")
    page.get_by_role("radio", name="dark").check()
    page.get_by_role("checkbox", name="second").uncheck()
    with page.expect_navigation():
        page.evaluate("location.reload()")
    assert page.get_by_role("radio", name="dark").is_checked()
    assert not page.get_by_role("checkbox", name="second").is_checked()


def test_without_javascript_everything_is_there_and_filters_work(visit):
    page = visit(java_script_enabled=False)
    assert page.locator("#runs tbody tr").count() == 2
    assert shown(page, ".check") > 0
    assert shown(page, ".plot svg") == 9
    page.get_by_role("checkbox", name="second").uncheck()
    assert shown(page, "#replay .run-1") == 0
    page.locator("#curves summary").click()
    assert page.locator("#curves table").is_visible()
    assert page.get_by_role("button").count() == 0
