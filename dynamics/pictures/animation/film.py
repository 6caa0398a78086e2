"""Frames in, an animation's file out: written as they come, one held at a time.

A frame is indices into one palette, and every format but MP4 gives back exactly those colours. After the first frame
GIF, WebP and APNG store only the box that changed; where little in it changed, the rest is left transparent, which
packs better. Two threads pack frames while the next ones are drawn. APNG is the quickest to write, WebP the smallest,
MP4 what slides and videos take, a folder of PNGs what LaTeX's `animate` package takes.

Every format lasts equally long. Frame k begins at k/fps; what a format cannot say so finely is rounded at each frame's
beginning, never at its length, so that nothing adds up. Browsers show frames of 10 ms and less for 100 ms, so frames
that would be shorter than a format's `quickest` are left out: at each multiple of it stands the newest that has begun.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import math
import re
import struct
import tempfile
import zlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from dynamics.base.files import atomic

Pixels = NDArray[np.uint8]  # palette indices, (height, width)

# of a path -> its format; a path without one is a folder
SUFFIXES = {".gif": "gif", ".webp": "webp", ".png": "apng", ".apng": "apng", ".mp4": "mp4", "": "png"}
LONGEST = 600  # seconds that a frame can stand, in every format
TIMELINE = "timeline.txt"  # beside PNGs
MOST_TIMELINE = 2**20  # bytes of it that are read: of 100 000 frames
PACKERS = 2  # threads beside the one that draws
SPARSE = 0.45  # a box that changed in a smaller share of its pixels packs better with the others transparent


class MissingLibrary(Exception):
    """A format needs a library that is not installed; the message says how to get it."""


def open_film(
    path: str | Path, palette: Pixels, size: tuple[int, int], fps: float, hold_last_seconds: float = 2
) -> Film:
    """The writer for a path's suffix, to be used in `with`. Raises what `Film` does, for an unknown suffix too."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{path}: an animation's name ends in {', '.join(SUFFIXES)}")
    return FORMATS[SUFFIXES[suffix]](path, palette, size, fps, hold_last_seconds)


class Film(ABC):
    """A file that takes frames (height, width) uint8, indices into one palette (K, 3) with 2 ≤ K ≤ 256.

    `with GifWriter(path, palette, (width, height), fps) as film: film.append(indices)`. Each frame stands 1/fps, as
    closely as the format can say, also one that equals the frame before; the last one stands `hold_last_seconds`, or
    1/fps if that is longer. F frames last (F − 1)/fps and what the last one stands, in every format, to half of its
    smallest unit. Frames that follow faster than `quickest` are left out, but the first and last never are.
    What can loop does so for ever. Memory does not grow with the number of frames. The file gets its name when it
    is whole: after an exception nothing is left. Equal frames give equal bytes. Raises `ValueError` for what the
    format cannot hold, `MissingLibrary`, and `OSError` where the file system does.
    """

    largest: ClassVar[int]  # side, pixels
    quickest: ClassVar[Fraction | None] = None  # seconds that a frame stands at least; None: any time

    def __init__(
        self,
        path: str | Path,
        palette: Pixels,
        size: tuple[int, int],
        fps: float,
        hold_last_seconds: float = 2,
    ) -> None:
        self.palette = np.asarray(palette, np.uint8)
        if self.palette.ndim != 2 or self.palette.shape[1] != 3 or not 2 <= len(self.palette) <= 256:
            raise ValueError(f"a palette has 2 to 256 colours (K, 3), not {self.palette.shape}")
        self.path, (self.width, self.height) = Path(path), map(int, size)
        if not (1 <= self.width <= self.largest and 1 <= self.height <= self.largest):
            raise ValueError(f"the sides must be 1 to {self.largest} pixels, not {self.width} × {self.height}")
        if not 1 / LONGEST <= fps <= 1000:
            raise ValueError(f"fps must be between 1/{LONGEST} and 1000, not {fps}")
        if not 0 <= hold_last_seconds <= LONGEST:
            raise ValueError(f"hold_last_seconds must be between 0 and {LONGEST}, not {hold_last_seconds}")
        self.delay = 1 / Fraction(float(fps))  # seconds
        self.hold = max(self.delay, Fraction(float(hold_last_seconds)))
        self._open: contextlib.ExitStack | None = None
        self._prepare()

    def append(self, indices: Pixels) -> None:
        """Add a frame (height, width), uint8. It is not kept: the array may be used again."""
        if self._open is None:
            raise ValueError("frames are appended inside `with`")
        if indices.shape != (self.height, self.width) or indices.dtype != np.uint8:
            raise ValueError(f"a frame is ({self.height}, {self.width}) uint8, not {indices.shape} {indices.dtype}")
        if indices.max() >= len(self.palette):
            raise ValueError(f"a frame has index {indices.max()}, the palette {len(self.palette)} colours")
        self._add(indices)
        self.count += 1

    def __enter__(self) -> Self:
        self.count = 0  # frames so far
        with contextlib.ExitStack() as stack:
            self._begin(self._place(stack), stack)
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stack, self._open = self._open, None
        assert stack is not None
        if kind is not None:
            stack.__exit__(kind, error, trace)
            return
        with stack:
            if not self.count:
                raise ValueError("an animation needs at least one frame")
            self._end()

    def _place(self, stack: contextlib.ExitStack) -> Path:
        """Where to write, until `stack` closes: a temporary file beside the path, which then gets its name."""
        return stack.enter_context(atomic(self.path))

    def _prepare(self) -> None:
        """What a format asks for beside; raises for what it cannot hold, before there is a file."""
        return

    @abstractmethod
    def _begin(self, temporary: Path, stack: contextlib.ExitStack) -> None:
        """Open the file; whatever way the film ends, `stack` closes what it is given."""

    @abstractmethod
    def _add(self, indices: Pixels) -> None: ...

    @abstractmethod
    def _end(self) -> None: ...


