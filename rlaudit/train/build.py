"""What a run is made of: environments, agent, replay, evaluator, each with its random numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rlaudit.agent.agent import Agent, resolve_device
from rlaudit.envs import make_envs
from rlaudit.errors import ConfigError
from rlaudit.replay.frames import FrameStore, VectorStore
from rlaudit.replay.replay import Replay
from rlaudit.train.evaluation import Evaluator, evaluation_envs
from rlaudit.train.loop import TrainingLoop

if TYPE_CHECKING:
    from rlaudit.config import TrainConfig
    from rlaudit.replay.frames import ObservationStore


def build_loop(config: TrainConfig, *, for_log: bool) -> TrainingLoop:
    """Build environments, agent and replay, each with random numbers of its own.

    Raises:
        RlauditError: if the environment, the network or the device does not fit the settings.
    """
    # Environments take their seeds from the run's by themselves; see rlaudit.envs.seeds.
    children = np.random.SeedSequence(config.schedule.seed).spawn(5)
    init_seed, noise_seed = (int(c.generate_state(1, np.uint64)[0] >> 1) for c in children[:2])
    replay_rng, action_rng, eval_rng = (np.random.default_rng(c) for c in children[2:])
    device = resolve_device(config.schedule.device)
    env = make_envs(config.env)
    if config.env.fire_each_life and env.fire_action is None:
        env.close()
        raise ConfigError(
            f"fire_each_life is on, and {config.env.env} has no action FIRE",
            hint="pass --no-fire-each-life",
        )
    shape = env.observation_shape
    store: ObservationStore
    if env.is_image:
        stack = config.env.frame_stack
        store = FrameStore(
            config.replay.capacity,
            n_step=config.replay.n_step,
            num_envs=env.num_envs,
            stack=stack,
            shortest_truncated=min(1_000, config.env.max_episode_steps or 1_000),
        )
        shape = (stack, *shape)
    else:
        store = VectorStore(
            config.replay.capacity, n_step=config.replay.n_step, num_envs=env.num_envs, shape=shape
        )
    agent = Agent(
        config.agent,
        shape,
        env.num_actions,
        init_seed=init_seed,
        noise_seed=noise_seed,
        device=device,
    )
    replay = Replay(config.replay, store, replay_rng)
    evaluator = _evaluator(config, eval_rng) if config.schedule.eval_every else None
    return TrainingLoop(
        config, env, agent, replay, rng=action_rng, for_log=for_log, evaluator=evaluator
    )


def _evaluator(config: TrainConfig, rng: np.random.Generator) -> Evaluator:
    count = min(config.env.num_envs, config.schedule.eval_episodes)
    return Evaluator(config, evaluation_envs(config, count), rng)
