"""Where a user's own target is put: the plane that networks train in, and the user's units.

Networks learn a shape that lies in about [-4, 4]². What a user gives in other units is moved, and scaled by one factor,
into that *plane*; whatever is shown, written or asked for afterwards is in the user's *own* units again.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from dynamics.settings.messages import OptionError
from dynamics.settings.modes import LEAST_STD, MOST_STD

HALF = 4.0  # a shape that is scaled fills [-4, 4] along its longer side, as the built-in ones do
NARROW = 2.0  # what spans less than this is not left as it is
LARGEST = 1e100  # squares and differences of larger numbers may not be finite


class DataError(OptionError):
    """A file that no target can be made of: one line with the file, what is wrong with it and what is allowed."""


def named(path: str) -> str:
    """A file's path as a part of one line."""
    return path if path.isprintable() else ascii(path)


def refused(path: str, why: str) -> DataError:
    return DataError(f"{named(path)}: {why}")


class Placing(NamedTuple):
    """plane = (own − middle) · scale."""

    middle: tuple[float, float] = (0.0, 0.0)  # own units
    scale: float = 1.0

    @property
    def stays(self) -> bool:
        """Whether both units are the same."""
        return self == PLANE

    def to_plane(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 2) in own units, in the plane."""
        return points if self.stays else (points - np.array(self.middle)) * self.scale

    def to_user(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 2) in the plane, in own units."""
        return points if self.stays else points / self.scale + np.array(self.middle)

    @property
    def words(self) -> str:
        """What is done to the user's points."""
        if self.stays:
            return "as they are"
        scaled = f" and scaled by {self.scale:.6g}" if self.scale != 1 else ""
        x, y = (-v + 0.0 for v in self.middle)
        return f"moved by ({x:.6g}, {y:.6g}){scaled}"


PLANE = Placing()  # units that are the plane's


def placing_of(path: str, low: np.ndarray, high: np.ndarray) -> Placing:
    """What puts bounds (2,) and (2,), own units, on the plane: their middle on the origin, their longer side to 8.

    Raises `DataError` for bounds that are too narrow to be scaled.
    """
    span = float((high - low).max())
    middle = low / 2 + high / 2
    scale = 2 * HALF / span if span > 0 else 1.0
    if not math.isfinite(scale):
        raise refused(path, f"spans only {span:g}: that cannot be scaled to 8; use larger units")
    return Placing((float(middle[0]), float(middle[1])), scale)


def check_std(path: str, std: float, placing: Placing, least: float = LEAST_STD) -> None:
    """Raise ``ValueError`` unless a std, own units, lies in the plane within `least` and `MOST_STD`."""
    if not (math.isfinite(std) and std > 0):
        raise ValueError(f"std must be a finite number > 0, not {std:.4g}")
    low, high = least / placing.scale, MOST_STD / placing.scale
    if not low * (1 - 1e-9) <= std <= high * (1 + 1e-9):
        bound = f"at least {low:.4g}" if std < low else f"at most {high:.4g}"
        raise ValueError(f"std of {named(path)} must be {bound}, not {std:.4g}")


def four_digits(value: float, *, up: bool = False) -> float:
    """A number > 0 with four significant digits: the nearest, or (`up`) the nearest that is not below it."""
    rounded = f"{value:.3e}"
    if up and float(rounded) < value:
        rounded = f"{value + 0.5 * 10.0 ** (int(rounded.partition('e')[2]) - 3):.3e}"
    return float(rounded)
