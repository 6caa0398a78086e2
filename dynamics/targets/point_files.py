"""A user's rows of numbers as points of the plane, or, where they are many, as mass on square cells.

They are read in bounded memory (some 20 MB), a part at a time. docs/targets.md states the rules to a user.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np

from dynamics.settings.modes import LEAST_STD
from dynamics.targets.cell_grid import CELLS, SMOOTH, Grid
from dynamics.targets.user_units import HALF, LARGEST, NARROW, PLANE, Placing, placing_of, refused

MOST_ROWS = 10_000_000
MOST_KERNELS = 2000  # more points than these are counted on a grid: a density costs its number of kernels

_BLOCK = 2**20  # bytes at once
_LONGEST = 4096  # bytes of a row that has not ended
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class PointCloud:
    """Places of equal weight, in the plane."""

    centres: np.ndarray  # (K, 2) float64, in an order that does not depend on the file's
    std: float | None  # a kernel's default; None where all places are the same
    placing: Placing
    note: str  # where they come from, for people


# --- rows of numbers --------------------------------------------------------------------------------------------------


def read_points(path: str) -> PointCloud | Grid:
    """Twice through a file of many rows, so that they need not be held: for their bounds, and to count them."""
    low, high, rows, few = np.full(2, np.inf), np.full(2, -np.inf), 0, []
    for block in _blocks(path):
        low, high = np.minimum(low, block.min(0)), np.maximum(high, block.max(0))
        rows += len(block)
        if rows <= MOST_KERNELS:
            few.append(block)
    if not rows:
        raise refused(path, "has no points; a line is x and y")
    placing = _placing(path, low, high)
    note = f"{rows} point{'s' if rows > 1 else ''}, {placing.words}"
    if rows > MOST_KERNELS:
        return _counted(path, placing, low, high, note)
    centres = _placed(np.concatenate(few), placing)
    centres = centres[np.lexsort(centres.T)]
    spread = centres.var(0, ddof=1) if rows > 1 else np.zeros(2)
    return PointCloud(centres, _scott(spread, rows) if spread.any() else None, placing, note)


def _placing(path: str, low: np.ndarray, high: np.ndarray) -> Placing:
    """Of points within these bounds (2,): in [-4, 4]² and spanning at least 2 they stay; all others are scaled."""
    if float((high - low).max()) >= NARROW and max(np.abs(low).max(), np.abs(high).max()) <= HALF:
        return PLANE
    return placing_of(path, low, high)


def _placed(points: np.ndarray, placing: Placing) -> np.ndarray:
    return points if placing.stays else placing.to_plane(points).clip(-HALF, HALF)


def _counted(path: str, placing: Placing, low: np.ndarray, high: np.ndarray, note: str) -> PointCloud | Grid:
    """The points within these bounds, in their own units, counted on a grid in the plane."""
    low, high = _placed(low, placing), _placed(high, placing)
    if not (high > low).any():
        return PointCloud(low[None], None, placing, note)
    side = float((high - low).max()) / CELLS
    shape = np.maximum(np.ceil((high - low) / side - 1e-9), 1).astype(int)
    first = (low + high) / 2 - (shape - 1) / 2 * side
    count = np.zeros(shape, np.int64)
    for block in _blocks(path):
        cell = np.rint((_placed(block, placing) - first) / side).astype(int).clip(0, shape - 1)
        count += np.bincount(cell[:, 0] * shape[1] + cell[:, 1], minlength=count.size).reshape(shape)
    rows = int(count.sum())
    spread = np.array([_variance(count.sum(1 - axis)) for axis in (0, 1)]) * side**2
    std = max(_scott(spread, rows), SMOOTH * side)
    cells = f"counted on {shape[0]} × {shape[1]} cells of {side / placing.scale:.3g}"
    return Grid(count / rows, first, side, std, placing, f"{note}, {cells}")


def _variance(count: np.ndarray) -> float:
    """Of so many points in each place of a line, squared places."""
    places, rows = np.arange(len(count)), count.sum()
    return float(count @ (places - count @ places / rows) ** 2 / (rows - 1))


def _scott(variance: np.ndarray, rows: int) -> float:
    """Scott's rule, σ n^(−1/(d+4)), d = 2 (Scott 1992, Multivariate Density Estimation; as scipy's gaussian_kde).

    σ² is the mean of both coordinates' variances, for the kernels are round.
    """
    return max(LEAST_STD, math.sqrt(variance.mean()) * rows ** (-1 / 6))


def _blocks(path: str) -> Iterator[np.ndarray]:
    """The file's points in parts (n, 2), n ≥ 1, as they are written. Raises `DataError`, naming the line."""
    separator: str | None = None
    started = False  # whether a row of numbers was seen
    titled = False  # whether a line of words was seen before it
    rows = 0
    with open(path, "rb") as file:
        for number, lines in _lines(path, file):
            if not started:
                for i, line in enumerate(lines):
                    if not line.strip():
                        continue
                    fields = [field.strip() for field in re.split(r"[;,\s]", line) if field]
                    if not titled and not any(_NUMBER.fullmatch(field) for field in fields):
                        titled, lines[i] = True, ""
                        continue
                    started, separator = True, next((s for s in ";\t," if s in line), None)
                    break
            block = _parsed(path, number, lines, separator)
            rows += len(block)
            if rows > MOST_ROWS:
                raise refused(path, f"has more than {MOST_ROWS} rows, the most that can be read; leave some out")
            if len(block):
                yield block


