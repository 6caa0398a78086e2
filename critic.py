"""The discriminator against the truth: how far D is from the best answer to the G that it plays, and where it points.

Both densities of this game are known, p_data in closed form and p_g because G maps two dimensions to two. So is
therefore the optimal discriminator, whose logit is t = log p_data − log p_g (Goodfellow et al. 2014, proposition 1; for
the other losses see `Loss.optimal_logit`), and G's loss splits in two: what it would be against the optimal D, which
measures the distance between the densities, and what it owes to D's distance from there.

`critic_scores(G, D, settings)`:

| score | meaning | D optimal |
|---|---|---|
| `critic_gap` | loss of D − loss of the optimal D for this G, ≥ 0 | 0 |
| `g_loss_optimal` | loss of G against the optimal D | = loss of G |
| `g_loss_gap` | loss of G against D − `g_loss_optimal` | 0 |

`slope_scores(G, D, settings, z, real)`:

| score | meaning |
|---|---|
| `d_slope` | mean \\|∇ₓ D\\| of D's output before any sigmoid at the generated points G(z), per data unit |
| `d_slope_max` | largest \\|∇ₓ D\\| at those points and on a regular 32 × 32 grid over the target's window |
| `d_angle` | mean cosine between ∇ₓ D and ∇ₓ t at generated points: 1 where D pushes G as the optimal D would |
| `d_gradient`, `g_gradient` | norm of the gradient of a player's loss with respect to its own parameters |

Losses are in the loss's unit (nats for the logarithmic ones). What does not exist is NaN: the scores of a member whose
numbers are not finite, all that needs an optimal D under the Wasserstein loss, `d_angle` under the hinge loss, whose
optimal D is a step, `d_angle` for latents of other than two dimensions, and everything where D has no output at a
single point (packing, minibatch standard deviation).

**The gap as a sum over cells.** With masses p and g of both densities in each cell, D's output d at the cell's centre
of mass (of p + g) and the optimal output d* for (p, g), the gap is

    Σ over cells of  p [a(d) − a(d*)] + g [b(d) − b(d*)],       loss of D = E_data a(D) + E_g b(D).

Every term is ≥ 0 by the definition of d*, so the sum is, to rounding; d = 0 gives exactly 2 JSD of the binned densities
(logarithmic losses), and d = d* exactly 0. Near the optimum a term is quadratic in d − d*, so what merging points into
cells does to d* enters squared. The other way, D's loss from samples less the loss of the binned optimum, would carry
the whole of what binning takes off the divergence, and could be negative.

**The cells** are the leaves of a quadtree over the target's window, `[−half_width, half_width]²`, cut for each target
once: a square is cut in four while it is more than 1/32 of the window wide, holds more than 1/400 of the target, or
(its share of the target) × (variance of log p_data in it), what is lost by merging it, is above 2·10⁻⁵. A regular grid
fine enough for modes of std 0.02 would have 10⁵ cells; cells of equal true probability (those of `metrics.score`)
would put all of a scattered generator into one. The border cells reach to infinity. The finest are 1/2048 of the
window: 0.17 std of `ring_8` at its default of 0.02, and at most 0.54 std at the smallest std a setting takes, 0.01. A
target's divergence from itself at √2 times its std, 0.05 to 0.1 nats, loses less than 0.004 by them at every default
std; circles and pinwheel lose 0.013 at std 0.01.

**The masses.** p: 3 × 3 Gauss–Legendre points of the exact density in each cell, normalised to 1. g: for two latent
dimensions, the exact masses of N(0, I) in a mesh of 285 × 285 rectangles, each put where G sends its middle; G is
computed on every third line, 96 × 96 points, and taken as bilinear in between. For other latent dimensions, 2¹⁴ points
of a Sobol sequence, of equal mass. Both are deterministic: two equal networks score the same.

**The error.** For Gaussian players, against quadrature: 0.0025 in the gap and 0.006 in G's losses (0.005 and 0.025 for
the hinge loss, whose optimal D steps inside cells); a perfect generator scores 2 JSD = 0.0006 against D = 0 (0.008
from Sobol points). A trained ReLU generator's gap changes by 0.002 on a mesh of 600 × 600 lines, for tight modes.
`g_loss_optimal` of the nonsaturating loss contains E log(p_g / p_data), which is hundreds of nats where tight modes are
missed: there it is good to some 2 %, and where G leaves the window, log p_data goes on in a straight line.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import special
from torch import Tensor
from torch.func import functional_call

from GAN import MLP
from losses import Loss, make_loss
from sample import Target, target_for
from settings import Setting

_COARSEST, _FINEST = 5, 11  # levels of the quadtree: 2^level cells a side
_MASS, _LOSS = 1 / 400, 2e-5  # a cell is cut above either
_LINES, _PARTS = 96, 3  # latent mesh: lines on which G is computed, and parts of a gap between two
_TINY = 1e-300  # a mass of 0, for a logarithm: its term is 0 in the end
_SLOPES = ("d_slope", "d_slope_max", "d_angle", "d_gradient", "g_gradient")
_CHUNK = 4096  # points a call: activations stay in the cache

# mesh of the scores of p_g: 64 × 64 nodes 0.1 apart, every fifth of which is used
_STEP, _NODES = 0.1, slice(2, 60, 5)
_WINDOW_LINES = 32


def critic_scores(G: MLP, D: MLP, settings: Sequence[Setting]) -> dict[str, np.ndarray]:
    """`critic_gap`, `g_loss_optimal` and `g_loss_gap` of the M pairs of two stacks, each (M,) float64.

    `settings[m]` names member m's target; the loss is that of the first, as members of a stack share it. A member's
    scores do not depend on the others.
    """
    loss = make_loss(settings)
    names = ("critic_gap", "g_loss_optimal", "g_loss_gap")
    if loss.optimal_logit is None or not judges_points(D):
        return {name: np.full(len(settings), np.nan) for name in names}
    grids = [cells(target_for(s)) for s in settings]
    masses = generated_masses(G, grids)
    count = max(len(grid.p) for grid in grids)

    def padded(rows: Sequence[np.ndarray], fill: float) -> Tensor:  # targets differ in their number of cells
        out = np.full((len(rows), count, *rows[0].shape[1:]), fill)
        for row, values in zip(out, rows, strict=True):
            row[: len(values)] = values
        return torch.from_numpy(out)

    points, log_points = zip(
        *(grid.points(mass, moment) for grid, (mass, moment) in zip(grids, masses, strict=True)), strict=True
    )
    p, g = padded([grid.p for grid in grids], 0.0), padded([mass for mass, _ in masses], 0.0)
    log_g = g.clamp(min=_TINY).log()
    best = loss.optimal_logit(padded([grid.log_p for grid in grids], np.log(_TINY)) - log_g)
    with torch.no_grad():
        d = _in_chunks(D, padded(points, 0.0).to(D.flat)).squeeze(-1).double()

    def real(logits: Tensor) -> Tensor:
        """a(logits) up to a constant, which differences do not have, per cell."""
        return loss.discriminator(logits.unsqueeze(-1), torch.zeros_like(logits).unsqueeze(-1))

    def fake(logits: Tensor) -> Tensor:
        return loss.discriminator(torch.zeros_like(logits).unsqueeze(-1), logits.unsqueeze(-1))

    # where there is p, say: the loss of a cell without it may be infinite, and counts for nothing
    gap = _weighted(p, real(d) - real(best)) + _weighted(g, fake(d) - fake(best))
    # seldom bounded, so taken from the density where the generated mass is, rather than from the cell's mean density
    at_points = loss.optimal_logit(padded(log_points, np.log(_TINY)) - log_g)
    optimal = _weighted(g, loss.generator(at_points.unsqueeze(-1)))
    actual = _weighted(g, loss.generator(d.unsqueeze(-1)))
    scores = dict(zip(names, (gap, optimal, actual - optimal), strict=True))
    sound = torch.isfinite(gap) & torch.isfinite(optimal) & torch.isfinite(actual)
    return {name: torch.where(sound, values, torch.nan).numpy() for name, values in scores.items()}


def slope_scores(G: MLP, D: MLP, settings: Sequence[Setting], z: Tensor, real: Tensor) -> dict[str, np.ndarray]:
    """`d_slope`, `d_slope_max`, `d_angle`, `d_gradient` and `g_gradient` of the M pairs of two stacks, each (M,).

    z (M, B, latent_dim) and real (M, B, 2) are the batches of the two losses; generated points are G(z).
    """
    loss = make_loss(settings)
    if not judges_points(D):
        return {name: np.full(len(settings), np.nan) for name in _SLOPES}
    targets = [target_for(s) for s in settings]
    own = [{name: p.detach().requires_grad_() for name, p in network.named_parameters()} for network in (G, D)]
    fake = functional_call(G, own[0], (z,))
    on_real, on_fake = (functional_call(D, own[1], (x,)).squeeze(-1) for x in (real, fake))
    g_loss = loss.generator(on_fake, on_real) if loss.paired else loss.generator(on_fake)
    g_gradient = _norms(g_loss, own[0])
    fake = fake.detach()
    d_loss = loss.discriminator(*(functional_call(D, own[1], (x,)).squeeze(-1) for x in (real, fake)))
    d_gradient = _norms(d_loss, own[1])

    line = torch.linspace(-1, 1, _WINDOW_LINES)
    window = torch.cartesian_prod(line, line) * torch.tensor([t.half_width for t in targets])[:, None, None]
    images, to_ratio, mass = _ratio_slopes(G, targets)
    slopes = _slope(D, torch.cat([fake, window.to(fake), images.to(fake)], 1)).double().numpy()
    lengths = _length(slopes[:, : fake.shape[1] + window.shape[1]])
    angle = np.full(len(settings), np.nan)
    if _has_slope(loss):
        of_d = slopes[:, lengths.shape[1] :]
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            cosine = (of_d / _length(of_d)[..., None] * to_ratio / _length(to_ratio)[..., None]).sum(-1)
            angle = np.where(np.isfinite(cosine), cosine * mass, 0).sum(-1) / (np.isfinite(cosine) * mass).sum(-1)
    scores = {
        "d_slope": lengths[:, : fake.shape[1]].mean(1),
        "d_slope_max": lengths.max(1),
        "d_angle": angle,
        "d_gradient": d_gradient,
        "g_gradient": g_gradient,
    }
    # one NaN makes them all NaN, even those that it did not reach: a member's scores exist together
    sound = np.isfinite([scores[name] for name in scores if name != "d_angle"]).all(0)
    return {name: np.where(sound, values, np.nan) for name, values in scores.items()}


# --- cells of a target ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cells:
    """C squares that fit a target. Lengths in data units, `log_p` in nats."""

    half_width: float
    table: np.ndarray  # (R, R) uint16: cell of each pixel of the window, [column, row]
    centre: np.ndarray  # (C, 2)
    side: np.ndarray  # (C,)
    p: np.ndarray  # (C,) the target's mass, sums to 1
    log_p: np.ndarray  # (C,) its logarithm, which underflows nowhere
    moment: np.ndarray  # (C, 2) mass × its mean position
    anchor: np.ndarray  # (C, 2) a place in the cell,
    log_anchor: np.ndarray  # (C,) log (p_data × the cell's area) there
    slope: np.ndarray  # (C, 2) of log p_data at the centre

    def of(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Index of the cell of each point, (...) and (...) -> (...); beyond the window, that of the nearest."""
        size = len(self.table)
        column, row = (
            np.clip((v + self.half_width) * (size / (2 * self.half_width)), 0, size - 1).astype(np.int32)
            for v in (x, y)
        )
        return self.table.ravel()[column * size + row]

    def points(self, g: np.ndarray, moment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Centre of mass (C, 2) of p + g, and log (p_data there × the cell's area), (C,).

        log p_data is taken to first order about the anchor: the mean position, with the mean density, where log p_data
        varies by less than 2 over the cell; else the centre, with the density there.
        """
        total = (self.p + g)[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            points = np.where(total > 0, (self.moment + moment) / total, self.centre)
        return points, self.log_anchor + ((points - self.anchor) * self.slope).sum(-1)


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
    for level in range(_COARSEST, _FINEST + 1):
        size = 2**level
        key = (unit * size).astype(np.int64) @ [size, 1]
        count = np.bincount(key, minlength=size**2)
        mean, square = (np.bincount(key, v, size**2) for v in (log_density, log_density**2))
        lost = square - mean**2 / np.maximum(count, 1)  # count × variance
        cut = ((count > _MASS * len(unit)) | (lost > _LOSS * len(unit)))[corner @ [size, 1]] & (level < _FINEST)
        leaves.append((level, corner[~cut]))
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

    node, weight = np.polynomial.legendre.leggauss(3)
    offset = np.stack(np.meshgrid(node, node, indexing="ij"), -1)  # (3, 3, 2), of half a side
    at = centre[:, None, None] + offset * (side / 2)[:, None, None, None]
    log_p = target.log_prob(torch.from_numpy(at)).numpy()
    share = log_p + np.log(np.outer(weight, weight) / 4)
    log_mass = special.logsumexp(share, (1, 2)) + 2 * np.log(side)
    log_mass -= special.logsumexp(log_mass)
    mean = (special.softmax(share, (1, 2))[..., None] * at).sum((1, 2))
    p, step = np.exp(log_mass), node[2] * side
    slope = np.stack([log_p[:, 2, 1] - log_p[:, 0, 1], log_p[:, 1, 2] - log_p[:, 1, 0]], -1) / step[:, None]
    even = np.abs(slope).sum(1) * side < 2
    anchor = np.where(even[:, None], mean, centre)
    log_anchor = np.where(even, log_mass, log_p[:, 1, 1] + 2 * np.log(side))
    return Cells(width, table, centre, side, p, log_mass, p[:, None] * mean, anchor, log_anchor, slope)


# --- masses of a generator --------------------------------------------------------------------------------------------


def generated_masses(G: MLP, grids: Sequence[Cells]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each member's mass g (C,) in its cells, and g × mean position (C, 2); NaN where G is not finite."""
    latents, weights = _latents(G.sizes[0])
    with torch.no_grad():
        images = _in_chunks(G, latents.to(G.flat).expand(len(grids), -1, -1)).numpy()
    found = []
    for image, grid in zip(images, grids, strict=True):
        count = len(grid.p)
        if not np.isfinite(image).all():
            found.append((np.full(count, np.nan), np.full((count, 2), np.nan)))
            continue
        x, y = np.ascontiguousarray(image.T)
        if G.sizes[0] == 2:
            x, y = (_between(v.reshape(_LINES, _LINES)).ravel() for v in (x, y))
        cell = grid.of(x, y)
        g = np.bincount(cell, weights, count)
        found.append((g, np.stack([np.bincount(cell, weights * v, count) for v in (x, y)], -1)))
    return found


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
    return torch.cartesian_prod(line, line), np.outer(mass, mass).ravel()


def _between(v: np.ndarray) -> np.ndarray:
    """Values (n, n) on lines -> (m, m) in the middles of the parts between them, bilinear."""
    for _ in range(2):
        out = np.empty((len(v) - 1, _PARTS, v.shape[1]), v.dtype)
        rise = v[1:] - v[:-1]
        for part in range(_PARTS):
            np.multiply(rise, (part + 0.5) / _PARTS, out=out[:, part])
            out[:, part] += v[:-1]
        v = out.reshape(-1, v.shape[1]).T
    return v


# --- slopes -----------------------------------------------------------------------------------------------------------


def _ratio_slopes(G: MLP, targets: Sequence[Target]) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Generated points (M, N, 2), ∇ₓ(log p_data − log p_g) at them (M, N, 2), NaN where G folds, and masses (N,).

    p_data's is exact, by autograd. p_g's follows from the change of variables, x = G(z) with Jacobian J = ∂x/∂z:

        log p_g(x) = log N(z; 0, I) − log |det J|,      ∇ₓ log p_g = J⁻ᵀ (−z − ∇_z log |det J|).

    Both derivatives are central differences on a mesh of 0.1: the derivative of a ReLU network's J is 0 almost
    everywhere, and its density changes by steps, which only differences see. Exact for a linear G. Where other latents
    have the same image, theirs is left out; a smoothed histogram would have it, but no scale fits all targets.
    """
    count = len(range(64)[_NODES])
    line = (torch.arange(64) - 31.5) * _STEP
    mass = np.exp(-np.square(line[_NODES].double().numpy()) / 2)
    weights = np.outer(mass, mass).ravel()
    if G.sizes[0] != 2:
        nothing = np.full((len(targets), 0, 2), np.nan)
        return torch.zeros(nothing.shape), nothing, weights[:0]
    with torch.no_grad():
        images = G(torch.cartesian_prod(line, line).to(G.flat).expand(len(targets), -1, -1))
    mesh = images.double().numpy().reshape(-1, 64, 64, 2)
    chosen = np.ascontiguousarray(mesh[:, _NODES, _NODES].reshape(len(mesh), count**2, 2))
    z = torch.cartesian_prod(line[_NODES], line[_NODES]).double().numpy()
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        by_0, by_1 = np.gradient(mesh, _STEP, axis=(1, 2))  # (M, 64, 64, 2) each: columns of J
        det = by_0[..., 0] * by_1[..., 1] - by_0[..., 1] * by_1[..., 0]
        log_0, log_1 = np.gradient(np.log(np.abs(det)), _STEP, axis=(1, 2))
        (by_0, by_1, det, log_0, log_1) = (
            v[:, _NODES, _NODES].reshape(len(mesh), count**2, *v.shape[3:]) for v in (by_0, by_1, det, log_0, log_1)
        )
        v_0, v_1 = -z[:, 0] - log_0, -z[:, 1] - log_1
        # J⁻ᵀ v, J = [by_0 by_1] by columns
        of_g = np.stack([by_1[..., 1] * v_0 - by_0[..., 1] * v_1, by_0[..., 0] * v_1 - by_1[..., 0] * v_0], -1)
        of_g /= det[..., None]
    of_p = np.full_like(chosen, np.nan)
    for row, target, points in zip(of_p, targets, chosen, strict=True):
        if np.isfinite(points).all():
            x = torch.from_numpy(points).requires_grad_()
            row[:] = torch.autograd.grad(target.log_prob(x).sum(), x)[0].numpy()
    with np.errstate(invalid="ignore"):
        return torch.from_numpy(chosen), of_p - of_g, weights


def judges_points(D: MLP) -> bool:
    """Whether D has an output at a point of the plane: not where it judges several together, or sees the batch."""
    return D.sizes[0] == 2 and not D.batch_std


def _has_slope(loss: Loss) -> bool:
    """Whether the optimal output rises with log p_data − log p_g, so that both have gradients of one direction."""
    return loss.optimal_logit is not None and loss.optimal_logit is not torch.sign


def _slope(D: MLP, points: Tensor) -> Tensor:
    """∇ₓ of D's output at points (M, B, 2), of the same shape."""
    found = []
    for part in points.split(max(1, _CHUNK // len(points)), 1):
        x = part.detach().requires_grad_()
        found.append(torch.autograd.grad(D(x).sum(), x)[0])
    return torch.cat(found, 1)


def _norms(loss: Tensor, parameters: dict[str, Tensor]) -> np.ndarray:
    """Norm (M,) of the gradient of each member's loss (M,) with respect to its row of the parameters."""
    gradients = torch.autograd.grad(loss.sum(), list(parameters.values()))
    return torch.cat([g.flatten(1).double() for g in gradients], 1).norm(dim=1).numpy()


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.hypot(vectors[..., 0], vectors[..., 1])


def _in_chunks(network: MLP, x: Tensor) -> Tensor:
    return torch.cat([network(part) for part in x.split(max(1, _CHUNK // len(x)), 1)], 1)


def _weighted(weight: Tensor, value: Tensor) -> Tensor:
    """Σ weight · value over the cells, (M, C) -> (M,); a cell without weight counts for nothing, whatever its value."""
    return torch.where(weight == 0, 0, weight * value).sum(-1)
