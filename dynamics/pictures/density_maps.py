"""What a setting's generator made of the plane, and the truth beside it, as arrays.

The generated density is the same picture everywhere: points counted on square cells, smoothed by a Gaussian
of std `bandwidth`, coloured by sqrt(generated density / peak), where *peak* is the highest value that a
perfect generator would reach after the same smoothing. White is nothing, full colour is as dense as the real
peak, the square root keeps faint mass visible. The real density lies over it as contour lines. Planes are
never autoscaled.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import contourpy
import numpy as np
from matplotlib.path import Path as Outline

from dynamics.pictures.figure_style import Array
from dynamics.targets.user_units import PLANE, Placing

Cell = tuple[int, int]  # (row, column) of a comparison
# Contour levels as log(density / peak): the 3, 2 and 1 standard deviation circles of a Gaussian mode.
CONTOURS = (-4.5, -2.0, -0.5)
OUTSIDE = ("outside", "out of view")  # ends a part of a note that tells of samples outside the picture


@dataclass(frozen=True)
class Plane:
    """One panel: what a setting's generator made of the plane at F moments, and the truth beside it.

    Give `density` on cells no larger than the narrowest mode's std, or contours miss it. A good `bandwidth`
    is std × (points per mode)^(-1/6): it smooths the sampling noise of N points and little else.
    """

    title: str  # "mixture_4 · std 0.2 · 2 D steps"
    density: Array  # (R, R) exact real density at `grid_points(half_width, R)`, 1/area
    samples: Array  # (F, N, 2) generated points; nan and inf stay out of the picture
    notes: Sequence[str]  # F short texts, "3 of 4 modes"; "" shows nothing
    bandwidth: float  # std of the smoothing
    # (K, 2) centres of the real density's modes, if it has any
    modes: Array = field(default_factory=lambda: np.empty((0, 2)))
    outlines: Array | None = None  # (R, R) what contour lines are drawn of, where that is not the density
    placing: Placing = PLANE  # how the plane, in whose units all this is, lies in the target's own, which axes show

    def __post_init__(self) -> None:
        if self.density.ndim != 2 or self.density.shape[0] != self.density.shape[1]:
            raise ValueError(f"Plane.density must be (R, R), not {self.density.shape}")
        if self.samples.ndim != 3 or self.samples.shape[2] != 2 or len(self.samples) == 0:
            raise ValueError(f"Plane.samples must be (F, N, 2) with F > 0, not {self.samples.shape}")
        if len(self.notes) != len(self.samples):
            raise ValueError(f"Plane.notes has {len(self.notes)} texts for {len(self.samples)} moments")
        if not self.bandwidth > 0:
            raise ValueError(f"Plane.bandwidth must be positive, not {self.bandwidth}")
        if np.ndim(self.modes) != 2 or np.shape(self.modes)[1] != 2:
            raise ValueError(f"Plane.modes must be (K, 2), not {np.shape(self.modes)}")

    @property
    def outlined(self) -> Array:
        """What contour lines are drawn of."""
        return self.density if self.outlines is None else self.outlines


def brief_note(note: str) -> str:
    """The first part of a plane's note, and what it says of samples outside the picture."""
    first, *rest = note.split(", ")
    return ", ".join([first, *(part for part in rest if part.endswith(OUTSIDE))])


def grid_points(half_width: float, resolution: int) -> Array:
    """Cell centres (R, R, 2) of a grid over [-half_width, half_width]²; row = y ascending, last axis x, y."""
    centres = (np.arange(resolution) + 0.5) * (2 * half_width / resolution) - half_width
    return np.stack(np.meshgrid(centres, centres), axis=-1)


def generated_density(points: Array, half_width: float, resolution: int, bandwidth: float) -> Array:
    """Density (R, R), 1/area, of points (N, 2): counted on cells, smoothed by a Gaussian of std `bandwidth`.

    It integrates to the share of the points inside the plane: nan, inf and points outside count in N only,
    and the smoothing reflects at the border instead of leaking over it.
    """
    cell = 2 * half_width / resolution
    x, y = points.T
    inside = (x >= -half_width) & (x < half_width) & (y >= -half_width) & (y < half_width)
    column, row = (np.minimum(((v[inside] + half_width) / cell).astype(np.intp), resolution - 1) for v in (x, y))
    counts = np.bincount(row * resolution + column, minlength=resolution**2)
    density = (counts / (max(len(points), 1) * cell**2)).reshape(resolution, resolution)
    return _smoothed(density, bandwidth / cell)


def smoothed_peak(plane: Plane, half_width: float) -> float:
    """Highest value of the real density after the plane's smoothing, 1/area: what full colour means."""
    cell = 2 * half_width / len(plane.density)
    return float(_smoothed(plane.density.astype(float), plane.bandwidth / cell).max())


def heat(density: Array, peak: float) -> Array:
    """Depth of colour in [0, 1] of a density, the same shape: sqrt(density / peak)."""
    return np.sqrt(np.clip(density / max(peak, 1e-300), 0, 1))


def contour_lines(density: Array, half_width: float) -> list[Outline]:
    """Contour lines of a density (R, R), one outline a level, from its log: a Gaussian's stay round on coarse cells."""
    height = np.log(np.maximum(density / max(density.max(), 1e-300), 1e-9))
    centres = grid_points(half_width, len(density))[0, :, 0]
    kind = contourpy.LineType.ChunkCombinedCode  # what an outline is made of
    lines = contourpy.contour_generator(centres, centres, height, line_type=kind)
    levels = [level for level in CONTOURS if height.min() < level < height.max()]
    return [Outline(*pieces) for level in levels for pieces in zip(*lines.lines(level), strict=True)]


@lru_cache(maxsize=64)
def _kernel(count: int, std: float) -> tuple[Array, Array]:
    """A Gaussian's weights (2 r + 1,), cut at 4 std; which of `count` values (count + 2 r,) they meet from -r on."""
    reach = round(4 * std)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(std, 1e-9)) ** 2)
    return weights / weights.sum(), np.pad(np.arange(count), reach, mode="symmetric")


def _smoothed(values: Array, std: float) -> Array:
    """Values (R, R) smoothed by a Gaussian of std in cells, reflected at the border: as SciPy does, whose import takes
    a worker longer than its figures' smoothing."""
    weights, places = _kernel(len(values), std)
    reach, count = len(weights) // 2, len(values)
    for _ in range(2):  # across, turned, then down
        rows = values.T.take(places, axis=0)
        values = weights[reach] * rows[reach : reach + count]
        both = np.empty_like(values)
        for distance in range(1, reach + 1):
            before, after = reach - distance, reach + distance
            np.add(rows[before : before + count], rows[after : after + count], out=both)
            both *= weights[reach + distance]
            values += both
    return values
