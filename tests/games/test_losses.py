"""Losses against their formulas written with probabilities, their limits, and their written-out derivatives."""

import dataclasses
import math

import pytest
import torch
from plain_losses import PLAIN

from dynamics.games.losses import LOSSES, OF_ALPHAS

SINGLE = [name for name in LOSSES if not LOSSES[name].facts.paired]


def logits(*shape, seed):
    return 3 * torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", SINGLE)
def test_value_is_the_formula_per_member(name):
    real, fake = logits(3, 17, seed=0), logits(3, 17, seed=1)
    loss, (d, g) = LOSSES[name], PLAIN[name]
    assert loss.discriminator(real, fake).shape == (3,)
    torch.testing.assert_close(loss.discriminator(real, fake), d(real, fake), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(loss.generator(fake), g(fake), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in LOSSES if LOSSES[name].written_out])
def test_written_out_slopes_are_the_derivatives(name):
    real, fake = logits(2, 9, seed=2).requires_grad_(), logits(2, 9, seed=3).requires_grad_()
    loss = LOSSES[name]
    of_real, of_fake = torch.autograd.grad(loss.discriminator(real, fake).sum(), (real, fake))
    up, down, to = (torch.full_like(real, 7) for _ in range(3))
    loss.discriminator_slopes(real.detach(), fake.detach(), up, down)
    torch.testing.assert_close(up / 9, of_real, rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(down / 9, of_fake, rtol=1e-12, atol=1e-15)
    (of_fake,) = torch.autograd.grad(loss.generator(fake).sum(), fake)
    loss.generator_slope(fake.detach(), to)
    torch.testing.assert_close(to / 9, of_fake, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ["nonsaturating", "minimax"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_logarithms_stay_exact_at_plus_and_minus_100(name, dtype):
    high, low = torch.full((1, 4), 100, dtype=dtype), torch.full((1, 4), -100, dtype=dtype)
    loss = LOSSES[name]
    # -log sigma(-100) = 100 + log(1 + e^-100) = 100 to rounding, and twice that for both terms
    assert loss.discriminator(low, high).item() == pytest.approx(200, rel=1e-6)
    assert 0 <= loss.discriminator(high, low).item() < 1e-40
    assert loss.generator(low).item() == pytest.approx(100 if name == "nonsaturating" else 0, rel=1e-6, abs=1e-40)
    assert loss.generator(high).item() == pytest.approx(0 if name == "nonsaturating" else -100, rel=1e-6, abs=1e-40)
    slope = torch.empty_like(low)
    loss.generator_slope(low, slope)
    assert slope[0, 0].item() == pytest.approx(-1 if name == "nonsaturating" else 0, abs=1e-40)


@pytest.mark.parametrize("name", SINGLE)
def test_equilibrium_is_the_value_at_the_best_constant_discriminator(name):
    """Equal densities: the optimal D is one constant c, which minimises D's loss; there G's loss is as stated."""
    loss = LOSSES[name]
    c = torch.linspace(-2, 2, 4001, dtype=torch.float64).unsqueeze(1)  # a member per candidate
    values = loss.discriminator(c, c)
    d_value, g_value = loss.facts.equilibrium(1.0, 1.0)
    assert values.min().item() == pytest.approx(d_value, abs=1e-6)
    if g_value is None:  # more than one constant is optimal
        assert (values < values.min() + 1e-12).sum() > 1
    else:
        best = int(values.argmin())
        assert loss.generator(c[best : best + 1]).item() == pytest.approx(g_value, abs=1e-3)
        assert (values < values.min() + 1e-12).sum() == 1


@pytest.mark.parametrize("name", [name for name in LOSSES if LOSSES[name].optimal_logit])
@pytest.mark.parametrize("p", [0.02, 0.3, 0.5, 0.9])
def test_optimal_logit_minimises_the_weighted_loss(name, p):
    """With share p of real points at one place, no other output there gives D a smaller loss than the optimal one."""
    loss = LOSSES[name]
    outputs = torch.linspace(-6, 6, 12001, dtype=torch.float64).unsqueeze(1)  # a member per candidate
    outputs = torch.cat([loss.optimal_logit(torch.tensor([[math.log(p / (1 - p))]], dtype=torch.float64)), outputs])
    # a batch of 100 places, 100 p of which count as real: the others' outputs are fixed, and add a constant
    real = torch.where(torch.arange(100) < round(100 * p), outputs, torch.tensor(0.0, dtype=torch.float64))
    fake = torch.where(torch.arange(100) < round(100 * (1 - p)), outputs, torch.tensor(0.0, dtype=torch.float64))
    values = loss.discriminator(real, fake)
    best = values[1:].min()
    assert values[0] <= best + 1e-12
    assert values[0] >= best - 1e-6  # and the grid's best, at a distance of 5e-4 at most, is no worse than its square


def test_wasserstein_critic_has_no_optimum():
    assert LOSSES["wasserstein"].optimal_logit is None


def test_log_losses_equilibrium_is_in_nats():
    assert LOSSES["nonsaturating"].facts.equilibrium(1.0, 1.0) == (math.log(4), math.log(2))


@pytest.mark.parametrize("name", OF_ALPHAS)
@pytest.mark.parametrize(("alpha_d", "alpha_g"), [(1.0, 1.0), (0.5, 2.0), (3.0, 0.7)])
def test_the_catalogue_has_the_equilibrium_of_every_alpha(name, alpha_d, alpha_g):
    """What D and G lose where D's output is 0, against the closed form of catalogue/games.py."""
    zero = torch.zeros(1, 1, dtype=torch.float64)
    loss = OF_ALPHAS[name](*(torch.tensor([a], dtype=torch.float64) for a in (alpha_d, alpha_g)))
    at_zero = loss.discriminator(zero, zero).item(), loss.generator(zero).item()
    assert LOSSES[name].facts.equilibrium(alpha_d, alpha_g) == pytest.approx(at_zero, rel=1e-14)


@pytest.mark.parametrize("name", LOSSES)
def test_functions_and_facts_of_a_loss_agree(name):
    loss, facts = LOSSES[name], LOSSES[name].facts
    assert facts.labels == (loss.fake_term is not None)
    assert (loss.discriminator_slopes is None) == (loss.generator_slope is None)
    assert not (facts.paired and loss.written_out)
    # equal densities: the same points, and other Ds
    real = 3 * torch.randn(9, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert facts.equal_for_all == bool(loss.discriminator(real, real.flip(1)).std() < 1e-12)
    if loss.optimal_logit is None:
        assert facts.against_best(1.0) == (-math.inf, math.inf)
        assert not facts.optimal_is_step
        return
    ratio = torch.tensor([[-1.3, -0.2, 0.4, 2.1]], dtype=torch.float64)
    assert facts.optimal_is_step == (len(set(loss.optimal_logit(ratio)[0].tolist())) == 2)


@pytest.mark.parametrize("name", [name for name in LOSSES if LOSSES[name].written_out])
def test_slopes_at_logits_are_the_same_by_autograd(name):
    """What fields of D are read by, where no slopes are written out."""
    written = LOSSES[name]
    bare = dataclasses.replace(written, discriminator_slopes=None, generator_slope=None)
    at = logits(1, 5, 4, seed=5)
    for ours, theirs in zip(bare.slopes_at(at), written.slopes_at(at), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-15)
