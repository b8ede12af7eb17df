"""What the page says of sound, odd and damaged logs, read from its HTML."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser

import pytest
from page_logs import add_run

from rlaudit.auditing import audit
from rlaudit.errors import DatabaseError, MissingExtraError, NotALogError, UsageError
from rlaudit.render import extras
from rlaudit.render.page import page_html, read_page


@pytest.fixture
def made(log_file):
    """Make the page of a log that a function fills; its HTML."""
    path, writing = log_file

    def make(fill, *, audit=False, **options):
        with writing() as log:
            fill(log.con)
        return page_html(read_page(path, audit=audit, **options))

    return make


def nothing(con):
    """Add nothing to the log."""


def text_of(page, section):
    """Return the texts of one section of the page without its pictures."""
    found = re.search(rf'<section id="{section}".*?(?=<section id=|</main>)', page, re.DOTALL)[0]
    found = re.sub(r"<svg.*?</svg>", "", found, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", found)).split())


def test_runs_are_listed_with_their_state(made):
    def fill(con):
        add_run(con, "a")
        add_run(con, "b", state="failed", started="2026-01-02")
        add_run(con, "c", state="running", started="2026-01-03")

    runs = text_of(made(fill), "runs")
    assert "3 runs: 1 dead, 1 failed, 1 finished." in runs
    # The mean of the returns 0 to 29.
    assert "a cart CartPole-v1 finished 300 30 14.5 30 2026-01-01 00:00" in runs


def test_a_plot_is_described_by_its_figures(made):
    page = made(lambda con: add_run(con, "a"))
    alts = [html.unescape(alt) for alt in re.findall(r'role="img" aria-label="([^"]*)"', page)]
    curve, narrow, heat, bars, ages, weights = alts
    assert curve == narrow
    assert curve.endswith("a ends at 27 after 300 steps.")
    assert heat.startswith(
        "Heat map of the priorities of 800 draws from step 100 to 299: they lie between 1 and 7."
    )
    # 200 updates of 4 draws each.
    assert "how often 300 stored transitions were replayed: 2.67 times on average" in bars
    assert "where 90% lie between" in ages
    # The first span has updates 0 to 4, whose beta is 0.4 + 0.6 * 2 / 200 on average.
    assert "beta goes from 0.406 to 0.99" in weights


def test_the_caption_says_how_much_was_never_replayed(made):
    page = made(lambda con: add_run(con, "a"))
    drawn = {u + 99 - (u * 7 + b * 31) % min(u + 100, 200) for u in range(200) for b in range(4)}
    assert 300 - len(drawn) == 36
    # The last update could draw transitions 99 to 298.
    assert "2.67 times on average, 12.0% never. Pale below: 99 that are" in text_of(page, "replay")


def test_settings_that_differ_are_compared_and_the_others_listed(made):
    def fill(con):
        add_run(con, "a", config={"n_step": 1, "gamma": 0.99})
        add_run(con, "b", config={"n_step": 3, "gamma": 0.99}, returned="10", started="2026-01-02")

    settings = text_of(made(fill), "settings")
    assert "setting value runs mean return which n_step 1 1 14.5 a n_step 3 1 10 b" in settings
    assert "1 setting that all 2 runs share" in settings
    assert "gamma 0.99" in settings


def test_groups_of_seeds_are_summarised(made):
    def fill(con):
        for seed in (1, 2, 3):
            add_run(con, f"s{seed}", seed=seed, returned=f"e * {seed}")

    page = made(fill)
    assert "Line chart of 1 group of seeds by agent steps. cart (3 seeds) ends at 54" in page
    # Two pictures of it for two widths, in the page's own colours.
    assert page.count('stroke="var(--run-0)"') >= 2
    assert "#0072B2" not in page


def test_only_the_runs_that_are_asked_for_are_shown(made):
    def fill(con):
        for i in range(3):
            add_run(con, f"number-{i}", started=f"2026-01-0{i + 1}", state="failed")

    page = made(fill, runs=["number-0", "number-2"], audit=True)
    assert "number-1" not in page
    assert "2 runs: 2 failed." in text_of(page, "runs")
    one = made(nothing, runs=["number-1"], audit=True)
    assert "number-0" not in one
    assert "over 1 run" in text_of(one, "findings")


def test_an_unknown_run_is_refused_by_its_nearest_name(made):
    with pytest.raises(UsageError, match="'runn'") as caught:
        made(lambda con: add_run(con, "run"), runs=["runn"])
    assert "run" in caught.value.hint


def test_a_log_without_runs_says_so(made):
    page = made(nothing, audit=True)
    assert "The log has no runs yet." in text_of(page, "runs")
    assert "Could not be done: nothing in" in text_of(page, "findings")
    assert "There is nothing to draw." in text_of(page, "replay")
    assert "The log states no settings." in text_of(page, "settings")


def test_a_page_without_an_audit_says_so(made):
    page = made(lambda con: add_run(con, "a"))
    assert "The log was not audited for this page" in text_of(page, "findings")


def test_a_run_that_learned_nothing_has_no_plots_of_its_replay(made):
    page = made(lambda con: add_run(con, "a", learns=False))
    replay = text_of(page, "replay")
    assert "The log has no finite priorities of draws above 0." in replay
    assert "The log has no updates with the transitions that they could draw." in replay
    assert "The log does not say how old draws were." in replay
    assert "The log has no finite weights of draws." in replay


@pytest.mark.parametrize("episodes", [0, 1])
def test_runs_of_few_episodes_have_a_page(made, episodes):
    page = made(lambda con: add_run(con, "a", episodes=episodes, learns=False))
    curves = text_of(page, "curves")
    if episodes:
        assert 'class="mark-symbol role-mark run_0_points_marks"' in page
    else:
        assert "no run has a finished training episode" in curves


@pytest.mark.parametrize(
    "odd",
    [
        {"returned": "7"},
        {"returned": "if(e % 2 = 0, 'nan'::DOUBLE, e)"},
        {"returned": "'inf'::DOUBLE"},
        {"returned": "1e300 * e"},
        {"returned": "NULL"},
        {"priority": "3"},
        {"priority": "NULL", "weight": "NULL", "beta": "NULL"},
        {"priority": "if(t % 2 = 0, 'nan'::FLOAT, 'inf'::FLOAT)"},
        {"priority": "if(t % 9 = 0, 'nan'::FLOAT, t)"},
        {"priority": "if(t % 2 = 0, 1e-30, 1e30)"},
        {"weight": "'nan'::FLOAT", "beta": "'nan'::DOUBLE"},
        {"weight": "-'inf'::FLOAT", "beta": "'inf'::DOUBLE"},
    ],
    ids=lambda odd: " ".join(f"{key}={value}" for key, value in odd.items()),
)
def test_odd_figures_have_a_page(made, odd):
    page = made(lambda con: add_run(con, "a", **odd))
    geometry = " ".join(re.findall(r' (?:d|transform|x2|y2)="([^"]*)"', page))
    assert geometry
    assert not re.search("nan|inf|undefined", geometry, re.IGNORECASE)


def test_means_that_are_no_number_are_told(made):
    """Of 30 means of five returns, those from that of the 26th episode on are no number."""

    def fill(con):
        add_run(con, "good")
        add_run(con, "bad", returned="if(e = 25, 'nan'::DOUBLE, e)", started="2026-01-02", seed=2)

    curves = text_of(made(fill), "curves")
    assert "5 of 30 means of run bad are no finite number, and nothing is drawn there" in curves
    assert "means of run good" not in curves


def test_draws_of_which_no_figure_is_finite_are_told(made):
    page = made(lambda con: add_run(con, "a", priority="'inf'::FLOAT", weight="'nan'::FLOAT"))
    replay = text_of(page, "replay")
    assert "The log has no finite priorities of draws above 0." in replay
    assert "The log has no finite weights of draws." in replay


def test_notes_say_whose_options_they_name(made):
    said = "Options that are named here are those of rlaudit plot ."
    few = text_of(made(lambda con: add_run(con, "a")), "curves")
    assert "each mean is over 5 (--window)" in few
    assert said in few
    none = text_of(made(lambda con: add_run(con, "b", learns=False), runs=["b"]), "curves")
    assert said in none
    many = text_of(
        made(lambda con: add_run(con, "c", episodes=100, learns=False), runs=["c"]), "curves"
    )
    assert said not in many


class Markup(HTMLParser):
    """The tags of a page, and the names of their attributes."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes = [], set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.update(name for name, _ in attrs)


