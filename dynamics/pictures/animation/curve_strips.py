"""Strips of an animation: curves below the planes, drawn once, and a cursor that says where the frame is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageDraw

from dynamics.pictures.animation.frame_writer import Pixels
from dynamics.pictures.animation.palette_indices import CURSOR, EDGE, SHADES
from dynamics.pictures.animation.pixel_text import blank, line_sample, number, stamp, text_pixels
from dynamics.pictures.figure_style import Array, limits


@dataclass(frozen=True)
class Strip:
    """Curves below the plane, on one axis; all strips of a label share theirs.

    Values may be nan or inf: the line has a gap there. Of more values than pixels, medians are drawn.
    """

    label: str  # with the unit: "loss, nats"
    steps: Array  # (L,) generator steps
    curves: Sequence[tuple[str, Array, str]]  # name, values (L,), colour

    def __post_init__(self) -> None:
        for name, values, _ in self.curves:
            if np.shape(values) != np.shape(self.steps):
                raise ValueError(f"curve {name!r} has {np.shape(values)} values for {np.shape(self.steps)} steps")


class DrawnStrip:
    """A strip: curves in a box, drawn once, and a cursor."""

    def __init__(self, strip: Strip, span: tuple[float, float], limits: tuple[float, float], font: int) -> None:
        """`span` is the first and last step of the box, `limits` the least and greatest value, `font` for words."""
        self.strip, self.span, self.limits, self.font = strip, span, limits, font
        steps = np.asarray(strip.steps, float)
        within = (steps >= span[0]) & (steps <= span[1])
        self.steps = steps[within]
        self.lines = [np.where(np.isfinite(v), v, np.nan)[within] for _, v, _ in strip.curves]
        self.ticks = [(tick, text_pixels(number(tick), font)) for tick in _round_numbers(*self.limits, 3)]
        self.room = 8 + max((word.shape[1] for _, word in self.ticks), default=0)  # left of the box, pixels
        self.box = 0, 0, 1, 1  # left, top, width, height

    def head(self, shade_of: Mapping[str, int], keyed: bool) -> Pixels:
        """The words over the box: the label, and the names of the curves if they are `keyed` here."""
        parts = [text_pixels(self.strip.label, self.font, bold=True)]
        for name, _, colour in self.strip.curves if keyed and len(self.strip.curves) > 1 else ():
            parts += [blank(parts[0], 14), line_sample(len(parts[0]), shade_of[colour]), blank(parts[0], 6)]
            parts.append(text_pixels(name, self.font))
        return np.hstack(parts)

    def draw(self, canvas: Pixels, box: tuple[int, int, int, int], shade_of: Mapping[str, int], keyed: bool) -> None:
        """Draw into `box`, words around it; `shade_of` is the first palette index of a curve's colour."""
        self.box = left, top, width, height = box
        inside = canvas[top : top + height, left : left + width]
        for (_, _, colour), line in zip(self.strip.curves, self.lines, strict=True):
            x, y = thinned(self.across(self.steps), self.down(line), width)
            cover = _curve(x, y, width, height)
            inside[cover > 0] = (shade_of[colour] - 1) + cover[cover > 0]
        canvas[top : top + height + 1, left - 1] = EDGE
        canvas[top + height, left - 1 : left + width] = EDGE
        for tick, word in self.ticks:
            row = top + int(min(self.down(tick), height - 1))
            canvas[row, left - 4 : left - 1] = EDGE
            stamp(canvas, left - 6 - word.shape[1], row - len(word) // 2, word)
        for tick in _round_numbers(*self.span, max(2, width // 90)):
            column = left + int(min(self.across(tick), width - 1))
            canvas[top + height : top + height + 4, column] = EDGE
            word = text_pixels(number(tick), self.font)
            stamp(canvas, min(column - word.shape[1] // 2, left + width - word.shape[1]), top + height + 4, word)
        head = self.head(shade_of, keyed)[:, : width + 8]
        stamp(canvas, left, top - len(head) - 3, head)

    def mark(self, canvas: Pixels, step: float) -> None:
        """Put the cursor at a step."""
        left, top, width, height = self.box
        x = left + int(min(self.across(step), width - 2))
        canvas[top : top + height, x : x + 2] = CURSOR

    def across(self, steps: Any) -> Any:
        """Pixels from the box's left side."""
        first, last = self.span
        return (steps - first) / max(last - first, 1) * self.box[2]

    def down(self, values: Any) -> Any:
        """Pixels from the box's upper side."""
        low, high = self.limits
        with np.errstate(over="ignore", invalid="ignore"):  # a diverging GAN's losses
            return (high - np.asarray(values, float)) / (high - low) * self.box[3]


def shared_limits(strips: Iterable[Strip]) -> dict[str, tuple[float, float]]:
    """The limits of all strips that have a label. The few wildest values are beyond them, and flatten nothing."""
    values: dict[str, list[Array]] = {}
    for strip in strips:
        values.setdefault(strip.label, []).extend(np.ravel(v).astype(float) for _, v, _ in strip.curves)
    return {label: limits(np.concatenate(several), trim=0.5) for label, several in values.items()}


def _curve(x: Array, y: Array, width: int, height: int) -> Pixels:
    """How far the line through (x, y), pixels, covers each pixel (height, width), 0 to SHADES; nan is a gap."""
    fine = 3
    image = Image.new("L", (fine * width, fine * height))
    draw = ImageDraw.Draw(image)
    # a line 5 wide has its middle in the middle of a fine pixel
    points = np.round(np.stack([fine * x, fine * np.clip(y, -height, 2 * height)], axis=1) - 0.5)
    for part in _runs(points):
        if len(part) > 1:
            draw.line(part.ravel().tolist(), fill=255, width=5, joint="curve")
        else:
            draw.ellipse((*(part[0] - 2), *(part[0] + 2)), fill=255)
    return np.round(np.asarray(image.reduce(fine)) / 255.0 * SHADES).astype(np.uint8)


def thinned(x: Array, y: Array, width: int) -> tuple[Array, Array]:
    """A line of no more than one point to two pixels: the median of those that are there, nan where none is finite."""
    if len(x) <= width // 2:
        return x, y
    place = (x / 2).astype(int)
    cuts = np.flatnonzero(np.diff(place)) + 1
    middle = [np.median(part[np.isfinite(part)]) if np.isfinite(part).any() else np.nan for part in np.split(y, cuts)]
    return np.array([part.mean() for part in np.split(x, cuts)]), np.array(middle)


def _runs(points: Array) -> list[Array]:
    """Points (N, 2) cut into runs without nan or inf, none of them empty."""
    whole = np.isfinite(points).all(axis=1)
    ends = np.flatnonzero(np.diff(np.concatenate([[False], whole, [False]]).astype(int)))
    return [points[first:last] for first, last in ends.reshape(-1, 2)]


def _round_numbers(low: float, high: float, count: int) -> list[float]:
    """At most count + 1 round numbers within limits."""
    return [float(t) for t in MaxNLocator(count, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= t <= high]
