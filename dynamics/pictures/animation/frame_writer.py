"""Frames in, an animation's file out: what the writers of all formats share.

A frame is indices into one palette, and every format but MP4 gives back exactly those colours. Frames are written as
they come, one held at a time.

Every format lasts equally long. Frame k begins at k/fps; what a format cannot say so finely is rounded at each frame's
beginning, never at its length, so that nothing adds up. Browsers show frames of 10 ms and less for 100 ms, so frames
that would be shorter than a format's `quickest` are left out: at each multiple of it stands the newest that has begun.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from dynamics.base.files import atomic

Pixels = NDArray[np.uint8]  # palette indices, (height, width)
LONGEST = 600  # seconds that a frame can stand, in every format


class MissingLibrary(Exception):
    """A format needs a library that is not installed; the message says how to get it."""


class FrameWriter(ABC):
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
