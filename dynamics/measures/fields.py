"""What a stack of GANs is at one moment, as fields over the plane: what animation layers show.

| function | shows |
|---|---|
| `discriminator_field` | D(x) as a probability that x is real |
| `optimal_field` | the best answer to this G in the game as it is played: D*(x) = p_data(x) / (p_data(x) + p_g(x)) |
| `pull` | where D tells each generated sample to go |
| `latent_map` | G as a map: where a grid of latents lands, and the probability in each of its cells |

`stack_of` makes the stack again from stored weights. Networks are stacks on the CPU: called with (M, N, ·), and
`flat` (M, ·) says how many members they have. A grid is `points` (R, R, 2), the centres of square cells, row = y
ascending, as the plots use it. Nothing is drawn at random: equal networks give equal fields.

**D as a probability.** Where D's output d minimises p a(d) + g b(d), with the terms a and b of D's loss, p a'(d) is
−g b'(d), and the share of points labelled real that d is the best answer to is

    p / (p + g) = b'(d) / (b'(d) − a'(d)):      σ(d) for the logarithmic losses, d itself for lsgan, cut to [0, 1].

Two losses do not say so much. The hinge loss has one best output for all p > g, 1, and one for all p < g, −1: there
(1 + d) / 2, cut to [0, 1], is shown, which has these as 1 and 0, and 1/2 where D takes no side. The optimal D of a
hinge game is `optimal_field` rounded. A Wasserstein critic has no best output, and neither its constant nor, without a
constraint, its scale means anything; its order does. It is shown relative to the outputs of 512 real and 512 generated
points, as σ((d − their median) / half their interquartile range): half of these points lie above 1/2. Such a field
tells what is more real than what, not how likely, and hides D's growth.

**D\\* on a grid.** Both densities are averaged in the same way, over each cell and, falling linearly, its neighbours
(the weight is the product of 1 − |offset| / cell side along x and y): the share of real points in such a neighbourhood.
It is D*(x) up to the square of the cell's side over the scale of the densities, and is defined where a mode is far
narrower than a cell. It is NaN, to be left white, where (p_data + p_g) / 2 is below 1/100 of an even spread over the
window: there is next to nothing of either, and all such cells together hold less than 1 % of both.

Where labels are smoothed by w, D* is (1 − w) p_data / (p_data + p_g), and where D judges points with instance noise,
both densities are those of such points: p_data's as of a target with a larger std (the pinwheel, which has no such
form, as p_g), p_g's averaged on the grid, or on half its cells, and then spread with that noise. What lies farther than
two sides of the grid beyond it is left out.

p_data is integrated exactly, by Gauss–Legendre points. p_g: for two latent dimensions, the exact masses of N(0, I) in a
mesh of latents, put where G sends them. G is computed on 80 × 80 lines and taken as bilinear in between, and each
rectangle is cut until the images of its parts are at most 0.6 cells apart. For other latent dimensions, 2¹⁵ points of a
Sobol sequence, of equal mass; few of them fall in a cell, so both densities are averaged once more, falling linearly to
0 at four cells' distance, and D* is NaN below 1/25 of an even spread.

**The error** on 96 × 96 cells: 0.004 in the mean and 0.04 at most for Gaussian players, against the averages in closed
form. For trained ReLU generators, against a mesh of 600 × 600 lines, 0.004 in the mean and 0.02 for 99 % of cells; 0.08
where modes are tight and G stretches what lies between two lines of the mesh over many cells.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy import special
from torch import Tensor

from dynamics.games.best_answer import blurred, noise_stds, smoothing
from dynamics.games.losses import Loss, make_loss
from dynamics.games.networks import MLP, plain_pair
from dynamics.settings.setting import Setting
from dynamics.targets.densities import Target
from dynamics.targets.registry import target_for

_CHUNK = 2048  # points a call: activations stay in the cache
_AMONG = 9  # 2^9 points of each kind, beside which a Wasserstein critic is read

# D*
_NEGLIGIBLE = 0.01  # of an even spread over the window,
_NEGLIGIBLE_SOBOL = 0.04  # or where p_g is points
_LINES = 80  # latent mesh: lines on which G is computed
_APART, _PARTS = 0.6, 32  # a rectangle is cut until images are so many cells apart, into up to so many parts a side
_BLOCK = 2**14  # parts at once
_SOBOL = 15  # 2^15 latents where they do not have two dimensions,
_WIDER = 4  # and averages over neighbours less than so many cells away
_FAR, _BEYOND = 4.0, 2  # standard deviations that instance noise reaches; sides of the grid, at most, beyond it

_LATENT_REACH = 3.0  # `latent_map` shows [-3, 3]²


def as_probability(loss: Loss, output: Tensor) -> Tensor:
    """D's output under a loss, (M, ...) -> the same, in [0, 1]: the probability that the point is real.

    Of the optimal output this is p_data / (p_data + p_g) where the loss determines it; see the module's docstring for
    what it is under the others. An output that means something beside others alone must have been made relative, as
    `discriminator_field` does it.
    """
    if loss.optimal_logit is None:
        return torch.sigmoid(output)
    if loss.optimal_logit is torch.sign:
        return ((1 + output) / 2).clamp(0, 1)
    of_real, of_fake = torch.empty_like(output), torch.empty_like(output)
    assert loss.discriminator_slopes is not None
    loss.discriminator_slopes(output, output, of_real, of_fake)
    return (of_fake / (of_fake - of_real)).clamp(0, 1)


def discriminator_field(G: MLP, D: MLP, settings: Sequence[Setting], points: np.ndarray) -> np.ndarray:
    """D at grid points (R, R, 2), as a probability of being real: (M, R, R) float32 in [0, 1]; NaN where D's output is.

    `settings[m]` are member m's. G and the targets matter only under the Wasserstein loss, whose D is relative.
    """
    loss = make_loss(settings)
    outputs = _outputs(D, torch.from_numpy(points).reshape(-1, 2))
    if loss.optimal_logit is None:
        latents = torch.from_numpy(_sobol_latents(settings[0].latent_dim, _AMONG))
        among = torch.cat([_outputs(D, _outputs(G, latents)), _outputs(D, _real_points(settings))], 1)
        low, middle, high = among.squeeze(-1).quantile(torch.tensor([0.25, 0.5, 0.75]), 1)[..., None, None]
        scale = ((high - low) / 2).clamp(min=torch.finfo(outputs.dtype).tiny)
        outputs = (outputs - middle) / (1 if loss.paired else scale)
    return as_probability(loss, outputs).reshape(len(settings), *points.shape[:2]).float().numpy()


def optimal_field(
    G: MLP, settings: Sequence[Setting], points: np.ndarray, steps: Sequence[int] | None = None
) -> np.ndarray:
    """D* of the game that is played at grid points (R, R, 2), R ≥ 2: (M, R, R) float32 in [0, 1].

    `steps` (M,) are the generator steps after which each member is seen, 0 if not given: instance noise may fall with
    them. NaN where both densities are negligible, as the module's docstring has it, and all over for a member whose G
    is not finite.
    """
    side = float(points[0, 1, 0] - points[0, 0, 0])
    corner = (float(points[0, 0, 0]), float(points[0, 0, 1]))
    fields = np.empty((len(settings), *points.shape[:2]), np.float32)
    mesh = settings[0].latent_dim == 2
    negligible = 2 * (_NEGLIGIBLE if mesh else _NEGLIGIBLE_SOBOL) / (side * len(points)) ** 2
    cells = np.arange(len(points))
    wider = np.maximum(0, 1 - np.abs(cells[:, None] - cells) / _WIDER) / _WIDER
    noises = [noise_stds([s], step).item() for s, step in zip(settings, steps or [0] * len(settings), strict=True)]
    labels, images = smoothing(settings).numpy(), _images(G, mesh)
    for field, setting, deviation, label, image in zip(fields, settings, noises, labels, images, strict=True):
        # so many cells beyond the grid, from which noise brings points to it; halves of cells where it is less than one
        margin = min(math.ceil(_FAR * deviation / side), _BEYOND * len(points))
        parts = 2 if 0 < deviation < side else 1
        count, fine = (len(points) + 2 * margin) * parts, side / parts
        first = tuple(c - margin * side + (fine - side) / 2 for c in corner)
        target = target_for(setting)
        g = _generated(image, mesh, first, fine, count)
        if (exact := blurred(target, deviation)) is not None:
            p = _real(exact, corner, side, len(points))
        else:
            p = _noisy(_real(target, first, fine, count), len(points), parts, margin, deviation / side)
        if deviation > 0:
            g = _noisy(g, len(points), parts, margin, deviation / side)
        if not mesh:
            p, g = wider @ p @ wider, wider @ g @ wider
        total = p + g
        # a NaN is not at least anything
        field[:] = np.divide((1 - label) * p, total, out=np.full_like(p, np.nan), where=total >= negligible)
    return fields


def pull(G: MLP, D: MLP, settings: Sequence[Setting], z: Tensor) -> np.ndarray:
    """What D tells each generated sample x = G(z) to do, −∂ℓ/∂x with ℓ the loss of G for that sample alone.

    z (M, N, latent_dim) -> (M, N, 2) float32: where the sample's loss falls fastest, and by how much per data unit, in
    the loss's unit (nats for the logarithmic ones). The mean loss of a batch of N has 1/N of it at each sample.
    """
    x = _outputs(G, z).requires_grad_()
    with torch.enable_grad():
        loss = make_loss(settings)
        if loss.paired:  # with each of many real points
            real = _outputs(D, _real_points(settings)).transpose(1, 2)  # (M, 1, R)
            values = loss.generator(D(x).expand(-1, -1, real.shape[2]), real)
        else:
            values = loss.generator(D(x))  # (M, N, 1) -> (M, N): the mean over one sample
        (gradient,) = torch.autograd.grad(values.sum(), x)
    return -gradient.float().numpy()


def latent_map(G: MLP, cells_per_side: int, latent_dim: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Where G sends a grid over the latents [-3, 3]²: vertices (M, n + 1, n + 1, 2) float32 and mass (n, n), n a side.

    `vertices[m, j, i]` is the image of z = (i-th, j-th line), lines evenly spaced and ascending. `mass[j, i]` is the
    probability N(0, I) has in the cell between lines j, j + 1 and i, i + 1, exactly; together P(|z| ≤ 3)² = 0.9946. Of
    more than two latent dimensions this is the plane of the first two, the others 0: a section, whose masses are those
    of the first two alone. Of one dimension the second line does nothing, and the grid lands on a curve.
    """
    lines = np.linspace(-_LATENT_REACH, _LATENT_REACH, cells_per_side + 1)
    z = np.zeros((len(lines), len(lines), max(latent_dim, 2)))
    z[..., 0], z[..., 1] = lines[None, :], lines[:, None]
    images = _outputs(G, torch.from_numpy(z[..., :latent_dim].reshape(-1, latent_dim)))
    mass = np.diff(special.ndtr(lines))
    return images.reshape(len(images), len(lines), len(lines), 2).float().numpy(), np.outer(mass, mass)


