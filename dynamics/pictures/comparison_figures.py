"""Figures of settings side by side: their planes, and their scores with every seed and the mean's interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dynamics.pictures.colours import COLUMNS, FAINT, INK, REAL
from dynamics.pictures.density_axes import density_legend, draw_plane, note_lines
from dynamics.pictures.density_maps import Cell, Plane, brief_note, contour_lines, smoothed_peak
from dynamics.pictures.figure_style import STYLE, Array, axes_at, limits, new_figure, words_at
from dynamics.pictures.plane_ticks import label_overhang, set_ticks


@dataclass(frozen=True)
class ComparedScore:
    """One score of a comparison, per setting; a setting that cannot have it is left out of the mappings."""

    name: str  # "modes covered"
    label: str  # of the axis, with its unit: "modes", "JSD (nats)"
    values: Mapping[Cell, Array]  # (S,) one value per seed, nan where it has none
    mean: Mapping[Cell, float]  # over the seeds that have one; this and the next two lack a cell where none has
    low: Mapping[Cell, float]  # ends of the mean's 95 % interval
    high: Mapping[Cell, float]
    null: Mapping[Cell, float]  # what a perfect generator scores with as many samples


@matplotlib.rc_context(STYLE)
def comparison_figure(
    rows: Sequence[str],
    columns: Sequence[str],
    planes: Mapping[Cell, Plane],
    half_width: float,
    scores: Sequence[ComparedScore] = (),
    title: str = "",
) -> Figure:
    """Settings side by side: last moments on the left, each row's scores beside it on axes shared by all.

    A column keeps one colour in all scores. Cells missing from `planes` or from a score stay empty; a seed
    beyond a score's axis is a triangle at its edge; a line names how many seeds have scores where not all do. The
    planes' last notes stand in them.
    """
    down, across = len(rows), len(columns)
    cells = sorted(planes) or [(r, c) for r in range(down) for c in range(across)]
    lanes = _lane_names(cells, columns, scores)
    side, gap = float(np.clip(min(8.0 / down, 7.5 / across), 0.95, 2.6)), 0.12
    several = len({plane.placing for plane in planes.values()}) > 1  # units: every plane has tick labels of its own
    pitch = side + gap + (0.2 if several else 0)  # from row to row
    # a column's name takes a line a part where it is wider than its planes
    heads = [name.replace(" · ", "\n") if max(map(len, columns)) * 0.08 > side + gap else name for name in columns]
    left, top = (
        0.95 + label_overhang(planes.values(), half_width),
        (0.85 if title else 0.5) + 0.17 * max(head.count("\n") for head in heads),
    )
    right = left + across * (side + gap)
    names = 0.25 + 0.09 * max(map(len, lanes)) if scores else 0.0
    wide = 2.1 if len(scores) < 4 else 1.8
    width = max(right + names + len(scores) * (wide + 0.3) + 0.15, 8.6 if scores else 5.4)
    figure = new_figure(width, top + down * pitch + 0.9, title)
    bold: Any = {"ha": "center", "fontweight": "bold"}
    for (row, column), plane in sorted(planes.items()):
        axes = axes_at(figure, left + column * (side + gap), top + row * pitch, side, side)
        lowest = several or all((below, column) not in planes for below in range(row + 1, down))
        first = all((row, before) not in planes for before in range(column))
        peak, contours = smoothed_peak(plane, half_width), contour_lines(plane.outlined, half_width)
        draw_plane(axes, plane, -1, half_width, peak, contours, lowest, first)
        set_ticks(axes, half_width, plane.placing, side, planes.values())
        _write_note(axes, plane.notes[-1], side)
    size = 11 if max(len(line) for head in heads for line in head.split("\n")) * 0.1 < side else 9
    for column, head in enumerate(heads):
        words_at(figure, left + column * (side + gap) + side / 2, top - 0.1, head, fontsize=size, va="bottom", **bold)
    for row, name in enumerate(rows):
        lines = name.replace(" · ", "\n") if max(map(len, rows)) * 0.1 > side else name
        size = 11 if max(map(len, lines.split("\n"))) * 0.1 < side else 9
        middle = top + row * pitch + side / 2
        words_at(figure, 0.32, middle, lines, fontsize=size, rotation=90, va="center", **bold)
    for k, score in enumerate(scores):
        # Half a gap more at either end, so that a row's lanes stand exactly beside its planes.
        box = (right + names + k * (wide + 0.3), top - gap / 2, wide, down * pitch)
        axes = axes_at(figure, *box)
        _draw_score(axes, score, cells, across, side / across)
        axes.hlines(range(1, down), 0, 1, FAINT, linewidth=0.6, transform=axes.get_yaxis_transform())
        axes.set_ylim(down, 0)
        axes.set_yticks([r + (c + 0.5) / across for r, c in cells], lanes if k == 0 else [""] * len(cells))
        axes.tick_params(axis="y", length=0, labelsize=min(9, 68 * pitch / across))
    density_legend(figure, _MARKS if scores else ())
    return figure


_MARKS: tuple[tuple[Any, str], ...] = (
    (Line2D([], [], color=INK, linestyle="", marker="o", markersize=3.5), "seed"),
    (Line2D([], [], color=INK, linewidth=2, marker="D", markersize=5), "mean, 95 %"),
    (Line2D([], [], color=REAL, linestyle="", marker="|", markersize=11), "perfect generator"),
)


@matplotlib.rc_context(STYLE)
def forest_figure(
    rows: Sequence[str], columns: Sequence[str], scores: Sequence[ComparedScore], title: str = "", lane: float = 0.27
) -> Figure:
    """Many settings, a line each: every seed, the mean with its interval and the perfect generator; targets below one
    another, each with axes of its own. `lane` is a line's height in inches."""
    blocks = [sorted({cell for score in scores for cell in score.values if cell[0] == row}) for row in range(len(rows))]
    named = [_lane_names(cells, columns, scores) for cells in blocks]
    longest = max(len(name) for lanes in [columns, *named] for name in lanes)
    names, wide, head, foot = 0.3 + 0.07 * longest, 2.4, 0.75, 0.55
    height = sum(len(cells) * lane + head + foot for cells in blocks) + (0.35 if title else 0) + 0.3
    figure = new_figure(names + len(scores) * (wide + 0.3) + 0.15, height, title)
    top = 0.35 if title else 0.0
    for name, cells, lanes in zip(rows, blocks, named, strict=True):
        words_at(figure, 0.15, top + 0.32, name, fontsize=12, fontweight="bold", va="center")
        lines = {cell: (line, 0) for line, cell in enumerate(cells)}
        for k, score in enumerate(scores):
            in_block: dict[str, Any] = {
                field: {lines[cell]: value for cell, value in getattr(score, field).items() if cell in lines}
                for field in ("values", "mean", "low", "high", "null")
            }
            axes = axes_at(figure, names + k * (wide + 0.3), top + head, wide, len(cells) * lane)
            axes.hlines(np.arange(0.5, len(cells)), 0, 1, FAINT, linewidth=0.4, transform=axes.get_yaxis_transform())
            _draw_score(axes, replace(score, **in_block), list(lines.values()), 1, lane)
            axes.set_ylim(len(cells), 0)
            axes.set_yticks(np.arange(0.5, len(cells)), lanes if k == 0 else [""] * len(cells))
            axes.tick_params(axis="y", length=0, labelsize=9)
        top += len(cells) * lane + head + foot
    density_legend(figure, _MARKS, planes=False)
    return figure


