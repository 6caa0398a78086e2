"""Where a generator puts its mass: exact masses of latents, each where G sends it, in the cells of a target.

For two latent dimensions G's masses are the exact ones of N(0, I) in a mesh of 285 × 285 rectangles, each put where G
sends a point of it; G is computed on every third line, 96 × 96 points, and taken as bilinear in between. The points lie
at multiples of the golden section from the rectangles' sides, so that no row of them is straight: a mesh's rows along
the sides of cells, as a G that does not turn has them, would leave whole rows on one side or the other, which counts as
divergence (0.003 to 0.006 nats). For other latent dimensions, 2¹⁴ points of a Sobol sequence, of equal mass. All are
deterministic: two equal networks score the same. Instance noise is added by a Fourier transform of these masses on
pixels of at most a quarter of its standard deviation (of 1/2048 of the window if that is more), whose points are then
put into cells as the others are.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator

import numpy as np
import torch
from scipy import fft, special
from torch import Tensor

from dynamics.games.best_answer import noise_transform
from dynamics.games.networks import MLP
from dynamics.measures.pointwise import in_chunks
from dynamics.measures.target_cells import Cells, Squares

_LINES, _PARTS = 96, 3  # latent mesh: lines on which G is computed, and parts of a gap between two
_CROWD, _DEEPER = 100, 4  # a cell of more points of it is cut again, up to so many times
_GOLDEN = (5**0.5 - 1) / 2
_PIXEL, _PIXELS = 0.25, 2048  # side of the pixels that noise is added on, of its standard deviation; most in a row
_REACH = 4.0  # standard deviations that noise reaches
_FAINT = 1e-16  # a mass that is rounding


def nowhere(grid: Cells) -> tuple[np.ndarray, np.ndarray]:
    """What stands for the masses (C,) and moments (C, 2) of a generator that is not finite: NaN."""
    return np.full(len(grid.p), np.nan), np.full((len(grid.p), 2), np.nan)


def binned(
    cell: np.ndarray, x: np.ndarray, y: np.ndarray, weights: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The mass (C,) of points in their cells, and mass × mean position (C, 2)."""
    moment = np.stack([np.bincount(cell, weights * v, count) for v in (x, y)], -1)
    return np.bincount(cell, weights, count), moment


