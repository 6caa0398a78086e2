"""Arrays in, figures out: loss curves, a plate of moments, settings side by side.

The generated density is always the same picture: points counted on square cells, smoothed by a Gaussian of
`bandwidth`, and coloured by  sqrt(generated density / peak),  where *peak* is the highest value that a perfect
generator would reach after the same smoothing. White is nothing, full colour is as dense as the real peak, and
the square root keeps faint mass visible. The real density lies over it as contour lines. Nothing is autoscaled
between panels. Figures never touch pyplot or its global state.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Array = NDArray[Any]
Cell = tuple[int, int]  # (row, column) of a comparison

# One colour, one meaning, in every figure. Chosen by lightness (about 5, 49, 29, 73) so that they stay apart in
# grey print, and by hue so that they stay apart under deuteranopia; tests/test_plotting.py measures both.
REAL = "#111111"
GENERATED = "#d1421c"
D = "#1b3f91"
G = "#e8a620"
# Settings of a comparison take hues that none of the four above has: plums and greens, dark and light in turn.
COLUMNS = ("#43074f", "#4bd387", "#ae56c6", "#0a4a2b", "#c385c6", "#800eea")
INK = "#333333"  # axes and words
FAINT = "#8a8a8a"

# Contour levels as log(density / peak): the 1, 2 and 3 standard deviation circles of a Gaussian mode.
CONTOURS = (-4.5, -2.0, -0.5)

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 11.0,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.unicode_minus": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "savefig.bbox": None,
    "savefig.facecolor": "white",
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "path.simplify": True,
}


@dataclass(frozen=True)
class Plane:
    """One panel: what a setting's generator made of the plane at F moments, and the truth beside it."""

    title: str  # e.g. "mixture_4 · std 0.2 · 2 D steps"
    density: (
        Array  # (R, R) exact real density at the cell centres of `grid_points`, row = y ascending, 1/area
    )
    samples: Array  # (F, N, 2) generated points, data units; nan and inf are left out of the picture
    notes: Sequence[str]  # F short texts, e.g. "3 of 4 modes"; "" shows nothing
    bandwidth: float  # standard deviation of the smoothing, data units

    def __post_init__(self) -> None:
        if self.density.ndim != 2 or self.density.shape[0] != self.density.shape[1]:
            raise ValueError(f"Plane.density must be (R, R), not {self.density.shape}")
        if self.samples.ndim != 3 or self.samples.shape[2] != 2:
            raise ValueError(f"Plane.samples must be (F, N, 2), not {self.samples.shape}")
        if len(self.notes) != len(self.samples):
            raise ValueError(f"Plane.notes has {len(self.notes)} texts for {len(self.samples)} moments")
        if not self.bandwidth > 0:
            raise ValueError(f"Plane.bandwidth must be positive, not {self.bandwidth}")


@dataclass(frozen=True)
class Score:
    """One score of a comparison, per setting; a setting without it is missing from the mappings (or nan)."""

    name: str  # "modes covered"
    label: str  # of the axis, with its unit: "modes", "nats"
    values: Mapping[Cell, Array]  # (S,) one value per seed
    mean: Mapping[Cell, float]
    low: Mapping[Cell, float]  # ends of the 95 % interval of the mean
    high: Mapping[Cell, float]
    null: Mapping[Cell, float]  # what a perfect generator scores with as many samples


def grid_points(half_width: float, resolution: int) -> Array:
    """Cell centres (R, R, 2) of an R × R grid over [-half_width, half_width]²; row = y ascending, last axis (x, y)."""
    centres = (np.arange(resolution) + 0.5) * (2 * half_width / resolution) - half_width
    return np.stack(np.meshgrid(centres, centres), axis=-1)


def generated_density(points: Array, half_width: float, resolution: int, bandwidth: float) -> Array:
    """Density (R, R), unit 1/area, of points (N, 2): counts on cells, smoothed by a Gaussian of std `bandwidth`.

    It integrates to the share of the points that lie inside the plane: nan, inf and points outside count in N
    only, and the smoothing reflects at the border instead of leaking over it.
    """
    cell = 2 * half_width / resolution
    inside = points[((points >= -half_width) & (points < half_width)).all(axis=1)]
    at = np.minimum(((inside + half_width) / cell).astype(np.intp), resolution - 1)
    counts = np.bincount(at[:, 1] * resolution + at[:, 0], minlength=resolution**2)
    density = (counts / (max(len(points), 1) * cell**2)).reshape(resolution, resolution)
    return gaussian_filter(density, bandwidth / cell, mode="reflect")


