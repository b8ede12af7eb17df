"""The experiments that ``rlaudit reproduce`` knows."""

from __future__ import annotations

from rlaudit.curves import Wish
from rlaudit.experiments.plan import Experiment, Variant

_UNIFORM = {
    "prioritized": False,
    "sampling": "uniform",
    "importance_sampling": False,
    "replacement": False,
}

CARTPOLE_PER = Experiment(
    name="cartpole-per",
    title="Episodes until CartPole is solved, with and without prioritized replay",
    source="y-kamiya, prioritized experience replay in PyTorch, and its code at 7b6792c",
    env="rlaudit/CartPole-v0",
    preset="cartpole-per",
    variants=(
        Variant("baseline", "baseline", _UNIFORM | {"loss": "huber"}, published=140),
        Variant("per", "+ PER", {"importance_sampling": False, "loss": "huber"}, published=140),
        Variant("per-is", "+ PER + IS, the article's loss", {"loss": "abs"}, published=120),
        Variant("per-is-squared", "+ PER + IS, the paper's loss", {"loss": "squared"}),
    ),
    seeds=100,
)

_BREAKOUT = {
    "network": "mnih2013",
    "hidden_units": 256,
    "distributional": False,
    "n_step": 1,
    "terminal_on_life_loss": True,
    "capacity": 100_000,
    "alpha": 0.6,
    "priority_epsilon": 1e-4,
    "insert_priority": "live-max",
    "sampling": "independent",
    "loss": "squared",
    "learning_rate": 1e-4,
    "learning_starts": 1_600,
    "target_sync_agent_steps": 1_000,
}
_EPSILON_GREEDY = {"noisy": "off"}
# An episode of the articles is a life, and their rewards are clipped.
_LIVES = Wish(by="episodes", phase="train", lives=True, clipped=True)

BREAKOUT_NOISY = Experiment(
    name="breakout-noisy",
    title="Breakout with and without noisy networks, by lives",
    source="y-kamiya, noisy networks in PyTorch; Fortunato et al. 2018",
    env="breakout",
    preset="rainbow",
    variants=(
        Variant("baseline", "epsilon-greedy", _EPSILON_GREEDY),
        Variant("noisy", "noisy, all linear layers", {"noisy_layers": "all"}),
        Variant("noisy-value", "noisy, value stream only", {"noisy_layers": "value"}),
    ),
    seeds=3,
    settings=_BREAKOUT,
    checkpoint_every=50_000,
    curves=_LIVES,
)

BREAKOUT_PER = Experiment(
    name="breakout-per",
    title="Breakout with and without prioritized replay, by lives",
    source="y-kamiya, prioritized experience replay in PyTorch; Schaul et al. 2016",
    env="breakout",
    preset="rainbow",
    variants=(
        Variant("baseline", "baseline", _UNIFORM),
        Variant("per", "+ PER", {"importance_sampling": False}),
        Variant("per-is", "+ PER + IS", {}),
        Variant("per-is-fixed", "+ PER + IS, no annealing", {"beta_annealing": False}),
    ),
    seeds=3,
    settings=_BREAKOUT | _EPSILON_GREEDY,
    checkpoint_every=50_000,
    curves=_LIVES,
)

CARTPOLE_ABLATION = Experiment(
    name="cartpole-ablation",
    title="CartPole without one of Rainbow's components at a time",
    source="in the form of Hessel et al. 2018, figure 3",
    env="CartPole-v1",
    preset="cartpole",
    variants=(
        Variant("rainbow", "all six", {}),
        Variant("no-double", "no double", {"double": False}),
        Variant("no-dueling", "no dueling", {"dueling": False}),
        Variant("no-multi-step", "no multi-step", {"n_step": 1}),
        Variant("no-distribution", "no distribution", {"distributional": False}),
        Variant("no-priority", "no priority", {"prioritized": False}),
        Variant("no-noisy", "no noisy", {"noisy": "off", "epsilon_greedy_steps": 10_000}),
    ),
    seeds=10,
    settings={"eval_every": 2_500, "eval_episodes": 10},
    checkpoint_every=25_000,
    curves=Wish(by="steps", phase="eval"),
)

EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (CARTPOLE_PER, BREAKOUT_NOISY, BREAKOUT_PER, CARTPOLE_ABLATION)
}
