"""Means and shares with their 95 % intervals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special


class Estimate(NamedTuple):
    """A value with the bounds of its 95 % interval; `n` observations went into it, those that exist."""

    value: float
    low: float
    high: float
    n: int


def mean_interval(values: np.ndarray) -> Estimate:
    """Mean of the finite values (n,), with Student's t interval; NaN bounds for one value, all NaN for none."""
    finite = np.asarray(values, float)
    finite = finite[np.isfinite(finite)]
    n = len(finite)
    if n == 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    size = np.abs(finite).max() or 1.0  # a nearly diverged GAN's numbers overflow when squared
    mean = float((finite / size).mean() * size)
    if n == 1:
        return Estimate(mean, np.nan, np.nan, 1)
    half = float(special.stdtrit(n - 1, 0.975) * (finite / size).std(ddof=1) / np.sqrt(n) * size)
    return Estimate(mean, mean - half, mean + half, n)


def share_interval(count: int, n: int) -> Estimate:
    """Share count / n with Wilson's score interval (Wilson 1927); NaN for n = 0."""
    if n == 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    z = float(special.ndtri(0.975))
    share, scale = count / n, 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z / scale * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # exact at the ends, where rounding would leave a bound like 1e-17
    low = 0.0 if count == 0 else float(centre - half)
    high = 1.0 if count == n else float(centre + half)
    return Estimate(share, low, high, n)
