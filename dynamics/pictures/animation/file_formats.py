"""The formats that an animation is written in, and the writer for a path's suffix."""

from __future__ import annotations

from pathlib import Path

from dynamics.pictures.animation.frame_writer import FrameWriter, Pixels
from dynamics.pictures.animation.gif_apng_webp import ApngWriter, GifWriter, WebpWriter
from dynamics.pictures.animation.mp4_writer import Mp4Writer
from dynamics.pictures.animation.png_sequence import PngWriter

# of a path -> its format; a path without one is a folder
SUFFIXES = {".gif": "gif", ".webp": "webp", ".png": "apng", ".apng": "apng", ".mp4": "mp4", "": "png"}
FORMATS: dict[str, type[FrameWriter]] = {
    "gif": GifWriter,
    "webp": WebpWriter,
    "apng": ApngWriter,
    "mp4": Mp4Writer,
    "png": PngWriter,
}


def open_writer(
    path: str | Path, palette: Pixels, size: tuple[int, int], fps: float, hold_last_seconds: float = 2
) -> FrameWriter:
    """The writer for a path's suffix, to be used in `with`. Raises what `Film` does, for an unknown suffix too."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{path}: an animation's name ends in {', '.join(SUFFIXES)}")
    return FORMATS[SUFFIXES[suffix]](path, palette, size, fps, hold_last_seconds)
