"""Targets: projected distributions, values, copies to the target net, the update schedule."""

from __future__ import annotations

import pytest
import torch
from checking import result_of
from stored_episodes import near_miss, said

from rlaudit.agent.distribution import mass_error, project

CONFIG = {
    "distributional": True,
    "num_atoms": 51,
    "v_min": -10.0,
    "v_max": 10.0,
    "num_envs": 1,
    "update_period": 4,
    "learning_starts": 100,
    "target_sync_agent_steps": 80,
}


def learn(log, steps, *, segment="s1", **columns):
    """Add one update for each agent step of ``steps``."""
    begun = log.con.execute("SELECT count(*) FROM raw.updates").fetchone()[0]
    ids = list(range(begun, begun + len(steps)))
    base = {"run_id": "r1", "segment_id": segment}
    log.add("updates", **base, update_id=ids, env_step=list(steps), **columns)


# --- the projection ---


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (1.0, "all of it, as where a target falls on an atom and both neighbours get weight 0"),
        (0.02, "off by 0.02 on 51 atoms, where rounding explains 6.676e-06: mass is lost or added"),
        (3.0, "more mass is added than there is"),
        (float("nan"), "it is not a number"),
    ],
)
def test_a_mass_that_is_not_1_is_named(tiny_log, error, problem):
    tiny_log.add_run("r1", CONFIG)
    learn(tiny_log, [100, 104], mass_error=[1e-7, error])
    assert problem in said(tiny_log, "projected_mass_error")


@pytest.mark.parametrize(
    ("factor", "fails"),
    [
        pytest.param(0.99, False, marks=pytest.mark.near_miss("projected_mass_error")),
        (1.01, True),
    ],
)
def test_the_mass_may_be_off_by_the_rounding_of_float32_a_near_miss(tiny_log, factor, fails):
    tiny_log.add_run("r1", CONFIG)
    learn(tiny_log, [100], mass_error=factor * (2 * 51 + 10) * 2.0**-24)
    assert (result_of(tiny_log, "projected_mass_error").status == "fail") is fails


@pytest.mark.parametrize("atoms", [2, 51, 501])
def test_no_projection_exceeds_the_tolerance(atoms):
    generator = torch.Generator().manual_seed(0)
    support = torch.linspace(-10, 10, atoms)
    k = 2_000
    probs = torch.randn(k, atoms, generator=generator).mul(3).softmax(-1)
    # Rewards far outside the support send all atoms onto the last: the longest sum.
    rewards = torch.randn(k, generator=generator) * 10
    terminated = torch.rand(k, generator=generator) < 0.3
    projected = project(probs, rewards, torch.full((k,), 0.97), terminated, support)
    assert float(mass_error(projected)) <= (2 * atoms + 10) * 2.0**-24


# --- values ---


@pytest.mark.parametrize("value", [10.1, -10.1])
def test_a_value_outside_the_support_is_named(tiny_log, value):
    tiny_log.add_run("r1", CONFIG)
    learn(tiny_log, [100], q_mean=value)
    assert f"update 0 of run r1 is {value}, outside the support from -10 to 10" in said(
        tiny_log, "value_outside_support"
    )


@pytest.mark.near_miss("value_outside_support")
def test_values_at_the_ends_of_the_support_and_nan_are_a_near_miss(tiny_log):
    tiny_log.add_run("r1", CONFIG)
    learn(tiny_log, [100, 104, 108], q_mean=[10.00001, -10.00001, float("nan")])
    near_miss(tiny_log, "value_outside_support")


def test_values_of_a_plain_network_are_not_bounded(tiny_log):
    tiny_log.add_run("r1", CONFIG | {"distributional": False})
    learn(tiny_log, [100], q_mean=500.0)
    assert result_of(tiny_log, "value_outside_support").status == "not_applicable"


# --- copies to the target net ---


