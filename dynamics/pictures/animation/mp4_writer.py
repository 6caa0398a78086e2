"""A writer of MP4, what slides and videos take; it needs PyAV."""

from __future__ import annotations

import contextlib
import importlib
import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dynamics.pictures.animation.frame_writer import FrameWriter, MissingLibrary, Pixels


class Mp4Writer(FrameWriter):
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