def test_neither_the_log_nor_checks_of_ones_own_add_markup(log_file, tmp_path):
    marked = '<u onclick="alert(1)">{}</u><script>alert(2)</script>'
    check = {
        "name": "own_check",
        "title": marked.format("title"),
        "severity": "error",
        "reads": "runs",
        "grain": "run_id",
        "groups": "runs",
        "diagnosis": marked.format("diagnosis") + " {name}",
        "why": marked.format("why"),
        "cites": marked.format("cites"),
    }
    header = "\n".join(f"-- {key}: {value}" for key, value in check.items())
    column = '"<u>column</u>"'
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "own_check.sql").write_text(
        f"{header}\n\nSELECT run_id, name, name AS {column} FROM runs\n", encoding="utf-8"
    )
    path, writing = log_file
    with writing() as log:
        for number in (1, 2):
            settings = {marked.format("key"): marked.format(number), "n_step": number}
            name = marked.format("name")
            run_id = marked.format(f"run {number}")
            add_run(log.con, run_id, name=name, config=settings, returned=str(number))
        log.con.execute("UPDATE raw.runs SET host = name, env_id = name")
        log.con.execute("UPDATE raw.segments SET host = ?", [marked.format("host")])
    found = audit(path, checks_dirs=[tmp_path / "own"], select=["own_check"])
    page = page_html(read_page(path, audit=found))
    shown = html.unescape(page)
    for part in ("title", "diagnosis", "why", "cites", "key", "1", "run 2", "name"):
        assert marked.format(part) in shown
    assert "<u>column</u>" in shown
    markup = Markup(page)
    assert markup.tags.count("script") == 1
    assert "u" not in markup.tags
    assert not {name for name in markup.attributes if name.startswith("on")}


