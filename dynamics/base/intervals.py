"""Means and shares with their 95 % intervals, and what paired values over the same seeds show of a difference."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import special

FEWEST_SEEDS_FOR_A_TEST = 6  # n paired seeds give no p-value below 2 / 2^n, and 2 / 2^5 is above 0.05
_EXACT = 20  # pairs up to which all sign flips are taken
_FLIPS = 2**20 - 1  # random ones beyond that
_RESAMPLES = 999_999  # (resamples + 1) · 2.5 % is whole: the quantiles are order statistics
_GRAINS = 2**16  # equally likely values that stand for the smoothed sample
_CHUNK = 2**18  # numbers of resamples held at once: they stay in the processor's cache


class Range(NamedTuple):
    """The least and the most that a number can be."""

    least: float
    most: float


REAL, POSITIVE, SHARE = Range(-np.inf, np.inf), Range(0, np.inf), Range(0, 1)


def difference_range(a: Range, b: Range) -> Range:
    """What a − b can be."""
    return Range(a.least - b.most, a.most - b.least)


class Estimate(NamedTuple):
    """A value with the bounds of its 95 % interval; `n` observations went into it, those that exist."""

    value: float
    low: float
    high: float
    n: int


def mean_interval(values: np.ndarray, within: Range = REAL) -> Estimate:
    """Mean of the finite values (n,), with Student's t interval; NaN bounds for one value, all NaN for none.

    The interval is cut at the range `within` which every value lies: so does the mean that is asked for, and what is
    cut off could not have covered it. The order of the values changes no bit.
    """
    finite = np.asarray(values, float)
    finite = np.sort(finite[np.isfinite(finite)])
    n = len(finite)
    if n == 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    size = float(np.abs(finite).max()) or 1.0  # a nearly diverged GAN's numbers overflow when squared
    mean = math.fsum(finite / size) / n * size
    if n == 1:
        return Estimate(mean, np.nan, np.nan, 1)
    half = float(special.stdtrit(n - 1, 0.975) * (finite / size).std(ddof=1) / np.sqrt(n)) * size
    return Estimate(mean, *_cut(mean - half, mean + half, mean, within), n)


def _cut(low: float, high: float, value: float, within: Range) -> tuple[float, float]:
    """The part of an interval that lies in a range; the value stays in it, be it outside by rounding."""
    return float(min(np.clip(low, *within), value)), float(max(np.clip(high, *within), value))


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


def paired_difference(a: np.ndarray, b: np.ndarray, within: Range = REAL) -> Difference:
    """Mean of a − b for paired values (n,) of the same seeds; pairs with a side that is not finite are left out.

    **p** is the sign-flip permutation test's: if the two sides do not differ, each difference is as likely to have
    the other sign, so p is the share of sign patterns whose mean is at least as far from 0: of all 2^n for n ≤ 20,
    else of 2^20 − 1 random ones with the observed one added to both counts (Phipson & Smyth 2010, Eq. 2: never 0). It
    is exact whatever the differences' distribution, for n ≤ 20 in multiples of 2 / 2^n (see `smallest_p`): fewer
    than 6 seeds can never show a difference at 5 %.

    **The interval** is the smoothed bootstrap-t: of 999 999 resamples with N(0, s² / n) noise added to every value (s
    the standard deviation; Hesterberg 2015), each with mean m* and standard error s*, the quantiles of
    (m* − m) / s* take the place of Student's t (Efron & Tibshirani 1993, ch. 12). Without the noise few or
    clustered differences give resamples of no spread, and bounds far outside the data. Coverage at n = 8 in 4000
    simulated samples: normal 95 %, exponential 93 %, log-normal 89 % (standard errors 0.3 to 0.5 points), and in 2000
    of −1, 0 and 1 (probabilities 0.1, 0.6, 0.3) 95 %. Compared in 1500 samples, with 2000 resamples: Student's t 95,
    90 and 82 %, the percentile bootstrap 88, 84 and 78 %, BCa 88, 85 and 80 % for the first three. It is cut at the
    range `within` which a difference must lie (`difference_range` of the two sides'): that changes no coverage, for so
    does the mean.

    **The draws** are so many that digits which are shown are stable: of other draws the standard deviation of a bound
    is 0.05 to 0.16 % of the interval's width (0.5 to 1 % with 9999 resamples), and that of p 0.0002 at p = 0.05 where
    flips are drawn at all. The same multiset of differences gives the same answer to the bit, whatever their order.

    Bounds are NaN for n = 1 (where p is 1), everything is for n = 0; equal differences have an interval of no width.
    Deterministic. Raises ``ValueError`` for sides of different shapes.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"paired values must have one shape (n,), not {a.shape} and {b.shape}")
    both = np.isfinite(a) & np.isfinite(b)
    # halves: the difference of two finite numbers may not be; ascending, so that what is drawn does not hang on order
    halves = _difference(np.sort(a[both] / 2 - b[both] / 2).tobytes())
    low, high = _cut(halves.low, halves.high, halves.value, within)
    return halves._replace(low=low, high=high)


def smallest_p(n: int) -> float:
    """The smallest p-value that `paired_difference` can give with n pairs: 2 / 2^n, 1 / 2^20 for n > 20."""
    return min(1.0, 2.0 ** (1 - n)) if n <= _EXACT else 1 / (_FLIPS + 1)


