"""How steep a critic can be: its Lipschitz constant from both sides, and what it makes of the Wasserstein-1 distance.

A function D of the plane has the Lipschitz constant L = max over x, y of |D(x) − D(y)| / |x − y| = max |∇ₓ D|, and
whatever D is (Kantorovich & Rubinstein 1958; for GANs, Arjovsky et al. 2017),

    E_real D − E_fake D ≤ L · W₁(real, fake),

with equality for the best critic. L of a network is hard to compute, but known from both sides: it is at least any
slope that is seen, and at most the product of what its layers can stretch by.

| score | meaning |
|---|---|
| `lipschitz_grid` | ≤ L: the largest \\|∇ₓ D\\| on a regular 64 × 64 grid over the target's window and at all points |
| `lipschitz_secant` | ≤ L: the largest \\|D(x) − D(y)\\| / \\|x − y\\| of two of the points |
| `lipschitz_upper` | ≥ L: the product of the layers' spectral norms and their activations' steepest slopes |
| `w1` | Wasserstein-1 distance of the real from the generated points, exact, data units |
| `w1_lower` | (mean D(real) − mean D(fake)) / `lipschitz_upper`, data units: ≤ `w1`, for any D |
| `w1_critic` | the same over `lipschitz_grid`: nearer to what D tells, but L may be larger, so it can be above `w1` |

The points are the batches real and fake that D is given, and `w1` is the distance of these same batches, not of the
distributions: only so are the last three one quantity. `w1_critic / w1` near 1 says that D is as good a critic as there
is, a D that is wrong side up has it below 0, and `w1_lower / w1` is what can be proved of that.

D is taken as a function of the plane, with its weights as they are (`MLP.plain` folds normalisations into them), and
computed in float64, which leaves the bounds in order to rounding: some 1e-13 of them. A D that looks at several points
together (packing, minibatch standard deviation) is no such function, and has NaN for all but `w1`. The gradient of a
ReLU network is exact for the piece of the plane that a point lies in; exactly on an edge between pieces it is what
autograd says, which need not be the slope of either. Against a grid of 600 × 600, `lipschitz_grid` found 0.98 to 1 of
the largest slope of trained networks (hidden 64; two targets, losses and activations, three seeds each), and
`lipschitz_upper` was 1.3 to 10 times it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy.spatial.distance import pdist
from torch import Tensor
from torch.func import functional_call

from dynamics.games.networks import MLP
from dynamics.measures.transport import w1_between
from dynamics.settings.catalogue.games import ACTIVATIONS
from dynamics.settings.setting import Setting
from dynamics.targets.registry import target_for

_LINES = 64  # of the grid; an even number, so that networks without biases do not have their edges on it
_NEAR = 1e-6  # of the window: nearer points have no secant, as what D's values differ by is then rounding


def lipschitz_scores(G: MLP, D: MLP, settings: Sequence[Setting], z: Tensor, real: Tensor) -> dict[str, np.ndarray]:
    """All scores of the table above of the M pairs of two stacks, each (M,).

    z (M, B, latent_dim) and real (M, B, 2) are the batches; generated points are G(z), `settings[m]` names member m's
    target. A member's scores do not depend on the others; if its points are not finite all are NaN, if D's weights are
    not, all but `w1`.
    """
    with torch.no_grad():
        fake = torch.cat([functional_call(G, _member(G, m), (z[m : m + 1].clone(),)) for m in range(len(z))])
    return distance_scores(D, real, fake, [target_for(s).half_width for s in settings])


def distance_scores(
    D: MLP, real: Tensor, fake: Tensor, half_widths: Sequence[float] | np.ndarray
) -> dict[str, np.ndarray]:
    """All scores of M critics between real and fake (M, B, 2) both, each (M,); the grid covers [−half_width,
    half_width]² of each member.

    Distances are positive where D is higher at real points. A D of equal means has 0 for `w1_critic` and `w1_lower`;
    one whose means differ though it is flat wherever looked at (a step between) has no `w1_critic`, NaN. `w1` needs no
    D, and is there whenever the points are finite. ValueError for batches of two sizes.
    """
    real, fake = _double(real), _double(fake)
    bounds, values = bounds_and_values(D, torch.cat([real, fake], 1), half_widths)
    difference = values[:, : real.shape[1]].mean(1) - values[:, real.shape[1] :].mean(1)

    def over(slope: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            return np.where(slope > 0, difference / slope, np.where(difference == 0, 0.0, np.nan))

    return bounds | {
        "w1": w1_between(fake.numpy(), real.numpy()),
        "w1_critic": over(bounds["lipschitz_grid"]),
        "w1_lower": over(bounds["lipschitz_upper"]),
    }


def bounds_and_values(
    D: MLP, points: Tensor, half_widths: Sequence[float] | np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """`lipschitz_grid`, `lipschitz_secant`, `lipschitz_upper` of M critics, each (M,) float64, D's unit per data unit;
    and D's values at points, (M, B).

    points (M, B, 2) are those looked at beside the grid, which covers [−half_width, half_width]² of each member. Pairs
    of points within 1e-6 of the window have no secant; without any pair it is 0. A member whose weights or points are
    not finite has NaN; no member's bounds depend on the others. KeyError for an activation that there is not.
    """
    points = _double(points)
    names = ("lipschitz_grid", "lipschitz_secant", "lipschitz_upper")
    bounds, values = np.full((3, len(points)), np.nan), np.full(points.shape[:2], np.nan)
    if D.sizes[0] != 2 or any(w.shape[1] != n + 1 for w, n in zip(D.matrices, D.sizes, strict=False)):
        return dict(zip(names, bounds, strict=True)), values  # it sees more than one point
    line = torch.linspace(-1, 1, _LINES, dtype=torch.float64)
    window = torch.cartesian_prod(line, line)
    for m, half_width in enumerate(map(float, half_widths)):
        parameters = {name: _double(p) for name, p in _member(D, m).items()}
        x = points[m]
        if not all(bool(v.isfinite().all()) for v in (x, *parameters.values())):
            continue
        output, slope = _evaluated(D, parameters, torch.cat([x, half_width * window]))
        matrices = [parameters[f"matrices.{k}"][0, :-1].numpy() for k in range(len(D.sizes) - 1)]
        measured = (
            slope.max(),
            _largest_secant(x.numpy(), output[: len(x)], half_width),
            math.prod(float(np.linalg.norm(matrix, 2)) for matrix in matrices)
            * ACTIVATIONS[D.activation].steepest ** (len(matrices) - 1),
        )
        if np.isfinite(measured).all():
            bounds[:, m], values[m] = measured, output[: len(x)]
    return dict(zip(names, bounds, strict=True)), values


def _evaluated(D: MLP, parameters: dict[str, Tensor], x: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """D (B,) and |∇ₓ D| (B,) at points x (B, 2), D having the given parameters of one member."""
    with torch.enable_grad():
        x = x.unsqueeze(0).requires_grad_()
        output = functional_call(D, parameters, (x,))
        gradient = torch.autograd.grad(output.sum(), x)[0]
    return output.detach().flatten().numpy(), np.hypot(*gradient[0].numpy().T)


def _largest_secant(x: np.ndarray, values: np.ndarray, half_width: float) -> float:
    """The largest |values_i − values_j| / |x_i − x_j|, x (B, 2), values (B,)."""
    distance, rise = pdist(x), pdist(values[:, None], "cityblock")
    apart = distance > _NEAR * max(half_width, np.abs(x).max())
    return float((rise[apart] / distance[apart]).max(initial=0.0))


def _member(network: MLP, m: int) -> dict[str, Tensor]:
    """Parameters of member m as a stack of one: the rounding of a larger stack may depend on the number of members."""
    return {name: p[m : m + 1].detach().clone() for name, p in network.named_parameters()}


def _double(x: Tensor) -> Tensor:
    return x.detach().to("cpu", torch.float64)
