"""A figure of one setting's scores over training, each unit on an axis of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from dynamics.pictures.colours import FAINT
from dynamics.pictures.figure_style import DASHES, STYLE, Array, axes_at, new_figure
from dynamics.pictures.fitted_words import entries_abreast, label_left, text_width, wrapped_parts, write_remarks
from dynamics.pictures.median_lines import (
    curve_remarks,
    decade_ticks,
    draw_median,
    fitting_limits,
    round_ticks,
    seed_quartiles,
    write_nothing,
)


@dataclass(frozen=True)
class ScoreCurve:
    """A score of one setting's seeds over training."""

    name: str  # "" keeps it out of the legend
    values: Array  # (seeds, S)
    colour: str


@dataclass(frozen=True)
class ScorePanel:
    """Scores of one unit, drawn on one axis."""

    label: str  # of the y axis, with its unit: "slope of D, per data unit"
    lines: Sequence[ScoreCurve]


@matplotlib.rc_context(STYLE)
def scores_figure(title: str, steps: Array, panels: Sequence[ScorePanel], counts: Array | None = None) -> Figure:
    """Scores of one setting over training, panels below one another: steps (S,), generator steps.

    `counts` (seeds,) is how many of the steps each seed has come to, where that is not all.

    Lines are medians over the seeds, bands reach from the first to the third quartile. An axis is logarithmic where
    nothing drawn on it is negative and half of it is less than a tenth of the largest; zeros lie below such an axis.
    Raises `ValueError` for values that are not (seeds, S), and where there is no panel.
    """
    if not panels:
        raise ValueError("scores need a panel")
    for panel in panels:
        for line in panel.lines:
            if line.values.shape[1:] != steps.shape:
                raise ValueError(f"{line.name or panel.label}: {line.values.shape} does not fit {len(steps)} steps")
    middles = [[seed_quartiles(line.values) for line in panel.lines] for panel in panels]
    scales = [_scale(np.concatenate([np.empty((3, 0)), *middle], axis=1)) for middle in middles]
    values = [line.values for panel in panels for line in panel.lines]
    remarks = curve_remarks(values, middles, [s[1:] for s in scales], [counts] * len(values))

    left, wide = 1.15, 6.55
    abreast = [entries_abreast([line.name for line in panel.lines], wide) for panel in panels]
    heads = [0.18 + 0.2 * -(-len(panel.lines) // n) for panel, n in zip(panels, abreast, strict=True)]
    tall = {1: 2.6, 2: 2.2, 3: 1.8, 4: 1.5}.get(len(panels), 1.25)
    page = max(8.0, text_width(title, 13, "bold") + 0.3)
    remark_lines = wrapped_parts(remarks, " · ", page - 0.3, 9)
    tops = 0.62 + 0.17 * (len(remark_lines) - 1) + np.cumsum(heads) + tall * np.arange(len(panels))
    figure = new_figure(page, tops[-1] + tall + 0.65, title)
    write_remarks(figure, remark_lines)
    for row, (panel, middle, (scale, *ends)) in enumerate(zip(panels, middles, scales, strict=True)):
        axes = axes_at(figure, left, tops[row], wide, tall)
        axes.set_yscale(scale)
        axes.set(xlim=(steps[0], max(steps[-1], steps[0] + 1)), ylim=ends)
        colours = [line.colour for line in panel.lines]
        for place, (line, quartiles) in enumerate(zip(panel.lines, middle, strict=True)):
            dash = DASHES[colours[:place].count(line.colour) % len(DASHES)]
            alone = "o" if len(steps) == 1 else ""
            draw_median(axes, steps, quartiles, line.colour, label=line.name, linestyle=dash, marker=alone)
        if not any(np.isfinite(quartiles).any() for quartiles in middle):
            write_nothing(axes)
        round_ticks(axes.xaxis, 8)
        if scale == "log":
            decade_ticks(axes.yaxis)
        else:
            round_ticks(axes.yaxis, int(tall / 0.25))
            if ends[0] < 0 < ends[1]:
                axes.axhline(0, color=FAINT, linewidth=0.8, zorder=1)
        axes.tick_params(labelsize=9, labelbottom=row == len(panels) - 1)
        axes.spines[["top", "right"]].set_visible(False)
        if any(line.name for line in panel.lines):
            where: Any = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0.2}
            axes.legend(ncols=abreast[row], handlelength=1.6, fontsize=10, **where)
        label_left(axes, panel.label, wide, tall)
    axes.set_xlabel("generator steps")
    return figure


def _scale(values: Array) -> tuple[str, float, float]:
    """An axis for values by the rule of `scores_figure`: "log" or "linear", and its limits."""
    finite = values[np.isfinite(values)]
    positive = finite[finite > 0]
    if positive.size and finite.min() >= 0 and np.median(finite) < 0.1 * finite.max():
        low, high = np.clip(fitting_limits(np.log10(positive)), -200, 200)  # margins and ticks farther out overflow
        return "log", 10**low, 10**high
    return "linear", *fitting_limits(values)
