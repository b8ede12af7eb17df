from __future__ import annotations

import io
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rlaudit.agent.agent import Agent, epsilon_at, exploration, resolve_device
from rlaudit.config import AgentConfig
from rlaudit.errors import ConfigError

CPU = torch.device("cpu")
PLAIN = {
    "double": False,
    "dueling": False,
    "distributional": False,
    "noisy": "off",
    "loss": "huber",
}
SCALAR = {"distributional": False, "loss": "huber"}


def agent(shape=(2,), actions=2, *, init_seed=0, noise_seed=1, **settings) -> Agent:
    settings = {"network": "mlp", "hidden_units": 16, "learning_rate": 1e-2, **settings}
    return Agent(
        AgentConfig(**settings),
        shape,
        actions,
        init_seed=init_seed,
        noise_seed=noise_seed,
        device=CPU,
    )


def chain(weights=(1, 1, 1, 1)):
    """All transitions of a chain: in A, 0 ends with 1 and 1 leads to B; B ends with 2 or 0."""
    a, b = [1.0, 0.0], [0.0, 1.0]
    return SimpleNamespace(
        observations=np.array([a, a, b, b], dtype=np.float32),
        actions=np.array([0, 1, 0, 1]),
        reward_sums=np.array([1.0, 0.0, 2.0, 0.0]),
        discounts=np.full(4, 0.9),
        next_observations=np.array([b, b, a, a], dtype=np.float32),
        terminated=np.array([True, False, True, True]),
        weights=np.array(weights, dtype=np.float32),
    )


def values(of: Agent) -> np.ndarray:
    """Q of both states with noise off, (states, actions)."""
    of.online.noise_on = False
    with torch.no_grad():
        q = of._q(of.online(torch.eye(2))).numpy()
    of.online.noise_on = True
    return q


def gradients(of: Agent) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in of.online.parameters()])


def parameters(of: Agent) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in of.online.parameters()])


def constant(of: Agent, online: list[float], target: list[float]) -> None:
    """Make both nets of a plain agent return these outputs whatever they see."""
    with torch.no_grad():
        for net, outputs in ((of.online, online), (of.target, target)):
            for parameter in net.parameters():
                parameter.zero_()
            net.advantage[0].bias.copy_(torch.tensor(outputs))


COMPONENTS = {
    "plain": PLAIN,
    "squared": {**PLAIN, "loss": "squared"},
    "abs": {**PLAIN, "loss": "abs"},
    "double": {**PLAIN, "double": True},
    "dueling": {**PLAIN, "dueling": True},
    "c51": {**PLAIN, "distributional": True, "loss": "cross-entropy"},
    "factorised": {**PLAIN, "noisy": "factorised"},
    "independent": {**PLAIN, "noisy": "independent", "noisy_sigma": 0.017},
    "value noise": {**PLAIN, "dueling": True, "noisy": "factorised", "noisy_layers": "value"},
    "all": {},
    "all but double": {"double": False},
    "all but dueling": {"dueling": False},
    "all but c51": {"distributional": False, "loss": "huber"},
    "all but noise": {"noisy": "off"},
}


@pytest.mark.parametrize("settings", COMPONENTS.values(), ids=COMPONENTS)
def test_learns_the_values_of_the_chain(settings):
    # Little initial noise: what is tested is what the means converge to.
    settings = {"noisy_sigma": 0.05, "num_atoms": 31, "v_min": -1.0, "v_max": 3.0, **settings}
    learner, batch = agent(**settings), chain()
    for update in range(250):
        learned = learner.learn(batch)
        if update % 10 == 0:
            learner.sync_target()
    expected = np.array([[1.0, 0.9 * 2], [2.0, 0.0]])
    assert values(learner) == pytest.approx(expected, abs=0.15)
    assert learned.q_mean == pytest.approx(expected.mean(), abs=0.15)
    assert learner.act_greedy(np.eye(2, dtype=np.float32)).actions.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("double", "value"),
    [(True, 10.0), (False, 20.0)],  # the online net prefers action 0, the target net action 1
)
def test_double_selects_by_the_online_net_and_values_by_the_target_net(double, value):
    learner = agent(**{**PLAIN, "double": double})
    constant(learner, [5.0, 1.0], [10.0, 20.0])
    learned = learner.learn(chain())
    # target - Q(s, a); only the second transition is not terminal
    expected = [1 - 5, 0.9 * value - 1, 2 - 5, 0 - 1]
    assert learned.td_errors == pytest.approx(expected, abs=1e-5)
    assert learned.td_errors.dtype == np.float32
    assert learned.q_mean == 3
    assert learned.mass_error is None
    huber = [3.5, 0.9 * value - 1.5, 2.5, 0.5]
    assert learned.loss == pytest.approx(sum(huber) / 4)