def smoothed_peak(plane: Plane, half_width: float) -> float:
    """Highest value of the real density after the plane's smoothing: what full colour means, 1/area."""
    cell = 2 * half_width / len(plane.density)
    return float(gaussian_filter(plane.density, plane.bandwidth / cell, mode="reflect").max())


def heat(density: Array, peak: float) -> Array:
    """Depth of colour in [0, 1] of a density: sqrt(density / peak), the same shape."""
    return np.sqrt(np.clip(density / max(peak, 1e-300), 0, 1))


def heat_colours(levels: int) -> Array:
    """The ramp from white to GENERATED, (levels, 3) uint8."""
    depth = np.linspace(0, 1, levels)[:, None]
    return np.round(255 * (1 - depth * (1 - np.array(to_rgb(GENERATED))))).astype(np.uint8)


def draw_contours(axes: Axes, density: Array, half_width: float, linewidth: float) -> None:
    """Contour lines of a density (R, R) over the plane.

    They are taken from the log density: a Gaussian is quadratic there, so lines stay round on coarse cells.
    """
    peak = float(density.max())
    if not peak > 0:
        return
    height = np.log(np.maximum(density / peak, 1e-9))
    levels = [level for level in CONTOURS if height.min() < level]
    if levels:
        centres = grid_points(half_width, len(density))[0, :, 0]
        axes.contour(
            centres, centres, height, levels, colors=REAL, linewidths=linewidth, linestyles="solid", zorder=3
        )


