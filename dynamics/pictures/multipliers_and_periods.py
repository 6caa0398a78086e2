"""Figures of how games turn: multipliers in the complex plane, and periods predicted and measured."""

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from dynamics.pictures.colours import COLUMNS, FAINT, GENERATED, REAL, D
from dynamics.pictures.figure_style import MARKERS, STYLE, Array, axes_at, limits, new_figure, words_at


@matplotlib.rc_context(STYLE)
def multipliers_figure(
    title: str,
    names: Sequence[str],
    late: Sequence[Array],
    rotation: Sequence[Array],
    contraction: Sequence[Array],
    expansion: Sequence[Array],
) -> Figure:
    """Multipliers of a round in the complex plane, near 1, a panel a setting, all with the same axes.

    For each setting, `rotation`, radians, and `contraction` (seeds, S) are the leading pair's angle and size at S
    looks, `expansion` (seeds, S) the largest size less 1; `late` (S,) says which looks are of the last half of
    training. Wild values do not set the axes; how many lie off them is said.
    """
    pairs = [c * np.exp(1j * r) for c, r in zip(contraction, rotation, strict=True)]
    every = np.concatenate([p[np.isfinite(p)].ravel() for p in pairs] or [np.empty(0)])
    last = [1 + e[:, chosen].ravel() for e, chosen in zip(expansion, late, strict=True)]
    tops = np.concatenate([top[np.isfinite(top)] for top in last] or [np.empty(0)])
    left, right = limits(np.concatenate([every.real, tops]), [1.0])
    up = max(limits(every.imag, [0.0])[1], 1e-3)
    across = min(3, len(names))
    down = -(-len(names) // across)
    wide, tall, gap, head = 3.1, 2.5, 0.2, 0.42
    figure = new_figure(0.95 + across * wide + (across - 1) * gap + 0.25, 1.2 + down * (tall + head) + 0.5, title)
    off = sum(int(((z.real <= left) | (z.real >= right) | (z.imag >= 0.98 * up)).sum()) for z in (every, tops + 0j))
    remark = (
        "inside the circle, on its left, a difference dies away; outside it grows; mirror images below are not shown"
    )
    words_at(figure, 0.15, 0.6, remark + (f" · {off} points off the axes" if off else ""), fontsize=9)
    handles: list[Any] = [
        Line2D([], [], color=FAINT, linewidth=1.2),
        Line2D([], [], color=D, marker="o", linestyle="", markersize=5),
        Line2D([], [], color=D, marker="o", linestyle="", markersize=5, markerfacecolor="white"),
        Line2D([], [], color=GENERATED, marker="^", linestyle="", markersize=6),
    ]
    words = ["unit circle", "leading pair, last half", "first half", "largest multiplier, last half"]
    w, h = figure.get_size_inches()
    where: Any = {"loc": "upper left", "bbox_to_anchor": (0.15 / w, 1 - 0.72 / h), "borderaxespad": 0, "borderpad": 0}
    figure.legend(handles, words, ncols=4, fontsize=10, handletextpad=0.5, columnspacing=1.4, **where)
    angle = np.linspace(0, np.pi, 20_001)
    for place, name in enumerate(names):
        row, column = divmod(place, across)
        axes = axes_at(figure, 0.95 + column * (wide + gap), 1.2 + row * (tall + head) + 0.12, wide, tall)
        axes.plot(np.cos(angle), np.sin(angle), color=FAINT, linewidth=1.2, zorder=1)
        for chosen, fill in ((~late[place], "white"), (late[place], D)):
            z = pairs[place][:, chosen].ravel()
            z = z[(z.real > left) & (z.real < right) & (z.imag < 0.98 * up)]  # none cut in half
            axes.plot(z.real, z.imag, "o", color=D, markerfacecolor=fill, markersize=4.5, markeredgewidth=0.9, zorder=3)
        top = last[place][(last[place] > left) & (last[place] < right)]
        axes.plot(top, np.zeros(len(top)), "^", color=GENERATED, markersize=5, clip_on=False, zorder=4)
        axes.set(xlim=(left, right), ylim=(0, up))
        axes.set_title(name, fontsize=10, loc="left", pad=6)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.tick_params(labelsize=9, labelleft=column == 0, labelbottom=place + across >= len(names))
        axes.spines[["top", "right"]].set_visible(False)
        if column == 0:
            axes.set_ylabel("imaginary part", fontsize=10)
        if place + across >= len(names):
            axes.set_xlabel("real part", fontsize=10)
    return figure


@matplotlib.rc_context(STYLE)
def periods_figure(title: str, names: Sequence[str], predicted: Sequence[Array], measured: Sequence[Array]) -> Figure:
    """Measured against predicted periods, generator steps, of each setting's seeds (seeds,), on logarithmic axes.

    The line is where they are equal, the band within a factor of 1.5. GANs that have only one of the two are marks at
    the edge of its axis.
    """
    everything = np.concatenate([*predicted, *measured])
    known = everything[np.isfinite(everything) & (everything > 0)]
    low, high = (known.min() / 1.5, known.max() * 1.5) if len(known) else (10.0, 1000.0)
    figure = new_figure(8.8, 5.6, title)
    words_at(figure, 0.15, 0.6, "a mark a seed; at an edge: only one of the two is there", fontsize=9)
    axes = axes_at(figure, 0.85, 0.85, 4.1, 4.1)
    ends = np.array([low, high])
    axes.fill_between(ends, ends / 1.5, ends * 1.5, color=REAL, alpha=0.1, linewidth=0)
    axes.plot(ends, ends, color=REAL, linewidth=1, linestyle=(0, (5, 3)))
    handles: list[Any] = []
    for place, (x, y) in enumerate(zip(predicted, measured, strict=True)):
        marker: Any = {
            "color": COLUMNS[place % len(COLUMNS)],
            "marker": MARKERS[(place + place // len(COLUMNS)) % len(MARKERS)],
            "linestyle": "",
            "markersize": 6.5,
            "markeredgecolor": "white",
            "markeredgewidth": 0.6,
        }
        axes.plot(x, y, zorder=3, clip_on=False, **marker)
        edge: Any = {**marker, "markerfacecolor": "white", "markeredgecolor": marker["color"], "markersize": 5}
        only_x, only_y = np.isfinite(x) & ~np.isfinite(y), np.isfinite(y) & ~np.isfinite(x)
        axes.plot(x[only_x], np.full(only_x.sum(), low), clip_on=False, zorder=3, **edge)
        axes.plot(np.full(only_y.sum(), low), y[only_y], clip_on=False, zorder=3, **edge)
        handles.append(Line2D([], [], **marker))
    line = Line2D([], [], color=REAL, linewidth=1, linestyle=(0, (5, 3)))
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 200 * low else (1,)))
        axis.set_major_formatter(FuncFormatter(lambda value, position: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("predicted period, generator steps")
    axes.set_ylabel("measured period, generator steps")
    axes.tick_params(labelsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    beside: Any = {"loc": "upper left", "bbox_to_anchor": (1.04, 1), "borderaxespad": 0}
    axes.legend([line, *handles], ["equal; band: factor 1.5", *names], fontsize=10, labelspacing=0.8, **beside)
    return figure
