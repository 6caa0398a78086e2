"""Arrays in, figures out: a plate of moments, settings side by side.

The generated density is the same picture everywhere: points counted on square cells, smoothed by a Gaussian
of std `bandwidth`, coloured by sqrt(generated density / peak), where *peak* is the highest value that a
perfect generator would reach after the same smoothing. White is nothing, full colour is as dense as the real
peak, the square root keeps faint mass visible. The real density lies over it as contour lines. Planes are
never autoscaled.
"""

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import contourpy
import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.path import Path as Outline

from dynamics.pictures.colours import COLUMNS, FAINT, INK, REAL, heat_colours
from dynamics.pictures.figures import STYLE, Array, axes_at, limits, new_figure, words_at
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


@dataclass(frozen=True)
class Score:
    """One score of a comparison, per setting; a setting that cannot have it is left out of the mappings."""

    name: str  # "modes covered"
    label: str  # of the axis, with its unit: "modes", "JSD (nats)"
    values: Mapping[Cell, Array]  # (S,) one value per seed, nan where it has none
    mean: Mapping[Cell, float]  # over the seeds that have one; this and the next two lack a cell where none has
    low: Mapping[Cell, float]  # ends of the mean's 95 % interval
    high: Mapping[Cell, float]
    null: Mapping[Cell, float]  # what a perfect generator scores with as many samples


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


def draw_contours(axes: Axes, lines: Sequence[Outline], linewidth: float) -> None:
    """Contour lines, over a heat map. Several axes can have the same ones, which `Axes.contour` would find anew."""
    if lines:
        drawn = PathCollection(lines, facecolors="none", edgecolors=REAL, linewidths=linewidth, zorder=2)
        axes.add_collection(drawn, autolim=False)


def plane_ticks(half_width: float, planes: Iterable[Plane] = ()) -> list[float]:
    """Ticks of planes of this width, data units, ascending: the multiples of a round number, up to four on a side.

    It is the largest of those numbers that meet most coordinates of the planes' modes, and the ticks end with the
    outermost one that it meets; where none meets any, the largest of the roundest.
    """
    unit = 10.0 ** np.floor(np.log10(half_width))
    coordinates = np.unique(np.round(np.concatenate([[0.0], *(np.ravel(plane.modes) for plane in planes)]), 9))
    coordinates = coordinates[np.abs(coordinates) < half_width]
    found = []
    for digits in (0.2, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5):
        step = digits * unit
        met = np.abs(coordinates / step - np.round(coordinates / step)) < 1e-6
        last = int(np.abs(np.round(coordinates[met] / step)).max()) or int(half_width / step * (1 - 1e-9))
        if 0.12 * half_width < step <= 0.67 * half_width and last <= 4:
            merit = met.sum(), met.sum() > 1 or digits in (0.2, 0.5, 1, 2, 5), digits
            found.append((*merit, [float(step * k) for k in range(-last, last + 1)]))
    return max(found)[-1]


def labelled(ticks: Sequence[float], gap: float, width: float) -> list[float]:
    """Those of a plane's ticks that have room for their labels: `gap` from tick to tick, `width` of a label."""
    count, every = len(ticks) // 2, int(np.ceil(1.5 * width / gap))
    if not np.isclose(ticks[0], -ticks[-1]):  # of own units
        return list(ticks[::every])
    if every <= count:
        return [tick for k, tick in enumerate(ticks, -count) if k % every == 0]
    return [ticks[0], ticks[-1]] if every <= 2 * count else [0.0]


def brief(note: str) -> str:
    """The first part of a plane's note, and what it says of samples outside the picture."""
    first, *rest = note.split(", ")
    return ", ".join([first, *(part for part in rest if part.endswith(OUTSIDE))])


