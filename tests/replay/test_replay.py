from __future__ import annotations

import math

import numpy as np
import pytest

from rlaudit.config import ReplayConfig
from rlaudit.errors import ConfigError, ReplayError
from rlaudit.replay.frames import NO_FRAME, FrameStore, VectorStore
from rlaudit.replay.nstep import StateTags, Window
from rlaudit.replay.replay import Replay
from rlaudit.replay.sumtree import SumTree

UNIFORM = {"prioritized": False, "sampling": "uniform", "importance_sampling": False}


def replay_of(added, *, seed=0, **settings):
    """A replay of one endless episode whose state i is the vector (i,), with ``added`` of it."""
    settings = {"capacity": 8, "batch_size": 4, "n_step": 1, **settings}
    config = ReplayConfig(**settings)
    store = VectorStore(config.capacity, n_step=1, num_envs=1, shape=(1,))
    replay = Replay(config, store, np.random.default_rng(seed))
    return replay, extend(replay, added)


def extend(replay, added):
    stored = []
    for _ in range(added):
        at = replay.last_transition_id + 1
        if at == 0:
            replay.store.add(np.array([0.0]), NO_FRAME, 0, 0, 0)
        replay.store.add(np.array([at + 1.0]), at, 0, 0, at + 1)
        stored.append(replay.add(window(at)))
    return stored


def window(at, **changes):
    values = {
        "state": StateTags(0, 0, at),
        "next_state": StateTags(0, 0, at + 1),
        "frame_id": at,
        "next_frame_id": at + 1,
        "action": at % 5,
        "reward_raw": 1.0,
        "reward_clipped": 1.0,
        "n_rewards": 1,
        "reward_sum": at / 4,
        "discount": 0.5,
        "terminated": False,
        "truncated": False,
        "env_step": at + 1,
        "noise_draw": None,
        "obs_hash": None,
        "next_obs_hash": None,
    }
    return Window(**{**values, **changes})