@pytest.mark.parametrize(("double", "moved"), [(True, [0, 1, 0]), (False, [0, 0, 1])])
def test_double_with_c51_projects_the_target_nets_distribution(double, moved):
    settings = {**PLAIN, "distributional": True, "loss": "cross-entropy", "double": double}
    learner = agent(**settings, num_atoms=3, v_min=0.0, v_max=2.0)
    # By their means the online net prefers action 0 (2 to 0), the target net action 1 (2 to 1).
    constant(learner, [-50.0, -50.0, 50.0, 50.0, -50.0, -50.0], [-50, 50, -50, -50, -50, 50])
    batch = chain()
    batch.discounts[:] = 1
    with torch.no_grad():
        targets, _, _ = learner._targets(learner._to_device(batch))
    expected = [[0, 1, 0], moved, [0, 0, 1], [1, 0, 0]]
    assert targets.tolist() == [pytest.approx(row, abs=1e-6) for row in expected]


def test_c51_reports_the_divergence_and_the_mass():
    settings = {**PLAIN, "distributional": True, "loss": "cross-entropy"}
    learner = agent(**settings, num_atoms=3, v_min=0.0, v_max=2.0)
    constant(learner, [0.0] * 6, [0.0] * 6)
    batch = chain(weights=(1, 0, 0.5, 0.5))
    batch.reward_sums = np.array([0.5, 0.0, 2.0, 0.0])
    learned = learner.learn(batch)
    third = np.log(3)
    # The first target is (1/2, 1/2, 0); the second has mass 1/3 at 0, 0.9 and 1.8.
    second = np.array([1 / 3 + 0.1 / 3, 0.9 / 3 + 0.2 / 3, 0.8 / 3])
    entropy = -(second * np.log(second)).sum()
    expected = [third - np.log(2), third - entropy, third, third]
    assert learned.td_errors == pytest.approx(expected, abs=1e-6)
    assert learned.loss == pytest.approx(2 * third / 4)  # the cross-entropy, weighted
    assert learned.q_mean == pytest.approx(1)
    assert 0 <= learned.mass_error < 1e-6


@pytest.mark.parametrize("settings", [PLAIN, SCALAR, {}, {**PLAIN, "loss": "abs"}])
def test_weights_multiply_the_losses(settings):
    def learned_with(*weights):
        learner = agent(**settings, learning_rate=0.0, max_grad_norm=0.0)
        learned = learner.learn(chain(weights))
        return learned.loss, gradients(learner), learned

    loss, gradient, _ = learned_with(1, 2, 0.5, 0)
    one_by_one = [learned_with(*row) for row in np.eye(4)]
    expected_loss = sum(w * one[0] for w, one in zip((1, 2, 0.5, 0), one_by_one, strict=True))
    expected = sum(w * one[1] for w, one in zip((1, 2, 0.5, 0), one_by_one, strict=True))
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    torch.testing.assert_close(gradient, expected)
    assert gradient.any()


def test_the_gradient_is_clipped_and_its_norm_before_is_reported():
    norms = {}
    for limit in (0.0, 1e6, 0.1):
        learner = agent(**PLAIN, max_grad_norm=limit)
        norms[limit] = learner.learn(chain()).grad_norm, gradients(learner).norm().item()
    free = norms[0.0][0]
    assert free > 0.2
    assert norms[0.0] == norms[1e6] == pytest.approx((free, free))
    assert norms[0.1] == pytest.approx((free, 0.1), rel=1e-4)


@pytest.mark.parametrize("share", [1.0, 0.25, 0.0])
def test_a_share_of_the_learning_rate_moves_the_parameters_by_that_share(share):
    moves = []
    for scaled in (1.0, share):
        learner = agent(**PLAIN)
        before = [p.detach().clone() for p in learner.online.parameters()]
        learner.scale_learning_rate(scaled)
        learner.learn(chain())
        after = learner.online.parameters()
        moves.append(torch.cat([(p - q).flatten() for p, q in zip(after, before, strict=True)]))
    torch.testing.assert_close(moves[1], share * moves[0], rtol=1e-3, atol=1e-7)
    assert moves[0].any()


