"""A user's picture as mass on square cells of the plane: dark pixels dense, or light ones.

Some four bytes a pixel are needed, of at most 40 million. docs/targets.md states the rules to a user.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from dynamics.targets.cell_grid import CELLS, Grid
from dynamics.targets.user_units import HALF, PLANE, DataError, refused

MOST_PIXELS = 40_000_000
MOST_SIDE = 32_768  # pixels
PICTURE_STD = 0.05
_BLOCK = 2**20  # pixels at once


def read_picture(path: str, invert: bool) -> Grid:
    """Ink on white paper as mass: a pixel has 255 less its luminance; inverted, light on black. The longer side spans
    [-4, 4]."""
    columns, rows = _size(path)
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of chunks that don't matter
            with Image.open(path, formats=["PNG"]) as image:
                if getattr(image, "is_animated", False):
                    raise refused(path, "is an animation; a picture of one frame is needed")
                image.load()
                mass = _ink(image, invert)
    except DataError:
        raise
    except MemoryError:
        raise refused(path, f"{columns} × {rows} pixels are more than there is memory for") from None
    except Exception:  # whatever a broken file leads Pillow to
        raise refused(path, "is a broken PNG file; save the picture again") from None
    if not mass.sum() > 0:
        empty, full = ("black", "light") if invert else ("white", "dark")
        other = "" if invert else "; --invert makes light pixels dense"
        raise refused(path, f"is all {empty} or transparent; {full} pixels are where the target has its mass{other}")
    side = 2 * HALF / CELLS
    first = -(np.array(mass.shape) - 1) / 2 * side
    share = float(mass.sum()) / (255 * columns * rows)
    percent = f"{100 * share:.{0 if 0.0995 < share < 0.995 else 2}f} %"
    dense = f"{'light' if invert else 'dark'} is dense: {percent} of the picture"
    if share > 0.5 and not invert:
        dense += " (--invert makes light dense)"
    note = f"{columns} × {rows} pixels, {dense}, on {mass.shape[0]} × {mass.shape[1]} cells of {side:g}"
    return Grid(mass / mass.sum(), first, side, PICTURE_STD, PLANE, note)


def _size(path: str) -> tuple[int, int]:
    """Columns and rows by the header, before anything is decoded."""
    with open(path, "rb") as file:
        head = file.read(24)
    if len(head) < 24 or head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR":
        raise refused(path, "is no PNG file")
    columns, rows = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    if columns * rows < 2:
        raise refused(path, f"has {columns} × {rows} pixels; at least two are needed")
    if columns * rows > MOST_PIXELS or max(columns, rows) > MOST_SIDE:
        most = f"at most {MOST_PIXELS // 10**6} million, and {MOST_SIDE} a side, can be read"
        raise refused(path, f"has {columns} × {rows} pixels; {most}")
    return columns, rows


def _ink(image: Any, invert: bool) -> np.ndarray:
    """Mass (columns, rows) of the cells, from the lowest on the left; each gets of a pixel the share that it covers."""
    width, height = image.size
    pixels = max(width, height) / CELLS  # a cell's side
    across, down = (_edges(length, pixels) for length in (width, height))
    mass = np.zeros((len(across) - 1, len(down) - 1))
    step = max(1, _BLOCK // width)
    for top in range(0, height, step):
        bottom = min(top + step, height)
        sums = np.pad(
            _darkness(image.crop((0, top, width, bottom)), invert).cumsum(1), ((0, 0), (1, 0))
        )  # whole: exact
        rows = np.diff(_between(sums, across), axis=1)  # (rows of pixels, columns of cells)
        sums = np.pad(rows.cumsum(0), ((1, 0), (0, 0)))
        mass += np.diff(_between(sums.T, (down - top).clip(0, bottom - top)), axis=1)
    return mass[:, ::-1]


def _edges(length: int, pixels: float) -> np.ndarray:
    """Edges (n + 1,) of the cells along a side of so many pixels, the last ones drawn in to its ends."""
    count = max(1, math.ceil(length / pixels - 1e-9))
    return ((np.arange(count + 1) - count / 2) * pixels + length / 2).clip(0, length)


def _between(sums: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Cumulative sums (m, n + 1), linear in between, at places (k,) in [0, n]: (m, k)."""
    whole = np.minimum(places.astype(int), sums.shape[1] - 2)
    return sums[:, whole] + (sums[:, whole + 1] - sums[:, whole]) * (places - whole)


def _darkness(band: Any, invert: bool) -> np.ndarray:
    """255 less the luminance (rows, columns), float64, of a band of a picture laid on white paper; inverted, the
    luminance of one laid on black: what is transparent has no mass either way."""
    from PIL import Image

    if band.mode.startswith("I"):  # 16 bits of grey, which Pillow would cut off at 255
        grey = np.asarray(band, np.float64)
        light = grey.clip(0, 65535) / 257
        return np.where(grey == band.info.get("transparency", -1), 0.0, light if invert else 255 - light)
    if band.mode != "L" or "transparency" in band.info:
        band = band.convert("RGBA")
        paper = Image.new("RGBA", band.size, "black" if invert else "white")
        band = Image.alpha_composite(paper, band).convert("L")
    light = np.asarray(band, np.float64)
    return light if invert else 255 - light
