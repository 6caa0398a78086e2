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
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from settings import is_file
from streams import Streams
from userdata import SMOOTH, DataError, Grid, Points, read


class Modes(NamedTuple):
    """A mixture's peaks: isotropic Gaussians, all of one std."""

    centres: np.ndarray  # (K, 2) float64, data units
    weights: np.ndarray  # (K,) float64, sums to 1
    std: float  # of each coordinate, data units


@dataclass(frozen=True, eq=False)
class Target:
    """A real distribution. ``std`` is the Gaussian part's standard deviation in data units, > 0.

    Subclasses give ``_points`` (samples), ``log_prob`` (density) and ``half_width``.
    """

    name: str  # the mode name
    std: float

    @property
    def modes(self) -> Modes | None:
        """Centres, weights and std of the peaks, or None where the target has none."""
        return None

    @property
    def uses_choice(self) -> bool:
        """False if ``transform`` ignores ``choice``: pass None, and skip that draw."""
        return True

    @property
    def half_width(self) -> float:
        """Plots show [-half_width, half_width]²; a multiple of 0.5. Holds 99.9 % of a toy shape."""
        # the clean shape lies in [-4, 4]², and P(|n0| or |n1| > 3.5) < 0.00094
        return _round_up(4.0 + max(3.5 * self.std, 1.0))

    def transform(self, choice: Tensor | None, noise: Tensor) -> Tensor:
        """Points (..., 2) of ``choice`` (..., 2), uniform in [0, 1), and ``noise`` (..., 2), N(0, 1).

        Deterministic; dtype and device are those of ``noise``. Raises ``ValueError`` if ``choice`` is None
        and the target uses it.
        """
        if not self.uses_choice:
            choice = torch.zeros_like(noise)
        elif choice is None:
            raise ValueError(f"target {self.name} needs choice")
        return self._points(choice.to(noise), noise)

    def sample(self, n: int, choice: Streams, noise: Streams) -> Tensor:
        """n points for each member of the streams: (member, n, 2) float32, on the CPU."""
        uniforms = torch.from_numpy(choice.uniform(n, 2)) if self.uses_choice else None
        return self.transform(uniforms, torch.from_numpy(noise.normal(n, 2)))

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (..., 2) -> (...), in x's dtype (pass float64); differentiable; never nan."""
        raise NotImplementedError

    def _points(self, choice: Tensor, noise: Tensor) -> Tensor:
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Mixture(Target):
    """Equal-weight isotropic Gaussians: p(x) = (1/K) Σ_k N(x; μ_k, std² I)."""

    centres: tuple[tuple[float, float], ...]

    @cached_property
    def _centres(self) -> Tensor:
        return torch.tensor(self.centres, dtype=torch.float64)

    @property
    def modes(self) -> Modes:
        k = len(self.centres)
        return Modes(np.array(self.centres, np.float64), np.full(k, 1 / k), self.std)

    @property
    def uses_choice(self) -> bool:
        return len(self.centres) > 1

    @property
    def half_width(self) -> float:
        return _round_up(float(self._centres.abs().max()) + max(3.2 * self.std, 1.5))

    def log_prob(self, x: Tensor) -> Tensor:
        k = len(self.centres)
        log_weights = torch.full((k,), -math.log(k), dtype=torch.float64)
        return _log_gaussians(x, self._centres, log_weights, self.std)

    def _points(self, choice: Tensor, noise: Tensor) -> Tensor:
        index = _index(choice[..., 0], len(self.centres))
        centres = _constant(self.centres, noise.dtype, noise.device)
        return torch.nn.functional.embedding(index, centres) + self.std * noise  # a third of centres[index]'s time


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
        return _log_gaussians(x, *self._nodes, self.std)

    def _points(self, choice: Tensor, noise: Tensor) -> Tensor:
        arm = _index(choice[..., 0], self.arms).to(noise)
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
        radii = _constant(self.radii, noise.dtype, noise.device)[_index(choice[..., 0], len(self.radii))]
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
        return _round_up(max(self.mean + 3.5 * max(self.radial_std, self.std), 5.0))

    def log_prob(self, x: Tensor) -> Tensor:
        angles = 2 * math.pi / self.arms * torch.arange(self.arms).to(x)
        r = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        y0, y1 = _turn(x[..., :1], x[..., 1:], -(angles + self.twist * r)).unbind(-1)  # (..., arms) each
        squares = ((y0 - self.mean) / self.radial_std) ** 2 + (y1 / self.std) ** 2
        log_area = math.log(2 * math.pi * self.arms) + math.log(self.radial_std) + math.log(self.std)
        return torch.logsumexp(-0.5 * squares, -1) - log_area

    def _points(self, choice: Tensor, noise: Tensor) -> Tensor:
        y0, y1 = self.mean + self.radial_std * noise[..., 0], self.std * noise[..., 1]
        angle = _index(choice[..., 0], self.arms).to(noise) * (2 * math.pi / self.arms)
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
        column, pair = _index(choice[..., 0], 4), _index(choice[..., 1], 2)
        # u0 runs along the whole width; u1 along the two dark squares of that column, their gap put back in
        x = 8 * choice[..., 0] - 4
        y = 4 * choice[..., 1] + 2 * (pair + column % 2).to(noise) - 4
        return torch.stack([x, y], -1) + self.std * noise


