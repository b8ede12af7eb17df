from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from rlaudit.agent.networks import QNetwork
from rlaudit.agent.noise import NoisyLinear
from rlaudit.config import AgentConfig
from rlaudit.errors import ConfigError

CPU = torch.device("cpu")
ATARI = (4, 84, 84)


def network(shape=(3,), actions=2, *, seed=0, **settings) -> QNetwork:
    settings = {"network": "mlp", "hidden_units": 8, **settings}
    return QNetwork(
        AgentConfig(**settings),
        shape,
        actions,
        generator=torch.Generator().manual_seed(seed),
        device=CPU,
    )


def noisy_layers(net: nn.Module) -> list[NoisyLinear]:
    return [module for module in net.modules() if isinstance(module, NoisyLinear)]


def images(batch=2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randint(0, 256, (batch, *ATARI), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize(
    ("name", "convolutions", "features"),
    [
        ("mnih2013", [(16, (8, 8), (4, 4)), (32, (4, 4), (2, 2))], 32 * 9 * 9),
        (
            "nature",
            [(32, (8, 8), (4, 4)), (64, (4, 4), (2, 2)), (64, (3, 3), (1, 1))],
            64 * 7 * 7,
        ),
        ("data-efficient", [(32, (5, 5), (5, 5)), (64, (5, 5), (5, 5))], 64 * 4 * 4),
    ],
)
def test_bodies_of_the_papers(name, convolutions, features):
    net = network(ATARI, 4, network=name, hidden_units=16)
    found = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert [(c.out_channels, c.kernel_size, c.stride) for c in found] == convolutions
    for stream in (net.value, net.advantage):
        assert [type(m) for m in stream] == [NoisyLinear, nn.ReLU, NoisyLinear]
        assert stream[0].in_features == features
        assert stream[0].out_features == 16
    assert net(images()).shape == (2, 4, 51)


@pytest.mark.parametrize("name", ["mnih2013", "nature", "data-efficient"])
@pytest.mark.parametrize("size", [(84, 84), (96, 83), (61, 70)])
def test_every_pixel_is_seen(name, size):
    # Breakout's paddle is in rows 75 to 77 of 84, and two unpadded strides of 5 end at row 74.
    net = network((4, *size), 4, network=name, hidden_units=16)
    generator = torch.Generator().manual_seed(5)
    frames = torch.rand(8, 4, *size, generator=generator).requires_grad_()
    net(frames).pow(2).sum().backward()
    seen = frames.grad.abs().sum((0, 1))
    assert seen.sum(1).min() > 0
    assert seen.sum(0).min() > 0


def test_the_published_sizes_are_not_padded():
    for name in ("mnih2013", "nature"):
        net = network(ATARI, 4, network=name, hidden_units=16)
        assert {m.padding for m in net.modules() if isinstance(m, nn.Conv2d)} == {(0, 0)}


@pytest.mark.parametrize("dueling", [True, False])
@pytest.mark.parametrize(("distributional", "shape"), [(True, (5, 4, 7)), (False, (5, 4))])
def test_shapes_of_the_outputs(dueling, distributional, shape):
    net = network(
        (3,), 4, dueling=dueling, distributional=distributional, num_atoms=7, loss="huber"
    )
    assert net(torch.zeros(5, 3)).shape == shape


def test_the_mlp_is_4_32_32_and_single_layer_streams():
    net = network((4,), 2, hidden_units=32, noisy="off", distributional=False, loss="huber")
    shapes = {name: tuple(p.shape) for name, p in net.named_parameters() if "weight" in name}
    assert shapes == {
        "body.0.weight": (32, 4),
        "body.2.weight": (32, 32),
        "value.0.weight": (1, 32),
        "advantage.0.weight": (2, 32),
    }


@pytest.mark.parametrize("distributional", [True, False])
def test_dueling_subtracts_the_mean_advantage_atom_by_atom(distributional):
    net = network(
        (3,), 2, noisy="off", distributional=distributional, num_atoms=2, loss="cross-entropy"
    )
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        if distributional:
            net.value[0].bias.copy_(torch.tensor([10.0, 20.0]))
            net.advantage[0].bias.copy_(torch.tensor([1.0, 2.0, 3.0, 8.0]))
        else:
            net.value[0].bias.fill_(10)
            net.advantage[0].bias.copy_(torch.tensor([1.0, 3.0]))
    out = net(torch.ones(1, 3))[0].tolist()
    # The mean advantages are 2 and 5 for the two atoms, 2 for the scalar.
    assert out == ([[9, 17], [11, 23]] if distributional else [9, 11])


def test_uint8_is_scaled_and_floats_are_not():
    net = network((3,), noisy="off")
    x = torch.tensor([[0, 51, 255]], dtype=torch.uint8)
    scaled = torch.tensor([[0.0, 0.2, 1.0]])
    torch.testing.assert_close(net(x), net(scaled))
    assert x.tolist() == [[0, 51, 255]]
    assert net.prepare(scaled).tolist() == scaled.tolist()


def test_prepared_observations_are_left_alone():
    net = network(ATARI, 4, network="mnih2013")
    prepared = net.prepare(images())
    assert prepared.is_contiguous(memory_format=torch.channels_last)
    assert net.prepare(prepared).data_ptr() == prepared.data_ptr()
    assert torch.equal(net(prepared), net(images()))


def test_the_memory_format_changes_no_value():
    net = network(ATARI, 4, network="nature", noisy="off")
    plain = copy.deepcopy(net).to(memory_format=torch.contiguous_format)
    plain._memory_format = torch.contiguous_format
    torch.testing.assert_close(net(images()), plain(images()))


@pytest.mark.parametrize(
    ("name", "where", "count"),
    [("mlp", "all", 4), ("mlp", "value", 1), ("nature", "all", 4), ("nature", "value", 2)],
)
def test_which_layers_are_noisy(name, where, count):
    shape = (3,) if name == "mlp" else ATARI
    net = network(shape, network=name, noisy_layers=where)
    assert len(noisy_layers(net)) == count
    assert len(noisy_layers(net.value)) == (1 if name == "mlp" else 2)
    if where == "value":
        assert not noisy_layers(net.advantage)
        assert not noisy_layers(net.body)


@pytest.mark.parametrize("form", ["factorised", "independent"])
def test_a_draw_changes_every_layer_and_only_a_draw(form):
    net, draws = network(noisy=form), torch.Generator().manual_seed(1)
    x = torch.ones(2, 3)
    net.draw_noise(draws)
    before, out, state = [m.noise.clone() for m in noisy_layers(net)], net(x), draws.get_state()
    assert torch.equal(net(x), out)
    assert torch.equal(draws.get_state(), state)
    net.draw_noise(draws)
    after = [m.noise for m in noisy_layers(net)]
    assert all((a != b).all() for a, b in zip(after, before, strict=True))
    assert len({m.noise[0].item() for m in noisy_layers(net)}) == 4
    assert not torch.equal(net(x), out)


def test_draws_reach_moved_and_copied_networks():
    original = network()
    for net in (network().double(), copy.deepcopy(original)):
        net.draw_noise(torch.Generator().manual_seed(1))
        assert all(m.noise.all() for m in noisy_layers(net))
    assert not any(m.noise.any() for m in noisy_layers(original))


def test_noise_off_uses_the_means_alone():
    net, x = network(noisy_sigma=5.0), torch.ones(2, 3)
    silent = net(x)  # nothing is drawn yet
    draws = torch.Generator().manual_seed(1)
    net.draw_noise(draws)
    noisy = net(x)
    assert not torch.equal(noisy, silent)
    net.noise_on = False
    torch.testing.assert_close(net(x), silent)
    assert not net.noise_on
    net.noise_on = True
    assert torch.equal(net(x), noisy)


def test_a_seed_gives_the_parameters_and_the_global_generator_is_untouched():
    state = torch.random.get_rng_state()
    nets = [network(ATARI, 4, network="mnih2013", seed=seed) for seed in (1, 1, 2)]
    plain = network(noisy="off")
    assert torch.equal(torch.random.get_rng_state(), state)
    first, same, other = (torch.cat([p.flatten() for p in n.parameters()]) for n in nets)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    bound = 1 / 3**0.5  # of the first layer, which has 3 inputs
    assert 0.8 * bound < plain.body[0].weight.abs().max() <= bound


@pytest.mark.parametrize(
    ("shape", "settings", "message"),
    [
        ((4,), {"network": "nature"}, r"'nature' sees images .* shape \(4,\)"),
        ((4, 20, 84), {"network": "nature"}, "too small"),
        ((4,), {"dueling": False, "noisy_layers": "value"}, "no value stream"),
    ],
)
def test_refusals(shape, settings, message):
    with pytest.raises(ConfigError, match=message) as refused:
        network(shape, **settings)
    assert refused.value.hint
