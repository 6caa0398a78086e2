"""Scores of generated samples against the known truth.

`score(samples, target)` gives, for N samples:

| score | meaning | perfect generator |
|---|---|---|
| `modes_covered` | modes that hold at least a quarter of their true weight in high-quality samples | all |
| `modes_hit` | modes with at least one high-quality sample | all |
| `high_quality` | share of samples within 3 std of the nearest mode, each by its own | 1 − e^(−9/2) = 0.98889 |
| `reverse_kl` | Σ q log(q / w), nats: modes' shares q of the high-quality samples, weights w | ≈ (K − 1) / 2N |
| `jsd` | Jensen–Shannon divergence, nats, on cells of equal true probability | ≈ (C − 1) / 8N |
| `spread` | trace of the samples' covariance over the target's | 1 |

How far a sample is from a mode is told in the mode's own standard deviations (Mahalanobis 1936): |L⁻¹(x − μ)| for a
mode N(μ, L Lᵀ). For round modes of one width, that is the distance over their std. A sample within 3 of several modes
is held by the one that is likeliest to make it, of the largest w N(x; μ, Σ): of equal modes, the nearest.

A score that a target cannot have (modes of a swiss roll), or that samples do not determine, is NaN: an empty cell.

**The cells of `jsd`.** The region of highest density that holds 99 % of the target is cut, median by median, into 256
cells of equal probability, and all the rest of the plane is one more, C = 257. So the cells are as fine as the target
everywhere, whatever its scale, and mass put where there should be none is seen. Merging points into cells can only
lower the divergence (data processing), and a finite sample raises it by about (C − 1) / 8N, 0.016 nats at N = 2048;
`null_scores` measures that.

`measure(samples, target)` gives the same scores and what they are made of: the samples' mean, the shares of them that
are on the data and far off, and for every mode its mass and its shape. verdicts.py judges whole courses by them;
docs/measures.md explains all to a user.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy import special

from dynamics.base.streams import Streams
from dynamics.settings.catalogue.matching import part_of
from dynamics.settings.catalogue.scores import GROUPS
from dynamics.targets.densities import Target

SCORES = tuple(GROUPS[""].scores)

EVALUATION = 2048  # samples that a score is taken from, unless said otherwise
_NULL_DRAWS = 200
_DEPTH = 8  # 2^8 cells of equal probability
_OUTSIDE = 2**_DEPTH  # index of the cell that is all the rest of the plane
_REGION = 0.99  # share of the target inside the cells
_BEYOND = 2.0  # times the distance from the target's mean that holds `_REGION` of it: farther out is far off
_REACH = 3.0  # a sample within so many std of its nearest mode is of high quality
_FEWEST = 8  # samples at a mode that its shape is taken from
# A mode's Gaussian cut off at r = 3 std: t = r² / 2std² is Exp(1) on [0, a], a = 9/2; E|x − c|² / 2std² = E[t | t < a]
_TRUNCATED = 1 - (_REACH**2 / 2) / np.expm1(_REACH**2 / 2)


def score(samples: np.ndarray | torch.Tensor, target: Target) -> dict[str, float]:
    """The `SCORES` of samples (N, 2), data units. NaN for all of them if any sample is not finite."""
    return {name: float(values[0]) for name, values in score_stack(np.asarray(samples)[None], target).items()}


def score_stack(samples: np.ndarray, target: Target) -> dict[str, np.ndarray]:
    """The `SCORES` of members' samples (M, N, 2), data units, each (M,); a member's do not depend on the others."""
    return measure(samples, target).scores


@dataclass(frozen=True)
class Measures:
    """What M members' samples measure; NaN for a member with a sample that is not finite.

    `mass` is the share of all N samples that are within 3 std of a mode and likelier made by it than by any other: the
    weight, less the 1.1 % of a Gaussian outside, under a perfect generator. `shape` is the trace of these samples'
    covariance, in the mode's own standard deviations, over what a perfect generator's have: 1 is perfect, far below 1 a
    mode that is hit but not filled, 2.4 one that is only part of an even spread. NaN with fewer than 8 samples.

    `on_data` is the share of samples in the target's region of highest density that holds 99 % of it, `far_off` that
    of samples more than twice as far from its mean as 99 % of it: 0.99 and 0 under a perfect generator.
    """

    scores: dict[str, np.ndarray]  # the `SCORES`, each (M,)
    mean: np.ndarray  # (M, 2) of the samples, data units
    on_data: np.ndarray  # (M,)
    far_off: np.ndarray  # (M,)
    mass: np.ndarray | None  # (M, K); None for a target without modes
    shape: np.ndarray | None  # (M, K)


def measure(samples: np.ndarray, target: Target) -> Measures:
    """Scores, mean and modes' mass and shape of members' samples (M, N, 2), data units, in one pass."""
    samples = np.asarray(samples, np.float64)
    members = len(samples)
    sound = np.isfinite(samples).all((1, 2))
    scores = {name: np.full(members, np.nan) for name in SCORES}
    mean, on_data, far_off = np.full((members, 2), np.nan), np.full(members, np.nan), np.full(members, np.nan)
    mass = shape = None
    if target.modes is not None:
        mass, shape = (np.full((members, len(target.modes.centres)), np.nan) for _ in range(2))
    # squares of larger numbers overflow; so far out, the cell, the nearest mode and the quality are the same
    finite = np.clip(samples[sound], -1e100, 1e100)
    if len(finite):
        partition = _partition(target)
        cell = partition.cells(finite, _log_prob(target, finite))
        scores["jsd"][sound] = _jsd(cell)
        on_data[sound] = (cell != _OUTSIDE).mean(1)
        far_off[sound] = (np.linalg.norm(finite - partition.mean, axis=-1) > _BEYOND * partition.radius).mean(1)
        scores["spread"][sound] = finite.var(1).sum(-1) / total_variance(target)
        mean[sound] = finite.mean(1)
        if mass is not None and shape is not None:
            held, scatter = _modes(finite, target)
            shape[sound] = scatter / _perfect_scatter(target)
            mass[sound] = held / samples.shape[1]
            of_modes = _mode_scores(held, samples.shape[1], target)
            for name in scores.keys() - {"jsd", "spread"}:
                scores[name][sound] = part_of("score", name, of_modes, "what measures it", "measures/metrics.py")
    return Measures(scores, mean, on_data, far_off, mass, shape)


def total_variance(target: Target) -> float:
    """Trace of the target's covariance, squared data units."""
    return _partition(target).variance


