"""Optimal transport: how far, in data units, generated samples would have to be moved to lie as the target does.

For distributions p and q on the plane, and T any coupling of them, the Wasserstein-2 distance is

    W₂(p, q)² = min over T of  E_T |x − y|²,

and for points on a line the optimal coupling pairs quantile with quantile. Averaging that over directions θ gives the
sliced distance (Bonneel et al. 2015, Sliced and Radon Wasserstein barycenters of measures),

    SW₂(p, q)² = mean over θ of  W₂(θ·p, θ·q)².

Both are 0 for equal distributions alone, grow with every mode that is missing and every point that is astray, and tell
a generator that is far off from one that is nearly right, where a divergence is at its maximum for both. A pure shift
by t scores W₂ = |t| and SW₂ = |t| / √2 (no factor 2 is put in for that), and SW₂ ≤ W₂ / √2 always. `w2` sees what no
single direction shows, but only few samples; `sliced_w2` sees all of them.

The Wasserstein-1 distance, W₁(p, q) = min over T of E_T |x − y|, is what a critic of bounded slope can tell (see
lipschitz.py). A shift by t scores |t| too, and W₁ ≤ W₂: single points that are far astray count for less.

Samples are points, so a perfect generator does not score 0, and its score falls as N grows: for the target's own
samples and the gaussian target of standard deviation σ, `w2` is about 0.29 σ and `w1` 0.22 σ at 256 samples, and
`sliced_w2` about 0.04 σ at 2048. Distances are to be compared at one N.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from dynamics.targets.densities import Target

EXACT = 256  # samples of a member that w2 assigns: its time grows almost as their cube
# A prime: with 32 the rule would see a ring of 8 modes from 4 different sides only, and be 1 % off; with 31, 0.1 %
DIRECTIONS = 31
FINE = 2**16  # points that the target's quantiles are taken from
_FAR = 1e100  # squares of larger numbers overflow
_SHARP, _ROUNDS = 300, 40  # the width of y in units of the entropy's distance; iterations: more of either gain no time


def w2(samples: np.ndarray, target: Target) -> np.ndarray:
    """Wasserstein-2 distance of members' samples (M, N, 2), N ≥ 1, to the target, data units: (M,).

    Exact between the first n = min(N, `EXACT`) samples of a member and n points of the target, which are the same for
    all members: the root of the mean squared distance under the best one-to-one assignment. A member's value does not
    depend on the others; it is NaN if any of its N samples is not finite. Coordinates beyond ±1e100 count as ±1e100.
    """
    reference = _reference(target)[: np.shape(samples)[1]]
    return _each(samples, lambda points: _assigned(points[:EXACT], reference))


def sliced_w2(samples: np.ndarray, target: Target) -> np.ndarray:
    """Sliced Wasserstein-2 distance of members' samples (M, N, 2), N ≥ 1, to the target, data units: (M,).

    The root of the mean, over an even fan of `DIRECTIONS`, of the squared one-dimensional W₂ between all N projected
    samples and the projected target (2^16 points of it). A member's value does not depend on the others; it is NaN if
    any of its samples is not finite. Coordinates beyond ±1e100 count as ±1e100.
    """
    means, within = _quantiles(target, np.shape(samples)[1])

    def distance(points: np.ndarray) -> float:
        projected = _fan() @ points.T  # (L, N)
        projected.sort(-1)
        return float(np.sqrt(np.square(projected - means).mean() + within))

    return _each(samples, distance)


def w1(samples: np.ndarray, target: Target) -> np.ndarray:
    """Wasserstein-1 distance of members' samples (M, N, 2), N ≥ 1, to the target, data units: (M,).

    Exact between the same points as those of `w2`: the mean distance under the best one-to-one assignment. A member's
    value does not depend on the others; it is NaN if any of its N samples is not finite. Coordinates beyond ±1e100
    count as ±1e100.
    """
    reference = _reference(target)[: np.shape(samples)[1]]
    return _each(samples, lambda points: _assigned_1(points[:EXACT], reference))


def w1_between(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Wasserstein-1 distance of members' points x (M, B, 2) from y (M, B, 2), B ≥ 1, data units: (M,).

    Exact, in a time that grows almost as B³. A member's value does not depend on the others; it is NaN if any of its
    points is not finite. Coordinates beyond ±1e100 count as ±1e100. ValueError if x and y differ in shape.
    """
    if np.shape(x) != np.shape(y):
        raise ValueError(f"as many points on both sides, not {np.shape(x)} and {np.shape(y)}")
    count = np.shape(x)[1]
    both = np.concatenate([np.asarray(v, np.float64) for v in (x, y)], 1)
    return _each(both, lambda points: _assigned_1(points[:count], points[count:]))


def _each(samples: np.ndarray, distance: Callable[[np.ndarray], float]) -> np.ndarray:
    samples = np.asarray(samples, np.float64)
    distances = np.full(len(samples), np.nan)
    for member in np.flatnonzero(np.isfinite(samples).all((1, 2))):
        distances[member] = distance(np.clip(samples[member], -_FAR, _FAR))
    return distances


# --- the exact assignment ---------------------------------------------------------------------------------------------


