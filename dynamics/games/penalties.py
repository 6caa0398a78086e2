"""Penalties: what is asked of D, or of the game, beside the losses.

Each has a weight w, of every member its own, and acts in one of these places:

- on D's loss, which gets w × a term: `gp`, `gp_one_sided`, `r1`, `r2`, `dragan`, `label_smoothing`;
- on both players' losses: `consensus`;
- on the points that D judges: `instance_noise`, where w is a standard deviation in data units;
- on D's weights, wherever it is looked at, from before its first step: `clip`, to [−w, w] after each move, and
  `spectral`, in every use, to the norm w (see networks.py).

A term is a function of a judge, points (M, B, n) -> logits (M, B), and of where it is looked at; it returns (M,), and
is differentiable in D's parameters and in the points. n is 2, or 2m where D judges m points together. Slopes |∇D| are
of D's output, before any sigmoid, per data unit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dynamics.games.losses import Loss
from dynamics.games.networks import MLP
from dynamics.settings.catalogue import games as catalogue
from dynamics.settings.catalogue.games import PenaltyFacts
from dynamics.settings.catalogue.matching import matching

Judge = Callable[[Tensor], Tensor]


class Points(NamedTuple):
    """What D has before it in one step."""

    real: Tensor  # (M, B, n)
    fake: Tensor  # (M, B, n)
    uniform: Tensor | None = None  # (M, B, 1), in [0, 1)
    normal: Tensor | None = None  # (M, B, n)
    slope: Tensor | float = 1.0  # (M, 1): what is asked of |∇D|


def gradients(judge: Judge, x: Tensor) -> Tensor:
    """∇D at points (M, B, n), the same shape, as a function of D's parameters and of the points."""
    if not x.requires_grad:
        x = x.detach().requires_grad_()
    return torch.autograd.grad(judge(x).sum(), x, create_graph=True)[0]


def _slopes(judge: Judge, x: Tensor) -> Tensor:
    square = gradients(judge, x).square().sum(-1)
    # where D is flat the slope of its slope counts as 0, and so do further ones: a norm's would be NaN
    return torch.where(square > 0, torch.where(square > 0, square, 1).sqrt(), 0)


def _between(points: Points) -> Tensor:
    """A point, uniformly, on the line from each real point to a fake one."""
    assert points.uniform is not None
    return points.fake + points.uniform * (points.real - points.fake)


def gradient_penalty(judge: Judge, points: Points) -> Tensor:
    """E (|∇D(x̂)| − k)², x̂ between real and fake points; k is --slope (Gulrajani et al. 2017, eq. 3)."""
    return (_slopes(judge, _between(points)) - points.slope).square().mean(-1)


def one_sided_penalty(judge: Judge, points: Points) -> Tensor:
    """E max(0, |∇D(x̂)| − k)²: only what is steeper (Gulrajani et al. 2017, section 4; Petzka et al. 2018, eq. 8)."""
    return (_slopes(judge, _between(points)) - points.slope).clamp(min=0).square().mean(-1)


def r1(judge: Judge, points: Points) -> Tensor:
    """½ E |∇D(x)|² at real points (Mescheder et al. 2018, eq. 9)."""
    return 0.5 * gradients(judge, points.real).square().sum(-1).mean(-1)


def r2(judge: Judge, points: Points) -> Tensor:
    """½ E |∇D(G(z))|² at fake points (Mescheder et al. 2018, eq. 10)."""
    return 0.5 * gradients(judge, points.fake).square().sum(-1).mean(-1)


def dragan(judge: Judge, points: Points) -> Tensor:
    """E (|∇D(x + δ)| − k)² about real points, δ ~ N(0, (s/2)² I), s their standard deviation in the batch
    (Kodali et al. 2017, eq. 4; s/2 is their code's)."""
    assert points.normal is not None
    spread = points.real.std(dim=(1, 2), unbiased=False, keepdim=True)
    return (_slopes(judge, points.real + 0.5 * spread * points.normal) - points.slope).square().mean(-1)


def label_smoothing(loss: Loss, real: Tensor, fake: Tensor) -> Tensor:
    """What the label 1 − w for real points adds to D's loss, for each w: E b(D(x)) − E a(D(x)), (M,) (one-sided;
    Salimans et al. 2016, section 3.4). a is the loss's real and b its fake term, of logits (M, B)."""
    assert loss.fake_term is not None
    return loss.fake_term(real) + loss.fake_term(fake) - loss.discriminator(real, fake)


def consensus(of_g: Tensor, of_d: Tensor) -> Tensor:
    """½ (|∇ loss of G|² + |∇ loss of D|²), (M,), of each player's gradient (M, P) in its own parameters
    (Mescheder et al. 2017, section 4)."""
    return 0.5 * (of_g.square().sum(1) + of_d.square().sum(1))


def noise_std(weight: Tensor, step: int, anneal: int) -> Tensor:
    """Standard deviation of instance noise after `step` generator steps: `weight` (M,), falling linearly to 0 at
    `anneal` steps, if there are any (Sønderby et al. 2017, section 4; Arjovsky & Bottou 2017, section 3)."""
    return weight * max(0.0, 1 - step / anneal) if anneal else weight


def clip(flat: Tensor, weight: Tensor) -> Tensor:
    """Parameters (M, P) moved to the nearest in [−w, w], w (M,); of members with w = 0 as they are
    (Arjovsky et al. 2017, algorithm 1)."""
    bound = torch.where(weight > 0, weight, torch.inf).unsqueeze(1)
    return flat.clamp(-bound, bound)


@dataclass(frozen=True)
class Penalty:
    facts: PenaltyFacts
    term: Callable[[Judge, Points], Tensor] | None = None  # times the weight, of D's loss


TERMS: dict[str, Callable[[Judge, Points], Tensor]] = {
    "gp": gradient_penalty,
    "gp_one_sided": one_sided_penalty,
    "r1": r1,
    "r2": r2,
    "dragan": dragan,
}
# what `Game` carries out by itself: with these functions, and spectral normalisation with its D's `directions`
BY_THE_GAME: dict[str, Callable[..., Any]] = {
    "clip": clip,
    "spectral": MLP.followed,
    "instance_noise": noise_std,
    "label_smoothing": label_smoothing,
    "consensus": consensus,
}

PENALTIES: dict[str, Penalty] = {
    name: Penalty(facts, TERMS.get(name))
    for name, (facts, _) in matching("penalty", catalogue.PENALTIES, TERMS | BY_THE_GAME, "games/penalties.py").items()
}