def copies(log, steps, period, last=500, segment="s1"):
    every = list(range(100, last, period))
    learn(log, every, segment=segment, target_synced=[step in steps for step in every])


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        (set(), "never copied in 396 agent steps of updates (agent steps 100 to 496)"),
        ({160, 240}, "not copied in its last 256 agent steps"),
        ({300, 380, 460}, "first copied 200 agent steps after the first update"),
        ({160, 240, 400, 480}, "copied 160 agent steps after the copy before (agent steps 240 to"),
        ({160, 200, 280, 360, 440}, "copied 40 agent steps after the copy before"),
    ],
)
def test_copies_off_the_schedule_are_named(tiny_log, steps, problem):
    tiny_log.add_run("r1", CONFIG)
    copies(tiny_log, steps, 4)
    assert problem in said(tiny_log, "target_sync_off_schedule")


@pytest.mark.near_miss("target_sync_off_schedule")
@pytest.mark.parametrize(
    ("period", "sync"), [(1, 80), (4, 80), (4, 82), (7, 80), (80, 80), (100, 30)]
)
def test_copies_with_the_next_update_are_a_near_miss_of_a_wrong_schedule(tiny_log, period, sync):
    """Copied with the first update at or after each multiple of the interval, as the loop does."""
    tiny_log.add_run("r1", CONFIG | {"update_period": period, "target_sync_agent_steps": sync})
    steps, done = set(), 100 // sync
    for step in range(100, 500, period):
        if step // sync > done:
            steps.add(step)
            done = step // sync
    copies(tiny_log, steps, period)
    near_miss(tiny_log, "target_sync_off_schedule")


@pytest.mark.near_miss("target_sync_off_schedule")
def test_a_pause_between_two_processes_is_a_near_miss_of_a_late_copy(tiny_log):
    tiny_log.add_run("r1", CONFIG)
    copies(tiny_log, {160}, 4, last=200)
    learn(tiny_log, range(400, 440, 4), segment="s2", target_synced=False)
    near_miss(tiny_log, "target_sync_off_schedule")


# --- the update schedule ---


def test_an_update_before_learning_starts_is_named(tiny_log):
    tiny_log.add_run("r1", CONFIG)
    learn(tiny_log, [96, 100, 104])
    assert said(tiny_log, "update_before_learning_starts") == (
        "update 0 of run r1 was done after 96 agent steps, and learning starts at 100; 1 updates "
        "are too early"
    )


@pytest.mark.near_miss("update_before_learning_starts")
def test_an_update_at_the_step_where_learning_starts_is_a_near_miss(tiny_log):
    tiny_log.add_run("r1", CONFIG)
    learn(tiny_log, [100, 104])
    near_miss(tiny_log, "update_before_learning_starts")


@pytest.mark.parametrize(
    ("envs", "steps", "problem"),
    [
        (1, range(100, 500), "does 400 updates from agent step 100 to 499"),
        (1, range(100, 500, 8), "updates are left out"),
        (1, range(100, 500), "updates are done too often"),
        (8, range(128, 2_000, 32), "the period counts ticks of all environments and not agent"),
    ],
)
def test_a_wrong_replay_ratio_is_named(tiny_log, envs, steps, problem):
    tiny_log.add_run("r1", CONFIG | {"num_envs": envs})
    learn(tiny_log, steps)
    assert problem.replace("does", "did") in said(tiny_log, "wrong_replay_ratio")


@pytest.mark.near_miss("wrong_replay_ratio")
@pytest.mark.parametrize("period", [1, 3, 4, 50])
@pytest.mark.parametrize("envs", [1, 3, 16])
def test_bursts_of_updates_are_a_near_miss_of_a_wrong_ratio(tiny_log, period, envs):
    """All updates that fall due with a step of all environments share their agent step."""
    tiny_log.add_run("r1", CONFIG | {"num_envs": envs, "update_period": period})
    since = -(-100 // envs) * envs
    steps, done = [], 0
    for step in range(since, since + 700, envs):
        while done < (step - since) // period:
            steps.append(step)
            done += 1
    learn(tiny_log, steps)
    near_miss(tiny_log, "wrong_replay_ratio")