class Patch(NamedTuple):
    """A frame as it is stored: a box of the picture, and its pixels, which a thread encodes."""

    left: int
    top: int
    width: int
    height: int
    sparse: bool  # the pixels that did not change are transparent
    data: Future[bytes]


class PatchFilm(Film):
    """What GIF, APNG and WebP share. The newest patches wait in memory, until they are packed and followed."""

    even = False  # boxes begin at even places only
    tick: ClassVar[Fraction | None] = None  # seconds that times are multiples of; None: any time
    quickest: ClassVar[Fraction]
    tail = b""

    @abstractmethod
    def _head(self, length: int) -> bytes:
        """What stands before the frames. It is written again at the end, when length and `_written` are known."""

    @abstractmethod
    def _encode(self, box: Pixels, sparse: bool) -> bytes:
        """Called in a thread, of which there are `PACKERS`."""

    @abstractmethod
    def _frame(self, patch: Patch, number: int, seconds: Fraction) -> bytes: ...

    def _begin(self, temporary: Path, stack: contextlib.ExitStack) -> None:
        self._file: BinaryIO = stack.enter_context(temporary.open("wb"))
        self._encoder = stack.enter_context(ThreadPoolExecutor(PACKERS))
        self._shown: Pixels | None = None
        self._newest: tuple[Fraction, Pixels] | None = None  # when it begins; the next one may take its place
        self._waiting: deque[tuple[Fraction, Patch]] = deque()
        self._written = 0
        self._sparse = False  # any patch so far
        self._file.write(self._head(0))

    def _add(self, indices: Pixels) -> None:
        begins = self._begins(self.count)
        if self._newest is not None and self._newest[0] < begins:
            self._take(*self._newest)
        self._newest = begins, indices.copy()

    def _begins(self, number: int) -> Fraction:
        """When a frame begins, in seconds: of several that begin together the last is shown."""
        exact = number * self.delay
        if self.delay < self.quickest:
            return math.ceil(exact / self.quickest) * self.quickest
        return self._rounded(exact)

    def _rounded(self, seconds: Fraction) -> Fraction:
        return seconds if self.tick is None else math.floor(seconds / self.tick + Fraction(1, 2)) * self.tick

    def _take(self, begins: Fraction, indices: Pixels) -> None:
        patch = self._patch(indices)
        self._shown = indices
        self._sparse |= patch.sparse
        self._waiting.append((begins, patch))
        if len(self._waiting) > PACKERS:
            self._write(self._waiting[1][0])

    def _write(self, until: Fraction) -> None:
        """Write the patch that has waited longest."""
        begins, patch = self._waiting.popleft()
        self._file.write(self._frame(patch, self._written, until - begins))
        self._written += 1

    def _end(self) -> None:
        assert self._newest is not None
        self._take(*self._newest)
        while len(self._waiting) > 1:
            self._write(self._waiting[1][0])
        end = self._rounded((self.count - 1) * self.delay + self.hold)
        self._write(max(end, self._waiting[0][0] + self.quickest))
        self._file.write(self.tail)
        length = self._file.tell()
        self._file.seek(0)
        self._file.write(self._head(length))

    def _patch(self, indices: Pixels) -> Patch:
        """The box of a frame that differs from the one shown; the whole frame if it is the first."""
        if self._shown is None:
            data = self._encoder.submit(self._encode, indices.copy(), False)
            return Patch(0, 0, self.width, self.height, False, data)
        changed = indices != self._shown
        rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
        # A frame like the one before takes its time too: it stores one pixel.
        top, bottom = (int(rows[0]), int(rows[-1]) + 1) if rows.size else (0, 1)
        left, right = (int(columns[0]), int(columns[-1]) + 1) if columns.size else (0, 1)
        if self.even:
            top, left = top // 2 * 2, left // 2 * 2
        box, changed = indices[top:bottom, left:right].copy(), changed[top:bottom, left:right]
        # The index after the palette's last is the transparent one; 256 colours leave none.
        sparse = len(self.palette) < 256 and 0 < int(np.count_nonzero(changed)) < SPARSE * changed.size
        if sparse:
            np.maximum(box, ~changed * np.uint8(len(self.palette)), out=box)  # a third of a mask's time
        return Patch(left, top, right - left, bottom - top, sparse, self._encoder.submit(self._encode, box, sparse))


