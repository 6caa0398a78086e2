"""Animations read back."""

import io

import numpy as np
from PIL.GifImagePlugin import GifImageFile


def frames_of(path):
    """All frames (F, height, width, 3) and their durations (F,) in milliseconds, through Pillow."""
    with GifImageFile(io.BytesIO(path.read_bytes())) as image:
        assert image.info["loop"] == 0
        frames, durations = [], []
        for k in range(image.n_frames):
            image.seek(k)
            frames.append(np.asarray(image.convert("RGB")))
            durations.append(image.info["duration"])
    return np.stack(frames), durations
