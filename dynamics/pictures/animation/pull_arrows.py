"""Arrows of D's pull on generated samples, as pixels, and the pull that the longest of them stands for."""

from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageDraw

from dynamics.pictures.animation.frame_writer import Pixels
from dynamics.pictures.animation.palette_indices import ARROW, COVERS, LEVELS
from dynamics.pictures.animation.scene_layers import Scene
from dynamics.pictures.density_maps import Cell
from dynamics.pictures.figure_style import Array


def arrow_length(size: int) -> float:
    """Pixels of the longest arrow in a plane of a side."""
    return max(16.0, 0.085 * size)


def draw_arrows(tails: Array, steps: Array, width: int, height: int, size: int) -> Pixels:
    """Arrows on pixels (height, width), each the number of its quarters that any arrow covers, + 16 × those in a core.

    `tails` and `steps` (A, 2) are in half pixels, x and y down; `size` is the plane's side, which sets how thick they
    are. An arrow starts with a dot, which is all there is of one without a step.
    """
    thick, edge = 2 * max(1.0, size / 400), 2 * min(1.0, max(0.5, size / 400))
    image = Image.new("L", (2 * width, 2 * height))
    draw = ImageDraw.Draw(image)
    length = np.linalg.norm(steps, axis=1)
    along = steps / np.maximum(length, 1e-12)[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    tip = np.minimum(3.25 * thick, 0.75 * length)  # the head's length
    wing = 0.55 * tip
    stem = np.minimum(thick / 2, 0.5 * wing)
    neck = length - tip
    outlines, dots = [], []
    for grow in (edge, 0.0):
        more = grow - 0.5  # Pillow fills pixels on an outline too
        # (A, 7) along the arrow, and across it: tail, neck, wing, tip and back on the other side
        a = np.stack([0 * length - more, neck - more, neck - more, length + 2 * grow], axis=1)[:, [0, 1, 2, 3, 2, 1, 0]]
        b = np.stack([stem + more, wing + 1.5 * more, 0 * length], axis=1)[:, [0, 0, 1, 2, 1, 0, 0]]
        b[:, 4:] *= -1
        points = tails[:, None] + a[:, :, None] * along[:, None] + b[:, :, None] * across[:, None]
        outlines.append(np.round(points).reshape(-1, 14).tolist())
        radius = 0.9 * thick + more
        dots.append(np.round(np.concatenate([tails - radius, tails + radius], axis=1)).tolist())
    for moves, outer, inner, rim, dot in zip(length > 1.5 * thick, *outlines, *dots, strict=True):
        if moves:
            draw.polygon(outer, fill=4)
        draw.ellipse(rim, fill=4)
        if moves:
            draw.polygon(inner, fill=68)
        draw.ellipse(dot, fill=68)
    return np.asarray(image.reduce(2))  # means of four: 1 for each quarter, 16 more where it is of a core


def arrow_sample(size: int, height: int) -> Pixels:
    """An arrow of full length in a plane of a side, as a patch of a height."""
    long = arrow_length(size)
    drawn = draw_arrows(np.array([[6.0, height]]), np.array([[2 * long, 0]]), round(long) + 8, height, size)
    core = CORE_OF[drawn]
    return np.where(core, ARROW - 1 + core, LEVELS * EDGE_OF[drawn]).astype(np.uint8)


CORE_OF = (np.arange(256) >> 4).astype(np.uint8)  # of what draw_arrows counts
EDGE_OF = np.round((np.arange(256) & 15).clip(0, 4) / 4 * (COVERS - 1)).astype(np.uint8)


def common_reach(scenes: Mapping[Cell, Scene]) -> float:
    """The pull that the longest arrows of all panels and frames stand for: round, exceeded by one in ten at most."""
    lengths = [np.linalg.norm(s.pull.astype(float), axis=-1).ravel() for s in scenes.values() if s.pull is not None]
    finite = np.concatenate(lengths)
    finite = finite[np.isfinite(finite)]
    common = float(np.percentile(finite, 90)) if finite.size else 0.0
    if not common > 0:
        return 1.0
    unit = 10.0 ** np.floor(np.log10(common))
    return float(next(s * unit for s in (1, 2, 5, 10) if s * unit >= common * (1 - 1e-9)))
