"""Arrays in, GIF out: the generated density of one or many settings, in lock-step on one clock.

Frames are composed in palette indices, never in colours: what does not change (words, axes, contour lines) is drawn
once, each frame adds the heat map of every panel, its note and the clock, and the encoder gets the pixels as they
are. Nothing is quantised, and no more than one frame is held. Colours and scales are those of plotting.py.
"""

import os
import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from plotting import (
    GENERATED,
    INK,
    REAL,
    Cell,
    Plane,
    draw_contours,
    generated_density,
    heat,
    heat_colours,
    plane_ticks,
    smoothed_peak,
)

Pixels = NDArray[np.uint8]

# The palette is a table of (line, level) followed by a ramp of greys for words: a contour pixel that is covered
# by `line` thirds of a line over heat `level` is index line × DEPTHS + level. Index 0 is white.
LEVELS = 16  # of heat, white to GENERATED
POINT = LEVELS  # one level more: a generated point, darker than any heat
DEPTHS = LEVELS + 1
LINES = 4  # coverage by a contour line: 0, 1/3, 2/3, 1
INKS = 12
INK_0 = LINES * DEPTHS  # white again, then darker up to INK
WIDEST, TALLEST = 960, 1080  # pixels, for panels whose size is not given


class GifWriter:
    """Writes a GIF frame by frame: `with GifWriter(...) as gif: gif.append(indices)`.

    Frames (height, width) hold indices into one palette (K ≤ 256, 3). After the first, only the box that changed
    is stored, so memory holds one frame and files stay small. The file loops for ever, and appears under its name
    only when it is whole: after an exception nothing is left.
    """

    def __init__(
        self,
        path: str | Path,
        palette: Pixels,
        size: tuple[int, int],
        fps: float,
        hold_last_seconds: float = 2.0,
    ) -> None:
        if not 2 <= len(palette) <= 256:
            raise ValueError(f"a GIF palette has 2 to 256 colours, not {len(palette)}")
        self.path = Path(path)
        self.width, self.height = size
        self.delay = max(2, round(100 / fps))  # hundredths of a second; browsers slow down anything below 2
        self.hold = max(self.delay, round(100 * hold_last_seconds))
        self.shown: Pixels | None = None
        bits = max(1, int(len(palette) - 1).bit_length())
        self._partial = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        self._file: BinaryIO = self._partial.open("wb")
        self._delay_at = 0  # where the newest frame's delay stands in the file
        self._file.write(struct.pack("<6sHHBBB", b"GIF89a", *size, 0x80 | 0x70 | (bits - 1), 0, 0))
        self._file.write(np.asarray(palette, np.uint8).tobytes().ljust(3 << bits, b"\0"))
        self._file.write(b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0")  # loop for ever

    def append(self, indices: Pixels) -> None:
        """Add one frame (height, width), uint8."""
        if indices.shape != (self.height, self.width) or indices.dtype != np.uint8:
            raise ValueError(
                f"a frame is ({self.height}, {self.width}) uint8, not {indices.shape} {indices.dtype}"
            )
        top, bottom, left, right = 0, self.height, 0, self.width
        if self.shown is not None:
            changed = indices != self.shown
            rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
            # A frame like the one before still takes its time: it stores one pixel.
            top, bottom = (rows[0], rows[-1] + 1) if rows.size else (0, 1)
            left, right = (columns[0], columns[-1] + 1) if columns.size else (0, 1)
        box = np.ascontiguousarray(indices[top:bottom, left:right])
        self._file.write(b"!\xf9\x04\x04")  # graphic control: leave the picture in place (disposal 1)
        self._delay_at = self._file.tell()
        self._file.write(struct.pack("<HBB", self.delay, 0, 0))
        self._file.write(struct.pack("<cHHHHBB", b",", left, top, right - left, bottom - top, 0, 8))
        self._file.write(Image.fromarray(box).tobytes("gif", "L") + b"\0")
        self.shown = indices.copy()

    def close(self) -> None:
        """Hold the last frame, end the file and give it its name."""
        if self._file.closed:
            return
        if self.shown is None:
            self._discard()
            raise ValueError("a GIF needs at least one frame")
        self._file.write(b";")
        self._file.seek(self._delay_at)
        self._file.write(struct.pack("<H", self.hold))
        self._file.close()
        os.replace(self._partial, self.path)

    def _discard(self) -> None:
        self._file.close()
        self._partial.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._discard()


def palette() -> Pixels:
    """The colours (K, 3) behind the indices described at the top of this file."""
    point = np.round(0.55 * 255 * np.array(to_rgb(GENERATED)))
    depths = np.vstack([heat_colours(LEVELS), point]).astype(float)
    cover = np.linspace(0, 1, LINES)[:, None, None]
    table = (1 - cover) * depths + cover * 255 * np.array(to_rgb(REAL))
    greys = 255 + np.linspace(0, 1, INKS)[:, None] * (255 * np.array(to_rgb(INK)) - 255)
    return np.round(np.vstack([table.reshape(-1, 3), greys])).astype(np.uint8)


@lru_cache(maxsize=8)
def _font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    file = (
        Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name
    )  # matplotlib's own: the same on every machine
    return ImageFont.truetype(str(file), size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=512)
def _word(text: str, size: int, bold: bool = False) -> Pixels:
    """Text as palette indices (ascent + descent, width)."""
    font = _font(size, bold)
    ascent, descent = font.getmetrics()
    image = Image.new("L", (max(1, int(np.ceil(font.getlength(text)))), ascent + descent))
    ImageDraw.Draw(image).text((0, ascent), text, 255, font, anchor="ls")
    grey = np.asarray(image).astype(int) * (INKS - 1) + 127
    return (grey // 255 + INK_0).astype(np.uint8)


def _stamp(canvas: Pixels, left: int, top: int, patch: Pixels) -> None:
    """Put a patch on the canvas in place, cut at its borders."""
    height, width = canvas.shape
    patch = patch[max(0, -top) : max(0, height - top), max(0, -left) : max(0, width - left)]
    top, left = max(0, top), max(0, left)
    canvas[top : top + patch.shape[0], left : left + patch.shape[1]] = patch


def _fit(texts: Sequence[str], size: int, room: int, bold: bool = False) -> int:
    """The largest font size up to `size` at which every text is at most `room` pixels wide; at least 9."""
    widest = max((_font(size, bold).getlength(text) for text in texts), default=0)
    return size if widest <= room else max(9, int(size * room / widest))


@matplotlib.rc_context({"lines.antialiased": True})
def _contour_lines(plane: Plane, half_width: float, pixels: int) -> Pixels:
    """Coverage of the panel's pixels by the real density's contour lines, as the palette offset line × DEPTHS."""
    figure = Figure(figsize=(pixels / 100, pixels / 100), dpi=100, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-half_width, half_width), ylim=(-half_width, half_width))
    axes.set_axis_off()
    draw_contours(axes, plane.density, half_width, linewidth=0.72 * (1.4 if pixels > 300 else 1.1))
    canvas.draw()
    white = np.asarray(canvas.buffer_rgba())[:, :, 0].astype(float)
    darkest = 255 * to_rgb(REAL)[0]
    cover = np.clip((255 - white) / (255 - darkest), 0, 1)
    return (np.round(cover * (LINES - 1)) * DEPTHS).astype(np.uint8)


class _Panel:
    """What one plane needs to become pixels (size, size) of any moment."""

    def __init__(self, plane: Plane, half_width: float, size: int, points: int) -> None:
        self.plane, self.half_width, self.size = plane, half_width, size
        self.block = (
            2 if size > 300 and size % 2 == 0 else 1
        )  # pixels of heat per pixel: large panels can spare it
        self.peak = smoothed_peak(plane, half_width)
        # Cells of 2/3 bandwidth carry all that the smoothing leaves; pixels in between are interpolated.
        self.resolution = int(np.clip(np.ceil(3 * half_width / plane.bandwidth), 48, size // self.block))
        self.lines = _contour_lines(plane, half_width, size)
        self.points = plane.samples[:, :points]
        self.table = [round(value * (LEVELS - 1) / 255) for value in range(256)]

    def draw(self, moment: int) -> Pixels:
        density = generated_density(
            self.plane.samples[moment], self.half_width, self.resolution, self.plane.bandwidth
        )
        depth = np.round(255 * heat(density[::-1], self.peak)).astype(np.uint8)
        side = self.size // self.block
        image = Image.fromarray(depth).resize((side, side), Image.Resampling.BICUBIC).point(self.table)
        pixels = np.array(image).repeat(self.block, axis=0).repeat(self.block, axis=1)
        here = self.points[moment]
        at = (here[np.isfinite(here).all(axis=1)] + self.half_width) * (self.size / (2 * self.half_width))
        at = at[((at >= 1) & (at < self.size - 1)).all(axis=1)].astype(int)
        column, row = at[:, 0], self.size - 1 - at[:, 1]
        for right, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
            pixels[row + down, column + right] = POINT
        pixels += self.lines
        return pixels


class _Sheet:
    """Where everything stands on the canvas, and everything that stays the same in all frames."""

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
        if single and not title:
            title = next(iter(planes.values())).title
        self.font = 18 if single else int(np.clip(WIDEST // (12 * max(across, down)), 14, 20))
        self.line = line = round(1.45 * self.font)
        small = self.font - 3
        ticks = [f"{t:g}".replace("-", "−") for t in plane_ticks(half_width)]
        margin = 10 + max(_word(t, small).shape[1] for t in ticks)
        names_right = 0 if not any(rows) or single else line
        left, right, gap = margin + names_right, 14, 12
        notes = [note for plane in planes.values() for note in plane.notes if note]
        head = line if notes else gap
        top = 8 + (line if title else 0) + (line if any(columns) and not single else 0)
        foot = small + 12 + 16 + line + 4
        if panel_px is None:
            wide = ((640 if single else WIDEST) - left - right - (across - 1) * gap) // across
            panel_px = int(np.clip(min(wide, (TALLEST - top - foot) // down - head), 72, 600)) // 2 * 2
        self.panel = panel_px
        self.at = {
            (r, c): (left + c * (panel_px + gap), top + head + r * (panel_px + head)) for r, c in planes
        }
        self.points = 200 if panel_px > 300 else 0  # in small panels they would hide the heat
        right += (
            left + right + across * panel_px + (across - 1) * gap
        ) % 2  # even sides suit every video format
        width = left + across * panel_px + (across - 1) * gap + right
        end = top + down * (panel_px + head)  # below the last row of planes
        key = self._key(small)
        step_px = round(6.5 * self.font)
        stacked = key.shape[1] + step_px > width - left - right  # too narrow: the key takes a line of its own
        height = (end + foot + (line if stacked else 0) + 1) // 2 * 2
        self.note_font = _fit(notes, self.font - 2, panel_px)
        self.canvas = canvas = np.zeros((height, width), np.uint8)

        _stamp(canvas, left, 6, _word(title, _fit([title], self.font, width - left, True), True))
        if not single:
            size = _fit(columns, self.font, panel_px, True)
            for c, name in enumerate(columns):
                word = _word(name, size, True)
                _stamp(
                    canvas, left + c * (panel_px + gap) + (panel_px - word.shape[1]) // 2, top - line, word
                )
            size = _fit(rows, self.font, panel_px + head, True)
            for r, name in enumerate(rows):
                word = np.rot90(_word(name, size, True))
                middle = top + head + r * (panel_px + head) + panel_px // 2
                _stamp(canvas, 4, middle - word.shape[0] // 2, word)
        for (r, c), (x, y) in self.at.items():
            canvas[y - 1 : y + panel_px + 1, x - 1 : x + panel_px + 1] = INK_0 + INKS - 5
            lowest = all((below, c) not in planes for below in range(r + 1, down))
            first = all((r, before) not in planes for before in range(c))
            for tick, text in zip(plane_ticks(half_width), ticks, strict=True):
                place = round((tick / half_width + 1) * panel_px / 2)
                word = _word(text, small)
                if lowest:
                    canvas[y + panel_px + 1 : y + panel_px + 5, x + place] = INK_0 + INKS - 5
                    _stamp(canvas, x + place - word.shape[1] // 2, y + panel_px + 5, word)
                if first:
                    canvas[y + panel_px - 1 - place, x - 5 : x - 1] = INK_0 + INKS - 5
                    _stamp(canvas, x - 7 - word.shape[1], y + panel_px - place - word.shape[0] // 2, word)
        self.bar = (left, end + small + 14, width - left - right)
        self.step_at = (left, self.bar[1] + 10)
        _stamp(canvas, width - right - key.shape[1], self.step_at[1] + 3 + (line if stacked else 0), key)

    def _key(self, size: int) -> Pixels:
        """The legend: a contour line, the ramp of heat, a point."""
        words = [_word(text, size) for text in ("real density", "generated")]
        height = words[0].shape[0]
        line = np.zeros((height, 26), np.uint8)
        line[height // 2 - 1 : height // 2 + 1] = (LINES - 1) * DEPTHS
        ramp = np.zeros((height, 3 * LEVELS), np.uint8)
        ramp[3:-3] = np.repeat(np.arange(LEVELS), 3)
        blank = [np.zeros((height, w), np.uint8) for w in (6, 20)]
        parts = [line, blank[0], words[0], blank[1], ramp, blank[0], words[1]]
        if self.points:
            dots = np.zeros((height, 12), np.uint8)
            for x, y in ((1, 2), (5, 6), (9, 1)):
                dots[height // 2 - 4 + y : height // 2 - 2 + y, x : x + 2] = POINT
            parts += [blank[1], dots, blank[0], _word("samples", size)]
        return np.hstack(parts)

    def frame(self, moment: int, panels: Mapping[Cell, _Panel], step: int, progress: float) -> Pixels:
        """One frame (height, width): every panel at one moment, and the clock."""
        canvas = self.canvas.copy()
        for cell, panel in panels.items():
            x, y = self.at[cell]
            canvas[y : y + self.panel, x : x + self.panel] = panel.draw(moment)
            note = _word(panel.plane.notes[moment], self.note_font)
            _stamp(canvas, x, y - 3 - note.shape[0], note[:, : self.panel])
        left, top, width = self.bar
        canvas[top : top + 5, left : left + width] = INK_0 + 2
        canvas[top : top + 5, left : left + max(1, round(progress * width))] = INK_0 + INKS - 4
        _stamp(canvas, *self.step_at, _word(f"step {step}", self.font, True))
        return canvas


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
    """Animate the generated densities of settings (row, column) over F moments, all at generator step `steps[f]`.

    Cells missing from `planes` stay empty. `panel_px` is a plane's side; left out, one plane makes a picture 640
    pixels wide, and a grid one of at most 960 × 1080. The bar is the clock: it grows with the step, not the frame.
    """
    if not planes:
        raise ValueError("density_gif needs at least one plane")
    for cell, plane in planes.items():
        if len(plane.samples) != len(steps):
            raise ValueError(f"plane {cell} has {len(plane.samples)} moments for {len(steps)} steps")
        if not (0 <= cell[0] < len(rows) and 0 <= cell[1] < len(columns)):
            raise ValueError(f"plane {cell} lies outside {len(rows)} rows × {len(columns)} columns")
    sheet = _Sheet(planes, rows, columns, half_width, panel_px, title)
    panels = {
        cell: _Panel(plane, half_width, sheet.panel, sheet.points) for cell, plane in sorted(planes.items())
    }
    first, last = float(steps[0]), float(steps[-1])
    height, width = sheet.canvas.shape
    with GifWriter(path, palette(), (width, height), fps) as gif:
        for moment, step in enumerate(steps):
            progress = (float(step) - first) / (last - first) if last > first else 1.0
            gif.append(sheet.frame(moment, panels, int(step), progress))
