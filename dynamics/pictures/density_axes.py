"""One plane drawn on axes: heat map, contour lines, and the legend that explains them."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.path import Path as Outline

from dynamics.pictures.colours import REAL, heat_colours
from dynamics.pictures.density_maps import Plane, generated_density, heat


def draw_plane(
    axes: Axes,
    plane: Plane,
    moment: int,
    half_width: float,
    peak: float,
    contours: Sequence[Outline],
    bottom: bool,
    left: bool,
) -> None:
    """Heat map of one moment, and contours; tick labels only where `bottom` and `left` say so."""
    resolution = int(np.clip(np.ceil(4 * half_width / plane.bandwidth), 96, 400))
    density = generated_density(plane.samples[moment], half_width, resolution, plane.bandwidth)
    depth = heat(density, peak)
    axes.imshow(
        depth,
        cmap=ListedColormap(heat_colours(256) / 255.0),
        vmin=0,
        vmax=1,
        origin="lower",
        extent=(-half_width, half_width, -half_width, half_width),
        interpolation="bilinear",
    )
    draw_contours(axes, contours, 0.8)
    axes.set(xlim=(-half_width, half_width), ylim=(-half_width, half_width))
    axes.tick_params(length=2.5, labelsize=9, labelbottom=bottom, labelleft=left)


def draw_contours(axes: Axes, lines: Sequence[Outline], linewidth: float) -> None:
    """Contour lines, over a heat map. Several axes can have the same ones, which `Axes.contour` would find anew."""
    if lines:
        drawn = PathCollection(lines, facecolors="none", edgecolors=REAL, linewidths=linewidth, zorder=2)
        axes.add_collection(drawn, autolim=False)


def note_lines(note: str, width: float, size: float) -> list[str]:
    """A note in lines of at most about `width` inches, its comma-separated parts whole where they fit."""
    room = int(72 * width / (0.6 * size))  # letters
    parts = [note] if len(note) <= room else note.split(", ")
    return [line for part in parts for line in textwrap.wrap(part, room)]


def density_legend(figure: Figure, extra: Sequence[tuple[Any, str]] = (), *, planes: bool = True) -> None:
    """The legend of figures with planes, or of scores alone: one line at the bottom right."""
    ramp = tuple(Rectangle((0, 0), 1, 1, facecolor=c / 255.0, linewidth=0) for c in heat_colours(7)[1:])
    real = Line2D([], [], color=REAL, linewidth=1.2)
    entries: list[tuple[Any, str]] = [(real, "real density"), (ramp, "generated density (full colour: real peak)")]
    entries = [*(entries if planes else ()), *extra]
    w, h = figure.get_size_inches()
    handles, labels = [handle for handle, _ in entries], [label for _, label in entries]
    where: Any = {"loc": "lower right", "bbox_to_anchor": (1 - 0.1 / w, 0.04 / h), "borderaxespad": 0}
    ramps: Any = {tuple: HandlerTuple(ndivide=None, pad=0)}
    figure.legend(handles, labels, handler_map=ramps, ncols=len(entries), columnspacing=1.5, fontsize=9, **where)