def test_the_target_net_follows_only_a_sync():
    learner = agent()
    before = [p.clone() for p in learner.target.parameters()]
    pairs = zip(before, learner.online.parameters(), strict=True)
    assert all(torch.equal(p, q) for p, q in pairs)  # they begin alike
    learner.learn(chain())
    pairs = list(zip(learner.target.parameters(), before, strict=True))
    assert all(torch.equal(p, q) for p, q in pairs)
    learner.sync_target()
    pairs = zip(learner.target.parameters(), learner.online.parameters(), strict=True)
    assert all(torch.equal(p, q) for p, q in pairs)
    assert not torch.equal(before[0], next(learner.target.parameters()))


def watch(of: Agent) -> list[tuple[str, torch.Tensor]]:
    """Record, for each pass from here on, which net it was and the noise it used."""
    passes: list[tuple[str, torch.Tensor]] = []
    for name, net in (("online", of.online), ("target", of.target)):
        net.register_forward_pre_hook(
            lambda net, _, name=name: passes.append((name, net._noise.clone()))
        )
    return passes


@pytest.mark.parametrize("double", [True, False])
def test_every_pass_of_an_update_has_a_draw_of_its_own(double):
    learner = agent(double=double)
    passes = watch(learner)
    observations = np.eye(2, dtype=np.float32)
    rng = np.random.default_rng(0)
    assert learner.act(observations, epsilon=0.0, rng=rng).noise_draw == 1
    learned = learner.learn(chain())
    if double:
        assert (learned.noise_select, learned.noise_target, learned.noise_online) == (2, 3, 4)
        assert [name for name, _ in passes] == ["online", "online", "target", "online"]
    else:
        assert (learned.noise_select, learned.noise_target, learned.noise_online) == (None, 2, 3)
        assert [name for name, _ in passes] == ["online", "target", "online"]
    draws = len(passes)
    assert learner.noise_draws == draws
    assert learner.act(observations, epsilon=0.0, rng=rng).noise_draw == draws + 1
    learner.act_greedy(observations)
    assert learner.noise_draws == draws + 1
    assert torch.equal(passes[-1][1], passes[-2][1])  # the greedy pass drew nothing
    assert len({noise.sum().item() for _, noise in passes}) == draws + 1


def test_no_draws_without_noise():
    learner = agent(**PLAIN)
    learned = learner.learn(chain())
    assert learned[-3:] == (None, None, None)
    acted = learner.act(np.eye(2, dtype=np.float32), epsilon=0.0, rng=np.random.default_rng(0))
    assert acted.noise_draw is None
    assert learner.noise_draws == 0


def test_one_draw_serves_all_environments_and_the_next_differs():
    learner = agent(actions=6, noisy_sigma=3.0)
    same, rng = np.ones((32, 2), dtype=np.float32), np.random.default_rng(0)
    chosen = [learner.act(same, epsilon=1.0, rng=rng).actions for _ in range(20)]
    assert all(len(set(actions.tolist())) == 1 for actions in chosen)
    assert len({int(actions[0]) for actions in chosen}) > 1
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state


def test_evaluation_has_no_noise():
    learner = agent(noisy_sigma=20.0, actions=6)
    observations = np.random.default_rng(0).standard_normal((50, 2), dtype=np.float32)
    first, noise_draw = learner.act_greedy(observations)
    assert noise_draw is None
    noisy = learner.act(observations, epsilon=0.0, rng=np.random.default_rng(0)).actions
    assert learner.act_greedy(observations).actions.tolist() == first.tolist()
    assert noisy.tolist() != first.tolist()
    assert first.dtype == np.int64
    assert learner.online.noise_on


def test_epsilon_greedy():
    learner = agent(**PLAIN, actions=4)
    constant(learner, [0.0, 0.0, 1.0, 0.0], [0.0] * 4)
    observations = np.ones((4000, 2), dtype=np.float32)
    rng = np.random.default_rng(0)
    assert (learner.act(observations, epsilon=0.0, rng=rng).actions == 2).all()
    # 3/4 stay greedy and 1/4 of the rest chooses the same: 0.8125, sigma 0.0062.
    share = (learner.act(observations, epsilon=0.25, rng=rng).actions == 2).mean()
    assert abs(share - 0.8125) < 0.03
    passes = watch(learner)
    acted = learner.act(observations, epsilon=1.0, rng=rng).actions
    assert np.bincount(acted, minlength=4).min() > 850
    assert not passes


