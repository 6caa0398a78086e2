"""A user's file as what a target is made of: rows of numbers, a picture, or a mixture.

`read` takes FILE.csv or FILE.png and gives places in the plane, with no distribution yet: `file_targets` puts a
Gaussian at each. Of FILE.toml it gives a mixture, as `mixture_files` reads it. Files are read in bounded memory, and
refused before they are read where they are too large. docs/targets.md states the rules to a user.
"""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Iterable

from dynamics.settings.modes import is_file, is_picture
from dynamics.settings.setting import Setting
from dynamics.targets.cell_grid import Grid
from dynamics.targets.file_names import safe_name
from dynamics.targets.mixture_files import Blend, read_mixture
from dynamics.targets.picture_files import read_picture
from dynamics.targets.point_files import PointCloud, read_points
from dynamics.targets.user_units import PLANE, Placing, refused

MOST_BYTES = 1_000_000_000


def stamp(path: str) -> tuple[int, int]:
    """Size in bytes and time of the last change in ns, of a file that may be read.

    Raises `DataError` for what is missing, not a file (a folder, a pipe), empty, or larger than `MOST_BYTES`.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:  # a name may hold what no file system takes
        raise refused(path, f"cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a plain file"
        raise refused(path, f"is {kind}; a file of points, a picture or a mixture is needed")
    if not 0 < status.st_size <= MOST_BYTES:
        size = f"has {status.st_size / 1e6:.0f} MB" if status.st_size else "is empty"
        raise refused(path, f"{size}; 1 byte to {MOST_BYTES // 10**6} MB can be read")
    return status.st_size, status.st_mtime_ns


def read(path: str, *, invert: bool = False) -> PointCloud | Grid | Blend:
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
    notes = {}
    for s in settings:
        if is_file(s.mode):
            data = read(s.mode, invert=bool(s.invert))
            units = "" if data.placing.stays else "; shown, and asked for, in the file's own units"
            notes[target_title(s)] = f"{data.note}{units}"
    return notes


def target_title(setting: Setting) -> str:
    """What a setting's target is called: a user's file, by its name alone; an inverted picture as one."""
    name = safe_name(setting.mode) if is_file(setting.mode) else setting.mode
    return f"{name} inverted" if setting.invert else name


@functools.lru_cache(maxsize=16)
def _read(path: str, invert: bool, size: int, changed: int) -> PointCloud | Grid | Blend:
    try:
        if is_picture(path):
            return read_picture(path, invert)
        return read_points(path) if path.lower().endswith(".csv") else read_mixture(path)
    except OSError as error:
        raise refused(path, f"cannot be read ({error.strerror or error})") from None