class GifWriter(PatchFilm):
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


class ApngWriter(PatchFilm):
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


class WebpWriter(PatchFilm):
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


class Mp4Writer(Film):
    """MP4: H.264 in 4:2:0, which browsers and slides play; its sides are even. It needs PyAV.

    Colours are close, not exact, and finer in brightness than in hue. The frame rate is constant, so the last frame is
    repeated while it stands; the last time it is as short as is left. There is a key frame at least every second:
    players jump to any of them at once.
    """

    largest = 16384

    def _prepare(self) -> None:
        if self.width % 2 or self.height % 2:
            raise ValueError(f"an MP4's sides are even, not {self.width} × {self.height}")
        try:
            self._av: Any = importlib.import_module("av")
        except ImportError as error:
            raise MissingLibrary("MP4 needs PyAV: pip install -r requirements-video.txt") from error
        self.rate = (1 / self.delay).limit_denominator(1001)  # 30000/1001 is the finest in use
        # Colours become BT.709, limited range: Y in 16…235, Cb and Cr in 16…240 around 128. The file says so.
        red, green, blue = self.palette.T / 255.0
        luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        tables = 16 + 219 * luma, 128 + 224 * (blue - luma) / 1.8556, 128 + 224 * (red - luma) / 1.5748
        self._tables = [np.round(table).astype(int).tolist() + [0] * (256 - len(luma)) for table in tables]

    def _begin(self, temporary: Path, stack: contextlib.ExitStack) -> None:
        # The index goes to the front, so that playing starts before all is loaded; no program's name in the file.
        options = {"movflags": "+faststart", "fflags": "+bitexact"}
        self._container = stack.enter_context(self._av.open(str(temporary), "w", format="mp4", options=options))
        encoding = {
            "preset": "veryfast",  # "medium" is a tenth smaller, in three times the time
            "tune": "animation",
            "crf": "18",  # text stays crisp
            "g": str(max(1, round(self.rate))),  # most frames from one key frame to the next
            # Left to its fastest code, x264 weighs blocks by memory that nobody has set: bytes change with the run.
            "x264-params": "cpu-independent=1",
        }
        self._stream = self._container.add_stream("libx264", rate=self.rate, options=encoding)
        self._stream.width, self._stream.height, self._stream.pix_fmt = self.width, self.height, "yuv420p"
        codec = self._stream.codec_context
        codec.thread_count = 1  # bytes depend on their number
        codec.colorspace = codec.color_primaries = codec.color_trc = 1  # BT.709
        codec.color_range = 1  # limited
        self._time = 0  # frames
        self._packet: Any = None  # the newest, not in the file yet

    def _add(self, indices: Pixels) -> None:
        image = Image.fromarray(indices)
        luma, *chroma = (image.point(table) for table in self._tables)
        planes = [luma, *(plane.reduce(2) for plane in chroma)]  # means of 2 × 2 pixels
        self._planes = np.concatenate([np.asarray(plane).ravel() for plane in planes]).reshape(-1, self.width)
        self._show()

    def _show(self) -> None:
        frame = self._av.VideoFrame.from_ndarray(self._planes, format="yuv420p")
        frame.pts, frame.time_base = self._time, 1 / self.rate
        self._write(self._stream.encode(frame))
        self._time += 1

    def _write(self, packets: Sequence[Any]) -> None:
        for packet in packets:
            if self._packet is not None:
                self._container.mux(self._packet)
            self._packet = packet

    def _end(self) -> None:
        # the last frame and its repetitions, but not for less than a thousandth of one
        frames = max(1, math.ceil(self.hold * self.rate - Fraction(1, 1000)))
        for _ in range(frames - 1):
            self._show()
        self._write(self._stream.encode(None))
        # the file lasts as long as its packets do one after another, whatever their frames' order
        packet, fine = self._packet, 1000
        left = min(Fraction(1), 1 + self.hold * self.rate - frames)  # of the last one, in frames
        packet.time_base, packet.pts, packet.dts = packet.time_base / fine, packet.pts * fine, packet.dts * fine
        packet.duration = round(left * fine)
        self._container.mux(packet)


