"""Anybody's samples beside a known density: arrays in, a figure or an animation out. No run is needed.

Samples are drawn as a run's are: smoothed and coloured as density_maps.py says, with the density's contour lines over
them. The density is a function of points, or its values on a grid of cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from dynamics.pictures import figure_files
from dynamics.pictures.animation.animated_settings import animate
from dynamics.pictures.animation.scene_layers import Scene
from dynamics.pictures.density_axes import density_legend, draw_plane
from dynamics.pictures.density_maps import Plane, contour_lines, grid_points, smoothed_peak
from dynamics.pictures.figure_style import STYLE, Array, axes_at, new_figure
from dynamics.pictures.fitted_words import text_width
from dynamics.pictures.member_scenes import share_outside
from dynamics.pictures.moments_figure import frames_figure
from dynamics.pictures.plane_ticks import set_ticks
from dynamics.pictures.target_densities import smoothing_bandwidth

CELLS = 400  # along a side, at which a density given as a function is looked at
Density = Callable[[Array], Array] | Array


def draw_density(
    path: str | Path,
    samples: Array,
    density: Density,
    half_width: float,
    *,
    title: str = "samples",
    steps: Sequence[int] | None = None,
    modes: Array | None = None,
) -> None:
    """Draw samples as a heat map under the contour lines of a density, over [-half_width, half_width]².

    `path` ends in .png, .pdf or .svg. `samples` are (N, 2), or (F, N, 2) for a plate of F moments at `steps` (F,); what
    is nan or outside is not drawn, and from 1 % outside on it is said how many. `density` gives 1/area: a function
    of points (R, R, 2) -> (R, R), such as `Target.density`, or its values (R, R) at the centres of R × R cells,
    rows by y ascending. `modes` (K, 2) are places that the ticks should meet. Raises ``ValueError`` for arrays of other
    shapes, a density that is negative or not finite, and another suffix.
    """
    samples = np.asarray(samples, float)
    plane = _plane(samples if samples.ndim == 3 else samples[None], density, half_width, title, modes)
    if samples.ndim == 3:
        figure = frames_figure(plane, half_width, range(len(samples)) if steps is None else steps)
    else:
        figure = _single(plane, half_width)
    figure_files.save(figure, path)


def animate_density(
    path: str | Path,
    samples: Array,
    density: Density,
    half_width: float,
    *,
    title: str = "samples",
    steps: Sequence[int] | None = None,
    modes: Array | None = None,
    fps: float = 12,
    size: int | None = None,
) -> None:
    """The same as an animation of F moments (F, N, 2), at `steps` (F,), or 0, 1, 2 …: a .gif, .webp, .apng or .mp4.

    `size` is its width in pixels; 640 if left out. Raises ``ValueError`` as `draw_density` does.
    """
    plane = _plane(np.asarray(samples, float), density, half_width, title, modes)
    at = range(len(plane.samples)) if steps is None else steps
    animate(path, {(0, 0): Scene(plane)}, [""], [""], half_width, at, fps, size=size)


def _plane(samples: Array, density: Density, half_width: float, title: str, modes: Array | None) -> Plane:
    if samples.ndim != 3 or samples.shape[2] != 2 or samples.size == 0:
        raise ValueError(f"samples must be points (N, 2) or moments of points (F, N, 2), not {samples.shape}")
    if not (np.isfinite(half_width) and half_width > 0):
        raise ValueError(f"half_width must be a finite number > 0, not {half_width}")
    values = np.asarray(density(grid_points(half_width, CELLS)) if callable(density) else density, float)
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise ValueError("density must be finite and at least 0 everywhere; is it a log density?")
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise ValueError(f"density must be (R, R), not {values.shape}")
    beyond = share_outside(samples, half_width)
    notes = ["out of view" if b == 1 else f"{100 * b:.0f} % outside" if b >= 0.01 else "" for b in beyond]
    bandwidth = smoothing_bandwidth(values, half_width, samples.shape[1])
    centres = np.empty((0, 2)) if modes is None else np.asarray(modes, float)
    return Plane(title, values, samples, notes, bandwidth, centres)


@matplotlib.rc_context(STYLE)
def _single(plane: Plane, half_width: float) -> Figure:
    """A figure of one moment."""
    side, left, top = 4.6, 0.75, 0.55 + 0.2 * bool(plane.notes[0])
    width = max(left + side + 0.3, 6.2, text_width(plane.title, 13, "bold") + 0.3)
    figure = new_figure(width, top + side + 0.95, plane.title)
    axes = axes_at(figure, (width - side) / 2, top, side, side)
    peak, contours = smoothed_peak(plane, half_width), contour_lines(plane.outlined, half_width)
    draw_plane(axes, plane, 0, half_width, peak, contours, True, True)
    set_ticks(axes, half_width, plane.placing, side, [plane])
    axes.set_xlabel("$x_1$", labelpad=1)
    axes.set_ylabel("$x_2$", labelpad=-4)
    axes.text(0, 1.02, plane.notes[0], transform=axes.transAxes, fontsize=10)
    density_legend(figure)
    return figure