def _lane_names(cells: Sequence[Cell], columns: Sequence[str], scores: Sequence[ComparedScore]) -> list[str]:
    """Names of lines: the cell's column, and how many of its seeds have scores where not all do."""
    names = []
    for cell in cells:
        seeds = [np.ravel(score.values[cell]) for score in scores if cell in score.values]
        counts = sorted({f(np.isfinite(v).sum() for v in seeds) for f in (min, max)}) if seeds else []
        lacking = f" ({' to '.join(map(str, counts))} of {len(seeds[0])} seeds)" if seeds else ""
        names.append(columns[cell[1]] + (lacking if seeds and counts != [len(seeds[0])] else ""))
    return names


def _write_note(axes: Axes, note: str, side: float) -> None:
    """A note in the upper left corner of a plane, `side` inches: a line or more for each of its parts.

    A small plane, which it would hide, has only what is brief.
    """
    if not note:
        return
    size, parts = (10, note.split(", ")) if side > 1.5 else (8, brief_note(note).split(", "))
    lines = [line for part in parts for line in note_lines(part, side - 0.15, size)]
    box: Any = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.5}
    axes.text(0.05, 0.95, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=size, bbox=box, zorder=3)


def _draw_score(axes: Axes, score: ComparedScore, cells: Sequence[Cell], columns: int, lane: float) -> None:
    """Seeds, mean with interval and perfect generator of every cell, at y = row + (column + 1/2) / columns.

    `lane` is a lane's height in inches. Seeds step up and down in turn, so that equal values can be counted.
    """
    means = [score.mean.get(cell, np.nan) for cell in cells]
    seeds = {cell: np.ravel(score.values.get(cell, ())).astype(float) for cell in cells}
    low, high = limits(np.concatenate([means, *seeds.values()]), [score.null.get(cell, np.nan) for cell in cells])
    middles = np.array([row + (column + 0.5) / columns for row, column in cells])
    shades = [COLUMNS[column % len(COLUMNS)] for _, column in cells]
    null, start, end = ([of.get(cell, np.nan) for cell in cells] for of in (score.null, score.low, score.high))
    axes.vlines(null, middles - 0.5 / columns, middles + 0.5 / columns, REAL, linewidth=1.2)
    axes.hlines(middles, start, end, shades, linewidth=2.2)
    axes.scatter(means, middles, 28, shades, marker="D", linewidth=0, zorder=5)
    for values, middle, colour in zip(seeds.values(), middles, shades, strict=True):
        at = middle + min(0.3, 0.1 / lane) / columns * (np.arange(len(values)) % 4 - 1.5) / 1.5
        for shown, marker in (
            (values > high, ">"),
            (values < low, "<"),
            ((values >= low) & (values <= high), "o"),
        ):
            if shown.any():
                edge, size = np.clip(values[shown], low, high), 11 if marker == "o" else 18
                axes.scatter(edge, at[shown], size, colour, marker=marker, alpha=0.65, linewidth=0, clip_on=False)
    axes.set(xlim=(low, high), xlabel=score.label)
    axes.set_title(score.name, loc="left", fontsize=11, fontweight="bold", y=1, pad=5)
    axes.locator_params(axis="x", nbins=4)
    axes.tick_params(axis="x", length=2.5, labelsize=9)
    axes.spines[["top", "right", "left"]].set_visible(False)
