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

**The game is the one that is played** (best_answer.py). Where labels are smoothed, D's loss is the one with those
labels, and the optimal D is its own. Where there is instance noise at that step, both losses are of points with noise,
and the densities are those of such points. Penalties that hold D back are not part of the loss: with them D may have a
gap that it cannot close.

Losses are in the loss's unit (nats for the logarithmic ones). What does not exist is NaN: the scores of a member whose
numbers are not finite, all of them under the Wasserstein and relativistic losses, which have no optimal D, and with
instance noise on a target whose density with noise has no closed form (the pinwheel), and everything where D has no
output at a single point (packing, minibatch standard deviation).

**The gap as a sum over cells.** With masses p and g of both densities in each cell, D's output d at the cell's centre
of mass (of p + g) and the optimal output d* for (p, g), the gap is

    Σ over cells of  p [a(d) − a(d*)] + g [b(d) − b(d*)],       loss of D = E_data a(D) + E_g b(D).

Every term is ≥ 0 by the definition of d*, so the sum is, to rounding; d = 0 gives exactly 2 JSD of the binned densities
(logarithmic losses), and d = d* exactly 0. Near the optimum a term is quadratic in d − d*, so what merging points into
cells does to d* enters squared. The other way, D's loss from samples less the loss of the binned optimum, would carry
the whole of what binning takes off the divergence, and could be negative. With labels 1 − w, (1 − w) p stands for p and
g + w p for g.

The target's cells and its masses p in them are those of target_cells.py, G's masses g those of generated_mass.py.

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

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from dynamics.games.best_answer import blurred, log_ratio, noise_stds, smoothing
from dynamics.games.losses import make_loss
from dynamics.games.networks import MLP
from dynamics.measures.generated_mass import cut_to, landings, noise_pixels, nowhere, with_noise
from dynamics.measures.pointwise import CHUNK, in_chunks, judges_points
from dynamics.measures.target_cells import cells
from dynamics.settings.setting import Setting
from dynamics.targets.registry import target_for

_TINY = 1e-300  # a mass of 0, for a logarithm: its term is 0 in the end


def critic_scores(G: MLP, D: MLP, settings: Sequence[Setting], step: int = 0) -> dict[str, np.ndarray]:
    """`critic_gap`, `g_loss_optimal` and `g_loss_gap` of the M pairs of two stacks, each (M,) float64.

    `settings[m]` says what member m plays, after `step` generator steps; the loss is that of the first, as members of
    a stack share it. A member's scores do not depend on the others.
    """
    loss = make_loss(settings)
    names = ("critic_gap", "g_loss_optimal", "g_loss_gap")
    if loss.optimal_logit is None or not judges_points(D):
        return {name: np.full(len(settings), np.nan) for name in names}
    noises = noise_stds(settings, step)
    targets = [blurred(target_for(s), float(std)) for s, std in zip(settings, noises, strict=True)]
    known = np.array([target is not None for target in targets])
    # a member without an optimum is worked out for the target without noise, and left out in the end
    grids = [cells(target or target_for(s)) for target, s in zip(targets, settings, strict=True)]
    cut = []
    for (x, y, weights), grid, std in zip(landings(G, len(grids)), grids, noises, strict=True):
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            cut.append((grid.squares, *nowhere(grid)))
        elif std > 0:
            pixels = noise_pixels(grid, float(std))
            side = 2 * grid.half_width / pixels
            cut.append(cut_to(grid, *with_noise(grid, x, y, weights, float(std), pixels), 1.5 * side))
        else:
            cut.append(cut_to(grid, x, y, weights))
    counts = [len(squares.p) for squares, _, _ in cut]
    count = -(-max(counts) // CHUNK) * CHUNK

    def padded(rows: Sequence[np.ndarray], fill: float) -> Tensor:  # members differ in their number of cells
        out = np.full((len(rows), count, *rows[0].shape[1:]), fill)
        for row, values in zip(out, rows, strict=True):
            row[: len(values)] = values
        return torch.from_numpy(out)

    points, log_points = zip(*(squares.points(mass, moment) for squares, mass, moment in cut), strict=True)
    p, g = padded([squares.p for squares, _, _ in cut], 0.0), padded([mass for _, mass, _ in cut], 0.0)
    log_g, labels = g.clamp(min=_TINY).log(), smoothing(settings)
    log_p = padded([squares.log_p for squares, _, _ in cut], np.log(_TINY))
    best = loss.optimal_logit(log_ratio(log_p - log_g, labels))
    with torch.no_grad():
        d = in_chunks(D, padded(points, 0.0).to(D.flat)).squeeze(-1).double()

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


def _weighted(weight: Tensor, value: Tensor, counts: Sequence[int]) -> Tensor:
    """Σ weight · value over each member's own cells, (M, C) -> (M,); a cell without weight counts for nothing."""
    terms = torch.where(weight == 0, 0, weight * value)
    return torch.stack([row[:count].sum() for row, count in zip(terms, counts, strict=True)])
