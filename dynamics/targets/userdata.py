"""A user's file as what a target is made of: rows of numbers become points, a picture becomes mass on square cells.

`read` takes FILE.csv or FILE.png and gives places in the plane, with no distribution yet: `sample` puts a Gaussian at
each. Of FILE.toml it gives a mixture, as `mixtures` reads it. Files are read in bounded memory (some 20 MB for rows;
for a picture, four bytes a pixel of at most 40 million) and refused before they are read where they are too large.
docs/targets.md states the rules to a user.

A run keeps a copy of every file that it is made of, so that its folder is all that is needed later (`keep`), under a
name that every system takes (`safe_name`).
"""

from __future__ import annotations

import errno
import functools
import hashlib
import math
import os
import re
import stat
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from dynamics.base.files import atomic
from dynamics.settings.modes import FILES, LEAST_STD, is_file, is_picture
from dynamics.settings.setting import Setting
from dynamics.targets.mixtures import Blend, read_mixture
from dynamics.targets.placing import HALF, LARGEST, NARROW, PLANE, DataError, Placing, placing_of, refused

MOST_ROWS = 10_000_000
MOST_BYTES = 1_000_000_000
MOST_PIXELS = 40_000_000
MOST_SIDE = 32_768  # pixels
MOST_KERNELS = 2000  # more points than these are counted on a grid: a density costs its number of kernels
CELLS = 256  # of a grid, along its longer side
# A grid of Gaussians of this std, in cells, is even along either axis to 2 exp(−2π² · 0.64²), 0.06 %: no cell is seen
SMOOTH = 0.64
PICTURE_STD = 0.05
KEPT = "targets"  # folder of a run, where copies are

_BLOCK = 2**20  # bytes, or pixels, at once
_LONGEST = 4096  # bytes of a row that has not ended
_MARK = f"/./{KEPT}/"  # in the path of a copy: what comes before is the run's folder, as rsync has it
_LONGEST_NAME, _CUT_NAME = 100, 80  # bytes
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³")}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Points:
    """Places of equal weight, in the plane."""

    centres: np.ndarray  # (K, 2) float64, in an order that does not depend on the file's
    std: float | None  # a kernel's default; None where all places are the same
    placing: Placing
    note: str  # where they come from, for people


@dataclass(frozen=True, eq=False)
class Grid:
    """Mass at the centres of square cells in the plane.

    Cell (column, row) is at `first` + `side` · (column, row); y is upward.
    """

    mass: np.ndarray  # (columns, rows) float64, ≥ 0, sums to 1
    first: np.ndarray  # (2,) float64: the centre of the lowest cell on the left
    side: float
    std: float  # a kernel's default
    placing: Placing
    note: str


def stamp(path: str) -> tuple[int, int]:
    """Size in bytes and time of the last change in ns, of a file that may be read.

    Raises `DataError` for what is missing, not a file (a folder, a pipe), empty, or larger than `MOST_BYTES`.
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError) as error:  # a name may hold what no file system takes
        raise refused(path, f"cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "not a plain file"
        raise refused(path, f"is {kind}; a file of points, a picture or a mixture is needed")
    if not 0 < found.st_size <= MOST_BYTES:
        size = f"has {found.st_size / 1e6:.0f} MB" if found.st_size else "is empty"
        raise refused(path, f"{size}; 1 byte to {MOST_BYTES // 10**6} MB can be read")
    return found.st_size, found.st_mtime_ns


def read(path: str, *, invert: bool = False) -> Points | Grid | Blend:
    """The contents of a .csv, .png or .toml file; read once, and again where its size or time of change is another.

    With `invert` what is light in a picture is dense. Raises `DataError`.
    """
    return _read(path, invert, *stamp(path))


def placing_for(setting: Setting) -> Placing:
    """How the plane lies in the own units of a setting's target. Raises `DataError`."""
    if not is_file(setting.mode) or is_picture(setting.mode):
        return PLANE
    return read(setting.mode).placing


def notes_of(settings: Iterable[Setting]) -> dict[str, str]:
    """Of every user's file in settings, by what it is called: what has become of it, in words. Raises `DataError`."""
    found = {}
    for s in settings:
        if is_file(s.mode):
            data = read(s.mode, invert=bool(s.invert))
            units = "" if data.placing.stays else "; shown, and asked for, in the file's own units"
            found[called(s)] = f"{data.note}{units}"
    return found


def called(setting: Setting) -> str:
    """What a setting's target is called: a user's file, by its name alone; an inverted picture as one."""
    name = safe_name(setting.mode) if is_file(setting.mode) else setting.mode
    return f"{name} inverted" if setting.invert else name


@functools.lru_cache(maxsize=16)
def _read(path: str, invert: bool, size: int, changed: int) -> Points | Grid | Blend:
    try:
        if is_picture(path):
            return _picture(path, invert)
        return _points(path) if path.lower().endswith(".csv") else read_mixture(path)
    except OSError as error:
        raise refused(path, f"cannot be read ({error.strerror or error})") from None


# --- copies -----------------------------------------------------------------------------------------------------------