def _lines(path: str, file: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
    """Parts of a text as (the number of the first line, from 1; lines), those of comments emptied."""
    number, rest, more = 1, b"", True
    while more:
        read = file.read(_BLOCK)
        more = bool(read)
        if number == 1 and not rest:
            read = read.removeprefix(b"\xef\xbb\xbf")
        if b"\0" in read:
            raise refused(path, "is no text in UTF-8; lines of x and y are needed")
        text = rest + read
        end = max(text.rfind(b"\n"), text.rfind(b"\r", 0, -1)) + 1 if more else len(text)
        text, rest = text[:end], text[end:]
        if len(rest) > _LONGEST:
            at = number + len(text.splitlines())
            raise refused(path, f"line {at} is longer than {_LONGEST} bytes; a line is x and y")
        lines = text.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
        if lines[-1] == "":
            lines.pop()
        if b"#" in text:
            lines = ["" if line.lstrip().startswith("#") else line for line in lines]
        yield number, lines
        number += len(lines)


def _parsed(path: str, number: int, lines: list[str], separator: str | None) -> np.ndarray:
    """Lines of two numbers as (n, 2); empty ones are left out. `number` is the first one's."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of nothing but empty lines
            block = np.loadtxt(lines, delimiter=separator, comments=None, ndmin=2)
        if block.shape[1] == 2 and bool((np.abs(block) <= LARGEST).all()):  # a NaN is not at most anything
            return block
    except (ValueError, UserWarning):
        pass
    # slowly, to say which line is wrong, or to find that none is
    pairs = [_pair(path, n, line, separator) for n, line in enumerate(lines, number) if line.strip()]
    return np.array(pairs, np.float64).reshape(-1, 2)


def _pair(path: str, number: int, line: str, separator: str | None) -> tuple[float, float]:
    fields = [field.strip() for field in line.split(separator)]
    if len(fields) != 2:
        raise refused(path, f"line {number} has {len(fields)} column{'s' * (len(fields) != 1)}; a line is x and y")
    for field in fields:
        if not _NUMBER.fullmatch(field):
            hint = ", with a decimal point" if "," in field else ""
            raise refused(path, f"line {number}: {_quoted(field)} is no number; a line is x and y{hint}")
        if not abs(float(field)) <= LARGEST:
            raise refused(path, f"line {number}: {field[:30]} must be a finite number of at most {LARGEST:g} in size")
    return float(fields[0]), float(fields[1])


def _quoted(text: str) -> str:
    return ascii(text if len(text) <= 30 else text[:30] + "...")
