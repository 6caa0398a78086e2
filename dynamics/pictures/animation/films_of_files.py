"""A film of pictures that lie in files: frames are read as they are written, one held at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dynamics.pictures.animation.file_formats import open_writer
from dynamics.pictures.animation.frame_writer import MissingLibrary, Pixels

SUFFIXES = (".mp4", ".gif", ".webp", ".apng")
LARGEST_FPS = 50  # the quickest that a GIF is shown


def write_film(path: str | Path, files: Sequence[Path], fps: float) -> Path:
    """Write pictures (PNG and what else Pillow reads) as frames of 1/fps seconds each; returns the path.

    Memory does not grow with their number, but for GIF, WebP and APNG of pictures that do not share one palette, as
    `Still`'s do: their colours are a frame's each, and all frames are kept until the end. An odd last row or column is
    left out, since MP4 has even sides. Raises ``ValueError`` for another suffix, for fps outside (0, 50], for no
    picture and for pictures of different sizes, `MissingLibrary` for an MP4 without PyAV.
    """
    path = Path(path)
    if not files:
        raise ValueError(f"{path}: a film needs a frame")
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path}: a film's name ends in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    if not 0 < fps <= LARGEST_FPS:
        raise ValueError(f"fps must be above 0 and at most {LARGEST_FPS}, not {fps}")
    width, height, palette = _shared(files)
    size = width - width % 2, height - height % 2
    if path.suffix.lower() == ".mp4":
        _write_mp4(path, _colours(files, size), fps)
    elif palette is not None:
        with open_writer(path, palette, size, fps, hold_last_seconds=0) as film:
            for file in files:
                with Image.open(file) as picture:
                    film.append(np.asarray(picture)[: size[1], : size[0]])
    else:
        _write_colours(path, list(_colours(files, size)), fps)
    return path


def _shared(files: Sequence[Path]) -> tuple[int, int, Pixels | None]:
    """Width and height of all pictures, and the palette (K, 3) of all, None where they have not one."""
    sizes, palettes = set(), set()
    for file in files:
        with Image.open(file) as picture:
            sizes.add(picture.size)
            shown = picture.mode == "P" and "transparency" not in picture.info
            palettes.add(tuple(picture.getpalette() or ()) if shown else None)
    if len(sizes) != 1:
        raise ValueError(f"{files[0].parent}: the frames have different sizes: {sorted(sizes)}")
    ((width, height),), colours = sizes, palettes.pop()
    alike = not palettes and colours is not None and len(colours) >= 6  # a `FrameWriter` takes two colours or more
    return width, height, np.array(colours, np.uint8).reshape(-1, 3) if alike else None


def _colours(files: Sequence[Path], size: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
    """The pictures, (height, width, 3) each; what is transparent shows the colour beneath."""
    for file in files:
        frame = imageio.imread(file)
        yield (frame if frame.ndim == 3 else np.stack([frame] * 3, 2))[: size[1], : size[0], :3]


def _write_mp4(path: Path, frames: Iterator[NDArray[np.uint8]], fps: float) -> None:
    try:
        import av  # noqa: F401
    except ImportError:
        raise MissingLibrary("MP4 needs PyAV (pip install av)") from None
    with imageio.imopen(path, "w", plugin="pyav") as film:
        film.init_video_stream("libx264", fps=fps, pixel_format="yuv420p")
        for frame in frames:
            film.write_frame(frame)


def _write_colours(path: Path, frames: list[NDArray[np.uint8]], fps: float) -> None:
    """Pillow's own writers: a palette for each frame of a GIF, all colours in the others."""
    # A frame of a GIF stands a whole number of 1/100 s, of the others 1/1000 s: round the ends, and no error adds up.
    unit = 10 if path.suffix.lower() == ".gif" else 1
    ends = [unit * round(1000 * k / fps / unit) for k in range(len(frames) + 1)]
    how: Any = {".gif": {"bits": 8}, ".webp": {"lossless": True}}.get(path.suffix.lower(), {})
    imageio.imwrite(path, frames, plugin="pillow", duration=np.diff(ends).tolist(), loop=0, **how)