def safe_name(path: str) -> str:
    """What a file is called, by its name alone, such that any system takes it for that of a file, and no shell,
    spreadsheet or figure for more than a name.

    Most names are as they were. One with characters that Windows refuses or nobody sees, or with a dollar sign (which
    begins a formula in a figure), that begins as an option, a hidden file or a spreadsheet's formula does, that is a
    device on Windows, or is longer than 100 bytes, is changed and told from others by eight digits of its SHA-256.
    """
    name = unicodedata.normalize("NFC", os.path.basename(path))  # as macOS has it
    end = next((len(end) for end in FILES if name.lower().endswith(end)), 4)
    stem, suffix = name[:-end], name[-end:]
    clean = "".join("_" if c in '<>:"/\\|?*$' or not c.isprintable() else c for c in stem)
    if len(name.encode(errors="replace")) > _LONGEST_NAME:
        clean = clean.encode()[:_CUT_NAME].decode(errors="ignore")
    if not clean or clean[0] in "-=+@.~ ":
        clean = "_" + clean[1:]
    if clean.split(".")[0].rstrip().lower() in _DEVICES:
        clean = "_" + clean
    if clean + suffix == name:
        return name
    return f"{clean}-{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:8]}{suffix}"


def keep(path: str, folder: str) -> str:
    """Copy a file into `KEPT` of a run's folder, whole or not at all; returns the path of the copy, as `kept` has it.

    Where an equal file is there already, it stays. Raises `DataError` for a file that cannot be read or changes on the
    way, ``FileExistsError`` for a different one of its name, and ``OSError`` where the file system does.
    """
    copy = kept(path, folder)
    if path == copy:
        return copy
    before = stamp(path)
    if os.path.lexists(copy):
        if not equal(path, copy):
            raise FileExistsError(errno.EEXIST, "another file is there already", copy)
        return copy
    os.makedirs(os.path.dirname(copy), exist_ok=True)
    with atomic(copy) as temporary, open(temporary, "wb") as to:
        try:
            source = open(path, "rb")  # noqa: SIM115 - closed below; errors of writing are others
        except OSError as error:
            raise refused(path, f"cannot be read ({error.strerror or error})") from None
        with source:
            read = 0
            while block := source.read(_BLOCK):
                read += to.write(block)
                if read > before[0]:
                    break
        if read != before[0] or stamp(path) != before:
            raise refused(path, "changes while it is read; try again")
    return copy


def kept(path: str, folder: str) -> str:
    """The path of a run's copy of a file; of two of one name the same."""
    return f"{os.path.realpath(folder).replace(os.sep, '/')}{_MARK}{safe_name(path)}"


def told(mode: str) -> str:
    """A mode as tables and run.json have it: a run's copy by its place in the run's folder, all others as they are."""
    _, mark, name = mode.rpartition(_MARK)
    return f"{KEPT}/{name}" if mark else mode


def equal(path: str, other: str) -> bool:
    """Whether two files have the same contents. Raises `DataError` for one that cannot be read."""
    if stamp(path)[0] != stamp(other)[0]:
        return False
    with open(path, "rb") as one, open(other, "rb") as two:
        while block := one.read(_BLOCK):
            if block != two.read(_BLOCK):
                return False
    return True


# --- rows of numbers --------------------------------------------------------------------------------------------------


def _points(path: str) -> Points | Grid:
    """Twice through a file of many rows, so that they need not be held: for their bounds, and to count them."""
    low, high, rows, few = np.full(2, np.inf), np.full(2, -np.inf), 0, []
    for block in _blocks(path):
        low, high = np.minimum(low, block.min(0)), np.maximum(high, block.max(0))
        rows += len(block)
        if rows <= MOST_KERNELS:
            few.append(block)
    if not rows:
        raise refused(path, "has no points; a line is x and y")
    placing = _placing(path, low, high)
    note = f"{rows} point{'s' if rows > 1 else ''}, {placing.words}"
    if rows > MOST_KERNELS:
        return _counted(path, placing, low, high, note)
    centres = _placed(np.concatenate(few), placing)
    centres = centres[np.lexsort(centres.T)]
    spread = centres.var(0, ddof=1) if rows > 1 else np.zeros(2)
    return Points(centres, _scott(spread, rows) if spread.any() else None, placing, note)


def _placing(path: str, low: np.ndarray, high: np.ndarray) -> Placing:
    """Of points within these bounds (2,): in [-4, 4]² and spanning at least 2 they stay; all others are scaled."""
    if float((high - low).max()) >= NARROW and max(np.abs(low).max(), np.abs(high).max()) <= HALF:
        return PLANE
    return placing_of(path, low, high)


def _placed(points: np.ndarray, placing: Placing) -> np.ndarray:
    return points if placing.stays else placing.inside(points).clip(-HALF, HALF)


