"""A figure of where generated samples go: a row of moments for each setting, over what D says of the plane."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from dynamics.pictures.colours import FAINT, GENERATED, REAL, SAMPLE, D, diverging_colours
from dynamics.pictures.density_axes import draw_contours
from dynamics.pictures.density_maps import contour_lines, grid_points
from dynamics.pictures.figure_style import STYLE, Array, axes_at, new_figure, words_at
from dynamics.pictures.plane_ticks import set_ticks
from dynamics.targets.user_units import PLANE, Placing

SHADES = 33  # of D on a plane; the middle one, 1/2, is white


@matplotlib.rc_context(STYLE)
def travels_figure(
    title: str,
    remarks: Sequence[str],
    rows: Sequence[str],
    steps: Sequence[int],
    samples: Array,
    fields: Array,
    density: Array,
    half_width: float,
    frame: float,
    notes: Sequence[Sequence[str]],
    placing: Placing = PLANE,
) -> Figure:
    """Where samples go: a row for each of R settings, a column for each of F moments, at generator steps (F,).

    samples (R, F, N, 2) are dots, in the plane, whose axes show own units; those that are not finite or off the plane
    are left out, and `notes` (R × F words) say what of them. fields (R, F, K, K) in [0, 1] are D as a probability of
    being real, at `grid_points(half_width, K)`, nan where it is not known; density (Q, Q) is the real one, or what else
    tells where it is, drawn as contour lines. A square of half width `frame` shows the plane of the other figures.
    Raises `ValueError` for shapes that do not fit.
    """
    if samples.shape[:2] != (len(rows), len(steps)) or fields.shape[:2] != samples.shape[:2]:
        raise ValueError(
            f"samples {samples.shape} and fields {fields.shape} for {len(rows)} rows, {len(steps)} moments"
        )
    side, gap, head, left = 2.3, 0.14, 0.5, 1.15
    top = 0.62 + 0.18 * len(remarks)
    figure = new_figure(left + len(steps) * (side + gap) + 0.1, top + len(rows) * (side + head) + 0.9, title)
    for number, words in enumerate(remarks):
        words_at(figure, 0.15, 0.6 + 0.18 * number, words, fontsize=9)
    shades = ListedColormap(diverging_colours(GENERATED, D, SHADES) / 255.0)
    lines = contour_lines(density, half_width)
    extent = (-half_width, half_width, -half_width, half_width)
    for row, name in enumerate(rows):
        for column, step in enumerate(steps):
            place = (left + column * (side + gap), top + row * (side + head) + head, side, side)
            axes = axes_at(figure, *place)
            axes.imshow(fields[row, column], cmap=shades, vmin=0, vmax=1, origin="lower", extent=extent)
            _draw_levels(axes, fields[row, column], half_width)
            draw_contours(axes, lines, 0.7)
            inside: Any = {"fill": False, "edgecolor": FAINT, "linewidth": 0.8, "linestyle": (0, (4, 2))}
            axes.add_patch(Rectangle((-frame, -frame), 2 * frame, 2 * frame, **inside))
            points = np.asarray(samples[row, column], float)
            points = points[(np.abs(points) <= half_width).all(-1)]  # comparisons with nan are false
            axes.plot(*points.T, ".", color=SAMPLE, markersize=3, alpha=0.5, markeredgewidth=0, zorder=3)
            axes.set(xlim=(-half_width, half_width), ylim=(-half_width, half_width))
            set_ticks(axes, half_width, placing, side)
            bottom = row == len(rows) - 1
            axes.tick_params(length=2.5, labelsize=9, labelbottom=bottom, labelleft=column == 0)
            if bottom:
                axes.set_xlabel("$x_1$", labelpad=1)
            if column == 0:
                axes.set_ylabel("$x_2$", labelpad=-4)
            axes.set_title(f"step {int(step)}", loc="left", fontsize=10.5, fontweight="bold", y=1, pad=16)
            axes.text(0, 1.02, notes[row][column], transform=axes.transAxes, fontsize=9, va="bottom")
        middle = top + row * (side + head) + head + side / 2
        lined = name.replace(" · ", "\n")
        words_at(figure, 0.32, middle, lined, fontsize=10, rotation=90, va="center", ha="center", fontweight="bold")
    _plane_key(figure)
    return figure


def _draw_levels(axes: Axes, field: Array, half_width: float) -> None:
    """Level lines of a field (K, K) in [0, 1], even in its logarithmic odds: they tell slopes where colours no longer
    do."""
    field = np.asarray(field, float)
    odds = np.log(np.clip(field, 1e-7, 1) / np.clip(1 - field, 1e-7, 1))
    finite = odds[np.isfinite(odds)]
    levels = [level for level in range(-15, 16) if finite.size and finite.min() < level < finite.max()]
    if levels:
        centres = grid_points(half_width, len(odds))[0, :, 0]
        axes.contour(
            centres, centres, odds, levels=levels, colors="white", linewidths=0.5, linestyles="solid", alpha=0.7
        )


def _plane_key(figure: Figure) -> None:
    blue, red = (diverging_colours(GENERATED, D, SHADES)[end] / 255.0 for end in (-1, 0))
    entries: Mapping[str, Any] = {
        "real density": Line2D([], [], color=REAL, linewidth=1.2),
        "generated points": Line2D([], [], color=SAMPLE, linestyle="", marker="o", markersize=4),
        "D: real": Rectangle((0, 0), 1, 1, facecolor=blue, linewidth=0),
        "D: generated": Rectangle((0, 0), 1, 1, facecolor=red, linewidth=0),
        "plane of the other figures": Line2D([], [], color=FAINT, linewidth=1, linestyle=(0, (4, 2))),
    }
    w, h = figure.get_size_inches()
    where: Any = {"loc": "lower right", "bbox_to_anchor": (1 - 0.1 / w, 0.04 / h), "borderaxespad": 0}
    figure.legend(list(entries.values()), list(entries), ncols=len(entries), columnspacing=1.3, fontsize=9, **where)
