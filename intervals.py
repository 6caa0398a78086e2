"""Means and shares with their 95 % intervals, and what paired values over the same seeds show of a difference."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import special

_EXACT = 14  # pairs up to which all sign flips are taken
_FLIPS = 10_000  # random ones beyond that
_RESAMPLES = 9999  # (resamples + 1) · 2.5 % is whole: the quantiles are order statistics
_CHUNK = 2**21  # numbers of a bootstrap's resamples held at once


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
    size = float(np.abs(finite).max()) or 1.0  # a nearly diverged GAN's numbers overflow when squared
    mean = float((finite / size).mean()) * size
    if n == 1:
        return Estimate(mean, np.nan, np.nan, 1)
    half = float(special.stdtrit(n - 1, 0.975) * (finite / size).std(ddof=1) / np.sqrt(n)) * size
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


# --- paired differences ----------------------------------------------------------------------------------------------


class Difference(NamedTuple):
    """A mean paired difference, the bounds of its 95 % interval, the number of pairs, and its two-sided p-value."""

    value: float
    low: float
    high: float
    n: int
    p: float

    @property
    def estimate(self) -> Estimate:
        return Estimate(self.value, self.low, self.high, self.n)


def paired_difference(a: np.ndarray, b: np.ndarray) -> Difference:
    """Mean of a − b for paired values (n,) of the same seeds; pairs with a side that is not finite are left out.

    **p** is the sign-flip permutation test's: if the two sides do not differ, each difference is as likely to have
    the other sign, so p is the share of sign patterns whose mean is at least as far from 0: of all 2^n for n ≤ 14,
    else of 10 000 random ones with the observed one added to both counts (Phipson & Smyth 2010, Eq. 2: never 0). It
    is exact whatever the differences' distribution, for n ≤ 14 in multiples of 2 / 2^n (see `smallest_p`): fewer
    than 6 seeds can never show a difference at 5 %.

    **The interval** is the smoothed bootstrap-t: of 9999 resamples with N(0, s² / n) noise added to every value (s the
    standard deviation; Hesterberg 2015), each with mean m* and standard error s*, the quantiles of
    (m* − m) / s* take the place of Student's t (Efron & Tibshirani 1993, ch. 12). Without the noise few or
    clustered differences give resamples of no spread, and bounds far outside the data. Coverage at n = 8 in 4000
    simulated samples: normal 95 %, exponential 93 %, log-normal 89 % (standard errors 0.3 to 0.5 points), and in 2000
    of −1, 0 and 1 (probabilities 0.1, 0.6, 0.3) 95 %. Compared in 1500 samples, with 2000 resamples: Student's t 95,
    90 and 82 %, the percentile bootstrap 88, 84 and 78 %, BCa 88, 85 and 80 % for the first three.

    Bounds are NaN for n = 1 (where p is 1), everything is for n = 0; equal differences have an interval of no width.
    Deterministic. Raises ``ValueError`` for sides of different shapes.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"paired values must have one shape (n,), not {a.shape} and {b.shape}")
    both = np.isfinite(a) & np.isfinite(b)
    return _difference((a[both] / 2 - b[both] / 2).tobytes())  # halves: the difference of two finite numbers may not be


def smallest_p(n: int) -> float:
    """The smallest p-value that `paired_difference` can give with n pairs: 2 / 2^n, 1 / 10 001 for n > 14."""
    return min(1.0, 2.0 ** (1 - n)) if n <= _EXACT else 1 / (_FLIPS + 1)


