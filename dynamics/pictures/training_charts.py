"""Arrays in, figures out: losses and scores over training."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from dynamics.pictures.colours import COLUMNS, FAINT, GENERATED, REAL, D, G
from dynamics.pictures.figures import STYLE, Array, axes_at, limits, new_figure, words_at

DASHES: Any = ("solid", (0, (4, 1.5)), (0, (1, 1.2)))  # of lines that have a colour in common, in turn


@dataclass(frozen=True)
class Clock:
    """A way to count training: where on it each setting's S snapshots lie."""

    label: str  # of the x axis, with its unit: "generator steps", "seconds of one core"
    at: Sequence[Array]  # per setting (S,), from 0 on; what is not finite is not known


@dataclass(frozen=True)
class Track:
    """A score over training, of each setting's seeds and of perfect generators."""

    label: str  # of the y axis, with its unit: "JSD, nats"
    values: Sequence[Array]  # per setting (seeds, S)
    null: tuple[float, float]  # mean and standard deviation of a perfect generator's, nan where it has none


@dataclass(frozen=True)
class Line:
    """A score of one setting's seeds over training."""

    name: str  # "" keeps it out of the legend
    values: Array  # (seeds, S)
    colour: str


@dataclass(frozen=True)
class Panel:
    """Scores of one unit, drawn on one axis."""

    label: str  # of the y axis, with its unit: "slope of D, per data unit"
    lines: Sequence[Line]


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
    chance: float | None = 0.5,
) -> Figure:
    """Losses of both players above, D's mean probabilities below: steps (L,), everything else (S seeds, L).

    Lines are medians over the seeds, bands reach from the first to the third quartile. `equilibrium` holds
    the losses at the game's equilibrium, {"D": 1.386, "G": 0.693}: thin dashed lines; `chance` is what both of D's
    means are there, where that is one value: a thin line. Wild values do not set the loss axis; how many lie off it,
    and how many seeds stop being finite, is said under the title.
    """
    figure = new_figure(8, 5.55, title)
    losses, chances = axes_at(figure, 0.75, 0.95, 6.7, 2.2), axes_at(figure, 0.75, 3.5, 6.7, 1.5)
    both = np.stack([d_loss, g_loss])
    whole = np.isfinite(both).all(axis=(0, 2))  # (S,) seeds that never diverge: if any, they alone set the axis
    marks = dict(equilibrium or {})
    bottom, top = limits(both[:, whole] if whole.any() else both, marks.values(), trim=0.5)
    losses.set(ylim=(bottom, top), ylabel=ylabel)
    chances.set(ylim=(0, 1), yticks=[0, 0.5, 1], ylabel="probability", xlabel="generator steps")
    for axes, values, colour, label in (
        (losses, d_loss, D, "D"),
        (losses, g_loss, G, "G"),
        (chances, d_real, REAL, "D(x), real"),
        (chances, d_fake, GENERATED, "D(G(z)), generated"),
    ):
        _draw_middle(axes, steps, _quartiles(values), colour, label=label)

    dashed: Any = {"linewidth": 1, "linestyle": (0, (5, 3))}
    for player, value in marks.items():
        losses.axhline(value, color={"D": D, "G": G}[player], zorder=1, **dashed)
        # Labels of two lines lean away from each other: the lines can be closer than a line of text.
        lean = "center" if len(marks) == 1 else "bottom" if value == max(marks.values()) else "top"
        where: Any = losses.get_yaxis_transform()
        losses.text(1.01, value, f"{value:.3f}", transform=where, va=lean, fontsize=9)
    if marks:
        losses.plot([], [], color=FAINT, label="equilibrium", **dashed)
    losses.tick_params(labelbottom=False)
    if chance is not None:
        chances.axhline(chance, color=FAINT, linewidth=0.8, zorder=1)
    for axes in (losses, chances):
        axes.set_xlim(steps[0], max(steps[-1], steps[0] + 1))
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2, ncols=3, handlelength=1.6)

    remarks = [f"median of {len(d_loss)} seeds, band: middle half" if len(d_loss) > 1 else "one seed"]
    if (off := np.mean((both < bottom) | (both > top))) > 0:
        remarks.append(f"{max(100 * off, 0.1):.1f} % of all losses off the axis")
    if not whole.all():
        first = np.flatnonzero(~np.isfinite(both).all(axis=(0, 1)))[0]
        remarks.append(f"{np.sum(~whole)} of {len(d_loss)} seeds diverged, from step {int(steps[first])} on")
    _say(figure, [" · ".join(remarks)])
    return figure


