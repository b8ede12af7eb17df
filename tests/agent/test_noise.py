from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from rlaudit.agent.noise import NoisyLinear, draw_noise, signed_sqrt


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def layer(p: int, q: int, form: str, sigma: float = 0.5, seed: int = 0) -> NoisyLinear:
    return NoisyLinear(p, q, form=form, sigma=sigma, generator=generator(seed))


def fill(target: NoisyLinear, **values: list) -> None:
    with torch.no_grad():
        for name, value in values.items():
            getattr(target, name).copy_(torch.tensor(value))


def materialised(x: torch.Tensor, noisy: NoisyLinear) -> torch.Tensor:
    """Eqs. 9 to 11 written out: the noise of every weight, then one linear map."""
    p, q = noisy.in_features, noisy.out_features
    if noisy.form == "factorised":
        eps_in, eps_bias = noisy.noise.split([p, q])
        eps_weight = torch.outer(eps_bias, eps_in)
    else:
        eps_weight, eps_bias = noisy.noise[: p * q].view(q, p), noisy.noise[p * q :]
    return functional.linear(
        x,
        noisy.weight_mu + noisy.weight_sigma * eps_weight,
        noisy.bias_mu + noisy.bias_sigma * eps_bias,
    )


def test_signed_sqrt_by_hand():
    x = torch.tensor([-4.0, 0.0, 9.0, 2.25])
    assert signed_sqrt(x).tolist() == [-2.0, 0.0, 3.0, 1.5]
    assert x.tolist() == [-4.0, 0.0, 9.0, 2.25]
    assert signed_sqrt(torch.tensor([math.nan])).isnan().all()


def test_factorised_by_hand():
    noisy = layer(2, 1, "factorised")
    fill(
        noisy,
        weight_mu=[[1.0, 2.0]],
        weight_sigma=[[0.5, -1.0]],
        bias_mu=[3.0],
        bias_sigma=[2.0],
        noise=[2.0, -1.0, 3.0],  # the inputs', then the output's
    )
    # eps_w = (6, -3), w = (1 + 3, 2 + 3), b = 3 + 6; 4 * 1 + 5 * 4 + 9
    assert noisy(torch.tensor([[1.0, 4.0]])).item() == 33
    noisy.noise_on = False
    assert noisy(torch.tensor([[1.0, 4.0]])).item() == 12


def test_independent_by_hand():
    noisy = layer(2, 1, "independent")
    fill(
        noisy,
        weight_mu=[[1.0, 2.0]],
        weight_sigma=[[0.5, -1.0]],
        bias_mu=[3.0],
        bias_sigma=[2.0],
        noise=[1.0, -2.0, 0.5],  # the weights', then the bias's
    )
    # w = (1.5, 4), b = 4; 1.5 + 16 + 4
    assert noisy(torch.tensor([[1.0, 4.0]])).item() == 21.5
    noisy.noise_on = False
    assert noisy(torch.tensor([[1.0, 4.0]])).item() == 12


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    p=st.integers(1, 9),
    q=st.integers(1, 9),
    batch=st.integers(1, 5),
    form=st.sampled_from(["factorised", "independent"]),
    seed=st.integers(0, 1000),
)
def test_output_and_gradients_equal_the_written_out_formula(p, q, batch, form, seed):
    noisy = layer(p, q, form, seed=seed).double()
    noisy.draw(generator(seed))
    x = torch.randn(batch, p, generator=generator(seed), dtype=torch.float64)
    torch.testing.assert_close(noisy(x), materialised(x, noisy))
    gradients = torch.autograd.grad(noisy(x).square().sum(), list(noisy.parameters()))
    expected = torch.autograd.grad(materialised(x, noisy).square().sum(), list(noisy.parameters()))
    torch.testing.assert_close(gradients, expected)