def landings(G: MLP, members: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of each member where points of the latents land, (P,) and (P,), and their masses (P,), which sum to 1."""
    latents, weights = _latents(G.sizes[0])
    with torch.no_grad():
        images = in_chunks(G, latents.to(G.flat).expand(members, -1, -1)).numpy()
    for image in images:
        x, y = np.ascontiguousarray(image.T)
        if G.sizes[0] == 2:
            x, y = (_between(v.reshape(_LINES, _LINES)).ravel() for v in (x, y))
        yield x, y, weights


def cut_to(
    grid: Cells,
    x: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray,
    numbers: np.ndarray | None = None,
    least: float = 0.0,
) -> tuple[Squares, np.ndarray, np.ndarray]:
    """The cells, cut further where many of the points (P,) fall: C squares, mass (C,), mass × mean position (C, 2).

    `numbers` (P,) is how many points each stands for, 1 if not given; squares of a side up to `least` are not cut.
    """
    squares, (column, row) = grid.squares, grid.pixels(x, y, 2**_DEEPER)
    cell = grid.table.ravel().take((column >> _DEEPER) * len(grid.table) + (row >> _DEEPER))
    # in what the side of a quarter is, as a power of two of such a pixel, the bits of its numbers tell the quarter
    bit = np.rint(np.log2(squares.side / (2 * grid.half_width) * len(grid.table))).astype(np.int32) + _DEEPER - 1
    home, moving, divisible, pieces, known = cell.astype(np.int64), np.arange(len(x)), grid.closed, [], 0
    counts = first = np.bincount(cell, numbers, len(squares.p))
    for _ in range(_DEEPER):
        crowded = divisible & (counts > _CROWD) & (squares.side > least)
        if not crowded.any():
            break
        whole = np.where(crowded, 0, 1)  # what is cut has nothing left
        pieces.append(dataclasses.replace(squares, p=squares.p * whole, moment=squares.moment * whole[:, None]))
        known += len(whole)
        inside = np.flatnonzero(crowded[cell])
        moving, cell, column, row = (v[inside] for v in (moving, cell, column, row))
        shift = bit[cell]
        cell = (4 * (np.cumsum(crowded) - 1))[cell] + 2 * (column >> shift & 1) + (row >> shift & 1)
        squares, bit = squares.only(crowded).quarters(), np.repeat(bit[crowded] - 1, 4)
        divisible = np.ones(len(squares.p), bool)
        counts = np.bincount(cell, None if numbers is None else numbers[moving], len(squares.p))
        home[moving] = known + cell
    if pieces:
        pieces.append(squares)
        fields = (np.concatenate([getattr(piece, f.name) for piece in pieces]) for f in dataclasses.fields(Squares))
        squares = Squares(*fields)
    mass, moment = binned(home, x, y, weights, len(squares.p))
    which, even = grid.evened(first, mass[: len(grid.p)])
    mass[which], moment[which] = even, even[:, None] * grid.centre[which]
    return squares, mass, moment


def noise_pixels(grid: Cells, deviation: float) -> int:
    """How many pixels a side of the window noise of a standard deviation is added on: cells consist of whole ones."""
    pixels = len(grid.table)
    while pixels < _PIXELS and 2 * grid.half_width / pixels > _PIXEL * deviation:
        pixels *= 2
    return pixels


def with_noise(
    grid: Cells, x: np.ndarray, y: np.ndarray, weights: np.ndarray, deviation: float, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Points (P,) of some masses with noise N(0, deviation² I): as many others (Q,) and (Q,), their masses, and how
    many of the P each stands for.

    They are the centres of pixels, `size` a side of the window, and beyond it as far as noise brings points back; what
    is farther out stays where it is.
    """
    width = grid.half_width
    pixel = 2 * width / size
    margin = 2 * math.ceil(_REACH * deviation / pixel)  # half of it is as far as points beyond come from
    whole = fft.next_fast_len(size + 2 * margin)
    column, row = (np.floor((v + width) / pixel).clip(-margin - 1, size + margin) + margin for v in (x, y))
    edge = margin // 2
    near = (np.minimum(column, row) >= edge) & (np.maximum(column, row) < size + 2 * margin - edge)
    key = (column[near] * whole + row[near]).astype(np.int64)
    # the masses are the real part, the numbers the imaginary one
    density = (np.bincount(key, weights[near], whole**2) + 1j * np.bincount(key, minlength=whole**2)).reshape(whole, -1)
    spread = noise_transform(2 * np.pi * fft.fftfreq(whole), (deviation / pixel) ** 2)
    density = fft.ifft2(fft.fft2(density) * spread[:, None] * spread)
    held = slice(0, size + 2 * margin)
    place = (np.arange(size + 2 * margin) - margin + 0.5) * pixel - width
    mass, number = (np.maximum(v[held, held], 0).ravel() for v in (density.real, density.imag))
    held_pixels = np.flatnonzero(mass > _FAINT)
    mass = mass[held_pixels] * (weights[near].sum() / mass[held_pixels].sum() if len(held_pixels) else 1)
    x_pixels, y_pixels = place[held_pixels // len(place)], place[held_pixels % len(place)]
    return (
        np.concatenate([x_pixels, x[~near]]),
        np.concatenate([y_pixels, y[~near]]),
        np.concatenate([mass, weights[~near]]),
        np.concatenate([number[held_pixels], np.ones(np.count_nonzero(~near))]),
    )


@functools.lru_cache(maxsize=4)
def _latents(dim: int) -> tuple[Tensor, np.ndarray]:
    """Latents (P, dim) at which G is computed, and the masses of the points made from them, summing to 1."""
    if dim != 2:
        base = torch.quasirandom.SobolEngine(dim, scramble=True, seed=0).draw_base2(14, dtype=torch.float64)
        return torch.special.ndtri(base.clamp(1e-7, 1 - 1e-7)).float(), np.full(2**14, 2.0**-14)
    # lines at quantiles of N(0, 4) within ±4: 0.05 apart in the middle, 0.3 at the ends
    lines = 2 * special.ndtri(np.linspace(special.ndtr(-2), special.ndtr(2), _LINES))
    edges = np.interp(np.arange((_LINES - 1) * _PARTS + 1) / _PARTS, np.arange(_LINES), lines)
    edges[[0, -1]] = -np.inf, np.inf
    mass = np.diff(special.ndtr(edges))
    line = torch.from_numpy(lines).float()
    return torch.cartesian_prod(line, line), _by_part(np.outer(mass, mass)).ravel()


def _by_part(v: np.ndarray) -> np.ndarray:
    """(n, n) values of the parts of a mesh -> (parts, parts, gaps, gaps), which is how `_between` has them."""
    return v.reshape(_LINES - 1, _PARTS, _LINES - 1, _PARTS).transpose(1, 3, 0, 2)


@functools.lru_cache(maxsize=1)
def _within() -> tuple[np.ndarray, np.ndarray]:
    """How far, of a gap, the point of each part of the mesh is from the line before it, either way, as `_by_part`.

    In its part it is moved along by the golden section for each row, and each column, that it is on: no two rows are
    alike, and no line through them, in any direction, has many points.
    """
    count = np.arange((_LINES - 1) * _PARTS)
    moved = (0.5 + _GOLDEN * count) % 1
    first = np.broadcast_to((count % _PARTS)[:, None] + moved[None, :], (len(count),) * 2) / _PARTS
    return tuple(np.ascontiguousarray(_by_part(v), np.float32) for v in (first, first.T))  # type: ignore[return-value]


def _between(v: np.ndarray) -> np.ndarray:
    """Values (n, n) on lines -> (parts, parts, n − 1, n − 1) at the points of the parts between them, bilinear."""
    across, along = v[1:, :-1] - v[:-1, :-1], v[:-1, 1:] - v[:-1, :-1]
    both = v[1:, 1:] - v[:-1, 1:] - across
    first, second = _within()
    out = both * second
    out += across
    out *= first
    out += along * second
    out += v[:-1, :-1]
    return out