def _assigned(x: np.ndarray, y: np.ndarray) -> float:
    """W₂ of two sets of equally many points, (n, 2) each."""
    row, column = linear_sum_assignment(_reduced_costs(x, y))
    return float(np.sqrt(np.square(x[row] - y[column]).sum(-1).mean()))


def _reduced_costs(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(n, n) costs of the same best assignments as |x_i − y_j|², on which the solver is faster.

    The best assignment maximises Σ x_i · y_j; it stays the best if x or y is moved, or x is scaled, or each column or
    row gets a number added. So the costs are taken as

        y_j · A y_j − 2 x_i · y_j,        x and y centred, x scaled to a largest coordinate of 1,

    with A the symmetric matrix that maps a Gaussian of y's covariance optimally to one of x's (Olkin & Pukelsheim
    1982): were the points so related, each x_i would be cheapest in its own column. On |x − y|² itself, all samples of
    a collapsed generator compete for the same columns, and the solver takes 7 times as long.
    """
    x, y = x - x.mean(0), y - y.mean(0)
    x /= np.abs(x).max() or 1.0
    a, b = x.T @ x / len(x), y.T @ y / len(y)
    # A = (ab)^½ b⁻¹, with the root from Cayley–Hamilton, (M + √det M) / √(tr M + 2 √det M), and b⁻¹ = adj(b) / det b
    det_a, det_b = (max(m[0, 0] * m[1, 1] - m[0, 1] ** 2, 0.0) for m in (a, b))
    root = np.sqrt(np.trace(a @ b) + 2 * np.sqrt(det_a * det_b))
    if det_b > 1e-12 * np.trace(b) ** 2 and root > 0:  # else y on a line, or x one point: any A will do
        a = (a + np.sqrt(det_a / det_b) * np.array([[b[1, 1], -b[0, 1]], [-b[0, 1], b[0, 0]]])) / root
    return ((y @ a) * y).sum(-1) - 2 * x @ y.T


def _assigned_1(x: np.ndarray, y: np.ndarray) -> float:
    """W₁ of two sets of equally many points, (n, 2) each."""
    costs = cdist(x, y)
    chosen = linear_sum_assignment(costs - _prices(costs))
    return float(costs[chosen].mean())


def _prices(costs: np.ndarray) -> np.ndarray:
    """(n,) a number to take off each column, which leaves the best assignment the same and the solver less to do.

    The best numbers are the dual solution, at which every row is cheapest in its own column; those of the problem with
    an entropy term come close, by the iterations of Sinkhorn (1967). On distances as they are, the solver takes 2 to 7
    times as long for a generator that is far off or has collapsed; for a good one this costs 1 to 2 ms more.
    """
    costs = costs - costs.min(1, keepdims=True)  # at most the width of y now, however far off a point of x is
    scale = costs.max() / _SHARP
    if not scale > 0:
        return np.zeros(len(costs))
    kernel = np.exp(-costs / scale)
    by_column = np.ones(len(costs))
    for _ in range(_ROUNDS):
        by_column = 1 / ((1 / (kernel @ by_column)) @ kernel)
    return scale * np.log(by_column)


# --- the target's side ------------------------------------------------------------------------------------------------


def _points(target: Target, n: int) -> np.ndarray:
    """n points of the target, (n, 2), the first of a scrambled Sobol sequence: more even than n draws."""
    base = torch.quasirandom.SobolEngine(4, scramble=True, seed=0).draw(n, dtype=torch.float64)
    base += 2.0**-31  # its numbers are multiples of 2^-30, 0 among them: into the middle of their cells
    return target.transform(base[:, :2], torch.special.ndtri(base[:, 2:])).numpy()


@functools.lru_cache(maxsize=64)
def _reference(target: Target) -> np.ndarray:
    """The points (EXACT, 2) that `w2` compares with; fewer samples take the first of them."""
    return _points(target, EXACT)


@functools.cache
def _fan() -> np.ndarray:
    """Directions (L, 2) of the half circle, θ = π (k + ½) / L; the other half would give the same."""
    angle = np.pi * (np.arange(DIRECTIONS) + 0.5) / DIRECTIONS
    return np.stack([np.cos(angle), np.sin(angle)], -1)


@functools.lru_cache(maxsize=64)
def _quantiles(target: Target, n: int) -> tuple[np.ndarray, float]:
    """The target along each direction, cut into n parts of equal probability: means (L, n), variance within a part.

    On a line the i-th smallest of n samples goes to the i-th part, and its mean squared distance to that is the
    squared distance to the part's mean plus the variance inside. The second is returned as its mean over all parts and
    directions.
    """
    q = np.sort(_fan() @ _points(target, FINE).T, -1)
    # ∫ of the quantile function, a step function of FINE steps, from 0 to i/n: whole steps and a rest
    whole, rest = np.divmod(FINE * np.arange(n + 1), n)
    sums = np.pad(np.cumsum(q, -1), ((0, 0), (1, 0)))
    steps = np.pad(q, ((0, 0), (0, 1)))
    means = np.diff(sums[:, whole] + steps[:, whole] * (rest / n)) * (n / FINE)
    centre = q.mean(-1, keepdims=True)
    within = np.square(q - centre).mean() - np.square(means - centre).mean()
    return means, max(float(within), 0.0)
