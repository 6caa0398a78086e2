"""D's slopes: how steep it is where G's points lie, and whether it points where the best D would.

`slope_scores(G, D, settings, z, real, step)`:

| score | meaning |
|---|---|
| `d_slope` | mean \\|∇ₓ D\\| of D's output before any sigmoid at the generated points G(z), per data unit |
| `d_slope_max` | largest \\|∇ₓ D\\| at those points and on a regular 32 × 32 grid over the target's window |
| `d_angle` | mean cosine between ∇ₓ D and ∇ₓ t at generated points: 1 where D pushes G as the optimal D would |
| `d_gradient`, `g_gradient` | norm of the gradient of a player's loss with respect to its own parameters |

The optimal D's output is t = log p_data − log p_g (see critic_gap.py), or rises with it. Labels and noise are those of
the game that is played (best_answer.py). What does not exist is NaN: the scores of a member whose numbers are not
finite, `d_angle` under the Wasserstein, relativistic and hinge losses (whose optimal D is a step, if there is one),
with instance noise, and for latents of other than two dimensions, and everything where D has no output at a single
point.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from dynamics.games.best_answer import noise_stds, smoothing
from dynamics.games.losses import Loss, make_loss
from dynamics.games.networks import MLP
from dynamics.games.penalties import label_smoothing
from dynamics.measures.pointwise import CHUNK, judges_points
from dynamics.settings.setting import Setting
from dynamics.targets.densities import Target
from dynamics.targets.registry import target_for

_SLOPES = ("d_slope", "d_slope_max", "d_angle", "d_gradient", "g_gradient")
# mesh of the scores of p_g: 64 × 64 nodes 0.1 apart, every fifth of which is used
_STEP, _NODES = 0.1, slice(2, 60, 5)
_WINDOW_LINES = 32


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
    parameters = [{name: p.detach().requires_grad_() for name, p in network.named_parameters()} for network in (G, D)]
    fake = functional_call(G, parameters[0], (z,))
    noises = noise_stds(settings, step)
    seen = (real, fake)
    if noises.any():
        if normal is None:
            raise ValueError("instance noise needs its normals")
        deviation = torch.from_numpy(noises).to(real)[:, None, None]
        seen = (real + deviation * normal[0].to(real), fake + deviation * normal[1].to(fake))
    on_real, on_fake = (functional_call(D, parameters[1], (x,)).squeeze(-1) for x in seen)
    g_loss = loss.generator(on_fake, on_real) if loss.facts.paired else loss.generator(on_fake)
    g_gradient = _norms(g_loss, parameters[0])
    on_real, on_fake = (functional_call(D, parameters[1], (x.detach(),)).squeeze(-1) for x in seen)
    d_loss = loss.discriminator(on_real, on_fake)
    if (labels := smoothing(settings)).any():
        d_loss = d_loss + labels.to(d_loss) * label_smoothing(loss, on_real, on_fake)
    d_gradient = _norms(d_loss, parameters[1])
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


def _has_slope(loss: Loss) -> bool:
    """Whether the optimal output rises with log p_data − log p_g, so that both have gradients of one direction."""
    return loss.optimal_logit is not None and not loss.facts.optimal_is_step


def _slope(D: MLP, points: Tensor) -> Tensor:
    """∇ₓ of D's output at points (M, B, 2), of the same shape."""
    slopes = []
    for part in points.split(CHUNK, 1):
        x = part.detach().requires_grad_()
        slopes.append(torch.autograd.grad(D(x).sum(), x)[0])
    return torch.cat(slopes, 1)


def _norms(loss: Tensor, parameters: dict[str, Tensor]) -> np.ndarray:
    """Norm (M,) of the gradient of each member's loss (M,) with respect to its row of the parameters."""
    gradients = torch.autograd.grad(loss.sum(), list(parameters.values()))
    return torch.cat([g.flatten(1).double() for g in gradients], 1).norm(dim=1).numpy()


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.hypot(vectors[..., 0], vectors[..., 1])
