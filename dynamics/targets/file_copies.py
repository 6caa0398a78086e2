"""A run's copies of users' files, so that its folder is all that is needed later."""

from __future__ import annotations

import errno
import os

from dynamics.base.files import atomic
from dynamics.targets.file_names import copy_path
from dynamics.targets.user_files import stamp
from dynamics.targets.user_units import refused

_BLOCK = 2**20  # bytes at once


def copy_into_run(path: str, folder: str) -> str:
    """Copy a file into `KEPT` of a run's folder, whole or not at all; returns the path of the copy.

    Where an equal file is there already, it stays. Raises `DataError` for a file that cannot be read or changes on the
    way, ``FileExistsError`` for a different one of its name, and ``OSError`` where the file system does.
    """
    copy = copy_path(path, folder)
    if path == copy:
        return copy
    before = stamp(path)
    if os.path.lexists(copy):
        if not same_contents(path, copy):
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


def same_contents(path: str, other: str) -> bool:
    """Whether two files have the same contents. Raises `DataError` for one that cannot be read."""
    if stamp(path)[0] != stamp(other)[0]:
        return False
    with open(path, "rb") as one, open(other, "rb") as two:
        while block := one.read(_BLOCK):
            if block != two.read(_BLOCK):
                return False
    return True