@dataclass(frozen=True, eq=False)
class Scatter(Target):
    """Equal Gaussians around a user's points: a kernel density estimate, p(x) = (1/K) Σ_k N(x; x_k, std² I).

    It has no modes: a point is not a peak.
    """

    points: Points

    @property
    def note(self) -> str:
        """Where the target comes from, for people."""
        return self.points.note

    @cached_property
    def _centres(self) -> _Copies:
        return _Copies(torch.from_numpy(self.points.centres))

    @property
    def uses_choice(self) -> bool:
        return len(self.points.centres) > 1

    @property
    def half_width(self) -> float:
        return _round_up(float(np.abs(self.points.centres).max()) + max(3.5 * self.std, 1.0))

    def log_prob(self, x: Tensor) -> Tensor:
        k = len(self.points.centres)
        log_weights = torch.full((k,), -math.log(k), dtype=torch.float64)
        return _log_gaussians(x, self._centres.original, log_weights, self.std)

    def _points(self, choice: Tensor, noise: Tensor) -> Tensor:
        centres = self._centres.like(noise)
        return torch.nn.functional.embedding(_index(choice[..., 0], len(centres)), centres) + self.std * noise


@dataclass(frozen=True, eq=False)
class Raster(Target):
    """Gaussians at the cells of a grid, weighted by their mass: p(x) = Σ_ij w_ij N(x₀; X_i, std²) N(x₁; Y_j, std²).

    As each Gaussian is a product, the sum is a bilinear form, aᵀ W b, of the bells of both coordinates: 256² terms at
    the price of a product of matrices. Bells are taken relative to the largest along their coordinate, and below
    e^−340 of it as that, so nothing underflows and the sum's relative error is below e^−40 where the sum is above
    e^−300. Where it is not, far from all mass, only the Gaussians about the nearest one are added (`_log_far`), and
    those left out are together below e^−28 = 7e-13 of the sum.
    """

    grid: Grid

    @property
    def note(self) -> str:
        """Where the target comes from, for people."""
        return self.grid.note

    @cached_property
    def _support(self) -> tuple[Tensor, Tensor, Tensor]:
        """The grid without empty rims: mass (I, J), the centres' coordinates (I,) and (J,); float64."""
        spans = [np.flatnonzero(self.grid.mass.any(axis=1 - axis)) for axis in (0, 1)]
        i, j = (np.arange(held[0], held[-1] + 1) for held in spans)
        x, y = (first + self.grid.side * k for first, k in zip(self.grid.first, (i, j), strict=True))
        return torch.from_numpy(self.grid.mass[np.ix_(i, j)]), torch.from_numpy(x), torch.from_numpy(y)

    @property
    def half_width(self) -> float:
        _, x, y = self._support
        return _round_up(max(float(v.abs().max()) for v in (x, y)) + max(3.5 * self.std, 1.0))

    def log_prob(self, x: Tensor) -> Tensor:
        blocks = [self._log_sum(block) for block in x.reshape(-1, 2).double().cpu().split(1024)]
        log_p = torch.cat(blocks) - math.log(2 * math.pi) - 2 * math.log(self.std)
        return log_p.reshape(x.shape[:-1]).to(x)

    def _log_sum(self, x: Tensor) -> Tensor:
        """log Σ w exp(−|x − centre|² / 2 std²) at points (n, 2): (n,)."""
        mass, *lines = self._support
        (across, a), (up, b) = (self._bells(x[:, k : k + 1], line) for k, line in enumerate(lines))
        total = ((across @ mass) * up).sum(-1)
        far = total <= math.exp(-300)
        if not far.any():
            return total.log() + a + b
        log_sum = torch.where(far, 1.0, total).log() + a + b
        return log_sum.index_put((far.nonzero().squeeze(-1),), self._log_far(x[far]))

    def _bells(self, x: Tensor, line: Tensor) -> tuple[Tensor, Tensor]:
        """exp(−(x − c)² / 2 std²) at x (n, 1) for each c of a line (I,), over e^top: (n, I), and top ≤ 0, (n,)."""
        inside = torch.minimum(torch.maximum(x, line[0]), line[-1])
        # (x − c)² − (x − inside)², by its factors: nothing cancels however far away x is
        squares = (inside - line) * (2 * x - line - inside)
        top = -0.5 * ((x - inside) / self.std) ** 2
        return torch.exp(-(squares / (2 * self.std**2)).clamp(max=340)), top.squeeze(-1)

    @cached_property
    def _far(self) -> tuple[Any, Tensor, Tensor]:
        """The cells that have mass: a tree of their centres, these (K, 2), and log mass (K,)."""
        from scipy.spatial import cKDTree

        mass, x, y = self._support
        i, j = mass.nonzero(as_tuple=True)
        centres = torch.stack([x[i], y[j]], -1)
        return cKDTree(centres.numpy()), centres, mass[i, j].log()

    def _log_far(self, x: Tensor) -> Tensor:
        """`_log_sum` by the nearest Gaussians alone.

        With d the distance of the nearest and w its weight, what lies beyond r adds less than exp(−r² / 2 std²) to at
        least w exp(−d² / 2 std²): so r² = d² + 2 std² (28 − log w) will do.
        """
        tree, centres, log_mass = self._far
        at = x.detach().numpy()
        distance, nearest = tree.query(at)
        reach = np.sqrt(distance**2 + 2 * self.std**2 * (28 - log_mass.numpy()[nearest]))
        # there d² / 2 std² is no longer told from r² / 2 std², and log w is nothing beside it
        reach[distance > 1e8 * self.std] = -1
        sums = []
        for start in range(0, len(at), 32):  # few at a time: each may have all cells as neighbours
            part = slice(start, start + 32)
            found = tree.query_ball_point(at[part], reach[part])
            found = [near or [k] for near, k in zip(found, nearest[part], strict=True)]
            owner = torch.arange(len(found)).repeat_interleave(torch.tensor([len(near) for near in found]))
            cell = torch.from_numpy(np.concatenate(found).astype(np.int64))
            squares = (x[part][owner] - centres[cell]).square().sum(-1)
            terms = log_mass[cell] - squares / (2 * self.std**2)
            top = torch.full((len(found),), -math.inf, dtype=terms.dtype)
            top = top.scatter_reduce(0, owner, terms.detach(), "amax")
            total = torch.zeros_like(top).index_add(0, owner, (terms - top[owner]).exp())
            sums.append(total.log() + top)
        return torch.cat(sums)

    @cached_property
    def _cumulative(self) -> tuple[_Copies, _Copies]:
        """Of the columns' mass (I,); and of the mass within each column, plus the column's index, in one row (I J,)."""
        mass = self._support[0]
        columns, cells = mass.sum(1).cumsum(0), mass.cumsum(1)
        within = torch.where(cells[:, -1:] > 0, cells / cells[:, -1:], 1.0)  # an empty column is never asked for
        return _Copies(columns / columns[-1]), _Copies((torch.arange(len(mass))[:, None] + within).ravel())

    @cached_property
    def _lines(self) -> tuple[_Copies, _Copies]:
        _, x, y = self._support
        return _Copies(x), _Copies(y)

    def _points(self, choice: Tensor, noise: Tensor) -> Tensor:
        # the first uniform chooses a column, the second a cell in it. In float64: 1 − 2⁻²⁴ plus an index would round up
        u = choice.double().clamp(max=1 - 2**-40)
        columns, cells = (c.like(u) for c in self._cumulative)
        x, y = (line.like(noise) for line in self._lines)
        column = torch.searchsorted(columns, u[..., 0].contiguous(), right=True)
        cell = torch.searchsorted(cells, column + u[..., 1], right=True)
        return torch.stack([x[column], y[cell - len(y) * column]], -1) + self.std * noise


