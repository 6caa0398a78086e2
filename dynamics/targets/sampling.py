"""Targets: the real 2D distributions, with samples and the exact density.

A target turns randomness from outside into points: ``transform(choice, noise)`` takes two uniforms (which
mode, which place on a curve) and two standard normals a point. Two stds of one target fed the same numbers
thus choose the same places and carry the same noise, scaled: common random numbers. All targets but the
pinwheel (a mixture pushed through an area-preserving twist) are a shape c blurred by an isotropic Gaussian,

    x = c(choice) + std · noise,        p(x) = E_c N(x; c, std² I),

and differ in how the expectation is taken: a finite sum (mixtures, a user's points), quadrature at machine
precision (curves), a Bessel function (circles), differences of normal cdfs (checkerboard), products of
matrices (a user's picture). Log densities are in nats, lengths in data units.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dynamics.base.streams import Streams
from dynamics.settings.modes import LEAST_STD, is_file, is_picture
from dynamics.settings.setting import Setting
from dynamics.targets.densities import Mixture, Target, constant, index_of, log_gaussians, round_up
from dynamics.targets.mixtures import Blend
from dynamics.targets.owntargets import OwnMixture, Raster, Scatter
from dynamics.targets.placing import check_std, named, refused
from dynamics.targets.userdata import SMOOTH, Grid, Points, read


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


def _swiss_roll(arm: Tensor, t: Tensor) -> Tensor:
    """The usual roll: angle a = 1.5π(1 + 2t), radius proportional to a; outer end at radius 4."""
    angle = 1.5 * math.pi * (1 + 2 * t)
    return _polar(angle * (4 / (4.5 * math.pi)), angle)


def _two_moons(arm: Tensor, t: Tensor) -> Tensor:
    """The usual half circles, (cos πt, sin πt) and (1 − cos πt, ½ − sin πt), scaled to |x| ≤ 4, centred."""
    sign = 1 - 2 * arm  # the second moon is the first one turned by half a circle about the middle
    x, y = torch.cos(math.pi * t) - 0.5, torch.sin(math.pi * t) - 0.25
    return torch.stack([sign * x, sign * y], -1) * (8 / 3)


def _spiral(arm: Tensor, t: Tensor) -> Tensor:
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


class TargetEntry(NamedTuple):
    """A line of the registry."""

    factory: Callable[[float], Target]  # std -> target
    std: float  # default, data units
    help: str


_CORNERS = ((2.0, 2.0), (-2.0, 2.0), (-2.0, -2.0), (2.0, -2.0))
_RING = tuple((2 * math.cos(math.pi * k / 4), 2 * math.sin(math.pi * k / 4)) for k in range(8))
_UNIT_RING = tuple((x / 2, y / 2) for x, y in _RING)
_SCALED_RING = tuple((x / 1.414, y / 1.414) for x, y in _RING)
_GRID = tuple((2.0 * i, 2.0 * j) for i in range(-2, 3) for j in range(-2, 3))

TARGETS: dict[str, TargetEntry] = {
    "gaussian": TargetEntry(lambda s: Mixture("gaussian", s, _CORNERS[:1]), 1.2, "one Gaussian at (2, 2)"),
    "mixture": TargetEntry(lambda s: Mixture("mixture", s, _CORNERS[::2]), 1.2, "two Gaussians at (2, 2) and (−2, −2)"),
    "mixture_4": TargetEntry(
        lambda s: Mixture("mixture_4", s, _CORNERS), 0.2, "four Gaussians at the corners (±2, ±2)"
    ),
    "ring_8": TargetEntry(lambda s: Mixture("ring_8", s, _RING), 0.02, "eight Gaussians on a circle of radius 2"),
    "ring_8_unit": TargetEntry(
        lambda s: Mixture("ring_8_unit", s, _UNIT_RING), 0.01, "eight Gaussians on a circle of radius 1"
    ),
    "ring_8_scaled": TargetEntry(
        lambda s: Mixture("ring_8_scaled", s, _SCALED_RING), 0.02 / 1.414, "ring_8 divided by 1.414, its spread along x"
    ),
    "grid_25": TargetEntry(lambda s: Mixture("grid_25", s, _GRID), 0.05, "5 × 5 Gaussians, spacing 2"),
    "swiss_roll": TargetEntry(lambda s: Curve("swiss_roll", s, _swiss_roll), 0.1, "a roll of 1½ turns"),
    "two_moons": TargetEntry(lambda s: Curve("two_moons", s, _two_moons, 2), 0.2, "interlocked half circles"),
    "circles": TargetEntry(lambda s: Circles("circles", s), 0.1, "two circles, of radii 2 and 4"),
    "spiral": TargetEntry(lambda s: Curve("spiral", s, _spiral, 2), 0.1, "two interleaved spiral arms"),
    "pinwheel": TargetEntry(lambda s: Pinwheel("pinwheel", s), 0.2, "five twisted arms, std across them"),
    "checkerboard": TargetEntry(lambda s: Checkerboard("checkerboard", s), 0.05, "eight dark squares, blurred"),
}


def make_target(mode: str, std: float | None = None, *, invert: bool = False) -> Target:
    """The target called ``mode``, at its default std or the one given (data units); always the same object.

    A mode that ends in .csv, .png or .toml is a user's file (docs/targets.md), read again when it has changed; ``std``
    is in the units of its own numbers, the target in those of the plane. With ``invert`` what is light in a picture is
    dense. Raises ``ValueError`` for an unknown mode, for a std that is not a finite number > 0 or that the mode does
    not take, and, as `DataError`, for a file that no target can be made of.
    """
    if invert and not is_picture(mode):
        raise ValueError(f"only a picture can be inverted, not {named(mode)}")
    if mode not in TARGETS and is_file(mode):
        return _of_file(mode, std, invert)
    if mode not in TARGETS:
        files = "NAME.csv, NAME.png, NAME.toml"
        raise ValueError(f"unknown mode {mode!r}: choose from {', '.join(TARGETS)}, or a file: {files}")
    if std is None:
        std = TARGETS[mode].std
    if not (math.isfinite(std) and std > 0):
        raise ValueError(f"std must be a finite number > 0, not {std}")
    return _build(mode, float(std))


def target_for(setting: Setting) -> Target:
    """The target of a setting. Raises ``ValueError`` as `make_target` does."""
    return make_target(setting.mode, setting.std, invert=bool(setting.invert))


@cache
def _build(mode: str, std: float) -> Target:
    return TARGETS[mode].factory(std)


def _of_file(path: str, own: float | None, invert: bool) -> Target:
    data = read(path, invert=invert)
    if isinstance(data, Blend):
        if data.covariances is not None and own is not None:
            raise ValueError(f"{named(path)} says how wide its modes are; leave --std {own:.4g} out")
        if data.covariances is None and own is None:
            raise refused(path, "has neither stds nor covariances; give a std, nothing else says how wide it is")
    elif own is None and data.std is None:
        raise refused(path, "all points are at one place; give a std, nothing else says how wide they are")
    if own is None:
        return _build_from(path, data, None)
    check_std(path, own, data.placing, SMOOTH * data.side if isinstance(data, Grid) else LEAST_STD)
    return _build_from(path, data, float(own) * data.placing.scale)


@lru_cache(maxsize=64)
def _build_from(path: str, data: Points | Grid | Blend, std: float | None) -> Target:
    """The target of a file; std is the plane's, None for the file's own."""
    if isinstance(data, Blend):
        covariances = data.covariances
        if std is not None:
            covariances = np.broadcast_to(std**2 * np.eye(2), (len(data.centres), 2, 2))
        assert covariances is not None
        least = float(np.sqrt(np.linalg.eigvalsh(covariances).min())) if std is None else std
        return OwnMixture(path, least, data, covariances)
    if std is None:
        assert data.std is not None
        return _build_from(path, data, data.std)
    return Raster(path, std, data) if isinstance(data, Grid) else Scatter(path, std, data)


def draw_real(targets: Sequence[Target], n: int, choice: Streams, noise: Streams) -> Tensor:
    """n real points for every member of a stack: (member, n, 2) float32, on the CPU.

    ``targets[m]`` and row m of the streams are member m's, whose points depend on nobody else. Raises
    ``ValueError`` where the three disagree on the number of members.
    """
    if not len(targets) == len(choice.keys) == len(noise.keys):
        raise ValueError("draw_real needs a target, a choice stream and a noise stream for each member")
    uniforms = torch.from_numpy(choice.uniform(n, 2)) if any(t.uses_choice for t in targets) else None
    points = torch.from_numpy(noise.normal(n, 2))
    # One member after another: the end of an array is computed by other instructions than the rest, with other rounding
    for m, target in enumerate(targets):
        points[m] = target.transform(None if uniforms is None else uniforms[m], points[m])
    return points


_private_streams = (Streams([0], "choice"), Streams([0], "noise"))


def sample_real_data(
    batch_size: int,
    mode: str = "gaussian",
    *,
    std: float | None = None,
    variance: float | None = None,
    device: str | torch.device = "cpu",
    streams: tuple[Streams, Streams] | None = None,
) -> Tensor:
    """A batch of real points, (batch_size, 2) float32; successive calls give fresh ones.

    ``std`` is in data units, ``variance`` its square; of a user's own points in theirs, though the batch lies in the
    plane that networks train in (`make_target(mode).placing` leads back). Points come from streams private to this
    module (seed 0) or from ``streams``, the (choice, noise) pair of one member; no global generator is touched. Raises
    ``ValueError`` for batch_size < 1, an unknown mode, both std and variance, or one not finite and > 0.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")
    if variance is not None:
        if std is not None:
            raise ValueError("give std or variance, not both")
        if not (math.isfinite(variance) and variance > 0):
            raise ValueError(f"variance must be a finite number > 0, not {variance}")
        std = math.sqrt(variance)
    return draw_real([make_target(mode, std)], batch_size, *(streams or _private_streams))[0].to(device)
