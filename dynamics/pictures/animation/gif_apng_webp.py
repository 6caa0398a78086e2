"""Writers of GIF, animated PNG and animated WebP. APNG is the quickest to write, WebP the smallest."""

from __future__ import annotations

import contextlib
import io
import struct
import tempfile
import zlib
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile

from dynamics.pictures.animation.frame_writer import Pixels
from dynamics.pictures.animation.patch_writer import PACKERS, Patch, PatchWriter


class GifWriter(PatchWriter):
    """GIF. Times are whole 1/100 s; browsers show less than two slowly, so above 50 fps it leaves frames out."""

    largest = 65535
    tick = Fraction(1, 100)
    quickest = Fraction(2, 100)
    tail = b";"

    def _head(self, length: int) -> bytes:
        bits = min(8, len(self.palette).bit_length())  # of the table, with room for the transparent index
        screen = struct.pack("<6sHHBBB", b"GIF89a", self.width, self.height, 0x80 | 0x70 | (bits - 1), 0, 0)
        loop = b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"  # for ever
        return screen + self.palette.tobytes().ljust(3 << bits, b"\0") + loop

    def _begin(self, temporary: Path, stack: contextlib.ExitStack) -> None:
        files = (tempfile.TemporaryFile() for _ in range(PACKERS))  # noqa: SIM115
        self._packed: list[BinaryIO] = [stack.enter_context(file) for file in files]  # of threads that are idle
        super()._begin(temporary, stack)

    def _encode(self, box: Pixels, sparse: bool) -> bytes:
        # Pillow's LZW, in sub-blocks. Into memory it would hold Python's lock, and nothing could be drawn beside it.
        image, file = Image.fromarray(box), self._packed.pop()
        file.seek(0)
        file.truncate()
        ImageFile._save(image, file, [ImageFile._Tile("gif", (0, 0, *image.size), 0, "L")])
        file.seek(0)
        data = file.read() + b"\0"
        self._packed.append(file)
        return data

    def _frame(self, patch: Patch, number: int, seconds: Fraction) -> bytes:
        delay, clear = int(100 * seconds), len(self.palette) if patch.sparse else 0
        # graphic control; 4 = disposal 1, the picture stays in place
        control = struct.pack("<3sBHBB", b"!\xf9\x04", 4 | patch.sparse, delay, clear, 0)
        return control + struct.pack("<cHHHHBB", b",", *patch[:4], 0, 8) + patch.data.result()


class ApngWriter(PatchWriter):
    """Animated PNG, 8 bits a pixel. Delays are fractions: 1/fps exactly. Above 90 fps it leaves frames out."""

    largest = 2**31 - 1
    quickest = Fraction(11, 1000)
    tail = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))

    def _head(self, length: int) -> bytes:
        colours = self.palette.tobytes()
        clear = b""
        if len(self.palette) < 256:
            colours += b"\0\0\0"
            clear = self._chunk(b"tRNS", b"\xff" * len(self.palette) + b"\0")
        return (
            b"\x89PNG\r\n\x1a\n"
            + self._chunk(b"IHDR", struct.pack(">IIBBBBB", self.width, self.height, 8, 3, 0, 0, 0))
            + self._chunk(b"acTL", struct.pack(">II", self._written, 0))  # 0: loop for ever
            + self._chunk(b"PLTE", colours)
            + clear
        )

    def _encode(self, box: Pixels, sparse: bool) -> bytes:
        # Differences between rows, of which zlib looks for runs only: the fastest of its ways with these pictures, and
        # up to a third smaller than LZW. Its usual level 6 makes them a tenth smaller in three times the time.
        rows = np.empty((len(box), box.shape[1] + 1), np.uint8)
        rows[:, 0] = 2  # filter type: up
        rows[0, 1:] = box[0]
        np.subtract(box[1:], box[:-1], out=rows[1:, 1:])
        packer = zlib.compressobj(1, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
        return packer.compress(rows.data) + packer.flush()

    def _frame(self, patch: Patch, number: int, seconds: Fraction) -> bytes:
        # both parts have 16 bits: the larger one is kept within them
        short = seconds.limit_denominator(65535) if seconds < 1 else 1 / (1 / seconds).limit_denominator(65535)
        place = struct.pack(">IIII", patch.width, patch.height, patch.left, patch.top)
        # disposal 0, the picture stays in place; drawn over it, or instead of it
        look = struct.pack(">HHBB", short.numerator, short.denominator, 0, patch.sparse)
        # fcTL and fdAT are numbered in one sequence; the first frame's data are the still picture's
        control = self._chunk(b"fcTL", struct.pack(">I", max(0, 2 * number - 1)) + place + look)
        if number == 0:
            return control + self._chunk(b"IDAT", patch.data.result())
        return control + self._chunk(b"fdAT", struct.pack(">I", 2 * number) + patch.data.result())

    @staticmethod
    def _chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


class WebpWriter(PatchWriter):
    """Animated WebP, lossless. Times are whole milliseconds. Above 90 fps it leaves frames out.

    Pillow's own animations are kept in memory until they end, so each box is a still picture of Pillow's here, and
    the animation around them is written by hand.
    """

    largest = 16383
    even = True
    tick = Fraction(1, 1000)
    quickest = Fraction(11, 1000)

    def _head(self, length: int) -> bytes:
        # bit 1: animated, bit 4: some patch has transparent pixels; the background is white, which none ever sees
        canvas = struct.pack("<I", 0x02 | 0x10 * self._sparse) + self._short(self.width - 1, self.height - 1)
        loop = struct.pack("<IH", 0xFFFFFFFF, 0)  # 0: for ever
        chunks = self._chunk(b"VP8X", canvas) + self._chunk(b"ANIM", loop)
        return struct.pack("<4sI4s", b"RIFF", max(0, length - 8), b"WEBP") + chunks

    def _encode(self, box: Pixels, sparse: bool) -> bytes:
        image, file = Image.fromarray(box), io.BytesIO()
        if sparse:
            opaque = np.hstack([self.palette, np.full((len(self.palette), 1), 255, np.uint8)])
            image.putpalette(opaque.tobytes() + b"\0\0\0\0", "RGBA")
        else:
            image.putpalette(self.palette.tobytes())
        # more effort than this: a tenth smaller in twice the time
        image.save(file, "WEBP", lossless=True, quality=0, method=1)
        still = file.getvalue()
        assert still[12:16] == b"VP8L", "a lossless picture without metadata is one chunk"
        return still[12:]

    def _frame(self, patch: Patch, number: int, seconds: Fraction) -> bytes:
        size = patch.width - 1, patch.height - 1
        place = self._short(patch.left // 2, patch.top // 2, *size, int(1000 * seconds))
        # 0: drawn over the picture; 2: instead of it. It stays in place either way.
        return self._chunk(b"ANMF", place + (b"\0" if patch.sparse else b"\2") + patch.data.result())

    @staticmethod
    def _short(*values: int) -> bytes:
        return b"".join(value.to_bytes(3, "little") for value in values)

    @staticmethod
    def _chunk(kind: bytes, data: bytes) -> bytes:
        return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
