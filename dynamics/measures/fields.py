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

Both densities are those of grid_densities.py. For other than two latent dimensions p_g is 2¹⁵ points; few of them fall
in a cell, so both densities are averaged once more, falling linearly to 0 at four cells' distance, and D* is NaN below
1/25 of an even spread.

**The error** on 96 × 96 cells: 0.004 in the mean and 0.04 at most for Gaussian players, against the averages in closed
form. For trained ReLU generators, against a mesh of 600 × 600 lines, 0.004 in the mean and 0.02 for 99 % of cells; 0.08
where modes are tight and G stretches what lies between two lines of the mesh over many cells.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy import special
from torch import Tensor

from dynamics.games.best_answer import blurred, noise_stds, smoothing
from dynamics.games.losses import Loss, make_loss
from dynamics.games.networks import MLP, plain_pair
from dynamics.measures.grid_densities import NEGLIGIBLE, generated_density, generated_images, real_density, with_noise
from dynamics.measures.pointwise import outputs_at, sobol_latents
from dynamics.settings.setting import Setting
from dynamics.targets.registry import target_for

_AMONG = 9  # 2^9 points of each kind, beside which a Wasserstein critic is read

# D*
_NEGLIGIBLE_SOBOL = 0.04  # of an even spread over the window, where p_g is points; else `NEGLIGIBLE`
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
    if loss.facts.optimal_is_step:
        return ((1 + output) / 2).clamp(0, 1)
    of_real, of_fake = loss.slopes_at(output)
    return (of_fake / (of_fake - of_real)).clamp(0, 1)


def discriminator_field(G: MLP, D: MLP, settings: Sequence[Setting], points: np.ndarray) -> np.ndarray:
    """D at grid points (R, R, 2), as a probability of being real: (M, R, R) float32 in [0, 1]; NaN where D's output is.

    `settings[m]` are member m's. G and the targets matter only under the Wasserstein loss, whose D is relative.
    """
    loss = make_loss(settings)
    outputs = outputs_at(D, torch.from_numpy(points).reshape(-1, 2))
    if loss.optimal_logit is None:
        latents = torch.from_numpy(sobol_latents(settings[0].latent_dim, _AMONG))
        among = torch.cat([outputs_at(D, outputs_at(G, latents)), outputs_at(D, _real_points(settings))], 1)
        low, middle, high = among.squeeze(-1).quantile(torch.tensor([0.25, 0.5, 0.75]), 1)[..., None, None]
        scale = ((high - low) / 2).clamp(min=torch.finfo(outputs.dtype).tiny)
        outputs = (outputs - middle) / (1 if loss.facts.paired else scale)
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
    negligible = 2 * (NEGLIGIBLE if mesh else _NEGLIGIBLE_SOBOL) / (side * len(points)) ** 2
    cells = np.arange(len(points))
    wider = np.maximum(0, 1 - np.abs(cells[:, None] - cells) / _WIDER) / _WIDER
    noises = [noise_stds([s], step).item() for s, step in zip(settings, steps or [0] * len(settings), strict=True)]
    labels, images = smoothing(settings).numpy(), generated_images(G, mesh)
    for field, setting, deviation, label, image in zip(fields, settings, noises, labels, images, strict=True):
        # so many cells beyond the grid, from which noise brings points to it; halves of cells where it is less than one
        margin = min(math.ceil(_FAR * deviation / side), _BEYOND * len(points))
        parts = 2 if 0 < deviation < side else 1
        count, fine = (len(points) + 2 * margin) * parts, side / parts
        first = tuple(c - margin * side + (fine - side) / 2 for c in corner)
        target = target_for(setting)
        g = generated_density(image, mesh, first, fine, count)
        if (exact := blurred(target, deviation)) is not None:
            p = real_density(exact, corner, side, len(points))
        else:
            p = with_noise(real_density(target, first, fine, count), len(points), parts, margin, deviation / side)
        if deviation > 0:
            g = with_noise(g, len(points), parts, margin, deviation / side)
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
    x = outputs_at(G, z).requires_grad_()
    with torch.enable_grad():
        loss = make_loss(settings)
        if loss.facts.paired:  # with each of many real points
            real = outputs_at(D, _real_points(settings)).transpose(1, 2)  # (M, 1, R)
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
    images = outputs_at(G, torch.from_numpy(z[..., :latent_dim].reshape(-1, latent_dim)))
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


def _real_points(settings: Sequence[Setting]) -> Tensor:
    """2^9 real points of each member, (M, 2^9, 2), evenly spread."""
    base = torch.quasirandom.SobolEngine(4, scramble=True, seed=0).draw_base2(_AMONG, dtype=torch.float64)
    noise = torch.special.ndtri(base[:, 2:].clamp(1e-7, 1 - 1e-7))
    return torch.stack([target_for(s).transform(base[:, :2], noise) for s in settings])
