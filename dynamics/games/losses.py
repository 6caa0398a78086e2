"""Adversarial losses, from logits, per member.

A loss is two functions of logits of shape (member, batch); each returns (member,), a mean over the batch that its
player *minimises*. D's is a term of real and a term of fake logits, each by itself, or one of both in pairs. A stack is
trained on their sum, since members share no parameters. Written with softplus(t) = log(1 + e^t), none overflows:
−log σ(t) = softplus(−t) and −log(1 − σ(t)) = softplus(t).

`optimal_logit` turns t(x) = log p_data(x) − log p_g(x) into the output that minimises D's loss at x, for any pair of
densities: with weights p and g on the real and the fake term, the minimiser depends on their ratio alone. None where
there is no minimiser, or none but for a constant.

`TERMS` has the functions of each loss, `LOSSES` puts them beside what the catalogue says of it. `make_loss(settings)`
is the loss of a stack: an entry of `LOSSES`, or, where members have parameters of their own, the like of it. What
depends on them takes logits whose axis 0 is the member.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

from dynamics.settings.catalogue import games as catalogue
from dynamics.settings.catalogue.games import LossFacts
from dynamics.settings.catalogue.matching import LACKING, IncompleteEntry, matching
from dynamics.settings.setting import Setting


@dataclass(frozen=True)
class Terms:
    """The functions of a loss. Those that are `LACKING` where nothing is said must be said."""

    discriminator: Callable[[Tensor, Tensor], Tensor] = LACKING  # logits of real (M, B), of fake (M, B) -> (M,)
    generator: Callable[..., Tensor] = LACKING  # logits of fake (M, B) -> (M,); where `paired`, of fake and real
    # their derivatives by each logit, without the mean's 1/B, for the backward pass written out in fast.py: of logits
    # of real and of fake points, written into the tensors that follow them. None: autograd finds them, more slowly
    discriminator_slopes: Callable[[Tensor, Tensor, Tensor, Tensor], object] | None = None
    generator_slope: Callable[[Tensor, Tensor], object] | None = None
    # of log p_data − log p_g, any shape -> the same; None where D has no best output
    optimal_logit: Callable[[Tensor], Tensor] | None = LACKING
    fake_term: Callable[[Tensor], Tensor] | None = None  # (M, B) -> (M,): D's, where it and the real one are two labels
    # logits of real (M, B) -> (M,): the rest of the value that G minimises in a zero-sum game, for D's that answer to G
    real_term: Callable[[Tensor], Tensor] | None = None

    @property
    def written_out(self) -> bool:
        """Whether its slopes are, so that a backward pass without autograd can be made of them."""
        return self.discriminator_slopes is not None and self.generator_slope is not None

    def slopes_at(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The derivatives of D's real and of its fake term at logits (M, ...), the same shape each."""
        if self.discriminator_slopes is not None:
            of_real, of_fake = torch.empty_like(logits), torch.empty_like(logits)
            self.discriminator_slopes(logits, logits, of_real, of_fake)
            return of_real, of_fake
        single = logits.detach().unsqueeze(-1)  # a batch of one each, so that a mean is the term itself
        real, fake = single.clone().requires_grad_(), single.clone().requires_grad_()
        with torch.enable_grad():
            of_real, of_fake = torch.autograd.grad(self.discriminator(real, fake).sum(), (real, fake))
        return of_real.squeeze(-1), of_fake.squeeze(-1)


@dataclass(frozen=True)
class Loss(Terms):
    facts: LossFacts = field(kw_only=True)


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


def relativistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """−E log σ(D(x) − D(G(z))), each real point beside one fake (Jolicoeur-Martineau 2019; Huang et al. 2024, eq. 2).

    D's minimiser is log p_data − log p_g and any constant: σ(D(x) − D(y)) is then the chance that of the pair x, y the
    real one is x.
    """
    return softplus(fake - real).mean(-1)


def relativistic_generator(fake: Tensor, real: Tensor) -> Tensor:
    """−E log σ(D(G(z)) − D(x)): the same with the pair exchanged, the form that does not saturate."""
    return softplus(real - fake).mean(-1)


def alpha_term(logits: Tensor, alpha: Tensor) -> Tensor:
    """α-loss of the answer "real", elementwise: α/(α − 1) · (1 − σ(t)^((α − 1)/α)), at α = 1 its limit −log σ(t).

    Sypherd et al. 2022, definition 1. With s = −log σ(t) and k = (α − 1)/α it is (1 − e^(−k s)) / k. `alpha` (M,).
    """
    k = _per_member((alpha - 1) / alpha, logits)
    s = softplus(-logits)
    return torch.where(k == 0, s, -torch.expm1(-k * s) / torch.where(k == 0, 1, k))


def alpha_slope(logits: Tensor, alpha: Tensor) -> Tensor:
    """d `alpha_term` / d logits."""
    return -torch.exp(-_per_member((alpha - 1) / alpha, logits) * softplus(-logits)) * torch.sigmoid(-logits)


def _per_member(values: Tensor, like: Tensor) -> Tensor:
    return values.to(like).reshape(-1, *[1] * (like.ndim - 1))


