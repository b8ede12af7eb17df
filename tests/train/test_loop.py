from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from rlaudit.agent.agent import Acted
from rlaudit.envs import EnvStep
from rlaudit.errors import ConfigError
from rlaudit.presets import resolve
from rlaudit.train import build
from rlaudit.train.build import build_loop

SMALL = {
    "hidden_units": 8,
    "num_atoms": 5,
    "steps": 120,
    "capacity": 64,
    "batch_size": 8,
    "learning_starts": 20,
    "seed": 3,
}


class ScriptedEnvs:
    """Environments whose episodes last 3, 4, 5, ... steps; every third one is truncated.

    An observation is (environment, episode of it, step), so that a test can tell what it sees.
    Each has two lives and loses one in step 2.
    """

    is_image = False
    num_actions = 2
    observation_shape = (3,)

    def __init__(self, num_envs):
        self.num_envs = num_envs
        self.episode = [-1] * num_envs
        self.at = [0] * num_envs
        self.seeds = []

    def _observe(self):
        return np.array(
            [(i, self.episode[i], self.at[i]) for i in range(self.num_envs)], np.float32
        )

    def reset(self, mask, seeds):
        self.seeds += list(seeds)
        for i in np.flatnonzero(mask):
            self.episode[i] += 1
            self.at[i] = 0
        return self._observe(), np.full(self.num_envs, 2)

    def step(self, actions):
        assert actions.shape == (self.num_envs,)
        self.at = [at + 1 for at in self.at]
        ended = np.array([self.at[i] == 3 + self.episode[i] for i in range(self.num_envs)])
        limited = np.array([self.episode[i] % 3 == 2 for i in range(self.num_envs)])
        return EnvStep(
            self._observe(),
            np.array([5.0 * at for at in self.at]),
            ended & ~limited,
            ended & limited,
            np.array([2 if at < 2 else 1 for at in self.at]),
        )

    def close(self):
        pass


@pytest.fixture
def scripted(monkeypatch):
    def make(num_envs=1, **settings):
        monkeypatch.setattr(build, "make_envs", lambda config: ScriptedEnvs(config.num_envs))
        flags = {**SMALL, "num_envs": num_envs, **settings}
        config = resolve("CartPole-v1", atari=False, from_flags=flags)
        return build_loop(config, for_log=True)

    return make


def windows_of(ticks):
    return [window for tick in ticks for window, _ in tick.stored]


@pytest.mark.parametrize("num_envs", [1, 3])
def test_every_step_is_stored_once_and_belongs_to_one_episode(scripted, num_envs):
    loop = scripted(num_envs)
    ticks = list(loop.ticks())
    episodes = [episode for tick in ticks for episode in tick.finished]
    pending = sum(loop.windows.pending(i) for i in range(num_envs))
    states = Counter(window.state for window in windows_of(ticks))
    assert loop.env_step == 120
    assert sum(e.length for e in episodes) + loop.open_episode_steps == loop.env_step
    assert sum(states.values()) + pending == loop.env_step
    assert max(states.values()) == 1
    assert loop.replay.problems() == []


