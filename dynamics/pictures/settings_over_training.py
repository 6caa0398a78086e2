"""A figure of one target's settings over training: their scores against steps, updates and seconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from dynamics.pictures.colours import COLUMNS, REAL
from dynamics.pictures.figure_style import DASHES, STYLE, Array, axes_at, new_figure
from dynamics.pictures.fitted_words import (
    entries_abreast,
    label_left,
    legend_above,
    text_width,
    wrapped_parts,
    write_remarks,
)
from dynamics.pictures.median_lines import (
    curve_remarks,
    draw_median,
    fitting_limits,
    round_ticks,
    seed_quartiles,
    write_nothing,
)


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
    # per setting (seeds,) how many of its values each seed has come to, of a run that was interrupted; None: all
    counts: Sequence[Array | None] | None = None


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
    middles = [[seed_quartiles(values) for values in track.values] for track in tracks]  # by track and setting: (3, S)
    limits = []
    for track, middle in zip(tracks, middles, strict=True):
        (mean, deviation), starts = track.null, [start for quartiles in middle for start in quartiles[1, :1]]
        perfect = [mean, mean - 2 * deviation, mean + 2 * deviation]
        limits.append(fitting_limits(np.concatenate(middle, axis=1), [*starts, *perfect]))
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
    counts = [n for track in tracks for n in track.counts or [None] * len(track.values)]
    remarks = curve_remarks([values for track in tracks for values in track.values], middles, limits, counts)
    for clock in clocks:
        if lost := sum(not np.isfinite(at).any() for at in clock.at):
            remarks.append(f"{clock.label} not known for {lost} of {len(names)} settings")

    left, right, gap, across, down = 1.15, 0.3, 0.32, len(clocks), len(tracks)
    tall, between = {1: 2.6, 2: 2.2, 3: 1.9}.get(down, 1.6), 0.18
    page = left + {1: 6.7, 2: 8.0}.get(across, 3.1 * across) + (across - 1) * gap + right
    page = max(page, text_width(title, 13, "bold") + 0.3, max(text_width(name, 10) for _, name in entries) + 0.8)
    wide = (page - left - right - (across - 1) * gap) / across
    remark_lines = wrapped_parts(remarks, " · ", page - 0.3, 9)
    abreast = entries_abreast([name for _, name in entries], page - 0.3)
    key = 0.75 + 0.17 * (len(remark_lines) - 1)
    top = key + 0.21 * -(-len(entries) // abreast) + 0.12
    figure = new_figure(page, top + down * (tall + between) + 0.45, title)
    write_remarks(figure, remark_lines)
    legend_above(figure, key, entries, abreast)

    for row, (track, middle) in enumerate(zip(tracks, middles, strict=True)):
        for column, clock in enumerate(clocks):
            axes = axes_at(figure, left + column * (wide + gap), top + row * (tall + between), wide, tall)
            axes.set(xlim=(0, 1.02 * ends[column]), ylim=limits[row])
            for at, quartiles, (colour, dash) in zip(clock.at, middle, looks, strict=True):
                if (known := np.flatnonzero(np.isfinite(at) & np.isfinite(quartiles[1]))).size:
                    last: Any = {"marker": "o", "markersize": 3.5, "markevery": [known[-1]]}
                    at = np.where(np.isfinite(at), at, np.nan)
                    alpha = 0.22 if len(names) <= 4 else 0.12
                    draw_median(axes, at, quartiles, colour, alpha, linestyle=dash, **last)
            if not axes.lines:
                write_nothing(axes)
            mean, deviation = track.null
            if np.isfinite(mean):
                axes.axhline(mean, zorder=2.5, **dashed)  # over the lines, which it does not hide
                axes.axhspan(mean - 2 * deviation, mean + 2 * deviation, zorder=0.5, **band)
            round_ticks(axes.xaxis, min(8, int(wide / 0.6)))
            round_ticks(axes.yaxis, int(tall / 0.3))
            axes.tick_params(labelsize=9, labelbottom=row == down - 1, labelleft=column == 0)
            axes.spines[["top", "right"]].set_visible(False)
            if row == down - 1:
                axes.set_xlabel(clock.label)
            if column == 0:
                label_left(axes, track.label, wide, tall)
    return figure


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
