"""The usual toy shapes: curves, circles, the pinwheel and the checkerboard, with their exact densities.

All but the pinwheel (a mixture pushed through an area-preserving twist) are a shape c blurred by an isotropic Gaussian,

    x = c(choice) + std · noise,        p(x) = E_c N(x; c, std² I),

and differ in how the expectation is taken: quadrature at machine precision (curves), a Bessel function (circles),
differences of normal cdfs (checkerboard). Log densities are in nats, lengths in data units.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from dynamics.targets.densities import Target, constant, index_of, log_gaussians, round_up


@dataclass(frozen=True, eq=False)
class Curve(Target):
    """A curve c(arm, t), arm and t uniform, blurred: p(x) = mean over arms of ∫₀¹ N(x; c(t), std² I) dt.

    The integral is taken by Gauss-Legendre panels of ``order`` nodes: of equal arc length, at most 4 std,
    and at least 16 an arm, which keeps them short against the curvature. The integrand is analytic and varies
    by a few e-folds on a panel, so the error falls geometrically in the order (Trefethen, Approximation
    Theory and Approximation Practice, ch. 19): about 1e-13 in log p, as doubling the order shows.
    Memory is bounded without gradients; with them, arrays (points, nodes) are kept.
    """

    curve: Callable[[Tensor, Tensor], Tensor]  # (arm index (...), t in [0, 1] (...)) -> (..., 2); smooth in t
    arms: int = 1
    order: int = 16

    def __post_init__(self) -> None:
        if self.std < 0.02:  # the nodes, and seconds, grow as 1/std
            raise ValueError(f"std of {self.name} must be at least 0.02, not {self.std}")

    @cached_property
    def _nodes(self) -> tuple[Tensor, Tensor]:
        """Quadrature nodes as a weighted set of Gaussians: centres (N, 2), log weights (N,)."""
        z, w = np.polynomial.legendre.leggauss(self.order)
        t = np.linspace(0.0, 1.0, 4097)
        points, weights = [], []
        for arm in range(self.arms):
            line = self._at(arm, t)
            length = np.concatenate([[0.0], np.hypot(*np.diff(line, axis=0).T).cumsum()])
            panels = max(16, math.ceil(length[-1] / (4 * self.std)))
            edges = np.interp(np.linspace(0.0, length[-1], panels + 1), length, t)  # of panels, in t
            half = np.diff(edges)[:, None] / 2
            points.append(self._at(arm, (edges[:-1, None] + half * (1 + z)).ravel()))
            weights.append((half * w / self.arms).ravel())
        return torch.from_numpy(np.concatenate(points)), torch.from_numpy(np.log(np.concatenate(weights)))

    def _at(self, arm: int, t: np.ndarray) -> np.ndarray:
        time = torch.from_numpy(t)
        return self.curve(torch.full_like(time, arm), time).numpy()

    def log_prob(self, x: Tensor) -> Tensor:
        return log_gaussians(x, *self._nodes, self.std)

    def _points(self, choice: Tensor, noise: Tensor) -> Tensor:
        arm = index_of(choice[..., 0], self.arms).to(noise)
        return self.curve(arm, choice[..., 1]) + self.std * noise


def swiss_roll(arm: Tensor, t: Tensor) -> Tensor:
    """The usual roll: angle a = 1.5π(1 + 2t), radius proportional to a; outer end at radius 4."""
    angle = 1.5 * math.pi * (1 + 2 * t)
    return _polar(angle * (4 / (4.5 * math.pi)), angle)


def two_moons(arm: Tensor, t: Tensor) -> Tensor:
    """The usual half circles, (cos πt, sin πt) and (1 − cos πt, ½ − sin πt), scaled to |x| ≤ 4, centred."""
    sign = 1 - 2 * arm  # the second moon is the first one turned by half a circle about the middle
    x, y = torch.cos(math.pi * t) - 0.5, torch.sin(math.pi * t) - 0.25
    return torch.stack([sign * x, sign * y], -1) * (8 / 3)


def spiral(arm: Tensor, t: Tensor) -> Tensor:
    """Two interleaved Archimedean arms, a turn and a third each, from radius 0.5 to 4.

    r² is uniform, as in the usual two-spirals data: points spread almost evenly along an arm. Starting at 0.5
    and not at 0 keeps c smooth in t.
    """
    radius = torch.sqrt(0.25 + 15.75 * t)
    return _polar(radius, 0.75 * math.pi * radius + math.pi * arm)


@dataclass(frozen=True, eq=False)
class Circles(Target):
    """Concentric circles of equal weight, the angle uniform, blurred; their common centre is the origin.

    Averaging N(x; R(cos a, sin a), std² I) over a gives, with r = |x| and s = std (Rice's distribution),

        p(x) = mean over R of  exp(−(r − R)² / 2s²) · I₀ₑ(rR/s²) / (2πs²),       I₀ₑ(z) = e^(−z) I₀(z).
    """

    radii: tuple[float, ...] = (2.0, 4.0)

    def log_prob(self, x: Tensor) -> Tensor:
        r = torch.linalg.vector_norm(x, dim=-1, keepdim=True)  # its gradient at 0 is 0, as symmetry asks
        radii = x.new_tensor(self.radii)
        # I₀ₑ falls only as 1/√(2πz): its log is finite as long as z is
        log_i0e = torch.log(torch.special.i0e((r / self.std) * (radii / self.std)))
        log_p = torch.logsumexp(log_i0e - 0.5 * ((r - radii) / self.std) ** 2, -1)
        return log_p - math.log(2 * math.pi * len(self.radii)) - 2 * math.log(self.std)

    def _points(self, choice: Tensor, noise: Tensor) -> Tensor:
        radii = constant(self.radii, noise.dtype, noise.device)[index_of(choice[..., 0], len(self.radii))]
        return _polar(radii, 2 * math.pi * choice[..., 1]) + self.std * noise


@dataclass(frozen=True, eq=False)
class Pinwheel(Target):
    """Arms twisted about the origin. ``std`` is the tangential one; along an arm it is ``radial_std``.

    A base point y = (mean + radial_std · n0, std · n1) is turned by θ_k + twist · |y|, θ_k = 2πk/arms. The
    usual code twists by the feature y₀: that changes areas, and has no closed inverse. Twisting by the
    *radius* is (r, a) -> (r, a + w(r)) in polar coordinates: it keeps r, hence the area r dr da, and is
    undone by turning back by w(|x|), as |x| = |y|. The density is therefore exactly that of the base point,

        p(x) = mean over k of  N(R(−θ_k − twist·|x|) x; (mean, 0), diag(radial_std², std²)).
    """

    arms: int = 5
    mean: float = 2.2
    radial_std: float = 0.6
    twist: float = 0.5  # radians per data unit

    @property
    def half_width(self) -> float:
        return round_up(max(self.mean + 3.5 * max(self.radial_std, self.std), 5.0))

    def log_prob(self, x: Tensor) -> Tensor:
        angles = 2 * math.pi / self.arms * torch.arange(self.arms).to(x)
        r = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        y0, y1 = _turn(x[..., :1], x[..., 1:], -(angles + self.twist * r)).unbind(-1)  # (..., arms) each
        squares = ((y0 - self.mean) / self.radial_std) ** 2 + (y1 / self.std) ** 2
        log_area = math.log(2 * math.pi * self.arms) + math.log(self.radial_std) + math.log(self.std)
        return torch.logsumexp(-0.5 * squares, -1) - log_area

    def _points(self, choice: Tensor, noise: Tensor) -> Tensor:
        y0, y1 = self.mean + self.radial_std * noise[..., 0], self.std * noise[..., 1]
        angle = index_of(choice[..., 0], self.arms).to(noise) * (2 * math.pi / self.arms)
        return _turn(y0, y1, angle + self.twist * torch.hypot(y0, y1))


@dataclass(frozen=True, eq=False)
class Checkerboard(Target):
    """Uniform over the 8 dark squares (i + j even, side 2) of a 4 × 4 board on [−4, 4]², blurred by ``std``.

    The interval [a, a + 2] blurred has density [Φ((x − a)/s) − Φ((x − a − 2)/s)] / 2; a square is a product.
    """

    def log_prob(self, x: Tensor) -> Tensor:
        left = 2.0 * torch.arange(4).to(x) - 4.0
        upper, lower = (x[..., None] - left) / self.std, (x[..., None] - left - 2.0) / self.std
        # Φ(u) − Φ(l) = Φ(−l) − Φ(−u): take the side where both are small; near 1 the difference would cancel
        flip = upper + lower > 0
        upper, lower = torch.where(flip, -lower, upper), torch.where(flip, -upper, lower)
        log_upper = _log_cdf(upper)
        log_mass = log_upper + torch.log(-torch.expm1(_log_cdf(lower) - log_upper))  # (..., 2, 4): axis, strip
        column, row = zip(*[(i, j) for i in range(4) for j in range(4) if (i + j) % 2 == 0], strict=True)
        squares = log_mass[..., 0, column] + log_mass[..., 1, row]
        return torch.logsumexp(squares, -1) - math.log(32.0)  # 8 squares of area 4

    def _points(self, choice: Tensor, noise: Tensor) -> Tensor:
        column, pair = index_of(choice[..., 0], 4), index_of(choice[..., 1], 2)
        # u0 runs along the whole width; u1 along the two dark squares of that column, their gap put back in
        x = 8 * choice[..., 0] - 4
        y = 4 * choice[..., 1] + 2 * (pair + column % 2).to(noise) - 4
        return torch.stack([x, y], -1) + self.std * noise


def _log_cdf(u: Tensor) -> Tensor:
    """log Φ(u). torch's own is as exact, but its gradient cancels to noise or nan some 1e4 std away."""
    tail = torch.log(torch.special.erfcx(-u.clamp(max=-1) / math.sqrt(2)) / 2) - u**2 / 2
    return torch.where(u < -1, tail, torch.special.log_ndtr(u.clamp(min=-1)))


def _polar(radius: Tensor, angle: Tensor) -> Tensor:
    return torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], -1)


def _turn(x: Tensor, y: Tensor, angle: Tensor) -> Tensor:
    """(x, y) turned by ``angle`` radians, counter-clockwise; broadcasts; coordinates on the last axis."""
    c, s = torch.cos(angle), torch.sin(angle)
    return torch.stack([c * x - s * y, s * x + c * y], -1)
