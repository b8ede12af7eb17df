"""Checks of the noise draws: hand-made logs of a few steps that each must flag or pass."""

from __future__ import annotations

import pytest
from checking import result_of, results_of

NOISY = {
    "noisy": "factorised",
    "double": True,
    "update_period": 1,
    "num_envs": 1,
    "learning_starts": 2,
}
PASSES = ("noise_select", "noise_target", "noise_online")


def draws_of(steps, *, learns_after=2, period=1):
    """Return the acting draws and the updates' draws of a sound run, as (acting, updates)."""
    acting, updates, last = [], [], 0
    for step in range(1, steps + 1):
        last += 1
        acting.append(last)
        if step > learns_after and (step - learns_after) % period == 0:
            updates.append((step, [last + 1, last + 2, last + 3]))
            last += 3
    return acting, updates


def write(log, acting, updates, *, config=NOISY, run_id="r1", source="rlaudit"):
    """Write a run: one transition a step, and updates as (env step, draws of PASSES)."""
    log.add_run(run_id, config, source=source)
    for env_step, noise_draw in enumerate(acting, start=1):
        log.add("transitions", run_id=run_id, env_step=env_step, noise_draw=noise_draw)
    for update_id, (env_step, draws) in enumerate(updates):
        named = dict(zip(PASSES, draws, strict=True))
        log.add("updates", run_id=run_id, update_id=update_id, env_step=env_step, **named)


NAMES = [
    "acting_noise_constant",
    "noise_against_config",
    "noise_draws_fall",
    "noise_draws_skipped",
    "noise_shared_by_online_passes",
    "noise_shared_with_target",
    "update_noise_constant",
]


@pytest.mark.parametrize("name", NAMES)
def test_sound_noise_passes(tiny_log, name):
    write(tiny_log, *draws_of(8))
    assert result_of(tiny_log, name).status == "pass"


def said(result):
    assert result.status == "fail", (result.status, result.message)
    return result.diagnosis(result.examples[0])


# --- acting_noise_constant ---------------------------------------------------------------------


def test_acting_noise_that_is_never_drawn_anew_is_found(tiny_log):
    write(tiny_log, [1] * 6, [])
    result = result_of(tiny_log, "acting_noise_constant")
    assert said(result) == (
        "noise draw 1 of run r1 chose 6 actions, from agent step 1 to 6, where a draw may act for "
        "1 steps; the acting noise is never drawn anew"
    )


def test_acting_noise_that_stays_during_the_warm_up_is_found(tiny_log):
    write(tiny_log, [1, 1, 2, 3, 4], [])
    result = result_of(tiny_log, "acting_noise_constant")
    assert "stays during the warm-up, which ends at step 2" in said(result)
    assert result.wrong == 1


def test_acting_noise_once_an_episode_is_found(tiny_log):
    write(tiny_log, [1, 2, 3, 4, 4, 4, 4], [])
    assert "is drawn 4 times in 7 steps" in said(result_of(tiny_log, "acting_noise_constant"))


def test_acting_noise_that_only_updates_draw_is_told_from_a_constant_warm_up(tiny_log):
    # Draw 1 acts until the first update, and then each step acts under the update's online draw.
    updates = [(step, [3 * step - 7, 3 * step - 6, 3 * step - 5]) for step in (3, 4, 5)]
    write(tiny_log, [1, 1, 1, 4, 7, 10], updates)
    result = result_of(tiny_log, "acting_noise_constant")
    assert said(result).endswith(
        "the acting noise is not drawn for acting at all and changes only where an update draws: "
        "3 of the 3 draws that acted after the warm-up are an update's own"
    )
    assert result.wrong == 1
    shared = results_of(tiny_log, family="noise")["noise_shared_by_online_passes"]
    assert shared.findings[0].follows == ("acting_noise_constant",)


