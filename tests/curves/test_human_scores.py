from __future__ import annotations

import pytest
from made_curves import curve

from rlaudit.curves import Measure, game_of, human_normalised
from rlaudit.curves.human import scores
from rlaudit.errors import UsageError


def test_random_play_is_0_and_the_human_is_1():
    breakout = curve("r", [1, 2, 3], [1.7, 30.5, 16.1], env_id="breakout")
    (found,), measure = human_normalised([breakout], Measure())
    assert list(found.y) == pytest.approx([0.0, 1.0, 0.5])
    assert str(measure) == "mean human-normalised return of the last 100 training episodes"


def test_each_run_is_normalised_by_its_own_game():
    runs = [curve("p", [1], [14.6], env_id="pong"), curve("q", [1], [13455.0], env_id="qbert")]
    found, _ = human_normalised(runs, Measure())
    assert [run.y[0] for run in found] == pytest.approx([1.0, 1.0])


def test_the_table_has_57_games_and_humans_are_better_than_chance():
    assert len(scores()) == 57
    assert all(score.human > score.random for score in scores().values())


@pytest.mark.parametrize(
    ("env_id", "game"),
    [
        ("breakout", "breakout"),
        ("ALE/Breakout-v5", "breakout"),
        ("BreakoutNoFrameskip-v4", "breakout"),
        ("MsPacmanDeterministic-v4", "ms_pacman"),
        ("UpNDown-v0", "up_n_down"),
        ("CartPole-v1", None),
        ("Acrobot-v1", None),
        ("", None),
    ],
)
def test_the_game_is_told_from_the_name_of_the_environment(env_id, game):
    assert game_of(env_id) == game


def test_every_game_is_one_of_ales():
    roms = pytest.importorskip("ale_py.roms")
    assert set(scores()) <= set(roms.get_all_rom_ids())


def test_what_has_no_human_score_is_refused_by_name():
    pole = curve("r9", [1], [1], env_id="CartPole-v1")
    with pytest.raises(UsageError, match="run r9 is of 'CartPole-v1'"):
        human_normalised([pole], Measure())
    for measure in (Measure(lives=True), Measure(clipped=True)):
        with pytest.raises(UsageError, match="raw return of whole games"):
            human_normalised([], measure)
