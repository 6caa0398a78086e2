"""The discriminator against the truth: how far D is from the best answer to the G that it plays, and where it points.

Both densities of this game are known, p_data in closed form and p_g because G maps two dimensions to two. So is
therefore the optimal discriminator, whose logit is t = log p_data − log p_g (Goodfellow et al. 2014, proposition 1; for
the other losses see `Loss.optimal_logit`), and G's loss splits in two: what it would be against the optimal D, which
measures the distance between the densities, and what it owes to D's distance from there.

`critic_scores(G, D, settings, step)`:

| score | meaning | D optimal |
|---|---|---|
| `critic_gap` | loss of D − loss of the optimal D for this G, ≥ 0 | 0 |
| `g_loss_optimal` | loss of G against the optimal D | = loss of G |
| `g_loss_gap` | loss of G against D − `g_loss_optimal` | 0 |

`slope_scores(G, D, settings, z, real, step)`:

| score | meaning |
|---|---|
| `d_slope` | mean \\|∇ₓ D\\| of D's output before any sigmoid at the generated points G(z), per data unit |
| `d_slope_max` | largest \\|∇ₓ D\\| at those points and on a regular 32 × 32 grid over the target's window |
| `d_angle` | mean cosine between ∇ₓ D and ∇ₓ t at generated points: 1 where D pushes G as the optimal D would |
| `d_gradient`, `g_gradient` | norm of the gradient of a player's loss with respect to its own parameters |

**The game is the one that is played** (played.py). Where labels are smoothed, D's loss is the one with those labels,
and the optimal D is its own. Where there is instance noise at that step, both losses are of points with noise, and the
densities are those of such points. Penalties that hold D back are not part of the loss: with them D may have a gap that
it cannot close.

Losses are in the loss's unit (nats for the logarithmic ones). What does not exist is NaN: the scores of a member whose
numbers are not finite, all that needs an optimal D under the Wasserstein and relativistic losses, and with instance
noise on a target whose density with noise has no closed form (the pinwheel), `d_angle` under the hinge loss, whose
optimal D is a step, with instance noise, and for latents of other than two dimensions, and everything where D has no
output at a single point (packing, minibatch standard deviation).

**The gap as a sum over cells.** With masses p and g of both densities in each cell, D's output d at the cell's centre
of mass (of p + g) and the optimal output d* for (p, g), the gap is

    Σ over cells of  p [a(d) − a(d*)] + g [b(d) − b(d*)],       loss of D = E_data a(D) + E_g b(D).

Every term is ≥ 0 by the definition of d*, so the sum is, to rounding; d = 0 gives exactly 2 JSD of the binned densities
(logarithmic losses), and d = d* exactly 0. Near the optimum a term is quadratic in d − d*, so what merging points into
cells does to d* enters squared. The other way, D's loss from samples less the loss of the binned optimum, would carry
the whole of what binning takes off the divergence, and could be negative. With labels 1 − w, (1 − w) p stands for p and
g + w p for g.

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

**The masses.** p: 3 × 3 Gauss–Legendre points of the exact density in each cell, 18 or 36 beyond the window for each
border cell, normalised to 1. g: for two latent dimensions, the exact masses of N(0, I) in a mesh of 285 × 285
rectangles, each put where G sends a point of it; G is computed on every third line, 96 × 96 points, and taken as
bilinear in between. The points lie at multiples of the golden section from the rectangles' sides, so that no row of
them is straight: a mesh's rows along the sides of cells, as a G that does not turn has them, would leave whole rows on
one side or the other, which counts as divergence (0.003 to 0.006 nats). For other latent dimensions, 2¹⁴ points
of a Sobol sequence, of equal mass. All are deterministic: two equal networks score the same. Instance noise is added by
a Fourier transform of these masses on pixels of at most a quarter of its standard deviation (of 1/2048 of the window if
that is more), whose points are then put into cells as the others are.

**The error**, against quadrature, of a generator that makes a Gaussian, from a tenth to 2.5 times as wide as the
`gaussian` target, at any angle of its latents: 0.0015 in the gap of the logarithmic losses, where a perfect generator
scores 2 JSD = 0.0007 at most against D = 0; 0.003 with instance noise; 0.006 with latents of other than two dimensions.
Against tight modes, curves and edges a gap of some 1.2 nats comes out too small by what merging takes off: by 0.002 for
`mixture_4` and `ring_8`, 0.005 for `grid_25`, 0.01 for `circles`, `checkerboard` and `pinwheel`. A trained ReLU
generator's gap changes by 0.005 on a mesh of 600 × 600 lines, for tight modes. The gap of lsgan is right to 0.0015, of
the hinge loss to 0.002, but where many samples leave the window (std 2 and wider) to 0.005 for lsgan, whose losses have
no bound. The hinge loss's optimal D takes a side however little there is between the densities, so a perfect generator
has a gap of 0.04 against D = 0, all of it error. G's losses are right to 0.006, of the hinge loss to 0.01, where
samples stay in the window. `g_loss_optimal` of the nonsaturating loss contains E log(p_g / p_data), which is hundreds
of nats where tight modes are missed: there it is good to some 2 %, and where G leaves the window, log p_data goes on in
a straight line.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import fft, special
from torch import Tensor
from torch.func import functional_call

from dynamics.games.losses import Loss, make_loss
from dynamics.games.networks import MLP
from dynamics.games.penalties import label_smoothing
from dynamics.games.played import blurred, log_ratio, noise, smoothing, spread_of
from dynamics.settings.setting import Setting
from dynamics.targets.densities import Target
from dynamics.targets.registry import target_for

_COARSEST, _FINEST = 5, 11  # levels of the quadtree: 2^level cells a side
_MASS, _LOSS = 1 / 400, 2e-5  # a cell is cut above either
_LINES, _PARTS = 96, 3  # latent mesh: lines on which G is computed, and parts of a gap between two
_CROWD, _DEEPER = 100, 4  # a cell of more points of it is cut again, up to so many times
_FEW = 8  # fewer points in a square do not tell how its mass lies in it
_GOLDEN = (5**0.5 - 1) / 2
_PIXEL, _PIXELS = 0.25, 2048  # side of the pixels that noise is added on, of its standard deviation; most in a row
_REACH = 4.0  # standard deviations that noise reaches
_FAINT = 1e-16  # a mass that is rounding
_TINY = 1e-300  # a mass of 0, for a logarithm: its term is 0 in the end
_SLOPES = ("d_slope", "d_slope_max", "d_angle", "d_gradient", "g_gradient")
_CHUNK = (
    512  # points a call: activations stay in the cache, and no member's outputs depend on how many others there are
)
_NODES3, _WEIGHTS3 = np.polynomial.legendre.leggauss(3)

# mesh of the scores of p_g: 64 × 64 nodes 0.1 apart, every fifth of which is used
_STEP, _NODES = 0.1, slice(2, 60, 5)
_WINDOW_LINES = 32


def critic_scores(G: MLP, D: MLP, settings: Sequence[Setting], step: int = 0) -> dict[str, np.ndarray]:
    """`critic_gap`, `g_loss_optimal` and `g_loss_gap` of the M pairs of two stacks, each (M,) float64.

    `settings[m]` says what member m plays, after `step` generator steps; the loss is that of the first, as members of
    a stack share it. A member's scores do not depend on the others.
    """
    loss = make_loss(settings)
    names = ("critic_gap", "g_loss_optimal", "g_loss_gap")
    if loss.optimal_logit is None or not judges_points(D):
        return {name: np.full(len(settings), np.nan) for name in names}
    noises = noise(settings, step)
    targets = [blurred(target_for(s), float(own)) for s, own in zip(settings, noises, strict=True)]
    known = np.array([target is not None for target in targets])
    # a member without an optimum is worked out for the target without noise, and left out in the end
    grids = [cells(target or target_for(s)) for target, s in zip(targets, settings, strict=True)]
    found = []
    for (x, y, weights), grid, own in zip(_landings(G, len(grids)), grids, noises, strict=True):
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            found.append((grid.squares, *_nowhere(grid)))
        elif own > 0:
            pixels = _pixels(grid, float(own))
            side = 2 * grid.half_width / pixels
            found.append(_cut_to(grid, *_noisy(grid, x, y, weights, float(own), pixels), 1.5 * side))
        else:
            found.append(_cut_to(grid, x, y, weights))
    counts = [len(squares.p) for squares, _, _ in found]
    count = -(-max(counts) // _CHUNK) * _CHUNK

    def padded(rows: Sequence[np.ndarray], fill: float) -> Tensor:  # members differ in their number of cells
        out = np.full((len(rows), count, *rows[0].shape[1:]), fill)
        for row, values in zip(out, rows, strict=True):
            row[: len(values)] = values
        return torch.from_numpy(out)

    points, log_points = zip(*(squares.points(mass, moment) for squares, mass, moment in found), strict=True)
    p, g = padded([squares.p for squares, _, _ in found], 0.0), padded([mass for _, mass, _ in found], 0.0)
    log_g, labels = g.clamp(min=_TINY).log(), smoothing(settings)
    log_p = padded([squares.log_p for squares, _, _ in found], np.log(_TINY))
    best = loss.optimal_logit(log_ratio(log_p - log_g, labels))
    with torch.no_grad():
        d = _in_chunks(D, padded(points, 0.0).to(D.flat)).squeeze(-1).double()

    def real(logits: Tensor) -> Tensor:
        """a(logits) up to a constant, which differences do not have, per cell."""
        return loss.discriminator(logits.unsqueeze(-1), torch.zeros_like(logits).unsqueeze(-1))

    def fake(logits: Tensor) -> Tensor:
        return loss.discriminator(torch.zeros_like(logits).unsqueeze(-1), logits.unsqueeze(-1))

    # where there is p, say: the loss of a cell without it may be infinite, and counts for nothing
    as_real, as_fake = p * (1 - labels[:, None]), g + p * labels[:, None]
    gap = _weighted(as_real, real(d) - real(best), counts) + _weighted(as_fake, fake(d) - fake(best), counts)
    # seldom bounded, so taken from the density where the generated mass is, rather than from the cell's mean density
    at_points = loss.optimal_logit(log_ratio(padded(log_points, np.log(_TINY)) - log_g, labels))
    optimal = _weighted(g, loss.generator(at_points.unsqueeze(-1)), counts)
    actual = _weighted(g, loss.generator(d.unsqueeze(-1)), counts)
    scores = dict(zip(names, (gap, optimal, actual - optimal), strict=True))
    sound = torch.isfinite(gap) & torch.isfinite(optimal) & torch.isfinite(actual) & torch.from_numpy(known)
    return {name: torch.where(sound, values, torch.nan).numpy() for name, values in scores.items()}


def slope_scores(
    G: MLP,
    D: MLP,
    settings: Sequence[Setting],
    z: Tensor,
    real: Tensor,
    step: int = 0,
    normal: tuple[Tensor, Tensor] | None = None,
) -> dict[str, np.ndarray]:
    """`d_slope`, `d_slope_max`, `d_angle`, `d_gradient` and `g_gradient` of the M pairs of two stacks, each (M,).

    z (M, B, latent_dim) and real (M, B, 2) are the batches of the two losses; generated points are G(z). `normal` are
    normals of the shape of `real`, for real and for generated points: what instance noise is made of after `step`
    generator steps. Raises ``ValueError`` where there is such noise, and they are not given.
    """
    loss = make_loss(settings)
    if not judges_points(D):
        return {name: np.full(len(settings), np.nan) for name in _SLOPES}
    targets = [target_for(s) for s in settings]
    own = [{name: p.detach().requires_grad_() for name, p in network.named_parameters()} for network in (G, D)]
    fake = functional_call(G, own[0], (z,))
    noises = noise(settings, step)
    seen = (real, fake)
    if noises.any():
        if normal is None:
            raise ValueError("instance noise needs its normals")
        deviation = torch.from_numpy(noises).to(real)[:, None, None]
        seen = (real + deviation * normal[0].to(real), fake + deviation * normal[1].to(fake))
    on_real, on_fake = (functional_call(D, own[1], (x,)).squeeze(-1) for x in seen)
    g_loss = loss.generator(on_fake, on_real) if loss.paired else loss.generator(on_fake)
    g_gradient = _norms(g_loss, own[0])
    on_real, on_fake = (functional_call(D, own[1], (x.detach(),)).squeeze(-1) for x in seen)
    d_loss = loss.discriminator(on_real, on_fake)
    if (labels := smoothing(settings)).any():
        d_loss = d_loss + labels.to(d_loss) * label_smoothing(loss, on_real, on_fake)
    d_gradient = _norms(d_loss, own[1])
    fake = fake.detach()

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
        angle[noises > 0] = np.nan  # the slope of log p_g with noise is not known
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
        for (of_cut, of_cells), (wider, _), here in zip(self.tree[:0:-1], self.tree[-2::-1], cells[:0:-1], strict=True):
            parts = (np.concatenate([of_cut, of_cells]), np.concatenate([wholes[-1], both[here]]))
            wholes.append(np.stack([np.bincount(parts[0], v, len(wider)) for v in parts[1].T], 1))
        density = np.zeros(0)  # of the squares cut at a level, where it is to be even; else NaN
        found = np.full(len(mass), np.nan)
        side = 2 * self.half_width / 2**_COARSEST
        for (of_cut, of_cells), whole, here in zip(self.tree, wholes[::-1], cells, strict=True):
            wider = np.append(density, np.nan)  # at -1: what has no parent
            found[here] = wider[of_cells]
            own = np.where(whole[:, 0] < _FEW, whole[:, 1] / side**2, np.nan)
            density = np.where(np.isnan(wider[of_cut]), own, wider[of_cut])
            side /= 2
        which = np.flatnonzero(~np.isnan(found))
        return which, found[which] * self.side[which] ** 2


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
    far, share = np.polynomial.legendre.leggauss(6)
    outward = 3 * target.std  # from more than 3 std off all that is blurred by them; little of that is farther yet
    nodes, log_weights = [], []
    for axis in (0, 1):
        if way[:, axis].any():
            edge = centre[:, axis] + way[:, axis] * side / 2
            nodes.append(edge[:, None] + way[:, axis, None] * outward * (1 + far) / 2)
            log_weights.append(np.broadcast_to(np.log(share * outward / 2), nodes[-1].shape))
        else:
            nodes.append(centre[:, axis, None] + side[:, None] / 2 * _NODES3)
            log_weights.append(np.log(_WEIGHTS3 * side[:, None] / 2))
    x, y = np.broadcast_arrays(nodes[0][:, :, None], nodes[1][:, None, :])
    at = np.stack([x, y], -1)
    share = target.log_prob(torch.from_numpy(at)).numpy() + log_weights[0][:, :, None] + log_weights[1][:, None, :]
    mean = (special.softmax(share, (1, 2))[..., None] * at).sum((1, 2))
    return special.logsumexp(share, (1, 2)), mean


# --- masses of a generator --------------------------------------------------------------------------------------------


def generated_masses(G: MLP, grids: Sequence[Cells]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each member's mass g (C,) in its cells, and g × mean position (C, 2); NaN where G is not finite."""
    found = []
    for (x, y, weights), grid in zip(_landings(G, len(grids)), grids, strict=True):
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            found.append(_nowhere(grid))
            continue
        found.append(_binned(grid.of(x, y), x, y, weights, len(grid.p)))
    return found


