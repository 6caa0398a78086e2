"""Words and samples of lines as pixels: small arrays (height, width) of palette indices, to be put on a canvas."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dynamics.pictures.animation.frame_writer import Pixels
from dynamics.pictures.animation.palette_indices import GREYS, PAPER, SHADES


@lru_cache(maxsize=512)
def text_pixels(text: str, size: int, bold: bool = False) -> Pixels:
    """Text as greys of the palette (ascent + descent, width)."""
    font = font_of(size, bold)
    ascent, descent = font.getmetrics()
    image = Image.new("L", (max(1, int(np.ceil(font.getlength(text)))), ascent + descent))
    ImageDraw.Draw(image).text((0, ascent), text, 255, font, anchor="ls")
    return (PAPER + np.round(np.asarray(image) / 255.0 * (GREYS - 1))).astype(np.uint8)


@lru_cache(maxsize=64)
def font_of(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    """DejaVu Sans from matplotlib's own files, laid out plainly: the same on every machine."""
    file = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")
    return ImageFont.truetype(str(file), size, layout_engine=ImageFont.Layout.BASIC)


def fitting_size(texts: Sequence[str], size: int, room: int, bold: bool = False) -> int:
    """The largest font size up to `size`, but at least 9, at which no text is wider than `room` pixels."""

    def widest(size: int) -> float:
        return max((font_of(size, bold).getlength(text) for text in texts), default=0)

    if (wide := widest(size)) > room:
        size = int(size * room / wide)
        while size > 9 and widest(size) > room:  # letters of a smaller font are not always as much narrower
            size -= 1
    return max(9, size)


def headings(texts: Sequence[str], font: int, room: int, centred: bool = True) -> list[Pixels]:
    """Bold names in lines of `room` pixels, all in one size, as large as they can be up to `font`.

    They take one line each where 4/5 of the size is enough for that, else two; at size 9 they are cut.
    """
    one = fitting_size(texts, font, room, bold=True)
    if one >= 0.8 * font:
        size, lines = one, [[text] if text else [] for text in texts]
    else:
        for size in range(font, 8, -1):
            lines = [_broken(text, font_of(size, True).getlength, room) for text in texts]
            if all(max(map(font_of(size, True).getlength, several)) <= room for several in lines):
                break
    step, names = round(1.25 * size), []
    for several in lines:
        words = [text_pixels(line, size, bold=True)[:, :room] for line in several]
        wide = max((word.shape[1] for word in words), default=1)
        name = np.zeros((len(words) * step + round(0.2 * font) if words else 0, wide), np.uint8)
        for k, word in enumerate(words):
            stamp(name, (wide - word.shape[1]) // 2 if centred else 0, k * step, word)
        names.append(name)
    return names


def _broken(text: str, length: Callable[[str], float], room: int) -> list[str]:
    """Text in one line if it fits into `room`, else in two: broken at a dot if they then fit, else evenly."""
    if length(text) <= room:
        return [text]
    words = text.split(" ")
    breaks = []
    for k in range(1, len(words)):
        lines = [" ".join(part).strip(" ·") for part in (words[:k], words[k:])]
        longer = max(map(length, lines))
        at_dot = "·" in (words[k - 1], words[k])
        breaks.append((not (at_dot and longer <= room), longer, lines))
    return min(breaks)[2] if breaks else [text]


def legend_rows(entries: list[Pixels], room: int, beside: int, line: int) -> tuple[Pixels, bool]:
    """Entries of a legend in lines of `room` pixels, and whether they need to go below the step; else in `beside`."""
    gap = 16
    wide = sum(entry.shape[1] + gap for entry in entries) - gap
    if not entries or wide <= beside:
        return _row(entries, gap, line), False
    lines: list[list[Pixels]] = [[]]
    for entry in entries:
        if lines[-1] and sum(e.shape[1] + gap for e in lines[-1]) + entry.shape[1] > room:
            lines.append([])
        lines[-1].append(entry)
    rows = [_row(several, gap, line) for several in lines]
    widest = max(row.shape[1] for row in rows)
    return np.vstack([np.pad(row, ((0, 0), (0, widest - row.shape[1]))) for row in rows]), True


def _row(entries: list[Pixels], gap: int, line: int) -> Pixels:
    """Patches in a row, `line` pixels high."""
    if not entries:
        return np.zeros((line, 1), np.uint8)
    row = np.hstack([piece for entry in entries for piece in (entry, blank(entry, gap))][:-1])
    return np.pad(row, ((0, max(0, line - len(row))), (0, 0)))


def number(value: float) -> str:
    return f"{round(value, 12):g}".replace("-", "−")


def line_sample(height: int, first: int) -> Pixels:
    """A piece of a curve whose shades begin with index `first`."""
    sample = np.zeros((height, 18), np.uint8)
    sample[height // 2 : height // 2 + 2] = first + SHADES - 1
    return sample


def blank(beside: Pixels, width: int) -> Pixels:
    return np.zeros((len(beside), width), np.uint8)


def stamp(canvas: Pixels, left: int, top: int, patch: Pixels) -> None:
    """Put a patch on a canvas, cut at its borders."""
    patch = patch[max(0, -top) :, max(0, -left) :]
    covered = canvas[max(0, top) :, max(0, left) :][: patch.shape[0], : patch.shape[1]]
    covered[:] = patch[: covered.shape[0], : covered.shape[1]]