@matplotlib.rc_context(STYLE)
def curves_figure(title: str, names: Sequence[str], clocks: Sequence[Clock], tracks: Sequence[Track]) -> Figure:
    """One target's settings over training: a row for each track, a column for each clock.

    As many steps need not be as many updates, nor as much time: a column starts at 0 and ends where the last of the
    settings does; a dot ends each line. Lines are medians over the seeds, bands reach from the first to the third
    quartile. A row has one y axis; what generators score before training and what a perfect one scores are always
    on it. A setting whose place on a clock is not known is left out there. Raises `ValueError` where there are not as
    many arrays as names, or arrays differ in their number of snapshots.
    """
    _check_curves(names, clocks, tracks)
    middles = [[_quartiles(values) for values in track.values] for track in tracks]  # by track and setting: (3, S)
    limits = []
    for track, middle in zip(tracks, middles, strict=True):
        (mean, deviation), starts = track.null, [start for quartiles in middle for start in quartiles[1, :1]]
        perfect = [mean, mean - 2 * deviation, mean + 2 * deviation]
        limits.append(_fitting(np.concatenate(middle, axis=1), [*starts, *perfect]))
    ends = [max((float(at[np.isfinite(at)].max(initial=0)) for at in clock.at), default=0) or 1 for clock in clocks]

    looks = [(COLUMNS[i % len(COLUMNS)], DASHES[i // len(COLUMNS) % len(DASHES)]) for i in range(len(names))]
    dashed: Any = {"color": REAL, "linewidth": 1, "linestyle": (0, (5, 3))}
    band: Any = {"color": REAL, "alpha": 0.12, "linewidth": 0}
    entries: list[tuple[Any, str]] = [
        (Line2D([], [], color=colour, linestyle=dash, linewidth=1.8), name)
        for (colour, dash), name in zip(looks, names, strict=True)
    ]
    if any(np.isfinite(track.null[0]) for track in tracks):
        entries.append(((Rectangle((0, 0), 1, 1, **band), Line2D([], [], **dashed)), "perfect generator"))
    remarks = _remarks([values for track in tracks for values in track.values], middles, limits)
    for clock in clocks:
        if lost := sum(not np.isfinite(at).any() for at in clock.at):
            remarks.append(f"{clock.label} not known for {lost} of {len(names)} settings")

    left, right, gap, across, down = 1.15, 0.3, 0.32, len(clocks), len(tracks)
    tall, between = {1: 2.6, 2: 2.2, 3: 1.9}.get(down, 1.6), 0.18
    page = left + {1: 6.7, 2: 8.0}.get(across, 3.1 * across) + (across - 1) * gap + right
    page = max(page, _extent(title, 13, "bold") + 0.3, max(_extent(name, 10) for _, name in entries) + 0.8)
    wide = (page - left - right - (across - 1) * gap) / across
    said = _wrapped(remarks, " · ", page - 0.3, 9)
    abreast = _abreast([name for _, name in entries], page - 0.3)
    key = 0.75 + 0.17 * (len(said) - 1)
    top = key + 0.21 * -(-len(entries) // abreast) + 0.12
    figure = new_figure(page, top + down * (tall + between) + 0.45, title)
    _say(figure, said)
    _legend_above(figure, key, entries, abreast)

    for row, (track, middle) in enumerate(zip(tracks, middles, strict=True)):
        for column, clock in enumerate(clocks):
            axes = axes_at(figure, left + column * (wide + gap), top + row * (tall + between), wide, tall)
            axes.set(xlim=(0, 1.02 * ends[column]), ylim=limits[row])
            for at, quartiles, (colour, dash) in zip(clock.at, middle, looks, strict=True):
                if (known := np.flatnonzero(np.isfinite(at) & np.isfinite(quartiles[1]))).size:
                    last: Any = {"marker": "o", "markersize": 3.5, "markevery": [known[-1]]}
                    at = np.where(np.isfinite(at), at, np.nan)
                    alpha = 0.22 if len(names) <= 4 else 0.12
                    _draw_middle(axes, at, quartiles, colour, alpha, linestyle=dash, **last)
            if not axes.lines:
                _say_nothing(axes)
            mean, deviation = track.null
            if np.isfinite(mean):
                axes.axhline(mean, zorder=2.5, **dashed)  # over the lines, which it does not hide
                axes.axhspan(mean - 2 * deviation, mean + 2 * deviation, zorder=0.5, **band)
            _ticks(axes.xaxis, min(8, int(wide / 0.6)))
            _ticks(axes.yaxis, int(tall / 0.3))
            axes.tick_params(labelsize=9, labelbottom=row == down - 1, labelleft=column == 0)
            axes.spines[["top", "right"]].set_visible(False)
            if row == down - 1:
                axes.set_xlabel(clock.label)
            if column == 0:
                _label_left(axes, track.label, wide, tall)
    return figure


@matplotlib.rc_context(STYLE)
def scores_figure(title: str, steps: Array, panels: Sequence[Panel]) -> Figure:
    """Scores of one setting over training, panels below one another: steps (S,), generator steps.

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
    middles = [[_quartiles(line.values) for line in panel.lines] for panel in panels]
    scales = [_scale(np.concatenate([np.empty((3, 0)), *middle], axis=1)) for middle in middles]
    remarks = _remarks([line.values for panel in panels for line in panel.lines], middles, [s[1:] for s in scales])

    left, wide = 1.15, 6.55
    abreast = [_abreast([line.name for line in panel.lines], wide) for panel in panels]
    heads = [0.18 + 0.2 * -(-len(panel.lines) // n) for panel, n in zip(panels, abreast, strict=True)]
    tall = {1: 2.6, 2: 2.2, 3: 1.8, 4: 1.5}.get(len(panels), 1.25)
    page = max(8.0, _extent(title, 13, "bold") + 0.3)
    said = _wrapped(remarks, " · ", page - 0.3, 9)
    tops = 0.62 + 0.17 * (len(said) - 1) + np.cumsum(heads) + tall * np.arange(len(panels))
    figure = new_figure(page, tops[-1] + tall + 0.65, title)
    _say(figure, said)
    for row, (panel, middle, (scale, *ends)) in enumerate(zip(panels, middles, scales, strict=True)):
        axes = axes_at(figure, left, tops[row], wide, tall)
        axes.set_yscale(scale)
        axes.set(xlim=(steps[0], max(steps[-1], steps[0] + 1)), ylim=ends)
        colours = [line.colour for line in panel.lines]
        for place, (line, quartiles) in enumerate(zip(panel.lines, middle, strict=True)):
            dash = DASHES[colours[:place].count(line.colour) % len(DASHES)]
            alone = "o" if len(steps) == 1 else ""
            _draw_middle(axes, steps, quartiles, line.colour, label=line.name, linestyle=dash, marker=alone)
        if not any(np.isfinite(quartiles).any() for quartiles in middle):
            _say_nothing(axes)
        _ticks(axes.xaxis, 8)
        if scale == "log":
            _decades(axes.yaxis)
        else:
            _ticks(axes.yaxis, int(tall / 0.25))
            if ends[0] < 0 < ends[1]:
                axes.axhline(0, color=FAINT, linewidth=0.8, zorder=1)
        axes.tick_params(labelsize=9, labelbottom=row == len(panels) - 1)
        axes.spines[["top", "right"]].set_visible(False)
        if any(line.name for line in panel.lines):
            where: Any = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0.2}
            axes.legend(ncols=abreast[row], handlelength=1.6, fontsize=10, **where)
        _label_left(axes, panel.label, wide, tall)
    axes.set_xlabel("generator steps")
    return figure


def _say(figure: Figure, lines: Sequence[str]) -> None:
    """Remarks under the title, 0.17 inches a line."""
    for number, line in enumerate(lines):
        words_at(figure, 0.15, 0.6 + 0.17 * number, line, fontsize=9)


def _extent(text: str, size: float, weight: str = "normal") -> float:
    """Width of a line of text, inches."""
    font = FontProperties(family=STYLE["font.family"], weight=weight, size=size)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]) / 72 if text.strip() else 0.0


def _wrapped(parts: Sequence[str], between: str, width: float, size: float) -> list[str]:
    """Parts joined into as few lines as fit a width in inches; a part that is longer has a line to itself."""
    lines = list(parts[:1])
    for part in parts[1:]:
        longer = lines[-1] + between + part
        lines = [*lines[:-1], longer] if _extent(longer, size) <= width else [*lines, part]
    return lines


def _abreast(names: Sequence[str], width: float) -> int:
    """How many of a legend's entries stand side by side within a width in inches."""
    extents = [_extent(name, 10) + 0.62 for name in names]  # with the line before and the space behind it
    for across in range(len(names), 1, -1):
        if sum(max(extents[column::across]) for column in range(across)) <= width:
            return across
    return 1


def _legend_above(figure: Figure, top: float, entries: Sequence[tuple[Any, str]], abreast: int) -> None:
    """A legend at the left, inches from the top, to be read line by line: legends fill columns first."""
    across = [entry for column in range(abreast) for entry in entries[column::abreast]]
    h, w = figure.get_size_inches()[::-1]
    where: Any = {"loc": "upper left", "bbox_to_anchor": (0.15 / w, 1 - top / h), "borderaxespad": 0, "borderpad": 0}
    shape: Any = {"handlelength": 2.4, "handletextpad": 0.6, "columnspacing": 1.2, "labelspacing": 0.45}
    over: Any = {tuple: HandlerTuple(ndivide=1)}
    handles, labels = [handle for handle, _ in across], [label for _, label in across]
    figure.legend(handles, labels, ncols=abreast, fontsize=10, handler_map=over, **where, **shape)


def _label_left(axes: Axes, label: str, wide: float, tall: float) -> None:
    """A y label on axes of a size in inches: clear of the ticks, its unit on a line of its own if it is long."""
    lines = [label] if _extent(label, 10) <= tall else label.replace(", ", ",\n").split("\n")
    lines = [part for line in lines for part in _wrapped(line.split(), " ", tall, 10)]
    axes.set_ylabel("\n".join(lines), fontsize=10)
    axes.yaxis.set_label_coords(-0.6 / wide, 0.5)


def _say_nothing(axes: Axes) -> None:
    axes.text(0.5, 0.5, "nothing to show", transform=axes.transAxes, ha="center", va="center", color=FAINT)


def _ticks(axis: Axis, most: int) -> None:
    """At most about `most` round ticks, in thousands or millions (k, M) where they are many, on limits that stay."""
    low, high = axis.get_view_interval()
    largest = max(abs(low), abs(high))
    unit, mark = (1e6, "M") if 1e6 <= largest < 1e10 else (1e3, "k") if 1e5 <= largest < 1e6 else (1.0, "")

    def text(value: float, position: int | None) -> str:
        rounded = 0.0 if abs(value) < 1e-9 * largest else value  # ticks near 0 miss it by rounding
        number = f"{rounded / unit:.10g}{mark if rounded else ''}"
        return number.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e").replace("-", "−")

    axis.set_major_locator(MaxNLocator(max(most, 2), steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(text))


def _decades(axis: Axis) -> None:
    """Ticks of a logarithmic axis, on limits that stay: between the powers of ten too where those are few."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 200 * low else (1,)))
    if low >= 1e-4 and high < 1e5:
        axis.set_major_formatter(FuncFormatter(lambda value, position: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _undefined(values: Array) -> Array:
    """Where a line of `values` (seeds, S) has none because there is none to have yet, (S,): at no seed, but later. What
    is no longer finite stays so."""
    empty, finite = np.asarray(np.isnan(values).all(0)), np.asarray(np.isfinite(values).any(0))
    return np.asarray(empty & np.logical_or.accumulate(finite[::-1])[::-1])


def _remarks(
    values: Sequence[Array], middles: Sequence[Sequence[Array]], limits: Sequence[Sequence[float]]
) -> list[str]:
    """What is said under the title: seeds of `values` (seeds, S), and how much of them the axes do not show.

    `middles` holds the quartiles (3, S) of every line by axis, `limits` each axis' ends.
    """
    seeds = sorted({len(v) for v in values}) or [0]
    if seeds[-1] <= 1:
        remarks = ["one seed"]
    else:
        count = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"{seeds[0]}"
        remarks = [f"median of {count} seeds, band: middle half"]
    # a line without any value, among others, is of a score that there is not
    there = [v for v in values if not np.isnan(v).all()] or values
    lost = np.concatenate([[], *((~np.isfinite(v) & ~_undefined(v)).ravel() for v in there)])
    medians = [np.concatenate([[], *(quartiles[1] for quartiles in lines)]) for lines in middles]
    off = [(m < low) | (m > high) for m, (low, high) in zip(medians, limits, strict=True)]
    for share, what in (
        (lost, "of values not finite and left out"),
        (np.concatenate([[], *off]), "of medians off the axes"),
    ):
        if share.any():
            remarks.append(f"{max(100 * share.mean(), 0.1):.1f} % {what}")
    return remarks


def _check_curves(names: Sequence[str], clocks: Sequence[Clock], tracks: Sequence[Track]) -> None:
    if not (names and clocks and tracks):
        raise ValueError("curves need a setting, a clock and a track")
    for label, arrays in [*((c.label, c.at) for c in clocks), *((t.label, t.values) for t in tracks)]:
        if len(arrays) != len(names):
            raise ValueError(f"{label}: {len(arrays)} arrays for {len(names)} settings")
    for clock in clocks:
        for track in tracks:
            for name, at, values in zip(names, clock.at, track.values, strict=True):
                if at.ndim != 1 or values.shape[1:] != at.shape:
                    raise ValueError(f"{name}: {track.label} {values.shape} does not fit {clock.label} {at.shape}")


def _fitting(values: Array, include: Iterable[float] = ()) -> tuple[float, float]:
    """Limits that show all of the values, unless what `limits` keeps of them would have less than a third of that.

    They are a hundredth of the values apart or more: numbers beside the axis stay short.
    """
    kept = [float(v) for v in include]
    low, high = limits(values, kept)
    finite = values[np.isfinite(values)]
    everything = limits(np.empty(0), [*kept, *(f(finite) for f in (np.min, np.max) if finite.size)])
    if everything[1] - everything[0] <= 3 * (high - low):
        low, high = everything
    short = max(5e-3 * max(abs(low), abs(high)) - (high - low) / 2, 0)
    return low - short, high + short


def _scale(values: Array) -> tuple[str, float, float]:
    """An axis for values by the rule of `scores_figure`: "log" or "linear", and its limits."""
    finite = values[np.isfinite(values)]
    positive = finite[finite > 0]
    if positive.size and finite.min() >= 0 and np.median(finite) < 0.1 * finite.max():
        low, high = np.clip(_fitting(np.log10(positive)), -200, 200)  # margins and ticks farther out overflow
        return "log", 10**low, 10**high
    return "linear", *_fitting(values)


def _draw_middle(axes: Axes, at: Array, quartiles: Array, colour: str, alpha: float = 0.22, **how: Any) -> None:
    """A line at the medians of quartiles (3, L), and a light band between the outer two, on limits that stay.

    `how` is the line's. What the band has far off the axis is cut: viewers of PDF and SVG lose shapes that large.
    """
    low, high = axes.get_ylim()
    far = 100 * (high - low) if axes.get_yscale() == "linear" else np.inf
    edges = np.clip(quartiles[[0, 2]], low - far, high + far)
    axes.fill_between(at, *edges, color=colour, alpha=alpha, linewidth=0)
    axes.plot(at, quartiles[1], color=colour, linewidth=1.8, **how)


def _quartiles(values: Array) -> Array:
    """Quartiles (3, L) over the seeds of values (S, L) that are finite; nan where none is."""
    values, finite = values.astype(float), np.isfinite(values)
    quartiles = np.full((3, values.shape[1]), np.nan)
    whole, part = finite.all(axis=0), finite.any(axis=0) & ~finite.all(axis=0)
    if whole.any():
        quartiles[:, whole] = np.percentile(values[:, whole], [25, 50, 75], axis=0)
    if part.any():  # numpy takes these column by column
        quartiles[:, part] = np.nanpercentile(np.where(finite, values, np.nan)[:, part], [25, 50, 75], axis=0)
    return quartiles
