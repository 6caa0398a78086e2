"""Arrays in, GIF out: the generated density of one or many settings, in lock-step on one clock.

Frames are composed in palette indices, never in colours: what stays the same (words, axes, contour lines) is
drawn once, each frame adds every panel's heat map, its note and the clock, and the encoder gets the pixels as
they are. Nothing is quantised, and one frame is held at a time. Colours and scales are those of plotting.py.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import colours
import plotting
from film import GifWriter, Pixels
from plotting import Cell, Plane

# The palette is a table of (cover, level), index cover × DEPTHS + level, then a ramp of greys for words and
# axes. A pixel that a contour line covers to cover/3 shows that much of REAL over its heat. Index 0 is white.
LEVELS = 14  # of heat; the file grows with them, and 14 still look smooth
POINT = LEVELS  # one level more: a generated sample, darker than any heat
DEPTHS = LEVELS + 1
COVERS = 4  # by a contour line: none, 1/3, 2/3, all
PAPER = COVERS * DEPTHS  # first of the greys: white again
GREYS = 12
TRACK, EDGE, BAR, FULL = PAPER + 2, PAPER + 7, PAPER + 8, (COVERS - 1) * DEPTHS
WIDEST, TALLEST = 960, 1080  # pixels, of pictures whose panels' size is not given


def palette() -> Pixels:
    """The colours (K, 3) of the indices above."""
    point = 0.55 * 255 * np.array(to_rgb(colours.GENERATED))
    depths = np.vstack([colours.heat_colours(LEVELS), point])
    cover = np.linspace(0, 1, COVERS)[:, None, None]
    table = (1 - cover) * depths + cover * 255 * np.array(to_rgb(colours.REAL))
    greys = 255 - np.linspace(0, 1, GREYS)[:, None] * (255 - 255 * np.array(to_rgb(colours.INK)))
    return np.round(np.vstack([table.reshape(-1, 3), greys])).astype(np.uint8)


def density_gif(
    path: str | Path,
    planes: Mapping[Cell, Plane],
    rows: Sequence[str],
    columns: Sequence[str],
    half_width: float,
    steps: Sequence[int] | NDArray[Any],
    fps: float = 12,
    panel_px: int | None = None,
    title: str = "",
) -> None:
    """Animate the generated densities of settings (row, column) over F moments, all of them at `steps[f]`.

    Cells missing from `planes` stay empty. `panel_px` is a plane's side; left out, one plane makes a picture
    640 pixels wide and a grid one of about 960 × 1080 at most. The bar is the clock: it grows with the step.
    """
    if not planes:
        raise ValueError("density_gif needs at least one plane")
    for cell, plane in planes.items():
        if len(plane.samples) != len(steps):
            raise ValueError(f"plane {cell} has {len(plane.samples)} moments for {len(steps)} steps")
        if not (0 <= cell[0] < len(rows) and 0 <= cell[1] < len(columns)):
            raise ValueError(f"plane {cell} lies outside {len(rows)} rows × {len(columns)} columns")
    sheet = Sheet(planes, rows, columns, half_width, panel_px, title)
    height, width = sheet.canvas.shape
    first, last = float(steps[0]), float(steps[-1])
    with GifWriter(path, palette(), (width, height), fps) as gif:
        for moment, step in enumerate(steps):
            gif.append(sheet.frame(moment, int(step), (step - first) / (last - first) if last > first else 1.0))


class Panel:
    """One plane as pixels (size, size), at any moment."""

    def __init__(self, plane: Plane, half_width: float, size: int, points: int) -> None:
        self.plane, self.half_width, self.size = plane, half_width, size
        self.points = plane.samples[:, :points]
        self.peak = plotting.smoothed_peak(plane, half_width)
        # A large panel's heat can do with half the pixels. Cells of 2/3 bandwidth carry all that smoothing
        # leaves; what lies between them is interpolated.
        self.block = 2 if size > 300 and size % 2 == 0 else 1
        finest = max(48, size // self.block)
        self.resolution = int(np.clip(np.ceil(3 * half_width / plane.bandwidth), 48, finest))
        self.levels = [round(value * (LEVELS - 1) / 255) for value in range(256)]
        self.contours = self._contours()

    @matplotlib.rc_context(plotting.STYLE)
    def _contours(self) -> Pixels:
        """How far the real density's contour lines cover each pixel, as palette offset cover × DEPTHS."""
        inches, limits = self.size / 100, (-self.half_width, self.half_width)
        canvas = FigureCanvasAgg(Figure(figsize=(inches, inches), dpi=100, facecolor="white"))
        axes = canvas.figure.add_axes((0, 0, 1, 1), xlim=limits, ylim=limits)
        axes.set_axis_off()
        plotting.draw_contours(axes, self.plane.density, self.half_width, 1.0 if self.size > 300 else 0.8)
        canvas.draw()
        dark = (255 - np.asarray(canvas.buffer_rgba())[:, :, 0].astype(float)) / 255
        cover = np.clip(dark / (1 - to_rgb(colours.REAL)[0]), 0, 1)
        return (np.round(cover * (COVERS - 1)) * DEPTHS).astype(np.uint8)

    def draw(self, moment: int) -> Pixels:
        plane, side = self.plane, self.size // self.block
        density = plotting.generated_density(plane.samples[moment], self.half_width, self.resolution, plane.bandwidth)
        depth = np.round(255 * plotting.heat(density[::-1], self.peak)).astype(np.uint8)
        image = Image.fromarray(depth).resize((side, side), Image.Resampling.BICUBIC).point(self.levels)
        pixels = np.array(image).repeat(self.block, axis=0).repeat(self.block, axis=1)
        shown = self.points[moment][(np.abs(self.points[moment]) < self.half_width).all(axis=1)]  # not nan or inf
        at = ((shown + self.half_width) * (self.size / (2 * self.half_width))).astype(int).clip(0, self.size - 2)
        for right, up in ((0, 0), (1, 0), (0, 1), (1, 1)):
            pixels[self.size - 1 - at[:, 1] - up, at[:, 0] + right] = POINT
        pixels += self.contours
        return pixels


