"""Files that appear whole or not at all, and what a folder can be wrong in."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


class FolderInUse(Exception):
    """The folder asked for holds something, or is a file: the user must choose."""


class NotARun(Exception):
    """A folder that is no run, or whose files cannot be read as one."""


@contextlib.contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path beside `path` with the same suffix: write there; on leaving it becomes `path`.

    If the block raises, the temporary file goes and `path` stays what it was.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}.part{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())  # the rename must not outrun the contents
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