def test_a_warm_up_under_one_draw_is_not_blamed_on_updates_that_draw_for_themselves(tiny_log):
    # Half of the four draws that act after it are an update's: less than nine in ten.
    write(tiny_log, [1, 1, 4, 8, 9, 13], [(3, [2, 3, 4]), (5, [10, 11, 13])])
    results = results_of(tiny_log, family="noise")
    assert "stays during the warm-up" in said(results["acting_noise_constant"])
    assert results["noise_shared_by_online_passes"].findings[0].follows == ()


@pytest.mark.parametrize(
    ("held", "status"),
    [pytest.param(4, "pass", marks=pytest.mark.near_miss("acting_noise_constant")), (5, "fail")],
)
def test_near_miss_a_draw_acts_for_one_update_period(tiny_log, held, status):
    write(tiny_log, [1] * held + [2], [], config=NOISY | {"update_period": 4})
    assert result_of(tiny_log, "acting_noise_constant").status == status


@pytest.mark.near_miss("acting_noise_constant")
def test_near_miss_one_draw_serves_all_environments_of_a_step(tiny_log):
    write(tiny_log, [1, 1, 1, 1, 2, 2, 2, 2], [], config=NOISY | {"num_envs": 4})
    assert result_of(tiny_log, "acting_noise_constant").status == "pass"


@pytest.mark.near_miss("acting_noise_constant")
def test_near_miss_a_draw_id_that_comes_back_is_not_a_constant_draw(tiny_log):
    write(tiny_log, [1, 2, 3, 1, 2, 3], [])
    assert result_of(tiny_log, "acting_noise_constant").status == "pass"


# --- update_noise_constant ---------------------------------------------------------------------


def test_target_noise_that_is_never_drawn_anew_is_found(tiny_log):
    acting, updates = draws_of(6)
    held = [(step, [select, 5, online]) for step, (select, _, online) in updates]
    write(tiny_log, acting, held)
    result = result_of(tiny_log, "update_noise_constant")
    assert said(result) == (
        "the target pass used noise draw 5 in 4 updates of run r1, from update 0 to 3 (agent steps "
        "3 to 6), where every update draws it anew; its noise is never drawn anew"
    )


def test_target_noise_once_an_episode_is_found_with_the_episodes(tiny_log):
    acting, updates = draws_of(8)
    held = [(s, [d[0], 5 if s < 6 else 17, d[2]]) for s, d in updates]
    write(tiny_log, acting, held)
    tiny_log.add("episodes", run_id="r1", episode_id=[0, 1], phase="train")
    result = result_of(tiny_log, "update_noise_constant")
    assert "is drawn 2 times in 6 updates and 2 episodes" in said(result)
    assert result.wrong == 2


@pytest.mark.near_miss("update_noise_constant")
def test_near_miss_a_draw_of_an_earlier_update_that_comes_back_is_not_constant(tiny_log):
    write(tiny_log, [], [(1, [1, 2, 3]), (2, [4, 5, 6]), (3, [7, 2, 9])])
    assert result_of(tiny_log, "update_noise_constant").status == "pass"


@pytest.mark.near_miss("update_noise_constant")
def test_near_miss_an_update_that_is_logged_twice_has_its_draw_twice(tiny_log):
    write(tiny_log, [], [(1, [1, 2, 3]), (2, [4, 5, 6])])
    tiny_log.con.execute("INSERT INTO raw.updates FROM raw.updates")
    assert result_of(tiny_log, "update_noise_constant").status == "pass"


# --- noise_draws_skipped -----------------------------------------------------------------------


def test_noise_drawn_inside_the_layers_leaves_gaps(tiny_log):
    # Three layers, each of which draws for itself in each pass; the last draw is what is logged.
    acting, updates = draws_of(6)
    write(tiny_log, [3 * d for d in acting], [(s, [3 * d for d in ds]) for s, ds in updates])
    result = result_of(tiny_log, "noise_draws_skipped")
    assert said(result).startswith(
        "2 noise draws of run r1 belong to no pass: between draw 3 (acting, agent step 1) and draw "
        "6 (acting, agent step 2); 14 such gaps"
    )


