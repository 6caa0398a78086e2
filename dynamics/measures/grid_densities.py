"""Densities on a grid, averaged: the target's, a generator's, and either with noise.

p_data is integrated exactly, by Gauss–Legendre points. p_g: for two latent dimensions, the exact masses of N(0, I) in a
mesh of latents, put where G sends them. G is computed on 80 × 80 lines and taken as bilinear in between, and each
rectangle is cut until the images of its parts are at most 0.6 cells apart. For other latent dimensions, 2¹⁵ points of a
Sobol sequence, of equal mass.
"""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
import torch
from scipy import special

from dynamics.games.networks import MLP
from dynamics.measures.pointwise import outputs_at, sobol_latents
from dynamics.targets.densities import Target

NEGLIGIBLE = 0.01  # of an even spread over the window: a density that nothing is shown of
_LINES = 80  # latent mesh: lines on which G is computed
_APART, _PARTS = 0.6, 32  # a rectangle is cut until images are so many cells apart, into up to so many parts a side
_BLOCK = 2**14  # parts at once
_SOBOL = 15  # 2^15 latents where they do not have two dimensions


def with_noise(density: np.ndarray, count: int, parts: int, margin: int, deviation: float) -> np.ndarray:
    """A density on parts of cells, with a margin of cells around the grid, with noise: (R, R), averaged alike.

    The noise's deviation is in sides of a cell.
    """
    spread = _noise_between(count, parts, margin, deviation)
    return spread @ density @ spread.T


@functools.lru_cache(maxsize=64)
def _noise_between(count: int, parts: int, margin: int, deviation: float) -> np.ndarray:
    """(R, parts (R + 2 margin)): how much of what is in a part of a cell noise brings to each cell's average.

    That is the mean of the noise's Gaussian about the part, under the linear weight: second differences of the integral
    of its cdf. Both averages are linear, so what is in a part has a variance of 1/6 of its side's square, which is
    taken off.
    """
    deviation = max(math.sqrt(max(deviation**2 - 1 / (6 * parts**2), 0)), 0.05)
    at = (np.arange(parts * (count + 2 * margin)) + 0.5) / parts - 0.5 - margin
    away = np.arange(count)[:, None] - at

    def twice(x: np.ndarray) -> np.ndarray:
        v = x / deviation
        return deviation * (v * special.ndtr(v) + np.exp(-(v**2) / 2) / math.sqrt(2 * math.pi))

    return np.maximum(twice(away + 1) - 2 * twice(away) + twice(away - 1), 0) / parts


@functools.lru_cache(maxsize=64)
def real_density(target: Target, corner: tuple[float, ...], side: float, count: int) -> np.ndarray:
    """p_data (R, R), averaged over cells of a side whose first is centred at `corner`, and linearly their neighbours.

    The weight is linear in each square between four centres, where S × S Gauss–Legendre points are taken, but only in
    squares that a density above a hundredth of what is negligible can reach: for a density that is blurred by
    N(0, std² I), std √(2 log(M / p)), M = 1 / 2π std², rises by no more than the distance that one goes (Hamilton's
    gradient estimate of the heat equation).
    """
    middles = np.arange(-1, count) + 0.5  # of the squares, in cells from the first centre
    x, y = (middles * side + c for c in corner)
    log_p = target.log_prob(torch.from_numpy(np.stack(np.meshgrid(x, y), -1))).numpy()
    top = -np.log(2 * np.pi * target.std**2)
    least = np.log(NEGLIGIBLE / 100) - 2 * np.log(side * count)
    away, reach = (target.std * np.sqrt(2 * np.maximum(top - v, 0)) for v in (log_p, least))

    parts = 2 + round(side / target.std)
    nodes, shares = np.polynomial.legendre.leggauss(parts)
    steps = (middles[:, None] + nodes / 2).ravel()
    weights = np.maximum(0, 1 - np.abs(np.arange(count)[:, None] - steps)) * np.tile(shares / 2, count + 1)
    reached = np.repeat(np.repeat(away < reach + side / np.sqrt(2), parts, 0), parts, 1)
    rows, columns = np.nonzero(reached)
    at = np.stack([corner[0] + side * steps[columns], corner[1] + side * steps[rows]], -1)
    density = np.zeros(reached.shape)
    density[reached] = target.log_prob(torch.from_numpy(at)).exp().numpy()
    return weights @ density @ weights.T


def generated_images(G: MLP, mesh: bool) -> np.ndarray:
    """Where each member sends the latent mesh, or where latents have not two dimensions Sobol points: (M, P, 2)."""
    latents = _mesh()[0] if mesh else sobol_latents(G.sizes[0], _SOBOL)
    return outputs_at(G, torch.from_numpy(latents)).double().numpy()


def generated_density(image: np.ndarray, mesh: bool, corner: tuple[float, ...], side: float, count: int) -> np.ndarray:
    """p_g (R, R) of a G that sends latents to `image` (P, 2), averaged as that; NaN where G is not finite."""
    if not np.isfinite(image).all():
        return np.full((count, count), np.nan)
    # in cells from the first centre; clipped far out, where squares of larger numbers would overflow
    x, y = np.clip((image - corner) / side, -1e6, 1e6).astype(np.float32).T
    mass = _spread_mesh(x, y, count) if mesh else _spread(x, y, np.full(len(x), 1 / len(x)), count)
    return mass.reshape(count + 2, count + 2)[1:-1, 1:-1] / side**2


