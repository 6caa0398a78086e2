"""The average of G's weights: what each path keeps of it, beside a loop over the same weights."""

import dataclasses

import numpy as np
import pytest
import torch

from dynamics.base.curves import Curves
from dynamics.engine.choosing import STACKS
from dynamics.engine.training import train_stack
from dynamics.games.average import Average
from dynamics.settings.setting import Setting

PLAIN = Setting(mode="mixture_4", std=0.3, hidden=8, batch_size=13, activation="tanh", d_steps=1)
DECAYS = (0.5, 0.9, 0.99, 1e-9, 0.9, 1 - 1e-9, 0.123456789, 0.9, 0.75)  # nine members are two groups of the fast path


def make(kind, decays, steps, dtype, **changes):
    settings = [dataclasses.replace(PLAIN, ema=decay, **changes) for decay in decays]
    return STACKS[kind](settings, range(len(decays)), Curves(len(decays), [steps]), 5, torch.device("cpu"), dtype)


def weights_of(stack, steps, start=(None, None)):
    """G's weights (M, P) as training begins and after every step."""
    stack.begin(start)
    weights = [stack.networks()[0].flat.clone()]
    for step in range(steps):
        stack.advance(step, step + 1)
        weights.append(stack.networks()[0].flat.clone())
    return weights


@pytest.mark.parametrize("kind", STACKS)
def test_it_is_the_sum_that_it_stands_for(kind):
    """w̄ₙ = βⁿ w₀ + (1 − β) Σ βⁿ⁻ᵏ wₖ in float64, each member with its own β, from the weights that were given."""
    steps = 40
    given = make(kind, DECAYS, steps, torch.float64).G.flat.roll(1, 0)
    stack = make(kind, DECAYS, steps, torch.float64)
    weights = torch.stack(weights_of(stack, steps, (given, None)))
    assert torch.equal(weights[0], given)
    decay = torch.tensor(DECAYS, dtype=torch.float64)
    ages = torch.arange(steps - 1, -1, -1, dtype=torch.float64)
    shares = torch.cat([decay[None] ** steps, (1 - decay) * decay ** ages[:, None]])  # (steps + 1, M)
    expected = (shares[:, :, None] * weights).sum(0)
    torch.testing.assert_close(stack.averaged().flat, expected, rtol=0, atol=1e-12)
    assert (stack.averaged().flat - weights[-1]).abs().amax(1)[[0, 1, 2]].min() > 1e-4


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", STACKS)
def test_every_bit_is_that_of_a_loop_over_one_member(kind, dtype):
    stack = make(kind, DECAYS, 40, dtype)
    weights = weights_of(stack, 40)
    for m, decay in enumerate(DECAYS):
        share = 1 - torch.tensor(decay, dtype=dtype)
        average = weights[0][m].clone()
        for each in weights[1:]:
            average = average.lerp(each[m], share)
        assert torch.equal(stack.averaged().flat[m], average), decay


@pytest.mark.parametrize("kind", ["recorded", "reference"])
def test_the_paths_keep_the_same_average(kind):
    one, other = (make(name, DECAYS, 40, torch.float64, d_steps=2) for name in ("fast", kind))
    for stack in (one, other):
        stack.begin()
        stack.advance(0, 40)
    torch.testing.assert_close(one.averaged().flat, other.averaged().flat, rtol=0, atol=1e-12)
    np.testing.assert_allclose(one.samples(one.averaged()), other.samples(other.averaged()), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", STACKS)
def test_of_weights_that_stand_still_it_is_those_weights(kind):
    stack = make(kind, DECAYS, 40, torch.float32, optimizer_g="sgd", lr_g=1e-30)
    weights = weights_of(stack, 40)
    assert torch.equal(weights[-1], weights[0])
    assert torch.equal(stack.averaged().flat, weights[0])
    assert stack.samples(stack.averaged()).tobytes() == stack.samples(stack.networks()[0]).tobytes()


def test_it_keeps_apart_from_what_it_is_of():
    flat = torch.ones(2, 64)
    average = Average(flat, [dataclasses.replace(PLAIN, ema=ema) for ema in (0.5, 0.75)])
    flat.zero_()
    assert average.flat.eq(1).all()
    average.add()
    assert average.flat[:, 0].tolist() == [0.5, 0.75]
    assert flat.eq(0).all()
    average.begin()
    assert average.flat.eq(0).all()


def test_a_members_average_does_not_depend_on_its_company():
    for changes in ({}, {"penalty": "gp"}):
        mine = dataclasses.replace(PLAIN, ema=0.9, **changes)
        others = [dataclasses.replace(mine, ema=ema, lr=lr) for ema, lr in ((0.5, 2e-3), (0.99, 1e-3))]
        *_, alone = train_stack([mine], [3], 45, [45], evaluation=13)
        *_, among = train_stack([*others, mine, *others], [0, 1, 3, 3, 5], 45, [20, 45], evaluation=13)
        assert among.averaged[2].tobytes() == alone.averaged[0].tobytes()
        assert among.averaged[2].tobytes() != among.samples[2].tobytes()