@pytest.mark.near_miss("noise_draws_skipped")
def test_near_miss_a_step_whose_transition_was_discarded_leaves_a_gap(tiny_log):
    acting, updates = draws_of(6)
    write(tiny_log, acting, updates)
    tiny_log.con.execute("DELETE FROM raw.transitions WHERE env_step = 4")
    assert result_of(tiny_log, "noise_draws_skipped").status == "pass"


@pytest.mark.near_miss("noise_draws_skipped")
def test_near_miss_windows_that_are_open_at_the_end_leave_gaps(tiny_log):
    acting, updates = draws_of(8)
    write(tiny_log, acting, updates)
    tiny_log.con.execute("DELETE FROM raw.transitions WHERE env_step > 6")
    assert result_of(tiny_log, "noise_draws_skipped").status == "pass"


@pytest.mark.near_miss("noise_draws_skipped")
def test_near_miss_a_log_of_every_second_update_is_not_judged(tiny_log):
    acting, updates = draws_of(8)
    write(tiny_log, acting, updates)
    tiny_log.con.execute("DELETE FROM raw.updates WHERE update_id % 2 = 1")
    assert result_of(tiny_log, "noise_draws_skipped").status == "pass"


def test_a_single_draw_too_many_is_found(tiny_log):
    acting, updates = draws_of(6)
    late = [(s, [d + (s >= 5) for d in ds]) for s, ds in updates]
    write(tiny_log, [d + (i >= 5) for i, d in enumerate(acting)], late)
    result = result_of(tiny_log, "noise_draws_skipped")
    assert "1 noise draws of run r1 belong to no pass" in said(result)
    assert (result.wrong, result.examples[0]["pass"]) == (1, "selecting")


# --- draws that passes share -------------------------------------------------------------------


def test_noise_that_online_and_target_share_is_found(tiny_log):
    acting, updates = draws_of(4)
    write(tiny_log, acting, [(s, [d[0], d[2], d[2]]) for s, d in updates])
    result = result_of(tiny_log, "noise_shared_with_target")
    assert said(result) == (
        "noise draw 6 of run r1 serves the target net's pass of update 0 and also the online pass "
        "of update 0; 2 draws are shared with the target, which needs noise of its own"
    )
    assert result_of(tiny_log, "noise_shared_by_online_passes").status == "pass"


def test_noise_that_selecting_and_learning_share_is_a_warning(tiny_log):
    acting, updates = draws_of(4)
    write(tiny_log, acting, [(s, [d[2], d[1], d[2]]) for s, d in updates])
    result = result_of(tiny_log, "noise_shared_by_online_passes")
    assert "serves the online pass of update 0 and the selecting pass of update 0" in said(result)
    assert result.check.severity == "warning"
    assert result_of(tiny_log, "noise_shared_with_target").status == "pass"


@pytest.mark.near_miss("noise_shared_by_online_passes", "noise_shared_with_target")
def test_near_miss_two_runs_have_equal_draws(tiny_log):
    write(tiny_log, *draws_of(4), run_id="r1")
    write(tiny_log, [100, 101, 1, 2, 3], [(3, [4, 5, 6])], run_id="r2")
    assert result_of(tiny_log, "noise_shared_with_target").status == "pass"
    assert result_of(tiny_log, "noise_shared_by_online_passes").status == "pass"


@pytest.mark.near_miss("noise_shared_by_online_passes", "noise_shared_with_target")
def test_near_miss_a_draw_id_that_comes_back_much_later_is_not_shared(tiny_log):
    # A resume that forgets the count: the target of update 6 has the id that acted at step 2.
    updates = [(step, [10 * step, 10 * step + 1, 10 * step + 2]) for step in range(3, 10)]
    updates[6] = (9, [1, 2, 3])
    write(tiny_log, [1, 2, 3, 4, 5, 6, 7, 8, 9], updates)
    assert result_of(tiny_log, "noise_shared_with_target").status == "pass"
    assert result_of(tiny_log, "noise_shared_by_online_passes").status == "pass"