def test_ids_slots_and_steps_rise_in_ring_order(scripted):
    stored = [s for tick in scripted(2).ticks() for _, s in tick.stored]
    assert [s.transition_id for s in stored] == list(range(len(stored)))
    assert [s.slot for s in stored] == [i % 64 for i in range(len(stored))]
    assert [s.generation for s in stored] == [i // 64 for i in range(len(stored))]


def test_agent_steps_number_every_action_of_every_environment(scripted):
    windows = windows_of(scripted(3).ticks())
    steps = [window.env_step for window in windows]
    assert len(set(steps)) == len(steps)
    assert all((step - 1) % 3 == w.state.env_index for step, w in zip(steps, windows, strict=True))


def test_windows_end_with_their_episode_and_a_truncated_one_bootstraps(scripted):
    windows = windows_of(scripted().ticks())
    third = [w for w in windows if w.state.episode_id == 2]
    assert [w.n_rewards for w in third] == [3, 3, 3, 2, 1]
    assert [w.truncated for w in third] == [False, False, True, True, True]
    assert not any(w.terminated for w in third)
    assert all(w.next_frame_id >= 0 for w in third)
    first = [w for w in windows if w.state.episode_id == 0]
    assert [w.n_rewards for w in first] == [3, 2, 1]
    assert all(w.terminated and w.next_frame_id == -1 for w in first)
    assert first[0].discount == pytest.approx(0.99**3)
    assert first[0].reward_sum == pytest.approx(5 + 10 * 0.99 + 15 * 0.99**2)


def test_rewards_are_logged_raw_and_learned_clipped(scripted):
    windows = windows_of(scripted(reward_clip=7.0).ticks())
    first = [w for w in windows if w.state.episode_id == 0]
    assert [w.reward_raw for w in first] == [5.0, 10.0, 15.0]
    assert [w.reward_clipped for w in first] == [5.0, 7.0, 7.0]
    assert first[2].reward_sum == 7.0


def test_a_lost_life_ends_windows_and_not_the_game_if_asked_for(scripted):
    windows = windows_of(scripted(terminal_on_life_loss=True).ticks())
    second = [w for w in windows if w.state.episode_id == 1]
    assert [(w.state.episode_step, w.n_rewards, w.terminated) for w in second] == [
        (0, 2, True),
        (1, 1, True),
        (2, 2, True),
        (3, 1, True),
    ]
    assert second[1].next_state.episode_id == 1
    kept = windows_of(scripted(terminal_on_life_loss=False).ticks())
    assert [w.n_rewards for w in kept if w.state.episode_id == 1] == [3, 3, 2, 1]


def test_lost_lives_are_counted_in_the_episode(scripted):
    episodes = [e for tick in scripted().ticks() for e in tick.finished]
    assert {e.lives_lost for e in episodes} == {1}


def test_every_episode_gets_a_seed_of_its_own(scripted):
    loop = scripted(3)
    episodes = [e for tick in loop.ticks() for e in tick.finished]
    assert len(set(loop.env.seeds)) == len(loop.env.seeds)
    assert [e.seed for e in sorted(episodes, key=lambda e: e.episode_id)] == [
        loop.env.seeds[e.episode_id] for e in sorted(episodes, key=lambda e: e.episode_id)
    ]


@pytest.mark.parametrize("num_envs", [1, 2, 4, 8])
def test_the_replay_ratio_does_not_depend_on_the_number_of_environments(scripted, num_envs):
    loop = scripted(num_envs, update_period=5, learning_starts=40)
    updates = [u for tick in loop.ticks() for u in tick.updates]
    assert len(updates) == (120 - 40) // 5
    assert [u.update_id for u in updates] == list(range(len(updates)))


def test_an_update_sees_only_what_was_stored_before_it(scripted):
    for tick in scripted(2).ticks():
        for update in tick.updates:
            assert update.batch.transition_ids.max() <= update.last_transition_id
            assert update.env_step == tick.env_step


def test_learning_waits_for_a_full_batch(scripted):
    loop = scripted(learning_starts=1, batch_size=32, update_period=1)
    first = next(u for tick in loop.ticks() for u in tick.updates)
    assert first.buffer_size >= 32


def test_the_target_net_is_synced_once_a_period(scripted):
    loop = scripted(target_sync_agent_steps=25, update_period=1)
    synced = [u.env_step for tick in loop.ticks() for u in tick.updates if u.target_synced]
    assert synced == [25, 50, 75, 100]


def test_priorities_are_what_the_last_write_left(scripted):
    held = {}
    for tick in scripted(update_period=1).ticks():
        held.update({s.transition_id: np.float32(s.priority) for _, s in tick.stored})
        for update in tick.updates:
            batch = update.batch
            for i, leaf in zip(batch.transition_ids, batch.priorities, strict=True):
                assert leaf == held[i]
            held.update(zip(batch.transition_ids, update.written.leaves, strict=True))


def test_an_error_that_is_no_number_stops_the_run_and_is_named(scripted, monkeypatch):
    loop = scripted()
    learn = loop.agent.learn

    def diverge(batch):
        learned = learn(batch)
        return learned._replace(td_errors=np.full_like(learned.td_errors, np.nan))

    monkeypatch.setattr(loop.agent, "learn", diverge)
    ticks = list(loop.ticks())
    assert ticks[-1].updates[-1].problem.startswith("the TD error or the loss of update 0")
    assert ticks[-1].updates[-1].written is None
    assert loop.replay.problems() == []


def test_what_a_log_wants_does_not_change_what_is_learned(monkeypatch):
    monkeypatch.setattr(build, "make_envs", lambda config: ScriptedEnvs(config.num_envs))
    config = resolve("CartPole-v1", atari=False, from_flags=SMALL)
    with_hashes, without = (
        [u for tick in build_loop(config, for_log=h).ticks() for u in tick.updates]
        for h in (True, False)
    )
    assert [u.learned.loss for u in with_hashes] == [u.learned.loss for u in without]


def test_uniform_replay_writes_no_priorities(scripted):
    settings = {"prioritized": False, "sampling": "uniform", "importance_sampling": False}
    updates = [u for tick in scripted(**settings).ticks() for u in tick.updates]
    assert updates
    assert all(u.written is None and u.batch.priorities is None for u in updates)
    assert all((u.batch.weights == 1).all() for u in updates)


def test_without_noise_the_warm_up_is_random_and_epsilon_then_falls(scripted):
    loop = scripted(noisy="off", epsilon_greedy_steps=50, learning_starts=20)
    seen = []
    act = loop.agent.act

    def spy(observations, *, epsilon, rng):
        seen.append(epsilon)
        return act(observations, epsilon=epsilon, rng=rng)

    loop.agent.act = spy
    list(loop.ticks())
    assert seen[:21] == [1.0] * 21
    assert seen[45] == pytest.approx(1 - 0.99 * 25 / 50)
    assert seen[-1] == pytest.approx(0.01)


def test_a_limit_learned_as_an_end_leaves_no_truncated_window(scripted):
    def windows(**settings):
        return [w for tick in scripted(**settings).ticks() for w, _ in tick.stored]

    assert any(window.truncated for window in windows())
    as_ends = windows(time_limit_is_terminal=True)
    assert not any(window.truncated for window in as_ends)
    assert sum(w.terminated for w in as_ends) > sum(w.terminated for w in windows())


def test_beta_moves_with_the_episodes_that_ended_before_the_step(scripted):
    settings = {
        "beta_anneal_episodes": 10,
        "learning_starts": 0,
        "steps": 40,
        "batch_size": 1,
        "n_step": 1,
    }
    seen = {
        update.env_step: update.batch.beta
        for tick in scripted(update_period=1, beta_start=0.4, **settings).ticks()
        for update in tick.updates
    }
    # The episodes end in the steps 3, 7, 12, 18, ...
    assert seen[3] == pytest.approx(0.4)
    assert seen[4] == seen[7] == pytest.approx(0.46)
    assert seen[8] == seen[12] == pytest.approx(0.52)
    assert seen[13] == pytest.approx(0.58)


def test_fire_is_pressed_in_the_first_step_of_each_life(scripted, monkeypatch):
    monkeypatch.setattr(ScriptedEnvs, "fire_action", 1, raising=False)
    loop = scripted(fire_each_life=True, n_step=1, learning_starts=1_000)
    act = loop.agent.act
    loop.agent.act = lambda *args, **named: act(*args, **named)._replace(
        actions=np.zeros(loop.env.num_envs, np.int64)
    )
    actions = [w.action for tick in loop.ticks() for w, _ in tick.stored]
    # Episodes of 3, 4 and 5 steps, and a life is lost in the second step of each.
    assert actions[:12] == [1, 0, 1, *[1, 0, 1, 0], *[1, 0, 1, 0, 0]]


def test_an_agent_that_never_fires_still_plays_breakout_if_it_is_served():
    settings = {"hidden_units": 8, "num_atoms": 5, "capacity": 500, "learning_starts": 1_000}
    config = resolve(
        "breakout",
        atari=True,
        preset="atari-cpu",
        from_flags={**settings, "steps": 400, "noop_max": 0, "seed": 1},
    )
    loop = build_loop(config, for_log=False)
    loop.agent.act = lambda *_, **__: Acted(np.zeros(1, np.int64), None)
    finished = [episode for tick in loop.ticks() for episode in tick.finished]
    loop.close()
    assert len(finished) >= 2
    assert all(episode.lives_lost == 5 for episode in finished)


def test_fire_is_refused_where_there_is_none():
    config = resolve("CartPole-v1", atari=False, from_flags={"fire_each_life": True})
    with pytest.raises(ConfigError, match="CartPole-v1 has no action FIRE"):
        build_loop(config, for_log=False)


def test_a_learning_rate_that_decays_comes_to_0_with_the_last_step(scripted, monkeypatch):
    loop = scripted(learning_rate_decay=True, steps=40, update_period=10)
    shares = []
    monkeypatch.setattr(loop.agent, "scale_learning_rate", shares.append)
    for _ in loop.ticks():
        pass
    # Learning starts after 20 of the 40 steps, and the first update is due 10 steps later.
    assert shares == [0.25, 0.0]


def test_the_learning_rate_stays_where_it_is_not_told_to_decay(scripted, monkeypatch):
    loop = scripted(steps=40)
    monkeypatch.setattr(loop.agent, "scale_learning_rate", pytest.fail)
    assert sum(len(tick.updates) for tick in loop.ticks()) > 0
