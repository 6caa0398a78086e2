"""Frames in, an animation's file out: written as they come, one held at a time."""

import os
import struct
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]  # palette indices, (height, width)


class GifWriter:
    """Writes a GIF frame by frame: `with GifWriter(...) as gif: gif.append(indices)`.

    Frames (height, width) hold indices into one palette (K ≤ 256, 3) for all. After the first, only the box
    that changed is stored; memory holds one frame however many there are. The picture loops for ever. The
    file gets its name when it is whole: after an exception nothing is left.
    """

    def __init__(
        self,
        path: str | Path,
        palette: Pixels,
        size: tuple[int, int],
        fps: float,
        hold_last_seconds: float = 2,
    ) -> None:
        if not 2 <= len(palette) <= 256:
            raise ValueError(f"a GIF palette has 2 to 256 colours, not {len(palette)}")
        if not fps > 0:
            raise ValueError(f"fps must be positive, not {fps}")
        self.path, (self.width, self.height) = Path(path), size
        self.delay = max(2, round(100 / fps))  # 1/100 s; browsers show anything shorter slowly
        self.hold = max(self.delay, round(100 * hold_last_seconds))
        self._shown: Pixels | None = None
        self._delay_at = 0  # where in the file the newest frame's delay stands
        self._partial = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        self._file: BinaryIO = self._partial.open("wb")
        bits = int(len(palette) - 1).bit_length()
        self._file.write(struct.pack("<6sHHBBB", b"GIF89a", *size, 0x80 | 0x70 | (bits - 1), 0, 0))
        self._file.write(np.asarray(palette, np.uint8).tobytes().ljust(3 << bits, b"\0"))
        self._file.write(b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0")  # loop for ever

    def append(self, indices: Pixels) -> None:
        """Add a frame (height, width), uint8."""
        if indices.shape != (self.height, self.width) or indices.dtype != np.uint8:
            raise ValueError(f"a frame is ({self.height}, {self.width}) uint8, not {indices.shape} {indices.dtype}")
        top, bottom, left, right = 0, self.height, 0, self.width
        if self._shown is not None:
            changed = indices != self._shown
            rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
            # A frame like the one before takes its time too: it stores one pixel.
            top, bottom = (int(rows[0]), int(rows[-1]) + 1) if rows.size else (0, 1)
            left, right = (int(columns[0]), int(columns[-1]) + 1) if columns.size else (0, 1)
        box = np.ascontiguousarray(indices[top:bottom, left:right])
        self._file.write(b"!\xf9\x04\x04")  # graphic control; 4 = disposal 1, the picture stays in place
        self._delay_at = self._file.tell()
        self._file.write(struct.pack("<HBB", self.delay, 0, 0))
        self._file.write(struct.pack("<cHHHHBB", b",", left, top, right - left, bottom - top, 0, 8))
        self._file.write(Image.fromarray(box).tobytes("gif", "L") + b"\0")  # Pillow's LZW, in sub-blocks
        self._shown = indices.copy()

    def close(self) -> None:
        """Let the last frame stand, end the file and give it its name."""
        if self._file.closed:
            return
        if self._shown is None:
            self.discard()
            raise ValueError("a GIF needs at least one frame")
        self._file.write(b";")
        self._file.seek(self._delay_at)
        self._file.write(struct.pack("<H", self.hold))
        self._file.close()
        os.replace(self._partial, self.path)

    def discard(self) -> None:
        """Give up: leave no file."""
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
            self.discard()