def target_mean(target: Target) -> np.ndarray:
    """The target's mean (2,), data units."""
    return _partition(target).mean


def _modes(samples: np.ndarray, target: Target) -> tuple[np.ndarray, np.ndarray]:
    """Of finite samples (M, N, 2): how many each mode holds in high quality, and the trace of their covariance where
    the mode's own is I; (M, K)."""
    assert target.modes is not None
    centres, roots = target.modes.centres, np.linalg.cholesky(target.modes.covariances)
    log_heights = np.log(target.modes.weights) - np.log(roots[:, 0, 0] * roots[:, 1, 1])
    likeliest, distance = np.full(samples.shape[:2], -np.inf), np.empty(samples.shape[:2])
    mode = np.zeros(samples.shape[:2], np.int64)
    for k, (centre, root) in enumerate(zip(centres, roots, strict=True)):  # (M, N, K) would not fit for many modes
        x0 = (samples[..., 0] - centre[0]) / root[0, 0]
        x1 = (samples[..., 1] - centre[1] - root[1, 0] * x0) / root[1, 1]
        squared = x0**2 + x1**2  # distance in the mode's own standard deviations
        density = log_heights[k] - squared / 2
        nearer = (squared <= _REACH**2) & (density > likeliest)
        likeliest[nearer], distance[nearer], mode[nearer] = density[nearer], squared[nearer], k
    good = likeliest > -np.inf
    count = len(samples) * len(centres)
    held_by = mode[good]
    slot = (mode + len(centres) * np.arange(len(samples))[:, None])[good]  # member and mode as one index

    def total(values: np.ndarray | None = None) -> np.ndarray:
        return np.bincount(slot, values, count).reshape(len(samples), len(centres))

    offset = samples[good] - centres[held_by]  # from its mode: the squares do not cancel
    x0 = offset[:, 0] / roots[held_by, 0, 0]
    x1 = (offset[:, 1] - roots[held_by, 1, 0] * x0) / roots[held_by, 1, 1]
    held = total()
    with np.errstate(invalid="ignore", divide="ignore"):
        around = total(distance[good]) - (total(x0) ** 2 + total(x1) ** 2) / held
        scatter = np.where(held >= _FEWEST, around.clip(0) / (held - 1), np.nan)
    return held, scatter


def _mode_scores(held: np.ndarray, n: int, target: Target) -> dict[str, np.ndarray]:
    """The scores that follow from `held` (M, K), of n samples."""
    assert target.modes is not None
    weights = target.modes.weights
    total = held.sum(1, keepdims=True)
    with np.errstate(invalid="ignore"):
        share = held / total  # NaN where no sample is of high quality: then the histogram does not exist
    return {
        "modes_covered": (held >= 0.25 * weights * n).sum(1).astype(float),
        "modes_hit": (held > 0).sum(1).astype(float),
        "high_quality": total[:, 0] / n,
        "reverse_kl": special.rel_entr(share, weights).sum(1),
    }


