"""Files that appear whole or not at all, and what a folder can be wrong in."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path


class FolderInUse(Exception):
    """The folder asked for holds something, or is a file: the user must choose."""


class NotARun(Exception):
    """A folder that is no run, or whose files cannot be read as one."""


@contextlib.contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path beside `path` with the same suffix: write there; on leaving it becomes `path`.

    If the block raises, the temporary file goes and `path` stays what it was; an ``OSError`` names `path`.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}.part{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())  # the rename must not outrun the contents
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, os.fspath(temporary)):
            error.filename, error.filename2 = os.fspath(path), None
        raise


LOCK = ".lock"  # of a folder that somebody writes into


@contextlib.contextmanager
def held(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Nobody else writes into an existing folder meanwhile: raises `FolderInUse` naming who does already.

    The lock is the operating system's, so one that a dead process left is none.
    """
    from filelock import FileLock, Timeout  # here: --help needs no lock

    path = Path(folder) / LOCK
    lock = FileLock(path, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise FolderInUse(f"{folder}: in use by {_holder(path)}; wait until it has ended") from None
    try:
        with contextlib.suppress(OSError):  # a full disk, or a system that locks what it cannot read
            path.write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield
    finally:
        path.unlink(missing_ok=True)
        lock.release()


def _holder(path: Path) -> str:
    try:
        return " ".join(path.read_text(encoding="utf-8", errors="replace")[:200].split()) or "another process"
    except OSError:
        return "another process"