def test_exploration_draws_the_same_numbers_at_any_epsilon():
    states = []
    for epsilon in (0.0, 0.3, 1.0):
        rng = np.random.default_rng(4)
        explore, actions = exploration(3, 5, epsilon, rng)
        states.append((actions.tolist(), rng.bit_generator.state))
        assert explore.tolist() == (np.random.default_rng(4).random(3) < epsilon).tolist()
    assert states[0] == states[1] == states[2]


def test_epsilon_at_by_hand():
    assert [epsilon_at(step, 1.0, 0.1, 100) for step in (0, 50, 100, 1000)] == pytest.approx(
        [1.0, 0.55, 0.1, 0.1]
    )
    assert epsilon_at(0, 0.3, 0.3, 1) == 0.3


def image_batch(rng: np.random.Generator, k: int = 4):
    shape = (k, 2, 44, 44)
    return SimpleNamespace(
        observations=rng.integers(0, 256, shape, dtype=np.uint8),
        actions=rng.integers(3, size=k),
        reward_sums=rng.standard_normal(k),
        discounts=np.full(k, 0.97),
        next_observations=rng.integers(0, 256, shape, dtype=np.uint8),
        terminated=rng.random(k) < 0.2,
        weights=rng.random(k, dtype=np.float32),
    )


def run(learner: Agent, updates: int, seed: int = 0) -> list:
    rng, history = np.random.default_rng(seed), []
    for _ in range(updates):
        batch = image_batch(rng)
        acted = learner.act(batch.observations, epsilon=0.5, rng=rng)
        learned = learner.learn(batch)
        history += [acted.actions.tolist(), acted.noise_draw, learned.td_errors.tolist()]
        history += learned[1:]
    return history


@pytest.mark.parametrize("settings", [{}, PLAIN, {"noisy": "independent"}])
def test_one_seed_gives_one_history(settings):
    small = {"shape": (2, 44, 44), "actions": 3, "network": "nature", **settings}
    torch_state, numpy_state = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002 - the global state is what is looked at
    first, second = agent(**small), agent(**small)
    history = run(first, 20)
    assert run(second, 20) == history
    assert torch.equal(parameters(first), parameters(second))
    assert run(agent(**small, init_seed=9), 1) != history[:10]
    if settings.get("noisy") != "off":
        assert run(agent(**small, noise_seed=9), 1) != history[:10]
    assert torch.equal(torch.random.get_rng_state(), torch_state)
    assert (np.random.get_state()[1] == numpy_state).all()  # noqa: NPY002 - as above


@pytest.mark.parametrize("settings", [{}, PLAIN])
def test_a_saved_state_goes_on_bit_for_bit(settings):
    small = {"shape": (2, 44, 44), "actions": 3, "network": "nature", **settings}
    first = agent(**small)
    run(first, 3)
    file = io.BytesIO()
    torch.save(first.state(), file)
    file.seek(0)
    second = agent(**small, init_seed=5, noise_seed=6)
    second.load_state(torch.load(file, weights_only=True))
    assert run(first, 3, seed=1) == run(second, 3, seed=1)
    assert torch.equal(parameters(first), parameters(second))


def test_nan_is_reported_and_not_hidden():
    batch = chain()
    batch.reward_sums[0] = math.nan
    for settings in (PLAIN, {}):
        learned = agent(**settings).learn(batch)
        assert math.isnan(learned.td_errors[0])
        assert not np.isnan(learned.td_errors[1:]).any()
        assert math.isnan(learned.loss)
        assert math.isnan(learned.grad_norm)


def test_resolve_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert resolve_device("auto") == resolve_device("cpu") == CPU
    for name, hint in (("cuda", "'cpu'"), ("mps", "'cpu'"), ("cuds", "'cuda'")):
        with pytest.raises(ConfigError, match=name) as refused:
            resolve_device(name)
        assert hint in refused.value.hint
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resolve_device("auto").type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto").type == "cuda"
