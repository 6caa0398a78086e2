"""Targets from a user's own files: points, a picture, a mixture of Gaussians.

What `user_files` reads becomes a distribution here: a Gaussian about each point or cell, or the mixture as it is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dynamics.targets.cell_grid import Grid
from dynamics.targets.densities import Copies, Modes, Target, index_of, log_gaussians, logsumexp, round_up
from dynamics.targets.mixture_files import Blend
from dynamics.targets.point_files import PointCloud
from dynamics.targets.user_units import Placing


@dataclass(frozen=True, eq=False)
class Scatter(Target):
    """Equal Gaussians around a user's points: a kernel density estimate, p(x) = (1/K) Σ_k N(x; x_k, std² I).

    It has no modes: a point is not a peak.
    """

    points: PointCloud

    @property
    def placing(self) -> Placing:
        return self.points.placing

    @property
    def note(self) -> str:
        return self.points.note

    @cached_property
    def _centres(self) -> Copies:
        return Copies(torch.from_numpy(self.points.centres))

    @property
    def uses_choice(self) -> bool:
        return len(self.points.centres) > 1

    @property
    def half_width(self) -> float:
        return round_up(float(np.abs(self.points.centres).max()) + max(3.5 * self.std, 1.0))

    def log_prob(self, x: Tensor) -> Tensor:
        k = len(self.points.centres)
        log_weights = torch.full((k,), -math.log(k), dtype=torch.float64)
        return log_gaussians(x, self._centres.original, log_weights, self.std)

    def _points(self, choice: Tensor, noise: Tensor) -> Tensor:
        centres = self._centres.like(noise)
        return torch.nn.functional.embedding(index_of(choice[..., 0], len(centres)), centres) + self.std * noise


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
    def placing(self) -> Placing:
        return self.grid.placing

    @property
    def note(self) -> str:
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
        return round_up(max(float(v.abs().max()) for v in (x, y)) + max(3.5 * self.std, 1.0))

    def log_prob(self, x: Tensor) -> Tensor:
        blocks = [self._log_sum(block) for block in x.reshape(-1, 2).double().cpu().split(1024)]
        log_p = torch.cat(blocks) - math.log(2 * math.pi) - 2 * math.log(self.std)
        return log_p.reshape(x.shape[:-1]).to(x)

    def _log_sum(self, x: Tensor) -> Tensor:
        """log Σ w exp(−|x − centre|² / 2 std²) at points (n, 2): (n,)."""
        mass, *lines = self._support
        (across, a), (up, b) = (self._bells(x[:, k : k + 1], line) for k, line in enumerate(lines))
        total = ((across @ mass) * up).sum(-1)
        beyond = total <= math.exp(-300)
        if not beyond.any():
            return total.log() + a + b
        log_sum = torch.where(beyond, 1.0, total).log() + a + b
        return log_sum.index_put((beyond.nonzero().squeeze(-1),), self._log_far(x[beyond]))

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
            neighbours = tree.query_ball_point(at[part], reach[part])
            neighbours = [near or [k] for near, k in zip(neighbours, nearest[part], strict=True)]
            owner = torch.arange(len(neighbours)).repeat_interleave(torch.tensor([len(near) for near in neighbours]))
            cell = torch.from_numpy(np.concatenate(neighbours).astype(np.int64))
            squares = (x[part][owner] - centres[cell]).square().sum(-1)
            terms = log_mass[cell] - squares / (2 * self.std**2)
            top = torch.full((len(neighbours),), -math.inf, dtype=terms.dtype)
            top = top.scatter_reduce(0, owner, terms.detach(), "amax")
            total = torch.zeros_like(top).index_add(0, owner, (terms - top[owner]).exp())
            sums.append(total.log() + top)
        return torch.cat(sums)

    @cached_property
    def _cumulative(self) -> tuple[Copies, Copies]:
        """Of the columns' mass (I,); and of the mass within each column, plus the column's index, in one row (I J,)."""
        mass = self._support[0]
        columns, cells = mass.sum(1).cumsum(0), mass.cumsum(1)
        within = torch.where(cells[:, -1:] > 0, cells / cells[:, -1:], 1.0)  # an empty column is never asked for
        return Copies(columns / columns[-1]), Copies((torch.arange(len(mass))[:, None] + within).ravel())

    @cached_property
    def _lines(self) -> tuple[Copies, Copies]:
        _, x, y = self._support
        return Copies(x), Copies(y)

    def _points(self, choice: Tensor, noise: Tensor) -> Tensor:
        # the first uniform chooses a column, the second a cell in it. In float64: 1 − 2⁻²⁴ plus an index would round up
        u = choice.double().clamp(max=1 - 2**-40)
        columns, cells = (c.like(u) for c in self._cumulative)
        x, y = (line.like(noise) for line in self._lines)
        column = torch.searchsorted(columns, u[..., 0].contiguous(), right=True)
        cell = torch.searchsorted(cells, column + u[..., 1], right=True)
        return torch.stack([x[column], y[cell - len(y) * column]], -1) + self.std * noise


@dataclass(frozen=True, eq=False)
class GeneralMixture(Target):
    """Gaussians, each of a weight and covariance of its own: p(x) = Σ_k w_k N(x; μ_k, Σ_k).

    With Σ_k = L_k L_kᵀ, L_k lower triangular, a point is μ_k + L_k noise. ``std`` is the least standard deviation of
    any mode in any direction: p is blurred by N(0, std² I), as the other targets are.
    """

    blend: Blend
    covariances: np.ndarray  # (K, 2, 2) float64, the plane's units

    @property
    def placing(self) -> Placing:
        return self.blend.placing

    @property
    def user_std(self) -> float | None:
        return super().user_std if self.blend.covariances is None else None

    @property
    def note(self) -> str:
        return self.blend.note

    @property
    def modes(self) -> Modes:
        return Modes(self.blend.centres, self.blend.weights, self.covariances)

    @property
    def uses_choice(self) -> bool:
        return len(self.blend.centres) > 1

    @property
    def half_width(self) -> float:
        along = np.sqrt(np.diagonal(self.covariances, axis1=1, axis2=2))  # std along x and y
        return round_up(float((np.abs(self.blend.centres) + np.maximum(3.2 * along, 1.5)).max()))

    @property
    def relief(self) -> Callable[[Tensor], Tensor] | None:
        """Of unequal modes −½ d², d the distance from the nearest in its own std: none is too low to be seen."""
        heights = np.log(self.blend.weights) - np.linalg.slogdet(self.covariances)[1] / 2
        return None if np.ptp(heights) < 1e-9 else self._nearness

    def _nearness(self, x: Tensor) -> Tensor:
        return torch.cat([(-0.5 * s).amax(-1) for s in self._squares(x)]).reshape(x.shape[:-1])

    @cached_property
    def _constants(self) -> tuple[Copies, Copies, Copies, Copies]:
        """Centres (K, 2); L's columns, (l₀₀, l₁₀) (K, 2) and l₁₁ (K, 1); upper ends of the modes' shares (K − 1,)."""
        roots = torch.from_numpy(np.linalg.cholesky(self.covariances))
        shares = torch.from_numpy(self.blend.weights.cumsum()[:-1])
        centres = torch.from_numpy(self.blend.centres)
        return Copies(centres), Copies(roots[:, :, 0].clone()), Copies(roots[:, 1:, 1].clone()), Copies(shares)

    def log_prob(self, x: Tensor) -> Tensor:
        _, first, second, _ = (c.like(x) for c in self._constants)
        log_w = torch.from_numpy(np.log(self.blend.weights)).to(x) - (first[:, 0] * second[:, 0]).log()
        log_p = torch.cat([logsumexp(log_w - 0.5 * s) for s in self._squares(x)])
        return log_p.reshape(x.shape[:-1]) - math.log(2 * math.pi)

    def _squares(self, x: Tensor) -> Iterator[Tensor]:
        """Squared distances (n, K) of points (..., 2) from the modes, in their own std, block by block."""
        centres, first, second, _ = (c.like(x) for c in self._constants)
        (l00, l10), l11 = first.unbind(-1), second.squeeze(-1)
        most = torch.finfo(x.dtype).max ** 0.5  # farther away all is nothing, and differences would not be numbers
        flat = x.reshape(-1, 2).clamp(-most, most)
        for block in flat.split(max(1, 2**16 // len(centres))):
            x0 = (block[:, :1] - centres[:, 0]) / l00
            x1 = (block[:, 1:] - centres[:, 1] - l10 * x0) / l11
            yield x0**2 + x1**2

    def _points(self, choice: Tensor, noise: Tensor) -> Tensor:
        centres, first, second, shares = (c.like(noise) for c in self._constants)
        mode = torch.searchsorted(shares, choice[..., 0].contiguous(), right=True)
        centre, a, b = (torch.nn.functional.embedding(mode, v) for v in (centres, first, second))
        x0 = centre[..., 0] + a[..., 0] * noise[..., 0]
        x1 = centre[..., 1] + (b[..., 0] * noise[..., 1] + a[..., 1] * noise[..., 0])
        return torch.stack([x0, x1], -1)
