"""Lines over training at the medians of seeds, the bands about them, their axes, and what they leave out."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from dynamics.pictures.colours import FAINT
from dynamics.pictures.figure_style import Array, limits


def draw_median(axes: Axes, at: Array, quartiles: Array, colour: str, alpha: float = 0.22, **line_style: Any) -> None:
    """A line at the medians of quartiles (3, L), and a light band between the outer two, on limits that stay.

    `line_style` is the line's. What the band has far off the axis is cut: viewers of PDF and SVG lose shapes that
    large.
    """
    low, high = axes.get_ylim()
    margin = 100 * (high - low) if axes.get_yscale() == "linear" else np.inf
    edges = np.clip(quartiles[[0, 2]], low - margin, high + margin)
    axes.fill_between(at, *edges, color=colour, alpha=alpha, linewidth=0)
    axes.plot(at, quartiles[1], color=colour, linewidth=1.8, **line_style)


def seed_quartiles(values: Array) -> Array:
    """Quartiles (3, L) over the seeds of values (S, L) that are finite; nan where none is."""
    values, finite = values.astype(float), np.isfinite(values)
    quartiles = np.full((3, values.shape[1]), np.nan)
    whole, part = finite.all(axis=0), finite.any(axis=0) & ~finite.all(axis=0)
    if whole.any():
        quartiles[:, whole] = np.percentile(values[:, whole], [25, 50, 75], axis=0)
    if part.any():  # numpy takes these column by column
        quartiles[:, part] = np.nanpercentile(np.where(finite, values, np.nan)[:, part], [25, 50, 75], axis=0)
    return quartiles


def not_yet_defined(values: Array) -> Array:
    """Where a line of `values` (seeds, S) has none because there is none to have yet, (S,): at no seed, but later. What
    is no longer finite stays so."""
    empty, finite = np.asarray(np.isnan(values).all(0)), np.asarray(np.isfinite(values).any(0))
    return np.asarray(empty & np.logical_or.accumulate(finite[::-1])[::-1])


def come_to(values: Array, counts: Array | None) -> Array:
    """Which of values (seeds, S) there are yet, if each seed has the first `counts` (seeds,) of them; all if None."""
    if counts is None:
        return np.ones(values.shape, bool)
    return np.asarray(np.arange(values.shape[1]) < counts[:, None])


def curve_remarks(
    values: Sequence[Array],
    middles: Sequence[Sequence[Array]],
    limits: Sequence[Sequence[float]],
    counts: Sequence[Array | None] | None = None,
) -> list[str]:
    """What is said under the title: seeds of `values` (seeds, S), and how much of them the axes do not show.

    `middles` holds the quartiles (3, S) of every line by axis, `limits` each axis' ends. `counts` are how many of its
    values each seed (seeds,) of each of `values` has come to; what it has not is not lost.
    """
    seeds = sorted({len(v) for v in values}) or [0]
    if seeds[-1] <= 1:
        remarks = ["one seed"]
    else:
        count = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"{seeds[0]}"
        remarks = [f"median of {count} seeds, band: middle half"]
    # a line without any value, among others, is of a score that there is not
    known = [(v, come_to(v, n)) for v, n in zip(values, counts or [None] * len(values), strict=True)]
    measured = [pair for pair in known if not np.isnan(pair[0]).all()] or known
    lost = np.concatenate([[], *((~np.isfinite(v) & ~not_yet_defined(v))[known_at] for v, known_at in measured)])
    medians = [np.concatenate([[], *(quartiles[1] for quartiles in lines)]) for lines in middles]
    off = [(m < low) | (m > high) for m, (low, high) in zip(medians, limits, strict=True)]
    for share, what in (
        (lost, "of values not finite and left out"),
        (np.concatenate([[], *off]), "of medians off the axes"),
    ):
        if share.any():
            remarks.append(f"{max(100 * share.mean(), 0.1):.1f} % {what}")
    return remarks


def fitting_limits(values: Array, include: Iterable[float] = ()) -> tuple[float, float]:
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


def round_ticks(axis: Axis, most: int) -> None:
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


def decade_ticks(axis: Axis) -> None:
    """Ticks of a logarithmic axis, on limits that stay: between the powers of ten too where those are few."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 200 * low else (1,)))
    if low >= 1e-4 and high < 1e5:
        axis.set_major_formatter(FuncFormatter(lambda value, position: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def write_nothing(axes: Axes) -> None:
    axes.text(0.5, 0.5, "nothing to show", transform=axes.transAxes, ha="center", va="center", color=FAINT)