# --- noise_draws_fall --------------------------------------------------------------------------


def test_a_count_of_draws_that_is_set_back_is_found(tiny_log):
    write(tiny_log, [], [(1, [1, 2, 3]), (2, [4, 5, 6]), (3, [1, 2, 3])])
    assert said(result_of(tiny_log, "noise_draws_fall")).startswith(
        "update 2 of run r1 (agent step 3) used no noise draw beyond 3, and the update before it, "
        "1, had reached draw 6; the count of draws was set back"
    )


@pytest.mark.near_miss("noise_draws_fall")
def test_near_miss_passes_draw_in_another_order(tiny_log):
    write(tiny_log, [], [(1, [3, 2, 1]), (2, [4, 6, 5]), (3, [9, 7, 8])])
    assert result_of(tiny_log, "noise_draws_fall").status == "pass"


# --- noise_in_evaluation -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "noise_draws", "status"),
    [
        ("eval", 7, "fail"),
        pytest.param("eval", 0, "pass", marks=pytest.mark.near_miss("noise_in_evaluation")),
        pytest.param("eval", None, "pass", marks=pytest.mark.near_miss("noise_in_evaluation")),
        pytest.param("train", 7, "pass", marks=pytest.mark.near_miss("noise_in_evaluation")),
    ],
)
def test_near_miss_noise_acts_in_training_and_not_in_evaluation(
    tiny_log, phase, noise_draws, status
):
    tiny_log.add_run("r1", NOISY)
    tiny_log.add(
        "episodes",
        run_id="r1",
        episode_id=[3, 4],
        phase=[phase, "train"],
        noise_draws=[noise_draws, 9],
        end_step=40,
        return_raw=8.0,
    )
    result = result_of(tiny_log, "noise_in_evaluation")
    assert result.status == status
    if status == "fail":
        assert said(result).startswith(
            "evaluation episode 3 of run r1 acted under 7 noise draws (agent step 40, return 8)"
        )


# --- noise_against_config ----------------------------------------------------------------------


def test_passes_without_noise_are_found(tiny_log):
    acting, updates = draws_of(6)
    write(tiny_log, acting, [(s, [d[0], None, d[2]]) for s, d in updates])
    result = result_of(tiny_log, "noise_against_config")
    assert said(result) == (
        "the config of run r1 has noisy = factorised, and 4 of its 4 target passes drew none, the "
        "first at agent step 3"
    )
    assert result.wrong == 1


def test_noise_that_the_config_turns_off_is_found(tiny_log):
    write(tiny_log, *draws_of(4), config=NOISY | {"noisy": "off"})
    result = result_of(tiny_log, "noise_against_config")
    assert "has noisy = off, and 4 of its 4 acting passes drew noise" in said(result)
    assert result.wrong == 4


@pytest.mark.near_miss("noise_against_config")
def test_near_miss_another_trainer_acts_at_random_in_its_warm_up(tiny_log):
    acting, updates = draws_of(6)
    write(tiny_log, [None, None, *acting[2:]], updates, source="another")
    assert result_of(tiny_log, "noise_against_config").status == "pass"


@pytest.mark.near_miss("noise_against_config")
def test_near_miss_another_trainer_does_not_log_the_target_draw(tiny_log):
    acting, updates = draws_of(6)
    write(tiny_log, acting, [(s, [d[0], None, d[2]]) for s, d in updates], source="another")
    assert result_of(tiny_log, "noise_against_config").status == "pass"


@pytest.mark.near_miss("noise_against_config")
def test_near_miss_nothing_is_selected_without_double(tiny_log):
    acting, updates = draws_of(6)
    plain = [(s, [None, d[1], d[2]]) for s, d in updates]
    write(tiny_log, acting, plain, config=NOISY | {"double": False})
    assert result_of(tiny_log, "noise_against_config").status == "pass"