@functools.lru_cache(maxsize=1)
def _mesh() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The latent mesh, of L lines along each dimension.

    The latents (L², 2) where lines cross; the masses of N(0, 1) in each of n equal parts of each of the L − 1 gaps, for
    n = 1, 2, … in one row; and where the masses for each n start in it.
    """
    # lines at quantiles of N(0, 4) within ±4.5: 0.06 apart in the middle, 0.4 at the ends
    lines = 2 * special.ndtri(np.linspace(special.ndtr(-2.25), special.ndtr(2.25), _LINES))
    masses: list[np.ndarray] = []
    for n in range(1, _PARTS + 1):
        edges = np.interp(np.arange((_LINES - 1) * n + 1) / n, np.arange(_LINES), lines)
        edges[[0, -1]] = -np.inf, np.inf
        masses.append(np.diff(special.ndtr(edges)))
    starts = np.cumsum([0, 0, *map(len, masses)])
    latents = np.stack(np.meshgrid(lines, lines, indexing="ij"), -1).reshape(-1, 2).astype(np.float32)
    return latents, np.concatenate(masses), starts


def _spread_mesh(x: np.ndarray, y: np.ndarray, count: int) -> np.ndarray:
    """Images (L²,) and (L²,) of the mesh, in cells from the first centre -> the masses of `_spread`.

    Each rectangle of the mesh is cut along the first latent into strips, each strip along the second into parts.
    """
    _, masses, starts = _mesh()
    total = np.zeros((count + 2) ** 2)
    places = np.stack([x, y]).reshape(2, _LINES, _LINES)
    # images of a rectangle's corners, (2, rectangles) each: a to b and c to d along the first latent, a to c the second
    a, b = places[:, :-1, :-1].reshape(2, -1), places[:, 1:, :-1].reshape(2, -1)
    c, d = places[:, :-1, 1:].reshape(2, -1), places[:, 1:, 1:].reshape(2, -1)
    low, high = np.minimum(np.minimum(a, b), np.minimum(c, d)), np.maximum(np.maximum(a, b), np.maximum(c, d))
    kept = (low[0] < count) & (low[1] < count) & (high[0] > -1) & (high[1] > -1)
    # what is spread so thin that it does not matter is left out, as it would have the most parts
    first, second = np.divmod(np.arange(len(kept)), _LINES - 1)
    across, along = d - a, c - b
    area = np.abs(across[0] * along[1] - across[1] * along[0]) / 2
    kept &= masses[first] * masses[second] > NEGLIGIBLE / 10 * area / count**2
    index = np.flatnonzero(kept)
    a, b, c, d = (v.take(index, 1) for v in (a, b, c, d))
    first, second = first[index], second[index]

    n = np.maximum(_cuts(a, b), _cuts(c, d))
    of, part, share = _parts(n)
    start = a.take(of, 1) + share * (b - a).take(of, 1)
    run = c.take(of, 1) + share * (d - c).take(of, 1) - start
    mass = masses[(starts[n] + first * n)[of] + part]

    n = _cuts(start, start + run)
    at = starts[n] + second[of] * n
    # in blocks that stay in the cache
    bounds = np.searchsorted(np.cumsum(n), np.arange(_BLOCK, n.sum(), _BLOCK))
    for low_strip, high_strip in itertools.pairwise([0, *bounds, len(n)]):
        of, part, share = _parts(n[low_strip:high_strip])
        of += low_strip
        x, y = start.take(of, 1) + share * run.take(of, 1)
        total += _spread(x, y, mass[of] * masses[at[of] + part], count)
    return total


def _cuts(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Into how many parts the lines from `start` to `end`, (2, N) each, are cut: (N,)."""
    across, along = np.abs(end - start)
    return np.ceil(np.maximum(across, along) / np.float32(_APART)).clip(1, _PARTS).astype(np.int64)


def _parts(n: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of N things cut into n (N,) parts each, in a row: which thing a part is of, the how-manieth of it, from 0, and
    how far along it its middle is, in [0, 1]; (sum of n,) each."""
    of = np.repeat(np.arange(len(n)), n)
    part = np.arange(len(of)) - np.repeat(np.cumsum(n) - n, n)
    return of, part, ((part + 0.5) / n[of]).astype(np.float32)


def _spread(x: np.ndarray, y: np.ndarray, mass: np.ndarray, count: int) -> np.ndarray:
    """Masses at places in cells from the first centre -> ((R + 2)²,), row by row, with a cell around the window.

    Each is shared, linearly, by the four nearest centres; what lies further out goes to the cells around the window.
    """
    x, y = x.clip(-1, count) + 1, y.clip(-1, count) + 1
    column, row = x.astype(np.int64), y.astype(np.int64)
    wide = count + 2
    cell = row * wide + column
    right = (x - column) * mass
    left = mass - right
    up = y - row
    size = wide**2
    total = np.zeros(size + wide + 1)  # the last cells' neighbours, which get 0
    for step, share in ((0, left), (1, right)):
        upper = up * share
        total += np.bincount(cell + step, share - upper, len(total))
        total += np.bincount(cell + (step + wide), upper, len(total))
    return total[:size]
