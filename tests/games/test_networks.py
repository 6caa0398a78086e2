import numpy as np
import pytest
import torch
from torch import nn

from dynamics.games.initial_weights import INITS
from dynamics.games.networks import discriminators, generators

MODULES = {"relu": nn.ReLU(), "leaky_relu": nn.LeakyReLU(0.2), "tanh": nn.Tanh(), "silu": nn.SiLU()}


def plain(stack, member, activation):
    """The member as nn.Sequential, its weights copied."""
    layers = []
    for matrix in stack.matrices:
        linear = nn.Linear(matrix.shape[1] - 1, matrix.shape[2], dtype=matrix.dtype)
        with torch.no_grad():
            linear.weight.copy_(matrix[member, :-1].T)
            linear.bias.copy_(matrix[member, -1])
        layers += [linear, MODULES[activation]]
    return nn.Sequential(*layers[:-1])


@pytest.mark.parametrize("activation", MODULES)
@pytest.mark.parametrize("layers", [1, 3])
def test_a_member_is_the_plain_network(activation, layers):
    stack = generators([4, 9, 1], latent_dim=5, hidden=7, layers=layers, activation=activation, dtype=torch.float64)
    x = torch.randn(3, 11, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for member in range(3):
        expected = plain(stack, member, activation)(x[member])
        torch.testing.assert_close(stack(x)[member], expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("init", INITS)
def test_weights_belong_to_the_seed_and_have_the_stated_scale(init):
    stack = discriminators([0, 1, 2], hidden=200, init=init)
    alone = discriminators([2], hidden=200, init=init)
    assert torch.equal(stack.flat[2], alone.flat[0])
    assert not torch.equal(stack.flat[0], stack.flat[1])
    weight, bias = stack.matrices[1][0, :-1].detach().numpy(), stack.matrices[1][0, -1].detach().numpy()
    bound = {"uniform": 200**-0.5, "glorot": (6 / 400) ** 0.5, "he": (6 / 200) ** 0.5}.get(init.removesuffix("_glorot"))
    if bound is not None:  # U(-a, a): std a / sqrt 3, its standard error about 0.3 % from 40 000 weights
        assert np.abs(weight).max() <= bound
        assert weight.std() == pytest.approx(bound / 3**0.5, rel=0.02)
    elif init == "orthogonal":
        np.testing.assert_allclose(weight @ weight.T, np.eye(200), atol=1e-5)
    else:
        assert weight.std() == pytest.approx(0.02, rel=0.02)
    if init == "uniform":
        assert bias.std() == pytest.approx(200**-0.5 / 3**0.5, rel=0.2)
    else:
        assert not bias.any()


def test_parameters_are_views_of_flat():
    stack = generators([0, 1])
    count = 3 * 64 + 65 * 64 + 65 * 2
    assert sum(p.numel() for p in stack.parameters()) == 2 * count
    assert not stack.flat[:, count:].any()
    stack.flat.fill_(7)
    assert all((matrix == 7).all() for matrix in stack.matrices)


def test_equal_seeds_give_equal_weights():
    assert torch.equal(generators([4]).flat, generators([4]).flat)
    assert not torch.equal(generators([4]).flat, generators([5]).flat)
    assert torch.equal(generators([5, 4]).flat[1], generators([4]).flat[0])


@pytest.mark.parametrize(("hidden", "batch"), [(16, 64), (64, 128), (7, 13)])
@pytest.mark.parametrize("how", [{}, {"activation": "tanh"}, {"norm": "batch"}, {"spectral": [2.0] * 5}])
def test_a_member_looks_alike_in_any_company(hidden, batch, how):
    """Bit for bit, and its slopes too: scores and pictures look at whole stacks."""
    kind = {key: value[:1] if key == "spectral" else value for key, value in how.items()}
    stack = discriminators(range(5), hidden=hidden, **how)
    x = torch.randn(5, batch, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    slopes = torch.autograd.grad(stack(x).sum(), x)[0]
    for m in range(5):
        alone = discriminators([m], hidden=hidden, **kind)
        for of_one, of_stack in zip(alone.directions, stack.directions, strict=True):
            for vector, of_all in zip(of_one, of_stack, strict=True):
                vector.copy_(of_all[m : m + 1])
        points = x[m : m + 1].detach().clone().requires_grad_()
        assert torch.equal(alone(points)[0], stack(x)[m])
        assert torch.equal(torch.autograd.grad(alone(points).sum(), points)[0][0], slopes[m])
