"""The plane cut into cells that fit a target, and what the target has in each.

**The cells** are the leaves of a quadtree over the target's window, `[−half_width, half_width]²`, cut for each target
once: a square is cut in four while it is more than 1/32 of the window wide, holds more than 1/400 of the target, or
(its share of the target) × (variance of log p_data in it), what is lost by merging it, is above 2·10⁻⁵. A regular grid
fine enough for modes of std 0.02 would have 10⁵ cells; cells of equal true probability (those of `metrics.score`)
would put all of a scattered generator into one. The border cells reach to infinity. The finest are 1/2048 of the
window: 0.17 std of `ring_8` at its default of 0.02, and at most 0.54 std at the smallest std a setting takes, 0.01. A
target's divergence from itself at √2 times its std, 0.05 to 0.1 nats, loses less than 0.004 by them at every default
std; circles and pinwheel lose 0.013 at std 0.01. These fit the target; where G is narrower than it, they are too
coarse for G. So for each G a cell in which more than 100 points of its mesh land is cut in four again, up to four
times, with p from log p_data as a polynomial through the cell's 3 × 3 points. And where G is wider, they are too fine:
in a square of the tree with less than 8 points g is shared by area, as few points say more of where the mesh has them
than of G.

**Their masses** p are taken by 3 × 3 Gauss–Legendre points of the exact density in each cell, and 18 or 36 beyond the
window for each border cell, normalised to 1.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import special

from dynamics.targets.densities import Target

_COARSEST, _FINEST = 5, 11  # levels of the quadtree: 2^level cells a side
_MASS, _LOSS = 1 / 400, 2e-5  # a cell is cut above either
_FEW = 8  # fewer points in a square do not tell how its mass lies in it
_NODES3, _WEIGHTS3 = np.polynomial.legendre.leggauss(3)


@dataclass(frozen=True)
class Squares:
    """C squares of the plane, and what a target has in them. Lengths in data units, `log_p` in nats."""

    centre: np.ndarray  # (C, 2)
    side: np.ndarray  # (C,)
    log_nodes: np.ndarray  # (C, 3, 3) log p_data at Gauss–Legendre points of the square, [along x, along y]
    p: np.ndarray  # (C,) the target's mass
    log_p: np.ndarray  # (C,) its logarithm, which underflows nowhere
    moment: np.ndarray  # (C, 2) mass × its mean position
    anchor: np.ndarray  # (C, 2) a place in the cell,
    log_anchor: np.ndarray  # (C,) log (p_data × the cell's area) there
    slope: np.ndarray  # (C, 2) of log p_data at the centre

    def points(self, g: np.ndarray, moment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Centre of mass (C, 2) of p + g, and log (p_data there × the cell's area), (C,).

        log p_data is taken to first order about the anchor: the mean position, with the mean density, where log p_data
        varies by less than 2 over the cell; else the centre, with the density there.
        """
        total = (self.p + g)[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            points = np.where(total > 0, (self.moment + moment) / total, self.centre)
        return points, self.log_anchor + ((points - self.anchor) * self.slope).sum(-1)

    def only(self, which: np.ndarray) -> Squares:
        """Those of an index or a mask."""
        return Squares(*(getattr(self, field.name)[which] for field in dataclasses.fields(self)))

    def quarters(self) -> Squares:
        """Each cut in four: (4 C), with those of a square in a row, y the faster. Together they have its mass."""
        log_nodes = (self.log_nodes.reshape(-1, 9) @ _QUARTERS).reshape(-1, 3, 3)
        centre = self.centre[:, None] + np.array(_CORNERS) * (self.side / 4)[:, None, None]
        log_mass, mean = _integrated(centre.reshape(-1, 2), side := np.repeat(self.side / 2, 4), log_nodes)
        log_mass = log_mass.reshape(-1, 4)
        top = log_mass.max(1, keepdims=True)
        log_mass += self.log_p[:, None] - top - np.log(np.exp(log_mass - top).sum(1, keepdims=True))
        return _described(centre.reshape(-1, 2), side, log_nodes, log_mass.ravel(), mean)


_CORNERS = ((-1, -1), (-1, 1), (1, -1), (1, 1))
# (9, 36): from values at a square's points those at its quarters', by their polynomial, which is of degree 2 along x
# and along y
_LINE = np.linalg.inv(np.vander(_NODES3, increasing=True))
_HALVES = np.stack([np.vander(half + _NODES3 / 2, 3, increasing=True) @ _LINE for half in (-0.5, 0.5)])
_QUARTERS = np.einsum("aij,blk->jkabil", _HALVES, _HALVES).reshape(9, 36)


def _integrated(centre: np.ndarray, side: np.ndarray, log_nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The log mass (C,) of squares with log p_data (C, 3, 3) at their points, and its mean position (C, 2)."""
    top = log_nodes.max((1, 2))
    share = np.exp(log_nodes - top[:, None, None]) * np.outer(_WEIGHTS3, _WEIGHTS3)
    total = share.sum((1, 2))
    mean = centre + (side / (2 * total))[:, None] * (share.reshape(-1, 9) @ _OFFSETS.reshape(9, 2))
    return np.log(total / 4) + top + 2 * np.log(side), mean


_OFFSETS = np.stack(np.meshgrid(_NODES3, _NODES3, indexing="ij"), -1)  # (3, 3, 2), of half a side


def _described(
    centre: np.ndarray, side: np.ndarray, log_nodes: np.ndarray, log_mass: np.ndarray, mean: np.ndarray
) -> Squares:
    """Squares with a log mass (C,) and its mean position (C, 2)."""
    p, step = np.exp(log_mass), _NODES3[2] * side
    across, up = log_nodes[:, 2, 1] - log_nodes[:, 0, 1], log_nodes[:, 1, 2] - log_nodes[:, 1, 0]
    slope = np.stack([across, up], -1) / step[:, None]
    even = np.abs(slope).sum(1) * side < 2
    anchor = np.where(even[:, None], mean, centre)
    log_anchor = np.where(even, log_mass, log_nodes[:, 1, 1] + 2 * np.log(side))
    return Squares(centre, side, log_nodes, p, log_mass, p[:, None] * mean, anchor, log_anchor, slope)


@dataclass(frozen=True)
class Cells:
    """C squares that fit a target, with all of its mass: those at the border have what lies beyond it next to them."""

    half_width: float
    table: np.ndarray  # (R, R) uint16: cell of each pixel of the window, [column, row]
    squares: Squares
    closed: np.ndarray  # (C,) whether a cell ends at its four sides
    tree: Sequence[tuple[np.ndarray, np.ndarray]]  # by level: of what is cut its parent, of cells theirs; -1: none

    @property
    def centre(self) -> np.ndarray:
        return self.squares.centre

    @property
    def side(self) -> np.ndarray:
        return self.squares.side

    @property
    def p(self) -> np.ndarray:
        return self.squares.p

    @property
    def log_p(self) -> np.ndarray:
        return self.squares.log_p

    def of(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Index of the cell of each point, (...) and (...) -> (...); beyond the window, that of the nearest."""
        column, row = self.pixels(x, y)
        return self.table.ravel().take(column * len(self.table) + row)

    def pixels(self, x: np.ndarray, y: np.ndarray, parts: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Column and row of each point's pixel in the table, cut in so many parts a side; the nearest of those there
        are."""
        size = len(self.table) * parts
        scale = size / (2 * self.half_width)
        column, row = (np.clip((v + self.half_width) * scale, 0, size - 1).astype(np.int32) for v in (x, y))
        return column, row

    def evened(self, counts: np.ndarray, mass: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which cells are part of a larger square with few points in it, and the mass that each has of it by its area.

        `counts` and `mass` (C,) are of points in the cells. Of squares within squares the largest such one counts.
        """
        sizes = np.cumsum([0, *(len(of_cells) for _, of_cells in self.tree)])
        cells = [slice(*ends) for ends in itertools.pairwise(sizes)]
        both = np.stack([counts, mass], 1)
        wholes = [np.zeros((0, 2))]  # of the squares that are cut at each level, from the finest
        for (of_cut, of_cells), (wider, _), level_cells in zip(
            self.tree[:0:-1], self.tree[-2::-1], cells[:0:-1], strict=True
        ):
            parts = (np.concatenate([of_cut, of_cells]), np.concatenate([wholes[-1], both[level_cells]]))
            wholes.append(np.stack([np.bincount(parts[0], v, len(wider)) for v in parts[1].T], 1))
        density = np.zeros(0)  # of the squares cut at a level, where it is to be even; else NaN
        even = np.full(len(mass), np.nan)
        side = 2 * self.half_width / 2**_COARSEST
        for (of_cut, of_cells), whole, level_cells in zip(self.tree, wholes[::-1], cells, strict=True):
            wider = np.append(density, np.nan)  # at -1: what has no parent
            even[level_cells] = wider[of_cells]
            spread = np.where(whole[:, 0] < _FEW, whole[:, 1] / side**2, np.nan)
            density = np.where(np.isnan(wider[of_cut]), spread, wider[of_cut])
            side /= 2
        which = np.flatnonzero(~np.isnan(even))
        return which, even[which] * self.side[which] ** 2


@functools.lru_cache(maxsize=64)
def cells(target: Target) -> Cells:
    """The cells of a target: see the module's docstring."""
    base = torch.quasirandom.SobolEngine(4, scramble=True, seed=0).draw_base2(15, dtype=torch.float64)
    noise = torch.special.ndtri(base[:, 2:].clamp(1e-12, 1 - 1e-12))
    drawn = target.transform(base[:, :2], noise)
    log_density = target.log_prob(drawn).numpy()
    width = target.half_width
    unit = np.clip((drawn.numpy() + width) / (2 * width), 0, 1 - 1e-12)

    corner = np.stack(np.meshgrid(*[np.arange(2**_COARSEST)] * 2, indexing="ij"), -1).reshape(-1, 2)
    leaves: list[tuple[int, np.ndarray]] = []
    tree, parent = [], np.full(len(corner), -1)
    for level in range(_COARSEST, _FINEST + 1):
        size = 2**level
        key = (unit * size).astype(np.int64) @ [size, 1]
        count = np.bincount(key, minlength=size**2)
        mean, square = (np.bincount(key, v, size**2) for v in (log_density, log_density**2))
        lost = square - mean**2 / np.maximum(count, 1)  # count × variance
        cut = ((count > _MASS * len(unit)) | (lost > _LOSS * len(unit)))[corner @ [size, 1]] & (level < _FINEST)
        leaves.append((level, corner[~cut]))
        tree.append((parent[cut], parent[~cut]))
        parent = np.repeat(np.arange(np.count_nonzero(cut)), 4)
        corner = (2 * corner[cut][:, None] + np.array([[0, 0], [0, 1], [1, 0], [1, 1]])).reshape(-1, 2)
        if not len(corner):
            break
    depth = leaves[-1][0]
    size = 2**depth
    table = np.empty((size, size), np.uint16)
    index = 0
    for level, corners in leaves:
        wide = 2 ** (depth - level)
        for column, row in corners * wide:
            table[column : column + wide, row : row + wide] = index
            index += 1
    side = np.concatenate([np.full(len(corners), 2 * width / 2**level) for level, corners in leaves])
    centre = np.concatenate([(corners + 0.5) * (2 * width / 2**level) - width for level, corners in leaves])

    at = centre[:, None, None] + _OFFSETS * (side / 2)[:, None, None, None]
    log_nodes = target.log_prob(torch.from_numpy(at)).numpy()
    log_mass, mean = _integrated(centre, side, log_nodes)
    # which way a cell is open, in x and in y: -1, 0 or 1
    way = np.sign(centre) * (np.abs(centre) + side[:, None] > width)
    for open_x, open_y in ((1, 0), (0, 1), (1, 1)):
        which = np.flatnonzero((abs(way) >= (open_x, open_y)).all(1))
        beyond, where = _beyond(target, centre[which], side[which], way[which] * (open_x, open_y))
        whole = np.logaddexp(log_mass[which], beyond)
        mean[which] += np.exp(beyond - whole)[:, None] * (where - mean[which])
        log_mass[which] = whole
    log_mass -= special.logsumexp(log_mass)
    return Cells(width, table, _described(centre, side, log_nodes, log_mass, mean), (way == 0).all(1), tree)


def _beyond(target: Target, centre: np.ndarray, side: np.ndarray, way: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What of a target lies beyond sides of its window next to squares there: its log mass (C,), mean position (C, 2).

    `way` (C, 2) is -1 or 1 where a square's strip goes outward in x or y, 0 where it is as wide as the square.
    """
    strip_nodes, share = np.polynomial.legendre.leggauss(6)
    outward = 3 * target.std  # from more than 3 std off all that is blurred by them; little of that is farther yet
    nodes, log_weights = [], []
    for axis in (0, 1):
        if way[:, axis].any():
            edge = centre[:, axis] + way[:, axis] * side / 2
            nodes.append(edge[:, None] + way[:, axis, None] * outward * (1 + strip_nodes) / 2)
            log_weights.append(np.broadcast_to(np.log(share * outward / 2), nodes[-1].shape))
        else:
            nodes.append(centre[:, axis, None] + side[:, None] / 2 * _NODES3)
            log_weights.append(np.log(_WEIGHTS3 * side[:, None] / 2))
    x, y = np.broadcast_arrays(nodes[0][:, :, None], nodes[1][:, None, :])
    at = np.stack([x, y], -1)
    share = target.log_prob(torch.from_numpy(at)).numpy() + log_weights[0][:, :, None] + log_weights[1][:, None, :]
    mean = (special.softmax(share, (1, 2))[..., None] * at).sum((1, 2))
    return special.logsumexp(share, (1, 2)), mean