def _counted(path: str, placing: Placing, low: np.ndarray, high: np.ndarray, note: str) -> Points | Grid:
    """The points within these bounds, in their own units, counted on a grid in the plane."""
    low, high = _placed(low, placing), _placed(high, placing)
    if not (high > low).any():
        return Points(low[None], None, placing, note)
    side = float((high - low).max()) / CELLS
    shape = np.maximum(np.ceil((high - low) / side - 1e-9), 1).astype(int)
    first = (low + high) / 2 - (shape - 1) / 2 * side
    count = np.zeros(shape, np.int64)
    for block in _blocks(path):
        cell = np.rint((_placed(block, placing) - first) / side).astype(int).clip(0, shape - 1)
        count += np.bincount(cell[:, 0] * shape[1] + cell[:, 1], minlength=count.size).reshape(shape)
    rows = int(count.sum())
    spread = np.array([_variance(count.sum(1 - axis)) for axis in (0, 1)]) * side**2
    std = max(_scott(spread, rows), SMOOTH * side)
    cells = f"counted on {shape[0]} × {shape[1]} cells of {side / placing.scale:.3g}"
    return Grid(count / rows, first, side, std, placing, f"{note}, {cells}")


def _variance(count: np.ndarray) -> float:
    """Of so many points in each place of a line, squared places."""
    places, rows = np.arange(len(count)), count.sum()
    return float(count @ (places - count @ places / rows) ** 2 / (rows - 1))


def _scott(variance: np.ndarray, rows: int) -> float:
    """Scott's rule, σ n^(−1/(d+4)), d = 2 (Scott 1992, Multivariate Density Estimation; as scipy's gaussian_kde).

    σ² is the mean of both coordinates' variances, for the kernels are round.
    """
    return max(LEAST_STD, math.sqrt(variance.mean()) * rows ** (-1 / 6))


def _blocks(path: str) -> Iterator[np.ndarray]:
    """The file's points in parts (n, 2), n ≥ 1, as they are written. Raises `DataError`, naming the line."""
    separator: str | None = None
    started = False  # whether a row of numbers was seen
    titled = False  # whether a line of words was seen before it
    rows = 0
    with open(path, "rb") as file:
        for number, lines in _lines(path, file):
            if not started:
                for i, line in enumerate(lines):
                    if not line.strip():
                        continue
                    fields = [field.strip() for field in re.split(r"[;,\s]", line) if field]
                    if not titled and not any(_NUMBER.fullmatch(field) for field in fields):
                        titled, lines[i] = True, ""
                        continue
                    started, separator = True, next((s for s in ";\t," if s in line), None)
                    break
            block = _parsed(path, number, lines, separator)
            rows += len(block)
            if rows > MOST_ROWS:
                raise refused(path, f"has more than {MOST_ROWS} rows, the most that can be read; leave some out")
            if len(block):
                yield block


def _lines(path: str, file: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
    """Parts of a text as (the number of the first line, from 1; lines), those of comments emptied."""
    number, rest, more = 1, b"", True
    while more:
        read = file.read(_BLOCK)
        more = bool(read)
        if number == 1 and not rest:
            read = read.removeprefix(b"\xef\xbb\xbf")
        if b"\0" in read:
            raise refused(path, "is no text in UTF-8; lines of x and y are needed")
        text = rest + read
        end = max(text.rfind(b"\n"), text.rfind(b"\r", 0, -1)) + 1 if more else len(text)
        text, rest = text[:end], text[end:]
        if len(rest) > _LONGEST:
            at = number + len(text.splitlines())
            raise refused(path, f"line {at} is longer than {_LONGEST} bytes; a line is x and y")
        lines = text.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
        if lines[-1] == "":
            lines.pop()
        if b"#" in text:
            lines = ["" if line.lstrip().startswith("#") else line for line in lines]
        yield number, lines
        number += len(lines)


def _parsed(path: str, number: int, lines: list[str], separator: str | None) -> np.ndarray:
    """Lines of two numbers as (n, 2); empty ones are left out. `number` is the first one's."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of nothing but empty lines
            block = np.loadtxt(lines, delimiter=separator, comments=None, ndmin=2)
        if block.shape[1] == 2 and bool((np.abs(block) <= LARGEST).all()):  # a NaN is not at most anything
            return block
    except (ValueError, UserWarning):
        pass
    # slowly, to say which line is wrong, or to find that none is
    found = [_pair(path, n, line, separator) for n, line in enumerate(lines, number) if line.strip()]
    return np.array(found, np.float64).reshape(-1, 2)


def _pair(path: str, number: int, line: str, separator: str | None) -> tuple[float, float]:
    fields = [field.strip() for field in line.split(separator)]
    if len(fields) != 2:
        raise refused(path, f"line {number} has {len(fields)} column{'s' * (len(fields) != 1)}; a line is x and y")
    for field in fields:
        if not _NUMBER.fullmatch(field):
            hint = ", with a decimal point" if "," in field else ""
            raise refused(path, f"line {number}: {_quoted(field)} is no number; a line is x and y{hint}")
        if not abs(float(field)) <= LARGEST:
            raise refused(path, f"line {number}: {field[:30]} must be a finite number of at most {LARGEST:g} in size")
    return float(fields[0]), float(fields[1])


def _quoted(text: str) -> str:
    return ascii(text if len(text) <= 30 else text[:30] + "...")


# --- pictures ---------------------------------------------------------------------------------------------------------


def _picture(path: str, invert: bool) -> Grid:
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
