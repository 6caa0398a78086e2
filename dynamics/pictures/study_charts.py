"""Arrays in, figures out, of a laboratory's parts: numbers against an option and over training, and planes.

A number comes as its value and the ends of its interval, which whoever calls has worked out: nothing is estimated here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from dynamics.pictures.colours import COLUMNS, FAINT, GENERATED, INK, REAL, SAMPLE, D, G, diverging_colours
from dynamics.pictures.figures import STYLE, Array, axes_at, new_figure, words_at
from dynamics.pictures.plates import contour_lines, draw_contours, grid_points, set_ticks
from dynamics.targets.user_units import PLANE, Placing

COLOURS = {"D": D, "G": G, "generated": GENERATED, "real": REAL}  # by meaning; a number is a place in COLUMNS
DASHES: Any = ("solid", (0, (4, 1.5)), (0, (1, 1.2)))
MARKERS = ("o", "s", "^", "D", "v", "P")
SHADES = 33  # of D on a plane; the middle one, 1/2, is white
_GAP = 0.62  # inches between panels, for the numbers of the right one's axis
_LEFT = 0.85


class Line(TypedDict):
    """A number at n places: `value` (n,), its interval from `low` (n,) to `high` (n,), nan where there is none.

    `seeds` (S, n) are drawn as dots behind it. `colour` is a key of `COLOURS` or a place in `colours.COLUMNS`.
    """

    name: str
    colour: str | int
    at: Array
    value: Array
    low: Array
    high: Array
    seeds: NotRequired[Array]


class Panel(TypedDict):
    """One pair of axes: `x` and `y` are their labels, with units; panels of one row and one `y` share its limits."""

    title: str
    x: str
    y: str
    scales: tuple[str, str]  # of x and y: "linear" or "log"
    lines: Sequence[Line]
    dots: bool  # whether the places are few and values at them are marked; else they are a curve
    level: NotRequired[tuple[float, str]]  # a value to hold them against, and its name


@matplotlib.rc_context(STYLE)
def panels_figure(title: str, remarks: Sequence[str], rows: Sequence[Sequence[Panel]]) -> Figure:
    """Rows of panels, all alike in size.

    Where a panel's values are marked, bars are their intervals; along a curve they are a band. `remarks` are the lines
    under the title. Raises `ValueError` where there is no panel.
    """
    if not rows or not all(rows):
        raise ValueError("a figure needs panels in each row")
    across = max(map(len, rows))
    wide = {1: 6.2, 2: 4.6}.get(across, 3.15)
    tall = 2.5 if len(rows) == 1 else 1.9
    heads = [0.34 + 0.175 * max(_legend_lines(panel, wide) for panel in row) for row in rows]
    top, feet = 0.62 + 0.18 * len(remarks), 0.55
    width = _LEFT + across * wide + (across - 1) * _GAP + 0.25
    figure = new_figure(width, top + sum(heads) + len(rows) * (tall + feet) + 0.05, title)
    for number, words in enumerate(remarks):
        words_at(figure, 0.15, 0.6 + 0.18 * number, words, fontsize=9)
    for row, head in zip(rows, heads, strict=True):
        ends = {panel["y"]: _ends([p for p in row if p["y"] == panel["y"]]) for panel in row}
        for column, panel in enumerate(row):
            left = _LEFT + column * (wide + _GAP)
            words_at(figure, left, top + 0.2, panel["title"], fontsize=10.5, fontweight="bold")
            axes = axes_at(figure, left, top + head, wide, tall)
            _draw_panel(axes, panel, ends[panel["y"]])
            _legend(axes, panel, wide)
            if column == 0 or row[column - 1]["y"] != panel["y"]:
                axes.set_ylabel(panel["y"], fontsize=10)
        top += head + tall + feet
    return figure


def _abreast(panel: Panel, wide: float) -> int:
    """How many of a legend's entries stand side by side within a width in inches."""
    longest = max((len(name) for name in _names(panel)), default=0)
    return max(1, int((wide + 0.2) / (0.62 + 0.078 * longest)))


