"""The legend of an animation: a sample of each layer and of each curve, and its words, as pixels."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from dynamics.pictures.animation.frame_writer import Pixels
from dynamics.pictures.animation.palette_indices import BELIEF, ERROR, HEATS, LINE, POINT, SIDES, UNDETERMINED
from dynamics.pictures.animation.pixel_text import blank, line_sample, number, text_pixels
from dynamics.pictures.animation.pull_arrows import arrow_sample
from dynamics.pictures.animation.scene_layers import Scene
from dynamics.pictures.animation.scene_panel import FULL_ERROR
from dynamics.pictures.figure_style import Array
from dynamics.settings.catalogue.layers import LAYERS


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
    tall = len(text_pixels(" ", font))
    middle = tall // 2

    def ramp(first: int, levels: int, each: int) -> Pixels:
        bar = np.zeros((tall, levels * each), np.uint8)
        bar[3:-3] = (first + np.arange(levels, dtype=np.uint8)).repeat(each)
        return bar

    def entry(*parts: Pixels | str) -> Pixels:
        drawn = [text_pixels(part, font) if isinstance(part, str) else part for part in parts]
        return np.hstack([piece for part in drawn for piece in (part, blank(part, 6))][:-1])

    entries = []
    if "contours" in layers:
        line = np.zeros((tall, 26), np.uint8)
        line[middle : middle + 2] = LINE
        entries.append(entry(line, "real density"))
    if "density" in layers or "map" in layers:
        entries.append(entry(ramp(0, HEATS, 4), "generated"))
    if "map" in layers:
        net = np.zeros((tall, 19), np.uint8)
        net[middle - 6 : middle + 7 : 6] = net[middle - 6 : middle + 7, :19:6] = POINT
        net[: middle - 6] = net[middle + 7 :] = 0
        entries.append(entry(net, "grid of latents"))
    if "samples" in layers:
        dots = np.zeros((tall, 12), np.uint8)
        for x, y in ((1, -2), (5, 2), (9, -3)):
            dots[middle + y : middle + y + 2, x : x + 2] = POINT
        entries.append(entry(dots, "samples"))
    if "d" in layers or "optimal" in layers:
        name = " and ".join(name for layer, name in (("d", "D"), ("optimal", "D*")) if layer in layers)
        entries.append(entry(f"{name}: generated", ramp(BELIEF, SIDES, 4), "real"))
    if "difference" in layers:
        ends = [f"{sign}{FULL_ERROR:g}" for sign in ("−", "+")]
        entries.append(entry(f"D − D*: {ends[0]}", ramp(ERROR, SIDES, 4), ends[1]))
    if any(not np.isfinite(f).all() for s in scenes for f in _fields(s, layers)):
        patch = np.zeros((tall, 18), np.uint8)
        patch[3:-3] = UNDETERMINED
        entries.append(entry(patch, "no density"))
    if "arrows" in layers:
        entries.append(entry(arrow_sample(side, tall), f"D's pull, {number(reach)} per unit or more"))
    for name, colour in curves:
        entries.append(entry(line_sample(tall, shade_of[colour]), name))
    return entries


def _fields(scene: Scene, layers: Sequence[str]) -> list[Array]:
    """The fields that a scene shows in these layers."""
    names = dict.fromkeys(name for layer in layers for name in LAYERS[layer].needs if name in ("d", "optimal"))
    return [getattr(scene, name) for name in names]