def test_initial_values():
    factorised = layer(400, 100, "factorised", sigma=0.5)
    assert torch.all(factorised.weight_sigma == 0.025)  # 0.5 / sqrt(400)
    assert torch.all(factorised.bias_sigma == 0.025)
    for mu in (factorised.weight_mu, factorised.bias_mu):
        assert 0.045 < mu.abs().max() <= 0.05  # 1 / sqrt(400)
    independent = layer(300, 100, "independent", sigma=0.017)
    assert torch.all(independent.weight_sigma == 0.017)
    assert torch.all(independent.bias_sigma == 0.017)
    for mu in (independent.weight_mu, independent.bias_mu):
        assert 0.09 < mu.abs().max() <= 0.1  # sqrt(3 / 300)
    assert not factorised.noise.any()


@pytest.mark.parametrize(("form", "size"), [("factorised", 3 + 2), ("independent", 3 * 2 + 2)])
def test_numbers_drawn(form, size):
    assert layer(3, 2, form).noise.numel() == size


@pytest.mark.parametrize(
    ("form", "second_moment", "fourth_moment"),
    # For f(e) the moments are E abs(e) and E e^2, for e itself E e^2 and E e^4.
    [("factorised", math.sqrt(2 / math.pi), 1.0), ("independent", 1.0, 3.0)],
)
def test_moments_of_the_noise(form, second_moment, fourth_moment):
    n = 100_000
    noise = torch.empty(n)
    draw_noise(noise, form, generator(3))
    assert abs(noise.mean()) < 5 * math.sqrt(second_moment / n)
    error = math.sqrt((fourth_moment - second_moment**2) / n)
    assert abs(noise.square().mean() - second_moment) < 5 * error


@pytest.mark.parametrize(
    ("form", "weight_moment", "bias_moment"),
    [("factorised", 2 / math.pi, math.sqrt(2 / math.pi)), ("independent", 1.0, 1.0)],
)
def test_mean_and_variance_of_an_output(form, weight_moment, bias_moment):
    noisy = layer(3, 1, form)
    fill(noisy, weight_sigma=[[0.1, 0.2, 0.3]], bias_sigma=[0.4])
    x = torch.tensor([[1.0, -2.0, 0.5]])
    draws, outputs = generator(7), []
    with torch.no_grad():
        for _ in range(4000):
            noisy.draw(draws)
            outputs.append(noisy(x).item())
        noisy.noise_on = False
        mean = noisy(x).item()
    sample = torch.tensor(outputs, dtype=torch.float64)
    # (0.1 * 1)^2 + (0.2 * 2)^2 + (0.3 * 0.5)^2 = 0.1925
    variance = 0.1925 * weight_moment + 0.16 * bias_moment
    assert abs(sample.mean() - mean) < 5 * math.sqrt(variance / 4000)
    assert sample.var().item() == pytest.approx(variance, rel=0.15)


@pytest.mark.parametrize("form", ["factorised", "independent"])
def test_only_draw_draws(form):
    noisy, draws, x = layer(4, 3, form), generator(1), torch.ones(2, 4)
    noisy.draw(draws)
    state, first = draws.get_state(), noisy(x)
    assert torch.equal(noisy(x), first)
    assert torch.equal(draws.get_state(), state)
    noisy.draw(draws)
    assert not torch.equal(noisy(x), first)


@pytest.mark.parametrize("form", ["factorised", "independent"])
def test_moved_and_copied_layers_use_their_own_draws(form):
    original = layer(4, 3, form)
    for noisy in (layer(4, 3, form).double(), copy.deepcopy(original)):
        x = torch.ones(1, 4, dtype=noisy.noise.dtype)
        silent = noisy(x)
        noisy.draw(generator(1))
        assert not torch.equal(noisy(x), silent)
        torch.testing.assert_close(noisy(x), materialised(x, noisy))
    assert not original.noise.any()


def test_noise_is_no_part_of_the_state_dict():
    assert set(layer(2, 2, "factorised").state_dict()) == {
        "weight_mu",
        "weight_sigma",
        "bias_mu",
        "bias_sigma",
    }