def stack_of(settings: Sequence[Setting], g_flat: np.ndarray, d_flat: np.ndarray) -> tuple[MLP, MLP]:
    """Generators and discriminators with the parameters `MLP.flat` had, (M, P) each, of any floating type, as float32.

    Raises ``ValueError`` for settings that cannot share a stack, and for arrays of another shape than theirs.
    """
    if any(s.structure != settings[0].structure for s in settings):
        raise ValueError("settings of different structure cannot share a stack")
    pair = plain_pair(settings[0], *(torch.from_numpy(flat.astype(np.float32)) for flat in (g_flat, d_flat)))
    for network in pair:
        if len(network.flat) != len(settings):
            raise ValueError(f"parameters of {len(network.flat)} members do not fit a stack of {len(settings)}")
        network.requires_grad_(False)
    return pair


# --- networks ---------------------------------------------------------------------------------------------------------


def _outputs(network: MLP, x: Tensor) -> Tensor:
    """A network at x, (N, ·), the same for all members, or (M, N, ·): (M, N, ·), in chunks and without gradients."""
    members = len(network.flat)
    x = x.to(network.flat)
    x = x.expand(members, -1, -1) if x.ndim == 2 else x
    with torch.no_grad():
        return torch.cat([network(part) for part in x.split(max(1, _CHUNK // members), 1)], 1)


@functools.lru_cache(maxsize=4)
def _sobol_latents(dim: int, level: int) -> np.ndarray:
    """2^level points of N(0, I), (2^level, dim), evenly spread."""
    base = torch.quasirandom.SobolEngine(dim, scramble=True, seed=0).draw_base2(level, dtype=torch.float64)
    return special.ndtri(base.clamp(1e-7, 1 - 1e-7).numpy()).astype(np.float32)


def _real_points(settings: Sequence[Setting]) -> Tensor:
    """2^9 real points of each member, (M, 2^9, 2), evenly spread."""
    base = torch.quasirandom.SobolEngine(4, scramble=True, seed=0).draw_base2(_AMONG, dtype=torch.float64)
    noise = torch.special.ndtri(base[:, 2:].clamp(1e-7, 1 - 1e-7))
    return torch.stack([target_for(s).transform(base[:, :2], noise) for s in settings])


# --- densities on a grid ----------------------------------------------------------------------------------------------


def _noisy(density: np.ndarray, count: int, parts: int, margin: int, deviation: float) -> np.ndarray:
    """A density on parts of cells, with a margin of cells around the grid, with noise: (R, R), averaged as in `_real`.

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
def _real(target: Target, corner: tuple[float, ...], side: float, count: int) -> np.ndarray:
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
    least = np.log(_NEGLIGIBLE / 100) - 2 * np.log(side * count)
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


def _images(G: MLP, mesh: bool) -> np.ndarray:
    """Where each member sends the latent mesh, or where latents have not two dimensions Sobol points: (M, P, 2)."""
    latents = _mesh()[0] if mesh else _sobol_latents(G.sizes[0], _SOBOL)
    return _outputs(G, torch.from_numpy(latents)).double().numpy()


def _generated(image: np.ndarray, mesh: bool, corner: tuple[float, ...], side: float, count: int) -> np.ndarray:
    """p_g (R, R) of a G that sends latents to `image` (P, 2), averaged as in `_real`; NaN where G is not finite."""
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
    kept &= masses[first] * masses[second] > _NEGLIGIBLE / 10 * area / count**2
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
