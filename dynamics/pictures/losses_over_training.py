"""A figure of both players' losses and of D's mean probabilities over training."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from dynamics.pictures.colours import FAINT, GENERATED, REAL, D, G
from dynamics.pictures.figure_style import STYLE, Array, axes_at, limits, new_figure
from dynamics.pictures.fitted_words import write_remarks
from dynamics.pictures.median_lines import come_to, draw_median, seed_quartiles


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
    counts: Array | None = None,
    mark: str = "",
    changes: Sequence[int] = (),
) -> Figure:
    """Losses of both players above, D's mean probabilities below: steps (L,), everything else (S seeds, L).

    Lines are medians over the seeds, bands reach from the first to the third quartile. `equilibrium` holds
    the losses at the game's equilibrium, {"D": 1.386, "G": 0.693}: thin dashed lines; `chance` is what both of D's
    means are there, where that is one value: a thin line. Wild values do not set the loss axis; how many lie off it,
    and how many seeds stop being finite, is said under the title. `counts` (S,) is how many of the L entries each seed
    has come to, where that is not all; `mark` says so under the title. `changes` are the steps at which a schedule
    changed the setting: dotted lines.
    """
    figure = new_figure(8, 5.55, title)
    losses, chances = axes_at(figure, 0.75, 0.95, 6.7, 2.2), axes_at(figure, 0.75, 3.5, 6.7, 1.5)
    both = np.stack([d_loss, g_loss])
    finite = np.isfinite(both) | ~come_to(d_loss, counts)
    whole = finite.all(axis=(0, 2))  # (S,) seeds that never diverge: if any, they alone set the axis
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
        draw_median(axes, steps, seed_quartiles(values), colour, label=label)

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
        for step in changes:
            axes.axvline(step, color=FAINT, linewidth=1, linestyle=":", zorder=1)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2, ncols=3, handlelength=1.6)

    remarks = [f"median of {len(d_loss)} seeds, band: middle half" if len(d_loss) > 1 else "one seed"]
    if (off := np.mean((both < bottom) | (both > top))) > 0:
        remarks.append(f"{max(100 * off, 0.1):.1f} % of all losses off the axis")
    if not whole.all():
        first = np.flatnonzero(~finite.all(axis=(0, 1)))[0]
        remarks.append(f"{np.sum(~whole)} of {len(d_loss)} seeds diverged, from step {int(steps[first])} on")
    write_remarks(figure, [" · ".join(filter(None, [mark, *remarks]))])
    return figure