def test_a_consequence_stands_behind_its_cause(log_file, tmp_path):
    header = (
        "-- severity: error\n-- reads: runs\n-- grain: run_id\n-- groups: runs\n"
        "-- title: A run\n-- diagnosis: run {run_id} is there\n-- why: it is a test.\n"
    )
    for name, after in (("a_follower", "-- after: the_cause\n"), ("the_cause", "")):
        (tmp_path / f"{name}.sql").write_text(
            f"-- name: {name}\n{header}{after}\nSELECT run_id FROM runs\n", encoding="utf-8"
        )
    path, writing = log_file
    with writing() as log:
        add_run(log.con, "a")
    found = audit(path, checks_dirs=[tmp_path], select=["a_follower", "the_cause"])
    text = text_of(page_html(read_page(path, audit=found)), "findings")
    assert text.index("error the_cause") < text.index("error a_follower")
    assert "run a, 1 row, likely a consequence of the_cause : run a is there" in text


def test_draws_without_a_usable_priority_are_told(made):
    page = made(lambda con: add_run(con, "a", priority="if(b = 0, 'nan'::FLOAT, 2)"))
    assert "200 draws had no finite priority above 0." in text_of(page, "replay")


def test_settings_that_are_no_settings_do_not_matter(made):
    def fill(con):
        add_run(con, "a")
        add_run(con, "b", started="2026-01-02")
        con.execute("UPDATE raw.runs SET config = ? WHERE run_id = 'a'", [json.dumps([1])])
        con.execute("UPDATE raw.runs SET config = NULL WHERE run_id = 'b'")

    assert "The log states no settings." in text_of(made(fill), "settings")


def test_two_runs_of_one_id_are_listed_and_drawn_once(made):
    def fill(con):
        add_run(con, "a")
        con.execute("INSERT INTO raw.runs FROM raw.runs")

    page = made(fill)
    assert "2 runs: 2 finished." in text_of(page, "runs")
    assert page.count('type="checkbox"') == 1


def test_very_long_texts_are_cut_and_control_characters_shown(made):
    page = made(lambda con: add_run(con, "a", name="x" * 100_000 + "\x1b[31m"))
    assert len(page) < 200_000
    assert "xxx... (100,008 characters)" in page
    assert "\x1b" not in page


@pytest.mark.parametrize("missing", ["altair", "vl_convert", "jinja2"])
def test_without_the_extra_the_error_names_it(made, monkeypatch, missing):
    find = extras.find_spec
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == missing else find(name))
    with pytest.raises(MissingExtraError, match=f"needs {missing}") as caught:
        made(lambda con: add_run(con, "a"))
    assert caught.value.hint == "pip install 'rlaudit[plot]'"


def test_what_is_no_log_is_refused(tmp_path):
    empty = tmp_path / "empty.duckdb"
    empty.touch()
    with pytest.raises(NotALogError, match="is empty"):
        read_page(empty)
    with pytest.raises(DatabaseError, match="does not exist"):
        read_page(tmp_path / "none.duckdb")