class PngWriter(Film):
    """A folder of PNGs, 0000.png and on without gaps, and timeline.txt: what LaTeX's `animate` package takes.

    The timeline says how long each frame stands; `animate_line` gives the line to paste. Frames of an earlier
    sequence in the folder that this one does not have are removed; other files stay.
    """

    largest = 2**31 - 1

    def _place(self, stack: contextlib.ExitStack) -> Path:
        self.path.mkdir(exist_ok=True)
        stack.push(self._tidy)
        return self.path

    def _tidy(self, kind: type[BaseException] | None, error: Any, trace: Any) -> None:
        """Once every frame has its name, or none."""
        if kind is not None:
            with contextlib.suppress(OSError):  # it is not empty
                self.path.rmdir()
            return
        number = self.count
        while (old := self.path / _numbered(number)).is_file():
            old.unlink()
            number += 1

    def _begin(self, temporary: Path, stack: contextlib.ExitStack) -> None:
        return

    def _add(self, indices: Pixels) -> None:
        assert self._open is not None
        image = Image.fromarray(indices)
        image.putpalette(self.palette.tobytes())
        image.save(self._open.enter_context(atomic(self.path / _numbered(self.count))))

    def _end(self) -> None:
        rates = [f"{float(1 / self.delay):.6g}", *[""] * (self.count - 1)]  # each holds until the next
        rates[-1] = f"{float(1 / self.hold):.6g}"
        lines = [f":{rate}:{number}\n" for number, rate in enumerate(rates)]
        with atomic(self.path / TIMELINE) as temporary:
            temporary.write_text("".join(lines), encoding="ascii")


def _numbered(number: int) -> str:
    return f"{number:04d}.png"


def sequence_files(count: int) -> list[str]:
    """The files of a folder that holds a sequence of so many frames."""
    return [*map(_numbered, range(count)), TIMELINE]


def animate_line(folder: Path, called: str) -> str | None:
    """The line of LaTeX, with its `animate` package, that shows a sequence of PNGs; None where a folder holds none.

    `called` is the folder's name for LaTeX.
    """
    try:
        with open(folder / TIMELINE, encoding="ascii") as file:
            lines = file.read(MOST_TIMELINE).splitlines()
    except (OSError, ValueError):
        return None
    rate = re.fullmatch(r":(\d[\d.]*):0", lines[0]) if lines else None
    if rate is None or not (folder / _numbered(len(lines) - 1)).is_file():
        return None
    how = f"width=\\linewidth,loop,autoplay,controls,poster=last,timeline={called}/{TIMELINE}"
    return f"\\animategraphics[{how}]{{{rate[1]}}}{{{called}/}}{{0000}}{{{len(lines) - 1:04d}}}"


FORMATS: dict[str, type[Film]] = {
    "gif": GifWriter,
    "webp": WebpWriter,
    "apng": ApngWriter,
    "mp4": Mp4Writer,
    "png": PngWriter,
}
