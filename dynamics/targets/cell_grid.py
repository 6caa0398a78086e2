"""Mass on square cells of the plane: what a picture is, and points too many for a kernel each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dynamics.targets.user_units import Placing

CELLS = 256  # of a grid, along its longer side
# A grid of Gaussians of this std, in cells, is even along either axis to 2 exp(−2π² · 0.64²), 0.06 %: no cell is seen
SMOOTH = 0.64


@dataclass(frozen=True, eq=False)
class Grid:
    """Mass at the centres of square cells in the plane.

    Cell (column, row) is at `first` + `side` · (column, row); y is upward.
    """

    mass: np.ndarray  # (columns, rows) float64, ≥ 0, sums to 1
    first: np.ndarray  # (2,) float64: the centre of the lowest cell on the left
    side: float
    std: float  # a kernel's default
    placing: Placing
    note: str
