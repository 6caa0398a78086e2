"""A figure of one plane's moments: what a generator made of it at several steps."""

from collections.abc import Sequence

import matplotlib
from matplotlib.figure import Figure

from dynamics.pictures.density_axes import density_legend, draw_plane, note_lines
from dynamics.pictures.density_maps import Plane, contour_lines, smoothed_peak
from dynamics.pictures.figure_style import STYLE, Array, axes_at, new_figure
from dynamics.pictures.fitted_words import text_width
from dynamics.pictures.plane_ticks import label_overhang, set_ticks


@matplotlib.rc_context(STYLE)
def frames_figure(plane: Plane, half_width: float, steps: Sequence[int] | Array, mark: str = "") -> Figure:
    """A plate of a plane's F moments in two rows, at generator steps (F,). `mark` follows the title."""
    if len(steps) != len(plane.samples):
        raise ValueError(f"{len(steps)} steps for {len(plane.samples)} moments")
    across = -(-len(steps) // 2) if len(steps) > 3 else len(steps)
    down = -(-len(steps) // across)
    side, gap = 1.85, 0.12
    notes = [note_lines(note, side + gap, 10) for note in plane.notes]
    lines = max(map(len, notes))
    head = 0.31 + 0.15 * lines if lines else 0.28
    left, top = 0.65 + label_overhang([plane], half_width), 0.45
    width = max(left + across * (side + gap), 6.2, text_width(plane.title + mark, 13, "bold") + 0.3 if mark else 0)
    figure = new_figure(width, top + down * (side + head) + 0.85, plane.title + mark)
    peak, contours = smoothed_peak(plane, half_width), contour_lines(plane.outlined, half_width)
    for moment, step in enumerate(steps):
        row, column = divmod(moment, across)
        axes = axes_at(figure, left + column * (side + gap), top + row * (side + head) + head, side, side)
        bottom = moment + across >= len(steps)
        draw_plane(axes, plane, moment, half_width, peak, contours, bottom, column == 0)
        set_ticks(axes, half_width, plane.placing, side, [plane])
        if bottom:
            axes.set_xlabel("$x_1$", labelpad=1)
        if column == 0:
            axes.set_ylabel("$x_2$", labelpad=-4 if plane.placing.stays else -1)
        pad = 7 + 11 * lines if lines else 4
        axes.set_title(f"step {int(step)}", loc="left", fontsize=11, fontweight="bold", y=1, pad=pad)
        axes.text(0, 1.03, "\n".join(notes[moment]), transform=axes.transAxes, fontsize=10, linespacing=1.1)
    density_legend(figure)
    return figure