def plane_ticks(half_width: float) -> list[float]:
    """Three ticks that every plane of this width shares: at 0 and about halfway to the borders, data units."""
    unit = 10.0 ** np.floor(np.log10(half_width / 2))
    step = max(s * unit for s in (1, 2, 5) if s * unit <= half_width / 2 * (1 + 1e-9))
    return [-step, 0.0, step]


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def _box(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place given in inches from the figure's upper left corner."""
    w, h = figure.get_size_inches()
    return figure.add_axes((left / w, 1 - (top + height) / h, width / w, height / h))


def _words(figure: Figure, left: float, top: float, text: str, **how: Any) -> None:
    """Text at a place given in inches from the figure's upper left corner."""
    w, h = figure.get_size_inches()
    figure.text(left / w, 1 - top / h, text, **how)


def _draw_plane(axes: Axes, plane: Plane, moment: int, half_width: float, bottom: bool, left: bool) -> None:
    """Heat map and contours of one moment; tick labels only where `bottom` and `left` say so."""
    resolution = int(np.clip(np.ceil(4 * half_width / plane.bandwidth), 96, 400))
    density = generated_density(plane.samples[moment], half_width, resolution, plane.bandwidth)
    axes.imshow(
        heat(density, smoothed_peak(plane, half_width)),
        cmap=ListedColormap(heat_colours(256) / 255.0),
        vmin=0,
        vmax=1,
        origin="lower",
        extent=(-half_width, half_width, -half_width, half_width),
        interpolation="bilinear",
    )
    draw_contours(axes, plane.density, half_width, 0.8)
    axes.set(xlim=(-half_width, half_width), ylim=(-half_width, half_width))
    axes.set(xticks=plane_ticks(half_width), yticks=plane_ticks(half_width))
    axes.tick_params(length=2.5, labelsize=9, labelbottom=bottom, labelleft=left)


def _key(figure: Figure, extra: Sequence[tuple[Any, str]] = ()) -> None:
    """The legend of every figure with planes, on one line at the bottom right."""
    ramp = tuple(Rectangle((0, 0), 1, 1, facecolor=c / 255.0, linewidth=0) for c in heat_colours(7)[1:])
    entries = [
        (Line2D([], [], color=REAL, linewidth=1.2), "real density"),
        (ramp, "generated density (full colour: real peak)"),
        *extra,
    ]
    figure.legend(
        [handle for handle, _ in entries],
        [label for _, label in entries],
        handler_map={tuple: HandlerTuple(ndivide=None, pad=0)},
        loc="lower right",
        bbox_to_anchor=(1 - 0.1 / figure.get_size_inches()[0], 0.04 / figure.get_size_inches()[1]),
        borderaxespad=0,
        ncols=len(entries),
        columnspacing=1.6,
        fontsize=9,
    )


def _limits(values: Array, include: Iterable[float] = (), trim: float = 0.0) -> tuple[float, float]:
    """Axis limits that a few wild values cannot flatten: percentiles, fenced at 3 interquartile ranges, 5 % margin."""
    kept = [float(v) for v in include if np.isfinite(v)]
    finite = values[np.isfinite(values)]
    if finite.size:
        low, q1, q3, high = np.percentile(finite, [trim, 25, 75, 100 - trim])
        reach = 3 * (q3 - q1) if q3 > q1 else np.inf
        kept += [max(low, q1 - reach), min(high, q3 + reach)]
    low, high = (min(kept), max(kept)) if kept else (0.0, 1.0)
    margin = 0.05 * (high - low) or 0.5
    return low - margin, high + margin


def _quartiles(values: Array) -> Array:
    """Quartiles (3, L) over the seeds of values (S, L), leaving out what is not finite; nan where no seed is left."""
    finite = np.where(np.isfinite(values), values, np.nan)
    alive = np.isfinite(finite).any(axis=0)
    quartiles = np.full((3, values.shape[1]), np.nan)
    quartiles[:, alive] = np.nanpercentile(finite[:, alive], [25, 50, 75], axis=0)
    return quartiles


@matplotlib.rc_context(STYLE)
def losses_figure(
    title: str,
    steps: Array,
    d_loss: Array,
    g_loss: Array,
    d_real: Array,
    d_fake: Array,
    equilibrium: Mapping[str, float] | None = None,
    ylabel: str = "loss (nats)",
) -> Figure:
    """Losses of both players above, D's mean probabilities below; steps (L,), everything else (S seeds, L).

    Lines are medians over the seeds, bands reach from the first to the third quartile. `equilibrium` holds the
    losses at the game's equilibrium, e.g. {"D": 1.386, "G": 0.693}: thin dashed lines. The loss axis ignores wild
    values; how many lie off it, and how many seeds stop being finite, is said under the title.
    """
    figure = _figure(8, 5.6)
    losses, probabilities = _box(figure, 0.75, 0.98, 6.7, 2.2), _box(figure, 0.75, 3.52, 6.7, 1.5)
    curves = (
        (losses, d_loss, D, "D"),
        (losses, g_loss, G, "G"),
        (probabilities, d_real, REAL, "D(x), x real"),
        (probabilities, d_fake, GENERATED, "D(G(z)), generated"),
    )
    for axes, values, colour, label in curves:
        low, median, high = _quartiles(values)
        axes.fill_between(steps, low, high, color=colour, alpha=0.22, linewidth=0)
        axes.plot(steps, median, color=colour, linewidth=1.8, label=label)

    both = np.stack([d_loss, g_loss])
    finite = np.isfinite(both).all(axis=(0, 2))  # (S,) seeds that never diverged: they alone set the axis
    marks = dict(equilibrium or {})
    bottom, top = _limits(both[:, finite] if finite.any() else both, marks.values(), trim=0.5)
    highest = max(marks.values(), default=0.0)
    for player, value in marks.items():
        colour = {"D": D, "G": G}[player]
        losses.axhline(value, color=colour, linewidth=1, linestyle=(0, (5, 3)), zorder=1)
        # The two labels lean away from each other: they can be closer than a line of text.
        losses.annotate(
            f"{value:.3f}",
            (1.01, value),
            xycoords=losses.get_yaxis_transform(),
            va="bottom" if value == highest and len(marks) > 1 else "top" if len(marks) > 1 else "center",
            fontsize=9,
            color=INK,
        )
    if marks:
        losses.plot([], [], color=FAINT, linewidth=1, linestyle=(0, (5, 3)), label="equilibrium")
    losses.set(ylim=(bottom, top), ylabel=ylabel)
    probabilities.axhline(0.5, color=FAINT, linewidth=0.8, zorder=1)
    probabilities.set(ylim=(0, 1), yticks=[0, 0.5, 1], ylabel="probability", xlabel="generator steps")
    for axes in (losses, probabilities):
        axes.set_xlim(steps[0], steps[-1] if steps[-1] > steps[0] else steps[0] + 1)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2, ncols=3, handlelength=1.6)
    losses.tick_params(labelbottom=False)

    seeds = len(d_loss)
    remarks = ["one seed" if seeds == 1 else f"median of {seeds} seeds, band: middle half"]
    off = np.mean((both < bottom) | (both > top))
    if off > 0:
        remarks.append(f"{max(100 * off, 0.1):.1f} % of the seeds' losses off the axis")
    if not finite.all():
        remarks.append(f"{np.sum(~finite)} of {seeds} seeds diverged")
    _words(figure, 0.15, 0.38, title, fontsize=13, fontweight="bold")
    _words(figure, 0.15, 0.62, " · ".join(remarks), fontsize=9, color=INK)
    return figure