@functools.lru_cache(maxsize=64)
def _perfect_scatter(target: Target) -> np.ndarray:
    """`_modes`' trace (K,) of what each mode holds in high quality, of a perfect generator's samples.

    Modes far apart hold a Gaussian cut off at 3 std: 2 (1 − a / (e^a − 1)), a = 9/2. Where neighbours reach into each
    other, a mode loses what is nearer to the others and gains their stragglers: measured on `_points`.
    """
    assert target.modes is not None
    centres, wide = target.modes.centres, np.sqrt(np.linalg.eigvalsh(target.modes.covariances)[:, 1])
    apart = np.linalg.norm(centres[:, None] - centres, axis=-1)
    np.fill_diagonal(apart, np.inf)
    # 3 std of one and 5 of the other: then a mode loses nothing, and gains less than 1e-6 from each other
    if bool((apart > 3 * np.add.outer(wide, wide) + 2 * np.maximum.outer(wide, wide)).all()):
        return np.full(len(centres), 2 * _TRUNCATED)
    return _modes(_points(target).numpy()[None], target)[1][0]


# --- Jensen–Shannon divergence on cells of equal probability ----------------------------------------------------------


@dataclass(frozen=True)
class _Partition:
    axis: np.ndarray  # (2^depth − 1,) split axis of each inner node, breadth first
    threshold: np.ndarray  # (2^depth − 1,) data units; above goes right
    log_density: float  # below it a point lies outside the region
    variance: float  # trace of the target's covariance
    mean: np.ndarray  # (2,) of the target
    radius: float  # about its mean, within which `_REGION` of it lies

    def cells(self, points: np.ndarray, log_density: np.ndarray) -> np.ndarray:
        """Index of the cell of each point: (..., 2) and (...) -> (...); the last index is the outside."""
        node = np.zeros(points.shape[:-1], np.int64)
        x, y = points[..., 0], points[..., 1]
        for _ in range(_DEPTH):
            value = np.where(self.axis[node] == 0, x, y)
            node = 2 * node + 1 + (value > self.threshold[node])
        return np.where(log_density < self.log_density, _OUTSIDE, node - (2**_DEPTH - 1))


@functools.lru_cache(maxsize=64)
def _partition(target: Target) -> _Partition:
    """Cut from `_points`: cell masses are even enough to move a JSD by < 1e-4 nats."""
    points = _points(target)
    log_density = target.log_prob(points).numpy()
    cut = float(np.quantile(log_density, 1 - _REGION))
    variance, mean = float(points.numpy().var(0).sum()), points.numpy().mean(0)
    radius = float(np.quantile(np.linalg.norm(points.numpy() - mean, axis=1), _REGION))
    axis, threshold = np.zeros(2**_DEPTH - 1, np.int64), np.zeros(2**_DEPTH - 1)
    cells = [points.numpy()[log_density >= cut]]
    for node in range(2**_DEPTH - 1):  # breadth first: cells[node] is there before its children are appended
        cell = cells[node]
        axis[node] = np.argmax(np.ptp(cell, axis=0))
        values = cell[:, axis[node]]
        threshold[node] = np.median(values)
        right = values > threshold[node]
        cells += [cell[~right], cell[right]]
    return _Partition(axis, threshold, cut, variance, mean, radius)


def _points(target: Target) -> torch.Tensor:
    """2^16 points of the target from a scrambled Sobol sequence: (65536, 2), float64."""
    base = torch.quasirandom.SobolEngine(4, scramble=True, seed=0).draw_base2(16, dtype=torch.float64)
    return target.transform(base[:, :2], torch.special.ndtri(base[:, 2:].clamp(1e-12, 1 - 1e-12)))


def _log_prob(target: Target, points: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return target.log_prob(torch.from_numpy(points)).numpy()


def _jsd(cell: np.ndarray) -> np.ndarray:
    """JSD (M,), nats, of samples whose cells are given, (M, N)."""
    members, n = cell.shape
    count = _OUTSIDE + 1
    held = np.bincount((cell + count * np.arange(members)[:, None]).ravel(), minlength=members * count)
    q = held.reshape(members, count) / n
    p = np.full(count, _REGION / 2**_DEPTH)
    p[-1] = 1 - _REGION
    middle = (p + q) / 2
    return (special.rel_entr(p, middle).sum(-1) + special.rel_entr(q, middle).sum(-1)) / 2


# --- what a perfect generator would score -----------------------------------------------------------------------------


@functools.lru_cache(maxsize=64)
def null_scores(target: Target, n: int = EVALUATION) -> Mapping[str, tuple[float, float]]:
    """Mean and standard deviation of each score over 200 draws of `n` samples from the target itself."""
    parts = [score_stack(part, target) for part in np.array_split(null_samples(target, n), 8)]
    scores = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return {name: (float(v.mean()), float(v.std(ddof=1))) for name, v in scores.items()}


def null_samples(target: Target, n: int = EVALUATION) -> np.ndarray:
    """The draws from the target itself that `null_scores` scores, (200, n, 2) float32: always the same."""
    choice, noise = (
        Streams(range(_NULL_DRAWS), "null").uniform(n, 2),
        Streams(range(_NULL_DRAWS, 2 * _NULL_DRAWS), "null").normal(n, 2),
    )
    return target.transform(torch.from_numpy(choice), torch.from_numpy(noise)).numpy()
