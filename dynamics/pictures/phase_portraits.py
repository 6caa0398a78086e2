"""A figure of phase portraits: games of two numbers, θ of the generator and ψ of the discriminator."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dynamics.pictures.colours import COLUMNS, FAINT, INK
from dynamics.pictures.figure_style import STYLE, Array, axes_at, new_figure, words_at

AT_ONCE, IN_TURNS = COLUMNS[0], COLUMNS[1]  # the colours of simultaneous and of alternating players
REACH = 2.4  # of every panel's axes, to either side of 0
ABREAST = 5  # panels in a row
SIDE, GAP, HEAD, UNDER = 2.05, 0.16, 0.56, 0.22  # inches: of a panel, between two, of the words over one, below it


@dataclass(frozen=True)
class PhasePortrait:
    """A game: its field on a square grid, and where it goes when both players move at once, and in turns."""

    title: str
    eigenvalues: str
    verdicts: tuple[str, str]  # at once, in turns
    field: Array  # (N, N, 2): v by ψ, then θ, on N even values of each from −REACH to REACH
    at_once: Array  # (T, 2): (θ, ψ)
    in_turns: Array  # (T, 2)


@matplotlib.rc_context(STYLE)
def portraits_figure(title: str, caption: str, portraits: Sequence[PhasePortrait]) -> Figure:
    """A page of panels with the same axes and colours, `caption` under its title.

    Grey lines follow the field, coloured ones the players; what leaves the axes is cut. Raises `ValueError` for a field
    that is not (N, N, 2), a path that is not (T, 2), and where there is no panel.
    """
    if not portraits:
        raise ValueError("portraits need a panel")
    for p in portraits:
        if p.field.ndim != 3 or p.field.shape != (len(p.field), len(p.field), 2):
            raise ValueError(f"{p.title}: a field is (N, N, 2), not {p.field.shape}")
        for path in (p.at_once, p.in_turns):
            if path.ndim != 2 or path.shape[1] != 2:
                raise ValueError(f"{p.title}: a path is (T, 2), not {path.shape}")
    abreast = min(ABREAST, len(portraits))
    down = -(-len(portraits) // abreast)
    left, top = 0.62, 0.86
    wide = max(left + abreast * (SIDE + GAP), 8.8)
    figure = new_figure(wide, top + down * (HEAD + SIDE + UNDER) + 0.3, title)
    words_at(figure, 0.15, 0.6, caption, fontsize=10)
    _legend(figure)
    for number, portrait in enumerate(portraits):
        row, column = divmod(number, abreast)
        x, y = left + column * (SIDE + GAP), top + row * (HEAD + SIDE + UNDER)
        _head(figure, x, y, portrait)
        axes = axes_at(figure, x, y + HEAD, SIDE, SIDE)
        _draw(axes, portrait)
        lowest = number + abreast >= len(portraits)
        axes.tick_params(labelsize=9, labelbottom=lowest, labelleft=column == 0)
        if lowest:
            axes.set_xlabel("θ, generator", fontsize=10)
        if column == 0:
            axes.set_ylabel("ψ, discriminator", fontsize=10, labelpad=2)
    return figure


def _head(figure: Figure, x: float, y: float, portrait: PhasePortrait) -> None:
    words_at(figure, x, y + 0.1, portrait.title, fontsize=11, fontweight="bold")
    words_at(figure, x, y + 0.29, f"λ = {portrait.eigenvalues}", fontsize=9.5)
    at_once, in_turns = portrait.verdicts
    if at_once == in_turns:
        words_at(figure, x, y + 0.47, at_once, fontsize=9.5)
        return
    words_at(figure, x, y + 0.47, at_once, fontsize=9.5, color=AT_ONCE, fontweight="bold")
    w, h = figure.get_size_inches()
    style: Any = {"ha": "right", "fontsize": 9.5, "color": IN_TURNS, "fontweight": "bold"}
    figure.text((x + SIDE) / w, 1 - (y + 0.47) / h, in_turns, **style)


def _draw(axes: Axes, portrait: PhasePortrait) -> None:
    line = np.linspace(-REACH, REACH, len(portrait.field))
    grey: Any = {"color": "#c4c4c4", "linewidth": 0.6, "arrowsize": 0.6, "density": 0.75, "zorder": 1}
    with np.errstate(invalid="ignore", divide="ignore"):
        axes.streamplot(line, line, portrait.field[:, :, 0], portrait.field[:, :, 1], **grey)
    axes.axhline(0, color=FAINT, linewidth=0.5, zorder=0.5)
    axes.axvline(0, color=FAINT, linewidth=0.5, zorder=0.5)
    for path, colour, width in ((portrait.at_once, AT_ONCE, 1.5), (portrait.in_turns, IN_TURNS, 0.9)):
        axes.plot(*path.T, color=colour, linewidth=width, zorder=2, solid_joinstyle="round")
    for path, colour, size in ((portrait.at_once, AT_ONCE, 7.5), (portrait.in_turns, IN_TURNS, 4.5)):
        axes.plot(*path[-1], "o", color=colour, markersize=size, zorder=4, markeredgecolor="white", markeredgewidth=0.6)
    start: Any = {"color": "white", "markersize": 6, "markeredgecolor": INK, "markeredgewidth": 1.2, "zorder": 3}
    axes.plot(*portrait.in_turns[0], "s", **start)
    ticks = (-2, 0, 2)
    axes.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), xticks=ticks, yticks=ticks)
    axes.set_xticklabels([str(t).replace("-", "−") for t in ticks])
    axes.set_yticklabels([str(t).replace("-", "−") for t in ticks])


def _legend(figure: Figure) -> None:
    end: Any = {"marker": "o", "markeredgecolor": "white"}
    entries = [
        Line2D([], [], color=AT_ONCE, linewidth=1.5, markersize=7.5, **end, label="simultaneous"),
        Line2D([], [], color=IN_TURNS, linewidth=0.9, markersize=5.5, **end, label="alternating"),
        Line2D([], [], linestyle="", marker="s", color="white", markeredgecolor=INK, markersize=6, label="start"),
        Line2D([], [], linestyle="", marker="o", color=INK, markersize=6, label="end"),
        Line2D([], [], color="#c4c4c4", linewidth=1, label="the game's field"),
    ]
    w, h = figure.get_size_inches()
    where: Any = {"loc": "upper right", "bbox_to_anchor": (1 - GAP / w, 1 - 0.1 / h), "borderaxespad": 0}
    figure.legend(handles=entries, ncols=5, fontsize=9.5, handlelength=1.8, columnspacing=1.4, **where)
