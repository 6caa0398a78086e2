"""What every figure shares: its style, places in inches, and limits that wild values cannot flatten.

pyplot and its global state are never touched.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dynamics.pictures.colours import INK

Array = NDArray[Any]
STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.facecolor": "white",
    "axes.spines.top": True,
    "axes.spines.right": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "savefig.bbox": None,
    "savefig.facecolor": "white",
    "svg.fonttype": "path",  # words as outlines: the same on every machine, whatever fonts it has
    "svg.hashsalt": "plotting",  # identifiers from what is drawn, not from chance
    "svg.image_inline": True,
    "pdf.fonttype": 42,  # TrueType: journals refuse Type 3
}
DASHES: Any = ("solid", (0, (4, 1.5)), (0, (1, 1.2)))  # of lines that have a colour in common, in turn
MARKERS = ("o", "s", "^", "D", "v", "P")  # in turn


def new_figure(width: float, height: float, title: str) -> Figure:
    """An empty figure, in inches, its title in the upper left corner."""
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    words_at(figure, 0.15, 0.34, title, fontsize=13, fontweight="bold")
    return figure


def axes_at(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place in inches from the figure's upper left corner."""
    w, h = figure.get_size_inches()
    return figure.add_axes((left / w, 1 - (top + height) / h, width / w, height / h))


def words_at(figure: Figure, left: float, top: float, text: str, **style: Any) -> None:
    """Text at a place in inches from the figure's upper left corner."""
    w, h = figure.get_size_inches()
    figure.text(left / w, 1 - top / h, text, **style)


def limits(values: Array, include: Iterable[float] = (), trim: float = 0.0) -> tuple[float, float]:
    """Limits that wild values cannot flatten: percentiles, at most 3 interquartile ranges out, a margin."""
    kept = [float(v) for v in include if np.isfinite(v)]
    finite = values[np.isfinite(values)]
    if finite.size:
        low, q1, q3, high = np.percentile(finite, [trim, 25, 75, 100 - trim])
        reach = 3 * (q3 - q1) if q3 > q1 else np.inf
        kept += [max(low, q1 - reach), min(high, q3 + reach)]
    low, high = (min(kept), max(kept)) if kept else (0.0, 1.0)
    margin = 0.05 * (high - low) or 0.5
    return low - margin, high + margin