class Sheet:
    """The picture: where everything stands, and, on `canvas`, what stays the same in all frames."""

    def __init__(
        self,
        planes: Mapping[Cell, Plane],
        rows: Sequence[str],
        columns: Sequence[str],
        half_width: float,
        panel_px: int | None,
        title: str,
    ) -> None:
        down, across = len(rows), len(columns)
        single = down == across == 1
        title = title or (next(iter(planes.values())).title if single else "")
        rows, columns = ([""], [""]) if single else (rows, columns)
        self.font = 18 if single else int(np.clip(WIDEST // (12 * max(across, down)), 14, 20))
        self.small, self.line = self.font - 3, round(1.45 * self.font)  # lesser words; a line of text, pixels
        ticks = {tick: _word(f"{tick:g}".replace("-", "−"), self.small) for tick in plotting.plane_ticks(half_width)}
        notes = [note for plane in planes.values() for note in plane.notes if note]

        # Left to right: row names, tick labels, planes. Down: title, column names, (note, plane) per row,
        # tick labels, the clock's bar, the step and the key.
        gap, head = 12, self.line if notes else 12
        left = 10 + max(word.shape[1] for word in ticks.values()) + (self.line if any(rows) else 0)
        top = 8 + self.line * (bool(title) + any(columns))
        foot = self.small + 2 * self.line + 22
        if panel_px is None:
            wide = ((640 if single else WIDEST) - left - 14 - (across - 1) * gap) // across
            panel_px = int(np.clip(min(wide, (TALLEST - top - foot) // down - head), 72, 600)) // 2 * 2
        width = left + across * (panel_px + gap) - gap + 14
        width += width % 2  # even sides suit every video format
        self.bar = (
            left,
            top + down * (panel_px + head) + self.small + 14,
            width - left - 14,
        )  # left, top, length
        self.points = 200 if panel_px > 300 else 0  # in small panels they would hide the heat
        key = self._key()
        stacked = key.shape[1] + 7 * self.font > self.bar[2]  # too narrow for step and key on one line
        height = self.bar[1] + 12 + self.line * (2 if stacked else 1)
        self.canvas = np.zeros((height + height % 2, width), np.uint8)
        self.panels = {cell: Panel(plane, half_width, panel_px, self.points) for cell, plane in planes.items()}
        self.at = {(r, c): (left + c * (panel_px + gap), top + head + r * (panel_px + head)) for r, c in planes}
        self.note_font = _fit(notes, self.font - 2, panel_px)

        self._stamp(left, 6, _word(title, _fit([title], self.font, width - left, bold=True), bold=True))
        self._stamp(width - 14 - key.shape[1], self.bar[1] + 12 + (self.line if stacked else 1), key)
        size = _fit(columns, self.font, panel_px, bold=True)
        for c, name in enumerate(columns):
            word = _word(name, size, bold=True)
            self._stamp(left + c * (panel_px + gap) + (panel_px - word.shape[1]) // 2, top - self.line, word)
        size = _fit(rows, self.font, panel_px + head - 10, bold=True)
        for r, name in enumerate(rows):
            word = np.rot90(_word(name, size, bold=True))
            self._stamp(4, top + head + r * (panel_px + head) + (panel_px - word.shape[0]) // 2, word)
        for (r, c), (x, y) in self.at.items():
            end = y + panel_px
            self.canvas[y - 1 : end + 1, x - 1 : x + panel_px + 1] = EDGE
            for tick, word in ticks.items():
                place = round((tick / half_width + 1) * panel_px / 2)
                if not any((below, c) in planes for below in range(r + 1, down)):
                    self.canvas[end + 1 : end + 5, x + place] = EDGE
                    self._stamp(x + place - word.shape[1] // 2, end + 5, word)
                if not any((r, before) in planes for before in range(c)):
                    self.canvas[end - 1 - place, x - 5 : x - 1] = EDGE
                    self._stamp(x - 7 - word.shape[1], end - place - word.shape[0] // 2, word)

    def frame(self, moment: int, step: int, progress: float) -> Pixels:
        """The picture (height, width) at one moment, its clock at `progress` in [0, 1]."""
        canvas = self.canvas.copy()
        for cell, panel in self.panels.items():
            x, y = self.at[cell]
            canvas[y : y + panel.size, x : x + panel.size] = panel.draw(moment)
            note = _word(panel.plane.notes[moment], self.note_font)
            self._stamp(x, y - 3 - note.shape[0], note[:, : panel.size], canvas)
        left, top, length = self.bar
        canvas[top : top + 5, left : left + length] = TRACK
        canvas[top : top + 5, left : left + max(1, round(progress * length))] = BAR
        self._stamp(left, top + 10, _word(f"step {step}", self.font, bold=True), canvas)
        return canvas

    def _key(self) -> Pixels:
        """The legend: a contour line, the ramp of heat, samples where they are drawn."""
        words = [_word(text, self.small) for text in ("real density", "generated", "samples")]
        height = words[0].shape[0]
        line, ramp, dots = (np.zeros((height, w), np.uint8) for w in (26, 3 * LEVELS, 12))
        line[height // 2 : height // 2 + 2] = FULL
        ramp[3:-3] = np.arange(LEVELS, dtype=np.uint8).repeat(3)
        for x, y in ((1, -2), (5, 2), (9, -3)):
            dots[height // 2 + y : height // 2 + y + 2, x : x + 2] = POINT
        near, far = (np.zeros((height, w), np.uint8) for w in (6, 20))
        parts = [line, near, words[0], far, ramp, near, words[1]]
        return np.hstack([*parts, far, dots, near, words[2]] if self.points else parts)

    def _stamp(self, left: int, top: int, patch: Pixels, canvas: Pixels | None = None) -> None:
        """Put a patch on a canvas, cut at its borders."""
        canvas = self.canvas if canvas is None else canvas
        patch = patch[max(0, -top) :, max(0, -left) :]
        there = canvas[max(0, top) :, max(0, left) :][: patch.shape[0], : patch.shape[1]]
        there[:] = patch[: there.shape[0], : there.shape[1]]


@lru_cache(maxsize=16)
def _font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    """DejaVu Sans from matplotlib's own files, laid out plainly: the same on every machine."""
    file = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")
    return ImageFont.truetype(str(file), size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=512)
def _word(text: str, size: int, bold: bool = False) -> Pixels:
    """Text as greys of the palette (ascent + descent, width)."""
    font = _font(size, bold)
    ascent, descent = font.getmetrics()
    image = Image.new("L", (max(1, int(np.ceil(font.getlength(text)))), ascent + descent))
    ImageDraw.Draw(image).text((0, ascent), text, 255, font, anchor="ls")
    return (PAPER + np.round(np.asarray(image) / 255.0 * (GREYS - 1))).astype(np.uint8)


def _fit(texts: Sequence[str], size: int, room: int, bold: bool = False) -> int:
    """The largest font size up to `size`, but at least 9, at which no text is wider than `room` pixels."""
    widest = max((_font(size, bold).getlength(text) for text in texts), default=0)
    return size if widest <= room else max(9, int(size * room / widest))
