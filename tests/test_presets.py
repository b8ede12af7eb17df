from __future__ import annotations

import pytest

from rlaudit.errors import ConfigError
from rlaudit.presets import PRESETS, preset_for, read_config_file, resolve, warnings_about


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_resolves_on_its_own(name):
    config = resolve("CartPole-v1", atari=False, preset=name)
    assert config.preset == name


def test_breakout_without_options_is_the_full_rainbow():
    config = resolve("breakout", atari=True)
    agent, replay = config.agent, config.replay
    assert agent.network == "nature"
    assert agent.double
    assert agent.dueling
    assert agent.distributional
    assert agent.noisy == "factorised"
    assert replay.prioritized
    assert replay.n_step == 3
    assert config.schedule.learning_starts <= 2_000


def test_the_default_preset_follows_the_environment():
    assert preset_for("seaquest", atari=True) == "rainbow"
    assert preset_for("CartPole-v1", atari=False) == "cartpole"
    assert preset_for("Acrobot-v1", atari=False) == "gymnasium"


def test_later_sources_win():
    config = resolve(
        "breakout",
        atari=True,
        from_env={"sticky_actions": 0.25, "num_envs": 2},
        from_file={"num_envs": 3, "alpha": 0.6, "gamma": 0.9},
        from_flags={"alpha": 0.7},
    )
    assert config.env.sticky_actions == 0.25
    assert config.env.num_envs == 3
    assert config.replay.gamma == 0.9
    assert config.replay.alpha == 0.7


def test_a_preset_in_the_file_is_used_unless_an_option_names_another():
    assert resolve("breakout", atari=True, from_file={"preset": "dqn"}).preset == "dqn"
    both = resolve("breakout", atari=True, preset="rainbow", from_file={"preset": "dqn"})
    assert both.preset == "rainbow"


def test_an_unknown_preset_gets_the_nearest():
    with pytest.raises(ConfigError, match="unknown preset 'rainbows'") as caught:
        resolve("breakout", atari=True, preset="rainbows")
    assert "'rainbow'" in caught.value.hint


def test_what_follows_from_other_settings_is_filled_in():
    plain = resolve("breakout", atari=True, from_flags={"distributional": False})
    assert plain.agent.loss == "huber"
    uniform = resolve("breakout", atari=True, from_flags={"prioritized": False})
    assert uniform.replay.sampling == "uniform"
    assert not uniform.replay.importance_sampling
    short = resolve("breakout", atari=True, from_flags={"steps": 20_000})
    assert short.replay.beta_anneal_steps == 20_000
    loose = resolve("breakout", atari=True, from_flags={"noisy": "independent"})
    assert loose.agent.noisy_sigma == 0.017


def test_noise_switches_epsilon_greedy_off():
    noisy = resolve("breakout", atari=True).schedule
    assert (noisy.epsilon_greedy_start, noisy.epsilon_greedy_end) == (0.0, 0.0)
    greedy = resolve("breakout", atari=True, from_flags={"noisy": "off"}).schedule
    assert (greedy.epsilon_greedy_start, greedy.epsilon_greedy_end) == (1.0, 0.01)


@pytest.mark.parametrize("component", ["double", "dueling", "prioritized", "distributional"])
def test_each_component_can_be_switched_off_by_itself(component):
    config = resolve("breakout", atari=True, from_flags={component: False})
    assert config.flat()[component] is False


def test_a_config_file_may_group_its_settings(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text('preset = "dqn"\n[replay]\nbatch-size = 64\n[agent]\nv_max = 20\n')
    assert read_config_file(path) == {"preset": "dqn", "batch_size": 64, "v_max": 20}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("alhpa = 0.5", "unknown setting 'alhpa'"),
        ("alpha = ", "is not TOML"),
        ("alpha = 0.5\n[replay]\nalpha = 0.6", "states alpha twice"),
    ],
)
def test_a_bad_config_file_is_refused_by_name(tmp_path, text, message):
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        read_config_file(path)
    assert "run.toml" in str(caught.value)


def test_a_missing_config_file_is_refused_by_name(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.toml: No such file"):
        read_config_file(tmp_path / "nowhere.toml")


def test_a_run_that_ends_before_it_learns_is_warned_of():
    config = resolve("breakout", atari=True, from_flags={"steps": 1_600})
    assert "end before learning starts" in warnings_about(config)[0]
    assert warnings_about(resolve("breakout", atari=True)) == []


def test_the_longest_episode_is_filled_in_from_the_environment():
    def limit(atari, **stated):
        return resolve("any", atari=atari, preset="dqn", **stated).env.max_episode_steps

    assert limit(atari=True) == 27_000
    assert limit(atari=True, from_flags={"frame_skip": 5}) == 21_600
    assert limit(atari=True, from_flags={"max_episode_steps": 100}) == 100
    assert limit(atari=True, from_file={"max_episode_steps": 0}) == 0
    assert limit(atari=False, from_env={"max_episode_steps": 500}) == 500
    assert limit(atari=False) == 0


@pytest.mark.parametrize("name", ["epsilon_greedy_start", "epsilon_greedy_end"])
def test_a_random_share_that_noise_would_undo_is_refused(name):
    with pytest.raises(ConfigError, match=f"{name} is 0.5, and with noise on"):
        resolve("breakout", atari=True, from_flags={name: 0.5})
    assert resolve("breakout", atari=True, from_flags={name: 0.0}).flat()[name] == 0.0
    flat = resolve("breakout", atari=True, from_flags={name: 0.5, "noisy": "off"}).flat()
    assert flat[name] == 0.5
