"""Adversarial losses, from logits, per member.

A loss is two functions of logits of shape (member, batch); each returns (member,), a mean over the batch that its
player *minimises*. A stack is trained on their sum, since members share no parameters. Written with
softplus(t) = log(1 + e^t), none overflows: −log σ(t) = softplus(−t) and −log(1 − σ(t)) = softplus(t).

`equilibrium` is (D's loss, G's loss) when the generated density equals the real one and D is optimal for it: the
dashed lines of a loss plot. None where the value is not determined (a Wasserstein critic is free up to a constant).

`optimal_logit` turns t(x) = log p_data(x) − log p_g(x) into the output that minimises D's loss at x, for any pair of
densities: with weights p and g on the real and the fake term, the minimiser depends on their ratio alone. None where
there is no minimiser.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus


@dataclass(frozen=True)
class Loss:
    help: str
    discriminator: Callable[[Tensor, Tensor], Tensor]  # logits of real (M, B), of fake (M, B) -> (M,)
    generator: Callable[[Tensor], Tensor]  # logits of fake (M, B) -> (M,)
    # their derivatives by each logit, without the mean's 1/B, for the backward pass written out in fast.py: of logits
    # of real and of fake points, written into the tensors that follow them
    discriminator_slopes: Callable[[Tensor, Tensor, Tensor, Tensor], object]
    generator_slope: Callable[[Tensor, Tensor], object]
    equilibrium: tuple[float | None, float | None]  # D's loss, G's loss; nats for the logarithmic ones
    optimal_logit: Callable[[Tensor], Tensor] | None  # of log p_data − log p_g, any shape -> the same
    unit: str = "nats"


def log_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """−E log D(x) − E log(1 − D(G(z))) (Goodfellow et al. 2014, eq. 1, negated: D minimises it).

    The optimal D is p_data / (p_data + p_g) (proposition 1), whose logit is log p_data − log p_g.
    """
    return softplus(-real).mean(-1) + softplus(fake).mean(-1)


def nonsaturating_generator(fake: Tensor) -> Tensor:
    """−E log D(G(z)) (Goodfellow et al. 2014, section 3)."""
    return softplus(-fake).mean(-1)


def minimax_generator(fake: Tensor) -> Tensor:
    """E log(1 − D(G(z))), the zero-sum game's other side: it saturates where D is sure."""
    return -softplus(fake).mean(-1)


def lsgan_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """½ E (D(x) − 1)² + ½ E D(G(z))² (Mao et al. 2017, eq. 9 with a = 0, b = 1); D is the raw output.

    The optimal one is p_data / (p_data + p_g) (eq. 5).
    """
    return 0.5 * (real - 1).square().mean(-1) + 0.5 * fake.square().mean(-1)


def lsgan_generator(fake: Tensor) -> Tensor:
    """½ E (D(G(z)) − 1)² (Mao et al. 2017, eq. 9 with c = 1)."""
    return 0.5 * (fake - 1).square().mean(-1)


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E max(0, 1 − D(x)) + E max(0, 1 + D(G(z))) (Lim & Ye 2017).

    The optimal D is the sign of p_data − p_g: between −1 and 1 the loss is linear in D, with slope p_g − p_data.
    """
    return relu(1 - real).mean(-1) + relu(1 + fake).mean(-1)


def wasserstein_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E D(G(z)) − E D(x): the critic maximises the difference (Arjovsky et al. 2017), here without a constraint."""
    return fake.mean(-1) - real.mean(-1)


def mean_generator(fake: Tensor) -> Tensor:
    """−E D(G(z)): the generator of the hinge and Wasserstein games."""
    return -fake.mean(-1)


def log_discriminator_slopes(real: Tensor, fake: Tensor, to_real: Tensor, to_fake: Tensor) -> None:
    torch.sigmoid(real, out=to_real).sub_(1)
    torch.sigmoid(fake, out=to_fake)


LOSSES: dict[str, Loss] = {
    "nonsaturating": Loss(
        "−E log D(G(z)) for G: the assignment's",
        log_discriminator,
        nonsaturating_generator,
        log_discriminator_slopes,
        lambda fake, to: torch.sigmoid(fake, out=to).sub_(1),
        equilibrium=(2 * math.log(2), math.log(2)),
        optimal_logit=lambda ratio: ratio,
    ),
    "minimax": Loss(
        "E log(1 − D(G(z))) for G: the zero-sum game",
        log_discriminator,
        minimax_generator,
        log_discriminator_slopes,
        lambda fake, to: torch.sigmoid(fake, out=to).neg_(),
        equilibrium=(2 * math.log(2), -math.log(2)),
        optimal_logit=lambda ratio: ratio,
    ),
    "lsgan": Loss(
        "least squares to 1 on real and 0 on generated points",
        lsgan_discriminator,
        lsgan_generator,
        lambda real, fake, to_real, to_fake: (torch.sub(real, 1, out=to_real), to_fake.copy_(fake)),
        lambda fake, to: torch.sub(fake, 1, out=to),
        equilibrium=(0.25, 0.125),
        optimal_logit=torch.sigmoid,
        unit="squared output",
    ),
    "hinge": Loss(
        "margins of 1 on both sides of 0",
        hinge_discriminator,
        mean_generator,
        lambda real, fake, to_real, to_fake: (to_real.copy_(real < 1).neg_(), to_fake.copy_(fake > -1)),
        lambda fake, to: to.fill_(-1),
        equilibrium=(2.0, None),
        optimal_logit=torch.sign,
        unit="output",
    ),
    "wasserstein": Loss(
        "difference of means; the critic is not constrained",
        wasserstein_discriminator,
        mean_generator,
        lambda real, fake, to_real, to_fake: (to_real.fill_(-1), to_fake.fill_(1)),
        lambda fake, to: to.fill_(-1),
        equilibrium=(0.0, None),
        optimal_logit=None,
        unit="output",
    ),
}
