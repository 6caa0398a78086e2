"""Scores of generated samples against the known truth, and the verdict on a member's whole course.

`score(samples, target)` gives, for N samples:

| score | meaning | perfect generator |
|---|---|---|
| `modes_covered` | modes that hold at least a quarter of their true weight in high-quality samples | all |
| `modes_hit` | modes with at least one high-quality sample | all |
| `high_quality` | share of samples within 3 std of the nearest mode | 1 − e^(−9/2) = 0.98889 |
| `reverse_kl` | Σ q log(q / w), nats: modes' shares q of the high-quality samples, weights w | ≈ (K − 1) / 2N |
| `jsd` | Jensen–Shannon divergence, nats, on cells of equal true probability | ≈ (C − 1) / 8N |
| `spread` | trace of the samples' covariance over the target's | 1 |

A score that a target cannot have (modes of a swiss roll), or that samples do not determine, is NaN: an empty cell.

**The cells of `jsd`.** The region of highest density that holds 99 % of the target is cut, median by median, into 256
cells of equal probability, and all the rest of the plane is one more, C = 257. So the cells are as fine as the target
everywhere, whatever its scale, and mass put where there should be none is seen. Merging points into cells can only
lower the divergence (data processing), and a finite sample raises it by about (C − 1) / 8N, 0.016 nats at N = 2048;
`null_scores` measures that.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy import special

from sample import Target
from streams import Streams

SCORES: dict[str, str] = {
    "modes_covered": "modes covered",
    "modes_hit": "modes hit",
    "high_quality": "high quality",
    "reverse_kl": "reverse KL, nats",
    "jsd": "JSD, nats",
    "spread": "spread",
}
VERDICTS = ("converged", "collapsed", "diverged", "still learning")

EVALUATION = 2048  # samples that a score is taken from, unless said otherwise
_NULL_DRAWS = 100
_DEPTH = 8  # 2^8 cells of equal probability
_REGION = 0.99  # share of the target inside the cells


def score(samples: np.ndarray | torch.Tensor, target: Target) -> dict[str, float]:
    """The `SCORES` of samples (N, 2), data units. NaN for all of them if any sample is not finite."""
    return {name: float(values[0]) for name, values in score_stack(np.asarray(samples)[None], target).items()}


def score_stack(samples: np.ndarray, target: Target) -> dict[str, np.ndarray]:
    """The `SCORES` of members' samples (M, N, 2), data units, each (M,); a member's do not depend on the others."""
    samples = np.asarray(samples, np.float64)
    sound = np.isfinite(samples).all((1, 2))
    scores = {name: np.full(len(samples), np.nan) for name in SCORES}
    # squares of larger numbers overflow; so far out, the cell, the nearest mode and the quality are the same
    finite = np.clip(samples[sound], -1e100, 1e100)
    if len(finite):
        scores["jsd"][sound] = _jsd(finite, target)
        scores["spread"][sound] = finite.var(1).sum(-1) / _partition(target).variance
        if target.modes is not None:
            for name, values in _mode_scores(finite, target).items():
                scores[name][sound] = values
    return scores


def _mode_scores(samples: np.ndarray, target: Target) -> dict[str, np.ndarray]:
    assert target.modes is not None
    centres, weights = target.modes.centres, target.modes.weights
    nearest = np.full(samples.shape[:2], np.inf)
    mode = np.zeros(samples.shape[:2], np.int64)
    for k, centre in enumerate(centres):  # a running minimum: (M, N, K) would not fit for many modes
        distance = np.square(samples - centre).sum(-1)
        closer = distance < nearest
        nearest[closer], mode[closer] = distance[closer], k
    good = nearest <= (3 * target.modes.std) ** 2
    held = np.stack([((mode == k) & good).sum(1) for k in range(len(centres))], 1)  # (M, K) high-quality samples a mode
    total = held.sum(1, keepdims=True)
    with np.errstate(invalid="ignore"):
        share = held / total  # NaN where no sample is of high quality: then the histogram does not exist
    return {
        "modes_covered": (held >= 0.25 * weights * samples.shape[1]).sum(1).astype(float),
        "modes_hit": (held > 0).sum(1).astype(float),
        "high_quality": good.mean(1),
        "reverse_kl": special.rel_entr(share, weights).sum(1),
    }


# --- Jensen–Shannon divergence on cells of equal probability ----------------------------------------------------------


@dataclass(frozen=True)
class _Partition:
    axis: np.ndarray  # (2^depth − 1,) split axis of each inner node, breadth first
    threshold: np.ndarray  # (2^depth − 1,) data units; above goes right
    log_density: float  # below it a point lies outside the region
    variance: float  # trace of the target's covariance

    def cells(self, points: np.ndarray, log_density: np.ndarray) -> np.ndarray:
        """Index of the cell of each point: (..., 2) and (...) -> (...); the last index is the outside."""
        node = np.zeros(points.shape[:-1], np.int64)
        x, y = points[..., 0], points[..., 1]
        for _ in range(_DEPTH):
            value = np.where(self.axis[node] == 0, x, y)
            node = 2 * node + 1 + (value > self.threshold[node])
        return np.where(log_density < self.log_density, 2**_DEPTH, node - (2**_DEPTH - 1))


@functools.lru_cache(maxsize=64)
def _partition(target: Target) -> _Partition:
    """Cut from 2^16 points of a scrambled Sobol sequence: cell masses are even enough to move a JSD by < 1e-4 nats."""
    base = torch.quasirandom.SobolEngine(4, scramble=True, seed=0).draw_base2(16, dtype=torch.float64)
    noise = torch.special.ndtri(base[:, 2:].clamp(1e-12, 1 - 1e-12))
    points = target.transform(base[:, :2], noise)
    log_density = target.log_prob(points).numpy()
    cut = float(np.quantile(log_density, 1 - _REGION))
    variance = float(points.numpy().var(0).sum())
    axis, threshold = np.zeros(2**_DEPTH - 1, np.int64), np.zeros(2**_DEPTH - 1)
    cells = [points.numpy()[log_density >= cut]]
    for node in range(2**_DEPTH - 1):  # breadth first: cells[node] is there before its children are appended
        cell = cells[node]
        axis[node] = np.argmax(np.ptp(cell, axis=0))
        values = cell[:, axis[node]]
        threshold[node] = np.median(values)
        right = values > threshold[node]
        cells += [cell[~right], cell[right]]
    return _Partition(axis, threshold, cut, variance)


def _log_prob(target: Target, points: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return target.log_prob(torch.from_numpy(points)).numpy()


def _jsd(samples: np.ndarray, target: Target) -> np.ndarray:
    members, n = samples.shape[:2]
    cell = _partition(target).cells(samples, _log_prob(target, samples))
    count = 2**_DEPTH + 1
    held = np.bincount((cell + count * np.arange(members)[:, None]).ravel(), minlength=members * count)
    q = held.reshape(members, count) / n
    p = np.full(count, _REGION / 2**_DEPTH)
    p[-1] = 1 - _REGION
    middle = (p + q) / 2
    return (special.rel_entr(p, middle).sum(-1) + special.rel_entr(q, middle).sum(-1)) / 2


# --- what a perfect generator would score -----------------------------------------------------------------------------


@functools.lru_cache(maxsize=64)
def null_scores(target: Target, n: int = EVALUATION) -> Mapping[str, tuple[float, float]]:
    """Mean and standard deviation of each score over 100 draws of `n` samples from the target itself."""
    choice, noise = (
        Streams(range(_NULL_DRAWS), "null").uniform(n, 2),
        Streams(range(_NULL_DRAWS, 2 * _NULL_DRAWS), "null").normal(n, 2),
    )
    samples = target.transform(torch.from_numpy(choice), torch.from_numpy(noise)).numpy()
    return {name: (float(v.mean()), float(v.std(ddof=1))) for name, v in score_stack(samples, target).items()}


# --- verdicts --------------------------------------------------------------------------------------------------------


def verdict(scores: Mapping[str, np.ndarray], target: Target, n: int = EVALUATION) -> str:
    """One of `VERDICTS` for a member's scores over its snapshots, each (S,), judged by their last quarter (the tail).

    - *diverged*: a score of the tail's last snapshot does not exist, because the samples are not finite;
    - *collapsed*: in the tail at least one mode is missing on average (mean `modes_covered` ≤ K − 0.5), or the
      samples' spread is below a quarter of the target's;
    - *converged*: the tail's mean `jsd` is within 0.05 nats of what the target's own samples score;
    - *still learning*: none of these.
    """
    tail = max(1, len(scores["jsd"]) // 4)
    if not np.isfinite(scores["jsd"][-1]):
        return "diverged"
    mean = {name: float(np.mean(values[-tail:])) for name, values in scores.items()}
    missing = target.modes is not None and mean["modes_covered"] <= len(target.modes.centres) - 0.5
    if missing or mean["spread"] < 0.25:
        return "collapsed"
    return "converged" if mean["jsd"] <= null_scores(target, n)["jsd"][0] + 0.05 else "still learning"