def alpha_loss(alpha_d: Tensor, alpha_g: Tensor, *, saturating: bool = False) -> Terms:
    """The (α_D, α_G)-GAN (Welfert et al. 2024), with an α (M,) of each player a member.

    D's loss is E ℓ(t(x)) + E ℓ(−t(G(z))) with ℓ the `alpha_term` at α_D; G's is E ℓ(t(G(z))) at α_G, or, where
    `saturating`, −E ℓ(−t(G(z))). The optimal D is p_data^α / (p_data^α + p_g^α), α = α_D. At (1, 1) this is the
    non-saturating game, or the minimax one.
    """

    def discriminator(real: Tensor, fake: Tensor) -> Tensor:
        return alpha_term(real, alpha_d).mean(-1) + alpha_term(-fake, alpha_d).mean(-1)

    def discriminator_slopes(real: Tensor, fake: Tensor, to_real: Tensor, to_fake: Tensor) -> None:
        to_real.copy_(alpha_slope(real, alpha_d))
        to_fake.copy_(-alpha_slope(-fake, alpha_d))

    return Terms(
        discriminator,
        (lambda fake: -alpha_term(-fake, alpha_g).mean(-1))
        if saturating
        else (lambda fake: alpha_term(fake, alpha_g).mean(-1)),
        discriminator_slopes,
        (lambda fake, to: to.copy_(alpha_slope(-fake, alpha_g)))
        if saturating
        else (lambda fake, to: to.copy_(alpha_slope(fake, alpha_g))),
        optimal_logit=lambda ratio: ratio * _per_member(alpha_d, ratio),
        fake_term=lambda logits: alpha_term(-logits, alpha_d).mean(-1),
        real_term=(lambda logits: -alpha_term(logits, alpha_g).mean(-1)) if saturating else None,
    )


OF_ALPHAS: dict[str, Callable[[Tensor, Tensor], Terms]] = {  # of each member's α_D and α_G, (M,) both
    "alpha": alpha_loss,
    "alpha_minimax": functools.partial(alpha_loss, saturating=True),
}
_ONE = torch.ones(1, dtype=torch.float64)

TERMS: dict[str, Terms] = {
    "nonsaturating": Terms(
        log_discriminator,
        nonsaturating_generator,
        log_discriminator_slopes,
        lambda fake, to: torch.sigmoid(fake, out=to).sub_(1),
        optimal_logit=lambda ratio: ratio,
        fake_term=lambda logits: softplus(logits).mean(-1),
    ),
    "minimax": Terms(
        log_discriminator,
        minimax_generator,
        log_discriminator_slopes,
        lambda fake, to: torch.sigmoid(fake, out=to).neg_(),
        optimal_logit=lambda ratio: ratio,
        fake_term=lambda logits: softplus(logits).mean(-1),
        real_term=lambda logits: -softplus(-logits).mean(-1),
    ),
    "lsgan": Terms(
        lsgan_discriminator,
        lsgan_generator,
        lambda real, fake, to_real, to_fake: (torch.sub(real, 1, out=to_real), to_fake.copy_(fake)),
        lambda fake, to: torch.sub(fake, 1, out=to),
        optimal_logit=torch.sigmoid,
        fake_term=lambda logits: 0.5 * logits.square().mean(-1),
    ),
    "hinge": Terms(
        hinge_discriminator,
        mean_generator,
        lambda real, fake, to_real, to_fake: (to_real.copy_(real < 1).neg_(), to_fake.copy_(fake > -1)),
        lambda fake, to: to.fill_(-1),
        optimal_logit=torch.sign,
    ),
    "wasserstein": Terms(
        wasserstein_discriminator,
        mean_generator,
        lambda real, fake, to_real, to_fake: (to_real.fill_(-1), to_fake.fill_(1)),
        lambda fake, to: to.fill_(-1),
        optimal_logit=None,
        real_term=lambda logits: logits.mean(-1),
    ),
    "relativistic": Terms(relativistic_discriminator, relativistic_generator, None, None, optimal_logit=None),
    **{name: make(_ONE, _ONE) for name, make in OF_ALPHAS.items()},
}

LOSSES: dict[str, Loss] = {
    name: Loss(**vars(terms), facts=facts)
    for name, (facts, terms) in matching("loss", catalogue.LOSSES, TERMS, "games/losses.py").items()
}


for _name, _loss in LOSSES.items():
    if _loss.facts.labels and _loss.fake_term is None:
        raise IncompleteEntry(
            f"loss {_name!r} lacks fake_term, D's term of a point that is not real, which smoothed labels need, in"
            " games/losses.py; or it has no labels: say labels=False in the catalogue"
        )

_ALPHAS = {name: facts for name, facts in catalogue.LOSSES.items() if facts.of_alphas}
matching("loss of α", _ALPHAS, OF_ALPHAS, "games/losses.py")


def make_loss(settings: Sequence[Setting]) -> Loss:
    """The loss of a stack's members, which have its name in common."""
    loss = LOSSES[settings[0].loss]
    if not loss.facts.of_alphas:
        return loss
    alphas = (
        torch.tensor(a, dtype=torch.float64) for a in zip(*((s.alpha_d, s.alpha_g) for s in settings), strict=True)
    )
    return Loss(**vars(OF_ALPHAS[settings[0].loss](*alphas)), facts=loss.facts)
