"""Frames stored as the boxes that changed: what GIF, APNG and WebP share.

Where little in a box changed, the rest is left transparent, which packs better. Two threads pack frames while the next
ones are drawn.
"""

from __future__ import annotations

import contextlib
import math
from abc import abstractmethod
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, ClassVar, NamedTuple

import numpy as np

from dynamics.pictures.animation.frame_writer import FrameWriter, Pixels

PACKERS = 2  # threads beside the one that draws
SPARSE = 0.45  # a box that changed in a smaller share of its pixels packs better with the others transparent


class Patch(NamedTuple):
    """A frame as it is stored: a box of the picture, and its pixels, which a thread encodes."""

    left: int
    top: int
    width: int
    height: int
    sparse: bool  # the pixels that did not change are transparent
    data: Future[bytes]


class PatchWriter(FrameWriter):
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
