"""D's best answer in the game as it is played: what a setting's options make of both densities, and of the answer.

D's best answer to a G follows from the real density p and the generated one q, but not all games give it those:

- `label_smoothing`, w: a real point is labelled 1 − w, so D's loss is E_p [(1 − w) a(D) + w b(D)] + E_q b(D), with its
  terms a of real and b of fake points. The best D is that for (1 − w) p in the place of p and q + w p in that of q;
  for the logarithmic losses and lsgan it says (1 − w) p / (p + q) (Salimans et al. 2016, section 3.4).
- `instance_noise`, s: D judges points with noise, whose densities are p and q convolved with N(0, s² I). Where it falls
  with the steps (--anneal), s is that of the next step.
- `--packing` and `--minibatch-std`: D judges several points together; nothing here is a best D at one point.

What only holds D back, the other penalties and a bound on its weights, changes neither p nor q: the best D is that of
the loss alone, which such a D may never reach. A data set of limited size (--data-size) is taken for what it was drawn
from.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dynamics.games.losses import make_loss
from dynamics.games.penalties import noise_std
from dynamics.settings.catalogue.games import PENALTIES
from dynamics.settings.setting import Setting
from dynamics.targets.densities import Mixture, Target
from dynamics.targets.file_targets import GeneralMixture, Raster, Scatter
from dynamics.targets.toy_shapes import Checkerboard, Circles, Curve

_BLURRED = (Mixture, Curve, Circles, Checkerboard, Scatter, Raster)  # targets that are something blurred by their std


def smoothing(settings: Sequence[Setting]) -> Tensor:
    """How much less than 1 each member's real points are labelled, (M,) float64."""
    return torch.tensor([s.penalties.get("label_smoothing", 0.0) for s in settings], dtype=torch.float64)


def noise_stds(settings: Sequence[Setting], step: int) -> np.ndarray:
    """Standard deviation of the noise on all that D judges after `step` generator steps, (M,), data units."""
    weights = torch.tensor([s.penalties.get("instance_noise", 0.0) for s in settings], dtype=torch.float64)
    return noise_std(weights, step, settings[0].anneal).numpy()


def log_ratio(ratio: Tensor, smoothed: Tensor) -> Tensor:
    """log of the weight that D's loss gives its real term over that of its fake term, at points of known densities.

    `ratio` is log p − log q, (M, ...), and `smoothed` (M,) what `smoothing` says: log (1 − w) p / (q + w p). It goes
    into `Loss.optimal_logit`. Without smoothing it is `ratio`, to the bit.
    """
    if not smoothed.any():
        return ratio
    w = smoothed.to(ratio).reshape(-1, *[1] * (ratio.ndim - 1))
    return torch.log1p(-w) - torch.logaddexp(-ratio, torch.log(w))


@functools.lru_cache(maxsize=64)
def blurred(target: Target, deviation: float) -> Target | None:
    """The target with noise N(0, deviation² I) on its points; None where that has no closed form.

    All targets but the pinwheel are something blurred by N(0, std² I), which more noise makes blurred more.
    """
    if deviation == 0:
        return target
    std = math.hypot(target.std, deviation)
    if isinstance(target, GeneralMixture):
        return dataclasses.replace(target, std=std, covariances=target.covariances + deviation**2 * np.eye(2))
    return dataclasses.replace(target, std=std) if type(target) in _BLURRED else None


def noise_transform(frequency: np.ndarray, variance: float) -> np.ndarray:
    """Fourier transform of noise on a grid, of a variance in squares of its side: at radians a side, the same shape.

    From two sides on that of N(0, variance). Below, where a Gaussian is too narrow for the grid, that of the discrete
    one, exp(−v) I_k(v), which has the same variance and no negative values (Lindeberg 1990, section 4).
    """
    exponent = frequency**2 / 2 if variance >= 4 else 1 - np.cos(frequency)
    return np.exp(-variance * exponent)


class Equilibrium(NamedTuple):
    """The dashed lines of a loss plot; None where there is none, or not one."""

    d: float | None  # D's loss
    g: float | None  # G's loss
    chance: float | None  # the mean of D(x) and of D(G(z)), as the curves have them: σ of D's output


def equilibrium(setting: Setting) -> Equilibrium:
    """What the curves of a game come to where the generated density equals the real one and D is the best for it.

    That is one constant D, or any (the hinge, Wasserstein and relativistic losses). The curves are those of the losses
    without penalties, so what a smoothed label does is to move D. Instance noise changes nothing: densities that are
    equal are so with noise. There is no such line

    - where one player alone learns: the other does not come to meet it;
    - where `gp` or `dragan` asks a slope of D that no constant has, but under the Wasserstein loss: D's is 0 for equal
      densities whatever D is;
    - where `clip` keeps D's last bias from the best constant.
    """
    nothing = Equilibrium(None, None, None)
    penalties, loss = setting.penalties, make_loss([setting])
    if setting.train != "both":
        return nothing
    asked = setting.slope > 0 and any(PENALTIES[name].asks_slope for name in penalties)
    if asked and not loss.facts.equal_for_all:
        return nothing
    d, g = loss.facts.equilibrium(setting.alpha_d, setting.alpha_g)
    if loss.optimal_logit is None or g is None:  # any constant will do
        return Equilibrium(d, g, None)
    even = log_ratio(torch.zeros(1, 1, dtype=torch.float64), smoothing([setting]))
    best = loss.optimal_logit(even)
    if abs(best.item()) > penalties.get("clip", math.inf):
        return nothing
    values = (loss.discriminator(best, best), loss.generator(best), torch.sigmoid(best))
    return Equilibrium(*(value.item() for value in values))
