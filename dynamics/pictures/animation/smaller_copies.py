"""Smaller copies of pictures, for where there is little room: fewer colours, fewer frames, fewer pixels.

A picture may come from anywhere: what is not plainly one, or would be very large, is refused with ``ValueError``.
"""

from __future__ import annotations

import io
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from dynamics.pictures.animation.frame_writer import Pixels
from dynamics.pictures.animation.gif_apng_webp import GifWriter

MOST_PIXELS = 2**25  # of a picture
MOST_DECODED = 2**31  # pixels of all of an animation's frames together


def fewer_colours(data: bytes) -> bytes:
    """A PNG with at most 256 colours, of the same size."""
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            _check_size(*image.size)
            few = image.convert("RGB").quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    except (OSError, SyntaxError) as error:
        raise ValueError(str(error)) from None
    return _packed(few)


class Gif:
    """An animation as `GifWriter` writes it: one palette (K, 3), delays (F,) in 1/100 s, and its frames in turn.

    Raises ``ValueError`` for any other file, and for one that is very large.
    """

    def __init__(self, data: bytes) -> None:
        if data[:6] != b"GIF89a" or len(data) < 13 or not data[10] & 0x80:
            raise ValueError("not a GIF with one palette")
        self.width, self.height = struct.unpack("<HH", data[6:10])
        _check_size(self.width, self.height)
        self._table = data[13 : 13 + (6 << (data[10] & 7))]
        self._packing = data[10]
        self.palette = np.frombuffer(self._table, np.uint8).reshape(-1, 3)
        self.delays: list[int] = []
        self._patches: list[tuple[tuple[int, int, int, int], int | None, bytes]] = []  # place, transparent index, data
        try:
            self._read(data, 13 + len(self._table))
        except (IndexError, struct.error):
            raise ValueError("the GIF ends early") from None
        if not self._patches or self.width * self.height * len(self._patches) > MOST_DECODED:
            raise ValueError("no frames, or too many")

    def __len__(self) -> int:
        return len(self._patches)

    def _read(self, data: bytes, at: int) -> None:
        delay, clear = 0, None
        while data[at] != 0x3B:
            kind, start = data[at], at
            if kind == 0x21:
                if data[at + 1] == 0xF9:
                    flags, delay, index = struct.unpack("<BHB", data[at + 3 : at + 7])
                    if flags >> 2 & 7 > 1:
                        raise ValueError("a GIF whose frames do not stay in place")
                    clear = index if flags & 1 else None
                at += 2
            elif kind == 0x2C:
                left, top, width, height, flags = struct.unpack("<HHHHB", data[at + 1 : at + 10])
                if flags or not 0 < width <= self.width - left or not 0 < height <= self.height - top:
                    raise ValueError("a GIF of another kind")
                at += 11
            else:
                raise ValueError("not a GIF")
            while data[at]:
                at += data[at] + 1
            at += 1
            if kind == 0x2C:
                self._patches.append(((left, top, width, height), clear, data[start + 10 : at]))
                self.delays.append(delay)

    def frames(self) -> Iterator[Pixels]:
        """Indices (height, width) of one frame after the other. The array is the same one each time."""
        shown = np.zeros((self.height, self.width), np.uint8)
        for (left, top, width, height), clear, packed in self._patches:
            head = struct.pack("<6sHHBBB", b"GIF89a", width, height, self._packing, 0, 0) + self._table
            place = struct.pack("<cHHHHB", b",", 0, 0, width, height, 0)
            try:
                with Image.open(io.BytesIO(head + place + packed + b";"), formats=["GIF"]) as image:
                    box = np.asarray(image if image.mode == "L" else image.convert("P") if image.mode != "P" else image)
            except (OSError, SyntaxError) as error:
                raise ValueError(str(error)) from None
            inside = shown[top : top + height, left : left + width]
            np.copyto(inside, box, where=True if clear is None else box != clear)
            yield shown

    def copy(self, count: int, shrink: int = 1) -> bytes:
        """The same with `count` of its frames, evenly, from the first to the last; each side is `shrink` times less.

        It lasts as long.
        """
        kept = set(np.round(np.linspace(0, len(self) - 1, min(max(2, count), len(self)))).astype(int).tolist())
        before, hold = sum(self.delays[:-1]), self.delays[-1]
        fps = 100 * (len(kept) - 1) / before if before and len(kept) > 1 else 1.0
        colours = self.palette[:-1] if len(self.palette) > 2 else self.palette  # room for a transparent one
        size = -(-self.width // shrink), -(-self.height // shrink)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "copy.gif"
            with GifWriter(path, colours, size, fps, hold / 100) as film:
                for number, frame in enumerate(self.frames()):
                    if number in kept:
                        film.append(self._shrunk(frame, shrink))
            return path.read_bytes()

    def last(self, shrink: int = 1) -> bytes:
        """The last frame as a PNG."""
        for frame in self.frames():
            newest = frame
        image = Image.fromarray(self._shrunk(newest, shrink))
        image.putpalette(self.palette.tobytes())
        return _packed(image)

    def _shrunk(self, frame: Pixels, shrink: int) -> Pixels:
        """Means of shrink × shrink pixels, as the nearest of the palette's colours."""
        if shrink == 1:
            return frame
        image = Image.fromarray(frame)
        image.putpalette(self.palette.tobytes())
        palette = Image.new("P", (1, 1))
        palette.putpalette(self.palette[:-1].tobytes())
        return np.asarray(image.convert("RGB").reduce(shrink).quantize(palette=palette, dither=Image.Dither.NONE))


def _check_size(width: int, height: int) -> None:
    if not 0 < width * height <= MOST_PIXELS:
        raise ValueError(f"{width} × {height} pixels")


def _packed(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()