def axis_ticks(
    half_width: float, placing: Placing, planes: Iterable[Plane] = ()
) -> tuple[dict[float, str], dict[float, str]]:
    """Ticks along x and y: place in the plane -> label, in own units.

    Where those are the plane's, they are `plane_ticks` of the planes beside one another that share them; else round
    numbers, at least two along either axis.
    """
    if placing.stays:
        ticks = plane_ticks(half_width, [plane for plane in planes if plane.placing.stays])
        same = {tick: f"{round(tick, 12):g}".replace("-", "−") for tick in ticks}
        return same, same
    reach = half_width / placing.scale
    unit = 10.0 ** np.floor(np.log10(reach / 2))
    for step in (s * unit for s in (10, 5, 2, 1) if s * unit < 1.25 * reach):
        x, y = (_round_ticks(middle, reach, step, placing.scale) for middle in placing.middle)
        if min(len(x), len(y)) >= 2:
            break
    return x, y


def _round_ticks(middle: float, reach: float, step: float, scale: float) -> dict[float, str]:
    """Multiples of `step` within 0.95 `reach` of `middle`, own units, by their places in the plane."""
    first, last = np.ceil((middle - 0.95 * reach) / step), np.floor((middle + 0.95 * reach) / step)
    values = (first + np.arange(int(last - first) + 1)) * step
    largest = np.abs(values).max(initial=step)
    decimals = max(0, int(-np.floor(np.log10(step))))
    digits = int(np.clip(np.floor(np.log10(largest)) - np.floor(np.log10(step)) + 1, 1, 15))  # that tell them apart
    plain = step >= 1e-3 and largest < 1e6
    words = [f"{v + 0.0:.{decimals}f}" if plain else f"{v + 0.0:.{digits}g}" for v in values]
    words = [re.sub(r"e([+-])0*", r"e\1", word).replace("e+", "e").replace("-", "−") for word in words]
    return dict(zip(((values - middle) * scale).tolist(), words, strict=True))


def set_ticks(axes: Axes, half_width: float, placing: Placing, side: float, planes: Iterable[Plane] = ()) -> None:
    """Ticks of a plane, `side` inches, among others, with labels in size 9 as far as they have room."""
    for along, put in zip(axis_ticks(half_width, placing, planes), (axes.set_xticks, axes.set_yticks), strict=True):
        gap = min(np.diff(list(along)), default=half_width) * side / (2 * half_width)
        shown = labelled(list(along), gap, max(map(len, along.values())) * 0.08)
        put(list(along), [word if tick in shown else "" for tick, word in along.items()])


def _beyond(planes: Iterable[Plane], half_width: float) -> float:
    """Inches that the longest label beside an axis takes beyond three letters."""
    lengths = [len(word) for plane in planes for word in axis_ticks(half_width, plane.placing)[1].values()]
    return 0.075 * max(0, max(lengths, default=0) - 3)


