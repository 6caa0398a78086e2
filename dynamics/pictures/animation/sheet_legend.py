"""The legend of an animation: a sample of each layer and of each curve, and its words, as pixels."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dynamics.pictures.animation import palette_indices
from dynamics.pictures.animation.frame_writer import Pixels
from dynamics.pictures.animation.palette_indices import HEATS, LINE, POINT, SIDES, UNDETERMINED
from dynamics.pictures.animation.pixel_text import blank, line_sample, number, text_pixels
from dynamics.pictures.animation.pull_arrows import arrow_sample
from dynamics.pictures.animation.scene_layers import Scene
from dynamics.pictures.animation.scene_panel import FULL_ERROR
from dynamics.settings.catalogue.layers import BELIEF, BELOW, ERROR, HEAT, LAYERS, functions_for, needs_of


@dataclass(frozen=True)
class _Legend:
    """What an entry is made from: the layers, a line's height, pixels, and what an arrow's sample takes."""

    layers: Sequence[str]
    font: int
    side: int  # a plane's, pixels
    reach: float  # the pull that an arrow of full length stands for

    @property
    def tall(self) -> int:
        return len(text_pixels(" ", self.font))

    def ramp(self, first: int, levels: int) -> Pixels:
        """The levels of a ramp whose first index is `first`."""
        bar = np.zeros((self.tall, levels * 4), np.uint8)
        bar[3:-3] = (first + np.arange(levels, dtype=np.uint8)).repeat(4)
        return bar

    def entry(self, *parts: Pixels | str) -> Pixels:
        drawn = [text_pixels(part, self.font) if isinstance(part, str) else part for part in parts]
        return np.hstack([piece for part in drawn for piece in (part, blank(part, 6))][:-1])


def legend_entries(
    layers: Sequence[str],
    scenes: Collection[Scene],
    curves: Collection[tuple[str, str]],
    shade_of: Mapping[str, int],
    font: int,
    side: int,
    reach: float,
) -> list[Pixels]:
    """The legend's entries, each a sample and its words, all of one height.

    `curves` are names and colours, `shade_of` the first palette index of a colour; `side` is a plane's, pixels, and
    `reach` the pull that an arrow of full length stands for.
    """
    legend = _Legend(layers, font, side, reach)
    shown = {*layers, *(LAYERS[layer].colours for layer in layers)}
    judged = needs_of(layer for layer in layers if LAYERS[layer].colours in (BELIEF, ERROR))
    if any(not np.isfinite(getattr(scene, name)).all() for scene in scenes for name in judged):
        shown.add(_UNDETERMINED)
    entries = [make(legend) for name, make in ENTRIES.items() if name in shown]
    return entries + [legend.entry(line_sample(legend.tall, shade_of[colour]), name) for name, colour in curves]


def _contours(legend: _Legend) -> Pixels:
    line, middle = np.zeros((legend.tall, 26), np.uint8), legend.tall // 2
    line[middle : middle + 2] = LINE
    return legend.entry(line, "real density")


def _heat(legend: _Legend) -> Pixels:
    return legend.entry(legend.ramp(0, HEATS), "generated")


def _map(legend: _Legend) -> Pixels:
    net, middle = np.zeros((legend.tall, 19), np.uint8), legend.tall // 2
    net[middle - 6 : middle + 7 : 6] = net[middle - 6 : middle + 7, :19:6] = POINT
    net[: middle - 6] = net[middle + 7 :] = 0
    return legend.entry(net, "grid of latents")


def _samples(legend: _Legend) -> Pixels:
    dots, middle = np.zeros((legend.tall, 12), np.uint8), legend.tall // 2
    for x, y in ((1, -2), (5, 2), (9, -3)):
        dots[middle + y : middle + y + 2, x : x + 2] = POINT
    return legend.entry(dots, "samples")


def _belief(legend: _Legend) -> Pixels:
    symbols = [facts.symbol for layer, facts in LAYERS.items() if facts.colours == BELIEF and layer in legend.layers]
    return legend.entry(f"{' and '.join(symbols)}: generated", legend.ramp(palette_indices.BELIEF, SIDES), "real")


def _error(legend: _Legend) -> Pixels:
    low, high = (f"{sign}{FULL_ERROR:g}" for sign in ("−", "+"))
    return legend.entry(f"D − D*: {low}", legend.ramp(palette_indices.ERROR, SIDES), high)


def _no_density(legend: _Legend) -> Pixels:
    patch = np.zeros((legend.tall, 18), np.uint8)
    patch[3:-3] = UNDETERMINED
    return legend.entry(patch, "no density")


def _arrows(legend: _Legend) -> Pixels:
    return legend.entry(arrow_sample(legend.side, legend.tall), f"D's pull, {number(legend.reach)} per unit or more")


_UNDETERMINED = "undetermined"  # an entry where a field has no value
# layers and colours of views, in the legend's order -> their entry; strips have their curves' names
ENTRIES: dict[str, Callable[[_Legend], Pixels]] = {
    "contours": _contours,
    HEAT: _heat,
    "map": _map,
    "samples": _samples,
    BELIEF: _belief,
    ERROR: _error,
    _UNDETERMINED: _no_density,
    "arrows": _arrows,
}
# a view that has no entry of its own is told by its colours
functions_for(
    {name for name, facts in LAYERS.items() if name in ENTRIES or not (facts.view or name in BELOW)}
    | {facts.colours for facts in LAYERS.values() if facts.view}
    | {_UNDETERMINED},
    ENTRIES,
)
