"""Frames to write, and when the frames of what was written begin."""

import importlib.util

import numpy as np
import pytest
from frames import frames_of, video_of

from dynamics.pictures.animation.file_formats import open_writer

NEEDS_AV = pytest.mark.skipif(importlib.util.find_spec("av") is None, reason="MP4 needs PyAV")
EXACT = ["gif", "webp", "apng"]  # formats that give back every colour
ALL = [*EXACT, pytest.param("mp4", marks=NEEDS_AV)]


def write(path, frames, palette=None, fps=10, **options):
    palette = np.arange(768, dtype=np.uint8).reshape(256, 3) if palette is None else palette
    with open_writer(path, palette, (frames[0].shape[1], frames[0].shape[0]), fps, **options) as writer:
        for frame in frames:
            writer.append(frame)
    return path


def scenes(colours):
    """Frames (8, 91, 131) that differ everywhere, nowhere, in a box at an odd place, in few pixels and in one."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, colours, (8, 91, 131)).astype(np.uint8)
    frames[2] = frames[1]
    frames[3] = frames[2]
    frames[3, 41:50, 7:10] = 1 - frames[3, 41:50, 7:10].clip(0, 1)
    frames[4] = np.where(rng.random((91, 131)) < 0.2, frames[4], frames[3])
    frames[6] = frames[5]
    frames[6, -1, -1] = 1 - frames[6, -1, -1].clip(0, 1)
    return frames


def numbered(count):
    """Frames (count, 8, 8) of one colour each: frame k has index k."""
    return np.arange(count, dtype=np.uint8)[:, None, None].repeat(8, axis=1).repeat(8, axis=2)


def clock_of(path):
    """How long each frame of an animation is shown, in seconds, by what reads its format."""
    if path.suffix == ".mp4":
        _, times, facts = video_of(path)
        return np.diff([*times, facts["seconds"]])
    if path.suffix:
        return np.array(frames_of(path)[1]) / 1000
    rates = [line.split(":")[1] for line in (path / "timeline.txt").read_text().splitlines()]
    seconds = []
    for rate in rates:  # each holds until the next, as the package's manual says
        seconds.append(1 / float(rate) if rate else seconds[-1])
    return np.array(seconds)


UNIT = {"gif": 0.01, "webp": 0.001, "apng": 1e-6, "mp4": 1e-4, "png": 1e-4}  # seconds, the smallest difference there is