def max_t(differences: np.ndarray) -> np.ndarray:
    """p-values (C,) of C comparisons over the same n seeds, corrected for their number; `differences` (C, n).

    Row c holds comparison c's paired differences, NaN where a seed lacks one; columns are in the order of the seeds,
    which decides, beyond 20 of them, what signs are drawn for which. Step-down maxT (Westfall & Young 1993,
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
    for signs in _patterns(d.shape[1], len(d)):
        u = np.maximum.accumulate(np.abs(signs @ d.T)[:, order], axis=1)  # largest of those that are no more extreme
        above += (u >= observed[order] - 1e-9).sum(0)
        flips += len(signs)
    extra = d.shape[1] > _EXACT
    p = np.maximum.accumulate(((above + extra) / (flips + extra))[::-1])[::-1]  # never below a more extreme one's
    corrected = np.full(len(known), np.nan)
    corrected[np.flatnonzero(known)[order]] = p
    return corrected


def _patterns(n: int, beside: int) -> Iterator[np.ndarray]:
    """Sign patterns (·, n) in parts, a few of which times `beside` numbers are held at once.

    All, the first sign fixed as flipping every sign changes nothing, or random ones.
    """
    rows = max(4, 8 * _CHUNK // max(n, beside) // 4 * 4)  # fours: then parts of any size draw the same
    if n <= _EXACT:
        for start in range(0, 2 ** (n - 1), rows):
            bits = np.arange(start, min(start + rows, 2 ** (n - 1)))[:, None] >> np.arange(n) & 1
            yield 1.0 - 2.0 * bits
        return
    rng = np.random.default_rng(0)
    for start in range(0, _FLIPS, rows):
        yield 1.0 - 2.0 * rng.integers(2, size=(min(rows, _FLIPS - start), n), dtype=np.int8)


@functools.lru_cache(maxsize=4096)
def _difference(halves: bytes) -> Difference:
    """`paired_difference` of half the differences, float64 in ascending order."""
    d = np.frombuffer(halves)
    n = len(d)
    if n == 0:
        return Difference(np.nan, np.nan, np.nan, 0, np.nan)
    # by a power of two, which rounds nothing: squares of a nearly diverged GAN's numbers overflow
    size = float(np.exp2(np.frexp(np.abs(d).max())[1] - 1.0))
    d = d / size
    p = _sign_flip(d)
    mean = math.fsum(d) / n
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
    """The share of sign patterns that leave the sum of d (n,) as far from 0."""
    d = d if (total := math.fsum(d)) > 0 else -d[::-1]  # what sides are called changes no p
    observed = abs(total) - 1e-12 * np.abs(d).sum()  # sums that are equal but for rounding count as equal
    if len(d) <= _EXACT:  # the first sign fixed: flipping all changes nothing
        return float((np.abs(d[0] + _signed_sums(d[1:])) >= observed).mean())
    rng, sums = np.random.default_rng(0), np.zeros(_FLIPS)
    for start in range(0, len(d), 16):
        possible = _signed_sums(d[start : start + 16])
        sums += possible[rng.integers(len(possible), size=_FLIPS, dtype=np.uint32)]
    return float(((np.abs(sums) >= observed).sum() + 1) / (_FLIPS + 1))


def _signed_sums(d: np.ndarray) -> np.ndarray:
    """Σ ±d of d (n,) for all signs, (2^n,)."""
    sums = np.zeros(1)
    for value in d:
        sums = np.concatenate((sums + value, sums - value))
    return sums


def _bootstrap_t(d: np.ndarray, mean: float, error: float) -> tuple[float, float]:
    """The 2.5 % and 97.5 % quantiles of (m* − m) / s* over resamples, smoothed by `error`."""
    rng, n, t = np.random.default_rng(0), len(d), np.empty(_RESAMPLES, np.float32)
    smooth = _smoothed((d - mean) / error).astype(np.float32)
    for start in range(0, _RESAMPLES, rows := max(1, _CHUNK // n)):
        shape = n, min(rows, _RESAMPLES - start)
        drawn = smooth.take(rng.integers(_GRAINS, size=shape, dtype=np.uint16), mode="clip")  # quicker: no checks
        means = drawn.mean(0)
        drawn -= means
        with np.errstate(divide="ignore", invalid="ignore"):  # of two pairs, one draw in 65 536 has no spread
            t[start : start + shape[1]] = means / np.sqrt(np.einsum("ij,ij->j", drawn, drawn))
    ranks = [(_RESAMPLES + 1) // 40 - 1, (_RESAMPLES + 1) * 39 // 40 - 1]
    low, high = np.partition(np.nan_to_num(t, copy=False, nan=0.0, posinf=np.inf, neginf=-np.inf), ranks)[ranks]
    scale = np.sqrt(n * (n - 1))
    return float(low * scale), float(high * scale)


def _smoothed(z: np.ndarray) -> np.ndarray:
    """`_GRAINS` quantiles, evenly apart in probability, of z (n,) with N(0, 1) noise: all but equal to drawing both."""
    at = np.linspace(z[0] - 6, z[-1] + 6, int(32 * (z[-1] - z[0] + 12)))
    below = np.mean([special.ndtr(at - value) for value in z], 0)
    return np.interp((np.arange(_GRAINS) + 0.5) / _GRAINS, below, at)
