"""Files that appear whole or not at all, and what a folder can be wrong in."""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import socket
from collections.abc import Callable, Iterator
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


def numbered(path: str | os.PathLike[str], suffix: str = "") -> Iterator[Path]:
    """`path`, then the same with -2, -3 … at the end of its name, before the suffix."""
    path = Path(path)
    yield path
    for number in itertools.count(2):
        yield path.with_name(f"{path.name.removesuffix(suffix)}-{number}{suffix}")


@contextlib.contextmanager
def new_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A folder of one's own: the first of `numbered` that nobody has. However many ask at once, each gets another.

    What is empty at the end goes again, with the folder above it if that was made for it. Raises ``OSError``.
    """
    with _first(numbered(path), Path.mkdir, Path.rmdir) as made:
        yield made


@contextlib.contextmanager
def new_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """The same for a file, which is empty until something is written there."""
    names = numbered(path, Path(path).suffix)
    with _first(names, lambda file: file.touch(exist_ok=False), _unlink_empty) as made:
        yield made


@contextlib.contextmanager
def _first(names: Iterator[Path], make: Callable[[Path], None], unmake: Callable[[Path], None]) -> Iterator[Path]:
    """The first of the names that can be made; `make` fails where something is, `unmake` where that is not empty."""
    missing: list[Path] = []  # the folder above, where it is not there yet
    made = next(name for name in names if _is_made(name, make, missing))
    try:
        yield made
    finally:
        with contextlib.suppress(OSError):
            unmake(made)
            for above in missing[:1]:
                above.rmdir()


def _is_made(path: Path, make: Callable[[Path], None], missing: list[Path]) -> bool:
    """Whether the path could be made; False where something is there."""
    for left in reversed(range(100)):
        if not path.parent.exists():
            missing.append(path.parent)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            make(path)
            return True
        except FileExistsError:
            return False
        except FileNotFoundError:  # whoever made the folder above it has just removed it again
            if not left:
                raise
    return False


def _unlink_empty(file: Path) -> None:
    if file.stat().st_size:
        raise OSError(f"{file}: is not empty")
    file.unlink()


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