def _nowhere(grid: Cells) -> tuple[np.ndarray, np.ndarray]:
    return np.full(len(grid.p), np.nan), np.full((len(grid.p), 2), np.nan)


def _binned(
    cell: np.ndarray, x: np.ndarray, y: np.ndarray, weights: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The mass (C,) of points in their cells, and mass × mean position (C, 2)."""
    moment = np.stack([np.bincount(cell, weights * v, count) for v in (x, y)], -1)
    return np.bincount(cell, weights, count), moment


def _landings(G: MLP, members: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of each member where points of the latents land, (P,) and (P,), and their masses (P,), which sum to 1."""
    latents, weights = _latents(G.sizes[0])
    with torch.no_grad():
        images = _in_chunks(G, latents.to(G.flat).expand(members, -1, -1)).numpy()
    for image in images:
        x, y = np.ascontiguousarray(image.T)
        if G.sizes[0] == 2:
            x, y = (_between(v.reshape(_LINES, _LINES)).ravel() for v in (x, y))
        yield x, y, weights


def _cut_to(
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
    mass, moment = _binned(home, x, y, weights, len(squares.p))
    which, even = grid.evened(first, mass[: len(grid.p)])
    mass[which], moment[which] = even, even[:, None] * grid.centre[which]
    return squares, mass, moment


def _pixels(grid: Cells, deviation: float) -> int:
    """How many pixels a side of the window noise of a standard deviation is added on: cells consist of whole ones."""
    pixels = len(grid.table)
    while pixels < _PIXELS and 2 * grid.half_width / pixels > _PIXEL * deviation:
        pixels *= 2
    return pixels


def _noisy(
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
    spread = spread_of(2 * np.pi * fft.fftfreq(whole), (deviation / pixel) ** 2)
    density = fft.ifft2(fft.fft2(density) * spread[:, None] * spread)
    held = slice(0, size + 2 * margin)
    place = (np.arange(size + 2 * margin) - margin + 0.5) * pixel - width
    mass, number = (np.maximum(v[held, held], 0).ravel() for v in (density.real, density.imag))
    there = np.flatnonzero(mass > _FAINT)
    mass = mass[there] * (weights[near].sum() / mass[there].sum() if len(there) else 1)
    x_pixels, y_pixels = place[there // len(place)], place[there % len(place)]
    return (
        np.concatenate([x_pixels, x[~near]]),
        np.concatenate([y_pixels, y[~near]]),
        np.concatenate([mass, weights[~near]]),
        np.concatenate([number[there], np.ones(np.count_nonzero(~near))]),
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
    for part in points.split(_CHUNK, 1):
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
    return torch.cat([network(part) for part in x.split(_CHUNK, 1)], 1)


def _weighted(weight: Tensor, value: Tensor, counts: Sequence[int]) -> Tensor:
    """Σ weight · value over each member's own cells, (M, C) -> (M,); a cell without weight counts for nothing."""
    terms = torch.where(weight == 0, 0, weight * value)
    return torch.stack([row[:count].sum() for row, count in zip(terms, counts, strict=True)])