class _Copies:
    """A tensor on every device and in every type that it is asked for in, each made once: as `_constant`."""

    def __init__(self, original: Tensor) -> None:
        self.original = original
        self._made: dict[tuple[torch.dtype, torch.device], Tensor] = {}

    def like(self, other: Tensor) -> Tensor:
        key = other.dtype, other.device
        if key not in self._made:
            self._made[key] = self.original.to(*key[::-1])
        return self._made[key]


def _log_cdf(u: Tensor) -> Tensor:
    """log Φ(u). torch's own is as exact, but its gradient cancels to noise or nan some 1e4 std away."""
    tail = torch.log(torch.special.erfcx(-u.clamp(max=-1) / math.sqrt(2)) / 2) - u**2 / 2
    return torch.where(u < -1, tail, torch.special.log_ndtr(u.clamp(min=-1)))


def _log_gaussians(x: Tensor, centres: Tensor, log_weights: Tensor, std: float) -> Tensor:
    """log Σ_k w_k N(x; centre_k, std² I): x (..., 2), centres (K, 2), log_weights (K,) -> (...)."""
    scale = math.sqrt(2) * std
    flat, log_w = x.reshape(-1, 2) / scale, log_weights.to(x)
    c0, c1 = (centres.to(x) / scale).unbind(-1)
    # blocks of 512 kB: memory stays bounded, and the passes over one block stay in the cache
    blocks = [
        _logsumexp(log_w - (b[:, :1] - c0) ** 2 - (b[:, 1:] - c1) ** 2) for b in flat.split(max(1, 2**16 // len(c0)))
    ]
    return torch.cat(blocks).reshape(x.shape[:-1]) - math.log(2 * math.pi) - 2 * math.log(std)


def _logsumexp(terms: Tensor) -> Tensor:
    """torch.logsumexp over the last axis, many times faster where most terms are far below the largest.

    exp is slow (20 to 70 times) where it underflows; e^-80 beside the largest term's 1 is already nothing.
    """
    top = terms.detach().amax(-1, keepdim=True).clamp(min=torch.finfo(terms.dtype).min)
    return torch.log((terms - top).clamp(min=-80).exp().sum(-1)) + top.squeeze(-1)


@cache
def _constant(values: tuple[Any, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """The values as a tensor, copied to the device once: a copy inside a CUDA graph would wait for the host."""
    return torch.tensor(values, dtype=dtype, device=device)


def _index(u: Tensor, k: int) -> Tensor:
    """floor(u·k), an equally likely index in 0..k−1; u·k can round up to k, hence the clamp."""
    return (u * k).long().clamp(max=k - 1)


def _polar(radius: Tensor, angle: Tensor) -> Tensor:
    return torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], -1)


def _turn(x: Tensor, y: Tensor, angle: Tensor) -> Tensor:
    """(x, y) turned by ``angle`` radians, counter-clockwise; broadcasts; coordinates on the last axis."""
    c, s = torch.cos(angle), torch.sin(angle)
    return torch.stack([c * x - s * y, s * x + c * y], -1)


def _round_up(width: float) -> float:
    return math.ceil(2 * width) / 2


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


def make_target(mode: str, std: float | None = None) -> Target:
    """The target called ``mode``, at its default std or the one given (data units); always the same object.

    A mode that ends in .csv or .png is a user's file (docs/targets.md), read again when it has changed. Raises
    ``ValueError`` for an unknown mode, for a std that is not a finite number > 0, and, as `DataError`, for a file
    that no target can be made of.
    """
    if mode not in TARGETS and is_file(mode):
        return _of_file(mode, std)
    if mode not in TARGETS:
        raise ValueError(f"unknown mode {mode!r}: choose from {', '.join(TARGETS)}, or a file: NAME.csv, NAME.png")
    if std is None:
        std = TARGETS[mode].std
    if not (math.isfinite(std) and std > 0):
        raise ValueError(f"std must be a finite number > 0, not {std}")
    return _build(mode, float(std))


@cache
def _build(mode: str, std: float) -> Target:
    return TARGETS[mode].factory(std)


def _of_file(path: str, std: float | None) -> Target:
    data = read(path)
    std = data.std if std is None else float(std)
    if std is None:
        raise DataError(f"{path}: all points are at one place; give a std, nothing else says how wide they are")
    if not (math.isfinite(std) and std > 0):
        raise ValueError(f"std must be a finite number > 0, not {std}")
    if isinstance(data, Grid) and std < SMOOTH * data.side * (1 - 1e-9):  # the grid would show
        raise ValueError(f"std of {path} must be at least {SMOOTH * data.side:.3g}, not {std}")
    return _build_from(path, data, std)


@lru_cache(maxsize=64)
def _build_from(path: str, data: Points | Grid, std: float) -> Target:
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

    ``std`` is in data units, ``variance`` its square. Points come from streams private to this module (seed
    0) or from ``streams``, the (choice, noise) pair of one member; no global generator is touched. Raises
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
