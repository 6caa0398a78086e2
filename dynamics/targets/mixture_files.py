"""A user's own mixture of Gaussians: a TOML file's lists become centres, weights and covariances.

    centres = [[2, 2], [-2, -2]]
    weights = [3, 1]            # left out: all equal
    stds = [0.2, 0.5]           # or one number for all; or, instead:
    covariances = [[[0.04, 0], [0, 0.04]], [[1, 0.3], [0.3, 0.5]]]

Where neither stds nor covariances are there, `--std` is the std of all. docs/targets.md states the rules to a user.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dynamics.settings.messages import near, quoted, shown
from dynamics.settings.modes import LEAST_STD, MOST_STD
from dynamics.settings.toml_files import TomlError, read_toml
from dynamics.targets.user_units import HALF, LARGEST, NARROW, PLANE, Placing, placing_of, refused

MOST_MODES = 1000
LEAST_WEIGHT = 1e-9  # of a mode, of all
MOST_BYTES = 2**18  # of a file
REACH = 3.0  # std to either side of a centre that a mixture spans
KEYS = ("centres", "weights", "stds", "covariances")
_NUMBER = f"a finite number of at most {LARGEST:g} in size"


@dataclass(frozen=True, eq=False)
class Blend:
    """A mixture of Gaussians in the plane."""

    centres: np.ndarray  # (K, 2) float64, in the order of the file
    weights: np.ndarray  # (K,) float64, > 0, sums to 1
    covariances: np.ndarray | None  # (K, 2, 2) float64, positive definite; None where the file does not say
    placing: Placing
    note: str  # where it comes from, for people


def read_mixture(path: str) -> Blend:
    """The mixture of a TOML file. Raises `DataError`, which names the key and the place in its list."""
    try:
        table = read_toml(path, MOST_BYTES)
    except TomlError as error:
        raise refused(path, str(error)) from None
    for key in table:
        if key not in KEYS:
            raise refused(path, f"{shown(key)}: there is no such key; a mixture has {', '.join(KEYS)}{near(key, KEYS)}")
    if "centres" not in table:
        raise refused(path, "has no centres; write centres = [[2, 2], [-2, -2]]")
    if "stds" in table and "covariances" in table:
        raise refused(path, "has stds and covariances; give one of them")
    centres = _array(path, table, "centres", "a pair [x, y] of numbers", _pair)
    count = len(centres)
    weights = np.ones(count)
    if "weights" in table:
        weights = _array(path, table, "weights", "a number above 0", _positive, count)
        weights /= weights.max()
        if weights.min() < LEAST_WEIGHT * weights.sum():
            raise refused(path, f"weights: each must be at least {LEAST_WEIGHT:g} of their sum")
    user_covariances = None
    if "covariances" in table:
        what = "a matrix [[a, b], [b, c]] of numbers, a > 0 and a c > b²"
        user_covariances = _array(path, table, "covariances", what, _covariance, count)
    elif "stds" in table:
        if not isinstance(table["stds"], list):
            table = {**table, "stds": [table["stds"]] * count}
        stds = _array(path, table, "stds", "a number above 0", _positive, count)
        user_covariances = stds[:, None, None] ** 2 * np.eye(2)
    reach = 0.0 if user_covariances is None else REACH * np.sqrt(np.diagonal(user_covariances, axis1=1, axis2=2))
    placing = _placing(path, centres, (centres - reach).min(0), (centres + reach).max(0), user_covariances is not None)
    covariances = None if user_covariances is None else user_covariances * placing.scale**2
    if user_covariances is not None and covariances is not None:
        _check_widths(path, user_covariances, covariances, placing)
    modes = f"{count} mode{'s' if count > 1 else ''}"
    return Blend(placing.to_plane(centres), weights / weights.sum(), covariances, placing, f"{modes}, {placing.words}")


def _placing(path: str, centres: np.ndarray, low: np.ndarray, high: np.ndarray, wide: bool) -> Placing:
    """Of a mixture within these bounds (2,), its widths being in them or (not `wide`) unknown.

    Centres in [-4, 4]² that span, three std to either side, at least 2 and at most 16, stay: so do the built-in
    mixtures. All else is scaled to these bounds.
    """
    span, inside = float((high - low).max()), float(np.abs(centres).max()) <= HALF
    if inside and NARROW <= span <= 4 * HALF:
        return PLANE
    if inside and not wide and span == 0:  # one centre of a width that is still to be said
        return PLANE
    return placing_of(path, low, high)


def _check_widths(path: str, user_covariances: np.ndarray, covariances: np.ndarray, placing: Placing) -> None:
    """Refuse modes that are too narrow or too wide in the plane."""
    least, most = (np.sqrt(v) for v in np.linalg.eigvalsh(covariances).T)
    for values, wrong, bound, limit in (
        (least, ~(least >= LEAST_STD * (1 - 1e-9)), "at least", LEAST_STD),
        (most, ~(most <= MOST_STD), "at most", MOST_STD),
    ):
        if wrong.any():
            k = int(wrong.argmax())
            size = f"mode {k + 1} has a std of {values[k] / placing.scale:.4g}"
            scaled = "" if placing.stays else f", where all span {2 * HALF / placing.scale:.4g}"
            raise refused(path, f"{size}; it must be {bound} {limit / placing.scale:.4g}{scaled}")


# --- numbers ----------------------------------------------------------------------------------------------------------


def _array(
    path: str, table: dict[str, Any], key: str, what: str, read: Callable[[Any], Any], count: int | None = None
) -> np.ndarray:
    """A key's list as an array, an entry for each of `count` modes."""
    value = table[key]
    if not isinstance(value, list) or not value:
        raise refused(path, f"{key} = {quoted(value)}: must be a list, for each mode {what}")
    if count is None and len(value) > MOST_MODES:
        raise refused(path, f"{key}: are {len(value)}; a mixture has at most {MOST_MODES} modes")
    if count is not None and len(value) != count:
        raise refused(path, f"{key}: are {len(value)}, and centres {count}; give one for each mode")
    entries = []
    for k, entry in enumerate(value, 1):
        numbers = read(entry)
        if numbers is None:
            raise refused(path, f"{key}: of mode {k}, {quoted(entry)}: must be {what}, each {_NUMBER}")
        entries.append(numbers)
    return np.array(entries, np.float64)


def _finite(value: Any) -> float | None:
    """A TOML number that can be reckoned with, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
        return None
    return float(value)


def _positive(value: Any) -> float | None:
    number = _finite(value)
    return number if number is not None and number >= 1 / LARGEST else None


def _pair(value: Any) -> list[float] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    numbers = [_finite(v) for v in value]
    return None if None in numbers else [float(v) for v in numbers if v is not None]


def _covariance(value: Any) -> list[list[float]] | None:
    """A symmetric, positive definite 2 × 2 matrix: by its correlation, so that no size overflows."""
    if not isinstance(value, list) or len(value) != 2:
        return None
    rows = [_pair(row) for row in value]
    if rows[0] is None or rows[1] is None:
        return None
    (a, b), (also, c) = rows[0], rows[1]
    if a < 1 / LARGEST or c < 1 / LARGEST or b != also:
        return None
    correlation = b / math.sqrt(a) / math.sqrt(c)
    return [[a, b], [b, c]] if abs(correlation) < 1 - 1e-9 else None