@matplotlib.rc_context(STYLE)
def frames_figure(plane: Plane, half_width: float, steps: Sequence[int] | Array) -> Figure:
    """A plate of F moments in two rows, at generator steps (F,); one colour scale for all (see the module)."""
    if len(steps) != len(plane.samples):
        raise ValueError(f"{len(steps)} steps for {len(plane.samples)} moments")
    across = -(-len(steps) // 2) if len(steps) > 3 else len(steps)
    down = -(-len(steps) // across)
    noted = any(plane.notes)
    side, gap, head = 1.85, 0.12, 0.44 if noted else 0.27
    left, top = 0.62, 0.5
    width = max(left + across * (side + gap) + 0.1, 6.2)
    figure = _figure(width, top + down * (side + head) + 0.8)
    _words(figure, 0.15, 0.34, plane.title, fontsize=13, fontweight="bold")
    for moment, step in enumerate(steps):
        row, column = divmod(moment, across)
        axes = _box(figure, left + column * (side + gap), top + row * (side + head) + head, side, side)
        bottom = moment + across >= len(steps)
        _draw_plane(axes, plane, moment, half_width, bottom, column == 0)
        if bottom:
            axes.set_xlabel("$x_1$", labelpad=1)
        if column == 0:
            axes.set_ylabel("$x_2$", labelpad=-4)
        axes.set_title(
            f"step {int(step)}", loc="left", fontsize=11, fontweight="bold", pad=17 if noted else 4
        )
        axes.text(0, 1.025, plane.notes[moment], fontsize=10, transform=axes.transAxes)
    _key(figure)
    return figure


def _dots(axes: Axes, score: Score, cells: Sequence[Cell], columns: int, lane: float) -> None:
    """One score of all settings: y = row + (column + 1/2) / columns; seeds, mean with interval, perfect generator."""
    drawn = [np.ravel(score.values[cell]) for cell in cells if cell in score.values]
    pooled = (
        np.concatenate([*drawn, [score.mean.get(cell, np.nan) for cell in cells]]) if drawn else np.empty(0)
    )
    low, high = _limits(pooled.astype(float), [score.null.get(cell, np.nan) for cell in cells])
    spread = min(0.3, 0.1 / lane)  # of a lane; 0.1 inch at most
    for row, column in cells:
        middle, colour = row + (column + 0.5) / columns, COLUMNS[column % len(COLUMNS)]
        null = score.null.get((row, column), np.nan)
        axes.vlines(null, row + column / columns, row + (column + 1) / columns, REAL, linewidth=1.2, zorder=1)
        values = np.ravel(score.values.get((row, column), np.empty(0))).astype(float)
        # Seeds in order, up and down in turn: a fixed pattern, so that equal values can be counted.
        offset = spread / columns * (np.arange(len(values)) % 4 - 1.5) / 1.5
        shown = np.isfinite(values) & (values >= low) & (values <= high)
        axes.scatter(values[shown], middle + offset[shown], 11, colour, alpha=0.5, linewidth=0, zorder=2)
        for beyond, edge, marker in ((values > high, high, ">"), (values < low, low, "<")):
            axes.scatter(
                np.full(beyond.sum(), edge), middle + offset[beyond], 16, colour, marker=marker, clip_on=False
            )
        mean = score.mean.get((row, column), np.nan)
        ends = (score.low.get((row, column), np.nan), score.high.get((row, column), np.nan))
        axes.hlines(middle, *ends, colour, linewidth=2.2, zorder=4)
        axes.scatter([mean], [middle], 26, colour, marker="D", linewidth=0, zorder=5)
    axes.set(xlim=(low, high), xlabel=score.label)
    axes.set_title(score.name, fontsize=11, fontweight="bold", loc="left", pad=7)
    axes.locator_params(axis="x", nbins=4)
    axes.tick_params(axis="x", length=2.5, labelsize=9)
    axes.spines[["top", "right", "left"]].set_visible(False)


@matplotlib.rc_context(STYLE)
def comparison_figure(
    rows: Sequence[str],
    columns: Sequence[str],
    planes: Mapping[Cell, Plane],
    half_width: float,
    scores: Sequence[Score] = (),
    title: str = "",
) -> Figure:
    """Settings side by side: last moments on the left, and beside each row its scores on axes shared by all rows.

    A column keeps one colour in every score. Cells missing from `planes` and from the scores stay empty; a seed
    beyond a score's axis is a triangle at its edge.
    """
    down, across = len(rows), len(columns)
    side = float(np.clip(min(8.0 / down, 7.5 / across), 0.95, 2.6))
    gap, left, top = 0.12, 0.85, 0.85 if title else 0.5
    right = left + across * (side + gap)
    names = 0.25 + 0.09 * max(len(name) for name in columns) if scores else 0.0
    wide = 2.1 if len(scores) < 4 else 1.8
    width = max(right + names + len(scores) * (wide + 0.3) + 0.15, 7.6 if scores else 5.2)
    height = down * (side + gap)
    figure = _figure(width, top + height + 0.9)
    _words(figure, 0.15, 0.34, title, fontsize=13, fontweight="bold")
    for (row, column), plane in sorted(planes.items()):
        axes = _box(figure, left + column * (side + gap), top + row * (side + gap), side, side)
        lowest = all((below, column) not in planes for below in range(row + 1, down))
        first = all((row, before) not in planes for before in range(column))
        _draw_plane(axes, plane, -1, half_width, lowest, first)
    for column, name in enumerate(columns):
        middle = left + column * (side + gap) + side / 2
        _words(
            figure,
            middle,
            top - 0.1,
            name,
            ha="center",
            fontweight="bold",
            fontsize=11 if across * max(map(len, columns)) * 0.1 < across * side else 9,
        )
    for row, name in enumerate(rows):
        middle = top + row * (side + gap) + side / 2
        long = len(name) * 0.1 > side
        _words(
            figure,
            0.3,
            middle,
            name.replace(" · ", "\n") if long else name,
            rotation=90,
            ha="center",
            va="center",
            fontweight="bold",
        )

    cells = [(r, c) for r in range(down) for c in range(across) if (r, c) in planes] or [
        (r, c) for r in range(down) for c in range(across)
    ]
    for k, score in enumerate(scores):
        axes = _box(figure, right + names + k * (wide + 0.3), top - gap / 2, wide, height)
        _dots(axes, score, cells, across, side / across)
        for row in range(1, down):
            axes.axhline(row, color=FAINT, linewidth=0.6, zorder=0)
        axes.set_ylim(down, 0)
        axes.set_yticks(
            [r + (c + 0.5) / across for r, c in cells], [columns[c] for _, c in cells] if k == 0 else []
        )
        axes.tick_params(axis="y", length=0, labelsize=9)
    extra: list[tuple[Any, str]] = []
    if scores:
        dot = {"linestyle": "", "color": INK}
        extra = [
            (Line2D([], [], marker="o", markersize=3.5, **dot), "seed"),
            (
                Line2D([], [], color=INK, linewidth=2, marker="D", markersize=5),
                "mean, 95 %",
            ),
            (Line2D([], [], marker="|", markersize=11, **dot), "perfect generator"),
        ]
    _key(figure, extra)
    return figure


@matplotlib.rc_context(STYLE)
def save(figure: Figure, path: str | Path, dpi: float = 150) -> None:
    """Write a figure as PNG and let go of it. Equal figures give equal bytes; `path` never holds half a file."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        figure.savefig(partial, format="png", dpi=dpi, metadata={"Software": None})
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
        figure.clear()
