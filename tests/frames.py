"""Animations read back."""

import io

import numpy as np
from PIL import Image


def frames_of(path):
    """All frames (F, height, width, 3) of a GIF, APNG or WebP and their durations (F,) in milliseconds, by Pillow."""
    with Image.open(io.BytesIO(path.read_bytes())) as image:
        assert image.info["loop"] == 0
        frames, durations = [], []
        for k in range(image.n_frames):
            image.seek(k)
            frames.append(np.asarray(image.convert("RGB")))
            durations.append(image.info["duration"])
    return np.stack(frames), durations


def video_of(path):
    """All frames (F, height, width, 3) of a BT.709 video, their times (F,) in seconds, and what it says of itself.

    By FFmpeg. Colours are worked out here from Y, Cb and Cr, so they are right only if the file's tags say BT.709 too.
    """
    import av

    frames, times = [], []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        for frame in container.decode(stream):
            assert (frame.format.name, frame.colorspace, frame.color_range) == ("yuv420p", 1, 1)
            planes = frame.to_ndarray().astype(float).ravel()
            height, width = frame.height, frame.width
            luma = planes[: height * width].reshape(height, width)
            chroma = planes[height * width :].reshape(2, height // 2, width // 2)
            y, (cb, cr) = (luma - 16) / 219, (chroma - 128).repeat(2, axis=1).repeat(2, axis=2) / 224
            red, blue = y + 1.5748 * cr, y + 1.8556 * cb
            green = (y - 0.2126 * red - 0.0722 * blue) / 0.7152
            frames.append(np.clip(255 * np.stack([red, green, blue], axis=-1), 0, 255))
            times.append(frame.time)
        codec = stream.codec_context  # not to be asked once the container is closed
        facts = {
            "codec": codec.name,
            "rates": {stream.average_rate, stream.guessed_rate},
            "seconds": float(stream.duration * stream.time_base),
            "colours": (codec.colorspace, codec.color_primaries, codec.color_trc, codec.color_range),
        }
    return np.stack(frames), times, facts