def max_t(differences: np.ndarray) -> np.ndarray:
    """p-values (C,) of C comparisons over the same n seeds, corrected for their number; `differences` (C, n).

    Row c holds comparison c's paired differences, NaN where a seed lacks one. Step-down maxT (Westfall & Young 1993,
    algorithm 4.1) over the sign flips of `paired_difference`, made for whole seeds at once: each comparison's
    u = |Σ d| / √Σ d², which is Student's |t| on another scale, is held against the largest u, under each pattern of
    signs, of the comparisons that are not more extreme than it. The chance of one or more false differences is at most
    what they are tested at. Correcting each p by itself (Holm 1979) would allow for comparisons that know nothing of
    each other and multiply the smallest possible p by their number: here that stays 2 / 2^n. NaN for a comparison
    without differences, 1 for one whose differences are all 0.
    """
    d = np.asarray(differences, float)
    known = np.isfinite(d).any(1)
    d = np.where(np.isfinite(d), d, 0.0)[known]
    if d.size == 0:
        return np.full(len(known), np.nan)
    largest = np.abs(d).max(1, keepdims=True)
    d = np.divide(d, largest, out=np.zeros_like(d), where=largest > 0)  # squares of large numbers overflow
    length = np.sqrt(np.square(d).sum(1, keepdims=True))
    d = np.divide(d, length, out=np.zeros_like(d), where=length > 0)
    observed = np.abs(d.sum(1))
    order = np.argsort(observed, kind="stable")  # least extreme first
    above, flips = np.zeros(len(d)), 0
    for signs in _patterns(d.shape[1]):
        u = np.maximum.accumulate(np.abs(signs @ d.T)[:, order], axis=1)  # largest of those that are no more extreme
        above += (u >= observed[order] - 1e-9).sum(0)
        flips += len(signs)
    extra = d.shape[1] > _EXACT
    p = np.maximum.accumulate(((above + extra) / (flips + extra))[::-1])[::-1]  # never below a more extreme one's
    corrected = np.full(len(known), np.nan)
    corrected[np.flatnonzero(known)[order]] = p
    return corrected


def _patterns(n: int) -> Iterator[np.ndarray]:
    """Sign patterns (·, n) in parts: all, the first sign fixed as flipping every sign changes nothing, or random."""
    if n <= _EXACT:
        bits = np.arange(2 ** (n - 1))[:, None] >> np.arange(n) & 1
        yield 1.0 - 2.0 * bits
        return
    rng = np.random.default_rng(0)
    for start in range(0, _FLIPS, rows := max(1, _CHUNK // n)):
        yield 1.0 - 2.0 * rng.integers(2, size=(min(rows, _FLIPS - start), n), dtype=np.int8)


@functools.lru_cache(maxsize=4096)
def _difference(halves: bytes) -> Difference:
    """`paired_difference` of half the differences, float64."""
    d = np.frombuffer(halves)
    n = len(d)
    if n == 0:
        return Difference(np.nan, np.nan, np.nan, 0, np.nan)
    # by a power of two, which rounds nothing: squares of a nearly diverged GAN's numbers overflow
    size = float(np.exp2(np.frexp(np.abs(d).max())[1] - 1.0))
    d = d / size
    p = _sign_flip(d)
    mean = float(d.mean())
    if n == 1:
        return Difference(mean * size * 2, np.nan, np.nan, 1, p)
    error = float(d.std(ddof=1)) / np.sqrt(n)
    if error <= 1e-12 * abs(mean):
        low = high = mean
    else:
        low_t, high_t = _bootstrap_t(d, mean, error)
        low, high = float(mean - high_t * error), float(mean - low_t * error)
    return Difference(mean * size * 2, low * size * 2, high * size * 2, n, p)


def _sign_flip(d: np.ndarray) -> float:
    observed = abs(d.sum()) - 1e-12 * np.abs(d).sum()  # sums that are equal but for rounding count as equal
    if len(d) <= _EXACT:
        sums = d[:1]  # the first sign fixed: flipping all changes nothing
        for value in d[1:]:
            sums = np.concatenate((sums + value, sums - value))
        return float((np.abs(sums) >= observed).mean())
    rng, above = np.random.default_rng(0), 0
    for start in range(0, _FLIPS, rows := max(1, _CHUNK // len(d))):
        flips = rng.integers(2, size=(min(rows, _FLIPS - start), len(d)), dtype=np.int8)
        above += int((np.abs(flips @ (2 * d) - d.sum()) >= observed).sum())
    return (above + 1) / (_FLIPS + 1)


def _bootstrap_t(d: np.ndarray, mean: float, error: float) -> tuple[float, float]:
    """The 2.5 % and 97.5 % quantiles of (m* − m) / s* over resamples, smoothed by `error`."""
    rng, n, parts = np.random.default_rng(0), len(d), []
    z = (d - mean) / error
    for start in range(0, _RESAMPLES, rows := max(1, _CHUNK // n)):
        shape = min(rows, _RESAMPLES - start), n
        drawn = z[rng.integers(n, size=shape)] + rng.standard_normal(shape)
        parts.append(drawn.mean(1) / (drawn.std(1, ddof=1) / np.sqrt(n)))
    ranks = [(_RESAMPLES + 1) // 40 - 1, (_RESAMPLES + 1) * 39 // 40 - 1]
    low, high = np.partition(np.concatenate(parts), ranks)[ranks]
    return float(low), float(high)