@matplotlib.rc_context(STYLE)
def frames_figure(plane: Plane, half_width: float, steps: Sequence[int] | Array) -> Figure:
    """A plate of a plane's F moments in two rows, at generator steps (F,)."""
    if len(steps) != len(plane.samples):
        raise ValueError(f"{len(steps)} steps for {len(plane.samples)} moments")
    across = -(-len(steps) // 2) if len(steps) > 3 else len(steps)
    down = -(-len(steps) // across)
    side, gap = 1.85, 0.12
    notes = [_wrapped(note, side + gap, 10) for note in plane.notes]
    lines = max(map(len, notes))
    head = 0.31 + 0.15 * lines if lines else 0.28
    left, top = 0.65 + _beyond([plane], half_width), 0.45
    figure = new_figure(max(left + across * (side + gap), 6.2), top + down * (side + head) + 0.85, plane.title)
    peak, contours = smoothed_peak(plane, half_width), contour_lines(plane.outlined, half_width)
    for moment, step in enumerate(steps):
        row, column = divmod(moment, across)
        axes = axes_at(figure, left + column * (side + gap), top + row * (side + head) + head, side, side)
        bottom = moment + across >= len(steps)
        _draw_plane(axes, plane, moment, half_width, peak, contours, bottom, column == 0)
        set_ticks(axes, half_width, plane.placing, side, [plane])
        if bottom:
            axes.set_xlabel("$x_1$", labelpad=1)
        if column == 0:
            axes.set_ylabel("$x_2$", labelpad=-4 if plane.placing.stays else -1)
        pad = 7 + 11 * lines if lines else 4
        axes.set_title(f"step {int(step)}", loc="left", fontsize=11, fontweight="bold", y=1, pad=pad)
        axes.text(0, 1.03, "\n".join(notes[moment]), transform=axes.transAxes, fontsize=10, linespacing=1.1)
    _key(figure)
    return figure


@matplotlib.rc_context(STYLE)
def comparison_figure(
    rows: Sequence[str],
    columns: Sequence[str],
    planes: Mapping[Cell, Plane],
    half_width: float,
    scores: Sequence[Score] = (),
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
        0.95 + _beyond(planes.values(), half_width),
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
        _draw_plane(axes, plane, -1, half_width, peak, contours, lowest, first)
        set_ticks(axes, half_width, plane.placing, side, planes.values())
        _write_in(axes, plane.notes[-1], side)
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
    _key(figure, _MARKS if scores else ())
    return figure


_MARKS: tuple[tuple[Any, str], ...] = (
    (Line2D([], [], color=INK, linestyle="", marker="o", markersize=3.5), "seed"),
    (Line2D([], [], color=INK, linewidth=2, marker="D", markersize=5), "mean, 95 %"),
    (Line2D([], [], color=REAL, linestyle="", marker="|", markersize=11), "perfect generator"),
)


@matplotlib.rc_context(STYLE)
def forest_figure(
    rows: Sequence[str], columns: Sequence[str], scores: Sequence[Score], title: str = "", lane: float = 0.27
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
            own: dict[str, Any] = {
                field: {lines[cell]: value for cell, value in getattr(score, field).items() if cell in lines}
                for field in ("values", "mean", "low", "high", "null")
            }
            axes = axes_at(figure, names + k * (wide + 0.3), top + head, wide, len(cells) * lane)
            axes.hlines(np.arange(0.5, len(cells)), 0, 1, FAINT, linewidth=0.4, transform=axes.get_yaxis_transform())
            _draw_score(axes, replace(score, **own), list(lines.values()), 1, lane)
            axes.set_ylim(len(cells), 0)
            axes.set_yticks(np.arange(0.5, len(cells)), lanes if k == 0 else [""] * len(cells))
            axes.tick_params(axis="y", length=0, labelsize=9)
        top += len(cells) * lane + head + foot
    _key(figure, _MARKS, planes=False)
    return figure


def _lane_names(cells: Sequence[Cell], columns: Sequence[str], scores: Sequence[Score]) -> list[str]:
    """Names of lines: the cell's column, and how many of its seeds have scores where not all do."""
    names = []
    for cell in cells:
        seeds = [np.ravel(score.values[cell]) for score in scores if cell in score.values]
        counts = sorted({f(np.isfinite(v).sum() for v in seeds) for f in (min, max)}) if seeds else []
        lacking = f" ({' to '.join(map(str, counts))} of {len(seeds[0])} seeds)" if seeds else ""
        names.append(columns[cell[1]] + (lacking if seeds and counts != [len(seeds[0])] else ""))
    return names


def _wrapped(note: str, width: float, size: float) -> list[str]:
    """A note in lines of at most about `width` inches, its comma-separated parts whole where they fit."""
    room = int(72 * width / (0.6 * size))  # letters
    parts = [note] if len(note) <= room else note.split(", ")
    return [line for part in parts for line in textwrap.wrap(part, room)]


def _write_in(axes: Axes, note: str, side: float) -> None:
    """A note in the upper left corner of a plane, `side` inches: a line or more for each of its parts.

    A small plane, which it would hide, has only what is brief.
    """
    if not note:
        return
    size, parts = (10, note.split(", ")) if side > 1.5 else (8, brief(note).split(", "))
    lines = [line for part in parts for line in _wrapped(part, side - 0.15, size)]
    box: Any = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.5}
    axes.text(0.05, 0.95, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=size, bbox=box, zorder=3)


def _key(figure: Figure, extra: Sequence[tuple[Any, str]] = (), *, planes: bool = True) -> None:
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
        for far in range(1, reach + 1):
            np.add(rows[reach - far : reach - far + count], rows[reach + far : reach + far + count], out=both)
            both *= weights[reach + far]
            values += both
    return values


def _draw_plane(
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


def _draw_score(axes: Axes, score: Score, cells: Sequence[Cell], columns: int, lane: float) -> None:
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