@pytest.mark.parametrize("settings", [{}, {"sampling": "independent"}, UNIFORM])
def test_a_batch_holds_what_was_added(settings):
    replay, _ = replay_of(21, **settings)
    batch = replay.sample(0)
    assert replay.problems() == []
    assert (replay.size, len(replay), replay.last_transition_id) == (8, 8, 20)
    ids = batch.transition_ids
    assert set(ids.tolist()) <= set(range(13, 21))
    assert (batch.slots == ids % 8).all()
    assert (batch.generations == ids // 8).all()
    assert (batch.observations[:, 0] == ids).all()
    assert (batch.next_observations[:, 0] == ids + 1).all()
    assert (batch.actions == ids % 5).all()
    assert batch.actions.dtype == np.int64
    assert (batch.reward_sums == ids / 4).all()
    assert (batch.discounts == 0.5).all()
    assert not batch.terminated.any()
    assert batch.attempts == 4


def test_ids_slots_and_generations_by_hand():
    replay, stored = replay_of(7, capacity=3, batch_size=1)
    assert [s.transition_id for s in stored] == [0, 1, 2, 3, 4, 5, 6]
    assert [s.slot for s in stored] == [0, 1, 2, 0, 1, 2, 0]
    assert [s.generation for s in stored] == [0, 0, 0, 1, 1, 1, 2]
    assert {s.priority for s in stored} == {1.0}
    # Transitions 4, 5 and 6 are alive, and the store may let go of what only 3 needed.
    assert replay.store._oldest_live == 4


def test_the_capacity_as_n_scales_raw_weights_and_cancels_in_final_ones():
    settings = {"beta_start": 0.5, "beta_annealing": False, "capacity": 16, "batch_size": 8}
    stored, _ = replay_of(4, **settings)
    capacity, _ = replay_of(4, weight_population="capacity", **settings)
    batches = [replay.sample(0) for replay in (stored, capacity)]
    # N is 16 and not 4: each raw weight is (16/4)^-0.5 of the other.
    assert batches[1].weights_raw == pytest.approx(batches[0].weights_raw / 2, rel=1e-6)
    assert batches[1].weights == pytest.approx(batches[0].weights, rel=1e-6)


def test_beta_by_episodes_by_hand():
    replay, _ = replay_of(4, beta_start=0.4, beta_anneal_episodes=10, beta_anneal_steps=1)
    assert [replay.sample(50, n).beta for n in (0, 5, 10, 20)] == pytest.approx([0.4, 0.7, 1, 1])


def test_priorities_and_weights_by_hand():
    replay, _ = replay_of(
        4, alpha=0.5, priority_epsilon=0.5, beta_start=0.5, beta_anneal_steps=100, batch_size=64
    )
    written = replay.update_priorities(np.array([0, 1, 3]), [0.5, -3.5, 8.5])
    assert written.leaves.tolist() == [1.0, 2.0, 3.0]
    assert written.leaves.dtype == np.float32
    assert written.generations.tolist() == [0, 0, 0]
    # Leaves 1, 2, 1, 3: N p = 4/7 times the leaf; halfway to step 100 beta is 0.75.
    batch = replay.sample(50)
    assert set(batch.slots.tolist()) == {0, 1, 2, 3}
    assert batch.priority_total == replay.priority_total == replay.leaf_sum() == 7.0
    assert batch.beta == 0.75
    assert (batch.priorities == np.array([1, 2, 1, 3], np.float32)[batch.slots]).all()
    expected = np.array([(4 / 7) ** -0.75, (8 / 7) ** -0.75, (4 / 7) ** -0.75, (12 / 7) ** -0.75])
    assert batch.weights_raw == pytest.approx(expected[batch.slots], rel=1e-7)
    assert batch.weight_normaliser == np.float32((4 / 7) ** -0.75)
    assert batch.weights == pytest.approx(expected[batch.slots] / expected[0], rel=2e-7)
    assert batch.weights.max() == 1.0
    assert batch.weights.dtype == batch.weights_raw.dtype == np.float32
    # Strata of 7/64 over the intervals [0, 1) [1, 3) [3, 4) [4, 7).
    owner = np.searchsorted([1.0, 3.0, 4.0, 7.0], batch.masses, side="right")
    assert (batch.slots == owner).all()
    assert ((batch.masses * 64 / 7).astype(int) == np.arange(64)).all()


def test_weights_over_the_buffers_maximum():
    replay, _ = replay_of(
        5, alpha=1.0, priority_epsilon=0.0, beta_start=1.0, weight_normaliser="buffer", batch_size=3
    )
    # The smallest leaf is hardly ever drawn, an empty one never; the maximum is the smallest's.
    replay.update_priorities(np.arange(5), [1.0, 2.0, 0.0, 2.0**-20, 4.0])
    batch = replay.sample(0)
    assert 3 not in batch.slots
    assert batch.weight_normaliser == pytest.approx(replay.priority_total / (5 * 2.0**-20))
    assert batch.weights == pytest.approx(2.0**-20 / batch.priorities, rel=1e-6)


def test_the_number_of_transitions_is_the_size_and_not_the_capacity():
    replay, _ = replay_of(2, capacity=1000, batch_size=2, beta_start=1.0)
    assert replay.sample(0).weights_raw.tolist() == [1.0, 1.0]


def test_without_importance_sampling_every_weight_is_one():
    replay, _ = replay_of(8, importance_sampling=False)
    replay.update_priorities(np.arange(8), np.arange(8.0))
    batch = replay.sample(0)
    assert batch.weights.tolist() == batch.weights_raw.tolist() == [1.0] * 4
    assert (batch.beta, batch.weight_normaliser) == (None, None)
    assert batch.priorities is not None


def test_uniform_replay_never_touches_a_tree(monkeypatch):
    def fail(*_):
        raise AssertionError

    monkeypatch.setattr(SumTree, "__init__", fail)
    replay, stored = replay_of(8, **UNIFORM)
    batch = replay.sample(0)
    assert stored[-1].priority is None
    assert batch.priorities is batch.masses is batch.priority_total is None
    assert batch.weights.tolist() == [1.0] * 4
    assert replay.max_priority is replay.priority_total is replay.leaf_sum() is None
    assert replay.probe(batch, 0).mass is None
    with pytest.raises(ReplayError, match="no priorities"):
        replay.update_priorities(batch.slots, np.zeros(4))
    assert replay.problems() == []


def test_new_transitions_enter_at_the_largest_priority_ever():
    replay, _ = replay_of(4, alpha=1.0, priority_epsilon=0.0)
    replay.update_priorities(np.arange(4), [0.5, 3.0, 0.25, 0.5])
    replay.update_priorities(np.arange(4), [0.5, 0.5, 0.25, 0.5])
    assert replay.max_priority == 3.0
    assert extend(replay, 1)[0].priority == 3.0
    # And never below the first one's.
    replay, _ = replay_of(1, alpha=1.0, priority_epsilon=0.0)
    replay.update_priorities(np.array([0]), [0.5])
    assert extend(replay, 1)[0].priority == 1.0


def test_new_transitions_enter_at_the_largest_priority_alive():
    replay, _ = replay_of(
        3, capacity=3, batch_size=1, alpha=1.0, priority_epsilon=0.0, insert_priority="live-max"
    )
    replay.update_priorities(np.arange(3), [0.5, 3.0, 0.25])
    replay.update_priorities(np.array([1]), [0.75])
    assert replay.max_priority == 0.75
    assert [s.priority for s in extend(replay, 2)] == [0.75, 0.75]
    replay.update_priorities(np.arange(3), [0.0, 0.0, 0.0])
    assert extend(replay, 1)[0].priority == 1.0


def test_of_a_repeated_slot_the_last_error_counts():
    replay, _ = replay_of(4, alpha=1.0, priority_epsilon=0.0)
    written = replay.update_priorities(np.array([2, 2]), [5.0, 2.0])
    assert written.leaves.tolist() == [5.0, 2.0]
    assert replay._tree.get([2]).tolist() == [2.0]
    assert replay.problems() == []


def test_a_write_back_names_the_generation_it_met():
    replay, _ = replay_of(8)
    extend(replay, 2)
    assert replay.update_priorities(np.array([0, 1, 2]), [1, 1, 1]).generations.tolist() == [
        1,
        1,
        0,
    ]
    empty = replay.update_priorities(np.array([], np.int64), [])
    assert (empty.leaves.size, empty.generations.size) == (0, 0)


@pytest.mark.parametrize(
    ("slots", "errors", "message"),
    [
        ([9, 3], [1.0, math.nan], "TD error nan of transition 3 "),
        ([9, 3], [math.inf, 1.0], "TD error inf of transition 9 "),
        ([3, 10], [1.0, 1.0], r"outside \[0, 10\)"),
        ([-1, 3], [1.0, 1.0], r"outside \[0, 10\)"),
        ([3, 4], [1e300, 1.0], "priority inf for slot 3"),
        ([3, 4], [1.0], "1 priorities for 2 slots"),
    ],
)
def test_bad_errors_are_refused_and_change_nothing(slots, errors, message):
    replay, _ = replay_of(10, capacity=16, alpha=1.0)
    replay.update_priorities(np.arange(10), np.arange(10.0))
    before = (replay._tree.leaves.copy(), replay.priority_total, replay.max_priority)
    with np.errstate(over="ignore"), pytest.raises(ReplayError, match=message):
        replay.update_priorities(np.array(slots), errors)
    assert (replay._tree.leaves == before[0]).all()
    assert (replay.priority_total, replay.max_priority) == before[1:]
    assert replay.problems() == []


def test_there_must_be_something_to_draw():
    replay, _ = replay_of(0)
    with pytest.raises(ReplayError, match="empty"):
        replay.sample(0)
    replay, _ = replay_of(3, alpha=1.0, priority_epsilon=0.0)
    replay.update_priorities(np.arange(3), np.zeros(3))
    with pytest.raises(ReplayError, match="all 3 priorities are zero"):
        replay.sample(0)
    replay, _ = replay_of(3, **UNIFORM, replacement=False)
    with pytest.raises(ReplayError, match="a batch of 4 without replacement from 3"):
        replay.sample(0)


@pytest.mark.parametrize(
    "settings",
    [
        {"prioritized": False},
        {"prioritized": False, "sampling": "independent"},
        {"sampling": "uniform"},
        {"replacement": False},
    ],
)
def test_contradictions_are_refused(settings):
    with pytest.raises(ConfigError, match="contradicts"):
        replay_of(0, **settings)


def test_a_window_that_bootstraps_needs_its_last_state():
    replay, _ = replay_of(2)
    with pytest.raises(ReplayError, match="bootstraps from a state that is not stored"):
        replay.add(window(1, next_frame_id=NO_FRAME))
    with pytest.raises(ReplayError, match="frame 7 is not stored"):
        replay.add(window(7))
    assert replay.size == 2
    stored = replay.add(window(1, next_frame_id=NO_FRAME, terminated=True))
    assert stored.transition_id == 2
    assert replay.problems() == []


@pytest.mark.parametrize("capacity", [1, 2, 7, 32])
@pytest.mark.parametrize("settings", [{}, {"sampling": "independent"}, UNIFORM])
def test_a_batch_of_the_whole_capacity_when_exactly_full(capacity, settings):
    for added in (capacity, capacity + 1, 2 * capacity):
        replay, _ = replay_of(added, capacity=capacity, batch_size=capacity, **settings)
        batch = replay.sample(0)
        assert replay.size == capacity
        assert batch.observations.shape == (capacity, 1)
        assert batch.weights.tolist() == [1.0] * capacity
        assert replay.problems() == []


def test_equal_priorities_in_strata_of_one_draw_everything_once():
    replay, _ = replay_of(32, capacity=32, batch_size=32)
    assert replay.sample(0).slots.tolist() == list(range(32))


def test_without_replacement_a_full_batch_is_the_whole_buffer():
    replay, _ = replay_of(11, batch_size=8, **UNIFORM, replacement=False)
    assert sorted(replay.sample(0).transition_ids.tolist()) == list(range(3, 11))


def test_the_same_seed_draws_the_same_batches():
    first, second, other = (replay_of(8, seed=seed)[0] for seed in (4, 4, 5))
    masses = [[r.sample(0).masses.tolist() for _ in range(3)] for r in (first, second, other)]
    assert masses[0] == masses[1] != masses[2]


def test_a_batch_does_not_change_when_the_replay_does():
    replay, _ = replay_of(8)
    batch = replay.sample(0)
    ids, observations = batch.transition_ids.copy(), batch.observations.copy()
    extend(replay, 8)
    replay.sample(0)
    replay.update_priorities(batch.slots, np.full(4, 9.0))
    assert (batch.transition_ids == ids).all()
    assert (batch.observations == observations).all()
    assert (batch.priorities == 1.0).all()


@pytest.mark.parametrize("sampling", ["stratified", "independent"])
def test_draws_follow_the_priorities(sampling):
    n, k, updates = 50, 10, 4000
    replay, _ = replay_of(n, capacity=n, batch_size=k, sampling=sampling, alpha=1.0, seed=11)
    replay.update_priorities(np.arange(n), np.random.default_rng(1).exponential(size=n))
    counts = np.zeros(n)
    for _ in range(updates):
        counts += np.bincount(replay.sample(0).slots, minlength=n)
    # The share of each draw that falls on each slot, (k, n): all of them p, or stratum by stratum
    # the share of the stratum that the slot's interval covers.
    p = replay._tree.leaves.astype(np.float64) / replay.priority_total
    share = np.tile(p, (k, 1))
    if sampling == "stratified":
        ends = np.cumsum(p) * k
        low, high = (ends - p * k), ends
        stratum = np.arange(k)[:, None]
        share = np.clip(np.minimum(high, stratum + 1) - np.maximum(low, stratum), 0, 1)
    assert share.sum(axis=0) == pytest.approx(k * p)
    variance = updates * (share * (1 - share)).sum(axis=0)
    deviates = (counts - updates * k * p) / np.sqrt(variance)
    # Of 50 normal deviates one is beyond 4.5 with a probability of 3e-4; the mean of their squares
    # is 1, give or take 0.2.
    assert abs(deviates).max() < 4.5
    assert 0.3 < np.mean(deviates**2) < 1.9


def test_a_probe_says_how_a_position_was_drawn():
    config = ReplayConfig(capacity=6, batch_size=6, n_step=1)
    store = FrameStore(6, n_step=1, num_envs=1, stack=3, shape=(1, 1))
    replay = Replay(config, store, np.random.default_rng(0))
    previous = NO_FRAME
    for at in range(5):
        previous = store.add(np.array([[at]], np.uint8), previous, 0, 7, at)
        if at:
            replay.add(window(at - 1))
    batch = replay.sample(0)
    for position in range(6):
        probe = replay.probe(batch, position)
        at = int(batch.transition_ids[position])
        assert probe.batch_index == position
        assert probe.mass == batch.masses[position]
        assert probe.frames == min(at + 1, 3)
        assert (probe.first_episode_id, probe.first_step) == (7, max(0, at - 2))
        assert (probe.last_episode_id, probe.last_step) == (7, at)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda r: r._transition_id.__setitem__(2, 99), "slot 2 holds transition 99"),
        (lambda r: r._next_frame_id.__setitem__(2, -1), "transition 2 bootstraps from no state"),
        (lambda r: r._tree.set_one(7, 1.0), "a slot without a transition has a priority"),
        (lambda r: r._tree.set_one(2, 7.0), "above the largest priority ever"),
        (lambda r: r._tree._top.__setitem__(0, 7.0), "node 0 of level 1"),
        (lambda r: r.store._episode_id.__setitem__(2, 7), "does not continue its episode"),
    ],
)
def test_the_self_check_sees_damage(damage, named):
    replay, _ = replay_of(5)
    assert replay.problems() == []
    damage(replay)
    assert any(named in problem for problem in replay.problems())


def test_a_million_atari_transitions_fit_in_8_gib():
    capacity = ReplayConfig().capacity
    assert capacity == 1_000_000
    for num_envs in (1, 64):
        store = FrameStore(capacity, n_step=3, num_envs=num_envs)
        replay = Replay(ReplayConfig(), store, np.random.default_rng(0))
        assert store._frames.shape[1:] == (84, 84)
        assert store.ring_size > capacity
        assert replay.nbytes < 6.8 * 2**30


def test_the_memory_figure_is_that_of_the_arrays():
    replay, _ = replay_of(1, capacity=10_000)
    arrays = [a for part in (replay, replay.store) for a in vars(part).values()]
    arrays += [*replay._tree._levels, replay._tree._top, replay._tree._running]
    assert replay.nbytes == sum(a.nbytes for a in arrays if isinstance(a, np.ndarray))