def _legend_lines(panel: Panel, wide: float) -> int:
    return -(-len(_names(panel)) // _abreast(panel, wide))


def _legend(axes: Axes, panel: Panel, wide: float) -> None:
    """Above the axes, below the title, to be read line by line: matplotlib fills columns first."""
    handles, names = axes.get_legend_handles_labels()
    if names:
        abreast = min(_abreast(panel, wide), len(names))
        order = [place for column in range(abreast) for place in range(column, len(names), abreast)]
        where: Any = {"loc": "lower left", "bbox_to_anchor": (-0.01, 1.0), "borderaxespad": 0.1, "borderpad": 0.1}
        shape: Any = {"handlelength": 2.3, "handletextpad": 0.5, "columnspacing": 1.0, "labelspacing": 0.25}
        shown: Any = [handles[k] for k in order], [names[k] for k in order]
        axes.legend(*shown, ncols=abreast, fontsize=9, **where, **shape)


def _names(panel: Panel) -> list[str]:
    """Entries of a panel's legend."""
    level = [panel["level"][1]] if "level" in panel else []
    return [name for name in (*level, *(line["name"] for line in panel["lines"])) if name]


def _ends(panels: Sequence[Panel]) -> tuple[float, float]:
    """Limits of an axis that panels share, and a margin: all values, seeds and levels that the scale can show, and of
    their intervals what does not leave the values less than a third of it."""
    lines = [line for panel in panels for line in panel["lines"]]
    middle = [*(line["value"] for line in lines), *(line["seeds"] for line in lines if "seeds" in line)]
    middle += [np.array([panel["level"][0]]) for panel in panels if "level" in panel]
    log = panels[0]["scales"][1] == "log"
    inner = _shown(middle, log)
    bounds = [*(line["low"] for line in lines), *(line["high"] for line in lines)]
    outer = np.concatenate([inner, _shown(bounds, log)])
    if not outer.size:
        return (0.1, 10.0) if log else (0.0, 1.0)
    low, high = outer.min(), outer.max()
    if inner.size and (reach := np.ptp(inner)) > 0:
        low, high = max(low, inner.min() - reach), min(high, inner.max() + reach)
    margin = 0.06 * (high - low) or (0.3 if log else 0.1 * abs(high) or 0.5)
    return (10.0 ** (low - margin), 10.0 ** (high + margin)) if log else (float(low - margin), float(high + margin))


def _shown(values: Sequence[Array], log: bool) -> Array:
    """Those that a scale can show, as it measures them."""
    flat = np.concatenate([np.empty(0), *map(np.ravel, values)]).astype(float)
    flat = flat[np.isfinite(flat)]
    return np.log10(flat[flat > 0]) if log else flat


def _draw_panel(axes: Axes, panel: Panel, ends: tuple[float, float]) -> None:
    across, up = panel["scales"]
    axes.set_xscale(across)
    axes.set_yscale(up)
    axes.set_ylim(ends)
    places = np.concatenate([np.empty(0), *(np.ravel(line["at"]) for line in panel["lines"])])
    if "level" in panel:
        value, name = panel["level"]
        axes.axhline(value, color=INK, linewidth=1, linestyle=(0, (5, 3)), zorder=1, label=name or "_")
    taken: list[str] = []
    for number, line in enumerate(panel["lines"]):
        key = line["colour"]
        colour = COLOURS[key] if isinstance(key, str) else COLUMNS[key % len(COLUMNS)]
        dash = DASHES[(taken.count(colour)) % len(DASHES)]
        taken.append(colour)
        name = line["name"] or "_"
        if panel["dots"]:
            # beside one another, where several lines have a value at one place
            at = _aside(np.asarray(line["at"], float), number, len(panel["lines"]), across == "log")
            known = np.isfinite(line["low"]) & np.isfinite(line["high"])
            axes.vlines(at[known], line["low"][known], line["high"][known], color=colour, linewidth=1.6, zorder=3)
            beside = _aside(
                np.asarray(line["at"], float), number + len(panel["lines"]), len(panel["lines"]), across == "log"
            )
            for values in line.get("seeds", ()):
                axes.plot(beside, values, "o", color=colour, markersize=3, alpha=0.4, markeredgewidth=0, zorder=2)
            how: Any = {"marker": MARKERS[number % len(MARKERS)], "markersize": 5.5, "zorder": 4, "linewidth": 1.1}
            axes.plot(at, line["value"], color=colour, linestyle=dash, label=name, **how)
        else:
            band = np.clip(line["low"], *ends), np.clip(line["high"], *ends)
            axes.fill_between(line["at"], *band, color=colour, alpha=0.16, linewidth=0)
            every: Any = {"marker": MARKERS[number % len(MARKERS)], "markersize": 4}
            every["markevery"] = (0.04 + 0.06 * (number % 3), 0.3)  # marks tell lines apart where colours are not seen
            axes.plot(line["at"], line["value"], color=colour, linestyle=dash, linewidth=1.6, label=name, **every)
    if places.size:
        _x_axis(axes, places, panel["dots"], across)
    if up == "log":
        low, high = ends
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 60 * low else (1,)))
        if low >= 1e-4 and high < 1e5:
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, position: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.set_xlabel(panel["x"], fontsize=10, labelpad=2)
    axes.tick_params(labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def _aside(at: Array, number: int, count: int, log: bool) -> Array:
    step = (number - (count - 1) / 2) * 0.035
    span = np.log10(at.max() / at.min()) if log and at.min() > 0 else np.ptp(at)
    return at * 10 ** (step * (span or 1) / 2) if log else at + step * (span or 1) / 2


def _x_axis(axes: Axes, places: Array, dots: bool, scale: str) -> None:
    low, high = float(places.min()), float(places.max())
    if not dots:
        axes.set_xlim(low, high if high > low else low + 1)
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        return
    if scale == "log":
        reach = (high / low) ** 0.12 if high > low else 3.0
        axes.set_xlim(low / reach, high * reach)
    else:
        reach = 0.12 * (high - low) or 1.0
        axes.set_xlim(low - reach, high + reach)
    _only(axes.xaxis, np.unique(places))


def _only(axis: Axis, places: Array) -> None:
    """Ticks at the places alone, every other one where they are many."""
    shown = places if len(places) <= 7 else places[:: -(-len(places) // 7)]
    axis.set_major_locator(FixedLocator([float(p) for p in shown]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, position: f"{value:g}"))


# --- planes ----------------------------------------------------------------------------------------------------------


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
    being real, at `plotting.grid_points(half_width, K)`, nan where it is not known; density (Q, Q) is the real one, or
    what else tells where it is, drawn as contour lines. A square of half width `frame` shows the plane of the other
    figures. Raises `ValueError` for shapes that do not fit.
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
